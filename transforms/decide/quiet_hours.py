"""Time where the member lives: quiet hours, times of day, and the calendar periods of caps.

In: instants in ms UTC and a time zone. Out: instants in ms UTC. Wall-clock rules hold through
changes of daylight saving: a time that is skipped counts as long after the gap as it would have
been into it, one that comes twice counts twice.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.journeys import Conversation, QuietHours
from transforms.decide.member_state import DecideState


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone of an IANA name; None if there is no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def zone_name(state: DecideState, policy: Conversation) -> str:
    """The member's own zone if it is one, else their market's, else the default."""
    if state.time_zone and zone_named(state.time_zone) is not None:
        return state.time_zone
    return policy.time_zones.get(state.market, policy.default_time_zone)


def local_time(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


@lru_cache(maxsize=256)
def clock_time(text: str) -> time:
    """`"21:30"` as a time of day; ValueError if it isn't one."""
    hours, minutes = text.split(":")
    return time(int(hours), int(minutes))


def instant_of(day: date, clock: time, zone: ZoneInfo) -> int:
    """ms UTC of a wall-clock time."""
    return round(datetime.combine(day, clock, zone).timestamp() * 1000)


def next_occurrence(now: int, clock: time, zone: ZoneInfo) -> int:
    """The first instant after `now` at which the clock where the member lives shows this time."""
    day = local_time(now, zone).date()
    at = instant_of(day, clock, zone)
    if at > now:
        return at
    again = instant_of(day, clock.replace(fold=1), zone)
    return again if again > now else instant_of(day + timedelta(days=1), clock, zone)


def is_quiet(rule: QuietHours, channel: str, purpose: str, wall: time) -> bool:
    """Whether a rule silences this channel and purpose at this wall-clock time."""
    if channel not in rule.channels or (rule.purposes and purpose not in rule.purposes):
        return False
    begins, ends = clock_time(rule.from_time), clock_time(rule.until_time)
    if begins <= ends:
        return begins <= wall < ends
    return wall >= begins or wall < ends


def quiet_until(
    policy: Conversation, channel: str, purpose: str, now: int, zone: ZoneInfo
) -> int | None:
    """When the silence that holds now ends, ms UTC; None: it may be sent now.

    Several windows that touch are taken one after the other by whoever asks again then.
    """
    if not policy.quiet_hours:
        return None
    wall = local_time(now, zone).time()
    ends = [
        next_occurrence(now, clock_time(rule.until_time), zone)
        for rule in policy.quiet_hours
        if is_quiet(rule, channel, purpose, wall)
    ]
    return max(ends) if ends else None


def period_start(calendar: str, now: int, zone: ZoneInfo) -> int:
    """When the day, week (Monday) or month that `now` lies in began where the member lives."""
    day = local_time(now, zone).date()
    if calendar == "week":
        day -= timedelta(days=day.weekday())
    elif calendar == "month":
        day = day.replace(day=1)
    return instant_of(day, time(0), zone)
