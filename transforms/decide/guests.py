"""Guests: what is remembered of somebody who can be written to and belongs to no member.

In: events that ended at an identifier without an owner. Out: the changed state. Promises: a guest
is reached by the identifier they are known by, and by no other; what they could claim is counted
once an order, newest first in importance; after `keep_days` without news nothing is left of them
but that they said no to a channel.
"""

from bisect import insort
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from schemas.events import Event
from schemas.payloads import Order, Return, Sale
from transforms.decide.guest_state import CLAIMS_MAX, Claim, GuestState
from transforms.decide.member_state import DAY_MS, DecideState, Handle
from transforms.decide.remember import remember_event

GUEST = "guest:"
"""What the key of a guest begins with; the rest is the identifier that reaches them."""

_at = attrgetter("at")


def new_guest(key: str) -> DecideState:
    """A guest nothing is known of but the address."""
    namespace, _, value = key.removeprefix(GUEST).partition(":")
    return DecideState(
        member_id=key, guest=GuestState(), handles={namespace: Handle(value=value, at=0)}
    )


def remember_guest(state: DecideState, event: Event, known_at: int, keep_days: float) -> None:
    """Take an event in, and forget everything so much later than otherwise."""
    guest = state.guest
    assert guest is not None
    remember_event(state, event, known_at)
    state.market = event.market
    state.version += 1
    _count(guest, event)
    # In whole days, so that a busy guest's timer isn't set anew with each event.
    guest.forget_at = (known_at + int(keep_days * DAY_MS)) // DAY_MS * DAY_MS + DAY_MS


def forget_guest(state: DecideState) -> None:
    """Begin anew, but for what they don't want."""
    fresh = new_guest(state.member_id)
    fresh.consents = {key: said for key, said in state.consents.items() if not said.granted}
    become(state, fresh)


def become(state: DecideState, other: DecideState) -> None:
    """The state in place is now as the other one."""
    for field in msgspec.structs.fields(DecideState):
        setattr(state, field.name, getattr(other, field.name))


def claimable(guest: GuestState, now: int, claim_days: float) -> list[Claim]:
    """What would earn points if the guest became a member now."""
    since = now - int(claim_days * DAY_MS)
    return [claim for claim in guest.claims if claim.at > since]


def spend_of(claims: Iterable[Claim]) -> int:
    """What was paid and not given back, minor units."""
    return max(0, sum(-claim.amount if claim.returned else claim.amount for claim in claims))


def _count(guest: GuestState, event: Event) -> None:
    """A purchase or a return; an order counts once, whichever of its events comes."""
    payload = event.payload
    if isinstance(payload, Sale):
        reference = payload.order_id or payload.transaction_id
    elif isinstance(payload, Order) and event.type == "order_placed":
        reference = payload.order_id
    elif isinstance(payload, Return):
        reference = payload.return_id
    else:
        return
    amount = sum(line.amount for line in payload.lines)
    returned = isinstance(payload, Return)
    for claim in guest.claims:
        if claim.reference == reference and claim.returned is returned:
            return
    claim = Claim(reference=reference, at=event.occurred_at, amount=amount, returned=returned)
    insort(guest.claims, claim, key=_at)
    del guest.claims[:-CLAIMS_MAX]
