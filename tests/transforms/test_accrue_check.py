"""Programme files: what is wrong with them is said with the field's path."""

from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from accrue_till import programme, terms

from schemas.programme import (
    BaseRate,
    Example,
    ExampleLine,
    Expiry,
    Given,
    Programme,
    Reward,
    TierLevel,
    TierRate,
    Tiers,
)
from transforms.accrue.check import check_programme, failing_examples

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "config" / "programmes").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_programmes_that_ship_are_right_and_prove_it(path: Path) -> None:
    loaded = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), Programme)
    assert check_programme(loaded) == []
    assert loaded.tests, "a programme shows what it means by examples"
    assert loaded.programme == path.stem


def test_a_wrong_example_is_named() -> None:
    example = Example(
        given=Given(tier="silver", lines=(ExampleLine(line_id="1", amount=1050),)),
        earns={"base": 10},
    )
    wrong = programme(tests=(example,))
    assert failing_examples(wrong) == check_programme(wrong)
    assert check_programme(wrong) == [
        "$.tests[0].earns: says {'base': 10}, but the rules give {'base': 10, 'tier_rate': 3}"
    ]


def test_an_example_is_rated_by_the_version_of_its_time() -> None:
    newer = terms(
        version=2,
        effective_from=datetime(2017, 1, 1, tzinfo=timezone.utc),
        earn=(BaseRate(rate=Decimal(2)),),
    )
    lines = (ExampleLine(line_id="1", amount=1000),)
    earlier = Given(at=datetime(2016, 5, 1, tzinfo=timezone.utc), lines=lines)
    examples = (
        Example(given=earlier, earns={"base": 10, "tier_rate": 0}),
        Example(given=Given(lines=lines), earns={"base": 20}),
    )
    assert check_programme(programme(terms(), newer, tests=examples)) == []


LEVELS = terms().tiers.levels


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"earn": (BaseRate(rate=Decimal(0)),)}, "$.versions[0].earn[0].rate: must be a number"),
        ({"earn": (BaseRate(rate=Decimal("NaN")),)}, "$.versions[0].earn[0].rate: must be"),
        ({"earn": (BaseRate(rate=Decimal(1)),) * 2}, "$.versions[0].earn[1].rule: stands twice"),
        (
            {"earn": (TierRate(rate_by_tier={"gold": Decimal(2)}),)},
            "$.versions[0].earn[0]: posts what it gives beyond base",
        ),
        (
            {"earn": (BaseRate(rate=Decimal(1)), TierRate(rate_by_tier={"tin": Decimal(2)}))},
            "$.versions[0].earn[1].rate_by_tier.tin: there is no such tier",
        ),
        (
            {"earn": (BaseRate(rate=Decimal(1)), TierRate(rate_by_tier={"gold": Decimal(-2)}))},
            "$.versions[0].earn[1].rate_by_tier.gold: must be above 0",
        ),
        ({"expiry": Expiry(mode="fixed")}, "$.versions[0].expiry.months: must be 1 or more"),
        (
            {"expiry": Expiry(mode="fixed", months=1), "pending_days": 40},
            "$.versions[0].pending_days: points would expire",
        ),
        (
            {"tiers": Tiers(levels=LEVELS[1:])},
            "$.versions[0].tiers.levels[0].from: must be 0",
        ),
        (
            {"tiers": Tiers(levels=(*LEVELS, TierLevel(tier="tin", threshold=5)))},
            "$.versions[0].tiers.levels[3].from: must be above 3000",
        ),
        (
            {"tiers": Tiers(levels=(*LEVELS, TierLevel(tier="gold", threshold=5000)))},
            "$.versions[0].tiers.levels: names a tier twice",
        ),
        (
            {"rewards": (Reward(reward="a", points=1), Reward(reward="a", points=2))},
            "$.versions[0].rewards[1].reward: 'a' stands twice",
        ),
        (
            {"rewards": (Reward(reward="a", points=1, tier="tin"),)},
            "$.versions[0].rewards[0].tier: there is no tier 'tin'",
        ),
    ],
)
def test_problems_of_a_version(changes: dict[str, Any], problem: str) -> None:
    problems = check_programme(programme(terms(**changes)))
    assert any(one.startswith(problem) for one in problems), problems


def test_problems_of_a_programme() -> None:
    backwards = terms(version=1, effective_from=datetime(2015, 1, 1, tzinfo=timezone.utc))
    example = Example(given=Given(tier="tin", lines=()), earns={})
    problems = check_programme(
        programme(
            terms(), backwards, time_zone="Mars/Olympus", markets=("us", "us"), tests=(example,)
        )
    )
    assert [one.split(": ")[0] for one in problems] == [
        "$.time_zone",
        "$.markets",
        "$.versions[1].effective_from",
        "$.versions[1].version",
        "$.tests[0].given.tier",
    ]


def test_unknown_keys_are_refused_with_their_path() -> None:
    text = (ROOT / "config" / "programmes" / "grocer.yaml").read_text("utf-8")
    wrong = yaml.safe_load(text)
    wrong["versions"][0]["earn"][0]["rte"] = 1
    with pytest.raises(msgspec.ValidationError, match=r"rte.*\$\.versions\[0\]\.earn\[0\]"):
        msgspec.convert(wrong, Programme)
