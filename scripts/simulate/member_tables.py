"""Tables of the comparison about members: who is better or worse off, in which group, and why."""

from typing import Final

from scripts.simulate.compared_table import BOTH, ComparedTable

MEMBER_MOVEMENTS: Final = ComparedTable(
    "member_movements",
    "Of each member whose points differ, what made the difference. The differences of a member's "
    "rows add up to points_difference in member_differences.",
    {
        "member_id": "whose points",
        "movement": "issued, reversed, expired, redeemed or transferred",
        "rule": "the earn rule, reward or policy; empty: none",
        **BOTH,
    },
    """
    SELECT member_id, movement, rule,
           coalesce(sum(points) FILTER (side = 'baseline'), 0)::BIGINT AS baseline,
           coalesce(sum(points) FILTER (side = 'alternative'), 0)::BIGINT AS alternative,
           alternative - baseline AS difference
    FROM movements GROUP BY ALL HAVING difference <> 0 ORDER BY ALL
    """,
)

MEMBER_DIFFERENCES: Final = ComparedTable(
    "member_differences",
    "Every member under both configurations, and whether they are better or worse off.",
    {
        "member_id": "who",
        "market": "country or brand",
        "segment": "recency, frequency, money in the baseline; none: never bought; new: no member "
        "in the baseline",
        "tier_baseline": "the tier at the end by the current configuration",
        "tier_alternative": "the tier at the end by the other configuration",
        "tier_outcome": "same, up, down; other: the ladders can't be compared",
        "points_baseline": "available, pending and held by the current configuration",
        "points_alternative": "available, pending and held by the other configuration",
        "points_difference": "alternative less baseline",
        "rewards_baseline": "what was redeemed, in points at today's prices, by the current "
        "configuration",
        "rewards_alternative": "the same, at today's prices too, by the other configuration",
        "worth_difference": "points and rewards, alternative less baseline",
        "would_be_refused": "redemptions that history accepted and the alternative refuses",
        "would_be_accepted": "redemptions that history refused and the alternative accepts",
        "outcome": "better, worse or same: by worth_difference, else by tier_outcome, else by "
        "redemptions refused or accepted",
        "reason": "what made worth_difference, the greatest first; a reward counts with what it "
        "is worth less what it took",
    },
    """
    WITH rewards AS (
        SELECT side, member_id, sum(value)::BIGINT AS value
        FROM outcomes WHERE status = 'captured' GROUP BY ALL
    ), answers AS (
        SELECT member_id, count(*) FILTER (outcome = 'would_be_refused') AS refused,
               count(*) FILTER (outcome = 'would_be_accepted') AS accepted
        FROM redemption_differences GROUP BY ALL
    ), reasons AS (
        SELECT member_id, string_agg(
                   CASE WHEN movement = 'issued' THEN rule
                        WHEN rule = '' THEN movement ELSE movement || ' ' || rule END
                   || ' ' || format('{:+d}', difference), ', '
                   ORDER BY abs(difference) DESC, movement, rule) AS reason
        FROM (
            SELECT member_id, movement, rule, sum(difference)::BIGINT AS difference
            FROM (
                SELECT member_id, movement, rule, difference FROM member_movements
                UNION ALL
                SELECT member_id, 'redeemed', reward, CASE side WHEN 'alternative' THEN value
                                                      ELSE -value END
                FROM outcomes WHERE status = 'captured'
            )
            GROUP BY ALL HAVING sum(difference) <> 0
        )
        GROUP BY ALL
    ), sides AS (
        SELECT member_id, coalesce(b.market, a.market) AS market,
               CASE WHEN b.member_id IS NULL THEN 'new' ELSE coalesce(nullif(b.segment, ''), 'none')
               END AS segment,
               b.tier AS tier_baseline, a.tier AS tier_alternative,
               coalesce(b.available + b.pending + b.held, 0) AS points_baseline,
               coalesce(a.available + a.pending + a.held, 0) AS points_alternative
        FROM baseline.members b FULL JOIN alternative.members a USING (member_id)
    ), ranked AS (
        SELECT s.*,
               CASE WHEN tier_baseline IS NOT DISTINCT FROM tier_alternative THEN 'same'
                    WHEN tier_baseline IS NULL OR tier_alternative IS NULL THEN 'other'
                    WHEN ab.rank IS NOT NULL AND aa.rank IS NOT NULL
                        THEN CASE WHEN aa.rank > ab.rank THEN 'up' ELSE 'down' END
                    WHEN bb.rank IS NOT NULL AND ba.rank IS NOT NULL
                        THEN CASE WHEN ba.rank > bb.rank THEN 'up' ELSE 'down' END
                    ELSE 'other' END AS tier_outcome
        FROM sides s
        LEFT JOIN tier_ranks bb ON bb.side = 'baseline' AND bb.market = s.market
            AND bb.tier = tier_baseline
        LEFT JOIN tier_ranks ba ON ba.side = 'baseline' AND ba.market = s.market
            AND ba.tier = tier_alternative
        LEFT JOIN tier_ranks ab ON ab.side = 'alternative' AND ab.market = s.market
            AND ab.tier = tier_baseline
        LEFT JOIN tier_ranks aa ON aa.side = 'alternative' AND aa.market = s.market
            AND aa.tier = tier_alternative
    )
    SELECT member_id, market, segment, tier_baseline, tier_alternative, tier_outcome,
           points_baseline, points_alternative,
           points_alternative - points_baseline AS points_difference,
           coalesce(rb.value, 0) AS rewards_baseline, coalesce(ra.value, 0) AS rewards_alternative,
           points_difference + rewards_alternative - rewards_baseline AS worth_difference,
           coalesce(refused, 0) AS would_be_refused, coalesce(accepted, 0) AS would_be_accepted,
           CASE WHEN worth_difference > 0 THEN 'better' WHEN worth_difference < 0 THEN 'worse'
                WHEN tier_outcome = 'up' THEN 'better' WHEN tier_outcome = 'down' THEN 'worse'
                WHEN coalesce(accepted, 0) > coalesce(refused, 0) THEN 'better'
                WHEN coalesce(accepted, 0) < coalesce(refused, 0) THEN 'worse'
                ELSE 'same' END AS outcome,
           coalesce(reason, '') AS reason
    FROM ranked
    LEFT JOIN (FROM rewards WHERE side = 'baseline') rb USING (member_id)
    LEFT JOIN (FROM rewards WHERE side = 'alternative') ra USING (member_id)
    LEFT JOIN answers USING (member_id) LEFT JOIN reasons USING (member_id)
    ORDER BY member_id
    """,
)

