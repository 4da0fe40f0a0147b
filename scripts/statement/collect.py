"""What a statement is made of, as the warehouse has it.

In: a warehouse and a member. Out: `Collected`, rows as dicts, times in UTC. Promised: only the
warehouse is asked, so the figures are those that analysts see.
"""

from typing import Any, Final

import msgspec

from scripts.explain.questions import Questions, Unknown

Row = dict[str, Any]

_MEMBER: Final = """
    SELECT member_id, market, tier, available, pending, held, qualifying, merged_into
    FROM members WHERE member_id = $member
"""
_ENTRIES: Final = """
    SELECT * EXCLUDE (_seq) FROM ledger_entries WHERE member_id = $member
    ORDER BY posted_at, occurred_at, source, event_id, entry_id
"""
_EVENTS: Final = """
    SELECT source, event_id, type, known_at, coalesce(member_id = $member, false) AS theirs
    FROM current_owners
    WHERE member_id = $member OR source || '/' || event_id IN (
        SELECT source || '/' || event_id FROM ledger_entries WHERE member_id = $member
        UNION SELECT because_of FROM ledger_entries WHERE member_id = $member
    )
    ORDER BY known_at, source, event_id
"""
_OTHERS: Final = {
    "lots": "SELECT * FROM lots WHERE member_id = $member ORDER BY expires_at, earned_at, lot_id",
    "answers": """
        SELECT a.*, r.reward_id, r.code AS stands_as FROM redemption_answers AS a
        LEFT JOIN redemptions AS r USING (member_id, redemption_id)
        WHERE member_id = $member ORDER BY a.answered_at, a.redemption_id, a.request
    """,
    "tier_changes": "FROM tier_changes WHERE member_id = $member ORDER BY tier_changes.at, _seq",
    "offers": "FROM offers WHERE member_id = $member ORDER BY granted_at, offer_id, grant_id",
    "challenges": "FROM challenges WHERE member_id = $member ORDER BY since, challenge",
    "memberships": "FROM memberships WHERE member_id = $member ORDER BY since",
    "benefit_uses": """
        FROM benefit_uses WHERE member_id = $member ORDER BY used_at, source, event_id
    """,
    "access": "FROM access WHERE member_id = $member ORDER BY since, access",
}


class Collected(msgspec.Struct, kw_only=True):
    """A member's rows."""

    member: Row
    entries: list[Row]
    events: list[Row]
    """Theirs by the last answer, and others (not `theirs`) that moved their points."""
    lots: list[Row]
    answers: list[Row]
    """Of redemptions, with the reward."""
    tier_changes: list[Row]
    offers: list[Row]
    challenges: list[Row]
    memberships: list[Row]
    benefit_uses: list[Row]
    access: list[Row]


def collect(questions: Questions, member_id: str) -> Collected:
    """All rows of a member; raises Unknown for nobody's id."""
    entries = questions.rows(_ENTRIES, member=member_id)
    member = questions.row(_MEMBER, member=member_id)
    if member is None:
        raise Unknown(f"{member_id} is no member that {questions.folder} knows")
    return Collected(
        member=member,
        entries=entries,
        events=questions.rows(_EVENTS, member=member_id),
        **{name: questions.rows(sql, member=member_id) for name, sql in _OTHERS.items()},
    )


def event_of(row: Row) -> str | None:
    """The event of a row, source/event_id; None: a timer."""
    return f"{row['source']}/{row['event_id']}" if row["event_id"] else None
