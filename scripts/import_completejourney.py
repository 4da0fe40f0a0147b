"""`kizuna import completejourney`: a year of a real grocer's baskets as events.

The baskets, coupons and campaigns are real (`scripts.traffic.completejourney`); people,
devices, browsing and all else that the data set lacks are simulated around them and labelled.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from scripts.traffic import completejourney
from scripts.traffic.chance import stream
from scripts.traffic.city import City, build, write_summary

YEAR: Final = 2017
MONTHS_MAX: Final = 12
SESSIONS_A_BASKET: Final = 0.12
SESSIONS_A_YEAR: Final = 2.0


def import_completejourney(
    output: Path,
    seed: int = 2017,
    households: int | None = None,
    months: int = MONTHS_MAX,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write `output`/events, /truth and /summary.json; returns the summary.

    `households`: only so many, chosen by the seed; `months`: only the first ones of the year.
    `progress` is called with the members done and all of them.
    """
    if not 1 <= months <= MONTHS_MAX:
        raise ValueError(f"months: must be 1 to {MONTHS_MAX}; got {months}")
    start = completejourney.local_midnight(datetime(YEAR, 1, 1))
    end = completejourney.local_midnight(datetime(YEAR + months // 12, months % 12 + 1, 1))
    chosen = None
    if households is not None:
        if households < 1:
            raise ValueError(f"households: must be 1 or more; got {households}")
        everybody = completejourney.household_ids()
        chosen = stream(seed, "households").sample(everybody, min(households, len(everybody)))
    data = completejourney.read(start, end, chosen)
    city = City(
        seed=seed,
        start=start,
        end=end,
        people=len(data.households),
        household=data.households.__getitem__,
        shelf=data.shelf,
        sessions_a_basket=SESSIONS_A_BASKET,
        sessions_a_year=SESSIONS_A_YEAR,
    )
    summary = build(city, output, progress)
    summary["coupon_redemptions"] = data.redemptions
    summary["coupon_redemptions_unmatched"] = data.redemptions_unmatched
    write_summary(output, summary)
    return summary