GROUP_DIFFERENCES: Final = ComparedTable(
    "group_differences",
    "Members better and worse off, by segment and by tier in the baseline. Each dimension holds "
    "every member once.",
    {
        "dimension": "segment, tier or market",
        "of_members": "the group; none: never bought; new: no member in the baseline",
        "members": "in the group",
        "better": "better off under the alternative",
        "worse": "worse off",
        "same": "neither",
        "tier_up": "in a higher tier at the end",
        "tier_down": "in a lower tier at the end",
        "points_baseline": "available, pending and held by the current configuration",
        "points_alternative": "available, pending and held by the other configuration",
        "worth_difference": "points and rewards, alternative less baseline",
        "worth_a_member": "the same, mean of the group",
    },
    """
    SELECT dimension, of_members, count(*) AS members,
           count(*) FILTER (outcome = 'better') AS better,
           count(*) FILTER (outcome = 'worse') AS worse,
           count(*) FILTER (outcome = 'same') AS same,
           count(*) FILTER (tier_outcome = 'up') AS tier_up,
           count(*) FILTER (tier_outcome = 'down') AS tier_down,
           sum(points_baseline)::BIGINT AS points_baseline,
           sum(points_alternative)::BIGINT AS points_alternative,
           sum(worth_difference)::BIGINT AS worth_difference,
           avg(worth_difference) AS worth_a_member
    FROM (
        SELECT *, unnest(['segment', 'tier', 'market']) AS dimension,
               unnest([segment, coalesce(nullif(tier_baseline, ''), 'none'), market]) AS of_members
        FROM member_differences
    )
    GROUP BY dimension, of_members
    ORDER BY list_position(['segment', 'tier', 'market'], dimension), members DESC, of_members
    """,
)

TIER_MATRIX: Final = ComparedTable(
    "tier_matrix",
    "Members by their tier at the end under both configurations.",
    {
        "tier_baseline": "by the current configuration; null: no member",
        "tier_alternative": "by the other configuration; null: no member",
        "members": "in these two tiers",
    },
    """
    SELECT tier_baseline, tier_alternative, count(*) AS members
    FROM member_differences GROUP BY ALL ORDER BY ALL
    """,
)

TIER_MOVEMENTS: Final = ComparedTable(
    "tier_movements",
    "Moves between tiers in the course of history, as often as they happened.",
    {
        "from_tier": "the tier before",
        "tier": "the tier after",
        "reason": "qualified, period_end, grace_end, rebooked or returned",
        **BOTH,
    },
    """
    SELECT from_tier, tier, reason,
           count(*) FILTER (side = 'baseline') AS baseline,
           count(*) FILTER (side = 'alternative') AS alternative,
           alternative - baseline AS difference
    FROM both_tier_changes GROUP BY ALL ORDER BY ALL
    """,
)

MEMBER_TABLES: Final = (
    MEMBER_MOVEMENTS,
    MEMBER_DIFFERENCES,
    GROUP_DIFFERENCES,
    TIER_MATRIX,
    TIER_MOVEMENTS,
)
"""After the tables about points, in an order in which each can be made."""
