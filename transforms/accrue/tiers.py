"""Tiers: what counts for them, going up at once, going down by review.

In: qualifying amounts and instants. Out: the account's tier, and each move with its reason.
Promises: the tier is the better of what the past guarantees (`kept`) and what the qualifying
amount of the window reaches. So:
* points count when they are earned, also while they are pending;
* a return takes back what its receipt counted, if that is still in the window, and with it a tier
  that was only reached by it; a tier brought along from an earlier period is safe from returns,
  and one of a rolling window that was held before the purchase falls as if time had passed;
* at the end of a period a tier that its qualifying amount didn't reach lapses, after the grace if
  there is one. Grace is time to reach the tier with what the new period counts. What a period
  carries over counts in the next one, until it is returned.
Windows are those of the terms at the book's instant (`tier_windows`, `rolling_tiers`).
"""

from typing import NamedTuple

from schemas.tiers import Tiers
from transforms.accrue import rolling_tiers
from transforms.accrue.book import Book
from transforms.accrue.local_time import DAY_MS
from transforms.accrue.prepared import Prepared
from transforms.accrue.state import Account
from transforms.accrue.tier_windows import (
    ANNIVERSARY,
    ROLLING,
    adopt,
    begin_period,
    counts_as,
    period,
)


def count(book: Book, points: int, spend: int, visits: int) -> None:
    """Add what a purchase or an action counts, on the day of the book's instant."""
    account, terms = book.account, book.plan.terms_at(book.at)
    tiers = terms.tiers
    if tiers is None:
        return
    amount = _by_metric(tiers, points, spend, visits)
    window = tiers.window
    if window != "calendar_year" and not amount:
        return
    adopt(account, book.plan, terms, book.at)
    if window == ROLLING:
        rolling_tiers.add(account, terms, book.at, amount)
    else:
        if window == ANNIVERSARY and not account.counts_from:
            account.counts_from = book.at
        if book.at >= account.period_end:
            begin_period(account, terms, book.at)
        account.qualifying += amount
    settle_tier(book, terms, "qualified")


def discount(
    book: Book, counted_by: Prepared, at: int, points: int, spend: int, visits: int
) -> None:
    """Take back what a purchase at `at` counted under the terms of then, if it still counts."""
    account, terms = book.account, book.plan.terms_at(book.at)
    for said in (terms, counted_by):
        tiers = said.tiers
        if tiers is not None and counts_as(account, book.plan, said):
            break
    else:
        return
    amount = _by_metric(tiers, points, spend, visits)
    if tiers.window == ROLLING:
        if not rolling_tiers.take(account, said, at, amount):
            return
        if at > account.tier_since:
            rolling_tiers.fall(book, said)
    elif at >= account.period_start:
        account.qualifying -= amount
    else:
        amount = min(amount, account.brought)
        account.brought -= amount
        account.qualifying -= amount
    settle_tier(book, said, "returned")


def _by_metric(tiers: Tiers, points: int, spend: int, visits: int) -> int:
    metric = tiers.metric
    return points if metric == "points" else spend if metric == "spend" else visits


def settle_tier(book: Book, terms: Prepared, reason: str) -> None:
    """Put the account into the tier that it now has."""
    account = book.account
    rank = max(terms.rank(account.kept), terms.qualified(account.qualifying))
    tier = terms.levels[rank]
    before = account.tier or terms.levels[0]
    account.tier = tier
    if tier != before:
        book.tier_moves.append((before, tier, book.at, reason))
        if terms.tiers and terms.tiers.window == ROLLING and rank > terms.rank(before):
            account.tier_since = book.at


def enrolled(book: Book) -> None:
    """Years are from the enrolment, from now on, so the running one ends with the next
    anniversary; what it counted before stays."""
    account, terms = book.account, book.plan.terms_at(book.at)
    tiers = terms.tiers
    if tiers is None or tiers.window != ANNIVERSARY or book.at >= account.period_end:
        return
    if counts_as(account, book.plan, terms):
        account.period_end = period(account, terms, book.at)[1]


def review_due(account: Account) -> int | None:
    """The last instant of the period, if there is something to review."""
    if account.period_end and (account.qualifying or account.kept):
        return account.period_end - 1
    return None


def review(book: Book) -> None:
    """End a period: keep the tier, let it lapse, or start its grace."""
    account, terms = book.account, book.terms
    tiers = terms.tiers
    if tiers is not None and not counts_as(account, book.plan, terms):
        adopt(account, book.plan, terms, account.period_end)
        settle_tier(book, terms, "period_end")
        return
    rank = terms.rank(account.tier)
    reached = terms.qualified(account.qualifying)
    surplus = 0
    if tiers is not None and tiers.rollover == "surplus" and reached:
        surplus = account.qualifying - terms.thresholds[reached]
    begin_period(account, terms, account.period_end)
    account.qualifying = account.brought = surplus
    account.kept = terms.levels[rank] if rank else ""
    account.grace_ends = 0
    account.lapses_to = ""
    if tiers is not None and reached < rank and tiers.downgrade.mode != "never":
        lower = _lower(terms, tiers, rank, reached)
        if tiers.downgrade.grace_days:
            account.lapses_to = lower
            account.grace_ends = book.at + tiers.downgrade.grace_days * DAY_MS
        else:
            _keep(book, lower)
    settle_tier(book, terms, "period_end")


