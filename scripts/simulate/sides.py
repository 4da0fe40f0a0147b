"""Temporary views that the comparison's queries share: both warehouses as one, by `side`.

`outcomes` values what members got: a reward is worth the points that it costs today, whatever it
costs in the alternative, because its price in points doesn't change what the shop gives away.
"""

from typing import Final

OUTSIDE: Final = "('issued', 'reversed', 'expired', 'redeemed', 'transferred')"
"""Accounts that aren't the member's own; what moves in or out of them changes what a member has."""

_BOTH: Final = """
    CREATE TEMP VIEW both_{name} AS
    SELECT 'baseline' AS side, {columns} FROM baseline.{name}
    UNION ALL BY NAME
    SELECT 'alternative' AS side, {columns} FROM alternative.{name}
"""

SIDES: Final[tuple[str, ...]] = (
    *(
        _BOTH.format(name=name, columns=columns)
        for name, columns in {
            "ledger_entries": "member_id, debit, credit, points, rule, posted_at",
            "lots": "member_id, remaining, expires_at",
            "members": "member_id, market, tier, available, pending, held, risk_band, segment",
            "redemptions": "redemption_id, member_id, reward_id, points, status, code",
            "tier_changes": "member_id, tier, from_tier, reason",
            "triggers": "trigger_id, member_id, journey, step, channel, action",
            "deliveries": "trigger_id, member_id, channel, state",
            "current_owners": "source, event_id, type, member_id, rung, reason",
            "suppressed_by_reason": "reason, journey, channel, decisions",
            "journey_funnel": "journey, entered, goal_met, exited, completed, active",
            "guests": "guest_id, namespace, events, spend",
            "identity_links": "namespace, value, owner, from_at, until_at, reason, event_id",
            "identity_notices": "kind, identifier",
        }.items()
    ),
    f"""
    CREATE TEMP TABLE movements AS
    SELECT side, member_id, posted_at, account AS movement, coalesce(rule, '') AS rule,
           sum(effect)::BIGINT AS points
    FROM (
        SELECT side, member_id, posted_at, debit AS account, rule, points AS effect
        FROM both_ledger_entries WHERE debit IN {OUTSIDE}
        UNION ALL
        SELECT side, member_id, posted_at, credit, rule, -points
        FROM both_ledger_entries WHERE credit IN {OUTSIDE}
    )
    GROUP BY ALL
    """,
    """
    CREATE TEMP TABLE outcomes AS
    WITH price AS (
        SELECT redemption_id, max(points) AS points FROM baseline.redemptions GROUP BY ALL
    )
    SELECT r.side, r.redemption_id, r.member_id, r.status,
           coalesce(r.reward_id, 'points') AS reward,
           coalesce(nullif(own.points, 0), nullif(price.points, 0), r.points) AS value
    FROM both_redemptions r
    LEFT JOIN baseline.redemptions own USING (redemption_id, member_id)
    LEFT JOIN price USING (redemption_id)
    """,
)
"""In an order in which each can be made."""
