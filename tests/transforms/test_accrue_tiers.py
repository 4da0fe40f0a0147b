"""Tiers by window, metric, mode and rollover: every date here was worked out by hand."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from accrue_till import Till, accrue, enrolled, event, line, programme, return_, sale, terms
from local_days import ZONE, at, told
from merged_tills import Tills

from schemas.earn_rules import Action, BaseRate, Bonus
from schemas.events import Event
from schemas.ledger import TierChange
from schemas.payloads import Activity, Correct, CorrectedLot
from schemas.programme import Terms
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue import Accrue
from transforms.accrue.check import check_programme
from transforms.accrue.local_time import anniversary_year, months_later
from transforms.accrue.tiers import next_review

LEVELS = (
    TierLevel(tier="basic", threshold=0),
    TierLevel(tier="silver", threshold=30),
    TierLevel(tier="gold", threshold=80),
)


def tiered(mode: str = "to_qualified", grace_days: int = 0, **said: Any) -> Terms:
    """A point a dollar at once; 30 for silver, 80 for gold."""
    changes = {
        name: said.pop(name) for name in ("earn", "version", "effective_from") if name in said
    }
    usual: dict[str, Any] = {
        "effective_from": datetime(2015, 1, 1, tzinfo=timezone.utc),
        "earn": (BaseRate(rate=Decimal(1)),),
        "pending_days": 0,
        "returns_days": 400,
        "expiry": Expiry(),
        "rewards": (),
        "tiers": Tiers(
            downgrade=Downgrade(mode=mode, grace_days=grace_days),  # type: ignore[arg-type]
            **{"levels": LEVELS, **said},
        ),
    }
    return terms(**{**usual, **changes})


def rolling(mode: str = "to_qualified", months: int = 6, **said: Any) -> Accrue:
    return accrue(tiered(mode, window="rolling", months=months, **said))


def spent(name: str, when: str, dollars: int) -> Event:
    return sale(name, at(when), dollars * 100)


def brought_back(name: str, when: str, of: str, dollars: int) -> Event:
    return return_(name, at(when), of, [line("1", dollars * 100)])


def moves(till: Till) -> list[tuple[str, str, str, str]]:
    return [(one.from_tier, one.tier, told(one.at), one.reason) for one in till.of(TierChange)]


def review(till: Till) -> tuple[str, str, str] | None:
    """When, to what, and when that comes true."""
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    said = next_review(till.state.current, plan.versions[-1])
    return said and (told(said.at), said.falls_to, told(said.lapses_at))


# The file


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            {"window": "rolling", "rollover": "surplus"},
            "rollover: a rolling window has no period's",
        ),
        ({"window": "rolling", "months": 25}, "months: must be at most 24; got 25"),
        ({"window": "anniversary", "months": 6}, "months: only a rolling window has months"),
        ({"grace_days": 365}, "downgrade.grace_days: must end before the next period does"),
        ({"levels": LEVELS[1:]}, "levels[0].from: must be 0: everybody has a tier"),
        (
            {"levels": (*LEVELS, TierLevel(tier="onyx", threshold=80))},
            "levels[3].from: must be above 80",
        ),
    ],
)
def test_what_makes_no_sense_is_named(said: dict[str, Any], problem: str) -> None:
    problems = check_programme(programme(tiered(**said)))
    assert any(one.startswith(f"$.versions[0].tiers.{problem}") for one in problems), problems


@pytest.mark.parametrize("window", ["calendar_year", "anniversary", "rolling"])
def test_every_window_can_be_said(window: str) -> None:
    assert check_programme(programme(tiered(window=window))) == []


# Calendar


@pytest.mark.parametrize(
    ("began", "now", "first", "after"),
    [
        ("2016-03-10 23:59", "2016-03-10", "2016-03-10", "2017-03-10"),
        ("2016-03-10", "2017-03-09 23:59", "2016-03-10", "2017-03-10"),
        ("2016-03-10", "2017-03-10", "2017-03-10", "2018-03-10"),
        ("2016-02-29", "2017-02-27 23:59", "2016-02-29", "2017-02-28"),
        ("2016-02-29", "2017-02-28", "2017-02-28", "2018-02-28"),
        ("2016-02-29", "2020-02-28 23:59", "2019-02-28", "2020-02-29"),
        ("2016-02-29", "2020-02-29", "2020-02-29", "2021-02-28"),
        ("2016-03-10", "2016-01-05", "2015-03-10", "2016-03-10"),
        ("2016-03-13 12:00", "2016-03-13 03:30", "2016-03-13", "2017-03-13"),  # clocks change
    ],
)
def test_years_from_an_anniversary(began: str, now: str, first: str, after: str) -> None:
    year = anniversary_year(at(now), at(began), ZONE)
    assert (told(year[0]), told(year[1])) == (first, after)


@pytest.mark.parametrize(
    ("day", "months", "leaves"),
    [
        ("2017-03-01 23:59", 12, "2018-03-01"),
        ("2016-02-28", 12, "2017-02-28"),
        ("2016-02-29 12:00", 12, "2017-02-28"),
        ("2016-02-29", 24, "2018-02-28"),
        ("2017-08-31", 6, "2018-02-28"),
        ("2017-09-12", 6, "2018-03-12"),  # the day after clocks went forward
        ("2017-12-31", 2, "2018-02-28"),
    ],
)
def test_days_leave_a_rolling_window(day: str, months: int, leaves: str) -> None:
    assert told(months_later(at(day), months, ZONE)) == leaves


# Anniversaries


def test_an_anniversary_year_is_reviewed_a_year_after_the_enrolment() -> None:
    till = Till(accrue(tiered(window="anniversary")))
    till.play(enrolled(at("2016-02-29 12:00")), spent("t", "2016-07-01", 90))
    assert review(till) == ("2017-02-28", "gold", "2017-02-28")
    till.play(spent("u", "2017-02-28", 40))  # counts in the second year
    assert review(till) == ("2018-02-28", "silver", "2018-02-28")
    till.until(at("2025-01-01"))
    assert moves(till) == [
        ("basic", "gold", "2016-07-01", "qualified"),
        ("gold", "silver", "… 2018-02-28", "period_end"),
        ("silver", "basic", "… 2019-02-28", "period_end"),
    ]


def test_without_enrolment_years_are_from_the_first_thing_that_counted() -> None:
    till = Till(accrue(tiered(window="anniversary")))
    till.play(sale("n", at("2017-01-02"), 99), spent("t", "2017-03-10 15:00", 40))
    assert review(till) == ("2018-03-10", "silver", "2018-03-10")
    till.until(at("2019-03-10"))
    assert moves(till)[1:] == [("silver", "basic", "… 2019-03-10", "period_end")]


def test_years_that_began_on_29_february_go_on_as_such() -> None:
    till = Till(accrue(tiered(window="anniversary", mode="never")))
    till.play(spent("t", "2016-02-29", 40)).until(at("2019-05-01"))
    assert review(till) == ("2020-02-29", "silver", "2020-02-29")


def test_an_enrolment_that_becomes_known_late_moves_the_year() -> None:
    till = Till(accrue(tiered(window="anniversary")))
    till.play(spent("t", "2017-01-15", 40))
    assert review(till) == ("2018-01-15", "silver", "2018-01-15")
    till.late(enrolled(at("2017-01-10")), at("2017-01-20"))
    assert review(till) == ("2018-01-10", "silver", "2018-01-10")
    in_order = Till(accrue(tiered(window="anniversary")))
    in_order.play(enrolled(at("2017-01-10")), spent("t", "2017-01-15", 40))
    assert review(in_order) == review(till)


def test_an_enrolment_after_the_first_purchase_ends_the_year_with_its_own() -> None:
    till = Till(accrue(tiered(window="anniversary")))
    till.play(spent("t", "2017-01-15", 20), enrolled(at("2017-04-01")))
    till.play(spent("u", "2018-03-01", 20))  # the running year ends with March 2018
    assert till.tier == "silver"
    assert review(till) == ("2018-04-01", "silver", "2018-04-01")


# Rolling windows


@pytest.mark.parametrize(
    ("mode", "grace_days", "expected"),
    [
        ("to_qualified", 0, [("gold", "basic", "… 2017-07-31", "left_window")]),
        (
            "one_down",
            0,
            [
                ("gold", "silver", "… 2017-07-31", "left_window"),
                ("silver", "basic", "… 2018-01-31", "period_end"),
            ],
        ),
        ("never", 0, []),
        ("to_qualified", 10, [("gold", "basic", "… 2017-08-10", "grace_end")]),
        (
            "one_down",
            10,
            [
                ("gold", "silver", "… 2017-08-10", "grace_end"),
                ("silver", "basic", "… 2018-02-20", "grace_end"),
            ],
        ),
    ],
)
def test_what_was_counted_leaves_by_itself(mode: str, grace_days: int, expected: Any) -> None:
    till = Till(rolling(mode, grace_days=grace_days)).play(spent("t", "2017-01-31 09:00", 80))
    assert moves(till) == [("basic", "gold", "2017-01-31 09:00", "qualified")]
    first = review(till)
    till.until(at("2025-01-01"))
    assert moves(till)[1:] == expected
    assert first is not None
    assert first[0] == "2017-07-31"
    assert first[1] == (expected[0][1] if expected else "gold")
    assert till.state.current.qualifying == 0
    assert not till.state.current.counted
    assert not till.state.current.timetable


def test_a_rolling_sum_is_told_as_it_changes() -> None:
    till = Till(rolling()).play(
        spent("t", "2017-01-10", 20),
        spent("u", "2017-01-10 20:00", 5),
        spent("v", "2017-03-01", 50),
    )
    assert till.changes[-1].qualifying == 75
    assert till.changes[-1].to_next_tier == 5
    till.until(at("2017-07-10"))
    assert (till.changes[-1].qualifying, till.changes[-1].cause) == (50, "tier_review")
    till.until(at("2017-09-01"))
    assert (till.changes[-1].qualifying, till.changes[-1].tier) == (0, "basic")


def test_a_tier_that_is_reached_again_within_the_grace_stays() -> None:
    till = Till(rolling(grace_days=20)).play(spent("t", "2017-01-31", 30))
    till.until(at("2017-08-01"))
    assert review(till) == ("… 2017-08-20", "basic", "… 2017-08-20")
    till.play(spent("u", "2017-08-05", 35))
    till.until(at("2018-02-05"))
    assert moves(till) == [("basic", "silver", "2017-01-31", "qualified")]
    till.until(at("2018-03-01"))
    assert moves(till)[1:] == [("silver", "basic", "… 2018-02-25", "grace_end")]


def test_a_return_takes_a_tier_that_was_only_reached_by_it() -> None:
    till = Till(rolling("one_down")).play(
        spent("t", "2017-01-31", 20), spent("u", "2017-02-10", 70)
    )
    till.play(brought_back("r", "2017-02-20", "u", 70))
    assert moves(till)[1:] == [("gold", "basic", "2017-02-20", "returned")]
    assert till.state.current.qualifying == 20


def test_a_return_lets_a_tier_that_was_held_before_fall_as_time_would() -> None:
    till = Till(rolling("one_down")).play(
        spent("t", "2017-01-31", 80), spent("u", "2017-07-20", 90)
    )
    till.until(at("2017-08-01"))  # the first 80 have left
    till.play(brought_back("r", "2017-08-10", "u", 90))
    assert moves(till)[1:] == [("gold", "silver", "2017-08-10", "returned")]
    till.until(at("2019-01-01"))
    assert moves(till)[2:] == [("silver", "basic", "… 2018-02-10", "period_end")]


def test_a_return_of_what_has_left_changes_nothing() -> None:
    till = Till(rolling()).play(spent("t", "2017-01-31", 90), spent("u", "2017-03-01", 85))
    till.play(brought_back("r", "2017-08-15", "t", 90))
    assert (till.tier, till.state.current.qualifying) == ("gold", 85)


def test_grace_outlasts_the_time_for_which_a_lower_tier_was_kept() -> None:
    till = Till(rolling("one_down", months=3, grace_days=10)).play(
        spent("t", "2017-01-10", 80),
        spent("u", "2017-04-12", 20),
        spent("v", "2017-04-25", 60),  # silver by then, kept to 20 July: gold again
    )
    till.until(at("2018-06-01"))
    assert moves(till)[1:] == [
        ("gold", "silver", "… 2017-04-20", "grace_end"),
        ("silver", "gold", "2017-04-25", "qualified"),
        ("gold", "silver", "… 2017-07-22", "grace_end"),  # the 20 left on 12 July
        ("silver", "basic", "… 2017-08-04", "grace_end"),  # the 60 on 25 July
    ]


def test_falling_by_time_is_no_rise() -> None:
    till = Till(rolling("one_down")).play(
        spent("t", "2017-01-31", 80), spent("u", "2017-02-10", 40)
    )
    till.until(at("2017-07-31 12:00"))
    never = rolling("never").programmes
    till.operator = Accrue(never)
    till.play(brought_back("r", "2017-08-05", "u", 40))  # silver was held before u
    assert (till.tier, till.state.current.qualifying) == ("silver", 0)


# Rollover


def test_what_exceeds_the_tier_counts_for_the_next_year() -> None:
    till = Till(accrue(tiered(rollover="surplus"))).play(spent("t", "2017-12-01", 115))
    till.until(at("2018-01-01"))
    assert (till.tier, till.state.current.qualifying) == ("gold", 35)
    till.play(spent("u", "2018-05-01", 45))  # 35 + 45 keep gold, exactly
    till.until(at("2020-01-01"))
    assert moves(till)[1:] == [("gold", "basic", "… 2020-01-01", "period_end")]
    assert till.state.current.qualifying == 0


def test_the_lowest_tier_carries_nothing_over() -> None:
    till = Till(accrue(tiered(rollover="surplus"))).play(spent("t", "2017-12-01", 29))
    till.until(at("2018-01-02"))
    assert till.state.current.qualifying == 0


def test_a_return_takes_from_what_was_carried_over_but_not_more() -> None:
    till = Till(accrue(tiered(rollover="surplus"))).play(
        sale("t", at("2017-12-01"), [line("1", 9000), line("2", 2500)]),
        spent("u", "2018-01-05", 10),
    )
    assert till.state.current.qualifying == 45
    till.play(return_("r", at("2018-01-10"), "t", [line("2", 2500)]))
    assert till.state.current.qualifying == 20
    till.play(return_("s", at("2018-01-11"), "t", [line("1", 9000)]))
    assert (till.tier, till.state.current.qualifying) == ("gold", 10)


# Metrics


def test_a_visit_is_given_back_when_nothing_was_kept() -> None:
    levels = (TierLevel(tier="basic", threshold=0), TierLevel(tier="regular", threshold=2))
    till = Till(accrue(tiered(metric="visits", levels=levels)))
    some = [line("1", 900), line("2", 100), line("3", 0), line("4", 500, category="GIFT CARDS")]
    till.play(spent("t", "2017-01-05", 1), sale("u", at("2017-01-06"), some))
    assert (till.tier, till.state.current.qualifying) == ("regular", 2)
    till.play(return_("r", at("2017-01-07"), "u", [line("1", 900)]))
    assert till.tier == "regular"
    till.play(return_("s", at("2017-01-08"), "u", [line("2", 100)]))
    assert (till.tier, till.state.current.qualifying) == ("basic", 1)
    till.play(return_("v", at("2017-01-09"), "u", [line("3", 0), line("4", 500)]))
    till.play(return_("w", at("2017-01-10"), "u", [line("1", 900)]))
    assert till.state.current.qualifying == 1


def test_what_is_excluded_is_no_visit_and_no_spend() -> None:
    for metric in ("visits", "spend"):
        till = Till(accrue(tiered(metric=metric)))
        till.play(sale("t", at("2017-01-05"), [line("1", 50_000, category="GIFT CARDS")]))
        assert till.state.current.qualifying == 0


def test_spend_counts_in_minor_units_and_comes_back_by_line() -> None:
    till = Till(accrue(tiered(metric="spend")))
    till.play(sale("t", at("2017-01-05"), [line("1", 2999), line("2", 1)]))
    assert (till.tier, till.state.current.qualifying) == ("silver", 3000)
    till.play(return_("r", at("2017-01-06"), "t", [line("2", 1)]))
    assert (till.tier, till.state.current.qualifying) == ("basic", 2999)


def test_points_that_do_not_qualify_count_for_no_tier() -> None:
    earn = (
        BaseRate(rate=Decimal(1)),
        Bonus(name="gift", points=50, qualifies=False),
        Action(name="walk", on="activity_completed", points=40, qualifies=False),
        Action(name="run", on="activity_completed", activities=("run",), points=25),
    )
    till = Till(accrue(tiered(window="rolling", months=6, earn=earn)))
    till.play(spent("t", "2017-01-05", 10))
    assert (till.available, till.state.current.qualifying) == (60, 10)
    ran = event("activity_completed", "run", at("2017-01-06"), Activity(activity="run"), "app")
    till.play(ran)
    assert (till.tier, till.available, till.state.current.qualifying) == ("silver", 125, 35)
    till.play(brought_back("r", "2017-01-07", "t", 10))
    assert till.state.current.qualifying == 25


# Another version


def test_a_version_with_another_window_counts_anew_and_keeps_the_tier() -> None:
    newer = tiered(
        "to_qualified",
        window="rolling",
        months=6,
        version=2,
        effective_from=datetime(2017, 6, 1, tzinfo=timezone.utc),
    )
    till = Till(accrue(tiered(), newer)).play(spent("t", "2017-03-01", 90))
    till.play(spent("u", "2017-07-01", 5))
    assert (till.tier, till.state.current.qualifying) == ("gold", 5)
    till.until(at("2019-01-01"))
    assert moves(till)[1:] == [("gold", "basic", "… 2018-01-01", "period_end")]
    assert not till.state.current.timetable


def test_a_version_in_which_nothing_falls_ends_a_grace() -> None:
    newer = tiered(
        "never",
        window="rolling",
        months=1,
        version=2,
        effective_from=datetime(2017, 2, 20, tzinfo=timezone.utc),
    )
    till = Till(accrue(tiered(grace_days=20, window="rolling", months=1), newer))
    till.play(spent("t", "2017-01-10", 30), spent("u", "2017-01-25", 20))
    till.play(spent("v", "2017-02-12", 60))  # gold, within the grace of silver
    till.until(at("2018-01-01"))
    assert moves(till)[1:] == [("silver", "gold", "2017-02-12", "qualified")]


def test_a_version_with_another_metric_counts_anew_to_the_end_of_the_year() -> None:
    newer = tiered(
        metric="visits", version=2, effective_from=datetime(2017, 6, 1, tzinfo=timezone.utc)
    )
    till = Till(accrue(tiered(), newer)).play(spent("t", "2017-03-01", 90))
    till.play(spent("u", "2017-07-01", 5))
    assert (till.tier, till.state.current.qualifying) == ("gold", 1)
    till.play(brought_back("r", "2017-07-02", "t", 90))  # counted otherwise: no visit less
    assert till.state.current.qualifying == 1
    till.until(at("2019-01-01"))
    assert moves(till)[1:] == [("gold", "basic", "… 2018-01-01", "period_end")]


def test_a_rolling_version_that_ends_leaves_no_timer() -> None:
    newer = tiered(version=2, effective_from=datetime(2017, 6, 1, tzinfo=timezone.utc))
    till = Till(accrue(tiered(window="rolling", months=6), newer))
    till.play(spent("t", "2017-03-01", 90)).until(at("2017-09-02"))
    assert (till.tier, till.state.current.qualifying) == ("gold", 0)
    assert not till.state.current.timetable
    till.until(at("2020-01-01"))
    assert moves(till)[1:] == [("gold", "basic", "… 2018-01-01", "period_end")]


def test_a_tier_that_was_kept_for_a_while_is_kept_to_the_end_of_the_year() -> None:
    newer = tiered(version=2, effective_from=datetime(2017, 6, 1, tzinfo=timezone.utc))
    till = Till(accrue(tiered("one_down", window="rolling", months=3), newer))
    till.play(spent("t", "2017-02-10", 90))  # silver from 10 May, to be kept to 10 August
    till.play(spent("u", "2017-07-01", 1)).until(at("2020-01-01"))
    assert moves(till)[1:] == [
        ("gold", "silver", "… 2017-05-10", "left_window"),
        ("silver", "basic", "… 2018-01-01", "period_end"),
    ]


@pytest.mark.parametrize("first", ["calendar_year", "rolling"])
def test_a_window_that_is_edited_in_a_version_in_force_is_another(first: str) -> None:
    windows = {"calendar_year": accrue(tiered()), "rolling": rolling()}
    till = Till(windows.pop(first)).play(spent("t", "2017-03-01", 90))
    (till.operator,) = windows.values()
    till.play(spent("u", "2017-04-01", 5))
    assert (till.tier, till.state.current.qualifying) == ("gold", 5)
    till.until(at("2019-01-01"))
    assert till.tier == "basic"


def test_a_tier_is_judged_by_the_levels_of_today() -> None:
    higher = tuple(TierLevel(tier=one.tier, threshold=one.threshold * 10) for one in LEVELS)
    newer = tiered(
        levels=higher, version=2, effective_from=datetime(2017, 6, 1, tzinfo=timezone.utc)
    )
    till = Till(accrue(tiered(), newer)).play(
        spent("t", "2017-03-01", 20), spent("u", "2017-07-01", 300)
    )
    assert till.tier == "silver"
    till.play(brought_back("r", "2017-07-02", "t", 20))
    assert moves(till) == [("basic", "silver", "2017-07-01", "qualified")]


# Merges and corrections


def joined(operator: Accrue, *happened: tuple[str, Event]) -> Till:
    tills = Tills(operator)
    for member, one in happened:
        tills.give(one, member, one.occurred_at)
    tills.merge("old", "new", at("2017-04-01"))
    tills.deliver_all(at("2017-04-02"))
    return tills.till("new")


def test_rolling_windows_of_two_members_add_up_day_by_day() -> None:
    till = joined(
        rolling(),
        ("old", spent("t", "2017-01-20", 20)),
        ("old", spent("w", "2017-02-01", 5)),
        ("new", spent("u", "2017-02-01", 15)),
        ("old", spent("v", "2017-03-01", 50)),
    )
    assert moves(till) == [("basic", "gold", "2017-04-02", "merged")]
    till.until(at("2018-01-01"))
    assert moves(till)[1:] == [
        ("gold", "silver", "… 2017-07-20", "left_window"),
        ("silver", "basic", "… 2017-09-01", "left_window"),
    ]
    assert not till.state.current.timetable


def test_a_tier_kept_after_a_fall_comes_along_for_as_long_as_it_is_kept() -> None:
    till = joined(
        rolling("one_down", months=1),
        ("old", spent("t", "2017-02-15", 80)),  # gold; silver kept from 15 March to 15 April
        ("new", spent("u", "2017-03-20", 5)),
    )
    assert till.tier == "silver"
    till.until(at("2017-06-01"))
    assert moves(till)[-1] == ("silver", "basic", "… 2017-04-15", "period_end")


def test_years_of_two_members_are_those_of_whoever_enrolled_first() -> None:
    till = joined(
        accrue(tiered(window="anniversary")),
        ("old", enrolled(at("2016-06-10"))),
        ("old", spent("t", "2017-02-01", 20)),
        ("new", spent("u", "2017-03-01", 15)),
    )
    assert moves(till) == [("basic", "silver", "2017-04-02", "merged")]
    assert review(till) == ("2017-06-10", "silver", "2017-06-10")


def test_a_correction_counts_on_its_day_and_takes_from_the_newest() -> None:
    till = Till(rolling()).play(spent("t", "2017-01-10", 40), spent("u", "2017-02-10", 10))
    sums = till.balances()

    def put_right(when: str, qualifying: int, tier: str | None = None) -> Event:
        books = {name: points for name, points in sums.items() if name != "transferred"}
        payload = Correct(
            reason="counted wrong",
            actor="ada",
            compared_at=at(when),
            qualifying=qualifying,
            tier=tier,
            lots=tuple(
                CorrectedLot(
                    lot_id=lot.lot_id,
                    earned_at=lot.earned_at,
                    available_at=lot.available_at,
                    points=lot.points,
                    remaining=lot.remaining,
                )
                for lot in till.lots().values()
            ),
            **books,
        )
        return event("correct", f"correct-{when}", at(when), payload, "command")

    entries = len(till.entries)
    till.play(put_right("2017-03-01", 85))
    assert (till.tier, till.state.current.qualifying) == ("gold", 85)
    assert till.state.current.counted[at("2017-03-01")] == 35
    till.play(put_right("2017-03-02", 25))
    assert (till.tier, till.state.current.qualifying) == ("basic", 25)
    assert {told(day): n for day, n in till.state.current.counted.items()} == {"2017-01-10": 25}
    assert len(till.entries) == entries
    till.play(brought_back("r", "2017-03-03", "t", 40))  # there are no more than 25 to take
    assert (till.state.current.qualifying, till.state.current.counted) == (0, {})
    till.play(put_right("2017-03-04", 10, "gold"))  # by order, for as long as a window is
    assert review(till) == ("2017-09-04", "basic", "2017-09-04")
    till.play(put_right("2017-03-05", 10, "basic"))
    assert (till.tier, review(till)) == ("basic", None)
