"""The fold: facts and timers applied to an account in the order in which they happened.

In: an account in its book, and facts in the order of `place`. Out: the account changed, and in
the book what that posted. Promises: timers fire between the facts, when they are due (facts
first at one instant), so an account is a function of its facts alone. Live processing, the base
and rebooking all use this and nothing else.
"""

from collections.abc import Callable
from typing import Any, Final

from transforms.accrue import correct, earn, lots, redeem, reverse_return, tiers
from transforms.accrue.book import Book
from transforms.accrue.facts import (
    COMMANDS,
    Adjusted,
    AnyFact,
    Corrected,
    Fact,
    Purchased,
    RedeemAsked,
    Returned,
    SettleAsked,
)
from transforms.accrue.state import Account

APPLY: Final[dict[type[Fact], Callable[[Book, Any], None]]] = {
    Purchased: earn.purchase,
    Returned: reverse_return.take_back,
    RedeemAsked: redeem.redeem,
    SettleAsked: redeem.settle,
    Adjusted: redeem.adjust,
    Corrected: correct.correct,
}
"""What each kind of fact does."""


def place(fact: Fact) -> tuple[int, int, str, str]:
    """Where a fact belongs. Commands of one instant stay in the order in which they came."""
    if isinstance(fact, COMMANDS):
        return fact.at, 1, "", ""
    return fact.at, 0, fact.source, fact.event_id


def apply(book: Book, fact: AnyFact) -> None:
    """Fire what was due before a fact, then apply it."""
    fire(book, fact.at)
    enter(book, fact)


def enter(book: Book, fact: AnyFact) -> None:
    """Apply a fact before which nothing is due any more."""
    book.on_behalf_of(fact.at, fact.source, fact.event_id, fact.occurred_at, fact.late)
    APPLY[type(fact)](book, fact)


def next_due(account: Account) -> int | None:
    """When the next timer of an account is due."""
    due = tiers.review_due(account)
    if account.grace_ends and (due is None or account.grace_ends < due):
        due = account.grace_ends
    for first in (
        account.pending and min(account.pending.values()),
        account.expiring and min(account.expiring),
        account.holds and min(account.holds.values()),
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
    """The timers of one instant, in the order: hold_expired, activate, expire, tier_review."""
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
    return fired
