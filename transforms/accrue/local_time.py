"""Calendar arithmetic in a programme's time zone.

In: instants in ms UTC. Out: instants in ms UTC. Promises: months clamp at the month's end
(31 January and a month: 28 or 29 February), and a local midnight that daylight saving skips
is the first instant after it.
"""

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
MINUTE_MS = 60_000
NEVER = 1 << 62
"""Later than any instant."""


def local_date(at: int, zone: ZoneInfo) -> date:
    """The calendar day of an instant."""
    return datetime.fromtimestamp(at / 1000, zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local day."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(timezone.utc)
    return round(start.timestamp() * 1000)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day.

    >>> add_months(date(2017, 1, 31), 1)
    datetime.date(2017, 2, 28)
    """
    first = first_of_month(day, months)
    last = first_of_month(first, 1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def first_of_month(day: date, months: int) -> date:
    """The first day of the month that is `months` later."""
    month = day.year * 12 + day.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)


def expires_at(at: int, months: int, round_up: str, zone: ZoneInfo, grace_days: int = 0) -> int:
    """The first instant at which points earned at `at` are no longer usable."""
    return _end_of_validity(local_date(at, zone), months, round_up, zone, grace_days)


@lru_cache(maxsize=4096)
def _end_of_validity(day: date, months: int, round_up: str, zone: ZoneInfo, grace_days: int) -> int:
    last = add_months(day, months)
    after = first_of_month(last, 1) if round_up == "month" else last + timedelta(days=1)
    return midnight(after + timedelta(days=grace_days), zone)


def month_end(year: int, month: int) -> int:
    """The last day of a month."""
    return (first_of_month(date(year, month, 1), 1) - timedelta(days=1)).day


def calendar_year(at: int, zone: ZoneInfo) -> tuple[int, int]:
    """The year of an instant: its first instant and the first of the next."""
    return period_of(at, "year", zone)


def anniversary_year(at: int, began: int, zone: ZoneInfo) -> tuple[int, int]:
    """The year, counted from the day of `began`, that an instant belongs to: its first instant and
    the first of the next. Years from 29 February begin on the 28th where there is none."""
    return _anniversary(local_date(at, zone), local_date(began, zone), zone)


@lru_cache(maxsize=4096)
def _anniversary(day: date, began: date, zone: ZoneInfo) -> tuple[int, int]:
    years = day.year - began.year
    if add_months(began, 12 * years) > day:
        years -= 1
    first, after = add_months(began, 12 * years), add_months(began, 12 * (years + 1))
    return midnight(first, zone), midnight(after, zone)


def months_later(at: int, months: int, zone: ZoneInfo) -> int:
    """The first instant of the same day of a later month."""
    return _months_later(local_date(at, zone), months, zone)


@lru_cache(maxsize=4096)
def _months_later(day: date, months: int, zone: ZoneInfo) -> int:
    return midnight(add_months(day, months), zone)


def days_later(at: int, days: int, zone: ZoneInfo) -> int:
    """The first instant of the day that is `days` later."""
    return midnight(local_date(at, zone) + timedelta(days=days), zone)


def period_of(at: int, period: str, zone: ZoneInfo) -> tuple[int, int]:
    """The day, week (from Monday), month or year of an instant: its first instant and the first
    of the next."""
    return _period(local_date(at, zone), period, zone)


@lru_cache(maxsize=4096)
def _period(day: date, period: str, zone: ZoneInfo) -> tuple[int, int]:
    if period == "day":
        first, after = day, day + timedelta(days=1)
    elif period == "week":
        first = day - timedelta(days=day.weekday())
        after = first + timedelta(days=7)
    elif period == "month":
        first, after = first_of_month(day, 0), first_of_month(day, 1)
    else:
        first, after = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return midnight(first, zone), midnight(after, zone)
