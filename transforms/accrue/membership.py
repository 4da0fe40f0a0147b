"""Paid membership: begun, paid for, in grace, ended; and begun again.

In: what became of a membership, and its own due dates. Out: the account's membership. Promises:
what is paid for ends with a calendar day in the programme's time zone, the same of each month
(31 January and a month: 28 or 29 February, then 31 March); entitlements go on through the grace,
and no payment that fails in it prolongs them.
"""

from typing import Final

from schemas.membership import PaidPlan
from transforms.accrue.book import Book
from transforms.accrue.facts import Subscribed
from transforms.accrue.local_time import days_later, expires_at
from transforms.accrue.privileges import PaidMembership

DUE: Final = "membership:due"
MONTHS_MAX: Final = 1_800
"""Paid for at most, so that no date lies beyond the calendar."""


def plan_now(book: Book) -> str:
    """The plan in force, trial and grace included; empty: none."""
    member = book.account.membership
    return member.plan if member is not None and member.status != "ended" else ""


def subscribe(book: Book, fact: Subscribed) -> None:
    """Begin, go on with, or end a membership. What is said of another plan than the one in force
    begins that one, or concerns one that is over."""
    member = book.account.membership
    if member is None or member.status == "ended":
        if fact.step in ("started", "renewed"):
            _begin(book, fact, trial=fact.trial and fact.step == "started")
        return
    if fact.step == "started" and fact.trial:
        _try(book, member, fact.plan)
    elif fact.step == "started":
        if member.plan != fact.plan:
            _pay(book, member, fact.plan, book.at)
        elif member.status != "active":
            _pay(book, member, fact.plan, member.until - 1)
    elif fact.step == "renewed":
        _pay(book, member, fact.plan, member.until - 1 if member.plan == fact.plan else book.at)
    elif member.plan != fact.plan:
        return
    elif fact.step == "payment_failed":
        if member.ends_at > book.at:
            member.status = "grace"
            _note(book, member)
    else:
        _end(book, member, "ended")


def lapse(book: Book, key: str, due: int) -> str:
    """What was paid for, or the grace, is over."""
    member = book.account.membership
    assert member is not None, "only an open membership has a due date"
    if due < member.ends_at:
        member.status = "grace"
        _note(book, member)
        return "membership_grace"
    _end(book, member, "not_paid" if member.months else "trial_over")
    return "membership_ended"


def terms_of(book: Book, plan: str) -> PaidPlan:
    """A plan as the programme says it; one that it doesn't know is paid for monthly and entitles
    to nothing."""
    return book.terms.plans.get(plan) or PaidPlan(plan=plan, months=1)


def forget_ended(ended: dict[str, PaidMembership], since: int) -> dict[str, PaidMembership]:
    """Without those that ended before `since`."""
    return {key: one for key, one in ended.items() if (one.ended_at or 0) >= since}


def _begin(book: Book, fact: Subscribed, trial: bool) -> None:
    account, terms = book.account, terms_of(book, fact.plan)
    before = account.membership
    if before is not None:
        account.ended[str(before.since)] = before
    member = account.membership = PaidMembership(
        plan=fact.plan, status="trial", since=book.at, until=book.at
    )
    if trial:
        _run_until(book, member, _after_day(book, book.at, terms.trial_days))
    else:
        _pay(book, member, fact.plan, book.at)


def _try(book: Book, member: PaidMembership, plan: str) -> None:
    """Try another plan than the one tried; while one is paid for there is nothing to try."""
    if member.plan != plan and not member.months:
        member.plan, member.status = plan, "trial"
        _run_until(book, member, _after_day(book, book.at, terms_of(book, plan).trial_days))


def _pay(book: Book, member: PaidMembership, plan: str, paid_from: int) -> None:
    """One more payment. `paid_from`: the day of the month that payments are counted from, if this
    is the first of its plan."""
    terms = terms_of(book, plan)
    if not member.months or member.plan != plan:
        member.plan, member.paid_from, member.months = plan, paid_from, 0
    member.months = min(member.months + terms.months, MONTHS_MAX)
    member.status = "active"
    zone = book.terms.zone
    _run_until(book, member, expires_at(member.paid_from, member.months, "none", zone))


def _run_until(book: Book, member: PaidMembership, until: int) -> None:
    grace = terms_of(book, member.plan).grace_days
    member.until = until
    if until <= book.at:
        member.status = "grace"
    member.ends_at = _after_day(book, until - 1, grace)
    _note(book, member)


def _after_day(book: Book, at: int, days: int) -> int:
    """The first instant after the day that is so many days later."""
    return days_later(at, days + 1, book.terms.zone)


def _note(book: Book, member: PaidMembership) -> None:
    """What falls due next: the end of what was paid for, or of the grace."""
    in_grace = member.status == "grace"
    book.account.timetable[DUE] = member.ends_at if in_grace else member.until
    book.changed["membership", str(member.since)] = None


def _end(book: Book, member: PaidMembership, reason: str) -> None:
    member.status, member.ended_at, member.reason = "ended", book.at, reason
    book.account.timetable.pop(DUE, None)
    book.changed["membership", str(member.since)] = None
