"""Views about messages: what went out, what came of it, and what didn't go out and why."""

from typing import Final

from sinks.duckdb.schema import View

SUPPRESSED_BY_REASON: Final = View(
    "suppressed_by_reason",
    "Messages that were not sent, and why.",
    {
        "reason": "why, a stable code",
        "journey": "the journey that proposed it",
        "channel": "the channel concerned",
        "decisions": "how often",
        "members": "members concerned",
        "first_at": "first time, UTC",
        "last_at": "last time, UTC",
    },
    """
    SELECT reason, journey, channel, count(*) AS decisions,
           count(DISTINCT member_id) AS members,
           min(decided_at) AS first_at, max(decided_at) AS last_at
    FROM decisions WHERE outcome = 'suppressed'
    GROUP BY reason, journey, channel
    """,
)

CHANNEL_PERFORMANCE: Final = View(
    "channel_performance",
    "What was sent or shown on each channel and what people did with it. A message counts once "
    "in each column.",
    {
        "channel": "where",
        "journey": "the journey that proposed it",
        "purpose": "transactional, service or marketing",
        "messages": "sent or shown",
        "withdrawn": "of these, withdrawn or hidden later",
        "delivered": "reported as delivered or shown by the channel",
        "opened": "opened",
        "clicked": "clicked",
        "dismissed": "dismissed",
        "failed": "failed",
        "unsubscribed": "ended with an unsubscription",
        "click_rate": "clicked of delivered; null: none was delivered",
    },
    """
    WITH messages AS (
        SELECT trigger_id, any_value(channel) AS channel, any_value(journey) AS journey,
               any_value(purpose) AS purpose,
               bool_or(action IN ('withdraw', 'hide')) AS withdrawn
        FROM triggers GROUP BY trigger_id HAVING bool_or(action IN ('send', 'show'))
    ), reports AS (
        SELECT trigger_id, list(DISTINCT state) AS states FROM deliveries GROUP BY trigger_id
    )
    SELECT channel, journey, purpose, count(*) AS messages,
           count(*) FILTER (withdrawn) AS withdrawn,
           count(*) FILTER (list_has_any(states, ['delivered', 'shown'])) AS delivered,
           count(*) FILTER (list_contains(states, 'opened')) AS opened,
           count(*) FILTER (list_contains(states, 'clicked')) AS clicked,
           count(*) FILTER (list_contains(states, 'dismissed')) AS dismissed,
           count(*) FILTER (list_contains(states, 'failed')) AS failed,
           count(*) FILTER (list_contains(states, 'unsubscribed')) AS unsubscribed,
           count(*) FILTER (list_contains(states, 'clicked')) / nullif(
               count(*) FILTER (list_has_any(states, ['delivered', 'shown'])), 0) AS click_rate
    FROM messages LEFT JOIN reports USING (trigger_id)
    GROUP BY channel, journey, purpose
    """,
)

JOURNEY_FUNNEL: Final = View(
    "journey_funnel",
    "How far members get in each journey.",
    {
        "journey": "which",
        "entered": "passages begun",
        "members": "members who ever entered",
        "messages": "messages sent or shown",
        "suppressed": "messages decided against",
        "goal_met": "passages that ended with the goal",
        "exited": "passages that left early, for any other reason than completion",
        "completed": "passages that ended after the last step without the goal",
        "active": "passages still going on",
        "goal_rate": "goal_met of those that ended; null: none ended",
    },
    """
    WITH sent AS (
        SELECT journey, count(DISTINCT trigger_id) AS messages
        FROM triggers WHERE action IN ('send', 'show') GROUP BY journey
    ), unsent AS (
        SELECT journey, count(*) AS suppressed
        FROM decisions WHERE outcome = 'suppressed' GROUP BY journey
    ), passages AS (
        SELECT journey, count(*) AS entered, count(DISTINCT member_id) AS members,
               count(*) FILTER (left_because = 'goal_met') AS goal_met,
               count(*) FILTER (state = 'left'
                   AND left_because NOT IN ('goal_met', 'completed')) AS exited,
               count(*) FILTER (left_because = 'completed') AS completed,
               count(*) FILTER (state = 'active') AS active
        FROM journeys GROUP BY journey
    )
    SELECT journey, entered, members, coalesce(messages, 0) AS messages,
           coalesce(suppressed, 0) AS suppressed, goal_met, exited, completed, active,
           goal_met / nullif(entered - active, 0) AS goal_rate
    FROM passages LEFT JOIN sent USING (journey) LEFT JOIN unsent USING (journey)
    """,
)
