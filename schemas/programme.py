"""A loyalty programme as its YAML file says it: effective-dated versions of rules, tiers, rewards.

These structs are the file's grammar: an unknown key is refused, and msgspec names the path of
what is wrong. What the grammar can't say (ascending dates, known tiers) is checked by
`transforms.accrue.check`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

Rounding = Literal["floor", "half_up", "ceil"]
Rate = Annotated[Decimal, Meta(description="points a whole unit of currency, exact, above 0")]
Count = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1, pattern=r"^[a-z0-9_]+$")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Part of a programme file."""


class EarnRule(Section, frozen=True, kw_only=True, tag_field="rule"):
    """How a receipt earns. `rule` names the kind; entries carry it as their rule."""

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


AnyEarnRule = BaseRate | TierRate


class Exclusions(Section, frozen=True, kw_only=True):
    """Lines that earn nothing and count for nothing: gift cards, tax, shipping."""

    categories: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()


class Expiry(Section, frozen=True, kw_only=True):
    """When a lot expires: `fixed` months after it was earned, or never (`none`).

    Months are calendar months in the programme's time zone, clamped at the month's end; points
    stay usable to the end of that day or, rounded up, of that month.
    """

    mode: Literal["fixed", "none"] = "none"
    months: Count = 0
    round_up: Literal["day", "month"] = "day"


class TierLevel(Section, frozen=True, kw_only=True):
    tier: Name
    threshold: Annotated[
        int, Meta(ge=0, description="points, whole units of currency or visits")
    ] = field(name="from")


class Downgrade(Section, frozen=True, kw_only=True):
    """What happens at the end of a period whose qualifying amount doesn't reach the tier."""

    mode: Literal["one_down", "to_qualified", "never"] = "one_down"
    grace_days: Count = 0


class Tiers(Section, frozen=True, kw_only=True):
    metric: Literal["points", "spend", "visits"] = "points"
    window: Literal["calendar_year"] = "calendar_year"
    downgrade: Downgrade = Downgrade()
    levels: Annotated[tuple[TierLevel, ...], Meta(min_length=1)]


class Reward(Section, frozen=True, kw_only=True):
    reward: Name
    points: Annotated[int, Meta(gt=0)]
    hold_minutes: Annotated[int, Meta(gt=0)] = 15
    tier: Name | None = None
    """The lowest tier that may take it; none: everybody."""


class Terms(Section, frozen=True, kw_only=True):
    """One version of a programme: what applies to events that occur from `effective_from` on."""

    version: Annotated[int, Meta(ge=1)]
    effective_from: Annotated[datetime, Meta(tz=True)]
    earn: tuple[AnyEarnRule, ...]
    exclude: Exclusions = Exclusions()
    pending_days: Count = 0
    """Days of 24 hours from the purchase until its points can be spent."""
    returns_days: Annotated[int, Meta(ge=1)] = 90
    expiry: Expiry = Expiry()
    negative_balance: Literal["negative", "floor_zero", "refuse"] = "negative"
    tiers: Tiers | None = None
    rewards: tuple[Reward, ...] = ()
    hold_minutes: Annotated[int, Meta(gt=0)] = 15
    """How long plain points (no reward) stay reserved."""


class ExampleLine(Section, frozen=True, kw_only=True):
    line_id: str
    amount: Annotated[int, Meta(ge=0, description="minor units")]
    sku: str = ""
    category: str = ""


class Given(Section, frozen=True, kw_only=True):
    tier: Name | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    """When the purchase occurs; none: under the newest version."""
    lines: tuple[ExampleLine, ...]


class Example(Section, frozen=True, kw_only=True):
    """A receipt and what it must earn, by rule. Rules that aren't named must earn nothing."""

    given: Given
    earns: dict[Name, int]


class Programme(Section, frozen=True, kw_only=True):
    programme: Name
    markets: Annotated[tuple[str, ...], Meta(min_length=1)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
    minor_units: Annotated[int, Meta(ge=1)] = 100
    """Minor units in one unit of currency: 100 cents in a dollar, 1 for yen."""
    time_zone: str
    versions: Annotated[tuple[Terms, ...], Meta(min_length=1)]
    tests: tuple[Example, ...] = ()
