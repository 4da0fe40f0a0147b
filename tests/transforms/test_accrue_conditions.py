"""Conditions of rules: each of them asked of a real account, where it fits and where it doesn't."""

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from accrue_till import DAY, MINUTE, Till, accrue, day, event, line, order, return_, sale, terms
from earning_till import (
    activity,
    by_rule,
    earned,
    local,
    plain_terms,
    profile,
    receipt,
    reversed_,
    step,
    till,
)

from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Hours, When
from schemas.membership import PaidPlan
from schemas.payloads import Membership, Offer, Tender
from schemas.rewards import CatalogueOffer
from schemas.tiers import TierLevel, Tiers

BASE = BaseRate(rate=Decimal(1))
FLAT = 7


def bonus(**asks: Any) -> Bonus:
    return Bonus(points=FLAT, when=When(**asks))


def gets(rule: Bonus, *events: Any) -> int:
    """What a bonus gave for the last of the events."""
    played = till(rule).play(*events)
    return earned(played).get((events[-1].event_id.removeprefix("e-"), "bonus"), 0)


MILK = line("1", 300, sku="milk", category="DAIRY")
SODA = line("2", 200, sku="soda", category="DRINKS")


@pytest.mark.parametrize(
    ("asks", "eligible"),
    [
        ({"categories": ("DAIRY",)}, 3),
        ({"skus": ("soda",)}, 2),
        ({"categories": ("DAIRY",), "skus": ("soda",)}, 5),  # of either kind
        ({"categories": ("MEAT",)}, 0),
        ({"except_categories": ("DAIRY",)}, 2),
        ({"except_skus": ("soda",)}, 3),
        ({"categories": ("DAIRY", "DRINKS"), "except_skus": ("milk",)}, 2),
        ({"except_categories": ("DAIRY",), "except_skus": ("soda",)}, 0),
    ],
)
def test_lines(asks: dict[str, Any], eligible: int) -> None:
    rule = BonusRate(rate=Decimal(1), when=When(**asks))
    assert by_rule(till(rule).play(sale("a", day(0), [MILK, SODA])), "a") == (
        {"bonus_rate": eligible} if eligible else {}
    )


def test_entries_name_only_lines_that_count() -> None:
    rule = BonusRate(rate=Decimal(10), when=When(categories=("DAIRY",)))
    played = till(BASE, rule).play(sale("a", day(0), [MILK, SODA]))
    assert [(one.kind, one.rule, one.line_id, one.points) for one in played.entries] == [
        ("earn", "base", "1", 3),
        ("earn", "base", "2", 2),
        ("bonus", "bonus_rate", "1", 30),
    ]


def test_excluded_lines_count_for_no_rule_whatever_it_asks() -> None:
    card = line("1", 5000, sku="card", category="GIFT CARDS")
    asking = Bonus(points=FLAT, name="asking", when=When(skus=("card",)))
    assert (
        till(BASE, bonus(categories=("GIFT CARDS",)), asking)
        .play(sale("a", day(0), [card]))
        .entries
        == []
    )


WHERE = {"store": "s-1", "touchpoint": "drive_thru"}


@pytest.mark.parametrize(
    ("asks", "fits"),
    [
        ({"stores": ("s-1", "s-2")}, True),
        ({"stores": ("s-2",)}, False),
        ({"touchpoints": ("drive_thru",)}, True),
        ({"touchpoints": ("kiosk",)}, False),
        ({"sources": ("pos",)}, True),
        ({"sources": ("web", "app")}, False),
        ({"stores": ("s-1",), "touchpoints": ("kiosk",)}, False),  # all must hold
        ({"fulfilment": ("ship",)}, False),  # a sale says nothing of it
    ],
)
def test_where_and_how(asks: dict[str, Any], fits: bool) -> None:
    assert gets(bonus(**asks), receipt("a", day(0), 500, **WHERE)) == FLAT * fits


@pytest.mark.parametrize(("how", "fits"), [("pickup", True), ("ship", False), (None, False)])
def test_fulfilment(how: str | None, fits: bool) -> None:
    rule = bonus(fulfilment=("pickup", "curbside"))
    played = till(rule).play(step("order_placed", "a", day(0), 500, fulfilment=how))
    assert sum(earned(played).values()) == FLAT * fits


