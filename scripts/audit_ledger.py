"""The auditor's questions about points: each a count of what it looks at, and what is wrong.

The tables come from `scripts.audit_tables`: those of the warehouse, `records` and `receipts` from
the raw events, `person_of` from the truth, `tier_rates` and `levels` from the
programme's YAML file.
"""

from typing import Final

from scripts.audit_check import Check

ISSUED: Final = """
    SELECT source, event_id, coalesce(person, member_id) AS member_id, rule,
        sum(CASE WHEN debit = 'issued' THEN points ELSE -points END)::BIGINT AS points
    FROM ledger_entries LEFT JOIN accounts ON account = member_id
    WHERE 'issued' IN (debit, credit) AND source IS NOT NULL GROUP BY ALL
"""
"""What each event earned a person, corrections included; reversals go another way."""

MOVES: Final = """
    SELECT source, event_id, member_id, lot_id, rule, kind, _seq, credit AS account, points
    FROM ledger_entries
    UNION ALL
    SELECT source, event_id, member_id, lot_id, rule, kind, _seq, debit, -points
    FROM ledger_entries
"""
"""Each entry from the side of both accounts."""

LEDGER: Final = (
    Check(
        "every_receipt_earns_once",
        "a sale or order earns by the programme's rates for its lines once, whichever of its "
        "events comes first",
        "SELECT count(*) FROM receipts",
        f"""
        WITH earned AS (
            SELECT receipt, sum(points) FILTER (rule = 'base') AS base,
                coalesce(sum(points) FILTER (rule = 'tier_rate'), 0) AS extra,
                count(DISTINCT member_id) FILTER (points <> 0) AS members
            FROM ({ISSUED}) JOIN receipt_events USING (source, event_id) GROUP BY ALL
        ), owned AS (
            SELECT DISTINCT receipt FROM receipt_events JOIN owners USING (source, event_id)
            WHERE member_id IS NOT NULL
        )
        SELECT receipt, r.minor_units, base, extra, members
        FROM receipts AS r LEFT JOIN earned USING (receipt) LEFT JOIN owned USING (receipt)
        WHERE coalesce(base, 0) <> CASE WHEN owned.receipt IS NULL THEN 0
                ELSE greatest(0, r.minor_units) // 100 END
            OR members > 1
            OR coalesce(extra, 0) NOT IN (SELECT 0 UNION ALL
                SELECT floor(greatest(0, r.minor_units) * rate / 100)::BIGINT
                    - greatest(0, r.minor_units) // 100 FROM tier_rates)
        """,
    ),
    Check(
        "only_known_events_move_points",
        "an entry with an event behind it names one of the input, and the person whose it was, "
        "unless all of it was taken back",
        "SELECT count(*) FROM ledger_entries WHERE source IS NOT NULL",
        f"""
        WITH moved AS (
            SELECT source, event_id, member_id, account, sum(points) AS points
            FROM ({MOVES}) WHERE source IS NOT NULL GROUP BY ALL
        )
        SELECT e.source, e.event_id, e.member_id, p.person, e.account, e.points
        FROM moved AS e LEFT JOIN doers AS p USING (source, event_id)
        LEFT JOIN accounts AS a ON a.account = e.member_id
        WHERE coalesce(a.person, e.member_id) IS DISTINCT FROM p.person
            AND (p.source IS NULL OR e.points <> 0)
        """,
    ),
    Check(
        "entries_move_points",
        "an entry moves a positive number of points between two accounts",
        "SELECT count(*) FROM ledger_entries",
        """
        SELECT entry_id, debit, credit, points FROM ledger_entries
        WHERE points <= 0 OR debit = credit
            OR debit NOT IN ('issued', 'pending', 'available', 'held', 'redeemed', 'expired',
                'reversed', 'transferred')
            OR credit NOT IN ('issued', 'pending', 'available', 'held', 'redeemed', 'expired',
                'reversed', 'transferred')
        """,
    ),
    Check(
        "accounts_sum_to_zero",
        "all accounts of a member together are zero: what was issued is somewhere",
        "SELECT count(DISTINCT member_id) FROM ledger_entries",
        f"""
        WITH accounts AS (
            SELECT member_id, account, sum(points) AS points FROM ({MOVES}) GROUP BY ALL
        )
        SELECT member_id, sum(points) AS points FROM accounts GROUP BY ALL HAVING sum(points) <> 0
        """,
    ),
    Check(
        "what_was_transferred_arrived",
        "points that left a merged account are in the one that goes on, to the point",
        "SELECT count(*) FROM ledger_entries WHERE 'transferred' IN (debit, credit)",
        f"""
        SELECT coalesce(person, member_id) AS person, sum(points) AS points
        FROM ({MOVES}) AS moved LEFT JOIN accounts ON accounts.account = member_id
        WHERE moved.account = 'transferred' GROUP BY ALL HAVING sum(points) <> 0
        """,
    ),
    Check(
        "balances_are_their_entries",
        "available, pending and held of a member are the sums of the ledger's entries",
        "SELECT count(*) FROM members",
        f"""
        WITH folded AS (
            SELECT member_id, coalesce(sum(points) FILTER (account = 'available'), 0) AS available,
                coalesce(sum(points) FILTER (account = 'pending'), 0) AS pending,
                coalesce(sum(points) FILTER (account = 'held'), 0) AS held
            FROM ({MOVES}) GROUP BY ALL
        )
        SELECT member_id, m.available, f.available AS folded_available, m.pending,
            f.pending AS folded_pending, m.held, f.held AS folded_held
        FROM members AS m FULL JOIN folded AS f USING (member_id)
        WHERE (m.market IS NULL AND NOT starts_with(member_id, 'erased.'))
            OR (m.market IS NOT NULL AND (m.available, m.pending, m.held) IS DISTINCT FROM
                (coalesce(f.available, 0), coalesce(f.pending, 0), coalesce(f.held, 0)))
        """,
    ),
    Check(
        "never_less_than_nothing",
        "at no moment is less than nothing pending or held",
        "SELECT count(*) FROM ledger_entries WHERE 'pending' IN (debit, credit) "
        "OR 'held' IN (debit, credit)",
        f"""
        WITH running AS (
            SELECT member_id, account, posted_at,
                sum(points) OVER (PARTITION BY member_id, account ORDER BY posted_at
                    RANGE UNBOUNDED PRECEDING) AS points
            FROM ({MOVES}) JOIN (SELECT _seq, posted_at FROM ledger_entries) USING (_seq)
            WHERE account IN ('pending', 'held') AND NOT starts_with(member_id, 'erased.')
        )
        SELECT DISTINCT * FROM running WHERE points < 0
        """,
    ),
    Check(
        "posted_once",
        "an event is posted once by line, rule, kind and lot; more is a named correction",
        "SELECT count(*) FROM ledger_entries",
        """
        SELECT source, event_id, line_id, rule, kind, lot_id, debit, count(*) AS times
        FROM ledger_entries
        WHERE corrects IS NULL AND event_id IS NOT NULL AND posting <> 'rebooked'
        GROUP BY ALL HAVING count(*) > 1
        UNION ALL
        SELECT 'entry_id', entry_id, NULL, NULL, NULL, NULL, NULL, count(*) FROM ledger_entries
        GROUP BY ALL HAVING count(*) > 1
        UNION ALL
        SELECT 'corrects', c.entry_id, NULL, NULL, NULL, c.corrects, NULL, 0
        FROM ledger_entries AS c ANTI JOIN ledger_entries AS e ON e.entry_id = c.corrects
        WHERE c.corrects IS NOT NULL
        """,
    ),
    Check(
        "corrections_take_back_what_was_posted",
        "a rebooking's correction moves points of one entry back, between the same accounts, and "
        "never more than it moved",
        "SELECT count(*) FROM ledger_entries WHERE corrects IS NOT NULL AND posting = 'rebooked'",
        """
        WITH corrections AS (
            SELECT corrects, member_id, debit, credit, lot_id, rule, line_id,
                sum(points)::BIGINT AS points
            FROM ledger_entries WHERE corrects IS NOT NULL AND posting = 'rebooked' GROUP BY ALL
        )
        SELECT c.corrects, e.member_id, e.debit, e.credit, e.points, c.points AS taken_back
        FROM corrections AS c LEFT JOIN ledger_entries AS e ON e.entry_id = c.corrects
        WHERE (c.debit, c.credit, c.member_id) IS DISTINCT FROM (e.credit, e.debit, e.member_id)
            OR (c.lot_id, c.rule, c.line_id) IS DISTINCT FROM (e.lot_id, e.rule, e.line_id)
            OR c.points > e.points
        """,
    ),
    Check(
        "answers_fit_the_balance",
        "a request to spend points was granted if as many were available by what was posted until "
        "then, and refused for want of points if not",
        "SELECT count(*) FROM redemption_answers WHERE request = 'redeem' "
        "AND code IN ('ok', 'insufficient_points')",
        f"""
        WITH moved AS (
            SELECT member_id, posted_at, m.points FROM ({MOVES}) AS m
            JOIN (SELECT _seq, posted_at FROM ledger_entries) USING (_seq)
            WHERE account = 'available'
        ), asked AS (
            SELECT member_id, redemption_id, code, a.points, answered_at,
                coalesce(sum(m.points) FILTER (m.posted_at < answered_at), 0) AS available
            FROM redemption_answers AS a LEFT JOIN moved AS m USING (member_id)
            WHERE request = 'redeem' AND code IN ('ok', 'insufficient_points')
                AND NOT starts_with(member_id, 'erased.')
            GROUP BY ALL
        )
        FROM asked WHERE (code = 'ok') <> (available >= points)
        """,
    ),
    Check(
        "redemptions_are_paid",
        "what a member redeemed is what the captured redemptions cost; what is held, what the "
        "open ones do",
        "SELECT count(*) FROM redemptions",
        f"""
        WITH folded AS (
            SELECT member_id, coalesce(sum(points) FILTER (account = 'redeemed'), 0) AS redeemed,
                coalesce(sum(points) FILTER (account = 'held'), 0) AS held
            FROM ({MOVES}) GROUP BY ALL
        ), asked AS (
            SELECT member_id, coalesce(sum(points) FILTER (status = 'captured'), 0) AS redeemed,
                coalesce(sum(points) FILTER (status = 'held'), 0) AS held
            FROM redemptions GROUP BY ALL
        )
        SELECT member_id, f.redeemed, a.redeemed AS captured, f.held, a.held AS open
        FROM folded AS f FULL JOIN asked AS a USING (member_id)
        WHERE NOT starts_with(member_id, 'erased.')
            AND (coalesce(f.redeemed, 0), coalesce(f.held, 0))
                <> (coalesce(a.redeemed, 0), coalesce(a.held, 0))
        """,
    ),
)
