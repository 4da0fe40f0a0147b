"""Streaks: periods in a row, how they break, what a return does to them; and merged accounts."""

from datetime import datetime, timezone

from accrue_till import DAY, accrue, day, line, return_, sale
from challenge_till import (
    activity,
    challenge,
    contest_terms,
    contest_till,
    missing,
    progress,
    stands,
)
from merged_tills import Tills
from privilege_till import offers

from schemas.earn_rules import When
from schemas.events import Event
from schemas.rewards import Prize

MONDAY = day(5) - 7 * 3_600_000
"""6 March 2017, midnight in New York (EST)."""
WEEKS = challenge("weeks", in_a_row="week", target=4)


def week(number: int, hours: float = 12) -> int:
    """An instant in a week, the first of which begins on MONDAY; summer time begins in it."""
    return MONDAY + number * 7 * DAY + round(hours * 3_600_000)


def weekly(*numbers: int) -> list[Event]:
    return [sale(f"w{number}", week(number), 100) for number in numbers]


def gone(number: int, at: int) -> Event:
    return return_(f"r{number}-{at}", at, f"w{number}", [line("1", 100)])


def test_four_weeks_in_a_row_win_once() -> None:
    till = contest_till(WEEKS).play(*weekly(0, 1, 2))
    assert till.available == 0
    one = stands(till, week(2))["weeks"]
    assert (one.progress, one.missing) == (3, 1)
    till.play(*weekly(3))
    assert till.available == 50
    till.play(*weekly(4, 5, 6, 7, 8))
    assert till.available == 50
    assert progress(till) == {("weeks", 0): (4, 1)}
    assert till.state.current.timetable == {}


def test_several_purchases_of_a_week_count_as_one_week() -> None:
    till = contest_till(WEEKS)
    for hours in range(1, 20):
        till.play(sale(f"s{hours}", week(0, hours), 100))
    assert missing(till, week(0, 24)) == {"weeks": 3}


def test_a_missed_week_begins_anew_and_is_seen_when_it_is_over() -> None:
    till = contest_till(WEEKS).play(*weekly(0, 1))
    breaks_at = stands(till, week(1))["weeks"].until
    assert breaks_at is not None
    assert missing(till, breaks_at - 1) == {"weeks": 2}
    assert missing(till, breaks_at) == {"weeks": 4}
    told = len(till.changes)
    till.until(breaks_at + 1)
    assert [one.cause for one in till.changes[told:]] == ["streak_broken"]
    assert progress(till) == {("weeks", 0): (0, 0)}
    assert missing(till, breaks_at) == {"weeks": 4}
    till.play(*weekly(3, 4, 5))
    assert (till.available, missing(till, week(5))) == (0, {"weeks": 1})
    till.play(*weekly(6))
    assert till.available == 50


def test_the_deadline_is_the_end_of_the_next_local_week() -> None:
    till = contest_till(WEEKS).play(*weekly(0))
    # Two weeks after MONDAY, less the hour that summer time took on the 12th.
    assert stands(till, week(0))["weeks"].until == MONDAY + 14 * DAY - 3_600_000
    till.play(sale("last", MONDAY + 14 * DAY - 3_600_001, 100))
    assert missing(till, MONDAY + 14 * DAY) == {"weeks": 2}


def test_a_purchase_at_the_very_deadline_is_too_late() -> None:
    till = contest_till(WEEKS).play(*weekly(0))
    till.play(sale("late", MONDAY + 14 * DAY - 3_600_000, 100))
    assert progress(till) == {("weeks", 0): (1, 0)}


def test_a_repeated_streak_begins_again_with_the_next_week() -> None:
    again = challenge("weeks", in_a_row="week", target=2, repeat=True)
    till = contest_till(again).play(*weekly(0, 1, 2))
    assert (till.available, missing(till, week(2))) == (50, {"weeks": 1})
    till.play(*weekly(3, 4))
    assert till.available == 100
    assert progress(till) == {("weeks", 0): (1, 2)}


def test_a_return_that_breaks_a_streak_takes_the_prize_back() -> None:
    till = contest_till(WEEKS).play(*weekly(0, 1, 2, 3))
    till.play(gone(1, week(3, 20)))
    assert till.available == 0
    assert progress(till) == {("weeks", 0): (2, 0)}
    till.play(*weekly(4, 5))
    assert till.available == 50


def test_another_purchase_of_the_week_keeps_the_streak() -> None:
    till = contest_till(WEEKS)
    till.play(sale("also", week(1, 1), 100), *weekly(1, 2, 3, 4), gone(1, week(5)))
    assert till.available == 50


def test_a_return_of_the_newest_week_leaves_time_until_its_end() -> None:
    till = contest_till(WEEKS).play(*weekly(0, 1), gone(1, week(1, 13)))
    one = stands(till, week(1, 13))["weeks"]
    assert (one.progress, one.until) == (1, MONDAY + 14 * DAY - 3_600_000)
    till.play(gone(0, week(1, 14)))
    assert stands(till, week(1, 15))["weeks"].until is None
    assert till.state.current.timetable == {}