@pytest.mark.parametrize(
    ("paid", "points"),
    [
        ({"app_card": 1000}, 20),
        ({"cash": 1000}, 0),
        ({"app_card": 500, "cash": 500}, 10),
        ({"app_card": 333, "cash": 667}, 6),  # 3.33 at 2 a unit
        ({"app_card": 999, "cash": 1}, 19),
        ({}, 0),  # nobody said how it was paid
        ({"app_card": 0, "cash": 0}, 0),
    ],
)
def test_tenders_count_only_the_part_that_they_paid(paid: dict[str, int], points: int) -> None:
    rule = BonusRate(rate=Decimal(2), when=When(tenders=("app_card",)))
    played = till(rule).play(receipt("a", day(0), 1000, tenders=paid))
    assert sum(earned(played).values()) == points


def test_a_part_is_rounded_down_to_a_minor_unit() -> None:
    rule = BonusRate(rate=Decimal(100), when=When(tenders=("app_card",)))
    played = till(rule).play(receipt("a", day(0), 1000, tenders={"app_card": 333, "cash": 668}))
    assert sum(earned(played).values()) == 332  # 3.3266…


def test_a_part_is_shared_among_the_lines_and_taken_back_with_them() -> None:
    rule = BonusRate(rate=Decimal(1), when=When(tenders=("app_card", "gift_card")))
    three = [line(str(at), 334) for at in (1, 2, 3)]
    paid = {"app_card": 300, "gift_card": 201, "cash": 501}  # half of 10.02
    played = till(rule).play(receipt("a", day(0), three, tenders=paid))
    assert [one.points for one in played.entries] == [2, 2, 1]  # floor(5.01), largest remainders
    played.play(return_("r", day(1), "a", [three[0]]))
    assert reversed_(played) == {("r", "bonus_rate"): 2}  # floor(3.34) are kept
    played.play(return_("s", day(2), "a", three[1:]))
    assert played.available == 0


def test_one_method_twice_on_a_receipt_is_added_up() -> None:
    rule = BonusRate(rate=Decimal(1), when=When(tenders=("card",)))
    paid = (Tender(method="card", amount=200), Tender(method="card", amount=300))
    played = till(rule).play(
        sale("a", day(0), 1000, tenders=(*paid, Tender(method="cash", amount=500)))
    )
    assert sum(earned(played).values()) == 5


@pytest.mark.parametrize(
    ("asks", "at", "fits"),
    [
        ({"weekdays": ("wed",)}, "2017-03-01 00:00", True),
        ({"weekdays": ("wed",)}, "2017-03-01 23:59", True),  # Thursday in UTC
        ({"weekdays": ("wed",)}, "2017-02-28 23:59", False),  # Wednesday in UTC
        ({"weekdays": ("sat", "sun")}, "2017-03-05 12:00", True),
        ({"dates": (date(2017, 7, 4),)}, "2017-07-04 23:30", True),
        ({"dates": (date(2017, 7, 4),)}, "2017-07-05 00:00", False),
        ({"hours": Hours(start="14:00", end="17:00")}, "2017-03-01 14:00", True),
        ({"hours": Hours(start="14:00", end="17:00")}, "2017-03-01 13:59", False),
        ({"hours": Hours(start="14:00", end="17:00")}, "2017-03-01 17:00", False),
        ({"hours": Hours(start="14:00", end="17:00")}, "2017-07-01 14:00", True),  # summer time
        ({"hours": Hours(start="22:00", end="02:00")}, "2017-03-01 22:00", True),
        ({"hours": Hours(start="22:00", end="02:00")}, "2017-03-01 21:59", False),
        ({"hours": Hours(start="22:00", end="02:00")}, "2017-03-02 01:59", True),
        ({"hours": Hours(start="22:00", end="02:00")}, "2017-03-02 02:00", False),
        ({"hours": Hours(start="22:00", end="02:00")}, "2017-03-01 12:00", False),
        ({"hours": Hours(start="02:00", end="03:00")}, "2017-03-12 03:30", False),  # skipped hour
        ({"hours": Hours(start="01:00", end="02:00")}, "2017-11-05 01:30", True),  # twice there
        (
            {"weekdays": ("fri",), "hours": Hours(start="22:00", end="02:00")},
            "2017-03-04 01:00",
            False,
        ),
        ({"weekdays": ("fri",), "dates": (date(2017, 3, 4),)}, "2017-03-04 12:00", False),
    ],
)
def test_days_and_hours_are_the_programmes(asks: dict[str, Any], at: str, fits: bool) -> None:
    assert gets(bonus(**asks), sale("a", local(at), 500)) == FLAT * fits