def _lower(terms: Prepared, tiers: Tiers, rank: int, reached: int) -> str:
    """What a tier falls to that wasn't reached."""
    below = rank - 1 if tiers.downgrade.mode == "one_down" else reached
    return terms.levels[max(below, reached)]


def leave_window(book: Book, key: str, due: int) -> str:
    """What was counted on a day leaves the rolling window; or what was kept without being reached
    is looked at again."""
    account, terms = book.account, book.terms
    tiers = terms.tiers
    if tiers is None:
        account.counted, account.qualifying, account.kept = {}, 0, ""
        rolling_tiers.forget_timers(account)
    elif not counts_as(account, book.plan, terms):
        adopt(account, book.plan, terms, due + 1)
    else:
        if key == rolling_tiers.KEPT:
            account.kept = ""
        else:
            rolling_tiers.leave(account, terms, due)
        rolling_tiers.fall(book, terms)
    settle_tier(book, terms, "period_end" if key == rolling_tiers.KEPT else "left_window")
    return "tier_review"


def end_grace(book: Book) -> None:
    """The grace is over: what the past guarantees shrinks."""
    account, terms = book.account, book.terms
    if terms.tiers is not None and terms.tiers.window == ROLLING and not account.period_end:
        rolling_tiers.end_grace(account, terms, book.at)
    else:
        _keep(book, account.lapses_to)
        account.grace_ends = 0
        account.lapses_to = ""
    settle_tier(book, terms, "grace_end")


class Review(NamedTuple):
    """When a tier is looked at next, and what becomes of it if nothing more counts until then."""

    at: int
    falls_to: str
    lapses_at: int
    """When it falls: then, or after the grace."""


def next_review(account: Account, terms: Prepared) -> Review | None:
    """The next review; None: there is nothing to review."""
    tiers, rank = terms.tiers, terms.rank(account.tier)
    if tiers is None:
        return None
    if tiers.window == ROLLING and not account.period_end:
        return _next_fall(account, terms, tiers, rank) if rank else None
    reached = terms.qualified(account.qualifying)
    lower = max(terms.rank(account.lapses_to), reached)
    if account.grace_ends and lower < rank:
        return Review(account.grace_ends, terms.levels[lower], account.grace_ends)
    if review_due(account) is None:
        return None
    at = account.period_end
    if reached >= rank or tiers.downgrade.mode == "never":
        return Review(at, terms.levels[rank], at)
    grace = tiers.downgrade.grace_days * DAY_MS
    return Review(at, _lower(terms, tiers, rank, reached), at + grace)


def _next_fall(account: Account, terms: Prepared, tiers: Tiers, rank: int) -> Review | None:
    """Of a rolling window: when a tier is no longer reached, nor kept. More days may leave while
    grace lasts."""
    one_down, kept = tiers.downgrade.mode == "one_down", terms.rank(account.kept)
    at, kept_until = account.grace_ends, account.timetable.get(rolling_tiers.KEPT)
    if at and kept == rank:
        lower = _reached_at(account, terms, at)
        lower = max(lower, terms.rank(account.lapses_to)) if one_down else lower
        return Review(at, terms.levels[lower], at)
    falls = rolling_tiers.falls_at(account, terms)
    if kept == rank:
        if kept_until is None:
            return None
        falls = max(falls or 0, kept_until + 1)
    if not falls:
        return None
    if tiers.downgrade.mode == "never":
        return Review(falls, account.tier, falls)
    lower = _reached_at(account, terms, falls)
    if one_down:
        lower = max(lower, rank - 1)
    elif kept < rank and (kept_until is None or kept_until >= falls):
        lower = max(lower, kept)
    if not tiers.downgrade.grace_days:
        return Review(falls, terms.levels[lower], falls)
    lapses_at = falls + tiers.downgrade.grace_days * DAY_MS
    reached = _reached_at(account, terms, lapses_at)
    return Review(falls, terms.levels[max(lower, reached) if one_down else reached], lapses_at)


def _reached_at(account: Account, terms: Prepared, at: int) -> int:
    return terms.qualified(rolling_tiers.left_at(account, terms, at))


def _keep(book: Book, tier: str) -> None:
    book.account.kept = tier if book.terms.rank(tier) else ""
