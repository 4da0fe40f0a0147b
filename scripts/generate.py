"""`kizuna generate`: seeded traffic at any size, with its truth and without any real data."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from scripts.traffic.baskets import Household, invented_household, invented_shelf
from scripts.traffic.chance import DAY_MS, stream
from scripts.traffic.city import City, build
from scripts.traffic.rates import Rates

START: Final = datetime(2017, 1, 1, tzinfo=ZoneInfo("America/New_York"))


def generate(
    members: int,
    days: int,
    seed: int,
    output: Path,
    events_per_member_day: float = 1.0,
    rates: Rates = Rates(),  # noqa: B008 - frozen
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write `output`/events, /truth and /summary.json; returns the summary.

    `events_per_member_day` is met about: it sets how much people browse; purchases and what
    follows from them come on their own. `rates`: how many of the purchases are returned, late,
    known twice or paid with points. Members are made one family at a time, so memory
    grows with the events only up to a fixed bound.
    """
    for name, number in (("members", members), ("days", days)):
        if number < 1:
            raise ValueError(f"{name}: must be 1 or more; got {number}")
    if events_per_member_day < 0:
        raise ValueError(f"events_per_member_day: must be 0 or more; got {events_per_member_day}")
    rates.check()
    start = int(START.timestamp()) * 1_000
    end = start + days * DAY_MS
    shelf = invented_shelf(stream(seed, "shelf"))

    def household(number: int) -> Household:
        return invented_household(stream(seed, "household", number), number, shelf, start, end)

    city = City(
        seed=seed,
        start=start,
        end=end,
        people=members,
        household=household,
        shelf=shelf,
        events_a_member_day=events_per_member_day,
        rates=rates,
    )
    return build(city, output, progress)
