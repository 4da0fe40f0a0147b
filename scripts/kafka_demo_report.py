"""What the live demo tells at its end: a table of latencies, lag over time, what limits it.

In: an `Outcome`. Out: text on a console, and what went wrong, if anything did.
"""

import os
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.kafka_demo import Outcome, Wanted
from scripts.kafka_demo_children import MACHINE, Usage
from scripts.lag import Sample, growth, is_flat, plot
from scripts.latency import PERCENTS, Row

P99_MS_MAX: Final = 1_000
"""What a trigger may take at 1,000 events/s on a machine that is made for it."""
SETTLE_SHARE: Final = 0.15
"""Of the samples: the beginning, in which buffers fill and caches warm, says nothing of a trend."""
SETTLE_SAMPLES_MAX: Final = 10
OTHERS: Final = 0.3
"""Cores that other programs may use before figures are theirs as much as ours."""
BUSY: Final = 0.85
"""Of a core: a process that uses more can't do much more."""

QUERIES: Final = (
    (
        "what was decided, and why not",
        "SELECT reason, outcome, count(*) AS times FROM decisions GROUP BY ALL ORDER BY times DESC",
    ),
    ("how each channel does", "FROM channel_performance"),
    (
        "who has most points",
        "SELECT member_id, tier, available, pending FROM members ORDER BY available DESC LIMIT 5",
    ),
)


def report(console: Console, output: Path, wanted: Wanted, outcome: Outcome) -> list[str]:
    """Print it; what must not be, a line each."""
    _sent(console, outcome)
    _latency(console, wanted, outcome)
    _lag(console, wanted, outcome)
    _limits(console, outcome)
    wrong = failures(outcome)
    console.rule("[bold]Checked once all was still")
    _checks(console, outcome)
    for line in wrong:
        console.print(f"[red]✗[/] {line}", highlight=False)
    console.print(what_next(output), highlight=False, soft_wrap=True)
    return wrong


def failures(outcome: Outcome) -> list[str]:
    """What the demo must not end with."""
    checked, wrong = outcome.checked, []
    if not checked.on_topics:
        wrong.append("triggers must arrive; none did")
    if checked.doubled or outcome.listener.doubled:
        wrong.append(
            f"each trigger must be on its topic once; {checked.doubled:,} records repeat an id "
            f"({outcome.listener.doubled:,} as the channel system saw it)"
        )
    if not checked.agree:
        wrong.append(
            f"topics and warehouse must hold the same triggers; got {checked.on_topics} and "
            f"{checked.in_warehouse}"
        )
    if outcome.listener.arrived != checked.on_topics:
        wrong.append(
            f"the channel system must apply what is on the topics; got "
            f"{dict(outcome.listener.arrived)} and {checked.on_topics}"
        )
    if outcome.run_exit_code:
        wrong.append(f"the dataflow must stop with exit code 0; got {outcome.run_exit_code}")
    return wrong


def steady(samples: list[Sample]) -> list[Sample]:
    """Without the beginning."""
    return samples[min(SETTLE_SAMPLES_MAX, int(len(samples) * SETTLE_SHARE)) :]


def _sent(console: Console, outcome: Outcome) -> None:
    done, listener = outcome.produced, outcome.listener
    console.rule("[bold]Traffic")
    by_source = ", ".join(f"{n:,} {name}" for name, n in sorted(done.by_source.items()))
    behind = (
        f"; the producer could not keep its rate for {done.behind_seconds:.1f} s"
        if done.behind_seconds > 1
        else ""
    )
    console.print(
        f"{done.sent:,} events sent in {done.seconds:.1f} s, {done.sent / done.seconds:,.0f} a "
        f"second ({by_source}); {done.acknowledged:,} acknowledged{behind}\n"
        f"{sum(listener.arrived.values()):,} triggers consumed, {listener.doubled:,} duplicates "
        f"dropped, {listener.feedback_sent:,} delivery events sent back",
        highlight=False,
    )


