"""Whether a programme file means something, beyond its grammar.

In: a programme. Out: what is wrong with it, one line each, led by the path of the field; nothing,
if it can be used. Pure: the same judgement in `config check`, at start and in tests.
"""

from collections.abc import Iterator
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.programme import BaseRate, Example, Programme, Terms, TierRate
from transforms.accrue.local_time import DAY_MS
from transforms.accrue.programmes import Plan
from transforms.accrue.rate import rate, totals_by_rule


def check_programme(programme: Programme) -> list[str]:
    """What must be put right before the programme can be used."""
    problems = list(_problems(programme))
    return problems or failing_examples(programme)


def failing_examples(programme: Programme) -> list[str]:
    """The file's own examples (`tests:`) that don't come true."""
    plan = Plan(programme)
    failing = []
    for place, example in enumerate(programme.tests):
        got = quote_example(plan, example)
        wanted = {rule: points for rule, points in example.earns.items() if points}
        if got != wanted:
            failing.append(f"$.tests[{place}].earns: says {wanted}, but the rules give {got}")
    return failing


def quote_example(plan: Plan, example: Example) -> dict[str, int]:
    """What the lines of an example earn, by rule; rules that earn nothing are left out."""
    at = example.given.at
    terms = plan.versions[-1] if at is None else plan.terms_at(round(at.timestamp() * 1000))
    lines = example.given.lines
    amounts = [line.amount for line in lines]
    masks = [terms.mask(line.sku, line.category) for line in lines]
    totals = totals_by_rule(amounts, masks, len(terms.rules))
    earned = rate(terms.rules, example.given.tier or terms.levels[0], totals)
    by_rule: dict[str, int] = {}
    for rule, points in zip(terms.rules, earned, strict=True):
        if points:
            by_rule[rule.name] = by_rule.get(rule.name, 0) + points
    return by_rule


def _problems(programme: Programme) -> Iterator[str]:
    try:
        ZoneInfo(programme.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield (
            f"$.time_zone: must be an IANA time zone; got {programme.time_zone!r}; "
            "for example America/New_York"
        )
    if len(set(programme.markets)) < len(programme.markets):
        yield "$.markets: names a market twice"
    for place, terms in enumerate(programme.versions):
        path = f"$.versions[{place}]"
        if place:
            before = programme.versions[place - 1]
            if terms.effective_from <= before.effective_from:
                yield f"{path}.effective_from: must be later than that of the version before it"
            if terms.version <= before.version:
                yield f"{path}.version: must be above {before.version}, the version before it"
        yield from _problems_of_rules(terms, path)
        yield from _problems_of_tiers(terms, path)
        yield from _problems_of_rewards(terms, path)
    known = {
        level.tier for terms in programme.versions if terms.tiers for level in terms.tiers.levels
    }
    for place, example in enumerate(programme.tests):
        if example.given.tier is not None and example.given.tier not in known:
            yield f"$.tests[{place}].given.tier: no version has a tier {example.given.tier!r}"


def _problems_of_rules(terms: Terms, path: str) -> Iterator[str]:
    tiers = {level.tier for level in terms.tiers.levels} if terms.tiers else set()
    names: set[type] = set()
    for place, rule in enumerate(terms.earn):
        where = f"{path}.earn[{place}]"
        if type(rule) in names:
            yield f"{where}.rule: stands twice; entries could not be told apart"
        names.add(type(rule))
        if isinstance(rule, BaseRate):
            if not rule.rate.is_finite() or rule.rate <= 0:
                yield (
                    f"{where}.rate: must be a number above 0; got {rule.rate}; "
                    "rates are points a whole unit of currency"
                )
        elif isinstance(rule, TierRate):
            if BaseRate not in names:
                yield f"{where}: posts what it gives beyond base, so base must stand before it"
            for tier, tier_rate in rule.rate_by_tier.items():
                if tier not in tiers:
                    yield f"{where}.rate_by_tier.{tier}: there is no such tier in this version"
                if not tier_rate.is_finite() or tier_rate <= 0:
                    yield f"{where}.rate_by_tier.{tier}: must be above 0; got {tier_rate}"
    expiry = terms.expiry
    if expiry.mode == "fixed" and expiry.months < 1:
        yield f"{path}.expiry.months: must be 1 or more where points expire"
    if expiry.mode == "fixed" and terms.pending_days > expiry.months * 28:
        yield f"{path}.pending_days: points would expire before they can be spent"


def _problems_of_tiers(terms: Terms, path: str) -> Iterator[str]:
    if terms.tiers is None:
        return
    levels = terms.tiers.levels
    if levels[0].threshold != 0:
        yield f"{path}.tiers.levels[0].from: must be 0: everybody has a tier"
    for place, (lower, upper) in enumerate(pairwise(levels), 1):
        if upper.threshold <= lower.threshold:
            yield f"{path}.tiers.levels[{place}].from: must be above {lower.threshold}"
    if len({level.tier for level in levels}) < len(levels):
        yield f"{path}.tiers.levels: names a tier twice"
    if terms.tiers.downgrade.grace_days * DAY_MS >= 365 * DAY_MS:
        yield f"{path}.tiers.downgrade.grace_days: must end before the next period does"


def _problems_of_rewards(terms: Terms, path: str) -> Iterator[str]:
    tiers = {level.tier for level in terms.tiers.levels} if terms.tiers else set()
    seen: set[str] = set()
    for place, reward in enumerate(terms.rewards):
        where = f"{path}.rewards[{place}]"
        if reward.reward in seen:
            yield f"{where}.reward: {reward.reward!r} stands twice"
        seen.add(reward.reward)
        if reward.tier is not None and reward.tier not in tiers:
            yield f"{where}.tier: there is no tier {reward.tier!r} in this version"
