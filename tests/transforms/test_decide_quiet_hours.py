"""Wall clocks: quiet hours and calendar periods through daylight saving, minute by minute."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.journeys import Conversation, QuietHours
from transforms.decide.quiet_hours import (
    clock_time,
    next_occurrence,
    period_start,
    quiet_until,
    zone_named,
)

MINUTE = 60_000
NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
LORD_HOWE, TOKYO = ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Tokyo")


def utc(text: str) -> int:
    at = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=timezone.utc)
    return int(at.timestamp()) * 1000


def policy(begins: str, ends: str) -> Conversation:
    rule = QuietHours(channels=("push",), from_time=begins, until_time=ends)
    return Conversation(default_time_zone="UTC", quiet_hours=(rule,))


# Silence from, until; zone; now in UTC; when it ends in UTC, None: it isn't quiet.
TABLE = [
    ("21:00", "08:00", NEW_YORK, "2017-03-08 01:59", None),
    ("21:00", "08:00", NEW_YORK, "2017-03-08 02:00", "2017-03-08 13:00"),
    ("21:00", "08:00", NEW_YORK, "2017-03-08 12:59", "2017-03-08 13:00"),
    ("21:00", "08:00", NEW_YORK, "2017-03-08 13:00", None),
    ("21:00", "08:00", TOKYO, "2017-03-08 13:00", "2017-03-08 23:00"),
    # The night of the change is an hour shorter, then an hour longer.
    ("21:00", "08:00", NEW_YORK, "2017-03-12 03:00", "2017-03-12 12:00"),
    ("21:00", "08:00", NEW_YORK, "2017-11-05 02:00", "2017-11-05 13:00"),
    # 02:30 doesn't exist on this night: silence ends at 03:30 by the new clock.
    ("01:00", "02:30", NEW_YORK, "2017-03-12 06:30", "2017-03-12 07:30"),
    # 01:30 comes twice: it ends, and is quiet once more between 01:00 and 01:30.
    ("00:30", "01:30", NEW_YORK, "2017-11-05 05:00", "2017-11-05 05:30"),
    ("00:30", "01:30", NEW_YORK, "2017-11-05 05:45", None),
    ("00:30", "01:30", NEW_YORK, "2017-11-05 06:10", "2017-11-05 06:30"),
    ("00:30", "01:30", NEW_YORK, "2017-11-05 06:30", None),
    ("12:00", "13:00", BERLIN, "2017-07-01 10:30", "2017-07-01 11:00"),
]


@pytest.mark.parametrize(("begins", "ends", "zone", "now", "until"), TABLE)
def test_quiet_until(begins: str, ends: str, zone: ZoneInfo, now: str, until: str | None) -> None:
    got = quiet_until(policy(begins, ends), "push", "marketing", utc(now), zone)
    assert got == (None if until is None else utc(until))


def test_other_channels_are_free_to_speak() -> None:
    assert quiet_until(policy("00:00", "23:59"), "email", "marketing", 0, TOKYO) is None


clocks = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
zones = st.sampled_from([NEW_YORK, BERLIN, LORD_HOWE, TOKYO])
around_changes = st.sampled_from(
    [
        "2017-03-12 00:00",
        "2017-03-26 00:00",
        "2017-04-02 00:00",
        "2017-10-29 00:00",
        "2017-11-05 00:00",
    ]
)


@given(clocks, clocks, zones, around_changes, st.integers(-30 * 60, 30 * 60))
@settings(max_examples=100, deadline=None)
def test_silence_ends_at_the_first_loud_minute(
    begins: str, ends: str, zone: ZoneInfo, day: str, minutes: int
) -> None:
    """Minute by minute until the clock on the wall is out of the window.

    A time that a change of the clock skips ends silence up to an hour later than the walk finds.
    """
    if begins == ends:
        return
    now = utc(day) + minutes * MINUTE

    def quiet(at: int) -> bool:
        wall = datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M")
        return begins <= wall < ends if begins < ends else wall >= begins or wall < ends

    until = quiet_until(policy(begins, ends), "push", "marketing", now, zone)
    assert (until is not None) == quiet(now)
    if until is not None:
        walked = now
        while quiet(walked):
            walked += MINUTE
        assert 0 <= until - walked <= 60 * MINUTE
        assert not quiet(until)
        skipped = datetime.fromtimestamp(until / 1000, zone).strftime("%H:%M") != ends
        assert until == walked or skipped


@given(clocks, zones, around_changes, st.integers(-30 * 60, 30 * 60))
@settings(max_examples=100, deadline=None)
def test_the_next_occurrence_is_later_and_within_a_day(
    clock: str, zone: ZoneInfo, day: str, minutes: int
) -> None:
    now = utc(day) + minutes * MINUTE
    at = next_occurrence(now, clock_time(clock), zone)
    assert now < at <= now + 25 * 60 * MINUTE


PERIODS = [
    ("day", NEW_YORK, "2017-03-08 04:59", "2017-03-07 05:00"),
    ("day", NEW_YORK, "2017-03-08 05:00", "2017-03-08 05:00"),
    ("day", NEW_YORK, "2017-03-13 03:59", "2017-03-12 05:00"),
    ("week", NEW_YORK, "2017-03-13 03:59", "2017-03-06 05:00"),
    ("week", NEW_YORK, "2017-03-13 04:00", "2017-03-13 04:00"),
    ("month", TOKYO, "2017-03-31 14:59", "2017-02-28 15:00"),
    ("month", TOKYO, "2017-03-31 15:00", "2017-03-31 15:00"),
]


@pytest.mark.parametrize(("calendar", "zone", "now", "start"), PERIODS)
def test_period_start(calendar: str, zone: ZoneInfo, now: str, start: str) -> None:
    assert period_start(calendar, utc(now), zone) == utc(start)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "America", "UTC+1", "a\x00b"])
def test_what_is_no_zone(name: str) -> None:
    assert zone_named(name) is None
