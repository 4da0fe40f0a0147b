"""How much goes wrong with points in a year: returns, late uploads, duplicates, redemptions.

In: shares of the purchases, each optional. Out: what the parts of the simulation need of them; how
it came out, `counts` says. A share that isn't given leaves the simulation as it is, to the
byte; one that is given adds what the ordinary city hasn't: returns without a receipt and of what
was brought back already, orders that are cancelled, a till's whole day that arrives in one batch,
one purchase told by an order and by a sale, holds that time out, requests that must be refused.
"""

import math
from random import Random
from typing import Final

import msgspec

from scripts.traffic.chance import DAY_MS, HOUR_MS, between, stream

LATE_MS: Final = HOUR_MS
"""From then on an upload counts as late."""
BATCHED: Final = 0.3
"""Share of the late uploads that come in a batch of a till that was offline."""
OFFLINE_HOURS: Final = (2, 72)
FORGOTTEN: Final = 0.02
"""Share of the late uploads that come after weeks: too late to be put where they belong."""
LATE_DAYS_MAX: Final = 16
SETTLED: Final = 0.62
"""Share of the receipts that may be late at all: known by their card, and their means of payment
seen before."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the purchases; None: as the ordinary city has it."""

    returns: float | None = None
    late: float | None = None
    duplicates: float | None = None
    redemptions: float | None = None

    def check(self) -> None:
        """Raises ValueError, unless each is a share that can be met."""
        for name, most in RATE_MAX.items():
            rate = getattr(self, name)
            if rate is not None and not 0 <= rate <= most:
                raise ValueError(f"{name}: must be a share from 0 to {most}; got {rate}")


RATE_MAX: Final = {"returns": 0.5, "late": 0.5, "duplicates": 0.5, "redemptions": 0.2}


class Outages:
    """When the tills of a shop are offline: what they ring up arrives when they are back."""

    def __init__(self, seed: int, late: float) -> None:
        self._seed = seed
        low, high = OFFLINE_HOURS
        mean_days = (high - low) / math.log(high / low) / 24
        self._a_day = BATCHED * late / SETTLED / mean_days
        self._known: dict[tuple[str, int], tuple[int, int] | None] = {}

    def back_at(self, store_id: str, at: int) -> int | None:
        """When a shop that is offline at an instant is back; None: it is online."""
        today = at // DAY_MS
        for day in range(today - 3, today + 1):
            outage = self._outage(store_id, day)
            if outage is not None and outage[0] <= at < outage[1]:
                return outage[1]
        return None

    def _outage(self, store_id: str, day: int) -> tuple[int, int] | None:
        if (store_id, day) not in self._known:
            rng = stream(self._seed, "offline", store_id, day)
            found = None
            if rng.random() < self._a_day:
                begins = day * DAY_MS + between(rng, 0, DAY_MS)
                low, high = OFFLINE_HOURS
                found = begins, begins + int(low * (high / low) ** rng.random() * HOUR_MS)
            self._known[store_id, day] = found
        return self._known[store_id, day]


def lateness(rng: Random, late: float) -> int | None:
    """How late a receipt is by itself, not in a batch; None: it isn't."""
    draw = rng.random() / (1 - BATCHED) * SETTLED
    if draw < late * FORGOTTEN:
        return between(rng, 18 * DAY_MS, 30 * DAY_MS)
    if draw < late:
        return int(HOUR_MS * (LATE_DAYS_MAX * 24) ** rng.random())
    return None
