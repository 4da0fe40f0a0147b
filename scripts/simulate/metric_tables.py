"""The comparison in one table: every figure that a programme owner asks for, side by side.

A metric is a query of (part, baseline, alternative). The part `all` is the sum of the others.
"""

from typing import Final, NamedTuple

from scripts.simulate.compared_table import BOTH, ComparedTable


class Metric(NamedTuple):
    """`unit`: points, money (minor units), share, members, messages, events, redemptions or
    passages."""

    section: str
    name: str
    unit: str
    sql: str


def _moved(movement: str, sign: str) -> str:
    return f"""
        SELECT CASE grouping(rule) WHEN 1 THEN 'all' ELSE rule END, {sign}sum(baseline),
               {sign}sum(alternative)
        FROM point_movements WHERE movement = '{movement}' GROUP BY ROLLUP (rule)
        HAVING grouping(rule) = 1 OR rule <> ''
    """


def _counted(part: str, table: str, where: str = "true", what: str = "count(*)") -> str:
    return f"""
        SELECT CASE grouping({part}) WHEN 1 THEN 'all' ELSE {part} END,
               {what} FILTER (side = 'baseline'), {what} FILTER (side = 'alternative')
        FROM {table} WHERE {where} GROUP BY ROLLUP ({part})
    """


def _summed(part: str, table: str) -> str:
    return f"""
        SELECT CASE grouping({part}) WHEN 1 THEN 'all' ELSE {part} END, sum(baseline),
               sum(alternative)
        FROM {table} GROUP BY ROLLUP ({part})
    """


_MEMBERS_POINTS: Final = """
    SELECT part, sum(points) FILTER (side = 'baseline'),
           sum(points) FILTER (side = 'alternative')
    FROM (
        SELECT side, unnest(['all', 'available', 'pending', 'held']) AS part,
               unnest([available + pending + held, available, pending, held]) AS points
        FROM both_members
    ) GROUP BY part ORDER BY list_position(['all', 'available', 'pending', 'held'], part)
"""

_BREAKAGE: Final = """
    SELECT 'expired of issued',
           -sum(baseline) FILTER (movement = 'expired')
               / nullif(sum(baseline) FILTER (movement = 'issued'), 0),
           -sum(alternative) FILTER (movement = 'expired')
               / nullif(sum(alternative) FILTER (movement = 'issued'), 0)
    FROM point_movements
"""

_LIABILITY: Final = """
    SELECT 'all', sum(value_baseline), sum(value_alternative) FROM liability_by_month
"""

_REDEMPTION_COST: Final = """
    SELECT CASE grouping(reward) WHEN 1 THEN 'all' ELSE reward END,
           getvariable('point_value') * sum(value) FILTER (side = 'baseline'),
           getvariable('point_value') * sum(value) FILTER (side = 'alternative')
    FROM outcomes WHERE status = 'captured'
    GROUP BY ROLLUP (reward)
"""

_COST: Final = """
    SELECT 'all', sum(b), sum(a) FROM (
        SELECT sum(value_baseline) AS b, sum(value_alternative) AS a FROM liability_by_month
        UNION ALL
        SELECT getvariable('point_value') * sum(value) FILTER (side = 'baseline'),
               getvariable('point_value') * sum(value) FILTER (side = 'alternative')
        FROM outcomes WHERE status = 'captured')
"""

