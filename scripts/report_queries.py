"""Every figure of the report is one of these queries over the warehouse: copy one and run it.

Views and columns are described in `docs/warehouse.md`. Columns ending in `share`, `rate`,
`precision` or `recall` are fractions and shown as percentages; `spent` and `value` are minor
units of currency and shown in whole ones.
"""

from typing import Final, NamedTuple


class Figure(NamedTuple):
    """A table of the report: what it shows, how it is asked, and what to know when reading it."""

    title: str
    sql: str
    note: str = ""


STITCHING: Final = Figure(
    "Stitching against the truth, by class of event",
    """
    WITH judged AS (
        SELECT CASE WHEN type IN ('sale', 'return') OR type LIKE 'order_%' THEN 'purchase'
                    WHEN type LIKE 'case_%' OR type = 'contact_logged' THEN 'service'
                    WHEN type IN ('cart_updated', 'checkout_started') THEN 'cart'
                    WHEN source = 'profile' OR type = 'subscribed' THEN 'profile'
                    WHEN source = 'command' THEN 'command' ELSE 'browse' END AS class,
               t.person, reads_as, decidable, attributable_by,
               CASE WHEN reason <> 'unlinked' THEN coalesce(a.person, member_id) END AS owner
        FROM truth AS t LEFT JOIN current_owners USING (source, event_id, type)
        LEFT JOIN truth_accounts AS a ON account = member_id
        WHERE duplicate_of IS NULL
    )
    SELECT coalesce(class, 'all events') AS class, count(*) AS events,
           count(*) FILTER (NOT decidable) / count(*) AS undecidable_share,
           count(*) FILTER (decidable AND owner = person)
               / nullif(count(*) FILTER (decidable AND owner IS NOT NULL), 0) AS precision,
           count(*) FILTER (decidable AND attributable_by IS NOT NULL AND owner = person)
               / nullif(count(*) FILTER (decidable AND attributable_by IS NOT NULL
                                         AND person IS NOT NULL), 0) AS recall,
           count(*) FILTER (owner <> coalesce(person, '') AND owner IS DISTINCT FROM reads_as)
               AS wrong_person,
           count(*) FILTER (owner <> coalesce(person, '') AND owner = reads_as) AS misled
    FROM judged GROUP BY ROLLUP (judged.class)
    ORDER BY GROUPING(judged.class), list_position(
        ['purchase', 'profile', 'service', 'command', 'cart', 'browse'], judged.class)
    """,
    "precision, recall: of decidable events. wrong_person, misled: of all events; misled carry\n"
    "  nothing but somebody else's identifier. By case (recycled numbers, shared devices, merged\n"
    "  accounts and more): kizuna audit",
)

ATTRIBUTION: Final = Figure(
    "How events found their owner",
    """
    SELECT reason, sum(events) AS events,
           sum(events) FILTER (type IN ('sale', 'return', 'order_placed')) AS purchases,
           sum(events) / sum(sum(events)) OVER () AS share
    FROM attribution GROUP BY reason ORDER BY sum(attribution.events) DESC, reason
    """,
)

POINTS: Final = Figure(
    "Points",
    """
    WITH moved AS (SELECT account, sum(points) AS points FROM account_balances GROUP BY account)
    SELECT account, coalesce(abs(points), 0) AS points,
           coalesce(abs(points), 0) / (SELECT -points FROM moved WHERE account = 'issued') AS share
    FROM (VALUES (1, 'issued'), (2, 'pending'), (3, 'available'), (4, 'held'), (5, 'redeemed'),
                 (6, 'reversed'), (7, 'expired')) AS accounts (place, account)
    LEFT JOIN moved USING (account)
    ORDER BY place
    """,
    "issued is the sum of all others",
)

LIABILITY: Final = Figure(
    "Points liability by month of expiry",
    """
    SELECT coalesce(strftime(expires_in, '%Y-%m'), 'never') AS expires,
           sum(points) AS points, sum(value) AS value
    FROM points_liability GROUP BY expires ORDER BY expires
    """,
)

TIERS: Final = Figure(
    "Members by tier",
    """
    SELECT tier, count(*) AS members, count(*) / sum(count(*)) OVER () AS share,
           sum(available) AS available
    FROM members GROUP BY tier ORDER BY count(*) DESC, tier
    """,
)

CHURN: Final = Figure(
    "Churn bands",
    """
    SELECT risk_band AS band, count(*) AS members, count(*) / sum(count(*)) OVER () AS share,
           avg(p_alive) AS p_alive
    FROM members GROUP BY band ORDER BY avg(risk), band
    """,
)

TRIGGERS: Final = Figure(
    "Triggers by channel and journey",
    """
    PIVOT (
        SELECT journey, channel, count(DISTINCT trigger_id) AS messages
        FROM triggers WHERE action IN ('send', 'show') GROUP BY ALL
    ) ON journey USING sum(messages) GROUP BY channel ORDER BY channel
    """,
    "withdrawn ones included",
)

SUPPRESSED: Final = Figure(
    "Not sent, by reason and journey",
    """
    PIVOT (
        SELECT reason, journey, decisions FROM suppressed_by_reason
    ) ON journey USING sum(decisions) GROUP BY reason ORDER BY reason
    """,
)

QUARANTINED: Final = Figure(
    "Quarantined by reason",
    """
    SELECT reason, count(*) AS records, left(any_value(detail ORDER BY position), 56) AS example
    FROM quarantine GROUP BY reason ORDER BY records DESC, reason
    """,
)

TRY_NEXT: Final[tuple[Figure, ...]] = (
    Figure(
        "Who are the best members that we are about to lose?",
        """
        SELECT member_id, tier, available, risk_band, expected_value / 100 AS expects_to_spend,
               purchases, last_purchase_at::DATE AS last_purchase
        FROM member_360
        WHERE risk_band IN ('medium', 'high')
        ORDER BY expected_value DESC, member_id LIMIT 5
        """,
    ),
    Figure(
        "Why does a member have this balance? The last movements, each with its event",
        """
        SELECT strftime(posted_at, '%Y-%m-%d %H:%M') AS posted, kind,
               debit || ' → ' || credit AS moved, sum(points) AS points,
               count(*) AS entries, coalesce(source || '/' || event_id, 'a timer') AS cause
        FROM ledger_entries
        WHERE member_id = (SELECT member_id FROM redemptions WHERE status = 'captured'
                           ORDER BY answered_at DESC, member_id LIMIT 1)
        GROUP BY ALL ORDER BY posted DESC, moved, cause LIMIT 6
        """,
    ),
    Figure(
        "Why no SMS? The last decisions against one, for one member",
        """
        SELECT strftime(decided_at, '%Y-%m-%d %H:%M') AS decided, member_id, journey, step,
               outcome, reason
        FROM decisions
        WHERE channel = 'sms' AND outcome = 'suppressed' AND member_id = (
            SELECT max_by(member_id, (decided_at, member_id)) FROM decisions
            WHERE channel = 'sms' AND outcome = 'suppressed')
        ORDER BY decided_at DESC, decision_id LIMIT 5
        """,
    ),
)
