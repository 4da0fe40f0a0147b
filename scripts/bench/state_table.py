"""What the bench of state found: a row for each stand, the verdict in words, a plot."""

from pathlib import Path
from typing import Final

from scripts.bench.state import RATIO_MAX, Stand, Verdict

COLUMNS: Final = (
    "events",
    "day",
    "a second",
    "keys",
    "state",
    "RSS",
    "timers",
    "queued",
)
MIB: Final = 1 << 20


def row(stand: Stand) -> list[str]:
    """A stand as cells."""
    return [
        f"{stand.events:,}",
        f"{stand.day:,.0f}",
        f"{stand.events / stand.seconds:,.0f}",
        f"{stand.keys:,}",
        f"{stand.state_bytes / MIB:,.1f}",
        f"{stand.resident_mib:,.0f}",
        f"{stand.timers:,}",
        f"{stand.waiting:,}",
    ]


def verdict_lines(verdict: Verdict, settled: int) -> list[str]:
    """What it means. `settled`: after how many events all windows have passed once."""
    first, last = verdict.first, verdict.last
    said = "holds" if verdict.holds else "BROKEN"
    lines = [
        f"{said}: resident memory after {last.events:,} events is {verdict.resident_ratio:.3f} × "
        f"that after {first.events:,} (at most {RATIO_MAX}); state {verdict.state_ratio:.3f} ×"
    ]
    before = {each.rung: each for each in first.rungs}
    for each in last.rungs:
        then = before[each.rung]
        grows = " – grows" if each.rung in verdict.growing else ""
        lines.append(
            f"  {each.rung}: {then.keys:,} → {each.keys:,} keys, {then.state_bytes / MIB:.1f} → "
            f"{each.state_bytes / MIB:.1f} MiB{grows}"
        )
    if first.events < settled:
        lines.append(
            f"This ladder forgets the first of them after about {settled:,} such events; before "
            "that state must grow: compare from there on, by a later --first-at, fewer "
            "--events-a-day, or shorter windows in a --ladder"
        )
    return lines


def draw(found: list[Stand], verdict: Verdict, path: Path) -> None:
    """Keys, state and memory by events, as a PNG."""
    import matplotlib  # noqa: PLC0415  # slow to import, and only now needed
    from matplotlib import pyplot  # noqa: PLC0415

    from scripts.simulate.plot_style import ALTERNATIVE, NOW, STYLE, thousands  # noqa: PLC0415

    events = [each.events for each in found]
    with matplotlib.rc_context(STYLE):
        figure, (above, below) = pyplot.subplots(2, sharex=True, figsize=(8.5, 5.6))
        above.plot(events, [each.resident_mib for each in found], color=NOW, label="resident")
        above.plot(
            events,
            [each.state_bytes / MIB for each in found],
            color=ALTERNATIVE,
            label="state as it is saved",
        )
        above.axhline(RATIO_MAX * verdict.first.resident_mib, color=NOW, linestyle=":", linewidth=1)
        above.axvline(verdict.first.events, color="#8a94a1", linestyle=":", linewidth=1)
        above.set_title("Memory of stitch while identifiers come and go")
        above.set_ylabel("MiB")
        above.set_ylim(bottom=0)
        above.legend(loc="center right")
        below.plot(events, [each.keys for each in found], color=NOW)
        below.set_ylabel("keys remembered")
        below.set_ylim(bottom=0)
        below.set_xlabel("events")
        for axes in (above, below):
            axes.yaxis.set_major_formatter(thousands())
        below.xaxis.set_major_formatter(thousands())
        figure.savefig(path, format="png", dpi=140)
        pyplot.close(figure)