METRICS: Final[tuple[Metric, ...]] = (
    Metric("points", "issued", "points", _moved("issued", "")),
    Metric("points", "reversed", "points", _moved("reversed", "-")),
    Metric("points", "expired", "points", _moved("expired", "-")),
    Metric("points", "redeemed", "points", _moved("redeemed", "-")),
    Metric("points", "outstanding", "points", _MEMBERS_POINTS),
    Metric("points", "breakage", "share", _BREAKAGE),
    Metric("money", "liability", "money", _LIABILITY),
    Metric("money", "redemption cost", "money", _REDEMPTION_COST),
    Metric("money", "cost in all", "money", _COST),
    Metric(
        "redemptions",
        "redemptions asked for",
        "redemptions",
        _counted("CASE status WHEN 'refused' THEN code ELSE status END", "both_redemptions"),
    ),
    Metric("members", "members by tier", "members", _counted("tier", "both_members")),
    Metric("members", "members by churn risk", "members", _counted("risk_band", "both_members")),
    Metric("tiers", "moves between tiers", "moves", _summed("reason", "tier_movements")),
    Metric(
        "messages",
        "messages by channel",
        "messages",
        _counted(
            "channel", "both_triggers", "action IN ('send', 'show')", "count(DISTINCT trigger_id)"
        ),
    ),
    Metric(
        "messages",
        "messages by journey",
        "messages",
        _counted(
            "journey", "both_triggers", "action IN ('send', 'show')", "count(DISTINCT trigger_id)"
        ),
    ),
    Metric(
        "messages",
        "messages withdrawn or hidden",
        "messages",
        _counted(
            "action",
            "both_triggers",
            "action IN ('withdraw', 'hide')",
            "count(DISTINCT trigger_id)",
        ),
    ),
    Metric(
        "messages", "messages not sent", "decisions", _summed("reason", "suppressed_differences")
    ),
    Metric(
        "messages",
        "passages through journeys",
        "passages",
        _summed("journey", "journey_differences WHERE passages = 'entered'"),
    ),
    Metric(
        "identity",
        "events with an owner",
        "events",
        _counted("type", "both_current_owners", "member_id IS NOT NULL"),
    ),
    Metric(
        "identity",
        "events with another owner",
        "events",
        "SELECT CASE grouping(change) WHEN 1 THEN 'all' ELSE change END, 0, count(*) "
        "FROM owner_differences GROUP BY ROLLUP (change)",
    ),
    Metric(
        "identity",
        "purchases with another owner",
        "purchases",
        "SELECT CASE grouping(change) WHEN 1 THEN 'all' ELSE change END, 0, count(*) "
        "FROM owner_differences WHERE purchase GROUP BY ROLLUP (change)",
    ),
    Metric("identity", "links", "links", _counted("namespace", "both_identity_links")),
    Metric(
        "identity",
        "shared identifiers",
        "identifiers",
        _counted(
            "split_part(identifier, ':', 1)",
            "both_identity_notices",
            "kind = 'shared'",
            "count(DISTINCT identifier)",
        ),
    ),
    Metric(
        "identity",
        "notices",
        "notices",
        _counted("kind", "both_identity_notices", "kind <> 'shared'"),
    ),
    Metric("identity", "guests", "guests", _counted("namespace", "both_guests")),
    Metric(
        "identity",
        "what guests did",
        "events",
        _summed("namespace", "guest_differences WHERE figure = 'events'"),
    ),
    Metric(
        "identity",
        "what guests spent",
        "money",
        _summed("namespace", "guest_differences WHERE figure = 'spend'"),
    ),
)

_UNION: Final = "\nUNION ALL\n".join(
    f"SELECT {place} AS place, '{metric.section}' AS section, '{metric.name}' AS metric, "
    f"'{metric.unit}' AS unit, part, coalesce(b, 0)::DOUBLE AS baseline, "
    f"coalesce(a, 0)::DOUBLE AS alternative FROM ({metric.sql}) AS given (part, b, a)"
    for place, metric in enumerate(METRICS)
    if metric.unit != "share"
)
_SHARES: Final = "\nUNION ALL\n".join(
    f"SELECT {place}, '{metric.section}', '{metric.name}', '{metric.unit}', part, b::DOUBLE, "
    f"a::DOUBLE FROM ({metric.sql}) AS given (part, b, a)"
    for place, metric in enumerate(METRICS)
    if metric.unit == "share"
)

METRIC_DIFFERENCES: Final = ComparedTable(
    "metric_differences",
    "Every figure of the comparison. Money is in minor units of currency.",
    {
        "place": "the order in which to read them",
        "section": "points, money, redemptions, members, tiers, messages or identity",
        "metric": "which figure",
        "part": "of it: a rule, account, tier, channel, reason …; all: all of them",
        "unit": "of the three figures; a share is from 0 to 1",
        **BOTH,
        "percent": "difference in per cent of the baseline; null: that is zero",
    },
    f"""
    SELECT row_number() OVER (ORDER BY place, part <> 'all', part) AS place, section, metric,
           coalesce(nullif(part, ''), 'none') AS part, unit, baseline, alternative,
           alternative - baseline AS difference,
           100 * difference / nullif(baseline, 0) AS percent
    FROM ({_UNION} UNION ALL {_SHARES})
    ORDER BY 1
    """,
)
