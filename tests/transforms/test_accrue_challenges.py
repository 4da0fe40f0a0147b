"""Challenges: what counts, what is won, what a return takes away, what surfaces show."""

from datetime import datetime, timezone

import pytest
from accrue_till import Till, accrue, cancel, day, line, order, redeem, return_, sale, terms
from challenge_till import (
    POINTS,
    access,
    activity,
    challenge,
    contest_terms,
    contest_till,
    missing,
    progress,
    stands,
)
from privilege_till import grant, offers

from schemas.earn_rules import Hours, When
from schemas.events import Event
from schemas.payloads import Line, Tender
from schemas.privileges import ChallengeProgress
from schemas.rewards import CatalogueOffer, Prize, Reward
from schemas.tiers import Expiry
from transforms.accrue.local_time import period_of
from transforms.accrue.state import Account

COFFEE = When(categories=("COFFEE",))
CARD = challenge(
    "card", counts="units", target=9, repeat=True, when=COFFEE, prize=Prize(offer="free_coffee")
)


def coffee(name: str, at: int, units: int, amount: int = 300) -> Event:
    return sale(
        name, at, [line("1", amount * units, sku="latte", quantity=units, category="COFFEE")]
    )


def back(name: str, at: int, of: str, units: int, amount: int = 300) -> Event:
    return return_(
        name, at, of, [line("1", amount * units, sku="latte", quantity=units, category="COFFEE")]
    )


def week_of(till: Till, at: int) -> int:
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    return period_of(at, "week", plan.zone)[0]


# Bonus challenges


def test_three_visits_in_a_week_win_fifty_points() -> None:
    till = contest_till(challenge(within="week"))
    assert missing(till, day(0)) == {"three": 3}
    till.play(sale("a", day(0), 100))
    assert missing(till, day(1)) == {"three": 2}
    till.play(sale("b", day(1), 100), sale("c", day(2), 100))
    assert till.available == 50
    assert [(one.rule, one.event_id) for one in till.entries] == [("three", "e-c")]
    assert missing(till, day(2.1)) == {"three": 0}
    till.play(sale("d", day(3), 100))
    assert till.available == 50
    assert progress(till) == {("three", week_of(till, day(0))): (3, 1)}


def test_the_next_week_begins_anew_and_the_last_stays_as_it_was() -> None:
    till = contest_till(challenge(within="week"))
    till.play(sale("a", day(0), 100), sale("b", day(1), 100))
    first, second = week_of(till, day(0)), week_of(till, day(7))
    assert stands(till, day(1)).popitem()[1].until == second
    assert missing(till, second - 1) == {"three": 1}
    assert missing(till, second) == {"three": 3}
    till.until(second + 1)
    assert till.changes[-1].cause == "challenge_over"
    till.play(sale("c", day(7), 100))
    assert till.available == 0
    assert progress(till) == {("three", first): (2, 0), ("three", second): (1, 0)}


def test_a_campaign_counts_from_its_first_to_before_its_last_instant() -> None:
    begins = datetime.fromtimestamp(day(1) / 1000, timezone.utc)
    ends = datetime.fromtimestamp(day(3) / 1000, timezone.utc)
    till = contest_till(challenge(target=2, when=When(start=begins, end=ends)))
    till.play(sale("early", day(1) - 1, 100))
    assert stands(till, day(0)) == {}
    till.play(sale("a", day(1), 100))
    assert stands(till, day(1))["three"].until == day(3)
    till.play(sale("late", day(3), 100))
    assert stands(till, day(3)) == {}
    assert till.available == 0
    assert progress(till) == {("three", day(1)): (1, 0)}