def _latency(console: Console, wanted: Wanted, outcome: Outcome) -> None:
    names = [f"p{percent:g}" for percent in PERCENTS]
    table = Table(
        title="Latency in ms, from event at the broker to trigger at the channel system",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("channel", "triggers", *names, "longest"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    rows = outcome.listener.latencies.rows()
    for row in rows:
        table.add_row(*_cells(row.channel, row), style="bold" if row.channel == "all" else None)
    receipt = outcome.checked.sale_to_receipt
    if receipt is not None:
        table.add_row(*_cells("receipt since its sale", receipt), style="dim")
    console.print(table)
    if rows:
        p99 = rows[-1].percentiles[-1]
        verdict = "[green]within[/]" if p99 <= P99_MS_MAX else "[yellow]above[/]"
        console.print(
            f"p99 {p99:,} ms at {wanted.rate:,.0f} events/s: {verdict} {P99_MS_MAX:,} ms",
            highlight=False,
        )


def _cells(name: str, row: Row) -> list[str]:
    return [name, *(f"{number:,}" for number in (row.triggers, *row.percentiles, row.longest))]


def _lag(console: Console, wanted: Wanted, outcome: Outcome) -> None:
    samples = steady(outcome.samples)
    if not samples:
        return
    most = max(one.behind for one in samples)
    rate = outcome.produced.sent / outcome.produced.seconds
    flat = is_flat(samples, rate)
    verdict = "[green]flat[/]" if flat else "[yellow]growing[/]"
    console.rule("[bold]Lag: produced, not yet committed by the dataflow")
    console.print(f"{plot([float(one.behind) for one in outcome.samples])}", highlight=False)
    drained = (
        f"all was read and saved {outcome.drained_seconds:.1f} s after the last event"
        if outcome.drained_seconds is not None
        else "it had not caught up when it was stopped; what was left would be read next time"
    )
    console.print(
        f"{verdict}: {growth(samples):+,.0f} records a second over {len(samples)} s; at most "
        f"{most:,} records, {most / rate:.1f} s; {drained}",
        highlight=False,
    )


def _limits(console: Console, outcome: Outcome) -> None:
    cores = os.cpu_count() or 1
    table = Table(
        title="CPU while traffic came", title_justify="left", box=box.SIMPLE_HEAD, min_width=50
    )
    for name in ("process", "CPU s", "of a core", "MiB"):
        table.add_column(name, justify="left" if name == "process" else "right")
    for one in outcome.usage:
        table.add_row(one.name, f"{one.cpu_seconds:.1f}", f"{one.share:.0%}", f"{one.mib:,.0f}")
    console.print(table)
    console.print(limits(outcome.usage, cores), highlight=False)


def limits(usage: list[Usage], cores: int) -> str:
    """What would have to be faster for a higher rate, in a sentence or two."""
    ours = sum(one.share for one in usage if one.name != MACHINE)
    machine = max(ours, *(one.share for one in usage if one.name == MACHINE), 0.0)
    workers = [one for one in usage if one.name.startswith("worker")]
    busiest = max(workers, key=lambda one: one.share, default=None)
    said = f"All of the demo used {ours:.2f} of {cores} cores"
    if machine > BUSY * cores:
        others = machine - ours
        if others > OTHERS:
            return (
                f"{said}, and what else runs here {others:.2f}: the machine is the limit, and not "
                "the demo's alone. Measure again when it is idle"
            )
        dataflow = sum(one.share for one in workers)
        return f"{said}, {dataflow:.2f} of them the dataflow: the machine is the limit"
    if busiest is not None and busiest.share > BUSY:
        return f"{said}. {busiest.name} used {busiest.share:.0%} of one: it is the limit"
    return f"{said}: there is room"


def _checks(console: Console, outcome: Outcome) -> None:
    checked = outcome.checked
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("triggers", "on the topic", "in the warehouse", "consumed"):
        table.add_column(name, justify="left" if name == "triggers" else "right")
    for channel in sorted({*checked.on_topics, *checked.in_warehouse}):
        found = (checked.on_topics, checked.in_warehouse, outcome.listener.arrived)
        table.add_row(channel, *(f"{one.get(channel, 0):,}" for one in found))
    console.print(table)
    console.print(
        f"{checked.doubled:,} doubled for a read_uncommitted consumer; {checked.quarantined:,} "
        f"records quarantined; the dataflow stopped with exit code {outcome.run_exit_code}",
        highlight=False,
    )


def what_next(output: Path) -> str:
    """Commands to try, each on a line that can be copied."""
    run = output / "run"
    asked = "\n".join(f'  kizuna sql --output {run} "{query}"  # {why}' for why, query in QUERIES)
    return f"""
[bold]What next?[/]
ask the warehouse:
{asked}
run it yourself: make kafka, and in other terminals
  kizuna topics apply
  kizuna run --kafka --output out/live --workers 2
  kizuna produce --input {output / "traffic" / "events"} --rate 1000
  kizuna consume --kafka --channel push --follow --feedback"""
