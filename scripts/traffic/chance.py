"""Seeded draws and spans of time: everything random in the traffic comes through here.

Promise: only `random.Random` seeded with a string is used, so the same seed gives the same
traffic on any machine and any Python.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

Item = TypeVar("Item")


def stream(seed: int, *names: object) -> Random:
    """A generator of its own for each purpose, so that one more draw here moves nothing there."""
    return Random("/".join(map(str, (seed, *names))))


def between(rng: Random, low: int, high: int) -> int:
    """A whole number, `low` included, `high` excluded.

    >>> 3 <= between(stream(1, "doctest"), 3, 5) < 5
    True
    """
    return low + int(rng.random() * (high - low))


def pick(rng: Random, items: Sequence[Item]) -> Item:
    return items[int(rng.random() * len(items))]


def count(rng: Random, mean: float) -> int:
    """How often something rare happens: Poisson, by waiting times."""
    if mean <= 0:
        return 0
    events, waited = 0, rng.expovariate(1.0)
    while waited < mean:
        events += 1
        waited += rng.expovariate(1.0)
    return events


def token(rng: Random) -> str:
    """An opaque identifier: 64 random bits as hex."""
    return f"{rng.getrandbits(64):016x}"
