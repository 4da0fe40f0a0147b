"""From events to facts.

In: an event, when it became known, the programme. Out: facts in the order in which they apply,
and the basket of a purchase. Promises: types that aren't in `READERS` have nothing to do with
points; purchases in another currency, or before the programme began, earn nothing.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from schemas.events import Adjust, Event, Line, Order, Redeem, Return, Sale, Settle
from transforms.accrue.facts import (
    Adjusted,
    AnyFact,
    Purchased,
    RedeemAsked,
    Returned,
    ReturnedLine,
    SettleAsked,
)
from transforms.accrue.programmes import Plan
from transforms.accrue.state import Basket, BasketLine

Read = tuple[list[AnyFact], Basket | None]
Reader = Callable[[Event, int, int, bool, Plan], Read]
"""(event, effective time, known_at, late, plan) -> facts and basket."""


def _sale(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    sale = event.payload
    assert isinstance(sale, Sale)
    facts: list[AnyFact] = []
    basket = None
    if sale.currency == plan.currency and plan.started(event.occurred_at):
        facts.append(
            Purchased(
                at=at,
                source=event.source,
                event_id=event.event_id,
                occurred_at=event.occurred_at,
                late=late,
                receipt_id=sale.transaction_id,
                other_id=sale.order_id,
            )
        )
        basket = _basket(event, at, sale.lines, plan)
    for redemption_id in sale.redemptions:
        facts.append(
            SettleAsked(
                at=known_at,
                source=event.source,
                event_id=event.event_id,
                occurred_at=event.occurred_at,
                redemption_id=redemption_id,
                capture=True,
                named=True,
            )
        )
    return facts, basket


def _order(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    order = event.payload
    assert isinstance(order, Order)
    foreign = order.currency is not None and order.currency != plan.currency
    if foreign or not order.lines or not plan.started(event.occurred_at):
        return [], None
    fact = Purchased(
        at=at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        late=late,
        receipt_id=order.order_id,
    )
    return [fact], _basket(event, at, order.lines, plan)


def _basket(event: Event, at: int, lines: tuple[Line, ...], plan: Plan) -> Basket:
    """The lines in the order of their ids; a repeated id is told apart by its position."""
    mask = plan.terms_at(event.occurred_at).mask
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
    return Basket(at=at, lines=kept)


def _returned_lines(lines: tuple[Line, ...]) -> list[ReturnedLine]:
    return [
        ReturnedLine(line_id=line.line_id, sku=line.sku, quantity=line.quantity, amount=line.amount)
        for line in lines
    ]


def _return(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    back = event.payload
    assert isinstance(back, Return)
    fact = Returned(
        at=at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        late=late,
        receipt_id=back.transaction_id,
        lines=_returned_lines(back.lines),
    )
    return [fact], None


def _cancelled(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    order = event.payload
    assert isinstance(order, Order)
    fact = Returned(
        at=at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        late=late,
        receipt_id=order.order_id,
        lines=_returned_lines(order.lines),
        whole=not order.lines,
    )
    return [fact], None


def _redeem(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    asked = event.payload
    assert isinstance(asked, Redeem)
    fact = RedeemAsked(
        at=known_at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        redemption_id=asked.redemption_id,
        reward_id=asked.reward_id,
        points=asked.points or 0,
        hold=asked.hold,
    )
    return [fact], None


def _settle(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    asked = event.payload
    assert isinstance(asked, Settle)
    fact = SettleAsked(
        at=known_at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        redemption_id=asked.redemption_id,
        capture=event.type == "capture",
    )
    return [fact], None


def _adjust(event: Event, at: int, known_at: int, late: bool, plan: Plan) -> Read:
    wanted = event.payload
    assert isinstance(wanted, Adjust)
    fact = Adjusted(
        at=known_at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        points=wanted.points,
        note=f"{wanted.reason} ({wanted.actor})",
    )
    return [fact], None


READERS: Final[dict[str, Reader]] = {
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
}
"""The types that concern points. Of an order's events the first with lines earns."""
