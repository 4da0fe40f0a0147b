"""Whether the rest of a version means something: expiry, tiers, rewards, offers, challenges, plans.

In: terms and their path. Out: a line for each problem, led by the path of the field.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from schemas.challenges import Challenge
from schemas.programme import Terms
from schemas.rewards import Prize
from schemas.tiers import Expiry
from transforms.accrue.check_rules import RESERVED, asks_of_purchases, problems_of_when
from transforms.accrue.local_time import DAY_MS
from transforms.accrue.rate import name_of

REINSTATE_DAYS_MAX: Final = 366

USES_MAX: Final = 1_000
"""Uses of a benefit that are counted for a limit at most."""


def problems_of_terms(terms: Terms, path: str) -> Iterator[str]:
    """What is wrong with a version, its earn rules aside."""
    yield from _problems_of_expiry(terms, path)
    yield from _problems_of_tiers(terms, path)
    yield from _problems_of_rewards(terms, path)
    yield from _problems_of_offers(terms, path)
    yield from _problems_of_challenges(terms, path)
    yield from _problems_of_plans(terms, path)


def _problems_of_expiry(terms: Terms, path: str) -> Iterator[str]:
    expiry = terms.expiry
    where = f"{path}.expiry"
    if expiry.mode != "none" and expiry.months < 1:
        yield f"{where}.months: must be 1 or more where points expire"
    if expiry.mode != "none" and terms.pending_days > expiry.months * 28:
        yield f"{path}.pending_days: points would expire before they can be spent"
    if expiry.mode == "activity" and not expiry.activity:
        yield f"{where}.activity: must name what keeps points alive"
    if expiry.mode != "activity" and expiry.activity != Expiry().activity:
        yield f"{where}.activity: only the mode activity has it; leave it out, or change the mode"
    if expiry.mode == "none" and (expiry.months or expiry.grace_days or expiry.reinstate_days):
        yield f"{where}.mode: must be fixed or activity where months or days are said"
    if expiry.reinstate_days > REINSTATE_DAYS_MAX:
        yield (
            f"{where}.reinstate_days: must be at most {REINSTATE_DAYS_MAX}, for so long are "
            f"empty lots remembered; got {expiry.reinstate_days}"
        )


def _problems_of_tiers(terms: Terms, path: str) -> Iterator[str]:
    if terms.tiers is None:
        return
    tiers, where = terms.tiers, f"{path}.tiers"
    levels = tiers.levels
    if levels[0].threshold != 0:
        yield f"{where}.levels[0].from: must be 0: everybody has a tier"
    for place, (lower, upper) in enumerate(pairwise(levels), 1):
        if upper.threshold <= lower.threshold:
            yield f"{where}.levels[{place}].from: must be above {lower.threshold}"
    if len({level.tier for level in levels}) < len(levels):
        yield f"{where}.levels: names a tier twice"
    if tiers.downgrade.grace_days * DAY_MS >= 365 * DAY_MS:
        yield f"{where}.downgrade.grace_days: must end before the next period does"
    if tiers.window == "rolling" and tiers.rollover != "none":
        yield f"{where}.rollover: a rolling window has no period's end to roll over at"
    if tiers.window != "rolling" and tiers.months != 12:
        yield f"{where}.months: only a rolling window has months; leave it out"
    if tiers.window == "rolling" and tiers.months > 24:
        yield f"{where}.months: must be at most 24; got {tiers.months}"


def _twice(names: Iterable[str], where: str, field: str) -> Iterator[str]:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield f"{where}[{place}].{field}: {name!r} stands twice"
        seen.add(name)


def _problems_of_rewards(terms: Terms, path: str) -> Iterator[str]:
    tiers = {level.tier for level in terms.tiers.levels} if terms.tiers else set()
    yield from _twice((one.reward for one in terms.rewards), f"{path}.rewards", "reward")
    for place, reward in enumerate(terms.rewards):
        if reward.tier is not None and reward.tier not in tiers:
            yield (
                f"{path}.rewards[{place}].tier: there is no tier {reward.tier!r} in this version"
            )


def _problems_of_offers(terms: Terms, path: str) -> Iterator[str]:
    yield from _twice((one.offer for one in terms.offers), f"{path}.offers", "offer")
    for place, offer in enumerate(terms.offers):
        where = f"{path}.offers[{place}].discount"
        said = offer.discount
        if said is None:
            continue
        ways = (said.percent, said.amount, said.free_units)
        if sum(way is not None for way in ways) != 1:
            yield f"{where}: must say one of percent, amount and free_units"
        percent = said.percent
        if percent is not None and not (percent.is_finite() and 0 < percent <= 100):
            yield f"{where}.percent: must be above 0 and at most 100; got {percent}"
    yield from _twice((one.gift for one in terms.gifts), f"{path}.gifts", "gift")
    rules = {name_of(rule) for rule in terms.earn}
    for place, gift in enumerate(terms.gifts):
        if gift.gift in rules:
            yield f"{path}.gifts[{place}].gift: a rule is called {gift.gift!r} already"
        yield from _problems_of_prize(gift.prize, terms, f"{path}.gifts[{place}].prize")


def _problems_of_prize(prize: Prize, terms: Terms, where: str) -> Iterator[str]:
    if prize.points is None and prize.offer is None and prize.access is None:
        yield f"{where}: must say points, offer or access"
    if prize.offer is not None and prize.offer not in {one.offer for one in terms.offers}:
        yield f"{where}.offer: there is no offer {prize.offer!r} in this version"


def _problems_of_challenges(terms: Terms, path: str) -> Iterator[str]:
    yield from _twice(
        (one.challenge for one in terms.challenges), f"{path}.challenges", "challenge"
    )
    taken = {name_of(rule) for rule in terms.earn} | {gift.gift for gift in terms.gifts}
    for place, challenge in enumerate(terms.challenges):
        where = f"{path}.challenges[{place}]"
        if challenge.challenge in taken:
            yield f"{where}.challenge: a rule or gift is called {challenge.challenge!r} already"
        elif challenge.challenge in RESERVED:
            yield (
                f"{where}.challenge: {challenge.challenge!r} means something else on entries; "
                "choose another"
            )
        yield from _problems_of_counting(challenge, where)
        yield from problems_of_when(challenge.when, terms, f"{where}.when")
        yield from _problems_of_prize(challenge.prize, terms, f"{where}.prize")


def problems_of_going_on(before: Iterable[Terms], terms: Terms, path: str) -> Iterator[str]:
    """What is wrong with challenges that were in versions before: progress in them goes on."""
    known = {one.challenge: one for version in before for one in version.challenges}
    for place, one in enumerate(terms.challenges):
        where = f"{path}.challenges[{place}]"
        was = known.get(one.challenge, one)
        other_period = was.within and one.within and was.within != one.within
        if (was.counts, was.in_a_row) != (one.counts, one.in_a_row) or other_period:
            yield (
                f"{where}.challenge: {one.challenge!r} counted something else in a version before, "
                "and progress goes on; give it another name"
            )
        elif was.when.start == one.when.start and was.when.end != one.when.end:
            yield (
                f"{where}.when.until: {one.challenge!r} ended at another time in a version before, "
                "and progress goes on; give it another name, or another beginning"
            )


def _problems_of_counting(challenge: Challenge, where: str) -> Iterator[str]:
    of_actions = challenge.counts in ("actions", "quantity")
    if of_actions and challenge.on is None:
        yield f"{where}.on: must say which type of event counts"
    if not of_actions and challenge.on is not None:
        yield f"{where}.on: {challenge.counts} are of purchases; count actions or quantity"
    if challenge.activities and challenge.on is None:
        yield f"{where}.activities: needs on"
    if of_actions and asks_of_purchases(challenge.when):
        yield f"{where}.when: an action has no lines, amounts, tenders or offers to ask about"
    elif challenge.when.first_purchase:
        yield f"{where}.when.first_purchase: count visits with the target 1 instead"
    if challenge.repeat and challenge.prize.points is None and challenge.prize.offer is None:
        yield f"{where}.repeat: what is unlocked stays so; leave it out, or give points or an offer"
    if challenge.in_a_row is not None:
        yield from _problems_of_streak(challenge, where)


def _problems_of_streak(challenge: Challenge, where: str) -> Iterator[str]:
    if challenge.within is not None:
        yield f"{where}.within: a streak has no further period; leave out one of the two"
    if challenge.counts not in ("visits", "actions"):
        yield (
            f"{where}.counts: a streak counts visits or actions; got {challenge.counts!r}; "
            "say in when how large a purchase must be"
        )
    if challenge.target < 2:
        yield f"{where}.target: must be 2 or more {challenge.in_a_row}s in a row"


def _problems_of_plans(terms: Terms, path: str) -> Iterator[str]:
    yield from _twice((one.plan for one in terms.plans), f"{path}.plans", "plan")
    for place, plan in enumerate(terms.plans):
        where = f"{path}.plans[{place}].entitlements"
        yield from _twice((one.entitlement for one in plan.entitlements), where, "entitlement")
        for nth, one in enumerate(plan.entitlements):
            if one.per is not None and one.per_days is not None:
                yield f"{where}[{nth}].per_days: leave out per or per_days"
            if one.limit is not None and one.limit > USES_MAX:
                yield (
                    f"{where}[{nth}].limit: must be at most {USES_MAX}, since each use is "
                    f"remembered; got {one.limit}"
                )
            if one.limit is None and (one.per is not None or one.per_days is not None):
                yield f"{where}[{nth}].limit: must say how often"
