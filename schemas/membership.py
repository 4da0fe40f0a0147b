"""Paid membership, as a programme file says it."""

from schemas.section import Days, DaysFromOne, MonthsFromOne, Name, Period, Positive, Section


class Entitlement(Section, frozen=True, kw_only=True):
    """A benefit of a plan, and how often it may be used."""

    entitlement: Name
    """What `benefit_used` calls `benefit`."""
    limit: Positive | None = None
    """None: as often as one likes."""
    per: Period | None = None
    """Of the calendar; none, with a limit: `per_days`, or of the whole membership."""
    per_days: DaysFromOne | None = None
    """Rolling: counted over so many days of 24 hours."""


class PaidPlan(Section, frozen=True, kw_only=True):
    """A membership that is paid for by the month or year."""

    plan: Name
    months: MonthsFromOne
    """Paid for at a time."""
    trial_days: Days = 0
    grace_days: Days = 0
    """Entitlements go on so long after a payment failed or was due."""
    entitlements: tuple[Entitlement, ...] = ()
