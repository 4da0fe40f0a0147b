"""What the bench of accrue found, as rows and in words."""

import statistics
from typing import Final

from scripts.bench.accrue import Found, Spread

STATE_COLUMNS: Final = ("a member", "mean", "p50", "p99", "most")


def speed_rows(found: Found) -> list[tuple[str, str, str, str]]:
    """What is posted a second: the median round, the slowest and the fastest."""
    seconds = [one.seconds for one in found.rounds]
    entries = found.rounds[0].entries
    return [
        (
            what,
            *(
                f"{count / each:,.0f}"
                for each in (statistics.median(seconds), max(seconds), min(seconds))
            ),
        )
        for what, count in (("events/s", found.events), ("entries/s", entries))
    ]


def state_rows(found: Found) -> list[tuple[str, ...]]:
    """Bytes of a member's state, and how many of what it holds."""
    return [_row("bytes", found.state_bytes)] + [
        _row(what, holds) for what, holds in found.holds.items()
    ]


def _row(what: str, of: Spread) -> tuple[str, ...]:
    mean = f"{of.mean:,.0f}" if of.mean >= 100 else f"{of.mean:,.1f}"
    return what, mean, f"{of.p50:,}", f"{of.p99:,}", f"{of.max:,}"


def late_rows(found: Found) -> list[tuple[str, str, str, str]]:
    """What an event costs that is known late, against the same one in order."""
    return [("in order", f"{found.in_order_micros:,.0f}", "1", "")] + [
        (
            f"{one.days} day{'s' if one.days > 1 else ''} late",
            f"{one.micros:,.0f}",
            f"{one.ratio:.1f}",
            f"{one.least:.1f}–{one.most:.1f}",
        )
        for one in found.late
    ]


def notes(found: Found) -> list[str]:
    """What else there is to say."""
    whole = found.state_bytes.mean
    parts = ", ".join(f"{name} {bytes_ / whole:.0%}" for name, bytes_ in found.parts.items())
    return [
        f"{found.rounds[0].entries / found.events:.1f} entries an event; "
        f"{found.rounds[0].timers:,} timers fell due between the events and are in the time",
        *_noise([one.seconds for one in found.rounds]),
        f"of a state's bytes: {parts}",
    ]


def _noise(seconds: list[float]) -> list[str]:
    """How far apart the rounds are; of a single one there is nothing to say."""
    if len(seconds) == 1:
        return []
    noise = (max(seconds) - min(seconds)) / statistics.median(seconds)
    return [
        f"noise: the rounds lie {noise:.0%} of their median apart, all ended in the same states"
    ]
