"""Kinds of rules: what each gives, in which order, under which name; actions and bonuses."""

from decimal import Decimal
from typing import Any

import pytest
from accrue_till import DAY, Till, accrue, day, event, line, return_, sale
from earning_till import activity, by_rule, earned, plain_terms, profile, reversed_, till

from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Cap, Multiply, TierRate, When
from schemas.payloads import Benefit, Nothing, RewardViewed, Visit
from schemas.tiers import TierLevel, Tiers

BASE = BaseRate(rate=Decimal(1))
GOLD = Tiers(metric="visits", levels=(TierLevel(tier="gold", threshold=0),))


def test_rules_are_rated_in_the_order_of_the_file() -> None:
    rules = (
        BASE,
        TierRate(rate_by_tier={"gold": Decimal("1.5")}),
        Multiply(name="double", times=Decimal(2)),
        BonusRate(rate=Decimal("0.25"), rounding="ceil"),
        Bonus(name="each", points=2, per="unit"),
        Bonus(name="visit", points=7),
        Multiply(name="triple_visit", times=Decimal(3), of=("visit", "each")),
    )
    bought = [line("1", 500, quantity=2), line("2", 530)]
    played = till(*rules, tiers=GOLD).play(sale("a", day(0), bought))
    assert by_rule(played, "a") == {
        "base": 10,
        "tier_rate": 5,  # floor(15.45) − 10
        "double": 15,  # of base and tier_rate, not of what comes after
        "bonus_rate": 3,  # ceil(2.575)
        "each": 6,
        "visit": 7,
        "triple_visit": 26,
    }
    kinds = [(one.kind, one.rule) for one in played.entries]
    assert list(dict.fromkeys(kinds)) == [
        ("earn", "base"),
        ("earn", "tier_rate"),
        ("bonus", "double"),
        ("bonus", "bonus_rate"),
        ("bonus", "each"),
        ("bonus", "visit"),
        ("bonus", "triple_visit"),
    ]
    assert len({one.entry_id for one in played.entries}) == len(played.entries)
    (lot,) = played.lots().values()
    assert lot.points == lot.remaining == sum(by_rule(played, "a").values())


@pytest.mark.parametrize(
    ("times", "rounding", "excess"),
    [("1.5", "floor", 5), ("1.5", "ceil", 6), ("2", "floor", 11), ("1.45", "half_up", 5)],
)
def test_multiplying_by_parts_is_rounded_once(times: str, rounding: Any, excess: int) -> None:
    rule = Multiply(times=Decimal(times), rounding=rounding)
    assert by_rule(till(BASE, rule).play(sale("a", day(0), 1100)), "a")["multiply"] == excess


def test_a_multiplied_receipt_gives_back_what_it_kept_less() -> None:
    rules = (BASE, Multiply(times=Decimal("1.5")), Bonus(points=2, per="unit"))
    bought = [line("1", 900, quantity=3), line("2", 250)]
    played = till(*rules).play(sale("a", day(0), bought))
    assert by_rule(played, "a") == {"base": 11, "multiply": 5, "bonus": 8}
    played.play(return_("r", day(1), "a", [line("1", 300, quantity=1)]))
    assert reversed_(played) == {("r", "base"): 3, ("r", "multiply"): 1, ("r", "bonus"): 2}
    played.play(return_("s", day(2), "a", bought), return_("t", day(3), "a", bought))
    assert played.available == 0
    assert played.balances()["reversed"] == 24


def test_a_gain_by_returning_is_set_off_and_never_paid() -> None:
    """The tier's excess over base grows when base alone shrinks; a multiple of it grows more."""
    rules = (
        BASE,
        TierRate(rate_by_tier={"gold": Decimal(2)}, when=When(categories=("FOOD",))),
        Multiply(name="triple", times=Decimal(3), of=("tier_rate",)),
    )
    bought = [line("1", 1000), line("2", 800, category="OTHER")]
    played = till(*rules, tiers=GOLD).play(sale("a", day(0), bought))
    assert by_rule(played, "a") == {"base": 18, "tier_rate": 2, "triple": 4}
    before = played.available
    played.play(return_("r", day(1), "a", bought[1:]))
    assert (played.available, reversed_(played)) == (before, {})
    played.play(return_("s", day(2), "a", bought[:1]))
    assert played.available == 0


