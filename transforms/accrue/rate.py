"""Rating: what a receipt earns, rule by rule, and how a rule's points are shared among its lines.

In: the prepared rules of a programme's version, a tier, and what a receipt's lines amount to by
rule. Out: points. Promises: exact integer arithmetic; each rule is rounded once a receipt; shares
add up to the rule's points (largest remainder, ties by line id). Pure, so a quote is the same call.

>>> share(10, [333, 333, 334])
[3, 3, 4]
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import compress
from typing import Any, Final, NamedTuple

import msgspec

from schemas.earn_rules import (
    Action,
    BaseRate,
    Bonus,
    BonusRate,
    Cap,
    EarnRule,
    Multiply,
    TierRate,
)
from schemas.ledger import EntryKind
from transforms.accrue.conditions import MemberTest, member_test

EVERY_RULE: Final = -1
"""The mask of a line that counts for every rule (all bits set); 0: for none."""
POINTS_MAX: Final = 10**12
"""Of one rule and receipt, so that sums stay exact wherever they are kept."""
ALL: Final = -1
"""The room under caps that all rules share."""


class Basis(NamedTuple):
    """What the eligible lines of a receipt amount to, by the rule's place."""

    amounts: list[int]
    """Minor units."""
    units: list[int]


Points = Callable[[int, int, str, Sequence[int]], int]
"""(eligible amount, eligible units, tier, points of the rules before this one) -> points."""

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
    spend_at_least: int = 0
    units_at_least: int = 0
    member_test: MemberTest | None = None
    cap: Cap | None = None
    action: Action | None = None
    """Of a rule that rates actions: what it says."""


def name_of(rule: EarnRule) -> str:
    """What entries call a rule."""
    return rule.name or str(rule.__struct_config__.tag)


def _ratio(rate: Decimal, minor_units: int) -> tuple[int, int]:
    """Points a minor unit, as a fraction without loss: 1.25 a dollar is 125/10000 a cent."""
    number, divisor = rate.as_integer_ratio()
    return number, divisor * minor_units


def _by_amount(rule: Any, minor_units: int, before: Sequence[EarnRule]) -> Points:
    number, divisor = _ratio(rule.rate, minor_units)
    rounded = ROUND[rule.rounding]
    return lambda amount, units, tier, earned: rounded(amount * number, divisor)


def _tier_rate(rule: Any, minor_units: int, before: Sequence[EarnRule]) -> Points:
    """What the tier's rate gives beyond the base rules written above it."""
    ratios = {tier: _ratio(rate, minor_units) for tier, rate in rule.rate_by_tier.items()}
    rounded = ROUND[rule.rounding]
    bases = [place for place, other in enumerate(before) if isinstance(other, BaseRate)]

    def points(amount: int, units: int, tier: str, earned: Sequence[int]) -> int:
        ratio = ratios.get(tier)
        if ratio is None:
            return 0
        whole = rounded(amount * ratio[0], ratio[1])
        return max(0, whole - sum(earned[place] for place in bases))

    return points


def _multiply(rule: Any, minor_units: int, before: Sequence[EarnRule]) -> Points:
    """What the named rules above it gave, once more for each time beyond the first."""
    number, divisor = (rule.times - 1).as_integer_ratio()
    rounded = ROUND[rule.rounding]
    multiplied = [
        place
        for place, other in enumerate(before)
        if (name_of(other) in rule.of if rule.of else isinstance(other, BaseRate | TierRate))
    ]
    return lambda amount, units, tier, earned: rounded(
        sum(earned[place] for place in multiplied) * number, divisor
    )


def _bonus(rule: Any, minor_units: int, before: Sequence[EarnRule]) -> Points:
    flat = rule.points
    if rule.per == "unit":
        return lambda amount, units, tier, earned: flat * units
    return lambda amount, units, tier, earned: flat


def _action(rule: Any, minor_units: int, before: Sequence[EarnRule]) -> Points:
    """The units are the action's quantity."""
    flat, per = rule.points, rule.per
    return lambda amount, units, tier, earned: flat * (units // per)


KINDS: Final[
    dict[type[EarnRule], tuple[EntryKind, Callable[[Any, int, Sequence[EarnRule]], Points]]]
] = {
    BaseRate: ("earn", _by_amount),
    TierRate: ("earn", _tier_rate),
    BonusRate: ("bonus", _by_amount),
    Multiply: ("bonus", _multiply),
    Bonus: ("bonus", _bonus),
    Action: ("bonus", _action),
}
"""The vocabulary of earn rules: the kind of its entries, how it rates."""


def prepare_rules(rules: Sequence[EarnRule], minor_units: int) -> tuple[Rule, ...]:
    """The rules of a version in the order in which they are rated."""
    prepared = []
    for place, rule in enumerate(rules):
        kind, prepare = KINDS[type(rule)]
        prepared.append(
            Rule(
                name=name_of(rule),
                kind=kind,
                qualifies=rule.qualifies,
                points=prepare(rule, minor_units, rules[:place]),
                spend_at_least=rule.when.spend_at_least,
                units_at_least=rule.when.units_at_least,
                member_test=member_test(rule.when),
                cap=rule.cap,
                action=rule if isinstance(rule, Action) else None,
            )
        )
    return tuple(prepared)


def rate(
    rules: Sequence[Rule],
    tier: str,
    basis: Basis,
    applies: int = EVERY_RULE,
    room: Mapping[int, int] | None = None,
) -> list[int]:
    """Points by rule for a receipt. `applies`: mask of the rules whose questions about the member
    were answered yes; `room`: points left under the caps, by the rule's place and for `ALL`."""
    earned: list[int] = []
    for rule, amount, units in zip(rules, basis.amounts, basis.units, strict=True):
        place = len(earned)
        if (
            amount <= 0
            or not applies >> place & 1
            or amount < rule.spend_at_least
            or units < rule.units_at_least
        ):
            earned.append(0)
            continue
        points = rule.points(amount, units, tier, earned)
        points = min(points, POINTS_MAX)
        if room is not None:
            left = room.get(place, points)
            if ALL in room:
                left = min(left, max(0, room[ALL] - sum(earned)))
            points = min(points, left)
        earned.append(points)
    return earned


def basis_of(
    amounts: Sequence[int],
    units: Sequence[int],
    masks: Sequence[int],
    rules: int,
    portions: Mapping[int, Sequence[int]] | None = None,
) -> Basis:
    """What lines with these amounts, units and masks amount to, by rule. Units that cost nothing
    are none. `portions`: of rules for which only a part counts, (part, whole)."""
    if all(mask == EVERY_RULE for mask in masks):
        return Basis([sum(amounts)] * rules, [sum(compress(units, amounts))] * rules)
    basis = Basis([0] * rules, [0] * rules)
    for place in range(rules):
        for amount, unit, mask in zip(amounts, units, masks, strict=True):
            if mask >> place & 1:
                basis.amounts[place] += amount
                basis.units[place] += unit if amount else 0
    for place, (part, whole) in (portions or {}).items():
        if place < rules:
            basis.amounts[place] = basis.amounts[place] * part // whole
    return basis


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
