"""A year of purchases and nothing else: what the bench of accrue posts.

In: how many members, over how many days. Out: their sales in the order in which they become known,
each when it occurs, as messages that stitch would send. Baskets, visits and drop-out are those of
`kizuna generate`, so they are the same on any machine.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from schemas.events import Event
from schemas.flow import Attributed, Message
from schemas.payloads import Line, Sale, Tender
from scripts.generate import START
from scripts.traffic.baskets import Basket, invented_household, invented_shelf
from scripts.traffic.chance import DAY_MS, stream

SEED: Final = 7

_lines_of = msgspec.json.Decoder(tuple[Line, ...]).decode


def purchases(members: int, days: int, market: str, currency: str) -> list[Message]:
    """Every member's sales, by time."""
    bought = list(_bought(members, days, market, currency))
    bought.sort(key=lambda one: one.order)
    return bought


def _bought(members: int, days: int, market: str, currency: str) -> Iterator[Message]:
    shelf = invented_shelf(stream(SEED, "shelf"))
    start = int(START.timestamp()) * 1_000
    for number in range(members):
        rng = stream(SEED, "household", number)
        for basket in invented_household(rng, number, shelf, start, start + days * DAY_MS).baskets:
            yield told(_sale(basket, market, currency), f"m-{number}")


def _sale(basket: Basket, market: str, currency: str) -> Event:
    return Event(
        event_id=f"sale-{basket.transaction_id}",
        type="sale",
        source="pos",
        occurred_at=basket.occurred_at,
        received_at=basket.occurred_at,
        market=market,
        context={"store_id": basket.store_id, "touchpoint": "till"},
        payload=Sale(
            transaction_id=basket.transaction_id,
            currency=currency,
            lines=_lines_of(basket.lines),
            tenders=(Tender(method="card", amount=basket.amount),),
        ),
    )


def told(event: Event, member: str, known_at: int | None = None) -> Message:
    """The event as stitch sends it to a member. `known_at`: None: when it occurs."""
    known_at = event.occurred_at if known_at is None else known_at
    place = known_at, event.occurred_at, event.source, event.event_id, 1, 0, "", 0, "", 0
    body = Attributed(event=event, member_id=member, reason="member_id", rung="member")
    return Message(order=place, key=member, body=body)
