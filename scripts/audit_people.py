"""The auditor's questions about people: whose an event is, and that no record got lost.

Comes in: the tables that `scripts.audit_tables` makes. What a perfect reader of the log
could decide is in the truth; the engine never sees it.
"""

from typing import Final

from scripts.audit_check import Check

UNDECIDABLE_MAX: Final = 0.05
MISLEADING_MAX: Final = 0.001
RECALL_MIN: Final = 0.95
RETURN_WAITS_MS: Final = 17 * 86_400_000
"""How long a return waits for the sale that it names, whatever else it carries: two weeks, and
three days for a sale that is known late."""
PURCHASES: Final = "('sale', 'order_placed', 'return')"
CLASSES: Final = {
    "browse": "page_viewed screen_viewed product_viewed searched signed_in signed_out ad_clicked "
    "app_opened reward_viewed store_visited store_left",
    "cart": "cart_updated checkout_started",
    "purchase": "sale return order_placed order_ready order_collected order_delivered "
    "order_cancelled",
    "service": "case_opened case_closed contact_logged",
    "profile": "enrolled profile_updated consent_changed subscribed account_merged",
}
"""Classes of events, as people speak of them; what is none of these is a command."""
CLASS_OF_TYPE: Final = (
    "CASE "
    + " ".join(
        f"WHEN type IN ({', '.join(map(repr, types.split()))}) THEN '{name}'"
        for name, types in CLASSES.items()
    )
    + " ELSE 'command' END"
)

ACCOUNTS: Final = """
    CREATE TABLE accounts AS
    WITH RECURSIVE merges AS (
        SELECT payload->>'loser' AS loser, any_value(payload->>'winner') AS winner
        FROM records WHERE type = 'account_merged' GROUP BY ALL
    ), leads AS (
        SELECT loser, winner, 1 AS steps FROM merges
        UNION ALL
        SELECT leads.loser, merges.winner, steps + 1 FROM leads JOIN merges
            ON merges.loser = leads.winner WHERE steps < 100
    )
    SELECT loser AS account, arg_max(winner, steps) AS person FROM leads GROUP BY ALL;
    CREATE MACRO person_id(account_id) AS
        coalesce((SELECT any_value(person) FROM accounts WHERE account = account_id), account_id)
"""
"""Accounts that were merged, and the one that goes on for each: both are one person."""

ERASED: Final = """
    CREATE TABLE erased AS
    SELECT DISTINCT person_id(member_id) AS person FROM records
    ANTI JOIN members USING (member_id)
    WHERE type = 'erasure_requested' AND member_id IS NOT NULL
"""
"""People who asked to be forgotten, and were: nothing is expected of them any more."""

OWNERS: Final = """
    CREATE TABLE answers AS
    SELECT source, event_id, member_id, coalesce(person, member_id) AS person,
        sum(CASE reason WHEN 'retracted' THEN -1 ELSE 1 END)::INTEGER AS n,
        arg_max(reason, _seq) FILTER (reason <> 'retracted') AS reason, max(_seq) AS _seq
    FROM event_owners LEFT JOIN accounts ON account = member_id
    GROUP BY ALL;
    CREATE TABLE owners AS
    SELECT source, event_id, best.* FROM (
        SELECT source, event_id, arg_max({'reason': reason,
            'member_id': CASE WHEN reason <> 'unlinked' THEN member_id END,
            'person': CASE WHEN reason <> 'unlinked' THEN person END},
            (member_id IS NOT NULL, _seq)) AS best
        FROM answers WHERE n > 0 GROUP BY ALL)
"""
"""The answers that stand, and whose each event is by them: as a member, and as a person. An
`unlink` is nobody's, though the member who is told of it is named."""

