"""The programmes that the ledger's state machine plays: small, so that all of it happens in weeks.

Each is a function of the policy for points that were spent and then taken back, so that a machine
can draw both. Thresholds are a handful of points, pending periods days, expiries a month.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

from accrue_till import DAY, MINUTE, day, terms
from msgspec.structs import replace

from schemas.challenges import Challenge
from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Cap, Multiply, TierRate, When
from schemas.membership import Entitlement, PaidPlan
from schemas.programme import Terms
from schemas.rewards import CatalogueOffer, Gift, Prize, Reward
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers

OPENS: Final = day(-80)
"""11 December 2016: a year ends within weeks."""
LEVELS: Final = (
    TierLevel(tier="basic", threshold=0),
    TierLevel(tier="silver", threshold=30),
    TierLevel(tier="gold", threshold=80),
)
REWARDS: Final = (
    Reward(reward="coffee", points=5, hold_minutes=60 * 24),
    Reward(reward="lounge", points=20, tier="silver", hold_minutes=15),
)
OFFERS: Final = (
    CatalogueOffer(offer="double", group="points", valid_days=5),
    CatalogueOffer(offer="triple", group="points", valid_days=2),
    CatalogueOffer(offer="treat"),
)
ONE: Final = Decimal(1)
TWO: Final = Decimal(2)
BY_TIER: Final = TierRate(rate_by_tier={"silver": Decimal("1.25"), "gold": Decimal("1.5")})


def grocer(policy: str, **changes: Any) -> Terms:
    """A point a dollar and more for tiers; three pending days; a month's expiry."""
    usual: dict[str, Any] = {
        "pending_days": 3,
        "returns_days": 40,
        "expiry": Expiry(mode="fixed", months=1, round_up="month"),
        "negative_balance": policy,
        "hold_minutes": 2 * DAY // MINUTE,
        "rewards": REWARDS,
        "tiers": Tiers(downgrade=Downgrade(mode="one_down", grace_days=5), levels=LEVELS),
    }
    return terms(**{**usual, **changes})


def two_versions(policy: str) -> tuple[Terms, ...]:
    """Points that never expire, then other terms from 30 December on."""
    first = grocer(policy, expiry=Expiry(mode="none"))
    begins = datetime(2016, 12, 30, 17, tzinfo=timezone.utc)
    second = grocer(policy, pending_days=1, expiry=Expiry(mode="fixed", months=1))
    return first, replace(second, version=2, effective_from=begins)


def visits(policy: str) -> tuple[Terms, ...]:
    """Tiers by visits, lost at once at the end of the year; nothing is pending."""
    levels = tuple(
        replace(one, threshold=count) for one, count in zip(LEVELS, (0, 1, 3), strict=True)
    )
    tiers = Tiers(
        metric="visits",
        rollover="surplus",
        downgrade=Downgrade(mode="to_qualified"),
        levels=levels,
    )
    return (grocer(policy, pending_days=0, tiers=tiers),)


def one_tier(policy: str) -> tuple[Terms, ...]:
    """Points that never expire, and one tier that is everybody's."""
    tiers = Tiers(levels=LEVELS[:1])
    earn = (BaseRate(rate=ONE),)
    never = Expiry(mode="none")
    return (grocer(policy, expiry=never, tiers=tiers, earn=earn, rewards=REWARDS[:1]),)


def rolling(policy: str) -> tuple[Terms, ...]:
    """A rolling window of a month; points live on by activity, and come back if lost lately."""
    tiers = Tiers(
        metric="spend",
        window="rolling",
        months=1,
        downgrade=Downgrade(mode="one_down", grace_days=3),
        levels=LEVELS,
    )
    expiry = Expiry(
        mode="activity",
        months=1,
        activity=("purchase", "redemption", "action"),
        grace_days=2,
        reinstate_days=20,
    )
    done = Action(name="workout", on="activity_completed", points=3, per=2)
    return (grocer(policy, tiers=tiers, expiry=expiry, earn=(BaseRate(rate=ONE), BY_TIER, done)),)


