"""Views about people: whose each event is, what a member has, and all of it in one row."""

from typing import Final

from sinks.duckdb.schema import View

CURRENT_OWNERS: Final = View(
    "current_owners",
    "Each event with the last answer to whose it is. Retractions and earlier answers are in "
    "event_owners.",
    {
        "source": "the stream the event came on",
        "event_id": "unique within the source",
        "type": "the event's type",
        "member_id": "the member now; null: a guest's, nobody's or taken back",
        "rung": "the rung of the ladder that answered",
        "reason": "how the answer was found",
        "known_at": "when this answer was given, UTC",
    },
    """
    SELECT source, event_id, type, CASE WHEN stands THEN member_id END AS member_id,
           CASE WHEN stands THEN answer.rung ELSE rung END AS rung,
           CASE WHEN stands THEN answer.reason ELSE 'retracted' END AS reason, known_at
    FROM (
        SELECT source, event_id, member_id, any_value(type) AS type, any_value(rung) AS rung,
               sum(CASE reason WHEN 'retracted' THEN -1 ELSE 1 END) > 0 AS stands,
               max_by({'rung': rung, 'reason': reason}, known_at)
                   FILTER (reason <> 'retracted') AS answer,
               max(known_at) AS known_at
        FROM event_owners GROUP BY source, event_id, member_id
    )
    QUALIFY row_number() OVER (
        PARTITION BY source, event_id ORDER BY stands DESC, known_at DESC
    ) = 1
    """,
)

ACCOUNT_BALANCES: Final = View(
    "account_balances",
    "Each member's points by account, folded from the ledger: credits less debits. All accounts "
    "of a member sum to zero; issued is negative.",
    {
        "member_id": "whose points",
        "account": "the account of the ledger",
        "points": "credits less debits",
        "entries": "ledger entries that touched the account",
    },
    """
    SELECT member_id, account, sum(moved)::BIGINT AS points, count(*) AS entries
    FROM (
        SELECT member_id, credit AS account, points AS moved FROM ledger_entries
        UNION ALL
        SELECT member_id, debit, -points FROM ledger_entries
    )
    GROUP BY member_id, account
    """,
)

MEMBER_360: Final = View(
    "member_360",
    "All there is to know of a member in one row: balance, tier, risk, next expiry, last "
    "purchase, open journeys, last message and last message that was not sent. Accounts that were "
    "merged into another or erased are nobody's and left out.",
    {
        "member_id": "who",
        "market": "country or brand",
        "tier": "now",
        "available": "points that can be spent; negative: a debt",
        "pending": "points that become available later",
        "held": "points reserved for redemptions",
        "qualifying": "what counts for the tier in this period",
        "points_earned": "ever, reversals not deducted",
        "points_redeemed": "ever",
        "next_expiry_at": "when points expire next, UTC; null: none will",
        "next_expiry_points": "how many expire then",
        "risk_band": "of churn",
        "p_alive": "probability of being an active customer",
        "expected_value": "spend expected in the horizon, minor units",
        "segment": "recency, frequency, money",
        "purchases": "sales and orders attributed to the member",
        "last_purchase_at": "when the last of them became known, UTC",
        "identifiers": "identifiers that the member owns directly now",
        "open_journeys": "names of the journeys that the member is in",
        "open_cases": "support cases open now",
        "preferred_channel": "as the member chose",
        "messages": "triggers ever sent or shown",
        "last_message_at": "when the last of them was decided, UTC",
        "last_message": "its journey, step and channel",
        "last_suppressed": "the last message that was not sent: journey, channel and why",
        "last_seen_at": "last event, UTC",
        "enrolled_at": "UTC; null: never enrolled explicitly",
    },
    """
    WITH accounts AS (
        SELECT member_id,
               -sum(points) FILTER (account = 'issued') AS points_earned,
               sum(points) FILTER (account = 'redeemed') AS points_redeemed
        FROM account_balances GROUP BY member_id
    ), next_expiry AS (
        SELECT member_id, expires_at, sum(remaining) AS points
        FROM lots WHERE remaining > 0 AND expires_at IS NOT NULL
        GROUP BY member_id, expires_at
        QUALIFY row_number() OVER (PARTITION BY member_id ORDER BY expires_at) = 1
    ), bought AS (
        SELECT member_id, count(*) AS purchases, max(known_at) AS last_purchase_at
        FROM current_owners
        WHERE type IN ('sale', 'order_placed') AND member_id IS NOT NULL
        GROUP BY member_id
    ), known_by AS (
        SELECT owner, count(DISTINCT (namespace, value)) AS identifiers
        FROM identity_links WHERE until_at IS NULL GROUP BY owner
    ), travelling AS (
        SELECT member_id, list(DISTINCT journey ORDER BY journey) AS open_journeys
        FROM journeys WHERE state = 'active' GROUP BY member_id
    ), told AS (
        SELECT member_id, count(DISTINCT trigger_id) AS messages,
               max(decided_at) AS last_message_at,
               max_by(journey || ' / ' || step || ' on ' || channel, (decided_at, trigger_id))
                   AS last_message
        FROM triggers WHERE action IN ('send', 'show') GROUP BY member_id
    ), untold AS (
        SELECT member_id,
               max_by(journey || ' on ' || channel || ': ' || reason, (decided_at, decision_id))
                   AS last_suppressed
        FROM decisions WHERE outcome = 'suppressed' GROUP BY member_id
    )
    SELECT m.member_id, m.market, m.tier, m.available, m.pending, m.held, m.qualifying,
           coalesce(a.points_earned, 0)::BIGINT AS points_earned,
           coalesce(a.points_redeemed, 0)::BIGINT AS points_redeemed,
           e.expires_at AS next_expiry_at, e.points::BIGINT AS next_expiry_points,
           m.risk_band, m.p_alive, m.expected_value, m.segment,
           coalesce(b.purchases, 0) AS purchases, b.last_purchase_at,
           coalesce(k.identifiers, 0) AS identifiers,
           coalesce(j.open_journeys, []) AS open_journeys,
           m.open_cases, m.preferred_channel,
           coalesce(t.messages, 0) AS messages, t.last_message_at, t.last_message,
           u.last_suppressed, m.last_seen_at, m.enrolled_at
    FROM members m
    LEFT JOIN accounts a USING (member_id)
    LEFT JOIN next_expiry e USING (member_id)
    LEFT JOIN bought b USING (member_id)
    LEFT JOIN known_by k ON k.owner = 'member_id:' || m.member_id
    LEFT JOIN travelling j USING (member_id)
    LEFT JOIN told t USING (member_id)
    LEFT JOIN untold u USING (member_id)
    WHERE m.closed IS NULL
    """,
)

ATTRIBUTION: Final = View(
    "attribution",
    "How events found their owner: the last answer to each event, counted by type and reason.",
    {
        "type": "the events' type",
        "reason": "how the owner was found, or why there is none",
        "events": "how many",
        "members": "members they went to",
        "share": "of all events of the type",
    },
    """
    SELECT type, reason, count(*) AS events, count(DISTINCT member_id) AS members,
           count(*) / sum(count(*)) OVER (PARTITION BY type) AS share
    FROM current_owners GROUP BY type, reason
    """,
)
