"""Tiers and the expiry of points, as a programme file says them."""

from typing import Annotated, Literal

from msgspec import Meta, field

from schemas.section import LARGEST, Days, Months, MonthsFromOne, Name, Section


class Expiry(Section, frozen=True, kw_only=True):
    """When a lot expires: `fixed` months after it was earned, months after the member's last
    `activity` (all points together), or never (`none`).

    Months are calendar months in the programme's time zone, clamped at the month's end; points
    stay usable to the end of that day or, rounded up, of that month, and for the days of grace.
    """

    mode: Literal["fixed", "activity", "none"] = "none"
    months: Months = 0
    round_up: Literal["day", "month"] = "day"
    activity: tuple[Literal["purchase", "action", "redemption"], ...] = ("purchase",)
    """What keeps points alive in the mode `activity`."""
    grace_days: Days = 0
    reinstate_days: Days = 0
    """Points that expired at most so many days ago come back with the next purchase; 0: never."""


class TierLevel(Section, frozen=True, kw_only=True):
    """A tier, and from which qualifying amount on a member has it."""

    tier: Name
    threshold: Annotated[
        int, Meta(ge=0, le=LARGEST, description="points, whole units of currency or visits")
    ] = field(name="from")
    benefits: tuple[Name, ...] = ()
    """What the tier is entitled to: shown by every surface, staff's too."""


class Downgrade(Section, frozen=True, kw_only=True):
    """What happens at the end of a period whose qualifying amount doesn't reach the tier, or when
    what is left in a rolling window doesn't."""

    mode: Literal["one_down", "to_qualified", "never"] = "one_down"
    grace_days: Days = 0


class Tiers(Section, frozen=True, kw_only=True):
    """`calendar_year` and `anniversary` (of enrolment, else of the first purchase) begin anew
    each period; `rolling` counts the last `months` months, each day leaving by itself."""

    metric: Literal["points", "spend", "visits"] = "points"
    window: Literal["calendar_year", "anniversary", "rolling"] = "calendar_year"
    months: MonthsFromOne = 12
    """Of the rolling window."""
    rollover: Literal["none", "surplus"] = "none"
    """At a period's end: what was counted beyond the threshold of the tier that it reached counts
    for the next one. The lowest tier carries nothing over."""
    downgrade: Downgrade = Downgrade()
    upgrade_priority: bool = False
    """Tell a key by which members are served: tier, then qualifying amount, then membership."""
    levels: Annotated[tuple[TierLevel, ...], Meta(min_length=1)]
