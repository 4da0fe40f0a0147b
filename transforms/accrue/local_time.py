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


def expires_at(at: int, months: int, round_up: str, zone: ZoneInfo) -> int:
    """The first instant at which points earned at `at` are no longer usable."""
    return _end_of_validity(local_date(at, zone), months, round_up, zone)


@lru_cache(maxsize=4096)
def _end_of_validity(day: date, months: int, round_up: str, zone: ZoneInfo) -> int:
    last = add_months(day, months)
    after = first_of_month(last, 1) if round_up == "month" else last + timedelta(days=1)
    return midnight(after, zone)


def calendar_year(at: int, zone: ZoneInfo) -> tuple[int, int]:
    """The year of an instant: its first instant and the first of the next."""
    year = local_date(at, zone).year
    return midnight(date(year, 1, 1), zone), midnight(date(year + 1, 1, 1), zone)
