"""Guests: what is counted under an identifier that no member owns, and what decide learns of it."""

from collections.abc import Iterable

import msgspec

from schemas.events import Event
from schemas.flow import Climb, GuestActed, GuestJoined, Output, Send
from schemas.identity import Guest
from schemas.payloads import Order, Return, Sale
from transforms.stitch.enter import nobody

GUESTS_MAX = 8
"""Guests that one identifier tells of; of older ones decide isn't told that they joined."""


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


def claim(
    identifier: str, tally: Tally | None, climb: Climb, rung: str, now: int
) -> Iterable[Output]:
    """What had left as a guest's turns out to be somebody's after all."""
    if climb.answers and tally is not None:
        tally.events -= 1
        tally.spend -= spend(climb.event)
        yield nobody(climb.event, rung, "retracted", now)
        yield guest_row(identifier, tally, now)


def tell_of_guest(told: list[str], climb: Climb) -> Iterable[Output]:
    """Whoever is no member and can be reached is somebody to decide all the same."""
    if not climb.reach or not climb.answers or climb.reason == "released":
        return
    guest_id = f"guest:{climb.reach}"
    if guest_id not in told:
        told.append(guest_id)
        del told[:-GUESTS_MAX]
    yield Send("person", guest_id, GuestActed(event=climb.event, guest_id=guest_id))


def tell_of_joining(told: list[str], event: Event, owner: str) -> list[Output]:
    """The identifier has an owner now: whoever was told of as a guest is one no longer."""
    joined: list[Output] = [
        Send("person", guest_id, GuestJoined(event=event, guest_id=guest_id, owner=owner))
        for guest_id in told
    ]
    told.clear()
    return joined


def spend(event: Event) -> int:
    """What an event adds to somebody's spend, minor units; returns take it back."""
    payload = event.payload
    if isinstance(payload, Sale) or (isinstance(payload, Order) and event.type == "order_placed"):
        return sum(line.amount for line in payload.lines)
    if isinstance(payload, Return):
        return -sum(line.amount for line in payload.lines)
    return 0