def test_a_streak_stands_with_a_prize_that_was_used() -> None:
    free = challenge(
        "weeks", in_a_row="week", target=2, repeat=True, prize=Prize(offer="free_coffee")
    )
    till = contest_till(free).play(*weekly(0, 1))
    till.play(sale("use", week(1, 20), 100, offers=("free_coffee",)), gone(1, week(1, 21)))
    till.play(return_("r", week(1, 22), "use", [line("1", 100)]))
    assert offers(till) == [("free_coffee", "used", "ok")]
    assert progress(till) == {("weeks", 0): (0, 1)}
    till.play(sale("again", week(1, 23), 100), return_("r2", week(2, 1), "again", [line("1", 100)]))
    till.play(*weekly(2))
    assert (len(offers(till)), progress(till)) == (1, {("weeks", 0): (1, 1)})
    till.play(*weekly(3))
    assert [status for _, status, _ in offers(till)] == ["used", "open"]


def test_activities_make_streaks_too() -> None:
    runs = challenge(
        "runs", counts="actions", on="activity_completed", in_a_row="day", target=3, repeat=True
    )
    till = contest_till(runs)
    till.play(*(activity("run", day(place)) for place in (0, 1, 2, 3, 5, 6, 7)))
    assert till.available == 100
    one = till.state.current.challenges["runs@0"]
    assert (one.run, one.times, len(one.periods)) == (0, 2, 7)


def test_a_late_week_joins_two_streaks() -> None:
    till = contest_till(WEEKS).play(*weekly(0, 2, 3))
    till.late(weekly(1)[0], week(3, 13))
    assert till.available == 50
    till.late(weekly(2)[0], week(3, 14), retract=True)
    assert till.available == 0
    assert progress(till) == {("weeks", 0): (1, 0)}


def test_streaks_of_a_campaign_are_its_own() -> None:
    begins = datetime.fromtimestamp(week(1, 0) / 1000, timezone.utc)
    till = contest_till(challenge("weeks", in_a_row="week", target=2, when=When(start=begins)))
    till.play(*weekly(0, 1))
    assert till.available == 0
    till.play(*weekly(2))
    assert till.available == 50


# Merged accounts


def test_what_two_members_made_is_one_members_after_a_merge() -> None:
    rules = contest_terms(
        challenge("card", target=5, repeat=True, prize=Prize(points=7)),
        challenge("week", within="week", target=9),
        challenge("weeks", in_a_row="week", target=4, repeat=True),
    )
    tills = Tills(accrue(rules))
    for number in (0, 1, 2):
        tills.give(sale(f"a{number}", week(number), 100), "a", week(number))
    for number in (2, 3):
        tills.give(sale(f"b{number}", week(number, 13), 100), "b", week(number, 13))
    tills.merge("a", "b", week(3, 20))
    tills.deliver(tills.waiting.pop(0), week(3, 21))
    assert balance(tills, "b") == 57
    assert progress_of(tills, "b", week(3, 22)) == {"card": 0, "week": 1, "weeks": 0}
    tills.give(sale("b4", week(4), 100), "b", week(4))
    assert progress_of(tills, "b", week(4)) == {"card": 1, "week": 1, "weeks": 1}
    tills.give(return_("r", week(4, 23), "a1", [line("1", 100)]), "b", week(4, 23))
    assert balance(tills, "b") == 7
    assert progress_of(tills, "b", week(4, 24)) == {"card": 0, "week": 1, "weeks": 3}


def test_a_streak_that_both_made_is_won_twice_and_goes_on_once() -> None:
    tills = Tills(accrue(contest_terms(challenge("weeks", in_a_row="week", target=2, repeat=True))))
    for number in (0, 1):
        for member in "ab":
            name = f"{member}{number}"
            tills.give(sale(name, week(number), 100), member, week(number))
    tills.merge("a", "b", week(1, 20))
    tills.deliver(tills.waiting.pop(0), week(1, 21))
    assert (balance(tills, "b"), progress_of(tills, "b", week(1, 22))) == (100, {"weeks": 0})
    tills.give(sale("b2", week(2), 100), "b", week(2))
    assert (balance(tills, "b"), progress_of(tills, "b", week(2))) == (100, {"weeks": 1})
    tills.give(return_("r", week(2, 20), "a1", [line("1", 100)]), "b", week(2, 20))
    tills.give(sale("b3", week(3), 100), "b", week(3))
    assert (balance(tills, "b"), progress_of(tills, "b", week(3))) == (150, {"weeks": 0})


def test_a_prize_that_came_with_a_merge_can_be_taken_back() -> None:
    tills = Tills(accrue(contest_terms(challenge("one", target=1))))
    tills.give(sale("a", day(0), 100), "a", day(0))
    tills.merge("a", "b", day(1))
    tills.deliver(tills.waiting.pop(0), day(2))
    assert balance(tills, "b") == 50
    tills.give(return_("r", day(3), "a", [line("1", 100)]), "b", day(3))
    assert balance(tills, "b") == 0


def balance(tills: Tills, member: str) -> int:
    return tills.till(member).state.current.balances["available"]


def progress_of(tills: Tills, member: str, at: int) -> dict[str, int]:
    return {name: one.progress for name, one in stands(tills.till(member), at).items()}