@pytest.mark.parametrize(
    ("counts", "target", "short", "enough"),
    [
        ("visits", 2, [[line("1", 500)]], [[line("1", 1)], [line("1", 1)]]),
        ("spend", 10, [[line("1", 500)], [line("1", 499)]], [[line("1", 500), line("2", 500)]]),
        ("units", 3, [[line("1", 500, quantity=2)]], [[line("1", 500, quantity=3)]]),
    ],
)
def test_what_is_counted(
    counts: str, target: int, short: list[list[Line]], enough: list[list[Line]]
) -> None:
    for baskets, won in ((short, 0), (enough, 50)):
        till = contest_till(challenge(counts=counts, target=target))
        for place, basket in enumerate(baskets):
            till.play(sale(f"s-{place}", day(place), basket))
        assert till.available == won


def test_spend_is_shown_in_whole_units_of_currency() -> None:
    till = contest_till(challenge(counts="spend", target=50))
    till.play(sale("a", day(0), 4950))
    one = stands(till, day(0))["three"]
    assert (one.progress, one.missing, one.target) == (49, 1, 50)
    assert progress(till) == {("three", 0): (49, 0)}


def test_excluded_free_and_unfitting_lines_count_for_nothing() -> None:
    till = contest_till(challenge(counts="units", target=9, when=COFFEE))
    till.play(
        sale(
            "a",
            day(0),
            [
                line("1", 300, category="COFFEE"),
                line("2", 0, category="COFFEE"),
                line("3", 300, category="FOOD"),
                line("4", 300, category="GIFT CARDS"),
            ],
        )
    )
    assert progress(till) == {("three", 0): (1, 0)}
    till.play(sale("b", day(1), [line("1", 0, category="COFFEE")]))
    assert progress(till) == {("three", 0): (1, 0)}


def test_a_receipt_must_be_large_enough_by_itself() -> None:
    till = contest_till(challenge(target=2, when=When(spend_at_least=1000)))
    till.play(sale("a", day(0), 999), sale("b", day(1), 1000), sale("c", day(2), 999))
    assert progress(till) == {("three", 0): (1, 0)}
    till.play(return_("r", day(3), "b", [line("1", 1)]))
    assert progress(till) == {("three", 0): (0, 0)}


def test_only_the_part_paid_by_a_tender_counts_as_spend() -> None:
    till = contest_till(challenge(counts="spend", target=50, when=When(tenders=("card",))))
    paid = (Tender(method="card", amount=3000), Tender(method="cash", amount=1000))
    till.play(sale("a", day(0), 4000, tenders=paid), sale("b", day(1), 4000))
    assert progress(till) == {("three", 0): (30, 0)}


def test_conditions_about_the_member_are_asked_at_the_purchase() -> None:
    by_offer = challenge("by_offer", when=When(offers=("double",)), target=2)
    of_gold = challenge("of_gold", when=When(tiers=("gold",)), target=2)
    till = contest_till(
        by_offer,
        of_gold,
        offers=(CatalogueOffer(offer="double"),),
        tiers=terms().tiers,
    )
    till.play(grant("double", day(0)))
    till.play(sale("a", day(1), 500, offers=("double",)), sale("b", day(2), 500))
    assert progress(till) == {("by_offer", 0): (1, 0)}


def test_time_of_day_counts_where_the_programme_is() -> None:
    evening = When(hours=Hours(start="18:00", end="20:00"))
    till = contest_till(challenge(when=evening))
    till.play(sale("noon", day(0), 500), sale("evening", day(11 / 24), 500))
    assert progress(till) == {("three", 0): (1, 0)}


def test_an_order_counts_once_whichever_of_its_events_comes_first() -> None:
    till = contest_till(challenge(target=2))
    till.play(order("o", day(0), 500), order("o", day(1), 500, "order_collected"))
    till.play(sale("s", day(2), 500, order_id="o"))
    assert progress(till) == {("three", 0): (1, 0)}


def test_prizes_of_purchases_wait_like_their_points() -> None:
    till = contest_till(challenge(target=1), pending_days=3)
    till.play(sale("a", day(0), 500))
    assert (till.balances()["pending"], till.available) == (50, 0)
    till.until(day(3) + 1)
    assert (till.balances()["pending"], till.available) == (0, 50)


# Returns


