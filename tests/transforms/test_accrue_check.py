"""Programme files: what is wrong with them is said with the field's path."""

from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from accrue_till import programme, terms

from config.load import load
from schemas.challenges import Challenge
from schemas.earn_rules import (
    Action,
    BaseRate,
    Bonus,
    BonusRate,
    Cap,
    Hours,
    Multiply,
    TierRate,
    When,
)
from schemas.membership import PaidPlan
from schemas.programme import Example, ExampleLine, Given, Programme
from schemas.rewards import CatalogueOffer, Discount, Gift, Prize, Reward
from schemas.tiers import Expiry, TierLevel, Tiers
from transforms.accrue.check import check_programme, failing_examples

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "config" / "programmes").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_programmes_that_ship_are_right_and_prove_it(path: Path) -> None:
    loaded = load(path, Programme)
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
        (
            {"earn": (BaseRate(rate=Decimal(1)),) * 2},
            "$.versions[0].earn[1].rule: 'base' stands twice",
        ),
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
            "$.versions[0].earn[1].rate_by_tier.gold: must be a number above 0",
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


BASE = BaseRate(rate=Decimal(1))
BONUS = {"points": 5}
POINTS = Prize(points=5)


def rule(*more: Any) -> dict[str, Any]:
    return {"earn": (BASE, *more)}


