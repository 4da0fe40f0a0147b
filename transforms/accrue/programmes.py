"""Programmes made ready: which programme a market has, which terms an instant has.

In: the structs of the programme files. Out: `Plan`s, whose terms are prepared for the hot path.
Pure: the same files make the same plans.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from xxhash import xxh3_64_hexdigest

from schemas.programme import Programme, Reward, Terms
from transforms.accrue.local_time import DAY_MS, expires_at
from transforms.accrue.rate import EVERY_RULE, prepare_rules

FOLD: Final = 2
"""Grows with a release that folds the same facts under the same terms to another result."""


class Prepared:
    """One version of a programme, ready to apply."""

    def __init__(self, programme: Programme, terms: Terms, zone: ZoneInfo) -> None:
        self.version: Final = terms.version
        self.name: Final = f"{programme.programme}@{terms.version}"
        self.zone: Final = zone
        self.effective_from: Final = round(terms.effective_from.timestamp() * 1000)
        self.rules: Final = prepare_rules(terms.earn, programme.minor_units)
        self.pending_ms: Final = terms.pending_days * DAY_MS
        self.returns_ms: Final = terms.returns_days * DAY_MS
        self.expiry: Final = terms.expiry
        self.negative_balance: Final = terms.negative_balance
        self.rewards: Final[dict[str, Reward]] = {one.reward: one for one in terms.rewards}
        self.hold_minutes: Final = terms.hold_minutes
        self.tiers: Final = terms.tiers
        scale = programme.minor_units if terms.tiers and terms.tiers.metric == "spend" else 1
        levels = terms.tiers.levels if terms.tiers else ()
        self.levels: Final = tuple(level.tier for level in levels) or ("",)
        self.thresholds: Final = tuple(level.threshold * scale for level in levels) or (0,)
        self._rank: Final = {tier: rank for rank, tier in enumerate(self.levels)}
        self._categories: Final = frozenset(terms.exclude.categories)
        self._skus: Final = frozenset(terms.exclude.skus)

    def mask(self, sku: str, category: str) -> int:
        """The earn rules that a line counts for."""
        if category in self._categories or sku in self._skus:
            return 0
        return EVERY_RULE

    def rank(self, tier: str) -> int:
        """A tier's place from the lowest; a tier that these terms don't know is the lowest."""
        return self._rank.get(tier, 0)

    def qualified(self, qualifying: int) -> int:
        """The rank that a qualifying amount reaches."""
        return max(0, bisect_right(self.thresholds, qualifying) - 1)

    def qualifying(self, points: list[int]) -> int:
        """Of points by rule, those that count for a tier."""
        return sum(part for rule, part in zip(self.rules, points, strict=True) if rule.qualifies)

    def lot_expires_at(self, earned_at: int) -> int | None:
        """When points earned at an instant expire."""
        if self.expiry.mode == "none":
            return None
        return expires_at(earned_at, self.expiry.months, self.expiry.round_up, self.zone)


class Plan:
    """A programme with all its versions."""

    def __init__(self, programme: Programme) -> None:
        zone = ZoneInfo(programme.time_zone)
        self.name: Final = programme.programme
        self.currency: Final = programme.currency
        self.markets: Final = programme.markets
        self.zone: Final = zone
        self.versions: Final = tuple(Prepared(programme, one, zone) for one in programme.versions)
        self.returns_ms: Final = max(one.returns_ms for one in self.versions)
        self._starts: Final = [one.effective_from for one in self.versions]
        self._by_version: Final = {one.version: one for one in self.versions}
        self._rules: Final = _rules(programme)

    def rules_at(self, at: int) -> str:
        """Which rules were in force until an instant: of all versions that had begun by then."""
        return self._rules[max(0, bisect_right(self._starts, at) - 1)]

    def began_with(self, rules: str) -> bool:
        """Whether these rules are the programme's own, with or without its latest versions: what
        was folded under them is folded the same way today."""
        return rules in self._rules

    def terms_at(self, at: int) -> Prepared:
        """The version in force at an instant; before the first, the first."""
        return self.versions[max(0, bisect_right(self._starts, at) - 1)]

    def started(self, at: int) -> bool:
        """Whether the programme had begun."""
        return at >= self._starts[0]

    def version(self, version: int) -> Prepared:
        """A version by its number; one that was withdrawn is replaced by the newest."""
        return self._by_version.get(version, self.versions[-1])


def _rules(programme: Programme) -> list[str]:
    """A hash of each version together with those before it."""
    told = repr((FOLD, programme.currency, programme.time_zone, programme.minor_units))
    hashes = []
    for terms in programme.versions:
        told += repr(_said(terms))
        hashes.append(xxh3_64_hexdigest(told.encode()))
    return hashes


def _said(value: Any) -> Any:
    """What a struct says beyond its defaults, so that a field which a later release adds to the
    vocabulary changes nobody's rules."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        said = [(field.name, getattr(value, field.name)) for field in fields]
        defaults = {field.name: field.default for field in fields}
        return type(value).__name__, [
            (name, _said(one)) for name, one in said if one != defaults[name]
        ]
    if isinstance(value, tuple):
        return [_said(one) for one in value]
    if isinstance(value, dict):
        return sorted((name, str(one)) for name, one in value.items())
    return str(value)


class Programmes:
    """All programmes, by market and by name."""

    def __init__(self, programmes: Iterable[Programme]) -> None:
        plans = [Plan(programme) for programme in programmes]
        self._by_name = {plan.name: plan for plan in plans}
        self._by_market = {market: plan for plan in plans for market in plan.markets}

    def of_market(self, market: str) -> Plan | None:
        """The programme of a market; None: purchases there earn nothing."""
        return self._by_market.get(market)

    def named(self, name: str) -> Plan | None:
        """The programme of that name."""
        return self._by_name.get(name)
