"""Tables of the comparison about messages."""

from typing import Final

from scripts.simulate.compared_table import BOTH, ComparedTable

TRIGGER_DIFFERENCES: Final = ComparedTable(
    "trigger_differences",
    "What channel systems would have been told, by journey, step, channel and action.",
    {
        "journey": "the journey that proposed it",
        "step": "its step",
        "channel": "where",
        "action": "send, show, withdraw or hide",
        **BOTH,
        "in_both": "the same trigger_id and action in both",
        "only_baseline": "of members, steps and moments that the alternative doesn't write to",
        "only_alternative": "of members, steps and moments that nobody was written to",
    },
    """
    WITH each AS (
        SELECT journey, step, channel, action, trigger_id, member_id,
               bool_or(side = 'baseline') AS b, bool_or(side = 'alternative') AS a
        FROM both_triggers GROUP BY ALL
    )
    SELECT journey, step, channel, action, count(*) FILTER (b) AS baseline,
           count(*) FILTER (a) AS alternative, alternative - baseline AS difference,
           count(*) FILTER (a AND b) AS in_both, count(*) FILTER (NOT a) AS only_baseline,
           count(*) FILTER (NOT b) AS only_alternative
    FROM each GROUP BY ALL ORDER BY ALL
    """,
)

SUPPRESSED_DIFFERENCES: Final = ComparedTable(
    "suppressed_differences",
    "Messages that were not sent, and why.",
    {
        "reason": "why, a stable code",
        "journey": "the journey that proposed it",
        "channel": "the channel concerned",
        **BOTH,
    },
    """
    SELECT reason, journey, channel,
           coalesce(sum(decisions) FILTER (side = 'baseline'), 0)::BIGINT AS baseline,
           coalesce(sum(decisions) FILTER (side = 'alternative'), 0)::BIGINT AS alternative,
           alternative - baseline AS difference
    FROM both_suppressed_by_reason GROUP BY ALL ORDER BY ALL
    """,
)

JOURNEY_DIFFERENCES: Final = ComparedTable(
    "journey_differences",
    "Passages of members through each journey.",
    {
        "journey": "which",
        "passages": "entered, goal_met, exited, completed or active: how they stand",
        **BOTH,
    },
    """
    SELECT journey, passages,
           coalesce(sum(counted) FILTER (side = 'baseline'), 0)::BIGINT AS baseline,
           coalesce(sum(counted) FILTER (side = 'alternative'), 0)::BIGINT AS alternative,
           alternative - baseline AS difference
    FROM (UNPIVOT both_journey_funnel ON entered, goal_met, exited, completed, active
          INTO NAME passages VALUE counted)
    GROUP BY ALL ORDER BY ALL
    """,
)

MESSAGE_TABLES: Final = (
    TRIGGER_DIFFERENCES,
    SUPPRESSED_DIFFERENCES,
    JOURNEY_DIFFERENCES,
)
