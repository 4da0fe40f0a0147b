"""From events to facts.

In: an event, when it became known, the programme. Out: facts in the order in which they apply,
and the basket of a purchase. Promises: types that aren't in `READERS` have nothing to do with
points; purchases in another currency, or before the programme began, earn nothing.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from schemas.events import Event
from schemas.payloads import Adjust, Line, Order, Redeem, Return, Sale, Settle
from transforms.accrue.facts import (
    Adjusted,
    AnyFact,
    Fact,
    Purchased,
    RedeemAsked,
    Returned,
    ReturnedLine,
    SettleAsked,
)
from transforms.accrue.programmes import Plan
from transforms.accrue.state import Basket, BasketLine

Read = tuple[list[AnyFact], Basket | None]
AFact = TypeVar("AFact", bound=Fact)


class Reading(NamedTuple):
    """An event, and when it counts: `at`, unless it is a command; then when it became known."""

    event: Event
    at: int
    known_at: int
    late: bool
    plan: Plan

    def happened(self, kind: type[AFact], **fields: Any) -> AFact:
        """A fact that counts when it occurred."""
        return self._fact(kind, at=self.at, late=self.late, **fields)

    def asked(self, kind: type[AFact], **fields: Any) -> AFact:
        """A fact that counts when it became known."""
        return self._fact(kind, at=self.known_at, **fields)

    def _fact(self, kind: type[AFact], **fields: Any) -> AFact:
        event = self.event
        return kind(
            source=event.source,
            event_id=event.event_id,
            occurred_at=event.occurred_at,
            **fields,
        )


def _sale(read: Reading) -> Read:
    sale = read.event.payload
    assert isinstance(sale, Sale)
    facts: list[AnyFact] = []
    basket = None
    if sale.currency == read.plan.currency and read.plan.started(read.event.occurred_at):
        facts.append(
            read.happened(Purchased, receipt_id=sale.transaction_id, other_id=sale.order_id)
        )
        basket = _basket(read, sale.lines)
    for redemption_id in sale.redemptions:
        facts.append(read.asked(SettleAsked, redemption_id=redemption_id, capture=True, named=True))
    return facts, basket


def _order(read: Reading) -> Read:
    order, plan = read.event.payload, read.plan
    assert isinstance(order, Order)
    foreign = order.currency is not None and order.currency != plan.currency
    if foreign or not order.lines or not plan.started(read.event.occurred_at):
        return [], None
    fact = read.happened(Purchased, receipt_id=order.order_id)
    return [fact], _basket(read, order.lines)


def _basket(read: Reading, lines: tuple[Line, ...]) -> Basket:
    """The lines in the order of their ids; a repeated id is told apart by its position."""
    mask = read.plan.terms_at(read.event.occurred_at).mask
    kept = [
        BasketLine(
            line_id=line.line_id,
            sku=line.sku,
            quantity=line.quantity,
            amount=line.amount,
            rules=mask(line.sku, line.category),
        )
        for line in lines
    ]
    if len({line.line_id for line in kept}) < len(kept):
        seen: set[str] = set()
        for position, line in enumerate(kept):
            if line.line_id in seen:
                line.line_id = f"{line.line_id}#{position}"
            seen.add(line.line_id)
    kept.sort(key=attrgetter("line_id"))
    return Basket(at=read.at, lines=kept)


def _returned_lines(lines: tuple[Line, ...]) -> list[ReturnedLine]:
    return [
        ReturnedLine(line_id=line.line_id, sku=line.sku, quantity=line.quantity, amount=line.amount)
        for line in lines
    ]


def _return(read: Reading) -> Read:
    back = read.event.payload
    assert isinstance(back, Return)
    lines = _returned_lines(back.lines)
    return [read.happened(Returned, receipt_id=back.transaction_id, lines=lines)], None


def _cancelled(read: Reading) -> Read:
    order = read.event.payload
    assert isinstance(order, Order)
    lines, whole = _returned_lines(order.lines), not order.lines
    return [read.happened(Returned, receipt_id=order.order_id, lines=lines, whole=whole)], None


def _redeem(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Redeem)
    fact = read.asked(
        RedeemAsked,
        redemption_id=wanted.redemption_id,
        reward_id=wanted.reward_id,
        points=wanted.points or 0,
        hold=wanted.hold,
    )
    return [fact], None


def _settle(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Settle)
    capture = read.event.type == "capture"
    fact = read.asked(SettleAsked, redemption_id=wanted.redemption_id, capture=capture)
    return [fact], None


def _adjust(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Adjust)
    note = f"{wanted.reason} ({wanted.actor})"
    return [read.asked(Adjusted, points=wanted.points, note=note)], None


def _correct(read: Reading) -> Read:
    """Nothing by itself: how far the account is off is for whoever has the account to say."""
    return [], None


READERS: Final[dict[str, Callable[[Reading], Read]]] = {
    "sale": _sale,
    "order_placed": _order,
    "order_collected": _order,
    "order_delivered": _order,
    "order_cancelled": _cancelled,
    "return": _return,
    "redeem": _redeem,
    "capture": _settle,
    "release": _settle,
    "adjust": _adjust,
    "correct": _correct,
}
"""The types that concern points. Of an order's events the first with lines earns."""
