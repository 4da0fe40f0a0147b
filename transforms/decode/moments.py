"""Times as they may be sent become milliseconds UTC.

Comes in: an integer of milliseconds or an RFC 3339 text with a zone. Goes out: ms UTC, or None
for whatever isn't a time between 2000 and 2100. The range is there because a time in seconds or
microseconds is otherwise a valid one in 1970 or in the year 49,000.
"""

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import ValidationError, convert

from schemas.field_rules import EARLIEST_MS, LATEST_MS

EXPECTED = "must be RFC 3339 with a zone or integer milliseconds, between 2000 and 2100"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def moment(value: object) -> int | None:
    """ms UTC of a time as it was sent, rounded down; None if it isn't a plausible one.

    >>> moment("2017-03-01T11:00:00+01:00"), moment(1488362400000)
    (1488362400000, 1488362400000)
    >>> moment("2017-03-01T11:00:00"), moment(1488362400), moment(1488362400000.0)
    (None, None, None)
    """
    if type(value) is str:
        try:
            value = convert(value, datetime)
        except ValidationError:
            return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return None
        value = (value - _EPOCH) // _MILLISECOND
    if type(value) is int and EARLIEST_MS <= value < LATEST_MS:
        return value
    return None


@lru_cache(maxsize=1_000)
def is_time_zone(name: str) -> bool:
    """The name is one of the IANA time zone database."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return False
    return True