def test_the_hour_that_winter_repeats_fits_both_times() -> None:
    first = local("2017-11-05 01:30")
    for at in (first, first + 60 * MINUTE):
        assert gets(bonus(hours=Hours(start="01:00", end="02:00")), sale("a", at, 500)) == FLAT
    after = first + 120 * MINUTE
    assert gets(bonus(hours=Hours(start="01:00", end="02:00")), sale("a", after, 500)) == 0


@pytest.mark.parametrize(
    ("offset", "fits"), [(-1, False), (0, True), (DAY - 1, True), (DAY, False)]
)
def test_a_campaign_begins_and_ends_to_the_millisecond(offset: int, fits: bool) -> None:
    start = datetime(2017, 3, 1, 12, tzinfo=timezone.utc)
    rule = bonus(start=start, end=start.replace(day=2))
    assert gets(rule, sale("a", day(0) + offset, 500)) == FLAT * fits


@pytest.mark.parametrize(
    ("asks", "bought", "fits"),
    [
        ({"spend_at_least": 500}, [MILK, SODA], True),
        ({"spend_at_least": 501}, [MILK, SODA], False),
        ({"spend_at_least": 300, "categories": ("DRINKS",)}, [MILK, SODA], False),
        ({"units_at_least": 2}, [MILK, SODA], True),
        ({"units_at_least": 3}, [MILK, SODA], False),
        ({"units_at_least": 3}, [line("1", 300, quantity=3)], True),
        ({"units_at_least": 2, "skus": ("milk",)}, [MILK, SODA], False),
    ],
)
def test_what_the_eligible_lines_amount_to(
    asks: dict[str, Any], bought: list[Any], fits: bool
) -> None:
    assert gets(bonus(**asks), sale("a", day(0), bought)) == FLAT * fits


def test_what_was_free_is_no_unit() -> None:
    """So bringing it back changes nothing."""
    free = line("2", 0, quantity=2)
    each = Bonus(name="each", points=2, per="unit")
    played = till(each, bonus(units_at_least=2)).play(sale("a", day(0), [MILK, free]))
    assert by_rule(played, "a") == {"each": 2}
    assert reversed_(played.play(return_("r", day(1), "a", [free]))) == {}


def test_a_threshold_that_a_return_undoes_takes_its_bonus_back() -> None:
    played = till(BASE, bonus(spend_at_least=500)).play(sale("a", day(0), [MILK, SODA]))
    assert by_rule(played, "a") == {"base": 5, "bonus": FLAT}
    played.play(return_("r", day(1), "a", [SODA]))
    assert reversed_(played) == {("r", "base"): 2, ("r", "bonus"): FLAT}
    played.play(return_("s", day(2), "a", [MILK]))
    assert played.available == 0


TIERS = Tiers(
    metric="visits",
    levels=(TierLevel(tier="basic", threshold=0), TierLevel(tier="gold", threshold=1)),
)


def test_tiers_are_those_at_the_time_of_the_purchase() -> None:
    operator = accrue(plain_terms(bonus(tiers=("gold",)), tiers=TIERS))
    played = Till(operator).play(sale("a", day(0), 500), sale("b", day(1), 500))
    assert earned(played) == {("b", "bonus"): FLAT}
    played.late(sale("c", day(0.5), 500), day(2))
    assert earned(played) == {("b", "bonus"): FLAT, ("c", "bonus"): FLAT}


