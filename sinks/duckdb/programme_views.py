"""Views about the programme: what points may cost, and how members move.

Where a report would say "now", a view uses the latest moment that the warehouse has seen:
so it is a function of the tables, not of a clock. Points expire at a local midnight, so the
day before it is the last one on which they can be used, in any time zone.
"""

from typing import Final

from sinks.duckdb.schema import View

POINTS_LIABILITY: Final = View(
    "points_liability",
    "What outstanding points would cost, by tier and month of expiry: points of lots not yet "
    "spent, expired or reversed. Negative balances are debts of members and not deducted.",
    {
        "tier": "of the members who own the lots; null: not a member any more",
        "expires_in": "first day of the last month in which they can be used; null: no expiry",
        "members": "members who own such points",
        "available": "points that can be spent or are held",
        "pending": "points whose pending period hasn't ended",
        "points": "both together",
        "value": "points × parameter point_value × (1 − parameter breakage), minor units",
    },
    """
    WITH latest AS (
        SELECT greatest((SELECT max(known_at) FROM event_owners),
                        (SELECT max(posted_at) FROM ledger_entries)) AS seen_until
    )
    SELECT tier, date_trunc('month', expires_at - INTERVAL 1 DAY)::DATE AS expires_in,
           count(DISTINCT l.member_id) AS members,
           coalesce(sum(remaining) FILTER (available_at <= seen_until), 0)::BIGINT AS available,
           coalesce(sum(remaining) FILTER (available_at > seen_until), 0)::BIGINT AS pending,
           sum(remaining)::BIGINT AS points,
           sum(remaining) * (SELECT value FROM parameters WHERE name = 'point_value')
               * (1 - (SELECT value FROM parameters WHERE name = 'breakage')) AS value
    FROM lots l LEFT JOIN members m USING (member_id), latest
    WHERE remaining > 0
    GROUP BY ALL
    """,
)

TIER_MOVEMENT: Final = View(
    "tier_movement",
    "Moves between tiers by month.",
    {
        "month": "first day of the month",
        "from_tier": "the tier before",
        "tier": "the tier after",
        "reason": "why they moved",
        "members": "members who moved so",
        "moves": "how often",
    },
    """
    SELECT date_trunc('month', "at")::DATE AS month, from_tier, tier, reason,
           count(DISTINCT member_id) AS members, count(*) AS moves
    FROM tier_changes GROUP BY ALL
    """,
)

CHURN_FLOW: Final = View(
    "churn_flow",
    "Moves between bands of churn risk by month, and what moved them.",
    {
        "month": "first day of the month",
        "from_band": "the band before",
        "band": "the band after",
        "why": "purchase, time, engagement or first",
        "members": "members who moved so",
        "moves": "how often",
        "p_alive": "mean probability of being active just after the move",
    },
    """
    SELECT date_trunc('month', "at")::DATE AS month, from_band, band, why,
           count(DISTINCT member_id) AS members, count(*) AS moves, avg(p_alive) AS p_alive
    FROM churn_scores GROUP BY ALL
    """,
)
