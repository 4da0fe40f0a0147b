"""Tables of the comparison about identity: what another ladder would do to people, event by event.

In: both warehouses, and `event_details`, what stood on the events whose owner differs. An event
that moves from one member to another is the one to look at: either ladder gives it to a wrong
person.
"""

from typing import Final

from scripts.simulate.compared_table import BOTH, ComparedTable

EVENT_DETAILS: Final = """
    CREATE TEMP TABLE event_details (
        source VARCHAR, event_id VARCHAR, occurred_at BIGINT, amount BIGINT, identifiers VARCHAR
    )
"""

DIFFERING_EVENTS: Final = """
    SELECT source, event_id
    FROM (FROM both_current_owners WHERE side = 'baseline') b
    FULL JOIN (FROM both_current_owners WHERE side = 'alternative') a USING (source, event_id)
    WHERE b.member_id IS DISTINCT FROM a.member_id
"""

PURCHASES: Final = "('sale', 'order_placed', 'return')"

OWNER_DIFFERENCES: Final = ComparedTable(
    "owner_differences",
    "Events that belong to somebody else under the other identity ladder.",
    {
        "source": "the stream the event came on",
        "event_id": "unique within the source",
        "type": "the event's type",
        "occurred_at": "when it happened, UTC; null: it isn't in the history that was read",
        "amount": "what it moved, minor units; less than nothing: a return; 0: nothing",
        "identifiers": "what it carried; emails and phones pseudonymised, long values cut",
        "change": "another_member, to_nobody or to_member: who would have it instead",
        "member_baseline": "whose by the current configuration; null: nobody's or a guest's",
        "member_alternative": "whose by the other; null: nobody's or a guest's",
        "rung_baseline": "the rung that answered",
        "rung_alternative": "the rung that answered",
        "reason_baseline": "how that was found; null: it still waits",
        "reason_alternative": "how that was found; null: it still waits",
        "purchase": "a sale, order or return",
    },
    f"""
    SELECT source, event_id, coalesce(b.type, a.type) AS type,
           epoch_ms(d.occurred_at) AS occurred_at, coalesce(d.amount, 0) AS amount,
           coalesce(d.identifiers, '') AS identifiers,
           CASE WHEN a.member_id IS NULL THEN 'to_nobody' WHEN b.member_id IS NULL THEN 'to_member'
                ELSE 'another_member' END AS change,
           b.member_id AS member_baseline, a.member_id AS member_alternative,
           b.rung AS rung_baseline, a.rung AS rung_alternative, b.reason AS reason_baseline,
           a.reason AS reason_alternative, coalesce(b.type, a.type) IN {PURCHASES} AS purchase
    FROM (FROM both_current_owners WHERE side = 'baseline') b
    FULL JOIN (FROM both_current_owners WHERE side = 'alternative') a USING (source, event_id)
    LEFT JOIN event_details d USING (source, event_id)
    WHERE b.member_id IS DISTINCT FROM a.member_id
    ORDER BY source, event_id
    """,
)

OWNER_CHANGES: Final = ComparedTable(
    "owner_changes",
    "How many events change their owner, by what answered before and what would answer.",
    {
        "change": "another_member, to_nobody or to_member",
        "rung_baseline": "the rung that answered; null: it still waits",
        "reason_baseline": "how the owner was found",
        "rung_alternative": "the rung that would answer; null: it would still wait",
        "reason_alternative": "how the owner would be found",
        "events": "that change so",
        "purchases": "sales, orders and returns among them",
        "amount": "what these moved, minor units without sign",
        "members": "who would lose or get one of them",
    },
    """
    SELECT change, rung_baseline, reason_baseline, rung_alternative, reason_alternative,
           count(*) AS events, count(*) FILTER (purchase) AS purchases,
           coalesce(sum(abs(amount)) FILTER (purchase), 0)::BIGINT AS amount,
           len(list_distinct(array_agg(member_baseline) || array_agg(member_alternative)))
               AS members
    FROM owner_differences
    GROUP BY change, rung_baseline, reason_baseline, rung_alternative, reason_alternative
    ORDER BY list_position(['another_member', 'to_nobody', 'to_member'], change), events DESC,
             rung_baseline, rung_alternative
    """,
)

