"""Baskets: what a household buys at one till, real or invented, and the shelves they come from.

An invented household visits at its own rate (Gamma over households, exponential gaps) and
stops for good after some visit (Beta over households), the assumptions behind BG/NBD models,
so that churn exists to be found. Amounts are log-normal and shared among lines by price.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from scripts.traffic.chance import DAY_MS, HOUR_MS, between, pick, token

OPEN_HOURS: Final = (8, 9, 10, 11, 11, 12, 12, 13, 14, 15, 16, 16, 17, 17, 17, 18, 18, 19, 20, 21)
LINES_MAX: Final = 60


class Product(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    sku: str
    category: str
    price: int
    """Usual price of one, minor units."""


class Shelf:
    """Products by popularity; `pick` draws one."""

    def __init__(self, products: Sequence[Product], weights: Sequence[float]) -> None:
        sums = list(accumulate(weights))
        places = max(4 * len(products), 1)
        self._places = [
            products[min(bisect_right(sums, (i + 0.5) / places * sums[-1]), len(products) - 1)]
            for i in range(places)
        ]

    def pick(self, rng: Random) -> Product:
        return pick(rng, self._places)


class Basket(msgspec.Struct, kw_only=True, gc=False):
    """One receipt. `lines` is encoded already: most baskets are only passed on."""

    transaction_id: str
    household_id: str
    store_id: str
    occurred_at: int
    amount: int
    """What its lines add up to, minor units."""
    coupon: int = 0
    """Of that, paid by manufacturers' coupons."""
    lines: msgspec.Raw
    offers: tuple[str, ...] = ()


class Campaign(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A campaign that a household received; times in ms UTC."""

    campaign_id: str
    kind: str
    starts_at: int
    ends_at: int


class Household(msgspec.Struct, kw_only=True, gc=False):
    """What is known of a household before people are simulated into it; baskets by time."""

    household_id: str
    real: bool
    home_store: str
    baskets: list[Basket]
    campaigns: list[Campaign] = []


CATEGORIES: Final = (
    "SOFT DRINKS",
    "FLUID MILK PRODUCTS",
    "BAKED BREAD/BUNS/ROLLS",
    "CHEESE",
    "FRZN MEAT/MEAT DINNERS",
    "BAG SNACKS",
    "YOGURT",
    "TROPICAL FRUIT",
    "BEEF",
    "CANDY",
    "EGGS",
    "COFFEE",
    "PAPER TOWELS",
    "PIZZA",
    "SALAD MIX",
    "ICE CREAM",
    "CEREAL",
    "DELI MEATS",
    "VEGETABLES",
    "PET FOOD",
)


def invented_shelf(rng: Random, products: int = 2_000) -> Shelf:
    """A shop's range: log-normal prices, and few products sell most."""
    goods = [
        Product(
            sku=str(1_000_000 + 37 * i),
            category=pick(rng, CATEGORIES),
            price=max(29, round(rng.lognormvariate(5.6, 0.6))),
        )
        for i in range(products)
    ]
    return Shelf(goods, [1.0 / (i + 5) for i in range(products)])


def invented_household(rng: Random, number: int, shelf: Shelf, start: int, end: int) -> Household:
    """A household that shops from some day on and may stop; `start` is a local midnight."""
    household_id = str(number)
    store_id = str(300 + between(rng, 0, 60))
    visits_a_day = rng.gammavariate(1.3, 0.15)
    drop_out = rng.betavariate(0.9, 14.0)
    days = (end - start) // DAY_MS
    day = -rng.random() / max(visits_a_day, 0.01) if rng.random() < 0.7 else rng.random() * days
    baskets: list[Basket] = []
    while True:
        day += rng.expovariate(max(visits_a_day, 0.001))
        if day >= days:
            break
        if day < 0.3:
            continue
        occurred_at = start + int(day) * DAY_MS + pick(rng, OPEN_HOURS) * HOUR_MS
        occurred_at += between(rng, 0, HOUR_MS)
        baskets.append(
            _invented_basket(
                rng, f"{number}-{len(baskets)}", household_id, store_id, occurred_at, shelf
            )
        )
        if rng.random() < drop_out:
            break
    baskets.sort(key=lambda basket: basket.occurred_at)
    return Household(household_id=household_id, real=False, home_store=store_id, baskets=baskets)


def _invented_basket(
    rng: Random, name: str, household_id: str, store_id: str, occurred_at: int, shelf: Shelf
) -> Basket:
    amount = max(99, round(rng.lognormvariate(7.45, 0.95)))
    goods = [
        shelf.pick(rng) for _ in range(min(LINES_MAX, 1 + int(amount / 330 * rng.random() * 2)))
    ]
    return Basket(
        transaction_id=f"t{name}-{token(rng)[:6]}",
        household_id=household_id,
        store_id=store_id,
        occurred_at=occurred_at,
        amount=amount,
        lines=msgspec.Raw(msgspec.json.encode(lines_of(rng, goods, amount))),
    )


def lines_of(
    rng: Random, goods: Sequence[Product], amount: int | None = None
) -> list[dict[str, object]]:
    """Receipt lines for `goods`; with `amount`, prices are scaled so that they add up to it."""
    quantities = [1 if rng.random() < 0.8 else between(rng, 2, 5) for _ in goods]
    full = [p.price * q for p, q in zip(goods, quantities, strict=True)]
    if amount is None:
        paid = full
    else:
        # Cumulative rounding: the lines add up to the amount exactly.
        whole, so_far, done = sum(full), 0, 0
        paid = []
        for price in full:
            so_far += price
            upto = math.floor(amount * so_far / whole)
            paid.append(upto - done)
            done = upto
    return [
        {
            "line_id": str(i),
            "sku": product.sku,
            "category": product.category,
            "quantity": quantity,
            "amount": cents,
        }
        for i, (product, quantity, cents) in enumerate(zip(goods, quantities, paid, strict=True), 1)
    ]
