"""Where a member stands in the challenges: "2 more visits".

In: the account, the terms, and now. Out: progress, target, what is missing, until when. Pure, so
that every surface says the same; what is over by now isn't taken for progress.
"""

from typing import NamedTuple

from transforms.accrue.local_time import period_of
from transforms.accrue.prepared import Contest, Prepared
from transforms.accrue.privileges import Progress
from transforms.accrue.state import Account


class Standing(NamedTuple):
    """Where a member stands in one challenge, in the units that its target is in."""

    challenge: str
    progress: int
    target: int
    missing: int
    """How many more until the prize, or until the next one; 0: it is met, for good or until the
    next period."""
    until: int | None
    """The end of the period or campaign; of a streak: when it breaks; None: it lasts."""
    met: int
    """How often the target was met, in this period or campaign."""


class Window(NamedTuple):
    """A period or a campaign: its first instant (0: none) and the first after it."""

    since: int
    until: int | None


def standings(account: Account, terms: Prepared, now: int) -> list[Standing]:
    """Of all challenges that are on, in the order of the programme."""
    found = [standing(account, contest, terms, now) for contest in terms.challenges.values()]
    return [one for one in found if one is not None]


def standing(account: Account, contest: Contest, terms: Prepared, now: int) -> Standing | None:
    """Of one challenge; None: its campaign isn't on."""
    says = contest.says
    start, end = campaign(contest)
    if now < start or (end is not None and now >= end):
        return None
    window = window_of(contest, terms, now)
    one = account.challenges.get(key_of(says.challenge, window.since))
    until = window.until
    done = 0 if one is None else progress(one)
    times = 0 if one is None else one.times
    if says.in_a_row is not None:
        broken = one is None or one.until is None or now >= one.until
        done = 0 if broken and (says.repeat or not times) else done
        until = None if broken or one is None else one.until
    if times and not says.repeat:
        return Standing(says.challenge, says.target, says.target, 0, until, times)
    missing = says.target - done
    if one is not None and one.run is None:
        lacking = says.target * one.unit - balance(one)
        missing = -(-lacking // one.unit)
    return Standing(says.challenge, done, says.target, max(0, missing), until, times)


def progress(one: Progress) -> int:
    """Towards the target, as it is shown; once it is met for good, the target."""
    if one.times and not one.repeat:
        return one.target // one.unit
    if one.run is not None:
        return one.run
    return max(0, balance(one)) // one.unit


def balance(one: Progress) -> int:
    """What counts, less what went into targets that were met; below 0, if a prize stands whose
    purchases came back."""
    return one.counted - sum(met.took for met in one.met)


def key_of(name: str, since: int) -> str:
    """What the progress of a period or campaign is known by."""
    return f"{name}@{since}"


def name_in(key: str) -> str:
    """The challenge that a key is of."""
    return key.partition("@")[0]


def campaign(contest: Contest) -> Window:
    """From when until when the challenge is on."""
    when = contest.says.when
    return Window(
        0 if when.start is None else round(when.start.timestamp() * 1000),
        None if when.end is None else round(when.end.timestamp() * 1000),
    )


def window_of(contest: Contest, terms: Prepared, at: int) -> Window:
    """The period in which something that happens at an instant counts."""
    since, end = campaign(contest)
    if contest.says.within is None:
        return Window(since, end)
    since, until = period_of(at, contest.says.within, terms.zone)
    return Window(since, until if end is None else min(until, end))
