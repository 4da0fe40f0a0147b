"""The auditor's questions about messages: allowed, not too many, not at night, and explained.

Comes in: the tables that `scripts.audit_tables` makes, `consents` and `time_zones` from the raw
profile events among them, and the policy of `config/conversation.yaml`.
"""

from typing import Any, Final

from scripts.audit_check import Check

INTERRUPTING: Final = "('push', 'email', 'sms')"
GUEST: Final = "member_id LIKE 'guest:%'"
SENDS: Final = f"""
    SELECT t.*, timezone(coalesce(z.time_zone, 'America/New_York'),
        timezone('UTC', t.decided_at)) AS wall
    FROM triggers AS t LEFT JOIN LATERAL (
        SELECT arg_max(time_zone, occurred_at) AS time_zone FROM time_zones AS z
        WHERE z.person = t.member_id AND z.received_at <= epoch_ms(t.decided_at)) AS z ON true
    WHERE t.action = 'send' AND t.channel IN {INTERRUPTING}
"""
"""What interrupts people, with the time on the wall where the member lives."""

MESSAGES: Final = (
    Check(
        "marketing_has_consent",
        "a marketing message goes out only if the member's last word on this channel and purpose, "
        "as known then, was yes; and it names that word",
        f"SELECT count(*) FROM sends WHERE purpose = 'marketing' AND channel IN {INTERRUPTING} "
        f"AND NOT {GUEST}",
        f"""
        SELECT s.trigger_id, s.member_id, s.channel, s.decided_at, s.consent, c.word
        FROM sends AS s LEFT JOIN LATERAL (
            SELECT arg_max({{'granted': c.granted, 'event': c.source || '/' || c.event_id}},
                (c.occurred_at, NOT c.granted)) AS word
            FROM consents AS c
            WHERE c.person = s.member_id AND c.channel = s.channel AND c.purpose = s.purpose
                AND c.received_at <= epoch_ms(s.decided_at)) AS c ON true
        WHERE s.purpose = 'marketing' AND NOT {GUEST}
            AND (c.word.granted IS DISTINCT FROM true
                OR s.consent IS DISTINCT FROM 'opt_in:' || c.word.event)
        """,
    ),
    Check(
        "guests_have_subscribed",
        "marketing to somebody who is no member names their subscription, which was known then; "
        "a guest is one address, and an address one guest",
        f"SELECT count(*) FROM sends WHERE purpose = 'marketing' AND {GUEST}",
        f"""
        WITH said AS (
            SELECT DISTINCT ON (source, event_id) 'opt_in:' || source || '/' || event_id AS word,
                address, received_at
            FROM records WHERE type = 'subscribed' ORDER BY source, event_id, received_at
        ), named AS (
            SELECT trigger_id, member_id, address, received_at, decided_at
            FROM sends LEFT JOIN said ON word = consent
            WHERE purpose = 'marketing' AND {GUEST}
        )
        SELECT trigger_id, member_id, 'no subscription' AS what FROM named
        WHERE address IS NULL OR received_at > epoch_ms(decided_at)
        UNION ALL
        SELECT NULL, member_id, 'two addresses' FROM named
        GROUP BY ALL HAVING count(DISTINCT address) > 1
        UNION ALL
        SELECT NULL, address, 'two guests' FROM named
        GROUP BY ALL HAVING count(DISTINCT member_id) > 1
        """,
    ),
    Check(
        "a_trigger_is_one_message",
        "a trigger id stands for one row; a withdrawal names a message that went out before it to "
        "the same member on the same channel, and no message is withdrawn twice",
        "SELECT count(*) FROM triggers",
        """
        SELECT trigger_id, NULL AS withdraws, count(*) AS times FROM triggers
        GROUP BY ALL HAVING times > 1
        UNION ALL
        SELECT w.trigger_id, w.data->>'withdraws', count(s.trigger_id)
        FROM triggers AS w LEFT JOIN triggers AS s ON s.trigger_id = (w.data->>'withdraws')
            AND s.action = CASE w.action WHEN 'hide' THEN 'show' ELSE 'send' END
            AND s.decided_at <= w.decided_at AND (s.member_id, s.channel, s.entry_id, s.step)
                = (w.member_id, w.channel, w.entry_id, w.step)
        WHERE w.action IN ('withdraw', 'hide') GROUP BY ALL HAVING count(s.trigger_id) <> 1
        UNION ALL
        SELECT 'withdrawn twice', data->>'withdraws', count(*) FROM triggers
        WHERE action IN ('withdraw', 'hide') GROUP BY ALL HAVING count(*) > 1
        """,
    ),
    Check(
        "triggers_have_their_decision",
        "each trigger has the one decision that let it out, at the same instant, and the reverse",
        "SELECT count(*) FROM triggers",
        """
        SELECT coalesce(t.trigger_id, d.trigger_id) AS trigger_id, t.action, d.outcome, d.reason
        FROM triggers AS t FULL JOIN (FROM decisions WHERE trigger_id IS NOT NULL) AS d
            ON d.trigger_id = t.trigger_id
        WHERE t.trigger_id IS NULL OR d.trigger_id IS NULL
            OR (t.member_id, t.channel, t.decided_at, t.entry_id, t.journey, t.step)
                IS DISTINCT FROM
                (d.member_id, d.channel, d.decided_at, d.entry_id, d.journey, d.step)
            OR d.outcome <> CASE t.action WHEN 'send' THEN 'sent' WHEN 'show' THEN 'shown'
                ELSE 'withdrawn' END
        UNION ALL
        SELECT trigger_id, 'decided twice', NULL, NULL FROM decisions
        WHERE trigger_id IS NOT NULL GROUP BY ALL HAVING count(*) > 1
        UNION ALL
        SELECT decision_id, 'decision_id twice', NULL, NULL FROM decisions
        GROUP BY ALL HAVING count(*) > 1
        UNION ALL
        SELECT decision_id, 'sent without a trigger', outcome, reason FROM decisions
        WHERE outcome IN ('sent', 'shown') AND trigger_id IS NULL
        """,
    ),
    Check(
        "one_end_for_a_candidate",
        "a candidate goes out at most once on one of its channels, and what was queued is decided "
        "once its quiet hours are over",
        f"SELECT count(*) FROM (SELECT DISTINCT entry_id, step FROM decisions WHERE channel IN "
        f"{INTERRUPTING})",
        f"""
        SELECT member_id, journey, step, entry_id, 'sent twice' AS what
        FROM decisions WHERE outcome = 'sent' AND channel IN {INTERRUPTING}
        GROUP BY ALL HAVING count(*) > 1
        UNION ALL
        SELECT q.member_id, q.journey, q.step, q.entry_id, 'queued for ever'
        FROM decisions AS q ANTI JOIN decisions AS d ON d.entry_id = q.entry_id AND d.step = q.step
            AND d.decided_at > q.decided_at AND d.outcome <> 'queued'
        WHERE q.outcome = 'queued' AND (q.inputs->>'until')::BIGINT
            < (SELECT ends_at FROM clock)
        UNION ALL
        SELECT member_id, any_value(journey), any_value(step), any_value(entry_id),
            'two of a purpose at one instant'
        FROM sends GROUP BY member_id, purpose, decided_at HAVING count(*) > 1
        """,
    ),
    Check(
        "just_bought_is_not_advertised",
        "no cart reminder goes to somebody who bought since the cart's last change",
        "SELECT count(*) FROM sends WHERE journey = 'cart_reminder'",
        """
        WITH changes AS (
            SELECT event_owners.member_id, known_at, r.occurred_at FROM event_owners
            JOIN records AS r USING (source, event_id)
            WHERE event_owners.type IN ('cart_updated', 'checkout_started')
        ), reminders AS (
            SELECT trigger_id, s.member_id, decided_at, max(c.occurred_at) AS changed_at
            FROM sends AS s JOIN changes AS c
                ON c.member_id = s.member_id AND c.known_at <= s.decided_at
            WHERE s.journey = 'cart_reminder' GROUP BY ALL
        )
        SELECT s.trigger_id, s.member_id, s.decided_at, o.event_id
        FROM reminders AS s
        JOIN event_owners AS o ON o.member_id = s.member_id AND o.type IN ('sale', 'order_placed')
            AND o.known_at < s.decided_at
        JOIN records AS r ON r.source = o.source AND r.event_id = o.event_id
            AND r.occurred_at > s.changed_at
        """,
    ),
)


