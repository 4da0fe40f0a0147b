"""How long triggers took to arrive: counts of milliseconds, and percentiles of them.

In: for each trigger, when it was decided (`decided_at`: when the broker got the event behind it)
and when its channel system had it. Out: percentiles a channel and over all. Exact to the
millisecond up to a minute; memory doesn't grow with the number of triggers.
"""

from array import array
from collections.abc import Iterable
from typing import Final

import msgspec

LONGEST_MS: Final = 60_000
"""What took longer counts as this."""
PERCENTS: Final = (50.0, 95.0, 99.0)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a channel. Times in ms."""

    channel: str
    triggers: int
    percentiles: tuple[int, ...]
    """As many as `PERCENTS`."""
    longest: int


class Latencies:
    """`add` as triggers arrive, then ask for `rows`."""

    def __init__(self) -> None:
        self._counts: dict[str, array[int]] = {}

    def add(self, channel: str, ms: int) -> None:
        """One trigger; a clock that runs backwards counts as 0."""
        counts = self._counts.get(channel)
        if counts is None:
            counts = self._counts[channel] = array("q", bytes(8 * (LONGEST_MS + 1)))
        counts[min(max(ms, 0), LONGEST_MS)] += 1

    def rows(self) -> list[Row]:
        """A row a channel by name, and the row `all` if there was anything."""
        rows = [_row(channel, counts) for channel, counts in sorted(self._counts.items())]
        return [*rows, self.overall()] if rows else []

    def overall(self) -> Row:
        """All channels together."""
        whole = array("q", bytes(8 * (LONGEST_MS + 1)))
        for counts in self._counts.values():
            for ms, count in enumerate(counts):
                whole[ms] += count
        return _row("all", whole)


def percentile(counts: Iterable[int], percent: float) -> int:
    """The least ms that `percent` of a histogram by ms don't exceed (nearest rank).

    >>> percentile([0, 98, 0, 1, 1], 98.0), percentile([0, 98, 0, 1, 1], 99.0)
    (1, 3)
    """
    counts = list(counts)
    # In whole numbers: 0.99 of 100 must be 99 and not a little more.
    needed = max(1, -(-sum(counts) * round(percent * 100) // 10_000))
    seen = 0
    for ms, count in enumerate(counts):
        seen += count
        if seen >= needed:
            return ms
    return 0


def _row(channel: str, counts: "array[int]") -> Row:
    return Row(
        channel=channel,
        triggers=sum(counts),
        percentiles=tuple(percentile(counts, percent) for percent in PERCENTS),
        longest=max((ms for ms, count in enumerate(counts) if count), default=0),
    )
