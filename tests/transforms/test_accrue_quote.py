"""Quotes by hand: what they say of points, offers, rewards and what a basket wins."""

from decimal import Decimal
from typing import Any

import msgspec
from accrue_till import Till, accrue, adjust, day, line, sale, terms
from privilege_till import grant

from schemas.challenges import Challenge
from schemas.earn_rules import BaseRate, Bonus, When
from schemas.member_view import OpenOffer
from schemas.quote import Earned, Quote, Saving, Taking
from schemas.rewards import CatalogueOffer, Discount, Prize, Reward
from schemas.tiers import Expiry, TierLevel, Tiers
from transforms.accrue.quote import quote


def till_of(**changes: Any) -> Till:
    usual: dict[str, Any] = {
        "earn": (
            BaseRate(rate=Decimal(1)),
            Bonus(name="coupon", points=50, when=When(offers=("extra",))),
        ),
        "pending_days": 3,
        "expiry": Expiry(),
        "tiers": Tiers(
            levels=(TierLevel(tier="basic", threshold=0), TierLevel(tier="silver", threshold=40))
        ),
        "rewards": (
            Reward(reward="five_off", points=30, value=500),
            Reward(reward="mug", points=5),
        ),
        "offers": (
            CatalogueOffer(offer="tenth", discount=Discount(percent=Decimal(10))),
            CatalogueOffer(
                offer="tea_free", discount=Discount(free_units=1, skus=("tea",)), valid_days=9
            ),
            CatalogueOffer(offer="extra"),
        ),
        "challenges": (
            Challenge(
                challenge="twice",
                counts="visits",
                target=2,
                prize=Prize(points=7, offer="tenth", access="club"),
            ),
        ),
    }
    return Till(accrue(terms(**usual | changes)))


BASKET = [
    line("1", 1_050, "tea", quantity=2),
    line("2", 799, "jam"),
    line("3", 2_000, "voucher", category="GIFT CARDS"),
]


def ask(till: Till, days: float, *lines: Any, offers: tuple[str, ...] = ()) -> Quote:
    plan = till.operator.programmes.named("grocer")
    assert plan is not None
    return quote(till.state, plan, sale("q", day(days), lines or BASKET, offers=offers))


def test_somebody_of_whom_nothing_is_known() -> None:
    told = ask(till_of(), 1)
    assert told.earned == (Earned(name="base", points=18),), "a gift card earns nothing"
    assert (told.points, told.amount, told.at, told.available_at) == (18, 3_849, day(1), day(4))
    assert (told.before.pending, told.after.pending) == (0, 18)
    assert (told.savings, told.rewards, told.prizes) == ((), (), ())
    assert told.programme == "grocer@1"


def test_the_tier_progress_and_prizes_that_it_would_bring() -> None:
    told = ask(till_of().play(sale("t1", day(1), 2_500)), 2)
    assert told.prizes == (Earned(name="twice", points=7),)
    assert told.points == 25
    assert told.offers_won == (OpenOffer(offer_id="tenth", expires_at=None),)
    assert told.access_won == ("club",)
    assert (told.before.tier, told.after.tier) == ("basic", "silver")
    assert told.after.view is not None and told.before.view is not None
    assert [one.missing for one in told.before.view.challenges] == [1]
    assert [one.met for one in told.after.view.challenges] == [1]
    assert told.savings == (), "what it wins can't be used on itself"


def test_what_open_offers_would_do_each_by_itself() -> None:
    till = till_of(challenges=())
    till.play(grant("tenth", day(1)), grant("tea_free", day(2)), grant("extra", day(3)))
    told = ask(till, 4)
    assert told.savings == (
        Saving(offer_id="tea_free", expires_at=day(11), saves=525, lines={"1": 525}, points=13),
        Saving(offer_id="extra", expires_at=None, saves=0, lines={}, points=68),
        Saving(offer_id="tenth", expires_at=None, saves=185, lines={"1": 105, "2": 80}, points=16),
    )
    assert told.points == 18


def test_an_offer_that_would_do_nothing_is_left_out() -> None:
    till = till_of(challenges=()).play(grant("tea_free", day(1)))
    assert ask(till, 2, line("1", 799, "jam")).savings == ()
    assert ask(till, 11, line("1", 799, "tea")).savings == (), "it has expired by then"


def test_an_offer_that_the_basket_names_is_used_and_off_already() -> None:
    till = till_of(challenges=()).play(grant("extra", day(1)), grant("tenth", day(1)))
    told = ask(till, 2, line("1", 1_000), offers=("extra", "tea_free"))
    assert {one.name: one.points for one in told.earned} == {"base": 10, "coupon": 50}
    assert (told.offers_used, told.offers_not_open) == (("extra",), ("tea_free",))
    assert [(one.offer_id, one.points) for one in told.savings] == [("tenth", 59)]
    assert told.after.view is not None
    assert [one.offer_id for one in told.after.view.offers] == ["tenth"]


def test_rewards_that_could_be_taken_and_what_they_are_worth_here() -> None:
    till = till_of().play(adjust("a", day(1), 30))
    assert ask(till, 2, line("1", 300)).rewards == (
        Taking(reward="mug", points=5, value=None),
        Taking(reward="five_off", points=30, value=300),
    )
    assert ask(till, 2, line("1", 900)).rewards[1].value == 500


def test_points_that_come_back_with_a_purchase() -> None:
    expiry = Expiry(mode="fixed", months=1, reinstate_days=30)
    till = till_of(expiry=expiry, challenges=()).play(sale("t1", day(1), 1_000))
    assert ask(till, 20).reinstated == 0
    told = ask(till, 45)
    assert (told.before.available, told.reinstated, told.after.available) == (0, 10, 10)


def test_points_that_can_be_spent_at_once() -> None:
    told = ask(till_of(pending_days=0, challenges=()), 1)
    assert (told.available_at, told.after.available) == (told.at, 18)


def test_a_quote_can_be_sent() -> None:
    told = ask(till_of().play(sale("t1", day(1), 2_500), grant("extra", day(2))), 3)
    assert msgspec.json.decode(msgspec.json.encode(told), type=Quote) == told
