"""From sales and orders to facts.

In: a reading. Out: a purchase with its basket, the holds that it captures, the offers that it
names. Promises: what earns, earns in the programme's currency, since the programme began, and by
the events that its policy for orders lets earn.
"""

from operator import attrgetter

from schemas.payloads import (
    Line,
    Order,
    Sale,
)
from transforms.accrue.conditions import Occasion
from transforms.accrue.facts import (
    AnyFact,
    Named,
    OffersNamed,
    Purchased,
    SettleAsked,
)
from transforms.accrue.reading import Read, Reading, occasion_of
from transforms.accrue.receipts import Basket, BasketLine


def read_sale(read: Reading) -> Read:
    """A purchase if it earns here, the offers that it uses, and the holds that it captures."""
    sale = read.event.payload
    assert isinstance(sale, Sale)
    facts: list[AnyFact] = []
    basket, order_id = None, sale.order_id
    ours = sale.currency == read.plan.currency and read.plan.started(read.event.occurred_at)
    if ours and order_id is not None and not _earns(read, "sale"):
        names = {"transaction_id": sale.transaction_id, "order_id": order_id}
        facts = [read.happened(Named, **names)]
    elif ours:
        tenders: dict[str, int] = {}
        for tender in sale.tenders:
            tenders[tender.method] = tenders.get(tender.method, 0) + tender.amount
        fact = read.happened(
            Purchased,
            receipt_id=sale.transaction_id,
            other_id=order_id,
            offers=list(sale.offers),
        )
        facts = [fact]
        basket = _basket(read, sale.lines, occasion_of(read.event, tenders=tenders))
    if basket is None:
        facts += _offers_named(read, sale.offers, sale.transaction_id, order_id)
    for redemption_id in sale.redemptions:
        facts.append(read.asked(SettleAsked, redemption_id=redemption_id, capture=True, named=True))
    return facts, basket


def read_order(read: Reading) -> Read:
    """A purchase, if this event of the order earns here; else the offers that it uses."""
    order, plan = read.event.payload, read.plan
    assert isinstance(order, Order)
    foreign = order.currency is not None and order.currency != plan.currency
    earns = order.lines and _earns(read, read.event.type)
    if foreign or not earns or not plan.started(read.event.occurred_at):
        return _offers_named(read, order.offers, order.order_id, None), None
    fact = read.happened(Purchased, receipt_id=order.order_id, offers=list(order.offers))
    occasion = occasion_of(read.event, fulfilment=order.fulfilment or "")
    return [fact], _basket(read, order.lines, occasion)


def _offers_named(
    read: Reading, offers: tuple[str, ...], receipt_id: str, other_id: str | None
) -> list[AnyFact]:
    """The offers of a purchase that this event doesn't let earn: they are used all the same."""
    if not offers:
        return []
    used = read.happened(OffersNamed, receipt_id=receipt_id, other_id=other_id, offers=list(offers))
    return [used]


def _earns(read: Reading, type_: str) -> bool:
    """Whether an order's events of this type earn."""
    return type_ in read.plan.terms_at(read.event.occurred_at).orders_earn_on


def _basket(read: Reading, lines: tuple[Line, ...], occasion: Occasion) -> Basket:
    """The lines in the order of their ids; a repeated id is told apart by its position."""
    terms = read.plan.terms_at(read.event.occurred_at)
    masks = terms.masks(occasion, [(line.sku, line.category) for line in lines])
    kept = [
        BasketLine(
            line_id=line.line_id,
            sku=line.sku,
            quantity=line.quantity,
            amount=line.amount,
            rules=mask,
        )
        for line, mask in zip(lines, masks, strict=True)
    ]
    if len({line.line_id for line in kept}) < len(kept):
        seen: set[str] = set()
        for position, line in enumerate(kept):
            if line.line_id in seen:
                line.line_id = f"{line.line_id}#{position}"
            seen.add(line.line_id)
    kept.sort(key=attrgetter("line_id"))
    return Basket(at=read.at, lines=kept, portions=terms.portions(occasion))
