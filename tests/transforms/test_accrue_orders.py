"""Orders across channels: an order earns once, by whichever of its events may and comes first."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from accrue_till import MINUTE, Till, adjust, cancel, day, line, redeem, return_, sale
from earning_till import earned, reversed_, step, till

from schemas.earn_rules import BaseRate, Bonus, When

BASE = BaseRate(rate=Decimal(1))
BOUGHT = [line("1", 500), line("2", 300)]
STEPS = {
    "order_placed": step("order_placed", "o", day(0), BOUGHT),
    "order_collected": step("order_collected", "o", day(1), BOUGHT),
    "order_delivered": step("order_delivered", "o", day(2), BOUGHT),
    "sale": sale("t", day(1.01), BOUGHT, order_id="o"),
}
NAMES = {"sale": "t"} | {name: f"{name}-o" for name in STEPS if name != "sale"}
ALL = tuple(STEPS)


def once(played: Till) -> str:
    """Which event earned; no more than one did."""
    (key,) = earned(played)
    assert earned(played) == {key: 8}
    assert played.available == 8
    assert sum(lot.points for lot in played.lots().values()) == 8
    return next(name for name, called in NAMES.items() if called == key[0])


@pytest.mark.parametrize("policy", [ALL, *((name,) for name in ALL), ("sale", "order_delivered")])
def test_the_policy_says_which_may_earn(policy: Any) -> None:
    """In each order of arrival, all of them known within two weeks."""
    first = next(
        name
        for name in ("order_placed", "order_collected", "sale", "order_delivered")
        if name in policy
    )
    for arrival in permutations(STEPS):
        played = till(BASE, orders_earn_on=policy)
        for place, name in enumerate(arrival):
            played.late(STEPS[name], day(3) + place)
        assert once(played) == first, arrival


@pytest.mark.parametrize("first", ALL)
def test_whichever_comes_alone_earns(first: str) -> None:
    assert once(till(BASE).play(STEPS[first])) == first


def test_a_sale_without_an_order_always_earns() -> None:
    played = till(BASE, orders_earn_on=("order_delivered",)).play(sale("t", day(0), BOUGHT))
    assert earned(played) == {("t", "base"): 8}


def test_lines_that_are_cancelled_are_taken_back_and_then_the_rest() -> None:
    played = till(BASE).play(
        STEPS["order_placed"], cancel("o", day(0.5), [BOUGHT[1]]), STEPS["sale"]
    )
    assert sum(reversed_(played).values()) == 3
    played.play(cancel("o", day(3)))
    assert sum(reversed_(played).values()) == 8
    assert played.available == 0


def test_a_return_may_name_the_order_or_the_sale() -> None:
    for name in ("o", "t"):
        played = till(BASE).play(
            STEPS["order_placed"], STEPS["sale"], return_("r", day(3), name, [BOUGHT[0]])
        )
        assert reversed_(played) == {("r", "base"): 5}


@pytest.mark.parametrize("policy", [("order_placed",), ("order_delivered",)])
@pytest.mark.parametrize("early", [False, True])
def test_a_return_finds_the_order_by_a_sale_that_may_not_earn(policy: Any, early: bool) -> None:
    """The till's receipt names the sale's transaction; the order earned."""
    back = return_("r", day(3), "t", [BOUGHT[0]])
    events = [STEPS["order_placed"], STEPS["sale"], STEPS["order_delivered"], back]
    straight = till(BASE, orders_earn_on=policy).play(*events)
    assert reversed_(straight) == {("r", "base"): 5}
    assert straight.available == 3
    for arrival in permutations(events):
        played = till(BASE, orders_earn_on=policy)
        for place, one in enumerate(arrival if early else reversed(arrival)):
            played.late(one, day(4) + place)
        assert (played.available, reversed_(played)) == (3, {("r", "base"): 5})


def test_a_return_that_came_first_waits_for_the_order() -> None:
    played = till(BASE, orders_earn_on=("order_collected",)).play(
        STEPS["order_placed"],
        step("order_cancelled", "o", day(0.5), [BOUGHT[0]]),
        STEPS["order_collected"],
    )
    assert earned(played) == {("order_collected-o", "base"): 8}
    assert played.available == 3


def test_a_sale_that_may_not_earn_still_captures_what_it_redeems() -> None:
    played = till(BASE, orders_earn_on=("order_placed",)).play(
        adjust("gift", day(-1), 100),
        redeem("q", day(0), 60, hold=True),
        sale("t", day(0) + 5 * MINUTE, BOUGHT, order_id="o", redemptions=("q",)),
    )
    assert played.redemptions == {"q": ("captured", "ok")}
    assert played.balances()["redeemed"] == 60


def test_an_order_is_judged_by_the_event_that_earns() -> None:
    rule = Bonus(points=9, when=When(sources=("pos",)))
    played = till(BASE, rule, orders_earn_on=("sale",)).play(STEPS["order_placed"], STEPS["sale"])
    assert earned(played) == {("t", "base"): 8, ("t", "bonus"): 9}
    played = till(BASE, rule).play(STEPS["order_placed"], STEPS["sale"])
    assert earned(played) == {("order_placed-o", "base"): 8}


def test_an_order_without_lines_says_nothing_of_what_was_bought() -> None:
    played = till(BASE).play(
        step("order_placed", "o", day(0)), step("order_collected", "o", day(1), BOUGHT)
    )
    assert earned(played) == {("order_collected-o", "base"): 8}


def as_its_entries_say(played: Till) -> bool:
    balances = played.state.current.balances
    return {name: balances.get(name, 0) for name in played.balances()} == played.balances()


def test_a_name_that_was_learnt_before_its_order_is_not_forgotten() -> None:
    """The sale is known, then the order, then a return of the sale; and all of it once more,
    folded from a base that knew the sale only."""
    played = till(BASE, orders_earn_on=("order_placed",))
    played.play(sale("t", day(0), BOUGHT, order_id="o"), sale("x", day(30), 100))
    played.play(step("order_placed", "o", day(36), BOUGHT))
    played.play(return_("r", day(37), "t", [BOUGHT[0]]))
    played.late(sale("y", day(35.5), 200), day(38))
    assert reversed_(played) == {("r", "base"): 5}
    assert as_its_entries_say(played)


def test_an_order_number_that_is_used_again_is_another_order() -> None:
    played = till(BASE, returns_days=40)
    played.play(sale("t", day(0), BOUGHT, order_id="o"))
    played.play(step("order_collected", "o", day(50), BOUGHT))
    played.play(sale("u", day(57), BOUGHT, order_id="o"))
    played.late(sale("y", day(56), 200), day(58))
    assert earned(played) == {("t", "base"): 8, ("order_collected-o", "base"): 8, ("y", "base"): 2}
    assert as_its_entries_say(played)


def test_an_order_that_takes_longer_than_returns_earns_once() -> None:
    played = till(BASE, returns_days=14)
    played.play(step("order_placed", "o", day(0), BOUGHT))
    played.play(step("order_delivered", "o", day(30), BOUGHT))
    assert earned(played) == {("order_placed-o", "base"): 8}
