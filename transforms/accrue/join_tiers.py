"""Tiers where two accounts become one, and where a correction puts one right.

In: another account, brought to the same instant, or what the tier and the qualifying amount must
be. Out: the book's account, so. Promises: what both counted in the window is added up; the better
of what both pasts guarantee is kept, for as long as either does.
"""

from transforms.accrue import rolling_tiers
from transforms.accrue.book import Book
from transforms.accrue.prepared import Prepared
from transforms.accrue.rolling_tiers import KEPT
from transforms.accrue.state import Account
from transforms.accrue.tier_windows import ANNIVERSARY, ROLLING, adopt, begin_period, period
from transforms.accrue.tiers import settle_tier


def off(
    account: Account, terms: Prepared, at: int, qualifying: int, tier: str | None
) -> tuple[int, str | None]:
    """By how much the qualifying amount of this period is wrong, and which tier the past must
    guarantee so that `tier` comes of both; None: what it does."""
    if terms.tiers is None:
        return 0, None
    counts = account.counted or at < account.period_end
    missing = qualifying - (account.qualifying if counts else 0)
    reached, guaranteed = terms.qualified(qualifying), terms.rank(account.kept)
    wanted = max(reached, guaranteed) if tier is None else terms.rank(tier)
    if wanted > max(reached, guaranteed):
        return missing, terms.levels[wanted]
    if guaranteed > max(wanted, reached):
        return missing, terms.levels[wanted] if wanted > reached else ""
    return missing, None


def correct(book: Book, qualifying: int, kept: str | None) -> None:
    """Add to the qualifying amount, and change what the past guarantees; None: not.

    In a rolling window what is added counts on the day; what is taken is of the newest days.
    """
    account, terms = book.account, book.plan.terms_at(book.at)
    if terms.tiers is None:
        return
    adopt(account, book.plan, terms, book.at)
    rolling = terms.tiers.window == ROLLING
    if rolling and qualifying > 0:
        rolling_tiers.add(account, terms, book.at, qualifying)
    elif rolling:
        rolling_tiers.take_newest(account, terms, -qualifying)
    else:
        if book.at >= account.period_end:
            begin_period(account, terms, book.at)
        account.qualifying += qualifying
    if kept is not None:
        account.kept = kept
        account.grace_ends = 0
        account.lapses_to = ""
        if rolling:
            account.timetable.pop(KEPT, None)
            if kept:
                rolling_tiers.guarantee(account, terms, book.at)
    settle_tier(book, terms, "corrected")


def join(book: Book, came: Account) -> None:
    """Add what another account counts to the book's.

    Of two that are in different calendar years one has nothing to lose: its period would have
    ended. Years from an anniversary are from then on those of whoever enrolled first, and what
    both count in the years they are in is added up.
    """
    account, terms = book.account, book.plan.terms_at(book.at)
    account.enrolled_at = _earlier(account.enrolled_at, came.enrolled_at)
    account.counts_from = _earlier(account.counts_from, came.counts_from)
    if terms.tiers is None:
        return
    window = terms.tiers.window
    adopt(account, book.plan, terms, book.at)
    adopt(came, book.plan, terms, book.at)
    if window == ROLLING:
        _join_days(account, came, terms)
    elif window == ANNIVERSARY:
        _join_years(account, came, terms, book.at)
    elif came.period_end > account.period_end:
        account.period_start, account.period_end = came.period_start, came.period_end
        account.qualifying, account.brought = came.qualifying, came.brought
    elif came.period_end == account.period_end:
        account.qualifying += came.qualifying
        account.brought += came.brought
    _join_kept(account, came, terms)
    settle_tier(book, terms, "merged")


def _earlier(one: int, other: int) -> int:
    """The earlier of two instants; 0: none."""
    return min(one, other) if one and other else one or other


def _join_days(account: Account, came: Account, terms: Prepared) -> None:
    for day, amount in came.counted.items():
        account.counted[day] = account.counted.get(day, 0) + amount
    account.qualifying += came.qualifying
    rolling_tiers.schedule(account, terms)


def _join_years(account: Account, came: Account, terms: Prepared, at: int) -> None:
    running = [one for one in (account, came) if at < one.period_end]
    if running:
        qualifying = sum(one.qualifying for one in running)
        brought = sum(one.brought for one in running)
        account.period_start = min(one.period_start for one in running)
        account.period_end = period(account, terms, at)[1]
        account.qualifying, account.brought = qualifying, brought


def _join_kept(account: Account, came: Account, terms: Prepared) -> None:
    """Keep the better of two tiers; of equal ones the one that is kept longer."""
    mine, theirs = terms.rank(account.kept), terms.rank(came.kept)
    best = max(mine, theirs)
    ends = [
        one.timetable.get(KEPT)
        for one, rank in ((account, mine), (came, theirs))
        if rank == best and not one.grace_ends
    ]
    if theirs > mine:
        lower = account.kept
        account.kept, account.grace_ends = came.kept, came.grace_ends
        account.lapses_to = came.lapses_to
    else:
        lower = came.kept
        if mine == theirs:
            never_ends = not (account.grace_ends and came.grace_ends)
            account.grace_ends = 0 if never_ends else max(account.grace_ends, came.grace_ends)
            lower = "" if never_ends else max(account.lapses_to, came.lapses_to, key=terms.rank)
    account.lapses_to = max(account.lapses_to, lower, key=terms.rank) if account.grace_ends else ""
    account.timetable.pop(KEPT, None)
    last = [end for end in ends if end is not None]
    if best and last and len(last) == len(ends):
        account.timetable[KEPT] = max(last)