def asking(**asks: Any) -> dict[str, Any]:
    return rule(Bonus(points=5, when=When(**asks)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (rule(BaseRate(rate=Decimal(2))), "earn[1].rule: 'base' stands twice"),
        (rule(Bonus(points=1, name="base")), "earn[1].rule: 'base' stands twice"),
        (rule(Bonus(points=1, name="adjust")), "earn[1].name: 'adjust' means something else"),
        (rule(Bonus(points=1, name="edited")), "earn[1].name: 'edited' means something else"),
        (rule(BonusRate(rate=Decimal(-1))), "earn[1].rate: must be a number above 0"),
        (rule(BonusRate(rate=Decimal("1e9"))), "earn[1].rate: must be a number above 0, at most"),
        (rule(BonusRate(rate=Decimal("1e999999999"))), "earn[1].rate: must be a number"),
        (rule(BonusRate(rate=Decimal("1e-999999999"))), "earn[1].rate: must be a number"),
        (rule(BonusRate(rate=Decimal("0.0000001"))), "earn[1].rate: must be a number"),
        (rule(BonusRate(rate=Decimal("Infinity"))), "earn[1].rate: must be a number"),
        (rule(Multiply(times=Decimal(1))), "earn[1].times: must be a number above 1"),
        (rule(Multiply(times=Decimal("sNaN"))), "earn[1].times: must be a number above 1"),
        (rule(Multiply(times=Decimal(2), of=("later",))), "earn[1].of: no rule above it"),
        ({"earn": (Multiply(times=Decimal(2)),)}, "earn[0]: multiplies what the rules above it"),
        (
            {
                "earn": (
                    Action(on="enrolled", points=5),
                    Multiply(times=Decimal(2), of=("action",)),
                )
            },
            "earn[1].of: 'action' rewards actions",
        ),
        *(
            (
                rule(Multiply(times=Decimal(2), when=When(**{field: ("x",)}))),
                "earn[1].when: multiplies whole receipts",
            )
            for field in ("categories", "skus", "except_categories", "except_skus", "tenders")
        ),
        *(
            (
                rule(Action(on="enrolled", points=5, when=When(**asks))),
                "earn[1].when: an action has no lines",
            )
            for asks in (
                {"categories": ("x",)},
                {"except_skus": ("x",)},
                {"tenders": ("cash",)},
                {"fulfilment": ("ship",)},
                {"spend_at_least": 1},
                {"units_at_least": 1},
                {"first_purchase": True},
            )
        ),
        (asking(tiers=("tin",)), "earn[1].when.tiers: there is no 'tin'"),
        (asking(plans=("plus",)), "earn[1].when.plans: there is no 'plus'"),
        (asking(offers=("half",)), "earn[1].when.offers: there is no 'half'"),
        (
            asking(
                start=datetime(2017, 1, 2, tzinfo=timezone.utc),
                end=datetime(2017, 1, 2, tzinfo=timezone.utc),
            ),
            "earn[1].when.until: must be later than from",
        ),
        (asking(hours=Hours(start="10:00", end="10:00")), "earn[1].when.hours: must end at"),
        (rule(Bonus(**BONUS, cap=Cap(per="day"))), "earn[1].cap: must say points or times"),
        (
            rule(Bonus(**BONUS, cap=Cap(times=2, per="receipt"))),
            "earn[1].cap.times: a rule earns once a receipt anyway",
        ),
        ({"caps": (Cap(per="day"),)}, "caps[0]: must say points or times"),
        ({"caps": (Cap(times=3, per="day"),)}, "caps[0].times: over all rules only points"),
        (
            {"caps": (Cap(points=3, per="day"), Cap(points=4, per="day"))},
            "caps[1].per: 'day' stands twice",
        ),
        (
            {"offers": (CatalogueOffer(offer="a", discount=Discount()),)},
            "offers[0].discount: must say one of",
        ),
        (
            {"offers": (CatalogueOffer(offer="a", discount=Discount(amount=5, free_units=1)),)},
            "offers[0].discount: must say one of",
        ),
        *(
            (
                {"offers": (CatalogueOffer(offer="a", discount=Discount(percent=Decimal(part))),)},
                "offers[0].discount.percent: must be above 0 and at most 100",
            )
            for part in ("0", "100.01", "NaN")
        ),
        (
            {"offers": (CatalogueOffer(offer="a"), CatalogueOffer(offer="a"))},
            "offers[1].offer: 'a' stands twice",
        ),
        (
            {"gifts": (Gift(gift="base", on="birthday", prize=POINTS),)},
            "gifts[0].gift: a rule is called 'base' already",
        ),
        (
            {"gifts": (Gift(gift="cake", on="birthday", prize=Prize()),)},
            "gifts[0].prize: must say points, offer or access",
        ),
        (
            {"gifts": (Gift(gift="cake", on="birthday", prize=Prize(offer="cake")),)},
            "gifts[0].prize.offer: there is no offer 'cake'",
        ),
        (
            {"gifts": (Gift(gift="cake", on="birthday", prize=POINTS),) * 2},
            "gifts[1].gift: 'cake' stands twice",
        ),
    ],
)
def test_problems_of_rules_caps_and_what_is_given(changes: dict[str, Any], problem: str) -> None:
    problems = check_programme(programme(terms(**changes)))
    assert any(one.startswith(f"$.versions[0].{problem}") for one in problems), problems


CHALLENGE = {"challenge": "ten", "counts": "visits", "target": 10, "prize": POINTS}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"challenge": "base"}, "challenge: a rule or gift is called 'base' already"),
        ({"counts": "actions"}, "on: must say which type of event counts"),
        ({"on": "enrolled"}, "on: visits are of purchases"),
        ({"activities": ("run",)}, "activities: needs on"),
        (
            {"counts": "actions", "on": "enrolled", "when": When(categories=("x",))},
            "when: an action has no lines",
        ),
        ({"when": When(first_purchase=True)}, "when.first_purchase: count visits"),
        ({"when": When(tiers=("tin",))}, "when.tiers: there is no 'tin'"),
        ({"repeat": True, "prize": Prize(access="club")}, "repeat: what is unlocked stays so"),
        ({"in_a_row": "week", "within": "month"}, "within: a streak has no further period"),
        ({"in_a_row": "week", "counts": "spend"}, "counts: a streak counts visits or actions"),
        ({"in_a_row": "week", "target": 1}, "target: must be 2 or more weeks in a row"),
        ({"prize": Prize()}, "prize: must say points, offer or access"),
    ],
)
def test_problems_of_challenges(changes: dict[str, Any], problem: str) -> None:
    one = Challenge(**{**CHALLENGE, **changes})
    problems = check_programme(programme(terms(challenges=(one,))))
    assert any(said.startswith(f"$.versions[0].challenges[0].{problem}") for said in problems), (
        problems
    )
    assert check_programme(programme(terms(challenges=(Challenge(**CHALLENGE),)))) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"tier": "tin"}, "$.tests[0].given.tier: no version has a tier 'tin'"),
        (
            {"at": datetime(1, 1, 1, tzinfo=timezone.utc)},
            "$.tests[0].given.at: must be between 1970 and 2100",
        ),
    ],
)
def test_problems_of_examples(given: dict[str, Any], problem: str) -> None:
    problems = check_programme(programme(tests=(Example(given=Given(**given), earns={}),)))
    assert [one for one in problems if one.startswith(problem)], problems


