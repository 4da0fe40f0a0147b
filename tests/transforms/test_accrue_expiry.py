"""When points expire, what keeps them alive and what brings them back: dates by hand."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from accrue_till import (
    Till,
    accrue,
    adjust,
    event,
    line,
    message,
    programme,
    redeem,
    return_,
    sale,
    settle,
    terms,
)
from local_days import ZONE, at, told
from merged_tills import Tills

from schemas.earn_rules import Action, BaseRate
from schemas.events import Event
from schemas.ledger import Lot
from schemas.payloads import Activity
from schemas.programme import Terms
from schemas.tiers import Expiry
from transforms.accrue import Accrue
from transforms.accrue.check import check_programme
from transforms.accrue.horizon import advance_base
from transforms.accrue.local_time import expires_at


def expiring(expiry: Expiry, **changes: Any) -> Terms:
    usual: dict[str, Any] = {
        "effective_from": datetime(2015, 1, 1, tzinfo=timezone.utc),
        "earn": (
            BaseRate(rate=Decimal(1)),
            Action(name="walk", on="activity_completed", points=5),
        ),
        "pending_days": 0,
        "tiers": None,
        "rewards": (),
        "hold_minutes": 60 * 24 * 90,
        "expiry": expiry,
    }
    return terms(**{**usual, **changes})


def lively(months: int = 3, pending_days: int = 0, **said: Any) -> Accrue:
    expiry = Expiry(mode="activity", months=months, **said)
    return accrue(expiring(expiry, pending_days=pending_days))


def fixed(months: int = 3, **said: Any) -> Accrue:
    return accrue(expiring(Expiry(mode="fixed", months=months, **said)))


def spent(name: str, when: str, dollars: int = 10) -> Event:
    return sale(name, at(when), dollars * 100)


def walked(name: str, when: str) -> Event:
    payload = Activity(activity="walk")
    return event("activity_completed", f"walk-{name}", at(when), payload, "app")


def dates(till: Till) -> list[str]:
    """Of lots with points, in the order of earning: when they expire, as the warehouse has it."""
    rows = sorted(till.lots().values(), key=lambda lot: (lot.earned_at, lot.lot_id))
    lots = till.state.current.lots
    assert all(lots[row.lot_id].expires_at == row.expires_at for row in rows if row.remaining)
    return [told(row.expires_at) for row in rows if row.remaining]


def kinds(till: Till, *wanted: str) -> list[tuple[str, str, str, int]]:
    return [
        (one.kind, one.debit, one.credit, one.points) for one in till.entries if one.kind in wanted
    ]


# The file


@pytest.mark.parametrize(
    ("expiry", "problem"),
    [
        (Expiry(mode="fixed"), "months: must be 1 or more where points expire"),
        (Expiry(mode="activity", months=1, activity=()), "activity: must name what keeps points"),
        (Expiry(mode="fixed", months=1, activity=("action",)), "activity: only the mode activity"),
        (Expiry(months=6), "mode: must be fixed or activity where months or days are said"),
        (Expiry(reinstate_days=6), "mode: must be fixed or activity where months or days are"),
        (
            Expiry(mode="fixed", months=1, reinstate_days=367),
            "reinstate_days: must be at most 366, for so long are empty lots remembered; got 367",
        ),
    ],
)
def test_what_makes_no_sense_is_named(expiry: Expiry, problem: str) -> None:
    problems = check_programme(programme(expiring(expiry)))
    assert any(one.startswith(f"$.versions[0].expiry.{problem}") for one in problems), problems


@pytest.mark.parametrize("mode", ["fixed", "activity"])
def test_all_of_it_can_be_said(mode: Any) -> None:
    expiry = Expiry(mode=mode, months=1, round_up="month", grace_days=9, reinstate_days=366)
    assert check_programme(programme(expiring(expiry))) == []


# Months


@pytest.mark.parametrize(
    ("earned", "months", "round_up", "grace_days", "first_instant_after"),
    [
        ("2019-01-25 18:00", 1, "day", 0, "2019-02-26"),  # to the end of 25 February
        ("2019-01-31", 1, "day", 0, "2019-03-01"),
        ("2020-01-31", 1, "day", 0, "2020-03-01"),  # to the end of 29 February
        ("2020-02-29 23:59", 12, "day", 0, "2021-03-01"),
        ("2019-08-31", 6, "day", 0, "2020-03-01"),
        ("2020-07-06", 12, "month", 0, "2021-08-01"),
        ("2019-01-31", 1, "month", 0, "2019-03-01"),
        ("2020-12-01", 1, "month", 0, "2021-02-01"),
        ("2019-01-25", 1, "day", 10, "2019-03-08"),
        ("2020-07-06", 12, "month", 31, "2021-09-01"),
        ("2017-02-11 12:00", 1, "day", 0, "2017-03-12"),  # clocks go forward that night
        ("2017-10-04", 1, "day", 0, "2017-11-05"),
        ("2017-10-04", 1, "day", 1, "2017-11-06"),  # a day of 25 hours
    ],
)
def test_points_are_usable_to_the_end_of_the_day_or_month(
    earned: str, months: int, round_up: str, grace_days: int, first_instant_after: str
) -> None:
    after = expires_at(at(earned), months, round_up, ZONE, grace_days)
    assert told(after) == first_instant_after
    if months < 12:
        operator = fixed(months, round_up=round_up, grace_days=grace_days)
        till = Till(operator).play(spent("t", earned))
        assert till.until(after).available == 10
        assert till.until(after + 1).available == 0
        assert kinds(till, "expire") == [("expire", "available", "expired", 10)]


# Activity


def test_all_lots_expire_together_after_the_last_purchase() -> None:
    till = Till(lively()).play(spent("t", "2017-01-10"), spent("u", "2017-02-28", 20))
    assert dates(till) == ["2017-05-29", "2017-05-29"]
    assert told(till.changes[-1].next_expiry_at) == "2017-05-29"
    assert till.changes[-1].next_expiry_points == 30
    till.until(at("2017-06-01"))
    assert kinds(till, "expire") == [
        ("expire", "available", "expired", 10),
        ("expire", "available", "expired", 20),
    ]


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (("purchase",), ["2017-04-11", "2017-05-02"]),
        (("purchase", "action"), ["2017-05-02", "2017-05-02"]),
        (("action",), ["2017-05-02", "2017-05-02"]),
    ],
)
def test_only_what_is_named_is_an_activity(activity: Any, expected: list[str]) -> None:
    till = Till(lively(activity=activity)).play(spent("t", "2017-01-10"), walked("w", "2017-02-01"))
    assert dates(till) == expected


@pytest.mark.parametrize("hold", [False, True])
def test_a_redemption_is_one_when_it_is_accepted(hold: bool) -> None:
    till = Till(lively(activity=("redemption",))).play(spent("t", "2017-01-10"))
    till.play(redeem("d", at("2017-02-01"), 500))
    assert dates(till) == ["2017-04-11"]
    till.play(redeem("e", at("2017-02-02"), 4, hold=hold))
    assert dates(till) == ["2017-05-03"]
    till.play(redeem("e", at("2017-02-20"), 4, hold=hold, event_id="again"))
    assert dates(till) == ["2017-05-03"]


def test_pending_points_live_on_too() -> None:
    till = Till(lively(pending_days=20)).play(spent("t", "2017-01-10"), spent("u", "2017-01-20"))
    assert dates(till) == ["2017-04-21", "2017-04-21"]
    assert till.balances()["pending"] == 20


def test_lots_change_at_most_once_a_month_if_rounded_to_months() -> None:
    till = Till(lively(round_up="month"))
    for number in range(20):
        till.play(spent(f"t{number}", f"2017-01-{number + 1:02} 10:00", 1))
    assert len(till.of(Lot)) == 20
    till.play(spent("u", "2017-02-01", 1))
    assert len(till.of(Lot)) == 41
    assert set(dates(till)) == {"2017-06-01"}


def test_an_activity_brings_no_date_forward() -> None:
    till = Till(lively()).play(spent("t", "2017-01-10"), adjust("a", at("2017-03-30"), 7))
    assert dates(till) == ["2017-04-11", "2017-07-01"]
    till.late(spent("u", "2017-03-28"), at("2017-04-02"))
    assert dates(till) == ["2017-06-29", "2017-06-29", "2017-07-01"]


def test_an_activity_at_the_very_instant_of_expiry_is_in_time() -> None:
    till = Till(lively()).play(spent("t", "2017-01-10"), spent("u", "2017-04-11"))
    assert dates(till) == ["2017-07-12", "2017-07-12"]


def test_an_empty_lot_keeps_the_date_it_had() -> None:
    till = Till(lively()).play(spent("t", "2017-01-10"), redeem("d", at("2017-01-11"), 10))
    till.play(spent("u", "2017-02-10"))
    assert [told(lot.expires_at) for lot in till.lots().values()] == ["2017-04-11", "2017-05-11"]


def test_a_late_activity_undoes_the_expiry() -> None:
    till = Till(lively(months=1)).play(spent("t", "2017-01-10"))
    till.until(at("2017-02-12"))
    assert till.available == 0
    till.late(spent("u", "2017-02-09"), at("2017-02-13"))
    assert till.available == 20
    assert kinds(till, "correct") == [("correct", "expired", "available", 10)]
    till.late(spent("u", "2017-02-09"), at("2017-02-14"), retract=True)
    assert till.available == 0
    assert dates(till) == []


def test_a_purchase_that_comes_back_was_an_activity() -> None:
    till = Till(lively()).play(spent("t", "2017-01-10"), spent("u", "2017-02-28", 20))
    till.play(return_("r", at("2017-03-01"), "u", [line("1", 2000)]))
    assert dates(till) == ["2017-05-29"]


def test_held_points_stay_and_expire_when_they_are_given_back() -> None:
    till = Till(lively(months=1)).play(
        spent("t", "2017-01-10"), redeem("d", at("2017-01-11"), 4, hold=True)
    )
    till.until(at("2017-02-12"))
    assert (till.available, till.balances()["held"]) == (0, 4)
    till.play(spent("u", "2017-02-20"))  # revives nothing
    till.play(settle("release", "d", at("2017-02-21")))
    assert till.available == 10
    assert kinds(till, "expire") == [
        ("expire", "available", "expired", 6),
        ("expire", "available", "expired", 4),
    ]


def test_grace_leaves_time_to_be_active() -> None:
    till = Till(lively(months=1, grace_days=10)).play(spent("t", "2017-01-10"))
    assert dates(till) == ["2017-02-21"]
    till.play(spent("u", "2017-02-20 23:59"))
    assert dates(till) == ["2017-03-31", "2017-03-31"]


# Reinstatement


@pytest.mark.parametrize(
    ("bought", "comes_back"),
    [("2026-01-15 23:59", True), ("2026-01-16 00:00", False), ("2026-01-05 08:00", True)],
)
@pytest.mark.parametrize("operator", [lively, fixed])
def test_what_expired_ten_days_ago_comes_back(operator: Any, bought: str, comes_back: bool) -> None:
    till = Till(operator(months=1, reinstate_days=10)).play(spent("t", "2025-12-04 12:00"))
    till.until(at("2026-01-05 01:00"))  # expired with the first instant of 5 January
    assert kinds(till, "expire") == [("expire", "available", "expired", 10)]
    till.play(spent("u", bought, 20))
    month, day = (2, int(bought[8:10]) + 1)
    expected = [f"2026-{month:02}-{day:02}"]
    assert dates(till) == expected * (1 + comes_back)
    assert till.available == 20 + 10 * comes_back
    back = [one for one in till.entries if one.kind == "reinstate"]
    assert [(one.debit, one.credit, one.points, one.event_id, one.rule) for one in back] == [
        ("expired", "available", 10, "e-u", "reinstate")
    ] * comes_back


def test_a_debt_is_paid_first_by_what_comes_back() -> None:
    till = Till(fixed(months=1, reinstate_days=30))
    till.play(spent("t", "2017-01-10"), adjust("a", at("2017-02-15"), -4))
    assert till.available == -4
    till.play(spent("u", "2017-02-20", 3))
    assert (till.available, till.state.current.debt) == (9, 0)
    assert [lot.remaining for lot in till.lots().values()] == [6, 3]


@pytest.mark.parametrize("held", [4, 10])
def test_held_points_whose_time_was_over_come_along(held: int) -> None:
    till = Till(lively(months=1, reinstate_days=30)).play(
        spent("t", "2017-01-10"), redeem("d", at("2017-01-11"), held, hold=True)
    )
    till.play(spent("u", "2017-02-20"), settle("release", "d", at("2017-02-21")))
    assert till.available == 20
    assert dates(till) == ["2017-03-21", "2017-03-21"]


def test_what_came_back_goes_again_with_a_purchase_that_was_somebody_elses() -> None:
    till = Till(lively(months=1, reinstate_days=30)).play(spent("t", "2017-01-10"))
    till.play(spent("u", "2017-02-20"))
    assert till.available == 20
    till.late(spent("u", "2017-02-20"), at("2017-02-22"), retract=True)
    assert till.available == 0
    assert ("correct", "available", "expired", 10) in kinds(till, "correct")


def test_a_return_takes_back_what_had_come_back() -> None:
    till = Till(lively(months=1, reinstate_days=30)).play(spent("t", "2017-01-10"))
    till.play(spent("u", "2017-02-20"), return_("r", at("2017-02-21"), "t", [line("1", 1000)]))
    assert till.available == 10
    assert kinds(till, "reverse") == [("reverse", "available", "reversed", 10)]


def test_points_come_back_once() -> None:
    till = Till(lively(months=1, reinstate_days=300)).play(
        spent("t", "2017-01-10"), spent("u", "2017-02-20"), spent("v", "2017-02-21")
    )
    assert len(kinds(till, "reinstate")) == 1
    till.until(at("2017-06-01")).play(spent("w", "2017-06-02"))
    assert kinds(till, "reinstate")[1:] == [("reinstate", "expired", "available", 10)] * 3


def test_expired_lots_are_remembered_as_long_as_they_may_come_back() -> None:
    expiry = Expiry(mode="fixed", months=1, reinstate_days=60)
    till = Till(accrue(expiring(expiry, returns_days=5)))
    till.play(spent("t", "2017-01-10")).until(at("2017-04-01"))
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    advance_base(till.state, plan, at("2017-04-01"))
    till.play(spent("u", "2017-04-12"))  # the last day: expired on 11 February
    assert till.available == 20
    till.until(at("2017-08-01"))
    advance_base(till.state, plan, at("2017-08-01"))
    assert not till.state.current.lots


# Another version, another account


def versions(before: Expiry, after: Expiry) -> Accrue:
    second = datetime(2017, 3, 1, tzinfo=timezone.utc)
    return accrue(expiring(before), expiring(after, version=2, effective_from=second))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Expiry(), Expiry(mode="fixed", months=1), ["never", "2017-04-11"]),
        (Expiry(), Expiry(mode="activity", months=1), ["never", "2017-04-11"]),
        (
            Expiry(mode="fixed", months=2),
            Expiry(mode="activity", months=1),
            ["2017-04-21", "2017-04-21"],
        ),
        (
            Expiry(mode="fixed", months=6),
            Expiry(mode="activity", months=1),
            ["2017-08-11", "2017-04-21"],
        ),
        (
            Expiry(mode="activity", months=2),
            Expiry(mode="fixed", months=1),
            ["2017-04-11", "2017-04-11"],
        ),
        (Expiry(mode="activity", months=2), Expiry(), ["2017-04-11", "never"]),
    ],
)
def test_a_new_version_takes_nothing_from_lots_earned_before(
    before: Expiry, after: Expiry, expected: list[str]
) -> None:
    till = Till(versions(before, after)).play(spent("t", "2017-02-10"), spent("u", "2017-03-10"))
    if after.mode == "activity" and before.mode == "fixed":
        till.play(spent("v", "2017-03-20"))
        expected = [*expected, "2017-04-21"]
    assert dates(till) == expected


def test_an_expired_lot_of_a_merged_member_comes_back_to_the_survivor() -> None:
    tills = Tills(lively(months=1, reinstate_days=60))
    tills.give(spent("t", "2017-01-10"), "old", at("2017-01-10"))
    tills.merge("old", "new", at("2017-03-01"))
    tills.deliver_all(at("2017-03-02"))
    new = tills.till("new")
    new.give(message(spent("u", "2017-03-05")))
    assert new.available == 20
    assert dates(new) == ["2017-04-06", "2017-04-06"]
    assert sum(new.balances().values()) == 0
