"""Programmes made ready: which programme a market has, which terms an instant has.

In: the structs of the programme files. Out: `Plan`s, whose terms are prepared for the hot path.
Pure: the same files make the same plans.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from xxhash import xxh3_64_hexdigest

from schemas.programme import Programme
from transforms.accrue.local_time import DAY_MS
from transforms.accrue.prepared import Prepared

RETRACTED_DAYS: Final = 35
"""A purchase may be that old when it turns out to be somebody else's: known at the end of the
horizon, and taken back at the end of another."""
FOLD: Final = 3
"""Grows with a release that folds the same facts under the same terms to another result."""


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
        self.remember_ms: Final = max(self.returns_ms, RETRACTED_DAYS * DAY_MS)
        """For how long what returns and retractions need is kept."""
        reinstates = max(one.expiry.reinstate_days for one in self.versions)
        self.reinstates_ms: Final = (reinstates + 2) * DAY_MS if reinstates else 0
        """How long expired points may come back; two days more, for a day may have 25 hours."""
        self.action_types: Final = frozenset(
            chain.from_iterable(one.action_types for one in self.versions)
        )
        """Types of events, other than purchases, that some version rewards."""
        self.gift_days: Final = tuple(
            sorted({gift.on for one in self.versions for gift in one.gifts})
        )
        """The days of a member's own on which some version gives something."""
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

    def challenges_from(self, at: int) -> frozenset[str]:
        """Challenges of the version in force at an instant, and of those after it."""
        newest = max(0, bisect_right(self._starts, at) - 1)
        return frozenset(chain.from_iterable(one.challenges for one in self.versions[newest:]))

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
