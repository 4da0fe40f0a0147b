"""`kizuna run`: the live dataflow over files, with its progress and a summary."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from config.kafka_access import demand_access
from config.kafka_clients import client_options
from pipelines.assemble import read_configuration
from pipelines.command_files import COMMANDS
from pipelines.launch import RunOptions, RunSummary, run
from pipelines.processes import RunRefused

DEFAULT_CONFIG = Path(__file__).parent.parent / "config"
DEFAULT_WORKERS = max(1, min(2, os.cpu_count() or 1))


def run_files(
    inputs: Sequence[Path],
    output: Path,
    *,
    workers: int = DEFAULT_WORKERS,
    as_of: int | None = None,
    epoch_ms: int | None = None,
    config: Path = DEFAULT_CONFIG,
    console: Console | None = None,
    erased: Path | None = None,
) -> RunSummary:
    """Check the configuration, run what is new in `inputs`, and show how far it is.

    Raises ConfigError, `pipelines.processes.RunRefused` (the run can't start as asked) or
    `pipelines.processes.WorkerFailed` (the same call resumes).
    """
    console = console or Console(stderr=True)
    for warning in read_configuration(config).warnings:
        console.print(f"[yellow]warning[/]: {warning}", highlight=False)
    options = RunOptions(
        inputs=inputs,
        output=output,
        config=config,
        workers=workers,
        as_of=as_of,
        epoch_ms=epoch_ms,
        erased=erased,
    )
    with Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        task = bar.add_task("events → warehouse, triggers", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        summary = run(options, show)
    if summary.given:
        several = "s that this led to were" if summary.given > 1 else " that this led to was"
        console.print(
            f"{summary.given:,} command{several} applied as well → {output / COMMANDS}",
            highlight=False,
        )
    return summary


def run_kafka(
    output: Path,
    *,
    workers: int | None = None,
    config: Path = DEFAULT_CONFIG,
    metrics_port: int | None = None,
    sql_port: int | None = None,
    addresses: Sequence[str] = (),
    host: int | None = None,
    console: Console | None = None,
) -> None:
    """Run over Kafka until SIGTERM or Ctrl-C, saying what happens to the workers.

    Raises ConfigError, `pipelines.processes.RunRefused` (the run can't start as asked, or not go
    on) or `pipelines.processes.WorkerFailed` (too many failures; the same call resumes).
    """
    console = console or Console(stderr=True, soft_wrap=True)
    try:
        from pipelines.live import LiveOptions, run_live  # noqa: PLC0415  # of the extra `live`
    except ImportError as missing:
        raise RunRefused(
            f"--kafka: must have the extra `live`; got no {missing.name}; pip install kizuna[live]"
        ) from missing
    deployment = read_configuration(config)
    for warning in deployment.warnings:
        console.print(f"[yellow]warning[/]: {warning}", highlight=False)
    demand_access(client_options(deployment.settings.kafka, deployment.secrets))
    # By cores only where there is one host: hosts must agree on the number.
    spread = bool(addresses or deployment.settings.cluster.addresses)
    options = LiveOptions(
        output=output,
        config=config,
        workers=workers or (1 if spread else DEFAULT_WORKERS),
        metrics_port=metrics_port,
        sql_port=sql_port,
        addresses=addresses,
        host=host,
    )

    def said(line: str) -> None:
        moment = datetime.now().strftime("%H:%M:%S")
        console.print(f"{moment} {escape(line)}", highlight=False)

    run_live(options, said)


def say(summary: RunSummary, output: Path, console: Console) -> None:
    """What a run did, in a line or two."""
    if not summary.generations:
        console.print(f"Nothing new to read; {output / 'warehouse.duckdb'} stands as it was.")
        return
    if summary.erased:
        who = "1 person who" if summary.erased == 1 else f"{summary.erased:,} people who"
        console.print(
            f"{who} had asked to be forgotten: erased from {output}; the events that were read "
            "aren't touched",
            highlight=False,
        )
    rate = summary.records / summary.seconds if summary.seconds else 0.0
    console.print(
        f"{summary.records:,} records from {len(summary.files)} files in {summary.seconds:.1f} s "
        f"({rate:,.0f} a second) → {output / 'warehouse.duckdb'}, {output / 'triggers'}",
        highlight=False,
    )
