"""What a programme file says of offers, gifts and plans is checked, and read as it is written."""

from textwrap import indent

import pytest

from config.load import convert
from config.nodes import parse
from schemas.programme import Programme
from transforms.accrue.check import check_programme

PLAIN = """
programme: plain
markets: [us]
currency: USD
time_zone: America/New_York
versions:
  - version: 1
    effective_from: 2024-01-01T00:00:00-05:00
    earn: [{rule: base, rate: 1}]
"""
YAML = """
offers:
  - {offer: five_off, group: basket, valid_days: 14, discount: {amount: 500, categories: [DELI]}}
  - {offer: free_coffee, discount: {free_units: 1, skus: [latte]}}
gifts:
  - {gift: birthday, on: birthday, prize: {points: 100, offer: free_coffee}}
  - {gift: thanks, on: anniversary, prize: {access: club}}
plans:
  - plan: plus
    months: 12
    trial_days: 30
    grace_days: 14
    entitlements:
      - {entitlement: delivery}
      - {entitlement: fuel, limit: 4, per: month}
      - {entitlement: streaming, limit: 1, per_days: 90}
"""


def problems(text: str) -> list[str]:
    """What is wrong with a programme whose one version says this, too."""
    said = convert(parse(f"{PLAIN}{indent(text, '    ')}", "plain.yaml"), Programme)
    return check_programme(said)


def test_the_example_of_the_documentation_is_right() -> None:
    assert problems(YAML) == []


@pytest.mark.parametrize(
    "before, after, problem",
    [
        (
            "offer: five_off, g",
            "offer: free_coffee, g",
            "offers[1].offer: 'free_coffee' stands twice",
        ),
        (
            "{amount: 500, ",
            "{amount: 500, percent: 5, ",
            "offers[0].discount: must say one of percent, amount and free_units",
        ),
        (
            "{free_units: 1, ",
            "{",
            "offers[1].discount: must say one of percent, amount and free_units",
        ),
        (
            "offer: free_coffee}",
            "offer: tea}",
            "gifts[0].prize.offer: there is no offer 'tea' in this version",
        ),
        ("{access: club}", "{}", "gifts[1].prize: must say points, offer or access"),
        ("gift: thanks", "gift: birthday", "gifts[1].gift: 'birthday' stands twice"),
        ("gift: thanks", "gift: base", "gifts[1].gift: a rule is called 'base' already"),
        (
            "entitlement: fuel",
            "entitlement: delivery",
            "plans[0].entitlements[1].entitlement: 'delivery' stands twice",
        ),
        (
            "limit: 4, per: month",
            "per: month",
            "plans[0].entitlements[1].limit: must say how often",
        ),
        (
            "limit: 4, per: month",
            "limit: 1001, per: month",
            "plans[0].entitlements[1].limit: must be at most 1000, since each use is remembered; "
            "got 1001",
        ),
        (
            "limit: 1, per_days: 90",
            "limit: 1, per_days: 90, per: year",
            "plans[0].entitlements[2].per_days: leave out per or per_days",
        ),
    ],
)
def test_a_mistake_is_named(before: str, after: str, problem: str) -> None:
    assert YAML.count(before) == 1
    assert problems(YAML.replace(before, after)) == [f"$.versions[0].{problem}"]
