"""A member's state as the topic `loyalty.member-state` tells it: what any surface may show.

Fields that a trigger's `data` may hold have the same names here. Every list is bounded.
"""

from typing import Annotated, ClassVar

from msgspec import Meta

from schemas.decisions import Purpose
from schemas.flow import Row
from schemas.member_view import (
    ChallengeState,
    Expiring,
    MembershipState,
    NextReward,
    OpenOffer,
    Part,
    RewardInReach,
)


class CartLine(Part, frozen=True, kw_only=True):
    """A line of the open cart."""

    sku: Annotated[str, Meta(description="which item")]
    category: Annotated[str, Meta(description="its category; empty: not said")]
    quantity: Annotated[int, Meta(description="how many")]
    amount: Annotated[int, Meta(description="what they cost together, minor units")]


class CartState(Part, frozen=True, kw_only=True):
    """What the member put into a cart and has not ordered."""

    cart_id: Annotated[str, Meta(description="which cart")]
    at: Annotated[int, Meta(description="of its last change, ms UTC", extra={"ms": True})]
    lines: Annotated[tuple[CartLine, ...], Meta(description="its lines, the first 20")]


class CaseState(Part, frozen=True, kw_only=True):
    """A support case that isn't closed."""

    case_id: Annotated[str, Meta(description="which case")]
    opened_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]


class Interest(Part, frozen=True, kw_only=True):
    """A category that the member looks at, puts into carts or buys."""

    category: Annotated[str, Meta(description="as events name it")]
    share: Annotated[
        float,
        Meta(
            description="of all their interest, 0 to 1: a view counts 1, a cart 2, a purchase 3, "
            "half as much after 30 days"
        ),
    ]
    last_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]


class Action(Part, frozen=True, kw_only=True):
    """Something that the member did."""

    at: Annotated[int, Meta(description="when it happened, ms UTC", extra={"ms": True})]
    type: Annotated[str, Meta(description="the event's type")]
    about: Annotated[
        str, Meta(description="the item, page, receipt, store, … concerned; empty: nothing")
    ]


class NextAction(Part, frozen=True, kw_only=True):
    """What the most important journey that the member is in says or shows next."""

    journey: Annotated[str, Meta(description="which journey")]
    step: Annotated[str, Meta(description="which of its steps")]
    purpose: Annotated[Purpose, Meta(description="transactional, service or marketing")]
    content: Annotated[str, Meta(description="key@version of the template")]
    channels: Annotated[
        tuple[str, ...], Meta(description="those that consent and known addresses allow now")
    ]
    due: Annotated[
        int | None,
        Meta(description="not before, ms UTC; null: it is shown already", extra={"ms": True}),
    ]


class MemberErased(Row, frozen=True, kw_only=True):
    """Nothing is to be shown of somebody any more: on the topic a record without a value."""

    table: ClassVar[str] = "member_erased"
    member_id: Annotated[str, Meta(description="who")]
    revision: Annotated[int, Meta(description="one more than the last record of the member had")]
    as_of: Annotated[
        int,
        Meta(description="when it became so, by the engine's clock, ms UTC", extra={"ms": True}),
    ]
    traceparent: Annotated[
        str | None, Meta(description="W3C trace context of the event behind it; null: none")
    ] = None


