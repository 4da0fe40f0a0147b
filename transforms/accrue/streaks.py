"""Streaks: periods one after the other in which something counted.

In: the progress of a challenge that is a streak. Out: how long it is now, and which targets aren't
met any more. Promises: a function of the periods that count and of the targets met, in whatever
order they became known; a period that is missing begins the streak anew.
"""

from collections.abc import Iterable
from typing import NamedTuple

from transforms.accrue.privileges import Met, Period, Progress


class Run(NamedTuple):
    """A streak followed to its end."""

    length: int
    """Periods in a row at its end, since the target was met last."""
    ended: int
    """The end of its last period; 0: there is none."""
    unearned: list[Met]
    """Targets that were met and aren't any more."""


def follow(one: Progress) -> Run:
    """A streak as it stands by all that counts."""
    return _walk(one, one.periods.items())


def settle(one: Progress, since: int) -> None:
    """Take periods that ended by `since` into account for good, with the targets that they met."""
    settled = {start: period for start, period in one.periods.items() if period.end <= since}
    if not settled:
        return
    run = _walk(one, settled.items())
    for met in one.met[: len(one.met) - len(run.unearned)]:
        one.before += 1
        one.before_at = max(one.before_at, met.at)
    one.met, one.counted, one.ended = run.unearned, run.length, run.ended
    one.periods = {start: period for start, period in one.periods.items() if start not in settled}


def _walk(one: Progress, periods: Iterable[tuple[int, Period]]) -> Run:
    """Period by period. A target that was met takes the periods that went into it, so that the
    next begins after it."""
    length, ended, met = one.counted, one.ended, list(one.met)
    for start, period in sorted(periods):
        if period.end <= ended:
            continue
        length = length + 1 if start == ended else 1
        ended = period.end
        if met and length >= met[0].took:
            length -= met.pop(0).took
    return Run(length, ended, met)
