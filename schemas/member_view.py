"""What a member has besides the balance, as every surface may show it.

`accrue` tells it with each `AccountChanged`; topics and triggers use the same names. Every list is
bounded, what is empty costs nothing.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of what is told."""


class Expiring(Part, frozen=True, kw_only=True):
    """Points that can be spent until then."""

    at: Annotated[
        int, Meta(description="the first instant without them, ms UTC", extra={"ms": True})
    ]
    points: Annotated[int, Meta(description="how many")]


class ChallengeState(Part, frozen=True, kw_only=True):
    """A challenge that is on, whether the member has begun it or not."""

    challenge: Annotated[str, Meta(description="which challenge")]
    counts: Annotated[
        str,
        Meta(
            description="its unit: visits, spend, units, actions or quantity; of a streak days, "
            "weeks or months"
        ),
    ]
    progress: Annotated[int, Meta(description="towards the target, in its unit")]
    target: Annotated[int, Meta(description="what must be reached")]
    missing: Annotated[
        int, Meta(description="what is left until the prize, or the next one; 0: it is done")
    ]
    until: Annotated[
        int | None,
        Meta(
            description="progress counts before then, and begins anew, ms UTC; null: it lasts",
            extra={"ms": True},
        ),
    ]
    met: Annotated[int, Meta(description="how often it was reached, in this period")]


class RewardInReach(Part, frozen=True, kw_only=True):
    """A reward that the member may take now."""

    reward: Annotated[str, Meta(description="which reward")]
    points: Annotated[int, Meta(description="its price")]


class NextReward(Part, frozen=True, kw_only=True):
    """The cheapest reward for which points are missing."""

    reward: Annotated[str, Meta(description="which reward")]
    points: Annotated[int, Meta(description="its price")]
    missing: Annotated[int, Meta(description="how many points more")]


class OpenOffer(Part, frozen=True, kw_only=True):
    """An offer that the member may use."""

    offer_id: Annotated[str, Meta(description="which offer")]
    expires_at: Annotated[
        int | None, Meta(description="ms UTC; null: it doesn't", extra={"ms": True})
    ]


class EntitlementState(Part, frozen=True, kw_only=True):
    """A benefit of the plan, and how often it may still be used."""

    entitlement: Annotated[str, Meta(description="which benefit")]
    left: Annotated[int | None, Meta(description="uses left; null: without limit")]
    renews_at: Annotated[
        int | None,
        Meta(
            description="when uses that are gone come back, ms UTC; null: none are gone, or never",
            extra={"ms": True},
        ),
    ]


class MembershipState(Part, frozen=True, kw_only=True):
    """The paid membership."""

    plan: Annotated[str, Meta(description="which plan")]
    status: Annotated[
        Literal["trial", "active", "grace", "ended"],
        Meta(description="where it stands; grace: a payment is missing"),
    ]
    until: Annotated[
        int,
        Meta(
            description="paid for, tried, or in grace until then; ended: since when; ms UTC",
            extra={"ms": True},
        ),
    ]
    entitlements: Annotated[
        tuple[EntitlementState, ...],
        Meta(description="as the programme lists them, at most 20; none once it has ended"),
    ]


class MemberView(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False
):  # omitted: it is kept for every member
    """All of it."""

    expiries: tuple[Expiring, ...] = ()
    """Points by when they expire, soonest first, at most `EXPIRIES_MAX` dates."""
    tier_review_at: int | None = None
    """When the tier is reviewed next, if there is anything to review, ms UTC."""
    tier_falls_to: str | None = None
    """The lower tier that follows, if nothing more is counted until then; None: none does."""
    tier_falls_at: int | None = None
    """When that would be: at the review, or after the grace, ms UTC."""
    tier_benefits: tuple[str, ...] = ()
    """What the tier is entitled to."""
    upgrade_priority: str = ""
    """Of two members the one with the smaller key is served first; empty: no such programme."""
    challenges: tuple[ChallengeState, ...] = ()
    rewards: tuple[RewardInReach, ...] = ()
    """Cheapest first; if there are more, the dearest of them."""
    next_reward: NextReward | None = None
    offers: tuple[OpenOffer, ...] = ()
    """Soonest to expire first."""
    membership: MembershipState | None = None
    access: tuple[str, ...] = ()
    """What challenges and gifts unlocked, the newest last."""


EXPIRIES_MAX = 12
CHALLENGES_MAX = 20
REWARDS_MAX = 20
OFFERS_MAX = 20
ENTITLEMENTS_MAX = 20
ACCESS_MAX = 50
