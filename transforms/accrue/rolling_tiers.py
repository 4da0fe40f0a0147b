"""Rolling windows: the last months, day by day, each day leaving by itself.

In: an account, amounts and instants. Out: the account's buckets by day, their sum in `qualifying`,
and what the past guarantees once the sum no longer reaches the tier. Promises:
* a day leaves at the first instant of the same day so many calendar months later (29, 30 and 31
  clamp to a shorter month's end), so that the window is never longer than its months;
* a tier that the sum no longer reaches falls by the terms: after the grace, one tier or to what
  the sum reaches; a tier kept without being reached is looked at again a window's length later.
The state holds a bucket for each day on which something counted.
"""

from typing import Final

from transforms.accrue.book import Book
from transforms.accrue.local_time import DAY_MS, months_later, period_of
from transforms.accrue.prepared import Prepared
from transforms.accrue.state import Account

LEAVES: Final = "tier:window"
KEPT: Final = "tier:kept"
"""Keys of the timetable: when the oldest day leaves; when the tier kept is looked at again. Both
are due at the last instant before."""


def add(account: Account, terms: Prepared, at: int, amount: int) -> None:
    """Count an amount on the day of an instant, which is no earlier than any before."""
    day = period_of(at, "day", terms.zone)[0]
    account.counted[day] = account.counted.get(day, 0) + amount
    account.qualifying += amount
    if LEAVES not in account.timetable:
        schedule(account, terms)


def take(account: Account, terms: Prepared, at: int, amount: int) -> bool:
    """Take an amount from what is left of the day of an instant; False: that day has left."""
    day = period_of(at, "day", terms.zone)[0]
    if day not in account.counted:
        return False
    amount = min(amount, account.counted[day])
    account.counted[day] -= amount
    account.qualifying -= amount
    if not account.counted[day]:
        del account.counted[day]
        schedule(account, terms)
    return True


def take_newest(account: Account, terms: Prepared, amount: int) -> None:
    """Take an amount from the days that would stay longest."""
    for day in sorted(account.counted, reverse=True):
        part = min(amount, account.counted[day])
        if part > 0:
            take(account, terms, day, part)
            amount -= part
        if not amount:
            return


def schedule(account: Account, terms: Prepared) -> None:
    """Set the timer for the oldest day."""
    if account.counted:
        account.timetable[LEAVES] = _leaves(min(account.counted), terms) - 1
    else:
        account.timetable.pop(LEAVES, None)


def leave(account: Account, terms: Prepared, at: int) -> None:
    """Let go the days whose time is over with this instant."""
    for day in sorted(account.counted):
        if _leaves(day, terms) > at + 1:
            break
        account.qualifying -= account.counted.pop(day)
    schedule(account, terms)


def fall(book: Book, terms: Prepared) -> None:
    """Settle what the past guarantees, if the tier is no longer reached, nor kept already."""
    account, tiers = book.account, terms.tiers
    assert tiers is not None
    rank, kept = terms.rank(account.tier), terms.rank(account.kept)
    held = max(kept, terms.qualified(account.qualifying))
    if held >= rank:
        return
    mode, grace_days = tiers.downgrade.mode, tiers.downgrade.grace_days
    if mode == "never":
        account.kept = account.tier
        _end_grace(account)
        account.timetable.pop(KEPT, None)
    elif grace_days:
        account.kept = account.tier
        account.lapses_to = terms.levels[rank - 1 if mode == "one_down" else held]
        account.grace_ends = book.at + grace_days * DAY_MS
        account.timetable.pop(KEPT, None)
    elif mode == "one_down":
        _keep_lower(account, terms, terms.levels[rank - 1], book.at)


def end_grace(account: Account, terms: Prepared, at: int) -> None:
    """The grace is over: fall to what was said when it began, if that is still to be had."""
    lower = account.lapses_to
    _end_grace(account)
    account.kept = ""
    if terms.tiers is not None and terms.tiers.downgrade.mode == "one_down":
        _keep_lower(account, terms, lower, at)


def guarantee(account: Account, terms: Prepared, at: int) -> None:
    """Keep what is kept for a window's length."""
    tiers = terms.tiers
    assert tiers is not None
    account.timetable[KEPT] = months_later(at + 1, tiers.months, terms.zone) - 1


def forget_timers(account: Account) -> None:
    """Nothing of a rolling window is due any more."""
    account.timetable.pop(LEAVES, None)
    account.timetable.pop(KEPT, None)


def falls_at(account: Account, terms: Prepared) -> int | None:
    """When the sum falls below the tier by itself; None: never, or what is kept is the tier."""
    rank, left = terms.rank(account.tier), account.qualifying
    if terms.qualified(left) < rank:
        return None
    for day in sorted(account.counted):
        left -= account.counted[day]
        if terms.qualified(left) < rank:
            return _leaves(day, terms)
    return None


def left_at(account: Account, terms: Prepared, at: int) -> int:
    """What of the sum is left when the days up to an instant have left."""
    return sum(amount for day, amount in account.counted.items() if _leaves(day, terms) > at)


def _leaves(day: int, terms: Prepared) -> int:
    assert terms.tiers is not None
    return months_later(day, terms.tiers.months, terms.zone)


def _keep_lower(account: Account, terms: Prepared, lower: str, at: int) -> None:
    """Keep a lower tier for as long as a window is, unless the sum reaches it."""
    if terms.rank(lower) > terms.qualified(account.qualifying):
        account.kept = lower
        guarantee(account, terms, at)


def _end_grace(account: Account) -> None:
    account.grace_ends = 0
    account.lapses_to = ""
