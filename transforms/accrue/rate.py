"""Rating: what a receipt earns, rule by rule, and how a rule's points are shared among its lines.

In: the prepared rules of a programme's version, a tier, and lines as (amount in minor units, mask
of the rules that the line counts for). Out: points. Promises: exact integer arithmetic; each rule
is rounded once a receipt; shares add up to the rule's points (largest remainder, ties by line id).
Pure, so a quote is the same call.

>>> share(10, [333, 333, 334])
[3, 3, 4]
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from schemas.ledger import EntryKind
from schemas.programme import BaseRate, EarnRule, TierRate

EVERY_RULE: Final = -1
"""The mask of a line that counts for every rule (all bits set); 0: for none."""

Points = Callable[[int, str, Sequence[int]], int]
"""(eligible amount, tier, points of the rules before this one) -> points."""

ROUND: Final[dict[str, Callable[[int, int], int]]] = {
    "floor": lambda number, divisor: number // divisor,
    "half_up": lambda number, divisor: (2 * number + divisor) // (2 * divisor),
    "ceil": lambda number, divisor: -(-number // divisor),
}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """An earn rule, ready to rate."""

    name: str
    kind: EntryKind
    qualifies: bool
    points: Points


def _ratio(rate: Decimal, minor_units: int) -> tuple[int, int]:
    """Points a minor unit, as a fraction without loss: 1.25 a dollar is 125/10000 a cent."""
    number, divisor = rate.as_integer_ratio()
    return number, divisor * minor_units


def _base(rule: EarnRule, minor_units: int, before: Sequence[EarnRule]) -> Points:
    assert isinstance(rule, BaseRate)
    number, divisor = _ratio(rule.rate, minor_units)
    rounded = ROUND[rule.rounding]
    return lambda amount, tier, earned: rounded(amount * number, divisor)


def _tier_rate(rule: EarnRule, minor_units: int, before: Sequence[EarnRule]) -> Points:
    """What the tier's rate gives beyond the base rules written above it."""
    assert isinstance(rule, TierRate)
    ratios = {tier: _ratio(rate, minor_units) for tier, rate in rule.rate_by_tier.items()}
    rounded = ROUND[rule.rounding]
    bases = [place for place, other in enumerate(before) if isinstance(other, BaseRate)]

    def points(amount: int, tier: str, earned: Sequence[int]) -> int:
        ratio = ratios.get(tier)
        if ratio is None:
            return 0
        whole = rounded(amount * ratio[0], ratio[1])
        return max(0, whole - sum(earned[place] for place in bases))

    return points


KINDS: Final[
    dict[
        type[EarnRule],
        tuple[str, EntryKind, Callable[[EarnRule, int, Sequence[EarnRule]], Points]],
    ]
] = {
    BaseRate: ("base", "earn", _base),
    TierRate: ("tier_rate", "earn", _tier_rate),
}
"""The vocabulary of earn rules: its name on entries, the kind of entry, how it rates."""


def prepare_rules(rules: Sequence[EarnRule], minor_units: int) -> tuple[Rule, ...]:
    """The rules of a version in the order in which they are rated."""
    prepared = []
    for place, rule in enumerate(rules):
        name, kind, prepare = KINDS[type(rule)]
        points = prepare(rule, minor_units, rules[:place])
        prepared.append(Rule(name=name, kind=kind, qualifies=rule.qualifies, points=points))
    return tuple(prepared)


def rate(rules: Sequence[Rule], tier: str, totals: Sequence[int]) -> list[int]:
    """Points by rule for a receipt whose eligible amounts by rule are `totals`."""
    earned: list[int] = []
    for rule, total in zip(rules, totals, strict=True):
        earned.append(rule.points(total, tier, earned) if total > 0 else 0)
    return earned


def totals_by_rule(amounts: Sequence[int], masks: Sequence[int], rules: int) -> list[int]:
    """Eligible amount by rule, of lines with these amounts and masks."""
    if all(mask == EVERY_RULE for mask in masks):
        return [sum(amounts)] * rules
    return [
        sum(amount for amount, mask in zip(amounts, masks, strict=True) if mask >> place & 1)
        for place in range(rules)
    ]


def share(points: int, weights: Sequence[int]) -> list[int]:
    """Split `points` by `weights` with largest remainders; the earlier of equals goes first.

    `weights` are in the order of their line ids and their sum is above 0.
    """
    total = sum(weights)
    shares = [points * weight // total for weight in weights]
    rest = points - sum(shares)
    if rest:
        remainders = [points * weight % total for weight in weights]
        by_remainder = sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)
        for place in by_remainder[:rest]:
            shares[place] += 1
    return shares