def test_points_that_do_not_qualify() -> None:
    levels = (TierLevel(tier="basic", threshold=0), TierLevel(tier="gold", threshold=20))
    rules = (BASE, Bonus(points=50, qualifies=False))
    played = till(*rules, tiers=Tiers(levels=levels)).play(sale("a", day(0), 1900))
    assert (played.state.current.qualifying, played.tier) == (19, "basic")
    played.play(sale("b", day(1), 100))
    assert (played.state.current.qualifying, played.tier) == (20, "gold")
    played.play(return_("r", day(2), "b", [line("1", 100)]))
    assert played.state.current.qualifying == 19


@pytest.mark.parametrize(
    ("one", "on", "named"),
    [
        (activity("x", day(0), "workout"), "activity_completed", "workout"),
        (profile("x", day(0), "enrolled"), "enrolled", None),
        (profile("x", day(0), birthday="03-31"), "profile_updated", None),
        (event("app_opened", "e-x", day(0), Nothing(), "app"), "app_opened", None),
        (event("subscribed", "e-x", day(0), Nothing(), "web"), "subscribed", None),
        (
            event("reward_viewed", "e-x", day(0), RewardViewed(reward_id="mug"), "app"),
            "reward_viewed",
            "mug",
        ),
        (
            event("store_visited", "e-x", day(0), Visit(store_id="s-1"), "app"),
            "store_visited",
            "s-1",
        ),
        (
            event("benefit_used", "e-x", day(0), Benefit(benefit="lounge"), "partner"),
            "benefit_used",
            "lounge",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_each_type_of_action_earns(one: Any, on: Any, named: str | None) -> None:
    assert earned(till(Action(on=on, points=5)).play(one)) == {("x", "action"): 5}
    others = Action(on=on, points=5, activities=("something_else",))
    assert till(others).play(one).entries == []
    if named is not None:
        rule = Action(on=on, points=5, activities=("something_else", named.replace("-", "_")))
        assert bool(till(rule).play(one).entries) == ("-" not in named)


@pytest.mark.parametrize(("quantity", "points"), [(4, 0), (5, 3), (9, 3), (10, 6), (1, 0)])
def test_an_actions_quantity(quantity: int, points: int) -> None:
    rule = Action(on="activity_completed", points=3, per=5)
    played = till(rule).play(activity("a", day(0), "run", quantity))
    assert sum(earned(played).values()) == points
    assert bool(played.lots()) == bool(points)


def test_an_action_is_available_at_once_and_posted_for_no_line() -> None:
    rule = Action(name="workouts", on="activity_completed", points=5)
    played = till(rule, pending_days=3).play(activity("a", day(0)), sale("b", day(0.1), 500))
    (entry,) = played.entries
    assert (entry.kind, entry.rule, entry.debit, entry.credit) == (
        "bonus",
        "workouts",
        "issued",
        "available",
    )
    assert (entry.line_id, entry.event_id) == (None, "e-a")
    (lot,) = played.lots().values()
    assert (lot.points, lot.available_at) == (5, day(0))


def test_several_rules_of_one_action_make_one_lot() -> None:
    rules = (
        Action(name="any", on="activity_completed", points=1),
        Action(name="runs", on="activity_completed", points=2, activities=("run",)),
    )
    played = till(*rules).play(activity("a", day(0), "run"), activity("b", day(1), "swim"))
    assert earned(played) == {("a", "any"): 1, ("a", "runs"): 2, ("b", "any"): 1}
    assert sorted(lot.points for lot in played.lots().values()) == [1, 3]


def test_once_and_for_all() -> None:
    rule = Action(on="enrolled", points=25, cap=Cap(times=1, per="ever"))
    played = till(rule).play(profile("a", day(0), "enrolled"), profile("b", day(400), "enrolled"))
    assert earned(played) == {("a", "action"): 25}


def test_actions_do_not_earn_by_rules_of_purchases_nor_the_other_way_round() -> None:
    rules = (BASE, Bonus(points=7), Action(on="activity_completed", points=5))
    played = till(*rules).play(sale("a", day(0), 500), activity("b", day(1)))
    assert earned(played) == {("a", "base"): 5, ("a", "bonus"): 7, ("b", "action"): 5}


def test_an_action_that_nothing_rewards_leaves_no_trace() -> None:
    played = till(BASE).play(activity("a", day(0)))
    assert played.entries == [] and played.state.facts == []


def test_actions_count_for_tiers() -> None:
    levels = (TierLevel(tier="basic", threshold=0), TierLevel(tier="gold", threshold=5))
    rule = Action(on="activity_completed", points=5)
    assert till(rule, tiers=Tiers(levels=levels)).play(activity("a", day(0))).tier == "gold"
    quiet = Action(on="activity_completed", points=5, qualifies=False)
    assert till(quiet, tiers=Tiers(levels=levels)).play(activity("a", day(0))).tier == "basic"


def test_a_late_action_ends_as_if_it_had_come_in_time() -> None:
    rule = Action(on="activity_completed", points=5, cap=Cap(points=7, per="day"))
    first, second = activity("a", day(0)), activity("b", day(0.1))
    played = till(rule).play(second).late(first, day(3))
    straight = till(rule).play(first, second)
    assert earned(played) == earned(straight) == {("a", "action"): 5, ("b", "action"): 2}
    assert played.balances() == straight.balances()
    assert {one.corrects is not None for one in played.entries if one.kind == "correct"} == {True}


def test_an_action_of_somebody_else_is_taken_back() -> None:
    rule = Action(on="activity_completed", points=5, cap=Cap(times=1, per="day"))
    first, second = activity("a", day(0)), activity("b", day(0.1))
    played = till(rule).play(first, second).late(first, day(2), retract=True)
    assert earned(played) == {("b", "action"): 5}
    assert played.available == 5
    assert sorted(lot.points for lot in played.lots().values()) == [0, 5]


def test_an_action_told_twice_counts_once() -> None:
    one = activity("a", day(0))
    played = till(Action(on="activity_completed", points=5)).play(one, one).late(one, day(9))
    assert earned(played) == {("a", "action"): 5}


def test_an_action_from_beyond_the_horizon_counts_today_and_says_so() -> None:
    rule = Action(on="activity_completed", points=5, cap=Cap(points=7, per="day"))
    played = till(rule).play(activity("b", day(30))).late(activity("a", day(0)), day(30.1))
    assert earned(played) == {("b", "action"): 5, ("a", "action"): 2}
    late = played.entries[-1]
    assert (late.posting, late.occurred_at, late.posted_at) == ("late", day(0), day(30.1))


def test_an_action_whose_id_nobody_remembers_so_long_earns_nothing_then() -> None:
    """It may have been counted when it occurred: app_opened is remembered for an hour."""
    opened = event("app_opened", "e-x", day(0), Nothing(), "app")
    rule = Action(on="app_opened", points=5)
    played = till(rule).play(opened).late(opened, day(16))
    played.late(opened, day(30)).until(day(40))
    assert earned(played) == {("x", "action"): 5}


def test_an_action_before_the_programme_began_earns_nothing() -> None:
    played = Till(accrue(plain_terms(Action(on="activity_completed", points=5))))
    assert played.play(activity("a", day(-800) - DAY)).entries == []


def test_an_action_of_before_the_horizon_is_taken_back_and_given_again() -> None:
    rules = Action(on="activity_completed", activities=("run",), points=10)
    played = till(BASE, rules)
    run = activity("run", day(0), "run")
    played.play(run, sale("a", day(40), 100))
    assert played.available == 11
    played.late(run, day(41), retract=True)
    assert played.available == 1
    assert [one.rule for one in played.entries if one.kind == "reverse"] == ["withdrawn"]
    played.late(run, day(42))
    assert played.available == 11
    played.late(run, day(43))
    assert played.available == 11
    played.late(run, day(44), retract=True)
    played.play(sale("b", day(90), 100))
    played.late(run, day(91))
    assert played.available == 12
    ids = [one.entry_id for one in played.entries]
    assert len(set(ids)) == len(ids)
