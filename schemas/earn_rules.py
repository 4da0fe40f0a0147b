"""Earn rules: what brings points, under which conditions, and how much at most.

The vocabulary is closed and typed; nothing in a file is ever evaluated as code. How each rule
rates is in `transforms.accrue.rate`, what each condition asks in `transforms.accrue.conditions`.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, field

from schemas.section import Count, Name, Positive, Rate, Rounding, Section

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ActionType = Literal[
    "activity_completed",
    "enrolled",
    "profile_updated",
    "app_opened",
    "reward_viewed",
    "store_visited",
    "subscribed",
    "benefit_used",
]
"""Types of events, other than purchases, that can earn and count for challenges."""
Clock = Annotated[
    str,
    Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="a time of day such as 22:00"),
]


class Hours(Section, frozen=True, kw_only=True):
    """A time of day, from the first minute to before the second; it may span midnight."""

    start: Clock = field(name="from")
    end: Clock = field(name="to")


class When(Section, frozen=True, kw_only=True):
    """Conditions; all that are given must hold, and of a list one of its members.

    About the line: categories and skus. About the purchase or action: where, how and when. About
    the receipt: what its eligible lines amount to. About the member: as they are at the time.
    """

    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    except_categories: tuple[str, ...] = ()
    except_skus: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    touchpoints: tuple[str, ...] = ()
    """till, kiosk, drive_thru, mobile_order, …: the context's `touchpoint`."""
    sources: tuple[Literal["pos", "web", "app", "partner"], ...] = ()
    fulfilment: tuple[Literal["ship", "pickup", "curbside"], ...] = ()
    tenders: tuple[str, ...] = ()
    """Only the part of the amount that was paid by one of these methods counts."""
    weekdays: tuple[Weekday, ...] = ()
    dates: tuple[date, ...] = ()
    hours: Hours | None = None
    start: Annotated[datetime, Meta(tz=True)] | None = field(default=None, name="from")
    end: Annotated[datetime, Meta(tz=True)] | None = field(default=None, name="until")
    """A campaign: from the first instant to before the second."""
    spend_at_least: Count = 0
    """Of the receipt's eligible lines, minor units."""
    units_at_least: Count = 0
    tiers: tuple[Name, ...] = ()
    plans: tuple[Name, ...] = ()
    """Paid memberships in force, grace and trial included."""
    offers: tuple[Name, ...] = ()
    """The purchase uses one of these offers, and it was open."""
    first_purchase: bool = False
    birthday: Literal["day", "month"] | None = None


class Cap(Section, frozen=True, kw_only=True):
    """At most so many points, or so often, in a period. What is given back by a return makes no
    room for others."""

    points: Positive | None = None
    times: Positive | None = None
    per: Literal["receipt", "day", "week", "month", "year", "ever"]


class EarnRule(Section, frozen=True, kw_only=True, tag_field="rule"):
    """How purchases or actions earn. `rule` names the kind; entries carry `name`."""

    name: Name | None = None
    """What entries call it; none: the kind."""
    when: When = When()
    cap: Cap | None = None
    rounding: Rounding = "floor"
    """Applied once to the receipt's eligible amount, never line by line."""
    qualifies: bool = True
    """Its points count for tiers whose metric is points."""


class BaseRate(EarnRule, frozen=True, kw_only=True, tag="base"):
    """Points for each whole unit of currency, whatever the tier."""

    rate: Rate


class TierRate(EarnRule, frozen=True, kw_only=True, tag="tier_rate"):
    """A better rate for some tiers; posts what it gives beyond `base`. Other tiers: nothing."""

    rate_by_tier: dict[Name, Rate]


class BonusRate(EarnRule, frozen=True, kw_only=True, tag="bonus_rate"):
    """Further points for each whole unit of currency, on top of everything else."""

    rate: Rate


class Multiply(EarnRule, frozen=True, kw_only=True, tag="multiply"):
    """Double points, triple points: `times` what the rules above it gave; posts the excess."""

    times: Annotated[Decimal, Meta(description="above 1")]
    of: tuple[Name, ...] = ()
    """Names of rules above it; none: all `base` and `tier_rate` rules above it."""


class Bonus(EarnRule, frozen=True, kw_only=True, tag="bonus"):
    """A fixed number of points, for a receipt or for each eligible unit."""

    points: Positive
    per: Literal["receipt", "unit"] = "receipt"


class Action(EarnRule, frozen=True, kw_only=True, tag="action"):
    """Points for something other than buying: `points` for each whole `per` of its quantity."""

    on: ActionType
    activities: tuple[Name, ...] = ()
    """Which activities, benefits, rewards or stores; none: whichever."""
    points: Positive
    per: Positive = 1


AnyEarnRule = BaseRate | TierRate | BonusRate | Multiply | Bonus | Action
