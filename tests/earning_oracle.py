"""What a member must earn: slow, obvious, and written differently from accrue.

A history is told to it in the order in which things occurred. It keeps everything, looks through
all of it each time, and counts in fractions. It knows earn rules, conditions, caps and returns;
the tier is whichever it is told.
"""

from datetime import datetime
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from schemas.earn_rules import Action, BaseRate, Bonus, BonusRate, Multiply, TierRate, When
from schemas.payloads import Line

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Bought(NamedTuple):
    """A purchase, or an action (`did`), as it occurred."""

    name: str
    at: int
    lines: tuple[Line, ...] = ()
    store: str = ""
    tenders: dict[str, int] = {}
    did: str = ""
    quantity: int = 0


class Gain(NamedTuple):
    name: str
    at: int
    rule: str
    points: int


class EarningOracle:
    def __init__(self, terms: Any, zone: str, tier: str) -> None:
        self.terms = terms
        self.zone = ZoneInfo(zone)
        self.tier = tier
        self.gains: list[Gain] = []
        self.bought: dict[str, Bought] = {}
        self.was_first: dict[str, bool] = {}
        self.reversed: dict[str, int] = {}
        self.back: dict[str, dict[str, tuple[int, int]]] = {}

    def tell(self, one: Bought) -> None:
        self.was_first[one.name] = not any(
            not other.did and any(line.amount and self.counts(line) for line in other.lines)
            for other in self.bought.values()
        )
        self.bought[one.name] = one
        before = list(self.gains)
        self.gains += [
            Gain(one.name, one.at, rule, points)
            for rule, points in self.rated(one, before).items()
            if points
        ]

    def give_back(self, name: str, line_id: str, units: int, amount: int) -> None:
        """Units of a line with their money; what is kept is rated as on the day it was bought."""
        had = self.bought[name]
        line = next(line for line in had.lines if line.line_id == line_id)
        units_before, money_before = self.back.setdefault(name, {}).get(line_id, (0, 0))
        units = min(units, line.quantity - units_before)
        rest = line.amount - money_before
        money = rest if units_before + units >= line.quantity else min(amount, rest)
        self.back[name][line_id] = (units_before + units, money_before + money)
        kept = []
        for line in had.lines:
            units_back, money_back = self.back[name].get(line.line_id, (0, 0))
            kept.append((line, line.quantity - units_back, line.amount - money_back))
        earlier = self.gains[: self.first_gain(name)]
        still = sum(self.rated(had, earlier, kept).values())
        lost = self.total(name) - still
        self.reversed[name] = max(self.reversed.get(name, 0), lost)

    def first_gain(self, name: str) -> int:
        """How many gains there were when something was bought."""
        order = list(self.bought)
        mine = order.index(name)
        return sum(1 for gain in self.gains if order.index(gain.name) < mine)

    def total(self, name: str) -> int:
        return sum(gain.points for gain in self.gains if gain.name == name)

    def rated(
        self, one: Bought, before: list[Gain], kept: list[tuple[Line, int, int]] | None = None
    ) -> dict[str, int]:
        """Points by rule, given what was gained before."""
        lines = kept or [(line, line.quantity, line.amount) for line in one.lines]
        points: dict[str, int] = {}
        for at, rule in enumerate(self.terms.earn):
            name = self.name_of(rule)
            raw = self.unlimited(rule, one, lines, points, self.terms.earn[:at])
            for cap in [rule.cap] if rule.cap else []:
                used = [g.points for g in before if g.rule == name and self.together(cap, g, one)]
                if cap.times is not None and len(used) >= cap.times:
                    raw = 0
                if cap.points is not None:
                    raw = min(raw, max(0, cap.points - sum(used)))
            for cap in self.terms.caps:
                all_used = sum(g.points for g in before if self.together(cap, g, one))
                left = max(0, cap.points - all_used) - sum(points.values())
                raw = min(raw, max(0, left))
            points[name] = raw
        return points

    @staticmethod
    def name_of(rule: Any) -> str:
        kinds = {
            BaseRate: "base",
            TierRate: "tier_rate",
            BonusRate: "bonus_rate",
            Multiply: "multiply",
            Bonus: "bonus",
            Action: "action",
        }
        return rule.name or kinds[type(rule)]

    def unlimited(
        self,
        rule: Any,
        one: Bought,
        lines: list[tuple[Line, int, int]],
        above: dict[str, int],
        rules_above: Any,
    ) -> int:
        when = rule.when
        if isinstance(rule, Action):
            if one.did != rule.on or not self.fits_clock(when, one.at):
                return 0
            return one.quantity // rule.per * rule.points
        if one.did:
            return 0
        mine = [
            (units, money)
            for line, units, money in lines
            if self.counts(line) and self.fits_line(when, line)
        ]
        money = Fraction(sum(amount for _, amount in mine))
        units = sum(count for count, amount in mine if amount)
        if when.tenders:
            whole = sum(one.tenders.values())
            part = sum(one.tenders.get(way, 0) for way in when.tenders)
            money = Fraction(floor(money * Fraction(part, whole))) if whole else Fraction(0)
        if money < 1 or money < when.spend_at_least or units < when.units_at_least:
            return 0
        if when.stores and one.store not in when.stores:
            return 0
        if not self.fits_clock(when, one.at):
            return 0
        if when.tiers and self.tier not in when.tiers:
            return 0
        if when.first_purchase and not self.was_first[one.name]:
            return 0
        return self.by_kind(rule, money / 100, units, above, rules_above)

    def by_kind(
        self, rule: Any, whole: Fraction, units: int, above: dict[str, int], rules_above: Any
    ) -> int:
        def rounded(number: Fraction) -> int:
            if rule.rounding == "floor":
                return floor(number)
            if rule.rounding == "ceil":
                return ceil(number)
            return floor(number + Fraction(1, 2))

        if isinstance(rule, BaseRate | BonusRate):
            return rounded(whole * Fraction(rule.rate))
        if isinstance(rule, Bonus):
            return rule.points * (units if rule.per == "unit" else 1)
        bases = [self.name_of(one) for one in rules_above if isinstance(one, BaseRate)]
        if isinstance(rule, TierRate):
            if self.tier not in rule.rate_by_tier:
                return 0
            better = rounded(whole * Fraction(rule.rate_by_tier[self.tier]))
            return max(0, better - sum(above[name] for name in bases))
        rates = [self.name_of(one) for one in rules_above if isinstance(one, TierRate)]
        multiplied = rule.of or (*bases, *rates)
        return rounded(sum(above[name] for name in multiplied) * (Fraction(rule.times) - 1))

    def counts(self, line: Line) -> bool:
        return line.category not in self.terms.exclude.categories

    @staticmethod
    def fits_line(when: When, line: Line) -> bool:
        if line.category in when.except_categories or line.sku in when.except_skus:
            return False
        if when.categories or when.skus:
            return line.category in when.categories or line.sku in when.skus
        return True

    def fits_clock(self, when: When, at: int) -> bool:
        there = self.there(at)
        if when.weekdays and DAYS[there.weekday()] not in when.weekdays:
            return False
        if when.hours is not None:
            minute = there.hour * 60 + there.minute
            start, end = (
                int(clock[:2]) * 60 + int(clock[3:]) for clock in (when.hours.start, when.hours.end)
            )
            if not (minute - start) % 1440 < (end - start) % 1440:
                return False
        return True

    def there(self, at: int) -> datetime:
        return datetime.fromtimestamp(at // 1000, self.zone)

    def together(self, cap: Any, gain: Gain, one: Bought) -> bool:
        """Whether a gain and a purchase fall into one period of a cap."""
        mine, other = self.there(gain.at), self.there(one.at)
        return {
            "receipt": False,
            "day": mine.date() == other.date(),
            "week": mine.isocalendar()[:2] == other.isocalendar()[:2],
            "month": (mine.year, mine.month) == (other.year, other.month),
            "year": mine.year == other.year,
            "ever": True,
        }[cap.per]
