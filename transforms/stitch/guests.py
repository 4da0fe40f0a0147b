"""Guests: what is counted under an identifier that no member owns."""

import msgspec

from schemas.events import Event, Order, Return, Sale
from schemas.identity import Guest


class Tally(msgspec.Struct, kw_only=True):
    """What was done under an identifier as a guest; times in ms UTC, spend in minor units."""

    first_at: int
    last_at: int
    events: int = 0
    spend: int = 0


def count(tally: Tally | None, event: Event) -> Tally:
    """The tally with one more event in it."""
    if tally is None:
        tally = Tally(first_at=event.occurred_at, last_at=event.occurred_at)
    tally.first_at = min(tally.first_at, event.occurred_at)
    tally.last_at = max(tally.last_at, event.occurred_at)
    tally.events += 1
    tally.spend += spend(event)
    return tally


def guest_row(identifier: str, tally: Tally, version: int) -> Guest:
    """The guest known by `identifier`, as a row."""
    return Guest(
        guest_id=identifier,
        namespace=identifier[: identifier.index(":")],
        first_at=tally.first_at,
        last_at=tally.last_at,
        events=tally.events,
        spend=tally.spend,
        version=version,
    )


def spend(event: Event) -> int:
    """What an event adds to somebody's spend, minor units; returns take it back."""
    payload = event.payload
    if isinstance(payload, Sale) or (isinstance(payload, Order) and event.type == "order_placed"):
        return sum(line.amount for line in payload.lines)
    if isinstance(payload, Return):
        return -sum(line.amount for line in payload.lines)
    return 0