def test_first_purchase_is_the_first_that_occurred() -> None:
    played = till(BASE, bonus(first_purchase=True)).play(
        sale("a", day(2), 500), sale("b", day(3), 500)
    )
    assert earned(played) == {("a", "base"): 5, ("a", "bonus"): FLAT, ("b", "base"): 5}


def test_a_late_first_purchase_moves_the_bonus_by_corrections_that_name_what_they_correct() -> None:
    played = till(BASE, bonus(first_purchase=True)).play(
        sale("a", day(2), 500), sale("b", day(3), 500)
    )
    was = next(one for one in played.entries if one.kind == "bonus")
    played.late(sale("c", day(1), 300), day(5))
    assert earned(played) == {
        ("c", "base"): 3,
        ("c", "bonus"): FLAT,
        ("a", "base"): 5,
        ("b", "base"): 5,
    }
    (correction,) = [one for one in played.entries if one.kind == "correct"]
    assert correction.corrects == was.entry_id
    assert (correction.rule, correction.event_id, correction.points) == ("bonus", "e-a", FLAT)
    assert (correction.debit, correction.credit) == ("available", "issued")
    assert correction.because_of == "pos/e-c"
    straight = till(BASE, bonus(first_purchase=True)).play(
        sale("c", day(1), 300), sale("a", day(2), 500), sale("b", day(3), 500)
    )
    assert played.balances() == straight.balances()
    standing = {key: (lot.points, lot.remaining) for key, lot in played.lots().items()}
    assert standing == {key: (lot.points, lot.remaining) for key, lot in straight.lots().items()}


def test_a_first_purchase_that_is_somebody_elses_leaves_the_bonus_to_the_next() -> None:
    first = sale("a", day(2), 500)
    played = till(BASE, bonus(first_purchase=True)).play(first, sale("b", day(3), 400))
    played.late(first, day(5), retract=True)
    assert earned(played) == {("b", "base"): 4, ("b", "bonus"): FLAT}
    assert played.available == 4 + FLAT


def test_a_first_purchase_that_was_returned_was_one_all_the_same() -> None:
    played = till(bonus(first_purchase=True)).play(
        sale("a", day(0), 500), return_("r", day(1), "a", [line("1", 500)]), sale("b", day(2), 500)
    )
    assert earned(played) == {("a", "bonus"): FLAT}
    assert played.available == 0


def test_what_the_member_did_not_fit_then_does_not_come_up_for_what_is_returned() -> None:
    rules = (BASE, BonusRate(rate=Decimal(1), when=When(first_purchase=True)))
    two = [line("1", 1000), line("2", 1000)]
    played = till(*rules).play(sale("z", day(-1), 100), sale("a", day(0), two))
    played.play(return_("r", day(1), "a", two[:1]))
    assert reversed_(played) == {("r", "base"): 10}


def test_buying_nothing_but_what_is_excluded_is_no_first_purchase() -> None:
    card = line("1", 5000, category="GIFT CARDS")
    played = till(bonus(first_purchase=True)).play(
        sale("a", day(0), [card]), sale("b", day(1), 500)
    )
    assert earned(played) == {("b", "bonus"): FLAT}


@pytest.mark.parametrize(
    ("which", "birthday", "at", "fits"),
    [
        ("day", "03-31", "2017-03-31 00:00", True),
        ("day", "03-31", "2017-03-31 23:59", True),
        ("day", "03-31", "2017-04-01 00:00", False),
        ("month", "03-31", "2017-03-01 00:00", True),
        ("month", "03-31", "2017-04-01 00:00", False),
        ("day", "02-29", "2017-02-28 12:00", True),
        ("day", "02-29", "2017-03-01 12:00", False),
        ("day", "02-29", "2016-02-29 12:00", True),
        ("day", "02-29", "2016-02-28 12:00", False),
        ("month", "02-29", "2017-02-01 12:00", True),
        ("day", None, "2017-03-31 12:00", False),
        ("month", None, "2017-03-31 12:00", False),
    ],
)
def test_birthdays(which: str, birthday: str | None, at: str, fits: bool) -> None:
    said = profile("p", local("2016-01-10 12:00"), "enrolled", birthday=birthday)
    assert gets(bonus(birthday=which), said, sale("a", local(at), 500)) == FLAT * fits


