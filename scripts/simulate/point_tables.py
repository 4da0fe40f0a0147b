"""Tables of the comparison about points: what moved, what is owed, what was asked for."""

from typing import Final

from scripts.simulate.compared_table import BOTH, ComparedTable

POINT_MOVEMENTS: Final = ComparedTable(
    "point_movements",
    "Points by what moved them: issued by rule, reversed, expired, redeemed, transferred. Signed "
    "by what it does to what members have; corrections are settled.",
    {
        "movement": "the account on the other side: issued, reversed, expired, redeemed, "
        "transferred",
        "rule": "the earn rule, reward or policy; empty: none",
        **BOTH,
    },
    """
    SELECT movement, rule,
           coalesce(sum(points) FILTER (side = 'baseline'), 0)::BIGINT AS baseline,
           coalesce(sum(points) FILTER (side = 'alternative'), 0)::BIGINT AS alternative,
           alternative - baseline AS difference
    FROM movements GROUP BY movement, rule
    HAVING baseline <> 0 OR alternative <> 0
    ORDER BY list_position(['issued', 'reversed', 'expired', 'redeemed', 'transferred'], movement),
             rule
    """,
)

POINTS_BY_DAY: Final = ComparedTable(
    "points_by_day",
    "Points issued on each day (by posted_at, UTC), and those that members had at its end.",
    {
        "day": "UTC",
        "issued_baseline": "issued that day by the current configuration",
        "issued_alternative": "issued that day by the other configuration",
        "outstanding_baseline": "available, pending and held at the end of the day, debts "
        "deducted, by the current configuration",
        "outstanding_alternative": "the same by the other configuration",
    },
    """
    WITH by_day AS (
        SELECT posted_at::DATE AS day,
               sum(points) FILTER (side = 'baseline' AND movement = 'issued') AS issued_b,
               sum(points) FILTER (side = 'alternative' AND movement = 'issued') AS issued_a,
               sum(points) FILTER (side = 'baseline') AS moved_b,
               sum(points) FILTER (side = 'alternative') AS moved_a
        FROM movements GROUP BY ALL
    ), days AS (
        SELECT unnest(generate_series(min(day), max(day), INTERVAL 1 DAY))::DATE AS day FROM by_day
    )
    SELECT day, coalesce(issued_b, 0)::BIGINT AS issued_baseline,
           coalesce(issued_a, 0)::BIGINT AS issued_alternative,
           coalesce(sum(moved_b) OVER (ORDER BY day), 0)::BIGINT AS outstanding_baseline,
           coalesce(sum(moved_a) OVER (ORDER BY day), 0)::BIGINT AS outstanding_alternative
    FROM days LEFT JOIN by_day USING (day) ORDER BY day
    """,
)

LIABILITY_BY_MONTH: Final = ComparedTable(
    "liability_by_month",
    "What outstanding points would cost, by the last month in which they can be used. As the view "
    "points_liability: debts of members are not deducted.",
    {
        "expires_in": "first day of the month; null: they don't expire",
        "points_baseline": "points of lots not yet used, by the current configuration",
        "points_alternative": "the same by the other configuration",
        "value_baseline": "points × point_value × (1 − breakage), minor units",
        "value_alternative": "points × alternative_point_value × (1 − breakage), minor units",
        "value_difference": "alternative less baseline, minor units",
    },
    """
    SELECT date_trunc('month', expires_at - INTERVAL 1 DAY)::DATE AS expires_in,
           coalesce(sum(remaining) FILTER (side = 'baseline'), 0)::BIGINT AS points_baseline,
           coalesce(sum(remaining) FILTER (side = 'alternative'), 0)::BIGINT AS points_alternative,
           points_baseline * getvariable('point_value') * (1 - getvariable('breakage'))
               AS value_baseline,
           points_alternative * getvariable('alternative_point_value')
               * (1 - getvariable('breakage')) AS value_alternative,
           value_alternative - value_baseline AS value_difference
    FROM both_lots WHERE remaining > 0 GROUP BY ALL ORDER BY expires_in NULLS LAST
    """,
)

REDEMPTION_DIFFERENCES: Final = ComparedTable(
    "redemption_differences",
    "Every redemption that was asked for in history, and how each configuration answers it. What "
    "was asked is a fact; what was answered isn't.",
    {
        "redemption_id": "chosen by whoever asked",
        "member_id": "who asked",
        "reward_id": "from the catalogue; null: plain points",
        "requested_at": "UTC",
        "points_baseline": "asked for by the current catalogue",
        "points_alternative": "asked for by the other catalogue",
        "status_baseline": "where it stands by the current configuration; null: not this member's",
        "status_alternative": "where it stands by the other; null: not this member's",
        "code_baseline": "ok or the reason of the refusal",
        "code_alternative": "ok or the reason of the refusal",
        "outcome": "same, would_be_refused, would_be_accepted, other_price, other_end (captured in "
        "one, given back in the other), other_reason (refused by both), only_baseline, "
        "only_alternative (asked by another member: another identity ladder)",
    },
    """
    SELECT redemption_id, member_id, coalesce(b.reward_id, a.reward_id) AS reward_id,
           coalesce(b.requested_at, a.requested_at) AS requested_at,
           b.points AS points_baseline, a.points AS points_alternative,
           b.status AS status_baseline, a.status AS status_alternative,
           b.code AS code_baseline, a.code AS code_alternative,
           CASE WHEN a.status IS NULL THEN 'only_baseline'
                WHEN b.status IS NULL THEN 'only_alternative'
                WHEN b.status <> 'refused' AND a.status = 'refused' THEN 'would_be_refused'
                WHEN b.status = 'refused' AND a.status <> 'refused' THEN 'would_be_accepted'
                WHEN b.status = 'refused' AND a.code <> b.code THEN 'other_reason'
                WHEN b.status <> a.status THEN 'other_end'
                WHEN b.status <> 'refused' AND b.points <> a.points THEN 'other_price'
                ELSE 'same' END AS outcome
    FROM baseline.redemptions b
    FULL JOIN alternative.redemptions a USING (redemption_id, member_id)
    ORDER BY requested_at, redemption_id, member_id
    """,
)

POINT_TABLES: Final = (POINT_MOVEMENTS, POINTS_BY_DAY, LIABILITY_BY_MONTH, REDEMPTION_DIFFERENCES)
