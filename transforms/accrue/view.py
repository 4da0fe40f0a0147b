"""What a member has besides the balance, as every surface shows it.

In: an account as it is at an instant, and the terms of then. Out: a `MemberView`. Promises: a pure
function of both; each of its lists is bounded; where a programme has nothing of a kind, asking for
it costs a look.
"""

from bisect import bisect_right
from operator import attrgetter
from typing import Final

from schemas.challenges import Challenge
from schemas.member_view import (
    ACCESS_MAX,
    CHALLENGES_MAX,
    ENTITLEMENTS_MAX,
    EXPIRIES_MAX,
    OFFERS_MAX,
    REWARDS_MAX,
    ChallengeState,
    EntitlementState,
    Expiring,
    MembershipState,
    MemberView,
    NextReward,
    OpenOffer,
    RewardInReach,
)
from schemas.membership import Entitlement
from transforms.accrue import tiers
from transforms.accrue.entitlements import counting, uses_since
from transforms.accrue.local_time import NEVER
from transforms.accrue.prepared import Prepared
from transforms.accrue.standing import standings
from transforms.accrue.state import Account

_QUALIFYING_MAX: Final = 999_999_999_999
_SINCE_MAX: Final = 9_999_999_999_999
_points = attrgetter("points")


def view_of(account: Account, terms: Prepared, at: int, enrolled_at: int | None) -> MemberView:
    """The view at an instant."""
    rank = terms.rank(account.tier)
    rewards, following = rewards_of(account, terms, rank)
    declared = terms.tiers
    review = tiers.next_review(account, terms)
    falls = review is not None and terms.rank(review.falls_to) < rank
    return MemberView(
        expiries=_expiries(account),
        tier_review_at=review.at if review else None,
        tier_falls_to=review.falls_to if review and falls else None,
        tier_falls_at=review.lapses_at if review and falls else None,
        tier_benefits=() if declared is None else declared.levels[rank].benefits,
        upgrade_priority=_priority(account, terms, rank, enrolled_at)
        if declared is not None and declared.upgrade_priority
        else "",
        challenges=_challenges(account, terms, at) if terms.challenges else (),
        rewards=rewards,
        next_reward=following,
        offers=_offers(account) if account.offers else (),
        membership=_membership(account, terms, at) if account.membership else None,
        access=_access(account) if account.access else (),
    )


def _expiries(account: Account) -> tuple[Expiring, ...]:
    expiring = account.expiring
    if not expiring:
        return ()
    return tuple([Expiring(at=at, points=expiring[at]) for at in sorted(expiring)[:EXPIRIES_MAX]])


def _priority(account: Account, terms: Prepared, rank: int, enrolled_at: int | None) -> str:
    """A key of fixed width: how many tiers are above, what is missing to a very large qualifying
    amount, since when they are a member. So the smaller key has the better tier, then the higher
    qualifying amount, then the longer membership."""
    above = len(terms.levels) - 1 - rank
    counted = min(max(account.qualifying, 0), _QUALIFYING_MAX)
    since = _SINCE_MAX if enrolled_at is None else min(max(enrolled_at, 0), _SINCE_MAX)
    return f"{above:02d}-{_QUALIFYING_MAX - counted:012d}-{since:013d}"


def rewards_of(
    account: Account, terms: Prepared, rank: int
) -> tuple[tuple[RewardInReach, ...], NextReward | None]:
    """Rewards that can be taken now, and the next one, of those that the tier may take."""
    ladder = terms.ladders[rank]
    if not ladder:
        return (), None
    available = account.balances.get("available", 0)
    reach = bisect_right(ladder, available, key=_points)
    in_reach = ladder[max(0, reach - REWARDS_MAX) : reach]
    if reach == len(ladder):
        return in_reach, None
    one = ladder[reach]
    return in_reach, NextReward(
        reward=one.reward, points=one.points, missing=one.points - available
    )


def _challenges(account: Account, terms: Prepared, at: int) -> tuple[ChallengeState, ...]:
    """Those that are on, untouched ones too, in the order of the programme."""
    return tuple(
        ChallengeState(
            challenge=one.challenge,
            counts=_unit(terms.challenges[one.challenge].says),
            progress=one.progress,
            target=one.target,
            missing=one.missing,
            until=one.until,
            met=one.met,
        )
        for one in standings(account, terms, at)[:CHALLENGES_MAX]
    )


def _unit(says: Challenge) -> str:
    return says.counts if says.in_a_row is None else f"{says.in_a_row}s"


def _offers(account: Account) -> tuple[OpenOffer, ...]:
    there = sorted(
        (NEVER if one.expires_at is None else one.expires_at, one.offer)
        for one in account.offers.values()
        if one.status == "open"
    )
    return tuple(
        OpenOffer(offer_id=offer, expires_at=None if at == NEVER else at)
        for at, offer in there[:OFFERS_MAX]
    )


def _membership(account: Account, terms: Prepared, at: int) -> MembershipState | None:
    one = account.membership
    if one is None:
        return None
    until = one.ends_at if one.status == "grace" else one.until
    plan = None if one.status == "ended" else terms.plans.get(one.plan)
    return MembershipState(
        plan=one.plan,
        status=one.status,
        until=until if one.ended_at is None else one.ended_at,
        entitlements=()
        if plan is None
        else tuple(
            _entitlement(account, said, terms, at) for said in plan.entitlements[:ENTITLEMENTS_MAX]
        ),
    )


def _entitlement(account: Account, said: Entitlement, terms: Prepared, at: int) -> EntitlementState:
    """What is left of a benefit now, and when what is gone comes back: at the period's end, or,
    rolling, when the oldest use is long enough ago."""
    if said.limit is None:
        return EntitlementState(entitlement=said.entitlement, left=None, renews_at=None)
    start, _ = counting(account, said, at, terms.zone)
    used = uses_since(account, said, start)
    first = min((one.at for one in used), default=None)
    until = None if first is None else counting(account, said, first, terms.zone)[1]
    return EntitlementState(
        entitlement=said.entitlement,
        left=max(0, said.limit - len(used)),
        renews_at=None if until == NEVER else until,
    )


def _access(account: Account) -> tuple[str, ...]:
    there = [(one.since, name) for name, one in account.access.items() if one.ended_at is None]
    return tuple(name for _, name in sorted(there)[-ACCESS_MAX:])
