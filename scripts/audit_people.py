"""The auditor's questions about people: whose an event is, and that no record got lost.

Comes in: the tables that `scripts.audit` prepares. What a perfect reader of the log could decide
is in the truth; the engine never sees it.
"""

from typing import Final

from scripts.audit_ledger import Check

UNDECIDABLE_MAX: Final = 0.05
RECALL_MIN: Final = 0.95
RETURN_WAITS_MS: Final = 14 * 86_400_000
"""How long a return waits for the sale that it names, whatever else it carries."""
PURCHASES: Final = "('sale', 'order_placed', 'return')"

PEOPLE: Final = (
    Check(
        "purchases_of_nobody_else",
        "no sale, order or return is booked to somebody who didn't do it",
        f"SELECT count(*) FROM person_of WHERE type IN {PURCHASES}",
        f"""
        SELECT source, event_id, p.type, p.why, p.person, o.member_id, o.reason
        FROM event_owners AS o JOIN person_of AS p USING (source, event_id)
        WHERE p.type IN {PURCHASES} AND o.member_id IS NOT NULL
            AND o.reason <> 'retracted' AND o.member_id IS DISTINCT FROM p.person
        """,
    ),
    Check(
        "decidable_events_are_right",
        "of the events that a perfect reader can decide, none is somebody else's",
        "SELECT count(*) FROM person_of WHERE decidable",
        """
        SELECT source, event_id, p.type, p.why, p.person, o.member_id, o.reason
        FROM owners AS o JOIN person_of AS p USING (source, event_id)
        WHERE decidable AND o.member_id IS NOT NULL AND o.member_id IS DISTINCT FROM p.person
        """,
    ),
    Check(
        "few_purchases_are_undecidable",
        f"at most {UNDECIDABLE_MAX:.0%} of the purchases are undecidable",
        f"SELECT count(*) FROM person_of WHERE type IN {PURCHASES}",
        f"""
        SELECT avg(CASE WHEN decidable THEN 0 ELSE 1 END) AS undecidable FROM person_of
        WHERE type IN {PURCHASES} HAVING undecidable > {UNDECIDABLE_MAX}
        """,
    ),
    Check(
        "few_events_are_undecidable",
        f"at most {UNDECIDABLE_MAX:.0%} of all events are undecidable",
        "SELECT count(*) FROM person_of",
        f"""
        SELECT avg(CASE WHEN decidable THEN 0 ELSE 1 END) AS undecidable FROM person_of
        HAVING undecidable > {UNDECIDABLE_MAX}
        """,
    ),
    Check(
        "members_get_their_events",
        f"at least {RECALL_MIN:.0%} of what is decidable as a member's is theirs, purchases all",
        "SELECT count(*) FROM person_of WHERE decidable AND person IS NOT NULL",
        f"""
        WITH found AS (
            SELECT CASE WHEN p.type IN {PURCHASES} THEN 'purchases'
                ELSE 'others' END AS kind,
                avg(CASE WHEN o.member_id = p.person THEN 1 ELSE 0 END) AS recall
            FROM person_of AS p LEFT JOIN owners AS o USING (source, event_id)
            WHERE decidable AND p.person IS NOT NULL
                AND p.attributable_by + CASE p.type WHEN 'return' THEN {RETURN_WAITS_MS} ELSE 0 END
                    <= (SELECT ends_at FROM clock)
            GROUP BY ALL
        )
        FROM found WHERE recall < CASE kind WHEN 'purchases' THEN 1 ELSE {RECALL_MIN} END
        """,
    ),
)

RECORDS: Final = (
    Check(
        "every_record_is_answered",
        "each record of the input has one answer, one notice of a duplicate or one quarantine row, "
        "or still waits within its window",
        "SELECT count(*) FROM records",
        """
        WITH read_in AS (
            SELECT source, event_id, count(*) AS n, max(received_at) AS last_at,
                any_value(waits_hours) AS waits_hours,
                bool_or(member_id IS NOT NULL) AS has_member_id
            FROM records GROUP BY ALL
        ), said AS (
            SELECT source, event_id, count(*) AS n FROM (
                SELECT source, event_id FROM event_owners WHERE reason <> 'retracted' UNION ALL
                SELECT source, event_id FROM identity_notices WHERE kind = 'duplicate' UNION ALL
                SELECT source, event_id FROM quarantine
                WHERE source IS NOT NULL AND event_id IS NOT NULL)
            GROUP BY ALL
        )
        SELECT source, event_id, r.n AS records, coalesce(s.n, 0) AS answers
        FROM read_in AS r FULL JOIN said AS s USING (source, event_id)
        WHERE r.n IS NULL OR coalesce(s.n, 0) > r.n OR (coalesce(s.n, 0) < r.n AND (
            has_member_id OR r.n - coalesce(s.n, 0) > 1
            OR last_at + waits_hours * 3600000::BIGINT <= (SELECT ends_at FROM clock)))
        """,
    ),
    Check(
        "no_line_is_lost",
        "as many lines as were read are answered, known as duplicates, refused, or waiting",
        "SELECT n FROM input_lines",
        """
        WITH answers AS (
            SELECT source, event_id FROM event_owners WHERE reason <> 'retracted' UNION ALL
            SELECT source, event_id FROM identity_notices WHERE kind = 'duplicate' UNION ALL
            SELECT source, event_id FROM quarantine
        ), waiting AS (
            SELECT count(*) AS n FROM (SELECT DISTINCT source, event_id FROM records)
            ANTI JOIN answers USING (source, event_id)
        )
        SELECT input_lines.n AS lines, (SELECT count(*) FROM answers) AS answered,
            waiting.n AS still_waiting
        FROM input_lines, waiting WHERE input_lines.n <> answered + waiting.n
        """,
    ),
)