class MemberState(Row, frozen=True, kw_only=True):
    """A member as every surface may show them. Only a topic tells it; it has no table."""

    table: ClassVar[str] = "member_state"
    member_id: Annotated[str, Meta(description="who")]
    revision: Annotated[
        int, Meta(description="grows by one with each record of the member: the higher one counts")
    ]
    state_version: Annotated[
        int, Meta(description="the version in `members`, and `state_version` of triggers")
    ]
    as_of: Annotated[
        int,
        Meta(description="when it became so, by the engine's clock, ms UTC", extra={"ms": True}),
    ]
    market: Annotated[str, Meta(description="country or brand")]
    programme: Annotated[str, Meta(description="whose points; empty: none yet")]
    available: Annotated[int, Meta(description="points that can be spent; negative: a debt")]
    pending: Annotated[int, Meta(description="points that become available later")]
    held: Annotated[int, Meta(description="points reserved for redemptions")]
    next_expiry_at: Annotated[
        int | None, Meta(description="ms UTC; null: nothing expires", extra={"ms": True})
    ]
    next_expiry_points: Annotated[int, Meta(description="how many expire then")]
    expiries: Annotated[
        tuple[Expiring, ...], Meta(description="all dates, soonest first, at most 12")
    ]
    tier: Annotated[str, Meta(description="now")]
    qualifying: Annotated[int, Meta(description="what counts for the tier in this period")]
    next_tier: Annotated[str | None, Meta(description="null: there is none above")]
    to_next_tier: Annotated[int, Meta(description="what is missing to it")]
    progress: Annotated[
        float | None, Meta(description="of the way to it, 0 to 1; null: there is none above")
    ]
    tier_review_at: Annotated[
        int | None,
        Meta(description="when the tier is reviewed, ms UTC; null: never", extra={"ms": True}),
    ]
    tier_falls_to: Annotated[
        str | None,
        Meta(description="the lower tier that follows if nothing more is counted; null: none"),
    ]
    tier_falls_at: Annotated[
        int | None,
        Meta(description="when: at the review or after a grace, ms UTC", extra={"ms": True}),
    ]
    tier_benefits: Annotated[
        tuple[str, ...], Meta(description="what the tier is entitled to, as the programme says")
    ]
    upgrade_priority: Annotated[
        str, Meta(description="of two members the smaller key is served first; empty: not told")
    ]
    challenges: Annotated[
        tuple[ChallengeState, ...],
        Meta(description="that are on, in the programme's order, at most 20"),
    ]
    rewards: Annotated[
        tuple[RewardInReach, ...],
        Meta(description="that can be taken now, cheapest first; the dearest 20"),
    ]
    next_reward: Annotated[
        NextReward | None, Meta(description="the cheapest of the others; null: none")
    ]
    offers: Annotated[
        tuple[OpenOffer, ...], Meta(description="open ones, soonest to expire first, at most 20")
    ]
    membership: Annotated[
        MembershipState | None, Meta(description="the paid one; null: there never was one")
    ]
    access: Annotated[
        tuple[str, ...], Meta(description="what is unlocked, newest last, at most 50")
    ]
    risk: Annotated[float, Meta(description="1 − P(alive) with engagement, 0 to 1")]
    risk_band: Annotated[str, Meta(description="the band of risk; none: not scored")]
    p_alive: Annotated[float, Meta(description="MBG/NBD probability of being active")]
    expected_value: Annotated[int, Meta(description="spend expected in the horizon, minor units")]
    segment: Annotated[str, Meta(description="recency, frequency, money")]
    enrolled_at: Annotated[int | None, Meta(description="ms UTC", extra={"ms": True})]
    last_seen_at: Annotated[int, Meta(description="last event, ms UTC", extra={"ms": True})]
    preferred_channel: Annotated[str | None, Meta(description="as the member chose")]
    locale: Annotated[str | None, Meta(description="as the member chose")]
    time_zone: Annotated[str, Meta(description="as the member or market says")]
    cart: Annotated[CartState | None, Meta(description="null: none, or it is empty")]
    cases: Annotated[tuple[CaseState, ...], Meta(description="open ones, oldest first, at most 20")]
    interests: Annotated[tuple[Interest, ...], Meta(description="strongest first, at most 5")]
    actions: Annotated[tuple[Action, ...], Meta(description="newest first, at most 10")]
    next_action: Annotated[
        NextAction | None, Meta(description="null: nothing is planned that may be said now")
    ]
    traceparent: Annotated[
        str | None, Meta(description="W3C trace context of the event behind it; null: none")
    ] = None
    merged_into: Annotated[
        str | None,
        Meta(description="the account is closed and this member goes on; null: it is open"),
    ] = None
