"""What an offer takes off a basket, line by line.

In: a discount as the catalogue says it, the basket's lines, and which of them it may touch. Out:
minor units off each line. Promises: no line gets cheaper than nothing; a percentage is rounded
once, half up, on what all eligible lines cost together; what is taken off is shared among the
lines by what they cost (largest remainder, the earlier of equals first).

>>> from decimal import Decimal
>>> taken_off(Discount(percent=Decimal(15)), [Priced("1", "a", "", 1, 333)])
[50]
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from schemas.rewards import Discount
from transforms.accrue.rate import share


class Priced(NamedTuple):
    """A line with what it costs. `excluded`: nothing comes of it and nothing off it."""

    line_id: str
    sku: str
    category: str
    quantity: int
    amount: int
    excluded: bool = False


def taken_off(discount: Discount, lines: Sequence[Priced]) -> list[int]:
    """Minor units off each line, in their order."""
    fits = [_is_eligible(discount, line) for line in lines]
    if discount.free_units is not None:
        return _free_units(discount.free_units, lines, fits)
    amounts = [line.amount if fit else 0 for line, fit in zip(lines, fits, strict=True)]
    total = sum(amounts)
    if not total:
        return amounts
    if discount.percent is not None:
        exact = total * discount.percent / 100
        off = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    else:
        off = min(discount.amount or 0, total)
    return share(off, amounts)


def _is_eligible(discount: Discount, line: Priced) -> bool:
    named = discount.categories or discount.skus
    return not line.excluded and (
        not named or line.category in discount.categories or line.sku in discount.skus
    )


def _free_units(count: int, lines: Sequence[Priced], fits: Sequence[bool]) -> list[int]:
    """The cheapest units are free. Units of a line cost the same, or a minor unit more if the
    amount can't be split evenly; of equal ones those of the earlier line are free."""
    kinds: list[tuple[int, int, int]] = []
    for place, (line, fit) in enumerate(zip(lines, fits, strict=True)):
        if fit:
            price, dearer = divmod(line.amount, line.quantity)
            kinds += [(price, place, line.quantity - dearer), (price + 1, place, dearer)]
    off = [0] * len(lines)
    for price, place, units in sorted(kinds):
        free = min(units, count)
        off[place] += price * free
        count -= free
    return off
