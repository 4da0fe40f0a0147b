"""What a member has today, besides the history: lots by expiry, tier, progress, offers, benefits.

In: a member's rows and the version of the programme in force. Out: `Standing`. Promised: nothing is
computed that accrue has told; the programme only adds names: what the next tier asks for, what a
tier gives, which rewards are within reach.
"""

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from schemas.programme import Terms
from scripts.statement.collect import Collected, Row


class Lots(msgspec.Struct, kw_only=True):
    """Points that expire together."""

    expires_at: datetime | None
    points: int
    pending: int
    """Of them, not to be spent yet."""
    lots: int


class TierStanding(msgspec.Struct, kw_only=True):
    """A tier, and how far the next one is; amounts in whole units of the metric."""

    tier: str
    metric: str
    qualifying: float
    next_tier: str | None
    missing: float
    benefits: list[str]


class Standing(msgspec.Struct, kw_only=True):
    """All that stands open."""

    lots: list[Lots]
    tier: TierStanding | None
    challenges: list[Row]
    """The newest period of each."""
    offers: list[Row]
    """The open ones."""
    membership: Row | None
    benefits: list[tuple[str, int, int]]
    """Each benefit, how often it was granted and how often refused."""
    access: list[str]
    rewards: list[tuple[str, int]]
    """Within reach: what the available points and the tier allow, cheapest first."""


def standing(rows: Collected, terms: Terms | None, minor_units: int) -> Standing:
    """What the member has."""
    newest = {row["challenge"]: row for row in rows.challenges}
    uses: dict[str, list[int]] = {}
    for row in rows.benefit_uses:
        if row["code"] != "withdrawn":
            uses.setdefault(row["benefit"], [0, 0])[row["code"] != "ok"] += 1
    memberships = [row for row in rows.memberships if row["status"] != "withdrawn"]
    return Standing(
        lots=_lots(rows),
        tier=_tier(rows.member, terms, minor_units),
        challenges=[newest[name] for name in sorted(newest)],
        offers=[row for row in rows.offers if row["status"] == "open"],
        membership=memberships[-1] if memberships else None,
        benefits=[(name, *uses[name]) for name in sorted(uses)],  # type: ignore[misc]
        access=[row["access"] for row in rows.access if row["until"] is None],
        rewards=_rewards(rows.member, terms),
    )


def _lots(rows: Collected) -> list[Lots]:
    waiting = {row["lot_id"] for row in rows.entries if row["credit"] == "pending"} - {
        row["lot_id"] for row in rows.entries if row["kind"] == "activate"
    }
    left = [row for row in rows.lots if row["remaining"]]
    left.sort(key=lambda row: (row["expires_at"] is None, row["expires_at"]))
    found = []
    for expires_at, group in groupby(left, lambda row: row["expires_at"]):
        lots = list(group)
        found.append(
            Lots(
                expires_at=expires_at,
                points=sum(row["remaining"] for row in lots),
                pending=sum(row["remaining"] for row in lots if row["lot_id"] in waiting),
                lots=len(lots),
            )
        )
    return found


def _tier(member: Row, terms: Terms | None, minor_units: int) -> TierStanding | None:
    if terms is None or terms.tiers is None:
        return None
    tiers = terms.tiers
    scale = minor_units if tiers.metric == "spend" else 1
    qualifying = member["qualifying"] / scale
    names = [level.tier for level in tiers.levels]
    rank = names.index(member["tier"]) if member["tier"] in names else 0
    following = tiers.levels[rank + 1] if rank + 1 < len(names) else None
    return TierStanding(
        tier=names[rank],
        metric=tiers.metric,
        qualifying=qualifying,
        next_tier=following.tier if following else None,
        missing=max(0.0, following.threshold - qualifying) if following else 0.0,
        benefits=list(tiers.levels[rank].benefits),
    )


def _rewards(member: Row, terms: Terms | None) -> list[tuple[str, int]]:
    if terms is None:
        return []
    ranks: dict[Any, int] = {None: 0}
    if terms.tiers:
        ranks |= {level.tier: rank for rank, level in enumerate(terms.tiers.levels)}
    mine = ranks.get(member["tier"], 0)
    return [
        (one.reward, one.points)
        for one in sorted(terms.rewards, key=attrgetter("points"))
        if one.points <= member["available"] and ranks.get(one.tier, 0) <= mine
    ]
