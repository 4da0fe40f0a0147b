"""`kizuna explain member`: by what is somebody known, and who else are they?

In: a member id. Out: what they have (points by expiry, open offers, challenges, membership, what is
unlocked), the identifiers below them as a tree, with dates and reasons, the accounts that were
merged, what limits took away, and how their events found them.
"""

from collections import Counter
from datetime import datetime
from typing import Any, Final

import msgspec

from scripts.explain.identity import Notice
from scripts.explain.links import MEMBER, Link, Way, of_identifiers, ways_down
from scripts.explain.questions import Questions, Unknown

_MEMBER: Final = """
    SELECT market, tier, available, pending, held, enrolled_at, last_seen_at
    FROM members WHERE member_id = $member
"""
_FOUND_BY: Final = """
    SELECT reason, rung, count(*) AS events, min(known_at) AS first_at, max(known_at) AS last_at
    FROM current_owners WHERE member_id = $member GROUP BY ALL ORDER BY events DESC, reason, rung
"""
_TAKEN_BACK: Final = """
    SELECT source || '/' || event_id AS event, type, known_at FROM event_owners
    WHERE member_id = $member AND reason = 'retracted' ORDER BY known_at DESC, event
"""
_NOTICES: Final = """
    SELECT identifier, kind, detail, source || '/' || event_id AS event, known_at
    FROM identity_notices WHERE identifier IN $identifiers ORDER BY known_at, kind, event
"""
_LOTS: Final = """
    SELECT expires_at, count(*) AS lots, sum(remaining)::BIGINT AS points,
        sum(CASE WHEN available_at > $now THEN remaining ELSE 0 END)::BIGINT AS pending
    FROM lots WHERE member_id = $member AND remaining > 0
    GROUP BY expires_at ORDER BY expires_at NULLS LAST
"""
_OFFERS: Final = """
    SELECT offer_id, status, granted_at, expires_at, reason FROM offers
    WHERE member_id = $member AND status IN ('open', 'waiting')
    ORDER BY expires_at NULLS LAST, offer_id
"""
_CHALLENGES: Final = """
    SELECT challenge, progress, target, met, until FROM challenges WHERE member_id = $member
    QUALIFY row_number() OVER (PARTITION BY challenge ORDER BY since DESC) = 1 ORDER BY challenge
"""
_MEMBERSHIP: Final = """
    SELECT plan, status, since, paid_until, ended_at, reason FROM memberships
    WHERE member_id = $member AND status <> 'withdrawn' ORDER BY since DESC
"""
_BENEFITS: Final = """
    SELECT benefit, count(*) FILTER (code = 'ok') AS used,
        count(*) FILTER (code <> 'ok') AS refused,
        arg_max("left", used_at) FILTER (code = 'ok') AS "left", max(used_at) AS last_at
    FROM benefit_uses WHERE member_id = $member AND code <> 'withdrawn' GROUP BY benefit
    ORDER BY benefit
"""
_ACCESS: Final = """
    SELECT access, since, unlocked_by FROM access
    WHERE member_id = $member AND until IS NULL ORDER BY since, access
"""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has. Lists of rows as the warehouse has them; times are UTC."""

    lots: list[dict[str, Any]]
    """Points left by when they expire; `pending` of them can't be spent yet."""
    offers: list[dict[str, Any]]
    """Open ones, and those that wait for another to be closed."""
    challenges: list[dict[str, Any]]
    """Of each the latest period in which anything counted."""
    membership: dict[str, Any] | None
    """The latest paid one."""
    benefits: list[dict[str, Any]]
    """Used so far; `left`: after the last time, in its period."""
    access: list[dict[str, Any]]


class FoundBy(msgspec.Struct, frozen=True, kw_only=True):
    """How events found the member."""

    reason: str
    rung: str
    events: int
    first_at: datetime
    last_at: datetime


class MemberStory(msgspec.Struct, frozen=True, kw_only=True):
    """All that says who a member is."""

    member_id: str
    account: dict[str, Any] | None
    holdings: Holdings
    survivor: Link | None
    """The member in whom this one goes on."""
    merged: list[Link]
    """Accounts that go on in this one."""
    identifiers: Way
    counts: dict[str, int]
    """Identifiers that stand, by namespace."""
    found_by: list[FoundBy]
    taken_back: list[dict[str, Any]]
    """Events that were theirs and no longer are."""
    notices: list[tuple[str, Notice]]


def explain_member(questions: Questions, member_id: str) -> MemberStory:
    """The story of a member; raises Unknown for nobody's id."""
    identifier = f"{MEMBER}{member_id}"
    account = questions.row(_MEMBER, member=member_id)
    found_by = [FoundBy(**row) for row in questions.rows(_FOUND_BY, member=member_id)]
    below = ways_down(questions, identifier)
    merged = [way.link for way in below.ways if way.link and _is_member(way)]
    own = of_identifiers(questions, [identifier])
    if not (account or found_by or below.ways or own):
        raise Unknown(f"{member_id} is no member that {questions.folder} knows")
    standing: dict[str, None] = {}
    _collect(below, standing)
    notices = questions.rows(_NOTICES, identifiers=[identifier, *standing])
    return MemberStory(
        member_id=member_id,
        account=account,
        holdings=holdings_of(questions, member_id),
        survivor=own[-1] if own else None,
        merged=merged,
        identifiers=below,
        counts=dict(Counter(one.partition(":")[0] for one in standing if MEMBER not in one)),
        found_by=found_by,
        taken_back=questions.rows(_TAKEN_BACK, member=member_id),
        notices=[(row.pop("identifier"), Notice(**row)) for row in notices],
    )


def holdings_of(questions: Questions, member_id: str) -> Holdings:
    """What a member has, as of the last that is known."""
    return Holdings(
        lots=questions.rows(_LOTS, member=member_id, now=questions.end()),
        offers=questions.rows(_OFFERS, member=member_id),
        challenges=questions.rows(_CHALLENGES, member=member_id),
        membership=questions.row(_MEMBERSHIP, member=member_id),
        benefits=questions.rows(_BENEFITS, member=member_id),
        access=questions.rows(_ACCESS, member=member_id),
    )


def _is_member(way: Way) -> bool:
    return way.identifier.startswith(MEMBER)


def _collect(way: Way, standing: dict[str, None]) -> None:
    """Identifiers on the way whose link didn't end."""
    for one in way.ways:
        if one.link is None or one.link.until_at is None:
            standing[one.identifier] = None
            _collect(one, standing)
