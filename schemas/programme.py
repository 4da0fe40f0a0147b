"""A loyalty programme as its YAML file says it: effective-dated versions of rules, tiers, rewards.

These structs are the file's grammar: an unknown key is refused, and msgspec names the path of
what is wrong. What the grammar can't say (ascending dates, known tiers) is checked by
`transforms.accrue.check`.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from schemas.challenges import Challenge
from schemas.earn_rules import ActionType, AnyEarnRule, Cap
from schemas.membership import PaidPlan
from schemas.rewards import CatalogueOffer, Gift, Reward
from schemas.section import Count, Days, DaysFromOne, Minutes, Name, Positive, Section
from schemas.tiers import Expiry, Tiers

Earning = Literal["order_placed", "order_collected", "order_delivered", "sale"]


class Exclusions(Section, frozen=True, kw_only=True):
    """Lines that earn nothing and count for nothing: gift cards, tax, shipping."""

    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()


class Terms(Section, frozen=True, kw_only=True):
    """One version of a programme: what applies to events that occur from `effective_from` on."""

    version: Annotated[int, Meta(ge=1)]
    effective_from: Annotated[datetime, Meta(tz=True)]
    earn: tuple[AnyEarnRule, ...]
    caps: tuple[Cap, ...] = ()
    """Over all rules together."""
    exclude: Exclusions = Exclusions()
    orders_earn_on: tuple[Earning, ...] = (
        "order_placed",
        "order_collected",
        "order_delivered",
        "sale",
    )
    """Which events of an order earn, the first of them once; a sale without an order always."""
    pending_days: Days = 0
    """Days of 24 hours from the purchase until its points can be spent."""
    returns_days: DaysFromOne = 90
    expiry: Expiry = Expiry()
    negative_balance: Literal["negative", "floor_zero", "refuse"] = "negative"
    tiers: Tiers | None = None
    rewards: tuple[Reward, ...] = ()
    offers: tuple[CatalogueOffer, ...] = ()
    gifts: tuple[Gift, ...] = ()
    challenges: tuple[Challenge, ...] = ()
    plans: tuple[PaidPlan, ...] = ()
    hold_minutes: Minutes = 15
    """How long plain points (no reward) stay reserved."""


class ExampleLine(Section, frozen=True, kw_only=True):
    """A line of a receipt in an example."""

    line_id: str
    amount: Annotated[int, Meta(ge=0, description="minor units")]
    quantity: Positive = 1
    sku: str = ""
    category: str = ""


class Given(Section, frozen=True, kw_only=True):
    """What is bought, or done, and what is known then. What isn't said, isn't so."""

    tier: Name | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    """When it occurs; none: under the newest version, at its first instant."""
    lines: tuple[ExampleLine, ...] = ()
    source: Literal["pos", "web", "app", "partner"] = "pos"
    store: str = ""
    touchpoint: str = ""
    fulfilment: str = ""
    tenders: dict[str, Count] = {}
    """Minor units by method."""
    offers: tuple[Name, ...] = ()
    """Open offers that the purchase uses."""
    plan: Name | None = None
    """The paid membership in force."""
    first_purchase: bool = False
    birthday: Annotated[str, Meta(pattern=r"^((0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$")] = ""
    """The member's, month-day."""
    action: ActionType | None = None
    """Something done instead of bought."""
    activity: str = ""
    """Which activity, benefit, reward or store."""
    quantity: Positive = 1


class Example(Section, frozen=True, kw_only=True):
    """A receipt and what it must earn, by rule. Rules that aren't named must earn nothing."""

    given: Given
    earns: dict[Name, int]


class Programme(Section, frozen=True, kw_only=True):
    """A whole file: whose purchases it rates, by which dated rules, and its examples."""

    programme: Name
    markets: Annotated[tuple[str, ...], Meta(min_length=1)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    minor_units: Annotated[int, Meta(ge=1)] = 100
    """Minor units in one unit of currency: 100 cents in a dollar, 1 for yen."""
    time_zone: str
    versions: Annotated[tuple[Terms, ...], Meta(min_length=1)]
    tests: tuple[Example, ...] = ()
