"""Timers: what falls due in an account by itself.

In: an account in its book, and an instant. Out: the account as it is then, and in the book what
that posted. Promises: the timers of an account are a function of it; they fire in the order in
which they are due, and those of one instant in the order hold_expired, activate, expire,
tier_review, merge_overdue, then what stands in the timetable.
"""

from collections.abc import Callable
from typing import Final

from transforms.accrue import challenges, gifts, lots, membership, offers, redeem, tiers
from transforms.accrue.answer_waiting import answer_waiting
from transforms.accrue.book import Book
from transforms.accrue.state import Account

TIMED: Final[dict[str, Callable[[Book, str, int], str]]] = {
    "offer": offers.expire,
    "membership": membership.lapse,
    "gift": gifts.give,
    "challenge": challenges.turn_over,
    "tier": tiers.leave_window,
}
"""What happens when an entry of the timetable is due, by the part of its key before the `:`. It
is called with the key and says what fired; the entry is gone by then."""


def next_due(account: Account) -> int | None:
    """When the next timer of an account is due."""
    due = tiers.review_due(account)
    if account.grace_ends and (due is None or account.grace_ends < due):
        due = account.grace_ends
    for first in (
        account.pending and min(account.pending.values()),
        account.expiring and min(account.expiring),
        account.holds and min(account.holds.values()),
        account.joining and min(account.joining.values()),
        account.timetable and min(account.timetable.values()),
    ):
        if first and (due is None or first < due):
            due = first
    return due


def fire(book: Book, until: int) -> list[str]:
    """Fire all timers due before `until`; their names in the order in which they fired."""
    account = book.account
    fired: list[str] = []
    due = next_due(account)
    while due is not None and due < until:
        fired += _fire(book, due)
        account.fired_at = due
        due = next_due(account)
    return fired


def _fire(book: Book, due: int) -> list[str]:
    """The timers of one instant."""
    account = book.account
    fired = []
    for redemption_id in [one for one, at in account.holds.items() if at == due]:
        book.on_behalf_of_timer(due)
        redeem.time_out(book, redemption_id)
        fired.append("hold_expired")
    book.on_behalf_of_timer(due)
    for lot_id in [one for one, at in account.pending.items() if at == due]:
        lots.activate(book, lot_id)
        fired.append("activate")
    if due in account.expiring:
        lots.expire(book, due)
        fired.append("expire")
    if tiers.review_due(account) == due:
        tiers.review(book)
        fired.append("tier_review")
    if account.grace_ends == due:
        tiers.end_grace(book)
        fired.append("tier_review")
    if account.joining:
        fired += _give_up(book, due)
    if account.timetable:
        for key in sorted(key for key, at in account.timetable.items() if at == due):
            if account.timetable.pop(key, None) is None:
                continue
            book.on_behalf_of_timer(due)
            fired.append(TIMED[key.partition(":")[0]](book, key, due))
    return fired


def _give_up(book: Book, due: int) -> list[str]:
    """Stop waiting for accounts that should have come by now."""
    joining = book.account.joining
    overdue = [loser for loser, at in joining.items() if at == due]
    for loser in overdue:
        del joining[loser]
    if overdue:
        answer_waiting(book)
    return ["merge_overdue" for _ in overdue]
