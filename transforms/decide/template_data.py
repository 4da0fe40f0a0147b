"""What a template may ask for: named facts about the member, or the guest, and about what began the
journey.

In: the turn, the context that was kept when the journey was entered, names. Out: plain values
that become a trigger's `data`. Facts are those of now, not of the entry: a message that waited in
quiet hours shows the balance of the morning.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from schemas.events import Event
from schemas.flow import Signal
from schemas.journeys import STEP_KINDS, Conversation, Journey
from schemas.member_view import MemberView
from schemas.payloads import Line
from transforms.decide.conditions import ACCOUNT, SCORE, TIER
from transforms.decide.guest_state import Claim
from transforms.decide.guests import claimable, spend_of
from transforms.decide.member_state import DAY_MS, DecideState
from transforms.decide.turn import Turn

RECENT_MESSAGES = 3
Value = Callable[[DecideState], Any]
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


def _account(field: str) -> Value:
    return lambda state: getattr(state.account, field, None)


VIEW: Final = frozenset(MemberView.__struct_fields__)
"""Of `FACTS`, those about what a member has besides points."""
NOTHING: Final = MemberView()


def view_of(state: DecideState) -> MemberView:
    """What the member has besides points."""
    account = state.account
    return NOTHING if account is None or account.view is None else account.view


def asks_view(journeys: Iterable[Journey], policy: Conversation) -> bool:
    """Whether anything that is said or shown may tell what a member has besides points."""
    named = [policy.surfaces.data, *(moment.data for moment in policy.surfaces.moments)]
    named += [
        getattr(getattr(step, kind), "data", ())
        for journey in journeys
        for step in journey.steps
        for kind in STEP_KINDS
    ]
    return not all(VIEW.isdisjoint(names) for names in named)


def _view(field: str) -> Value:
    """As plain values, those of JSON: it goes into a trigger's data."""
    return lambda state: _decode(_encode(getattr(view_of(state), field)))


def _score(field: str) -> Value:
    return lambda state: getattr(state.score, field, None)


def _member(field: str) -> Value:
    return lambda state: getattr(state, field)


def _lines(state: DecideState) -> list[dict[str, Any]]:
    lines = state.cart.lines if state.cart else ()
    return [
        {"sku": line.sku, "category": line.category, "quantity": line.quantity}
        | {"amount": line.amount}
        for line in lines
    ]


def _recent_messages(state: DecideState) -> list[dict[str, Any]]:
    return [
        {"journey": sent.journey, "channel": sent.channel, "at": sent.at, "told": list(sent.told)}
        for sent in state.awaited[-RECENT_MESSAGES:]
    ]


def _claims(turn: Turn) -> list[Claim]:
    guest, days = turn.state.guest, turn.rules.policy.guests.claim_days
    return claimable(guest, turn.now, days) if guest is not None else []


def _claim_days_left(turn: Turn) -> int:
    """Whole days in which all of the purchases can be claimed."""
    bought = [claim.at for claim in _claims(turn) if not claim.returned]
    if not bought:
        return 0
    last_at = min(bought) + int(turn.rules.policy.guests.claim_days * DAY_MS)
    return (last_at - turn.now) // DAY_MS


GUEST_FACTS: dict[str, Callable[[Turn], Any]] = {
    "purchases": lambda turn: sum(not claim.returned for claim in _claims(turn)),
    "spend": lambda turn: spend_of(_claims(turn)),
    "claim_days_left": _claim_days_left,
}
"""Facts about a guest: what of theirs would earn points if they joined now."""
OF_ANYBODY = frozenset({"last_seen_at", "open_cases", "cart_id", "lines", "recent_messages"})
"""Of `FACTS`, those that guests have, too."""

FACTS: dict[str, Value] = {
    "available": _account("available"),
    "pending": _account("pending"),
    "held": _account("held"),
    "qualifying": _account("qualifying"),
    "tier": _account("tier"),
    "next_tier": _account("next_tier"),
    "to_next_tier": _account("to_next_tier"),
    "next_expiry_at": _account("next_expiry_at"),
    "next_expiry_points": _account("next_expiry_points"),
    **{field: _view(field) for field in sorted(VIEW)},
    "risk_band": _score("band"),
    "expected_value": _score("expected_value"),
    "segment": _score("segment"),
    "enrolled_at": _member("enrolled_at"),
    "last_seen_at": _member("last_seen_at"),
    "preferred_channel": _member("preferred_channel"),
    "locale": _member("locale"),
    "open_cases": _member("open_cases"),
    "cart_id": lambda state: state.cart.cart_id if state.cart else None,
    "lines": _lines,
    "recent_messages": _recent_messages,
}
"""Facts about the member, at any time."""

CONTEXT: dict[str, tuple[str, ...]] = {
    ACCOUNT: ("earned", "spent", "cause", "reference"),
    TIER: ("from_tier", "reason"),
    SCORE: ("from_band", "why"),
}
"""What is kept of the signal that began a journey, by its topic."""


def context_of(topic: str, news: Event | Signal) -> dict[str, str | int]:
    """What a journey keeps of the news that began it."""
    values = ((name, getattr(news, name)) for name in CONTEXT.get(topic, ()))
    return {name: value for name, value in values if value is not None}


def template_data(
    turn: Turn, context: dict[str, str | int], names: Iterable[str]
) -> dict[str, Any]:
    """The named facts; a fact of the beginning that it didn't say is None."""
    state = turn.state
    return {
        name: FACTS[name](state)
        if name in FACTS
        else GUEST_FACTS[name](turn)
        if name in GUEST_FACTS
        else context.get(name)
        for name in names
    }


def worth_promoting(state: DecideState, now: int, just_bought_days: float) -> list[Line]:
    """The lines of the open cart that the member didn't buy a moment ago."""
    if state.cart is None:
        return []
    since = now - just_bought_days * DAY_MS
    return [line for line in state.cart.lines if state.bought.get(line.sku, 0) <= since]
