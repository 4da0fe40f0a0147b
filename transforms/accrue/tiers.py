"""Tiers: what counts for them, going up at once, going down at the end of a period.

In: qualifying amounts and instants. Out: the account's tier, and each move with its reason.
Promises: the tier is the better of what the past guarantees (`kept`) and what this period's
qualifying amount reaches. So:
* points count when they are earned, also while they are pending;
* a return takes back what its receipt counted, if that was in this period, and with it a tier
  that was only reached by it; a tier brought along from an earlier period is safe from returns;
* at the end of a period a tier that its qualifying amount didn't reach lapses, after the grace if
  there is one. Grace is time to reach the tier with what the new period counts.
"""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from transforms.accrue.book import Book
from transforms.accrue.local_time import DAY_MS, calendar_year
from transforms.accrue.programmes import Prepared
from transforms.accrue.state import Account

WINDOWS: Final[dict[str, Callable[[int, ZoneInfo], tuple[int, int]]]] = {
    "calendar_year": calendar_year,
}
"""The period (first instant, first instant after it) that an instant belongs to, by window."""


def count(book: Book, terms: Prepared, points: int, spend: int, visits: int) -> None:
    """Add what a purchase counts; the book's instant says in which period."""
    tiers = terms.tiers
    if tiers is None:
        return
    account = book.account
    if book.at >= account.period_end:
        account.period_start, account.period_end = WINDOWS[tiers.window](book.at, terms.zone)
        account.qualifying = 0
    metric = tiers.metric
    account.qualifying += points if metric == "points" else spend if metric == "spend" else visits
    settle_tier(book, terms, "qualified")


def discount(book: Book, terms: Prepared, at: int, points: int, spend: int, visits: int) -> None:
    """Take back what a purchase at `at` counted, if it was in this period."""
    tiers = terms.tiers
    account = book.account
    if tiers is None or at < account.period_start:
        return
    metric = tiers.metric
    account.qualifying -= points if metric == "points" else spend if metric == "spend" else visits
    settle_tier(book, terms, "returned")


def settle_tier(book: Book, terms: Prepared, reason: str) -> None:
    """Put the account into the tier that it now has."""
    account = book.account
    rank = max(terms.rank(account.kept), terms.qualified(account.qualifying))
    tier = terms.levels[rank]
    before = account.tier or terms.levels[0]
    account.tier = tier
    if tier != before:
        book.tier_moves.append((before, tier, book.at, reason))


def review_due(account: Account) -> int | None:
    """The last instant of the period, if there is something to review."""
    if account.period_end and (account.qualifying or account.kept):
        return account.period_end - 1
    return None


def review(book: Book) -> None:
    """End a period: keep the tier, let it lapse, or start its grace."""
    account, terms = book.account, book.terms
    tiers = terms.tiers
    rank = terms.rank(account.tier)
    reached = terms.qualified(account.qualifying)
    window = WINDOWS[tiers.window if tiers else "calendar_year"]
    account.period_start, account.period_end = window(account.period_end, terms.zone)
    account.qualifying = 0
    account.kept = terms.levels[rank] if rank else ""
    account.grace_ends = 0
    account.lapses_to = ""
    if tiers is not None and reached < rank and tiers.downgrade.mode != "never":
        below = rank - 1 if tiers.downgrade.mode == "one_down" else reached
        lower = terms.levels[max(below, reached)]
        if tiers.downgrade.grace_days:
            account.lapses_to = lower
            account.grace_ends = book.at + tiers.downgrade.grace_days * DAY_MS
        else:
            _keep(book, lower)
    settle_tier(book, terms, "period_end")


def end_grace(book: Book) -> None:
    """The grace is over: what the past guarantees shrinks."""
    account = book.account
    _keep(book, account.lapses_to)
    account.grace_ends = 0
    account.lapses_to = ""
    settle_tier(book, book.terms, "grace_end")


def off(
    account: Account, terms: Prepared, at: int, qualifying: int, tier: str | None
) -> tuple[int, str | None]:
    """By how much the qualifying amount of this period is wrong, and which tier the past must
    guarantee so that `tier` comes of both; None: what it does."""
    if terms.tiers is None:
        return 0, None
    missing = qualifying - (account.qualifying if at < account.period_end else 0)
    reached, guaranteed = terms.qualified(qualifying), terms.rank(account.kept)
    wanted = max(reached, guaranteed) if tier is None else terms.rank(tier)
    if wanted > max(reached, guaranteed):
        return missing, terms.levels[wanted]
    if guaranteed > max(wanted, reached):
        return missing, terms.levels[wanted] if wanted > reached else ""
    return missing, None


def correct(book: Book, qualifying: int, kept: str | None) -> None:
    """Add to the qualifying amount, and change what the past guarantees; None: not."""
    account, terms = book.account, book.terms
    if terms.tiers is None:
        return
    if book.at >= account.period_end:
        window = WINDOWS[terms.tiers.window]
        account.period_start, account.period_end = window(book.at, terms.zone)
        account.qualifying = 0
    account.qualifying += qualifying
    if kept is not None:
        account.kept = kept
        account.grace_ends = 0
        account.lapses_to = ""
    settle_tier(book, terms, "corrected")


def join(book: Book, came: Account) -> None:
    """Add what another account, brought to the same instant, counts in this period, and keep the
    better of what both pasts guarantee, for as long as either does.

    Of two that are in different periods one has nothing to lose: its period would have ended.
    """
    account, terms = book.account, book.terms
    if terms.tiers is None:
        return
    if came.period_end > account.period_end:
        account.period_start, account.period_end = came.period_start, came.period_end
        account.qualifying = came.qualifying
    elif came.period_end == account.period_end:
        account.qualifying += came.qualifying
    mine, theirs = terms.rank(account.kept), terms.rank(came.kept)
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
    settle_tier(book, terms, "merged")


def _keep(book: Book, tier: str) -> None:
    book.account.kept = tier if book.terms.rank(tier) else ""
