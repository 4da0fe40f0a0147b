"""Whether the earn rules of a version mean something.

In: terms and their path. Out: a line for each problem, led by the path of the field.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from schemas.earn_rules import (
    Action,
    BaseRate,
    BonusRate,
    Cap,
    EarnRule,
    Multiply,
    TierRate,
    When,
)
from schemas.programme import Terms
from transforms.accrue.rate import name_of

RESERVED: Final = frozenset(("adjust", "correct", "points", "edited"))
LARGEST: Final = 1_000_000
DECIMALS: Final = 6
A_RATE: Final = "rates are points a whole unit of currency"


def problems_of_rules(terms: Terms, path: str) -> Iterator[str]:
    """What is wrong with the rules and caps."""
    tiers = {level.tier for level in terms.tiers.levels} if terms.tiers else set()
    names: dict[str, EarnRule] = {}
    for place, rule in enumerate(terms.earn):
        where = f"{path}.earn[{place}]"
        name = name_of(rule)
        if name in names:
            yield (
                f"{where}.rule: {name!r} stands twice; entries could not be told apart; "
                "give one of them a name"
            )
        elif name in RESERVED:
            yield f"{where}.name: {name!r} means something else on entries; choose another"
        if isinstance(rule, BaseRate | BonusRate):
            yield from _problems_of_number(rule.rate, 0, f"{where}.rate", A_RATE)
        elif isinstance(rule, TierRate):
            if not any(isinstance(one, BaseRate) for one in names.values()):
                yield f"{where}: posts what it gives beyond base, so base must stand before it"
            for tier, tier_rate in rule.rate_by_tier.items():
                if tier not in tiers:
                    yield f"{where}.rate_by_tier.{tier}: there is no such tier in this version"
                yield from _problems_of_number(tier_rate, 0, f"{where}.rate_by_tier.{tier}", A_RATE)
        elif isinstance(rule, Multiply):
            yield from _problems_of_multiply(rule, names, where)
        if isinstance(rule, Action):
            yield from _problems_of_action(rule, where)
        yield from problems_of_when(rule.when, terms, f"{where}.when")
        if rule.cap is not None:
            yield from _problems_of_cap(rule.cap, f"{where}.cap")
        names[name] = rule
    for place, cap in enumerate(terms.caps):
        where = f"{path}.caps[{place}]"
        yield from _problems_of_cap(cap, where)
        if cap.times is not None:
            yield f"{where}.times: over all rules only points can be capped"
        if any(cap.per == other.per for other in terms.caps[:place]):
            yield f"{where}.per: {cap.per!r} stands twice"


def _problems_of_number(number: Decimal, above: int, where: str, what: str) -> Iterator[str]:
    """Anything that is exact and of a size that means something."""
    fits = number.is_finite() and above < number <= LARGEST
    if not fits or int(number.as_tuple().exponent) < -DECIMALS:
        yield (
            f"{where}: must be a number above {above}, at most {LARGEST} and with at most "
            f"{DECIMALS} decimals; got {number}; {what}"
        )


def _problems_of_multiply(rule: Multiply, names: dict[str, EarnRule], where: str) -> Iterator[str]:
    yield from _problems_of_number(rule.times, 1, f"{where}.times", "2 doubles the points")
    for name in rule.of:
        if name not in names:
            yield f"{where}.of: no rule above it is called {name!r}"
        elif isinstance(names[name], Action):
            yield f"{where}.of: {name!r} rewards actions, and a receipt has none of their points"
    if not rule.of and not any(isinstance(one, BaseRate | TierRate) for one in names.values()):
        yield f"{where}: multiplies what the rules above it give, so one must stand there"
    when = rule.when
    if when.categories or when.skus or when.except_categories or when.except_skus or when.tenders:
        yield (
            f"{where}.when: multiplies whole receipts; for some lines or tenders only, "
            "use bonus_rate"
        )


def _problems_of_action(rule: Action, where: str) -> Iterator[str]:
    if asks_of_purchases(rule.when):
        yield f"{where}.when: an action has no lines, amounts, tenders or offers to ask about"


def asks_of_purchases(when: When) -> bool:
    """Whether a condition is about what only purchases have."""
    return bool(
        when.categories
        or when.skus
        or when.except_categories
        or when.except_skus
        or when.tenders
        or when.fulfilment
        or when.spend_at_least
        or when.units_at_least
        or when.offers
        or when.first_purchase
    )


def _problems_of_cap(cap: Cap, where: str) -> Iterator[str]:
    if cap.points is None and cap.times is None:
        yield f"{where}: must say points or times"
    if cap.times is not None and cap.per == "receipt":
        yield f"{where}.times: a rule earns once a receipt anyway; cap its points"


def problems_of_when(when: When, terms: Terms, where: str) -> Iterator[str]:
    """What is wrong with a condition, of a rule or a challenge."""
    tiers = {level.tier for level in terms.tiers.levels} if terms.tiers else set()
    plans = {plan.plan for plan in terms.plans}
    offers = {offer.offer for offer in terms.offers}
    for field, named, known in (
        ("tiers", when.tiers, tiers),
        ("plans", when.plans, plans),
        ("offers", when.offers, offers),
    ):
        for name in named:
            if name not in known:
                yield f"{where}.{field}: there is no {name!r} in this version's {field}"
    if when.start is not None and when.end is not None and when.end <= when.start:
        yield f"{where}.until: must be later than from"
    if when.hours is not None and when.hours.start == when.hours.end:
        yield f"{where}.hours: must end at another time than they begin"