def test_a_return_takes_back_what_it_counted_and_the_prize() -> None:
    till = contest_till(challenge(within="week"))
    till.play(*(sale(name, day(place), 100) for place, name in enumerate("abc")))
    assert till.available == 50
    till.play(return_("r", day(3), "a", [line("1", 100)]))
    assert till.available == 0
    assert missing(till, day(3)) == {"three": 1}
    till.play(sale("d", day(3.5), 100))
    assert till.available == 50
    assert [(one.kind, one.event_id, one.points) for one in till.entries] == [
        ("bonus", "e-c", 50),
        ("reverse", "e-r", 50),
        ("bonus", "e-d", 50),
    ]


def test_a_return_after_the_week_takes_the_prize_back_too() -> None:
    till = contest_till(challenge(within="week"))
    till.play(*(sale(name, day(place), 100) for place, name in enumerate("abc")))
    till.play(sale("next", day(7), 100), return_("r", day(8), "b", [line("1", 100)]))
    assert till.available == 0
    first, second = week_of(till, day(0)), week_of(till, day(7))
    assert progress(till) == {("three", first): (2, 0), ("three", second): (1, 0)}


def test_a_visit_counts_while_anything_of_it_is_kept() -> None:
    till = contest_till(challenge(target=1))
    till.play(sale("a", day(0), [line("1", 100), line("2", 200)]))
    till.play(return_("r1", day(1), "a", [line("1", 100)]))
    assert till.available == 50
    till.play(return_("r2", day(2), "a", [line("2", 200)]))
    assert till.available == 0


def test_what_was_bought_beyond_the_target_keeps_the_prize() -> None:
    till = contest_till(challenge(counts="spend", target=10))
    till.play(sale("a", day(0), [line("1", 500), line("2", 500)]), sale("b", day(1), 500))
    till.play(return_("r", day(2), "a", [line("1", 500)]))
    assert till.available == 50
    till.play(return_("r2", day(3), "a", [line("2", 1, quantity=0)]))
    assert till.available == 0
    assert stands(till, day(3))["three"].progress == 9


def test_a_cancelled_order_counts_for_nothing() -> None:
    till = contest_till(challenge(target=1))
    till.play(order("o", day(0), 500))
    assert till.available == 50
    till.play(cancel("o", day(1)))
    assert till.available == 0
    assert progress(till) == {("three", 0): (0, 0)}


def test_a_return_that_comes_before_its_purchase_leaves_nothing_counted() -> None:
    till = contest_till(challenge(target=1))
    till.play(return_("r", day(0), "a", [line("1", 100)]))
    till.late(sale("a", day(-1), 100), day(1))
    assert till.available == 0
    assert progress(till) == {("three", 0): (0, 0)}


def test_spent_prize_points_become_a_debt() -> None:
    till = contest_till(challenge(target=1), rewards=(Reward(reward="mug", points=50),))
    till.play(sale("a", day(0), 100), redeem("d", day(1), "mug"))
    till.play(return_("r", day(2), "a", [line("1", 100)]))
    assert till.available == -50


# Stamp cards


def test_nine_coffees_win_the_tenth_and_the_free_one_does_not_count() -> None:
    till = contest_till(CARD)
    till.play(coffee("a", day(0), 5), coffee("b", day(1), 6))
    assert offers(till) == [("free_coffee", "open", "ok")]
    one = stands(till, day(1))["card"]
    assert (one.progress, one.missing, one.met) == (2, 7, 1)
    free = [
        line("1", 0, sku="latte", category="COFFEE"),
        line("2", 300, sku="latte", category="COFFEE"),
    ]
    till.play(sale("c", day(2), free, offers=("free_coffee",)))
    assert offers(till) == [("free_coffee", "used", "ok")]
    assert missing(till, day(2)) == {"card": 6}


def test_one_purchase_can_fill_two_cards() -> None:
    till = contest_till(CARD).play(coffee("a", day(0), 20))
    assert sorted(status for _, status, _ in offers(till)) == ["open", "waiting"]
    assert missing(till, day(0)) == {"card": 7}
    till.play(back("r", day(1), "a", 3))
    assert [status for _, status, _ in offers(till)].count("revoked") == 1
    assert missing(till, day(1)) == {"card": 1}