def test_a_version_begins_in_our_times() -> None:
    (problem,) = check_programme(
        programme(terms(effective_from=datetime(9999, 1, 1, tzinfo=timezone.utc)))
    )
    assert problem.startswith("$.versions[0].effective_from: must be between 1970 and 2100")


def test_an_example_says_everything_that_a_rule_can_ask() -> None:
    """Each of them alone makes the difference."""
    catalogue = {
        "offers": (CatalogueOffer(offer="half"),),
        "plans": (PaidPlan(plan="plus", months=1),),
    }
    lines = (ExampleLine(line_id="1", amount=500, quantity=2, sku="milk", category="DAIRY"),)
    wednesday = datetime(2017, 3, 1, 15, 30, tzinfo=timezone.utc)  # 10:30 in New York
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"stores": ("s-1",)}, {"store": "s-1"}),
        ({"touchpoints": ("kiosk",)}, {"touchpoint": "kiosk"}),
        ({"sources": ("app",)}, {"source": "app"}),
        ({"fulfilment": ("ship",)}, {"fulfilment": "ship"}),
        ({"tenders": ("cash",)}, {"tenders": {"cash": 500}}),
        ({"weekdays": ("wed",)}, {"at": wednesday}),
        ({"hours": Hours(start="10:00", end="11:00")}, {"at": wednesday}),
        ({"offers": ("half",)}, {"offers": ("half",)}),
        ({"plans": ("plus",)}, {"plan": "plus"}),
        ({"tiers": ("gold",)}, {"tier": "gold"}),
        ({"first_purchase": True}, {"first_purchase": True}),
        ({"birthday": "day"}, {"at": wednesday, "birthday": "03-01"}),
    ]
    for asks, says in asked:
        rules = (Bonus(points=5, when=When(**asks)),)
        told = Example(given=Given(lines=lines, **says), earns={"bonus": 5})
        untold = Example(given=Given(lines=lines), earns={})
        assert (
            check_programme(programme(terms(earn=rules, **catalogue), tests=(told, untold))) == []
        ), asks


def test_an_example_may_be_an_action_and_knows_caps_as_untouched() -> None:
    rules = (
        BASE,
        Action(on="activity_completed", activities=("run",), points=3, per=5),
        Bonus(points=50, cap=Cap(points=20, per="day")),
    )
    run = {"action": "activity_completed", "activity": "run"}
    lines = (ExampleLine(line_id="1", amount=900),)
    examples = (
        Example(given=Given(**run, quantity=12), earns={"action": 6}),
        Example(given=Given(**{**run, "activity": "swim"}, quantity=12), earns={}),
        Example(given=Given(lines=lines), earns={"base": 9, "bonus": 16}),
    )
    caps = (Cap(points=25, per="month"),)
    assert check_programme(programme(terms(earn=rules, caps=caps), tests=examples)) == []


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