def bonuses(policy: str) -> tuple[Terms, ...]:
    """Conditions of all kinds, caps of a rule and over all, offers, gifts; years by anniversary."""
    earn = (
        BaseRate(rate=ONE),
        BY_TIER,
        Multiply(name="mobile", times=TWO, when=When(touchpoints=("mobile",))),
        BonusRate(name="loaded", rate=ONE, when=When(tenders=("stored",)), rounding="half_up"),
        Bonus(name="welcome", points=10, when=When(first_purchase=True)),
        Bonus(name="bread", points=2, per="unit", when=When(skus=("bread",)), cap=_cap(5, "day")),
        Bonus(name="big", points=7, when=When(spend_at_least=3000, tiers=("silver", "gold"))),
        BonusRate(name="double", rate=ONE, when=When(offers=("double",))),
        BonusRate(name="triple", rate=TWO, when=When(offers=("triple",)), cap=_cap(30, "receipt")),
        Bonus(name="party", points=5, when=When(birthday="month"), cap=Cap(times=1, per="year")),
        Action(name="workout", on="activity_completed", points=3, per=2, cap=_cap(7, "week")),
        Action(name="hello", on="app_opened", points=1, cap=Cap(times=1, per="day")),
    )
    gifts = (
        Gift(gift="birthday", on="birthday", prize=Prize(points=5, offer="treat")),
        Gift(gift="anniversary", on="anniversary", prize=Prize(access="club")),
    )
    tiers = Tiers(window="anniversary", downgrade=Downgrade(grace_days=5), levels=LEVELS)
    return (
        grocer(
            policy, earn=earn, caps=(_cap(70, "week"),), offers=OFFERS, gifts=gifts, tiers=tiers
        ),
    )


def challenges(policy: str) -> tuple[Terms, ...]:
    """A stamp card, a streak, a month's spend, milestones; prizes of all kinds."""
    some = (
        Challenge(challenge="stamps", counts="visits", target=3, repeat=True, prize=_points(7)),
        Challenge(
            challenge="streak",
            counts="visits",
            target=2,
            in_a_row="day",
            repeat=True,
            prize=Prize(offer="double"),
        ),
        Challenge(
            challenge="spender",
            counts="spend",
            target=40,
            within="month",
            prize=Prize(points=4, offer="treat"),
        ),
        Challenge(
            challenge="baker",
            counts="units",
            when=When(skus=("bread",)),
            target=4,
            within="week",
            repeat=True,
            prize=_points(3),
        ),
        Challenge(
            challenge="mover",
            counts="quantity",
            on="activity_completed",
            target=5,
            prize=Prize(access="club"),
        ),
    )
    earn = (BaseRate(rate=ONE), BY_TIER, BonusRate(name="double", rate=ONE, when=_with("double")))
    return (grocer(policy, earn=earn, challenges=some, offers=OFFERS),)


def membership(policy: str) -> tuple[Terms, ...]:
    """A plan by the month with benefits that have limits, and points for whoever pays."""
    plan = PaidPlan(
        plan="plus",
        months=1,
        trial_days=5,
        grace_days=3,
        entitlements=(
            Entitlement(entitlement="delivery"),
            Entitlement(entitlement="fuel", limit=2, per="week"),
            Entitlement(entitlement="choice", limit=1, per_days=20),
        ),
    )
    earn = (
        BaseRate(rate=ONE),
        BonusRate(name="cash_back", rate=TWO, when=When(plans=("plus",))),
        Action(name="fuelled", on="benefit_used", activities=("fuel",), points=2),
    )
    return (grocer(policy, earn=earn, plans=(plan,)),)


def _cap(points: int, per: Any) -> Cap:
    return Cap(points=points, per=per)


def _points(points: int) -> Prize:
    return Prize(points=points)


def _with(offer: str) -> When:
    return When(offers=(offer,))


TERMS: Final[dict[str, Callable[[str], tuple[Terms, ...]]]] = {
    "bonuses": bonuses,
    "challenges": challenges,
    "grocer": lambda policy: (grocer(policy),),
    "membership": membership,
    "one_tier": one_tier,
    "rolling": rolling,
    "two_versions": two_versions,
    "visits": visits,
}
POLICIES: Final = ("negative", "floor_zero", "refuse")
