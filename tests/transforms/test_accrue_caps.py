"""Caps: at most so many points, or so often, in a period; and what stays used."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from accrue_till import HOUR, Till, accrue, day, line, return_, sale
from earning_till import activity, by_rule, earned, local, plain_terms, reversed_, till

from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Cap, Multiply, When

BASE = BaseRate(rate=Decimal(1))


def capped(**cap: Any) -> BaseRate:
    return BaseRate(rate=Decimal(1), cap=Cap(**cap))


def got(played: Till) -> dict[str, int]:
    """Points by purchase."""
    sums: dict[str, int] = {}
    for (name, _), points in earned(played).items():
        sums[name] = sums.get(name, 0) + points
    return sums


def test_points_a_receipt() -> None:
    played = till(capped(points=8, per="receipt")).play(
        sale("a", day(0), 1000), sale("b", day(0.1), 500)
    )
    assert got(played) == {"a": 8, "b": 5}


@pytest.mark.parametrize(
    ("per", "inside", "outside"),
    [
        ("day", "2017-03-01 23:59", "2017-03-02 00:00"),
        ("week", "2017-03-05 23:59", "2017-03-06 00:00"),  # Sunday, Monday
        ("month", "2017-03-31 23:59", "2017-04-01 00:00"),
        ("year", "2017-12-31 23:59", "2018-01-01 00:00"),
    ],
)
def test_periods_are_of_the_calendar_in_the_programmes_time_zone(
    per: Any, inside: str, outside: str
) -> None:
    played = till(capped(points=12, per=per)).play(
        sale("a", local("2017-03-01 00:00"), 1000),
        sale("b", local(inside), 1000),
        sale("c", local(outside), 1000),
    )
    assert got(played) == {"a": 10, "b": 2, "c": 10}


def test_the_day_on_which_clocks_change_has_23_hours() -> None:
    played = till(capped(points=12, per="day")).play(
        sale("a", local("2017-03-12 00:30"), 1000),
        sale("b", local("2017-03-12 23:30"), 1000),
        sale("c", local("2017-03-13 00:30"), 1000),
    )
    assert local("2017-03-13 00:30") - local("2017-03-12 00:30") == 23 * HOUR
    assert got(played) == {"a": 10, "b": 2, "c": 10}


def test_ever_is_forever() -> None:
    played = till(capped(points=12, per="ever")).play(
        sale("a", day(0), 1000), sale("b", day(900), 1000), sale("c", day(2000), 1000)
    )
    assert got(played) == {"a": 10, "b": 2}


def test_times() -> None:
    once = Bonus(points=50, cap=Cap(times=1, per="ever"), when=When(spend_at_least=500))
    twice = Bonus(points=5, name="twice_a_week", cap=Cap(times=2, per="week"))
    played = till(once, twice).play(*(sale(f"s{at}", day(at), 400 + 100 * at) for at in range(4)))
    assert earned(played) == {
        ("s0", "twice_a_week"): 5,  # 4.00 isn't enough for the one
        ("s1", "bonus"): 50,
        ("s1", "twice_a_week"): 5,
    }
    played.play(sale("monday", local("2017-03-06 00:00"), 100))
    assert by_rule(played, "monday") == {"twice_a_week": 5}


def test_points_and_times() -> None:
    both = capped(points=7, times=2, per="month")
    played = till(both).play(
        *(sale(f"s{at}", day(at), amount) for at, amount in enumerate((500, 100, 100)))
    )
    assert got(played) == {"s0": 5, "s1": 1}  # two points of room, but no third time


def test_a_receipt_that_gives_nothing_uses_no_time() -> None:
    played = till(capped(times=1, per="ever")).play(sale("a", day(0), 99), sale("b", day(1), 300))
    assert got(played) == {"b": 3}


def test_a_capped_rule_multiplies_as_capped() -> None:
    played = till(capped(points=6, per="day"), Multiply(times=Decimal(2))).play(
        sale("a", day(0), 1000)
    )
    assert by_rule(played, "a") == {"base": 6, "multiply": 6}


def test_over_all_rules_the_first_ones_go_first() -> None:
    rules = (BASE, Bonus(points=5), Action(on="activity_completed", points=4))
    played = till(*rules, caps=(Cap(points=17, per="day"), Cap(points=13, per="receipt")))
    played.play(sale("a", day(0), 1000), activity("b", day(0.1)), activity("c", day(0.11)))
    assert earned(played) == {("a", "base"): 10, ("a", "bonus"): 3, ("b", "action"): 4}


def test_what_a_return_gives_back_makes_no_room_for_others() -> None:
    played = till(capped(points=12, per="month")).play(
        sale("a", day(0), 1000),
        return_("r", day(1), "a", [line("1", 1000)]),
        sale("b", day(2), 1000),
    )
    assert got(played) == {"a": 10, "b": 2}
    assert played.available == 2


def test_a_return_rates_what_was_kept_under_the_room_of_that_day() -> None:
    two = [line("1", 1000), line("2", 1000)]
    played = till(capped(points=12, per="month")).play(sale("a", day(0), two))
    assert got(played) == {"a": 12}
    played.play(return_("r", day(1), "a", two[:1]))
    assert reversed_(played) == {("r", "base"): 2}  # what is kept earns 10 by itself
    played.play(return_("s", day(2), "a", two[1:]))
    assert played.available == 0


def test_what_had_no_room_does_not_come_up_for_what_is_returned() -> None:
    rules = (capped(points=8, per="receipt"), BonusRate(rate=Decimal(1)))
    two = [line("1", 1000), line("2", 1000)]
    played = till(*rules).play(sale("a", day(0), two), return_("r", day(1), "a", two[:1]))
    assert by_rule(played, "a") == {"base": 8, "bonus_rate": 20}
    assert reversed_(played) == {("r", "bonus_rate"): 10}


def test_room_that_a_return_frees_under_a_common_cap_is_set_off() -> None:
    """The bonus had no room beside the base; it gains some when base shrinks."""
    rules = (BASE, Bonus(points=5))
    played = till(*rules, caps=(Cap(points=12, per="receipt"),))
    two = [line("1", 600), line("2", 400)]
    played.play(sale("a", day(0), two))
    assert by_rule(played, "a") == {"base": 10, "bonus": 2}
    played.play(return_("r", day(1), "a", two[1:]))
    assert reversed_(played) == {("r", "base"): 1}  # 6 + 5 are kept of 12
    played.play(return_("s", day(2), "a", two[:1]))
    assert played.available == 0
    assert {rule: points for (name, rule), points in reversed_(played).items() if name == "s"} == {
        "base": 9,
        "bonus": 2,
    }


def test_a_late_purchase_takes_its_room_from_those_after_it() -> None:
    events = [sale("a", day(1), 800), sale("b", day(2), 800), sale("c", day(0), 500)]
    played = till(capped(points=15, per="month")).play(*events[:2]).late(events[2], day(5))
    straight = till(capped(points=15, per="month")).play(events[2], *events[:2])
    assert got(played) == got(straight) == {"c": 5, "a": 8, "b": 2}
    assert played.balances() == straight.balances()
    played.late(events[2], day(6), retract=True)
    assert got(played) == {"a": 8, "b": 7}


def test_a_late_return_changes_nothing_but_itself() -> None:
    played = till(capped(points=12, per="month")).play(
        sale("a", day(0), 1000), sale("b", day(2), 1000)
    )
    played.late(return_("r", day(1), "a", [line("1", 1000)]), day(3))
    assert got(played) == {"a": 10, "b": 2}
    assert played.available == 2


def test_a_purchase_from_beyond_the_horizon_counts_today() -> None:
    played = till(capped(points=12, per="month")).play(sale("b", day(40), 1000))
    played.late(sale("a", day(1), 1000), day(41))
    assert got(played) == {"b": 10, "a": 2}
    assert played.entries[-1].posting == "late"


def test_a_new_version_goes_on_with_a_cap_of_the_same_period_and_with_no_other() -> None:
    later = datetime(2017, 3, 3, tzinfo=timezone.utc)
    for per, left in (("month", 10), ("day", 20)):
        newer = plain_terms(capped(points=20, per=per), version=2, effective_from=later)
        played = Till(accrue(plain_terms(capped(points=12, per="month")), newer))
        played.play(sale("a", day(0), 1000), sale("b", day(3), 5000))
        assert got(played) == {"a": 10, "b": left}


def test_caps_of_rules_with_other_names_are_their_own() -> None:
    rules = (
        Bonus(name="one", points=3, cap=Cap(times=1, per="day")),
        Bonus(name="two", points=4, cap=Cap(times=1, per="day")),
        BASE,
    )
    played = till(*rules).play(sale("a", day(0), 100), sale("b", day(0.1), 100))
    assert earned(played) == {("a", "one"): 3, ("a", "two"): 4, ("a", "base"): 1, ("b", "base"): 1}


def test_nothing_is_remembered_of_caps_where_there_are_none() -> None:
    assert till(BASE).play(sale("a", day(0), 1000)).state.current.used == {}
