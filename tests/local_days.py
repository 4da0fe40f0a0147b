"""Local dates and times of the tests' programme, as people write them."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")


def at(local: str) -> int:
    """The instant of a local time: `2017-03-01`, or `2017-03-01 18:30`."""
    moment = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    return int(moment.astimezone(timezone.utc).timestamp() * 1000)


def told(instant: int | None) -> str:
    """An instant as a local time, midnight as a date alone; `…`: the last millisecond before."""
    if instant is None:
        return "never"
    before = instant % 1000 == 999
    moment = datetime.fromtimestamp((instant + before) / 1000, ZONE)
    clock = "" if (moment.hour, moment.minute) == (0, 0) else f" {moment:%H:%M}"
    return ("… " if before else "") + f"{moment:%Y-%m-%d}{clock}"
