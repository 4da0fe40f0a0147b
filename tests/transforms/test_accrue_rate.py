"""Rating and sharing: exact, once a receipt, largest remainder."""

import doctest
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import get_args

import pytest
from accrue_till import terms
from hypothesis import given
from hypothesis import strategies as st

import transforms.accrue.local_time
import transforms.accrue.rate
from schemas.earn_rules import AnyEarnRule, BaseRate
from transforms.accrue.rate import (
    KINDS,
    POINTS_MAX,
    Basis,
    Rule,
    basis_of,
    prepare_rules,
    rate,
    share,
)


def rated(rules: tuple[Rule, ...], tier: str, amount: int) -> list[int]:
    """What a receipt of one line earns, by rule."""
    return rate(rules, tier, basis_of([amount], [1], [-1], len(rules)))


@pytest.mark.parametrize("module", [transforms.accrue.rate, transforms.accrue.local_time])
def test_examples_in_the_documentation(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    ("rounding", "amount", "points"),
    [
        ("floor", 199, 1),
        ("floor", 200, 2),
        ("ceil", 101, 2),
        ("ceil", 100, 1),
        ("half_up", 149, 1),
        ("half_up", 150, 2),
        ("half_up", 250, 3),  # not to the even one
    ],
)
def test_rounding(rounding: str, amount: int, points: int) -> None:
    rules = prepare_rules([BaseRate(rate=Decimal(1), rounding=rounding)], 100)  # type: ignore[arg-type]
    assert rated(rules, "", amount) == [points]


@pytest.mark.parametrize(
    ("tier", "amount", "base", "excess"),
    [
        ("basic", 1050, 10, 0),
        ("silver", 1050, 10, 3),
        ("gold", 1050, 10, 5),
        ("gold", 0, 0, 0),
        ("unheard_of", 1050, 10, 0),
        ("silver", 10_000_000_000_00, 10_000_000_000, 2_500_000_000),
    ],
)
def test_tier_rate_posts_the_excess(tier: str, amount: int, base: int, excess: int) -> None:
    rules = prepare_rules(terms().earn, 100)
    assert rated(rules, tier, amount) == [base, excess]


ROUND = {
    "floor": floor,
    "ceil": ceil,
    "half_up": lambda number: floor(number + Fraction(1, 2)),
}


@given(
    amount=st.integers(0, 10**12),
    hundredths=st.integers(1, 10**5),
    rounding=st.sampled_from(sorted(ROUND)),
    minor_units=st.sampled_from([1, 100, 1000]),
)
def test_rates_are_exact(amount: int, hundredths: int, rounding: str, minor_units: int) -> None:
    exact = Decimal(hundredths) / 100
    rule = BaseRate(rate=exact, rounding=rounding)  # type: ignore[arg-type]
    wanted = ROUND[rounding](Fraction(amount * hundredths, 100 * minor_units))
    assert rated(prepare_rules([rule], minor_units), "", amount) == [min(wanted, POINTS_MAX)]


def test_floats_would_have_been_wrong() -> None:
    rule = BaseRate(rate=Decimal("1.1"))
    assert rated(prepare_rules([rule], 100), "", 1000) == [11]
    assert rated(prepare_rules([BaseRate(rate=Decimal("1.15"))], 1), "", 100) == [115]
    assert floor(100 * 1.15) == 114


@given(
    points=st.integers(0, 10**6),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any),
)
def test_shares_add_up_and_are_fair(points: int, weights: list[int]) -> None:
    shares = share(points, weights)
    assert sum(shares) == points
    for part, weight in zip(shares, weights, strict=True):
        exact = Fraction(points * weight, sum(weights))
        assert floor(exact) <= part <= floor(exact) + 1
        assert weight or not part
    for one, other in zip(range(len(weights)), range(1, len(weights)), strict=False):
        if weights[one] == weights[other]:
            assert shares[one] >= shares[other]  # ties go to the earlier line


def test_totals_follow_the_masks() -> None:
    masks = [-1, 0b01, 0b10, 0]
    assert basis_of([100, 10, 1, 1000], [1, 2, 3, 4], masks, 2) == Basis([110, 101], [3, 4])
    assert basis_of([100, 10], [1, 2], [-1, -1], 2) == Basis([110, 110], [3, 3])
    assert basis_of([100, 10], [1, 2], [-1, -1], 0) == Basis([], [])


def test_every_kind_of_rule_stands_in_the_table() -> None:
    assert set(KINDS) == set(get_args(AnyEarnRule))
