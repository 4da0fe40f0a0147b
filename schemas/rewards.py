"""What points buy and members are given, as a programme file says it."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from schemas.section import DaysFromOne, Minutes, Name, Positive, Section


class Prize(Section, frozen=True, kw_only=True):
    """What a challenge or a gift gives; one or several of these."""

    points: Positive | None = None
    offer: Name | None = None
    """An offer of the catalogue, granted."""
    access: Name | None = None
    """Something unlocked for good: a sale, an event, a club."""


class Reward(Section, frozen=True, kw_only=True):
    """What points buy."""

    reward: Name
    points: Positive
    hold_minutes: Minutes = 15
    tier: Name | None = None
    """The lowest tier that may take it; none: everybody."""
    value: Positive | None = None
    """What it takes off a basket, minor units; none: it isn't money off."""


class Discount(Section, frozen=True, kw_only=True):
    """What an offer takes off a basket: one of the three."""

    percent: Annotated[Decimal, Meta(description="above 0, at most 100")] | None = None
    amount: Positive | None = None
    """Minor units."""
    free_units: Positive | None = None
    """So many of the cheapest eligible units."""
    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    """Eligible lines; none: all that aren't excluded."""


class CatalogueOffer(Section, frozen=True, kw_only=True):
    """An offer that can be granted to a member. What it earns is a rule with `when: {offers}`."""

    offer: Name
    group: Name | None = None
    """At most one open offer of a group and member; none: of this offer."""
    valid_days: DaysFromOne | None = None
    """Unless the grant says until when; none: until it is used or revoked."""
    discount: Discount | None = None


class Gift(Section, frozen=True, kw_only=True):
    """Given each year on a member's own day; at most once a calendar year."""

    gift: Name
    on: Literal["birthday", "anniversary"]
    prize: Prize