PEOPLE: Final = (
    Check(
        "purchases_of_nobody_else",
        "no sale, order or return is booked to somebody who didn't do it, unless it carries "
        "nothing but somebody else's identifier",
        f"SELECT count(*) FROM person_of WHERE type IN {PURCHASES}",
        f"""
        SELECT source, event_id, p.type, p."case", p.why, p.person, o.member_id, o.reason
        FROM owners AS o JOIN person_of AS p USING (source, event_id)
        WHERE p.type IN {PURCHASES} AND o.person IS NOT NULL
            AND o.person IS DISTINCT FROM p.person AND o.person IS DISTINCT FROM p.reads_as
        """,
    ),
    Check(
        "few_purchases_mislead",
        f"at most {MISLEADING_MAX:.1%} of the purchases carry nothing but somebody else's "
        "identifier",
        f"SELECT count(*) FROM person_of WHERE type IN {PURCHASES}",
        f"""
        SELECT avg((why = 'names_another')::INTEGER) AS misleading FROM person_of
        WHERE type IN {PURCHASES} HAVING misleading > {MISLEADING_MAX}
        """,
    ),
    Check(
        "nobody_is_two_people",
        "an event is one person's at a time, and is taken back only from whom it was given to",
        "SELECT count(*) FROM answers",
        """
        SELECT source, event_id, count(DISTINCT person) FILTER (n > 0) AS people, min(n) AS answers
        FROM answers GROUP BY ALL HAVING people > 1 OR answers < 0
        """,
    ),
    Check(
        "decidable_events_are_right",
        "of the events that a perfect reader can decide, none is somebody else's",
        "SELECT count(*) FROM person_of WHERE decidable",
        """
        SELECT source, event_id, p.type, p."case", p.why, p.person, o.member_id, o.reason
        FROM owners AS o JOIN person_of AS p USING (source, event_id)
        WHERE decidable AND o.person IS NOT NULL AND o.person IS DISTINCT FROM p.person
        """,
    ),
    Check(
        "the_erased_are_gone",
        "of people who were erased no event, entry, link or message tells under their name, and "
        "each of them is one row of what was erased",
        "SELECT count(*) FROM erased",
        """
        WITH names AS (
            SELECT person AS member_id FROM erased
            UNION
            SELECT account FROM accounts SEMI JOIN erased USING (person)
        ), told AS (
            SELECT 'event_owners' AS place, member_id FROM event_owners UNION ALL
            SELECT 'ledger_entries', member_id FROM ledger_entries UNION ALL
            SELECT 'triggers', member_id FROM triggers UNION ALL
            SELECT 'identity_links', substr(owner, 11) FROM identity_links
        )
        SELECT place, member_id, count(*) AS rows_left FROM told SEMI JOIN names USING (member_id)
        GROUP BY ALL
        UNION ALL
        SELECT 'erasures', NULL, n FROM (SELECT count(*) AS n FROM erasures)
        WHERE n < (SELECT count(*) FROM erased)
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
                avg(CASE WHEN o.person = p.person THEN 1 ELSE 0 END) AS recall
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
            SELECT source, event_id, sum(n)::BIGINT AS n FROM (
                SELECT source, event_id, n FROM answers UNION ALL
                SELECT source, event_id, 1 FROM identity_notices WHERE kind = 'duplicate' UNION ALL
                SELECT source, event_id, 1 FROM quarantine
                WHERE source IS NOT NULL AND event_id IS NOT NULL)
            GROUP BY ALL
        )
        SELECT source, event_id, r.n AS records, coalesce(s.n, 0) AS answers
        FROM read_in AS r FULL JOIN said AS s USING (source, event_id)
        ANTI JOIN erased_records USING (source, event_id)
        WHERE r.n IS NULL OR coalesce(s.n, 0) > r.n OR (coalesce(s.n, 0) < r.n AND (
            has_member_id OR r.n - coalesce(s.n, 0) > 1
            OR last_at + waits_hours * 3600000::BIGINT <= (SELECT ends_at FROM clock)))
        """,
    ),
    Check(
        "no_line_is_lost",
        "as many lines as were read are answered, known as duplicates, refused, waiting or erased",
        "SELECT n FROM input_lines",
        """
        WITH said AS (
            SELECT source, event_id, n, true AS ends FROM answers WHERE n > 0 UNION ALL
            SELECT source, event_id, 1, false FROM identity_notices
            WHERE kind = 'duplicate' UNION ALL
            SELECT source, event_id, 1, true FROM quarantine
        ), waiting AS (
            SELECT count(*) AS n FROM (SELECT DISTINCT source, event_id FROM records)
            ANTI JOIN (FROM said WHERE ends) USING (source, event_id)
            ANTI JOIN erased_records USING (source, event_id)
        ), erased_lines AS (
            SELECT count(*) AS n FROM records SEMI JOIN erased_records USING (source, event_id)
        )
        SELECT input_lines.n AS lines, (SELECT sum(n) FROM said
            ANTI JOIN erased_records USING (source, event_id))::BIGINT AS answered,
            waiting.n AS still_waiting, erased_lines.n AS erased
        FROM input_lines, waiting, erased_lines
        WHERE input_lines.n <> answered + waiting.n + erased_lines.n
        """,
    ),
)