def test_a_free_coffee_that_was_drunk_stands_but_is_not_won_again() -> None:
    till = contest_till(CARD)
    till.play(coffee("a", day(0), 9))
    free = [line("1", 0, sku="latte", category="COFFEE")]
    till.play(sale("b", day(1), free, offers=("free_coffee",)))
    till.play(back("r", day(2), "a", 1), coffee("c", day(3), 1))
    assert offers(till) == [("free_coffee", "used", "ok")]
    assert missing(till, day(3)) == {"card": 9}
    till.play(coffee("d", day(4), 9))
    assert len(offers(till)) == 2


def test_the_last_prize_goes_first() -> None:
    till = contest_till(challenge(target=1, repeat=True))
    till.play(sale("a", day(0), 100), sale("b", day(1), 100), sale("c", day(2), 100))
    till.play(return_("r", day(3), "a", [line("1", 100)]))
    assert till.available == 100
    lots = sorted((lot.earned_at, lot.remaining) for lot in till.lots().values())
    assert lots == [(day(0), 50), (day(1), 50), (day(2), 0)]


# Actions


def test_a_milestone_unlocks_without_points() -> None:
    hundred = challenge(
        "hundred_km",
        counts="quantity",
        on="activity_completed",
        activities=("run",),
        target=100,
        prize=Prize(access="early_sale"),
    )
    till = contest_till(hundred)
    till.play(activity("run", day(0), 60), activity("swim", day(1), 60))
    assert (missing(till, day(1)), access(till)) == ({"hundred_km": 40}, {})
    till.play(activity("run", day(2), 45), activity("run", day(3), 45))
    assert (missing(till, day(3)), access(till)) == ({"hundred_km": 0}, {"early_sale": True})
    assert till.entries == []
    assert till.changes[-2].cause == "activity_completed"


def test_points_for_actions_are_available_at_once_and_repeat() -> None:
    often = challenge(counts="actions", on="activity_completed", target=2, repeat=True)
    till = contest_till(often, pending_days=3)
    till.play(*(activity("run", day(place)) for place in range(5)))
    assert till.available == 100
    assert missing(till, day(5)) == {"three": 1}
    one = till.state.current.challenges["three@0"]
    assert (one.met, one.counted, one.before) == ([], 1, 2)


# What the past becomes


def test_a_late_purchase_ends_in_what_perfect_order_gives() -> None:
    till = contest_till(challenge(within="week"))
    till.play(sale("a", day(0), 100), sale("b", day(1), 100), sale("next", day(7), 100))
    assert till.available == 0
    till.late(sale("late", day(2), 100), day(8))
    assert till.available == 50
    first, second = week_of(till, day(0)), week_of(till, day(7))
    assert progress(till) == {("three", first): (3, 1), ("three", second): (1, 0)}
    till.late(sale("a", day(0), 100), day(9), retract=True)
    assert till.available == 0
    assert progress(till) == {("three", first): (2, 0), ("three", second): (1, 0)}


def test_a_withdrawn_period_is_told_as_empty() -> None:
    till = contest_till(challenge(within="week"))
    till.play(sale("a", day(0), 100))
    till.late(sale("a", day(0), 100), day(1), retract=True)
    assert progress(till) == {("three", week_of(till, day(0))): (0, 0)}
    assert missing(till, day(1)) == {"three": 3}


def test_the_account_is_reported_also_if_only_progress_changed() -> None:
    till = contest_till(challenge()).play(sale("a", day(0), 100))
    told = len(till.changes)
    till.play(sale("b", day(1), 100))
    assert len(till.changes) == told + 1
    assert till.changes[-1].earned == 0