OWNER_MEMBERS: Final = ComparedTable(
    "member_owner_differences",
    "Members who would lose events or get others', and what that does to their points.",
    {
        "member_id": "who",
        "events_lost": "events that would no longer be theirs",
        "events_gained": "events that would become theirs",
        "purchases_lost": "sales, orders and returns among those lost",
        "purchases_gained": "sales, orders and returns among those gained",
        "amount_lost": "what was paid in those lost less returns, minor units",
        "amount_gained": "what was paid in those gained less returns, minor units",
        "lost_to_members": "events that would be another member's",
        "gained_from_members": "events that are another member's now",
        "points_difference": "points at the end, alternative less baseline; null: no member in one",
    },
    """
    WITH moved AS (
        SELECT member_baseline AS member_id, true AS lost, * FROM owner_differences
        WHERE member_baseline IS NOT NULL
        UNION ALL
        SELECT member_alternative, false, * FROM owner_differences
        WHERE member_alternative IS NOT NULL
    ), sums AS (
        SELECT member_id, count(*) FILTER (lost) AS events_lost,
               count(*) FILTER (NOT lost) AS events_gained,
               count(*) FILTER (lost AND purchase) AS purchases_lost,
               count(*) FILTER (NOT lost AND purchase) AS purchases_gained,
               coalesce(sum(amount) FILTER (lost AND purchase), 0)::BIGINT AS amount_lost,
               coalesce(sum(amount) FILTER (NOT lost AND purchase), 0)::BIGINT AS amount_gained,
               count(*) FILTER (lost AND change = 'another_member') AS lost_to_members,
               count(*) FILTER (NOT lost AND change = 'another_member') AS gained_from_members
        FROM moved GROUP BY ALL
    )
    SELECT sums.*, points_difference
    FROM sums LEFT JOIN member_differences USING (member_id)
    ORDER BY lost_to_members + gained_from_members DESC, purchases_lost + purchases_gained DESC,
             events_lost + events_gained DESC, member_id
    """,
)

LINK_DIFFERENCES: Final = ComparedTable(
    "link_differences",
    "Links that only one of the two ladders makes: an identifier and its owner.",
    {
        "made_by": "baseline or alternative: the only one that makes it",
        "namespace": "of the identifier",
        "value": "of the identifier; emails and phones pseudonymised",
        "owner": "the stronger identifier that owns it, namespace:value",
        "from_at": "the first time it was owned so, UTC",
        "until_at": "until when; null: still",
        "reason": "the type of the event behind it, or why it ended",
        "event_id": "the event behind it, source/event_id",
    },
    """
    WITH each AS (
        SELECT side, namespace, value, owner, min(from_at) AS from_at,
               CASE WHEN bool_or(until_at IS NULL) THEN NULL ELSE max(until_at) END AS until_at,
               arg_min(reason, from_at) AS reason, arg_min(event_id, from_at) AS event_id
        FROM both_identity_links GROUP BY ALL
    )
    SELECT any_value(side) AS made_by, namespace, value, owner, any_value(from_at) AS from_at,
           any_value(until_at) AS until_at, any_value(reason) AS reason,
           any_value(event_id) AS event_id
    FROM each GROUP BY namespace, value, owner HAVING count(*) = 1
    ORDER BY made_by, namespace, value, owner
    """,
)

NOTICE_DIFFERENCES: Final = ComparedTable(
    "notice_differences",
    "What each ladder decided not to do, by kind and namespace: shared identifiers, conflicts, "
    "duplicates.",
    {
        "kind": "conflict, shared or duplicate",
        "namespace": "of the identifier concerned",
        **BOTH,
        "only_baseline": "identifiers concerned only by the current configuration",
        "only_alternative": "identifiers concerned only by the other configuration",
    },
    """
    WITH each AS (
        SELECT kind, split_part(identifier, ':', 1) AS namespace, identifier,
               count(*) FILTER (side = 'baseline') AS b,
               count(*) FILTER (side = 'alternative') AS a
        FROM both_identity_notices GROUP BY ALL
    )
    SELECT kind, namespace, sum(b)::BIGINT AS baseline, sum(a)::BIGINT AS alternative,
           alternative - baseline AS difference, count(*) FILTER (a = 0) AS only_baseline,
           count(*) FILTER (b = 0) AS only_alternative
    FROM each GROUP BY ALL ORDER BY ALL
    """,
)

GUEST_DIFFERENCES: Final = ComparedTable(
    "guest_differences",
    "Guests by namespace: how many, what they did and what they spent.",
    {
        "namespace": "of the identifier by which they are known",
        "figure": "guests, events, or spend in minor units",
        **BOTH,
    },
    """
    SELECT namespace, figure,
           coalesce(sum(counted) FILTER (side = 'baseline'), 0)::BIGINT AS baseline,
           coalesce(sum(counted) FILTER (side = 'alternative'), 0)::BIGINT AS alternative,
           alternative - baseline AS difference
    FROM (
        SELECT side, namespace, unnest(['guests', 'events', 'spend']) AS figure,
               unnest([1, events, spend]) AS counted
        FROM both_guests
    )
    GROUP BY namespace, figure
    ORDER BY namespace, list_position(['guests', 'events', 'spend'], figure)
    """,
)

IDENTITY_TABLES: Final = (
    OWNER_DIFFERENCES,
    OWNER_CHANGES,
    OWNER_MEMBERS,
    LINK_DIFFERENCES,
    NOTICE_DIFFERENCES,
    GUEST_DIFFERENCES,
)
"""After the tables about members, in an order in which each can be made."""
