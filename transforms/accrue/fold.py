"""The fold: facts and timers applied to an account in the order in which they happened.

In: an account in its book, and facts in the order of `place`. Out: the account changed, and in
the book what that posted. Promises: timers fire between the facts, when they are due (facts
first at one instant), so an account is a function of its facts alone. Live processing, the base
and rebooking all use this and nothing else.
"""

from collections.abc import Callable
from typing import Any, Final

from transforms.accrue import (
    correct,
    earn,
    entitlements,
    gifts,
    membership,
    offers,
    redeem,
    reverse_return,
    take_over,
)
from transforms.accrue.book import Book
from transforms.accrue.facts import (
    COMMANDS,
    Acted,
    Adjusted,
    AnyFact,
    BenefitUsed,
    Corrected,
    Fact,
    Joining,
    Named,
    OfferAsked,
    OffersNamed,
    Profiled,
    Purchased,
    RedeemAsked,
    Returned,
    SettleAsked,
    Subscribed,
    TakenOver,
)
from transforms.accrue.timers import fire

APPLY: Final[dict[type[Fact], Callable[[Book, Any], object]]] = {
    Purchased: earn.purchase,
    OffersNamed: offers.use,
    Named: earn.learn_name,
    Returned: reverse_return.take_back,
    Acted: earn.act,
    Profiled: gifts.learn,
    Subscribed: membership.subscribe,
    BenefitUsed: entitlements.use,
    RedeemAsked: redeem.redeem,
    SettleAsked: redeem.settle,
    OfferAsked: offers.answer,
    Adjusted: redeem.adjust,
    Corrected: correct.correct,
    Joining: take_over.expect,
    TakenOver: take_over.take_over,
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
    if book.plan.gift_days:
        gifts.schedule(book)