def test_a_birthday_that_becomes_known_late_counts_from_when_it_was_said() -> None:
    played = till(bonus(birthday="day")).play(sale("a", local("2017-03-31 12:00"), 500))
    said = profile("p", local("2017-03-30 12:00"), birthday="03-31")
    played.late(said, local("2017-04-02 12:00"))
    assert earned(played) == {("a", "bonus"): FLAT}


def test_offers_are_those_that_the_purchase_uses_while_they_are_open() -> None:
    rule = bonus(offers=("double_day",))
    catalogue = (CatalogueOffer(offer="double_day"), CatalogueOffer(offer="other"))

    def grant(offer: str, at: int) -> Any:
        return event("grant_offer", f"e-grant-{offer}", at, Offer(offer_id=offer), "command")

    played = till(rule, offers=catalogue).play(
        sale("none", day(0), 500, offers=("double_day",)),
        grant("double_day", day(1)),
        grant("other", day(1)),
        sale("unnamed", day(2), 500),
        sale("other", day(3), 500, offers=("other",)),
        sale("used", day(4), 500, offers=("double_day", "unheard_of")),
        sale("again", day(5), 500, offers=("double_day",)),
    )
    assert earned(played) == {("used", "bonus"): FLAT}


def test_plans_are_those_in_force() -> None:
    rule = bonus(plans=("gold_card",))
    plan = PaidPlan(plan="gold_card", months=1)

    def become(type_: str, at: int, plan: str = "gold_card") -> Any:
        return event(f"membership_{type_}", f"e-{type_}", at, Membership(plan=plan), "profile")

    played = till(rule, plans=(plan,)).play(
        sale("before", day(0), 500),
        become("started", day(1)),
        sale("within", day(2), 500),
        become("ended", day(3)),
        sale("after", day(4), 500),
    )
    assert earned(played) == {("within", "bonus"): FLAT}


def test_all_conditions_must_hold() -> None:
    rule = bonus(
        stores=("s-1",),
        weekdays=("wed",),
        spend_at_least=400,
        categories=("DAIRY",),
        first_purchase=True,
    )
    milk = line("1", 400, category="DAIRY")
    at = local("2017-03-01 12:00")
    assert gets(rule, receipt("a", at, [milk], store="s-1")) == FLAT
    assert gets(rule, receipt("a", at, [milk], store="s-2")) == 0
    assert gets(rule, receipt("a", at + DAY, [milk], store="s-1")) == 0
    assert gets(rule, receipt("a", at, [MILK], store="s-1")) == 0
    assert gets(rule, sale("z", at - DAY, 100), receipt("a", at, [milk], store="s-1")) == 0


def test_conditions_are_those_of_the_version_in_force() -> None:
    newer = plain_terms(
        BASE,
        bonus(stores=("s-2",)),
        version=2,
        effective_from=datetime(2017, 3, 2, tzinfo=timezone.utc),
    )
    played = Till(accrue(plain_terms(BASE, bonus(stores=("s-1",))), newer))
    played.play(
        *(
            receipt(f"{at}-{store}", day(at), 100, store=store)
            for at in (0, 1)
            for store in ("s-1", "s-2")
        )
    )
    assert [key for key in earned(played) if key[1] == "bonus"] == [
        ("0-s-1", "bonus"),
        ("1-s-2", "bonus"),
    ]


def test_actions_are_asked_where_and_when_too() -> None:
    rule = Action(on="activity_completed", points=5, when=When(weekdays=("wed",), sources=("app",)))
    played = till(rule).play(
        activity("a", local("2017-03-01 12:00")), activity("b", local("2017-03-02 12:00"))
    )
    assert earned(played) == {("a", "action"): 5}


def test_the_grocers_usual_rules_ask_nothing() -> None:
    played = Till(accrue(terms())).play(order("a", day(0), [MILK, SODA]))
    assert all(one.rules == -1 for one in played.state.baskets["web/e-order_placed-a"].lines)