def test_the_terms_at_the_purchase_say_what_it_counts() -> None:
    later = datetime.fromtimestamp(day(2) / 1000, timezone.utc)
    till = Till(
        accrue(
            contest_terms(challenge(counts="visits", target=4)),
            contest_terms(
                challenge(target=3, prize=Prize(points=70)), version=2, effective_from=later
            ),
            contest_terms(
                version=3, effective_from=datetime.fromtimestamp(day(9) / 1000, timezone.utc)
            ),
        )
    )
    till.play(sale("a", day(0), 100), sale("b", day(1), 100))
    assert missing(till, day(1)) == {"three": 2}
    assert missing(till, day(2)) == {"three": 1}
    till.play(sale("c", day(3), 100))
    assert till.available == 70
    assert stands(till, day(9)) == {}
    till.play(sale("d", day(10), 100), return_("r", day(11), "a", [line("1", 100)]))
    assert till.available == 0


def test_a_challenge_that_no_version_has_is_forgotten() -> None:
    gone = datetime.fromtimestamp(day(2) / 1000, timezone.utc)
    till = Till(
        accrue(
            contest_terms(challenge(within="month"), challenge("long", target=100)),
            contest_terms(version=2, effective_from=gone, earn=terms().earn, tiers=terms().tiers),
        )
    )
    till.play(sale("a", day(0), 100))
    assert len(till.state.current.challenges) == 2
    for week in range(1, 60):
        till.play(sale(f"w-{week}", day(7 * week), 100))
    assert till.state.current.challenges == {}
    assert till.state.current.timetable == {}


def test_a_challenge_that_is_gone_is_kept_while_its_prize_can_be_taken_back() -> None:
    gone = datetime.fromtimestamp(day(2) / 1000, timezone.utc)
    till = Till(
        accrue(
            contest_terms(challenge(target=1)),
            contest_terms(version=2, effective_from=gone, earn=terms().earn[:1]),
        )
    )
    till.play(sale("a", day(0), 100))
    for place in range(3, 60):
        till.play(sale(f"s-{place}", day(place), 100))
    assert till.state.base_to > day(30)
    earned = till.available
    till.play(return_("r", day(61), "a", [line("1", 100)]))
    assert till.available == earned - 50


def test_a_challenge_won_for_good_is_told_no_more() -> None:
    till = contest_till(challenge(target=1), earn=terms().earn[:1], expiry=Expiry(mode="none"))
    till.play(sale("a", day(0), 100), sale("b", day(89), 100))
    assert progress(till) == {("three", 0): (1, 1)}
    told = len(till.of(ChallengeProgress))
    till.play(sale("c", day(91), 100))
    assert len(till.of(ChallengeProgress)) == told


def test_what_is_kept_of_years_stays_small() -> None:
    till = contest_till(
        challenge("week", within="week"),
        challenge("ever", repeat=True),
        challenge("row", in_a_row="week", repeat=True),
        challenge("once", target=10_000),
    )
    for place in range(700):
        till.play(sale(f"s-{place}", day(place), 100))
    kept = till.state.current.challenges
    window = 90 + 2 * 17 + 1
    assert all(len(one.periods) <= window // 7 + 4 for one in kept.values())
    assert all(len(one.met) <= window // 3 + 1 for one in kept.values())
    assert len(kept) <= 3 + window // 7 + 2
    assert stands(till, day(700))["once"].progress == 700
    assert stands(till, day(700))["ever"].met == 233
    assert till.available + till.balances()["expired"] == 50 * (233 + 100 + 33)


def test_a_programme_without_challenges_keeps_nothing_of_them() -> None:
    till = Till().play(sale("a", day(0), 100))
    assert till.state.current.challenges == Account().challenges == {}
    assert stands(till, day(0)) == {}


def test_a_huge_purchase_wins_no_more_than_a_hundred_prizes_at_once() -> None:
    till = contest_till(challenge(counts="units", target=1, repeat=True, prize=POINTS))
    till.play(sale("a", day(0), [line("1", 500, quantity=250)]))
    assert till.available == 5000
    till.play(sale("b", day(1), [line("1", 500)]), sale("c", day(2), [line("1", 500)]))
    assert till.available == 50 * 252
