"""The auditor's questions about lots, and about tiers, which follow from what lots earned and kept.

The tables come from `scripts.audit_tables`, as in `scripts.audit_ledger`.
"""

from typing import Final

from scripts.audit_check import Check
from scripts.audit_ledger import MOVES

OPENED: Final = """
    SELECT lot_id, any_value(source) AS source, any_value(event_id) AS event_id,
        any_value(kind) AS kind
    FROM ledger_entries WHERE debit = 'issued' AND corrects IS NULL GROUP BY ALL
"""
"""The event that opened each lot, by what was issued into it, and the kind of these entries."""

LOTS: Final = (
    Check(
        "lots_are_balances",
        "pending, held and available points are what remains in a member's lots, less the debt; "
        "nobody owes while points are available, and a hold without a lot behind it owes, too",
        "SELECT count(*) FROM lots",
        """
        WITH left_over AS (SELECT member_id, sum(remaining) AS remaining FROM lots GROUP BY ALL),
        owed AS (
            SELECT member_id, remaining, pending, held, available,
                pending + held + greatest(available, 0) - coalesce(remaining, 0) AS unbacked
            FROM members LEFT JOIN left_over USING (member_id)
        )
        FROM owed WHERE unbacked NOT BETWEEN 0 AND least(held, greatest(0, -available))
        """,
    ),
    Check(
        "no_lot_gives_more_than_it_has",
        "what was redeemed and has expired out of a lot, what staff took and what remains are at "
        "most what was issued into it",
        "SELECT count(*) FROM lots",
        f"""
        WITH used AS (
            SELECT lot_id, -sum(points) FILTER (account = 'issued'
                    AND (m.source, m.event_id) = (o.source, o.event_id)) AS issued,
                coalesce(sum(points) FILTER (account IN ('redeemed', 'expired') OR (
                    account = 'issued' AND (m.source, m.event_id) <> (o.source, o.event_id))), 0)
                    AS gone
            FROM ({MOVES}) AS m JOIN ({OPENED}) AS o USING (lot_id) GROUP BY ALL
        )
        SELECT lot_id, l.member_id, issued, gone, l.remaining
        FROM lots AS l JOIN used USING (lot_id) WHERE gone + l.remaining > issued
        """,
    ),
    Check(
        "lots_hold_what_was_earned",
        "a lot's points are what was issued into it less what was reversed; never less than zero, "
        "never less than what remains",
        "SELECT count(*) FROM lots",
        f"""
        WITH folded AS (
            SELECT lot_id, -sum(points) FILTER (account = 'reversed' OR (account = 'issued'
                AND (m.source, m.event_id) = (o.source, o.event_id))) AS points
            FROM ({MOVES}) AS m JOIN ({OPENED}) AS o USING (lot_id) GROUP BY ALL
        )
        SELECT lot_id, l.member_id, l.points, l.remaining, f.points AS folded
        FROM lots AS l LEFT JOIN folded AS f USING (lot_id)
        WHERE l.points < 0 OR l.remaining < 0 OR l.remaining > l.points
            OR l.points IS DISTINCT FROM coalesce(f.points, 0)
        """,
    ),
    Check(
        "returns_take_back_no_more_than_was_earned",
        "by receipt and rule, what was reversed is at most what was issued",
        "SELECT count(*) FROM ledger_entries WHERE kind = 'reverse'",
        f"""
        SELECT lot_id, rule, -sum(points) FILTER (account = 'issued') AS issued,
            sum(points) FILTER (account = 'reversed') AS reversed
        FROM ({MOVES}) WHERE account IN ('issued', 'reversed') AND rule <> 'adjust' GROUP BY ALL
        HAVING coalesce(reversed, 0) > coalesce(issued, 0) OR coalesce(reversed, 0) < 0
        """,
    ),
    Check(
        "lots_expire_by_the_calendar",
        "a lot ends with the month in New York that is six months after it was earned, and nothing "
        "remains in it then but what is held; points from staff are available at once",
        "SELECT count(*) FROM lots",
        f"""
        SELECT lot_id, member_id, earned_at, expires_at, remaining
        FROM lots JOIN members USING (member_id) LEFT JOIN ({OPENED}) USING (lot_id)
        WHERE expires_at IS DISTINCT FROM timezone('UTC', timezone('America/New_York',
                date_trunc('month', timezone('America/New_York', timezone('UTC', earned_at)))
                    + INTERVAL 7 MONTH))
            OR available_at <> earned_at
                + CASE kind WHEN 'adjust' THEN INTERVAL 0 DAY ELSE INTERVAL 3 DAY END
            OR (remaining > 0 AND held = 0
                AND expires_at < (SELECT make_timestamp(ends_at * 1000) FROM clock))
        """,
    ),
    Check(
        "tiers_follow_points",
        "what counts for a tier is what this year's lots earned and kept, those of merged "
        "accounts included and points from staff not; nobody is below the tier that it is enough "
        "for",
        "SELECT count(*) FROM members",
        f"""
        WITH this AS (
            SELECT year(timezone('America/New_York', to_timestamp(ends_at // 1000))) AS y
            FROM clock
        ), counted AS (
            SELECT coalesce(person, member_id) AS member_id, sum(points) AS points
            FROM this, lots LEFT JOIN accounts ON account = member_id
            LEFT JOIN ({OPENED}) USING (lot_id)
            WHERE kind IS DISTINCT FROM 'adjust'
                AND year(timezone('America/New_York', timezone('UTC', earned_at))) = y
            GROUP BY ALL
        )
        SELECT member_id, m.tier, m.qualifying, c.points AS counted
        FROM members AS m LEFT JOIN counted AS c USING (member_id)
        LEFT JOIN levels AS own ON own.tier = m.tier
        WHERE m.qualifying <> coalesce(c.points, 0) OR own.points IS NULL OR EXISTS (
            FROM levels AS higher WHERE higher.points > own.points
                AND m.qualifying >= higher.points)
        """,
    ),
)
