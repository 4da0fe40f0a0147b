"""What an offer takes off a basket, beside a slow count with fractions and single units."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rewards import Discount
from transforms.accrue.discounts import Priced, taken_off


def priced(*amounts: int, quantity: int = 1) -> list[Priced]:
    return [
        Priced(str(place), f"s{place}", "FOOD", quantity, amount)
        for place, amount in enumerate(amounts)
    ]


TEA = Priced("1", "tea", "DRINKS", 2, 1_051)
JAM = Priced("2", "jam", "SWEETS", 1, 799)
CARD = Priced("3", "card", "DRINKS", 1, 5_000, excluded=True)


@pytest.mark.parametrize(
    ("discount", "lines", "off"),
    [
        (Discount(percent=Decimal(10)), [JAM], [80]),
        (Discount(percent=Decimal(50)), priced(1, 1, 1), [1, 1, 0]),  # 1.5 off, half up
        (Discount(percent=Decimal("0.1")), priced(499), [0]),
        (Discount(percent=Decimal("0.1")), priced(500), [1]),
        (Discount(percent=Decimal(100)), [TEA, JAM, CARD], [1_051, 799, 0]),
        (Discount(percent=Decimal(10), categories=("DRINKS",)), [TEA, JAM, CARD], [105, 0, 0]),
        (Discount(percent=Decimal(10), skus=("jam",)), [TEA, JAM], [0, 80]),
        (
            Discount(percent=Decimal(10), skus=("jam",), categories=("DRINKS",)),
            [TEA, JAM],
            [105, 80],
        ),
        (Discount(amount=500), [TEA, JAM, CARD], [284, 216, 0]),
        (Discount(amount=500), priced(300), [300]),
        (Discount(amount=500), [CARD], [0]),
        (Discount(amount=500), priced(0, 0), [0, 0]),
        (Discount(free_units=1), [TEA, JAM], [525, 0]),  # 1,051 for two: 525 and 526
        (Discount(free_units=2), [TEA, JAM], [1_051, 0]),
        (Discount(free_units=3), [TEA, JAM], [1_051, 799]),
        (Discount(free_units=9), [TEA, CARD], [1_051, 0]),
        (Discount(free_units=1, skus=("jam",)), [TEA, JAM], [0, 799]),
        (Discount(free_units=1), priced(200, 200), [200, 0]),
    ],
)
def test_what_is_taken_off(discount: Discount, lines: list[Priced], off: list[int]) -> None:
    assert taken_off(discount, lines) == off


lines_bought = st.lists(
    st.builds(
        Priced,
        line_id=st.just("1"),
        sku=st.sampled_from(["tea", "jam"]),
        category=st.sampled_from(["DRINKS", "SWEETS"]),
        quantity=st.integers(1, 5),
        amount=st.integers(0, 3_000),
        excluded=st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
choices = {"categories": [(), ("DRINKS",)], "skus": [(), ("jam",)]}
chosen = {name: st.sampled_from(some) for name, some in choices.items()}


def eligible(discount: Discount, line: Priced) -> bool:
    if line.excluded:
        return False
    if not discount.skus and not discount.categories:
        return True
    return line.sku in discount.skus or line.category in discount.categories


@given(
    st.builds(Discount, percent=st.decimals("0.1", 100, places=1), **chosen)
    | st.builds(Discount, amount=st.integers(1, 5_000), **chosen),
    lines_bought,
)
def test_money_off_is_rounded_once_and_shared_by_what_lines_cost(
    discount: Discount, lines: list[Priced]
) -> None:
    off = taken_off(discount, lines)
    total = sum(line.amount for line in lines if eligible(discount, line))
    if discount.percent is not None:
        exact = Fraction(discount.percent) / 100 * total
        assert abs(sum(off) - exact) <= Fraction(1, 2)
        assert sum(off) - exact != Fraction(-1, 2), "half is rounded up"
    else:
        assert sum(off) == min(discount.amount or 0, total)
    for line, less in zip(lines, off, strict=True):
        assert 0 <= less <= line.amount
        if not eligible(discount, line):
            assert less == 0
        elif total:
            assert abs(less - Fraction(sum(off) * line.amount, total)) < 1


@given(st.builds(Discount, free_units=st.integers(1, 8), **chosen), lines_bought)
def test_the_cheapest_units_are_free(discount: Discount, lines: list[Priced]) -> None:
    units = []
    for place, line in enumerate(lines):
        left = line.amount
        for number in range(line.quantity, 0, -1):
            price = left // number
            left -= price
            if eligible(discount, line):
                units.append((price, place))
    off = [0] * len(lines)
    for price, place in sorted(units)[: discount.free_units]:
        off[place] += price
    assert taken_off(discount, lines) == off
