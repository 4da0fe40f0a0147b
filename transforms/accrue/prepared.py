"""One version of a programme, ready to apply: its rules, conditions, tiers and catalogues.

In: the terms of a programme file. Out: a `Prepared`, with every condition made a question. Pure:
the same terms are prepared the same way.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.challenges import Challenge
from schemas.earn_rules import Action, When
from schemas.member_view import RewardInReach
from schemas.membership import PaidPlan
from schemas.programme import Programme, Terms
from schemas.rewards import CatalogueOffer, Reward
from transforms.accrue.conditions import (
    WHOLE,
    LineTest,
    MemberTest,
    Occasion,
    OccasionTest,
    line_test,
    member_test,
    occasion_test,
    portion,
)
from transforms.accrue.local_time import DAY_MS, expires_at
from transforms.accrue.rate import EVERY_RULE, prepare_rules


class Asking(NamedTuple):
    """What a rule or a challenge asks of an event, at its place in the masks of lines."""

    on: str | None
    """The type of action that it is about; None: purchases."""
    activities: tuple[str, ...]
    occasion: OccasionTest | None
    line: LineTest | None
    tenders: tuple[str, ...]


class Contest(NamedTuple):
    """A challenge, its place in the masks, and what it asks of the member."""

    place: int
    says: Challenge
    member_test: MemberTest | None


class Prepared:
    """One version of a programme, ready to apply."""

    def __init__(self, programme: Programme, terms: Terms, zone: ZoneInfo) -> None:
        self.version: Final = terms.version
        self.name: Final = f"{programme.programme}@{terms.version}"
        self.zone: Final = zone
        self.effective_from: Final = round(terms.effective_from.timestamp() * 1000)
        self.minor_units: Final = programme.minor_units
        self.rules: Final = prepare_rules(terms.earn, programme.minor_units)
        self.asks_member: Final = tuple(
            (place, rule.member_test)
            for place, rule in enumerate(self.rules)
            if rule.member_test is not None
        )
        """Places of the rules that ask something of the member, and what."""
        self.caps: Final = terms.caps
        self.capped: Final = bool(terms.caps) or any(rule.cap for rule in self.rules)
        self.orders_earn_on: Final = frozenset(terms.orders_earn_on)
        self.pending_ms: Final = terms.pending_days * DAY_MS
        self.returns_ms: Final = terms.returns_days * DAY_MS
        self.expiry: Final = terms.expiry
        self.negative_balance: Final = terms.negative_balance
        self.rewards: Final[dict[str, Reward]] = {one.reward: one for one in terms.rewards}
        self.offers: Final[dict[str, CatalogueOffer]] = {one.offer: one for one in terms.offers}
        self.gifts: Final = terms.gifts
        self.plans: Final[dict[str, PaidPlan]] = {one.plan: one for one in terms.plans}
        self.challenges: Final[dict[str, Contest]] = {
            one.challenge: Contest(len(self.rules) + place, one, member_test(one.when))
            for place, one in enumerate(terms.challenges)
        }
        self.action_types: Final = frozenset(
            one.on
            for one in (*terms.earn, *terms.challenges)
            if isinstance(one, Action | Challenge) and one.on is not None
        )
        self.hold_minutes: Final = terms.hold_minutes
        self.tiers: Final = terms.tiers
        self.counting: Final = f"{terms.tiers.window}/{terms.tiers.metric}" if terms.tiers else ""
        """How the qualifying amount is counted."""
        scale = programme.minor_units if terms.tiers and terms.tiers.metric == "spend" else 1
        levels = terms.tiers.levels if terms.tiers else ()
        self.levels: Final = tuple(level.tier for level in levels) or ("",)
        self.thresholds: Final = tuple(level.threshold * scale for level in levels) or (0,)
        self._rank: Final = {tier: rank for rank, tier in enumerate(self.levels)}
        ladder = sorted(terms.rewards, key=lambda one: (one.points, one.reward))
        self.ladders: Final = tuple(
            tuple(
                RewardInReach(reward=one.reward, points=one.points)
                for one in ladder
                if one.tier is None or self.rank(one.tier) <= rank
            )
            for rank in range(len(self.levels))
        )
        """The rewards that a member of each rank may take, the cheapest first."""
        self._categories: Final = frozenset(terms.exclude.categories)
        self._skus: Final = frozenset(terms.exclude.skus)
        self._asking: Final = tuple(
            _asking(one, zone) for one in chain(terms.earn, terms.challenges)
        )
        self.nothing: Final = 1 << len(self._asking)
        """The mask of an action that no rule or challenge rewards."""
        self._asks_nothing: Final = all(one is None for one in self._asking)

    def masks(self, occasion: Occasion, lines: Iterable[tuple[str, str]]) -> list[int]:
        """For which rules and challenges each line, given as (sku, category), counts on this
        occasion; 0: it is excluded from everything."""
        mask = EVERY_RULE if self._asks_nothing else self._mask(occasion, None, "")
        asked = [(place, one.line) for place, one in enumerate(self._asking) if one and one.line]
        masks = []
        for sku, category in lines:
            if category in self._categories or sku in self._skus:
                masks.append(0)
                continue
            line_mask = mask
            for place, test in asked:
                if not test(sku, category):
                    line_mask &= ~(1 << place)
            masks.append(line_mask)
        return masks

    def action_mask(self, occasion: Occasion, on: str, name: str) -> int:
        """The rules and challenges for which an action counts; `name`: which activity."""
        return self._mask(occasion, on, name)

    def _mask(self, occasion: Occasion, on: str | None, name: str) -> int:
        """One bit beyond the rules and challenges says that the event isn't excluded."""
        mask = self.nothing
        for place, one in enumerate(self._asking):
            if (
                on is None
                if one is None
                else one.on == on
                and (not one.activities or name in one.activities)
                and (one.occasion is None or one.occasion(occasion))
            ):
                mask |= 1 << place
        return mask

    def portions(self, occasion: Occasion) -> dict[int, tuple[int, int]]:
        """Of rules and challenges for which only a part of this purchase counts: which part."""
        if self._asks_nothing:
            return {}
        parts = {
            place: portion(one.tenders, occasion)
            for place, one in enumerate(self._asking)
            if one and one.tenders
        }
        return {place: part for place, part in parts.items() if part != WHOLE}

    def rank(self, tier: str) -> int:
        """A tier's place from the lowest; a tier that these terms don't know is the lowest."""
        return self._rank.get(tier, 0)

    def qualified(self, qualifying: int) -> int:
        """The rank that a qualifying amount reaches."""
        return max(0, bisect_right(self.thresholds, qualifying) - 1)

    def qualifying(self, points: list[int]) -> int:
        """Of points by rule, those that count for a tier."""
        return sum(part for rule, part in zip(self.rules, points, strict=False) if rule.qualifies)

    def lot_expires_at(self, earned_at: int) -> int | None:
        """When points earned at an instant expire."""
        expiry = self.expiry
        if expiry.mode == "none":
            return None
        return expires_at(earned_at, expiry.months, expiry.round_up, self.zone, expiry.grace_days)


def _asking(one: Any, zone: ZoneInfo) -> Asking | None:
    """What a rule or a challenge asks of events; None: nothing, and it is for purchases."""
    when: When = one.when
    on = one.on if isinstance(one, Action | Challenge) else None
    occasion, line = occasion_test(when, zone), line_test(when)
    if on is None and occasion is None and line is None:
        return None
    activities = one.activities if isinstance(one, Action | Challenge) else ()
    return Asking(on, activities, occasion, line, when.tenders)
