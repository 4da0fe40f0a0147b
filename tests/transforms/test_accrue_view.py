"""What every surface may show of a member besides the balance: built, told when it changes,
bounded."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from accrue_till import DAY, Till, accrue, day, enrolled, event, line, sale, terms
from hypothesis import given
from hypothesis import strategies as st
from merged_tills import Tills
from privilege_till import benefit, grant, member, profile, revoke

from schemas.challenges import Challenge
from schemas.earn_rules import BaseRate, When
from schemas.flow import AccountChanged
from schemas.member_view import (
    ChallengeState,
    EntitlementState,
    Expiring,
    MembershipState,
    MemberView,
    NextReward,
    OpenOffer,
    RewardInReach,
)
from schemas.membership import Entitlement, PaidPlan
from schemas.payloads import Activity
from schemas.privileges import BenefitUsage
from schemas.programme import Terms
from schemas.rewards import CatalogueOffer, Prize, Reward
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue.prepared import Prepared
from transforms.accrue.privileges import GrantedOffer
from transforms.accrue.quote import CantQuote, quote
from transforms.accrue.state import Account
from transforms.accrue.view import view_of

LEVELS = (
    TierLevel(tier="basic", threshold=0),
    TierLevel(tier="silver", threshold=100, benefits=("fast_lane",)),
    TierLevel(tier="gold", threshold=300, benefits=("fast_lane", "lounge")),
)


def bare(**changes: Any) -> Terms:
    """A point a dollar, at once and for good, and nothing else."""
    usual: dict[str, Any] = {
        "earn": (BaseRate(rate=Decimal(1)),),
        "pending_days": 0,
        "expiry": Expiry(),
        "tiers": None,
        "rewards": (),
    }
    return terms(**usual | changes)


def till_of(**changes: Any) -> Till:
    return Till(accrue(bare(**changes)), recode_state=True)


def view(till: Till) -> MemberView:
    """As it was told last."""
    told = till.changes[-1].view
    assert told is not None
    return told


def ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=timezone.utc).timestamp() * 1000)


def test_a_programme_without_all_this_tells_nothing() -> None:
    till = till_of().play(sale("t1", day(1), 1_000))
    assert view(till) == MemberView()
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(till.changes[-1]))
    assert told["view"] == {}


def test_points_by_when_they_expire_soonest_first() -> None:
    till = till_of(expiry=Expiry(mode="fixed", months=1, round_up="month"))
    till.play(sale("t1", day(40), 700), sale("t2", day(41), 300), sale("t3", day(61), 500))
    assert view(till).expiries == (
        Expiring(at=ms(2017, 6, 1, 4), points=10),
        Expiring(at=ms(2017, 7, 1, 4), points=5),
    )
    till.until(day(120))
    assert till.changes[-1].cause == "expire"
    assert [one.points for one in view(till).expiries] == [5]


def test_at_most_twelve_dates() -> None:
    till = till_of(expiry=Expiry(mode="fixed", months=6))
    till.play(*(sale(f"t{number}", day(number), 1_000) for number in range(15)))
    expiries = view(till).expiries
    assert len(expiries) == 12
    assert [one.at for one in expiries] == sorted(till.state.current.expiring)[:12]


def test_a_tier_its_benefits_its_review_and_where_it_would_fall() -> None:
    tiers = Tiers(levels=LEVELS, downgrade=Downgrade(mode="one_down", grace_days=30))
    till = till_of(tiers=tiers).play(sale("t1", day(1), 12_000))
    now = view(till)
    assert now.tier_benefits == ("fast_lane",)
    assert now.tier_review_at == ms(2018, 1, 1, 5)
    assert (now.tier_falls_to, now.tier_falls_at) == (None, None), "it is kept by this year"
    till.until(ms(2018, 1, 2))
    now = view(till)
    assert till.changes[-1].cause == "tier_review"
    assert now.tier_falls_to == "basic"
    assert now.tier_falls_at is not None
    assert now.tier_falls_at > ms(2019, 1, 1), "at the next review, after the grace"
    till.until(now.tier_falls_at - 1)
    assert till.tier == "silver"
    till.until(now.tier_falls_at)
    assert till.tier == "basic"
    assert view(till).tier_benefits == ()


def prepared(one: Terms) -> Prepared:
    plan = accrue(one).programmes.named("grocer")
    assert plan is not None
    return plan.versions[0]


members = st.builds(
    lambda tier, qualifying, enrolled_at: (tier, qualifying, enrolled_at),
    st.sampled_from(["basic", "silver", "gold"]),
    st.integers(-50, 2_000_000),
    st.none() | st.integers(0, 2 * 10**12),
)


@given(st.lists(members, min_size=2, max_size=20))
def test_the_priority_key_sorts_members(some: list[tuple[str, int, int | None]]) -> None:
    """Tier, then what counts for it, then how long they have been here; whoever never enrolled
    comes last."""
    ready = prepared(bare(tiers=Tiers(levels=LEVELS, upgrade_priority=True)))

    def key(one: tuple[str, int, int | None]) -> str:
        tier, qualifying, enrolled_at = one
        account = Account(tier=tier, qualifying=qualifying)
        return view_of(account, ready, day(0), enrolled_at).upgrade_priority

    by_hand = sorted(
        some,
        key=lambda one: (
            -["basic", "silver", "gold"].index(one[0]),
            -max(0, one[1]),
            10**13 if one[2] is None else one[2],
        ),
    )
    assert [key(one) for one in by_hand] == sorted(map(key, some))
    assert len({len(key(one)) for one in some}) == 1


def test_no_key_unless_the_programme_wants_one() -> None:
    till = till_of(tiers=Tiers(levels=LEVELS)).play(enrolled(day(0)), sale("t1", day(1), 500))
    assert view(till).upgrade_priority == ""
    till = till_of(tiers=Tiers(levels=LEVELS, upgrade_priority=True))
    till.play(enrolled(day(0)), sale("t1", day(1), 12_000))
    assert view(till).upgrade_priority == f"01-999999999879-{day(0):013d}"


REWARDS = (
    Reward(reward="pan", points=60),
    Reward(reward="cup", points=10),
    Reward(reward="lounge", points=20, tier="gold"),
    Reward(reward="car", points=900, tier="gold"),
)


@pytest.mark.parametrize(
    ("dollars", "there", "following"),
    [
        (9, (), NextReward(reward="cup", points=10, missing=1)),
        (10, ("cup",), NextReward(reward="pan", points=60, missing=50)),
        (60, ("cup", "pan"), None),
        (300, ("cup", "lounge", "pan"), NextReward(reward="car", points=900, missing=600)),
        (900, ("cup", "lounge", "pan", "car"), None),
    ],
)
def test_rewards_in_reach_and_the_next_one(
    dollars: int, there: tuple[str, ...], following: NextReward | None
) -> None:
    prices = {one.reward: one.points for one in REWARDS}
    till = till_of(tiers=Tiers(levels=LEVELS), rewards=REWARDS)
    now = view(till.play(sale("t1", day(1), dollars * 100)))
    assert now.rewards == tuple(RewardInReach(reward=one, points=prices[one]) for one in there)
    assert now.next_reward == following


def test_of_many_rewards_the_dearest_twenty() -> None:
    many = tuple(Reward(reward=f"r{number}", points=number) for number in range(1, 31))
    till = till_of(rewards=many).play(sale("t1", day(1), 2_500))
    now = view(till)
    assert [one.points for one in now.rewards] == list(range(6, 26))
    assert now.next_reward == NextReward(reward="r26", points=26, missing=1)


def stamp_card(**changes: Any) -> Challenge:
    usual: dict[str, Any] = {
        "challenge": "stamps",
        "counts": "visits",
        "target": 3,
        "prize": Prize(access="club"),
    }
    return Challenge(**usual | changes)


def test_two_more_visits() -> None:
    till = till_of(challenges=(stamp_card(),)).play(enrolled(day(0)))
    assert view(till).challenges == (
        ChallengeState(
            challenge="stamps", counts="visits", progress=0, target=3, missing=3, until=None, met=0
        ),
    )
    till.play(sale("t1", day(1), 100))
    assert [(one.progress, one.missing) for one in view(till).challenges] == [(1, 2)]
    till.play(sale("t2", day(2), 100), sale("t3", day(3), 100))
    assert [(one.missing, one.met) for one in view(till).challenges] == [(0, 1)]
    assert view(till).access == ("club",)


def test_a_challenge_of_actions_is_told_though_no_point_moves() -> None:
    yoga = stamp_card(counts="actions", on="activity_completed")
    till = till_of(challenges=(yoga,)).play(enrolled(day(0)))
    told = len(till.changes)
    done = event("activity_completed", "e-yoga", day(1), Activity(activity="yoga"), "app")
    till.play(done)
    assert len(till.changes) == told + 1
    assert till.changes[-1].earned == 0
    assert view(till).challenges[0].progress == 1


def test_a_streak_counts_in_its_unit_and_a_campaign_ends() -> None:
    streak = stamp_card(challenge="weeks_on", in_a_row="week")
    end = datetime(2017, 3, 20, tzinfo=timezone.utc)
    campaign = stamp_card(challenge="spring", when=When(end=end))
    till = till_of(challenges=(streak, campaign)).play(sale("t1", day(1), 100))
    assert [(one.challenge, one.counts) for one in view(till).challenges] == [
        ("weeks_on", "weeks"),
        ("spring", "visits"),
    ]
    assert view(till).challenges[1].until == ms(2017, 3, 20)
    till.play(sale("t2", day(30), 100))
    assert [one.challenge for one in view(till).challenges] == ["weeks_on"]


def test_offers_are_told_when_they_come_and_go() -> None:
    catalogue = (CatalogueOffer(offer="tenth", valid_days=10), CatalogueOffer(offer="five"))
    till = till_of(offers=catalogue)
    till.play(enrolled(day(0)), grant("five", day(1)), grant("tenth", day(2)))
    assert view(till).offers == (
        OpenOffer(offer_id="tenth", expires_at=day(12)),
        OpenOffer(offer_id="five", expires_at=None),
    )
    till.until(day(13))
    assert till.changes[-1].cause == "offer_expired"
    assert [one.offer_id for one in view(till).offers] == ["five"]
    till.play(revoke("five", day(14)))
    assert view(till).offers == ()


def test_what_an_offer_was_used_for_closes_it_for_every_surface() -> None:
    till = till_of(offers=(CatalogueOffer(offer="five"),))
    till.play(grant("five", day(1)), sale("t1", day(2), 100, offers=("five",)))
    assert view(till).offers == ()


def test_at_most_twenty_offers() -> None:
    ready = prepared(bare())
    many = {
        str(number): GrantedOffer(offer=f"o{number:02d}", granted_at=0, expires_at=1_000 - number)
        for number in range(30)
    }
    offers = view_of(Account(offers=many), ready, 0, None).offers
    assert [one.offer_id for one in offers] == [f"o{number:02d}" for number in range(29, 9, -1)]


PLAN = PaidPlan(
    plan="plus",
    months=1,
    trial_days=30,
    grace_days=7,
    entitlements=(
        Entitlement(entitlement="delivery"),
        Entitlement(entitlement="fuel", limit=2, per="month"),
        Entitlement(entitlement="stream", limit=1, per_days=90),
        Entitlement(entitlement="gift", limit=1),
    ),
)


def left(till: Till) -> dict[str, tuple[int | None, int | None]]:
    told = view(till).membership
    assert told is not None
    return {one.entitlement: (one.left, one.renews_at) for one in told.entitlements}


def test_a_membership_and_what_is_left_of_its_benefits() -> None:
    till = till_of(plans=(PLAN,)).play(member("started", day(0), trial=True))
    told = view(till).membership
    assert told is not None
    assert (told.plan, told.status) == ("plus", "trial")
    assert told.entitlements == (
        EntitlementState(entitlement="delivery", left=None, renews_at=None),
        EntitlementState(entitlement="fuel", left=2, renews_at=None),
        EntitlementState(entitlement="stream", left=1, renews_at=None),
        EntitlementState(entitlement="gift", left=1, renews_at=None),
    )
    till.play(benefit("fuel", day(1)), benefit("stream", day(2)), benefit("gift", day(3)))
    assert left(till) == {
        "delivery": (None, None),
        "fuel": (1, ms(2017, 4, 1, 4)),
        "stream": (0, day(92)),
        "gift": (0, None),
    }
    till.until(told.until + 1)
    after = view(till).membership
    assert after is not None
    assert (after.status, after.until > told.until) == ("grace", True)
    till.until(after.until + 1)
    assert view(till).membership == MembershipState(
        plan="plus", status="ended", until=after.until, entitlements=()
    )


def test_uses_at_the_edges_of_their_periods() -> None:
    april = ms(2017, 4, 1, 4)
    till = till_of(plans=(msgspec.structs.replace(PLAN, months=24),))
    till.play(member("started", day(0)), benefit("stream", day(1)), benefit("fuel", april - 1))
    assert left(till)["fuel"] == (1, april)
    till.play(benefit("fuel", april))
    assert left(till)["fuel"] == (1, ms(2017, 5, 1, 4)), "the first instant is in the new month"
    till.play(profile(day(91) - 1), grant("any", day(91) - 1))
    assert left(till)["stream"] == (0, day(91))
    till.play(grant("other", day(91)))
    assert left(till)["stream"] == (1, None), "90 days after, to the instant"


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["fuel", "stream"])), max_size=9))
def test_what_is_left_is_what_the_judge_of_uses_says(some: list[tuple[int, str]]) -> None:
    """The number beside each use that was granted is the one that the view then shows."""
    till = till_of(plans=(msgspec.structs.replace(PLAN, months=24),))
    till.play(member("started", day(0)))
    at = day(0)
    for days, name in some:
        at += days * DAY
        before = left(till.play(profile(at - 1, "05-05")))[name] if till.changes else None
        till.play(benefit(name, at))
        (row,) = [one for one in till.last if isinstance(one, BenefitUsage)]
        shown = left(till)[name][0]
        assert shown == row.left if row.code == "ok" else shown == 0
        assert before is not None


def test_a_late_purchase_changes_the_view_like_everything_else() -> None:
    till = till_of(challenges=(stamp_card(),), rewards=REWARDS[:2])
    till.play(sale("t1", day(5), 2_000)).late(sale("t0", day(1), 2_000), day(6))
    assert view(till).challenges[0].progress == 2
    till.late(sale("t0", day(1), 2_000), day(7), retract=True)
    assert view(till).challenges[0].progress == 1
    assert view(till) == view(Till(till.operator).play(sale("t1", day(5), 2_000)))


def test_a_view_of_before_this_release_is_none() -> None:
    told = till_of().play(sale("t1", day(1), 100)).changes[-1]
    kept = msgspec.to_builtins(told)
    del kept["view"]
    assert msgspec.convert(kept, AccountChanged).view is None


def test_a_closed_account_shows_nothing_and_its_survivor_all_of_it() -> None:
    tills = Tills(accrue(bare(rewards=REWARDS[:2], tiers=Tiers(levels=LEVELS))))
    tills.give(sale("t1", day(1), 12_000), "old", day(1))
    tills.merge("old", "new", day(2))
    tills.deliver_all(day(3))
    assert tills.till("old").changes[-1].view is None
    shown = view(tills.till("new"))
    assert [one.reward for one in shown.rewards] == ["cup", "pan"]
    assert shown.tier_benefits == ("fast_lane",)
    plan = tills.operator.programmes.named("grocer")
    assert plan is not None
    with pytest.raises(CantQuote, match="goes on as new"):
        quote(tills.till("old").state, plan, sale("t2", day(4), [line("1", 100)]))


def test_only_the_future_of_a_purchase_can_be_quoted() -> None:
    till = till_of().play(sale("t1", day(5), 100))
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    with pytest.raises(CantQuote, match=r"ends at 2017-03-06T12:00:00\.000"):
        quote(till.state, plan, sale("t2", day(5), 100))
    with pytest.raises(CantQuote, match="must be a purchase"):
        quote(till.state, plan, enrolled(day(6)))
    assert quote(till.state, plan, sale("t1", day(6), 100)).points == 0, "bought already"