def caps(policy: dict[str, Any]) -> list[Check]:
    """A check for each cap of the policy; failed deliveries don't count."""
    checks = []
    for cap in policy["caps"]:
        chosen = ["trigger_id NOT IN (SELECT trigger_id FROM deliveries WHERE state = 'failed')"]
        for field, column in (("channels", "channel"), ("purposes", "purpose")):
            if field in cap:
                chosen.append(f"{column} IN ({', '.join(map(repr, cap[field]))})")
        counted = " AND ".join(chosen)
        if "calendar" in cap:
            wrong = f"""
                SELECT member_id, date_trunc('{cap["calendar"]}', wall) AS since, count(*) AS n
                FROM sends WHERE {counted} GROUP BY ALL HAVING n > {cap["limit"]}
                """
        else:
            wrong = f"""
                SELECT * FROM (SELECT member_id, decided_at AS until, count(*) OVER (
                    PARTITION BY member_id ORDER BY decided_at RANGE BETWEEN
                    INTERVAL {cap["hours"] * 3_600_000 - 1} MILLISECONDS PRECEDING AND CURRENT ROW
                    ) AS n FROM sends WHERE {counted}) WHERE n > {cap["limit"]}
                """
        checks.append(
            Check(
                f"cap_{cap['cap']}",
                f"never more than {cap['limit']} messages in the window of this cap",
                f"SELECT count(*) FROM sends WHERE {counted}",
                wrong,
            )
        )
    return checks


def quiet_hours(policy: dict[str, Any]) -> list[Check]:
    """A check for each window of quiet hours."""
    checks = []
    for rule in policy["quiet_hours"]:
        named = "_".join(rule["channels"])
        chosen = (
            f"channel IN ({', '.join(map(repr, rule['channels']))}) AND "
            f"purpose IN ({', '.join(map(repr, rule['purposes']))})"
        )
        since, until = (f"TIME '{rule[end]}:00'" for end in ("from", "until"))
        joined = "OR" if rule["from"] > rule["until"] else "AND"
        checks.append(
            Check(
                f"quiet_hours_{named}",
                f"nothing between {rule['from']} and {rule['until']} where the member lives",
                f"SELECT count(*) FROM sends WHERE {chosen}",
                f"SELECT trigger_id, member_id, channel, wall FROM sends WHERE {chosen} AND "
                f"(wall::TIME >= {since} {joined} wall::TIME < {until})",
            )
        )
    return checks
