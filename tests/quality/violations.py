"""What breaks each expectation of `config/expectations/`: an expectation without one fails a test.

By suite and expectation, SQL that changes the tables of a good warehouse, or of good events, so
that it must be found. One member, event or trigger is enough: expectations don't average.
"""

WAREHOUSE: dict[str, dict[str, str]] = {
    "ledger": {
        "entries_move_points": "UPDATE ledger_entries SET points = -points WHERE kind = 'activate'",
        "accounts_sum_to_zero": """
            INSERT INTO moves SELECT * REPLACE ('lost' AS account) FROM moves LIMIT 1;
            UPDATE folded SET everything = 1 WHERE member_id = (SELECT min(member_id) FROM folded)
            """,
        "balances_are_their_entries": "UPDATE members SET available = available + 1 "
        "WHERE member_id = (SELECT min(member_id) FROM members)",
        "nothing_negative_is_pending_or_held": "UPDATE members SET held = -1 "
        "WHERE member_id = (SELECT min(member_id) FROM members)",
        "entry_ids_are_unique": "INSERT INTO ledger_entries FROM ledger_entries LIMIT 1",
        "posted_once": "INSERT INTO ledger_entries SELECT * REPLACE ('again' AS entry_id) "
        "FROM ledger_entries WHERE kind = 'earn' LIMIT 1",
        "corrections_name_an_entry": "UPDATE ledger_entries SET corrects = 'nothing' "
        "WHERE entry_id = (SELECT min(entry_id) FROM ledger_entries)",
        "rebookings_name_their_event": "UPDATE ledger_entries SET because_of = 'pos/nothing' "
        "WHERE entry_id = (SELECT min(entry_id) FROM ledger_entries)",
        "entries_have_their_event": "UPDATE ledger_entries SET event_id = 'nothing' "
        "WHERE kind = 'earn'",
        "transfers_arrive": "INSERT INTO ledger_entries SELECT * REPLACE ('transfer_out' AS kind, "
        "'transferred' AS credit) FROM ledger_entries LIMIT 1",
        "posted_in_time": "UPDATE ledger_entries SET posted_at = TIMESTAMP '2099-01-01' "
        "WHERE entry_id = (SELECT min(entry_id) FROM ledger_entries)",
        "versions_are_configured": "UPDATE ledger_entries SET programme_version = 'grocer@9'",
    },
    "lots": {
        "remaining_is_possible": "UPDATE lots SET remaining = points + 1 "
        "WHERE lot_id = (SELECT min(lot_id) FROM lots)",
        "lots_hold_what_was_issued": "UPDATE lots SET points = points + 1 "
        "WHERE lot_id = (SELECT min(lot_id) FROM lots)",
        "lots_are_balances": "UPDATE lots SET remaining = remaining - 1 "
        "WHERE lot_id = (SELECT min(lot_id) FROM lots WHERE remaining > 0)",
        "lots_are_of_a_member": "UPDATE lots SET entry_id = 'nothing' "
        "WHERE lot_id = (SELECT min(lot_id) FROM lots)",
        "times_are_in_order": "UPDATE lots SET available_at = earned_at - INTERVAL 1 DAY",
        "nothing_remains_after_expiry": "UPDATE lots SET expires_at = TIMESTAMP '2016-02-01' "
        "WHERE remaining > 0",
    },
    "tiers": {
        "tiers_are_configured": "UPDATE members SET tier = 'platinum'",
        "nobody_is_below_their_points": "UPDATE members SET tier = 'basic', qualifying = 1000 "
        "WHERE member_id = (SELECT min(member_id) FROM members)",
        "changes_are_a_chain": 'INSERT INTO tier_changes (member_id, from_tier, tier, "at", '
        "reason, _seq) VALUES ('m', 'basic', 'silver', TIMESTAMP '2017-01-01', 'qualified', -2), "
        "('m', 'basic', 'gold', TIMESTAMP '2017-01-02', 'qualified', -1)",
        "members_are_where_their_changes_end": "INSERT INTO tier_changes (member_id, from_tier, "
        "tier, \"at\", reason, _seq) SELECT member_id, tier, 'elsewhere', last_seen_at, "
        "'qualified', 9000000000 FROM members LIMIT 1",
        "reasons_are_known": 'INSERT INTO tier_changes (member_id, from_tier, tier, "at", '
        "reason, _seq) VALUES ('m', 'basic', 'silver', TIMESTAMP '2017-01-01', 'for fun', -1)",
    },
    "redemptions": {
        "rewards_are_in_the_programme": "INSERT INTO redemptions (redemption_id, member_id, "
        "reward_id, status, points) VALUES ('r', 'm', 'a_yacht', 'captured', 5)",
        "redemptions_are_paid": "INSERT INTO redemptions (redemption_id, member_id, status, code, "
        "points) SELECT 'r', member_id, 'captured', 'ok', 5 FROM members LIMIT 1",
        "each_has_an_answer": "INSERT INTO redemptions (redemption_id, member_id, status) "
        "VALUES ('r', 'm', 'refused')",
        "refusals_have_a_code": "INSERT INTO redemptions (redemption_id, member_id, status, code) "
        "VALUES ('r', 'm', 'refused', 'ok')",
        "answers_follow_requests": "INSERT INTO redemptions (redemption_id, member_id, "
        "requested_at, answered_at) VALUES ('r', 'm', TIMESTAMP '2017-01-02', "
        "TIMESTAMP '2017-01-01')",
    },
    "privileges": {
        "offers_stand_as_they_say": "INSERT INTO offers (grant_id, member_id, offer_id, "
        "status, code) VALUES ('g', 'm', 'o', 'refused', 'ok')",
        "one_offer_of_a_group_is_open": "INSERT INTO offers (grant_id, member_id, offer_id, "
        "offer_group, status, code) VALUES ('g', 'm', 'o', 'drinks', 'open', 'ok'), "
        "('h', 'm', 'p', 'drinks', 'open', 'ok')",
        "used_offers_name_their_purchase": "INSERT INTO offers (grant_id, member_id, offer_id, "
        "status, code, closed_at) VALUES ('g', 'm', 'o', 'used', 'ok', TIMESTAMP '2017-01-01')",
        "progress_is_possible": "INSERT INTO challenges (member_id, challenge, since, progress, "
        "target, met) VALUES ('m', 'c', TIMESTAMP '2017-01-01', 3, 3, 1)",
        "one_membership_is_in_force": "INSERT INTO memberships (member_id, plan, status, since) "
        "VALUES ('m', 'plus', 'active', TIMESTAMP '2017-01-01'), "
        "('m', 'extra', 'grace', TIMESTAMP '2017-02-01')",
        "uses_are_within_limits": "INSERT INTO benefit_uses (member_id, source, event_id, benefit, "
        "code, \"left\") VALUES ('m', 'partner', 'e', 'lounge', 'ok', -1)",
        "access_ends_after_it_began": "INSERT INTO access (member_id, access, since, until) "
        "VALUES ('m', 'club', TIMESTAMP '2017-01-02', TIMESTAMP '2017-01-01')",
    },
    "identity": {
        "members_have_events": "INSERT INTO members (member_id) VALUES ('nobody')",
        "owners_are_members": "DELETE FROM members "
        "WHERE member_id = (SELECT min(member_id) FROM members)",
        "an_event_has_one_owner": "INSERT INTO event_owners SELECT * REPLACE ('m-0' AS member_id) "
        "FROM event_owners WHERE type = 'sale' AND member_id IS NOT NULL LIMIT 1",
        "reasons_are_known": "UPDATE event_owners SET reason = 'for fun' WHERE type = 'sale'",
        "links_point_up": "UPDATE identity_links SET owner = 'cookie:c' WHERE namespace = 'email'",
        "links_have_their_event": "UPDATE identity_links SET event_id = 'pos/nothing', "
        "from_at = TIMESTAMP '2016-01-01' WHERE namespace = 'card'",
        "links_end_after_they_began": "UPDATE identity_links SET "
        "until_at = from_at - INTERVAL 1 HOUR WHERE namespace = 'card'",
        "one_owner_at_a_time": "INSERT INTO identity_links SELECT * REPLACE ("
        "'member_id:m-0' AS owner, NULL AS until_at) FROM identity_links "
        "WHERE namespace = 'cookie' AND until_at IS NULL LIMIT 1",
        "addresses_are_pseudonyms": "UPDATE identity_links SET value = 'ana@example.com' "
        "WHERE namespace = 'email'",
    },
    "messages": {
        "each_trigger_has_its_decision": "DELETE FROM decisions WHERE trigger_id = "
        "(SELECT min(trigger_id) FROM triggers)",
        "trigger_ids_are_unique": "INSERT INTO triggers FROM triggers LIMIT 1",
        "each_trigger_has_a_basis": "UPDATE triggers SET consent = '' WHERE trigger_id = "
        "(SELECT min(trigger_id) FROM triggers)",
        "marketing_has_consent": "UPDATE triggers SET consent = 'opt_in:profile/nothing' "
        "WHERE purpose = 'marketing' AND action = 'send'",
        "unsubscribed_means_silence": """
            INSERT INTO deliveries (trigger_id, member_id, channel, state, "at")
            SELECT trigger_id, member_id, channel, 'unsubscribed', decided_at - INTERVAL 2 HOUR
            FROM triggers WHERE purpose = 'marketing' AND action = 'send' LIMIT 1;
            INSERT INTO event_owners (source, event_id, type, member_id, reason, known_at)
            SELECT 'delivery', 'u', 'unsubscribed', member_id, 'member_id', "at" FROM deliveries
            WHERE state = 'unsubscribed'
            """,
        "caps_hold": "INSERT INTO triggers SELECT one.* REPLACE ('x' || n AS trigger_id) FROM ("
        "FROM triggers WHERE channel = 'email' AND action = 'send' LIMIT 1) AS one, "
        "range(7) AS t (n)",
        "nights_are_quiet": "UPDATE decisions SET inputs = "
        """'{"local_time": "2017-03-01T23:30-05:00"}' WHERE outcome = 'sent'""",
        "decision_ids_are_unique": "INSERT INTO decisions FROM decisions LIMIT 1",
        "reasons_are_known": "UPDATE decisions SET reason = 'for fun' WHERE outcome = 'suppressed'",
        "messages_belong_to_a_journey": "DELETE FROM journeys WHERE journey = 'welcome'",
        "journeys_left_say_why": "UPDATE journeys SET left_because = NULL WHERE state = 'left'",
        "feedback_names_a_trigger": "INSERT INTO deliveries (trigger_id, member_id, channel, "
        "state) VALUES ('nothing', 'm', 'push', 'opened')",
    },
    "records": {
        "answers_are_unique": "INSERT INTO event_owners FROM event_owners "
        "WHERE type = 'sale' LIMIT 1",
        "quarantine_positions_are_unique": "INSERT INTO quarantine (position, reason) "
        "VALUES ('p:1', 'unreadable'), ('p:1', 'unreadable')",
        "few_are_refused": "INSERT INTO quarantine (position, reason) "
        "SELECT 'p:' || n, 'unreadable' FROM range(2000) AS t (n)",
        "few_are_duplicates": "INSERT INTO identity_notices (kind, source, event_id) "
        "SELECT 'duplicate', 'pos', n FROM range(2000) AS t (n)",
        "returns_find_their_member": "INSERT INTO event_owners (source, event_id, type, reason) "
        "SELECT 'pos', n, 'return', 'anonymous' FROM range(500) AS t (n)",
    },
    "freshness": {
        "known_lately": "UPDATE clock SET as_of = ends_at + INTERVAL 25 HOUR",
        "no_source_is_silent": "DELETE FROM event_owners WHERE source = 'pos' AND "
        "known_at::DATE = (SELECT max(known_at)::DATE - 1 FROM event_owners)",
        "volume_is_usual": "INSERT INTO event_owners SELECT o.* FROM event_owners AS o, range(200) "
        "WHERE source = 'pos' AND known_at::DATE = "
        "(SELECT max(known_at)::DATE - 2 FROM event_owners)",
        "no_day_is_missing": """
            INSERT INTO event_owners SELECT o.* FROM event_owners AS o, range(200);
            DELETE FROM event_owners
            WHERE known_at::DATE = (SELECT min(known_at)::DATE + 5 FROM event_owners)
            """,
    },
}

EVENTS: dict[str, dict[str, str]] = {
    "archive_records": {
        "records_are_readable": "INSERT INTO unreadable VALUES ('f', 7, 'no JSON')",
        "records_are_archived_once": "INSERT INTO events FROM events LIMIT 1",
        "known_in_order": "UPDATE events SET known_at = known_at + 86400000 WHERE record = 3",
        "times_are_in_order": "UPDATE events SET received_at = occurred_at - 1 WHERE record = 3",
        "addresses_are_pseudonyms": "UPDATE events SET identifiers = ['email:ana@example.com'] "
        "WHERE record = 3",
        "one_id_one_content": "INSERT INTO events SELECT * REPLACE (occurred_at - 9 AS "
        "occurred_at) FROM events WHERE type = 'sale' LIMIT 1",
        "few_are_duplicates": "INSERT INTO events FROM events LIMIT 500",
        "few_are_late": "UPDATE events SET occurred_at = occurred_at - 18 * 86400000 "
        "WHERE source = 'pos'",
    },
    "archive_references": {
        "returns_name_a_sale": """
            UPDATE events SET known_at = known_at - 200 * 86400000::BIGINT WHERE record = 0;
            INSERT INTO sent_return (source, event_id, transaction_id, known_at)
            SELECT 'pos', 'r', 'nothing', max(known_at) - 20 * 86400000 FROM events
            """,
        "lines_name_a_line": """
            INSERT INTO sent_return (file, record, source, event_id, transaction_id)
            SELECT 'f', 1, 'pos', 'r', transaction_id FROM sent_sale LIMIT 1;
            INSERT INTO sent_return_lines (file, record, line_id) VALUES ('f', 1, '999')
            """,
        "rewards_are_in_the_programme": "INSERT INTO sent_redeem (source, event_id, reward_id) "
        "VALUES ('command', 'r', 'a_yacht')",
        "settlements_name_a_redemption": "INSERT INTO sent_settle (source, event_id, "
        "redemption_id) VALUES ('command', 'r', 'nothing')",
        "checkouts_name_a_cart": "INSERT INTO sent_cart (type, cart_id) "
        "SELECT 'checkout_started', 'nothing-' || n FROM range(500) AS t (n)",
        "feedback_names_an_event_of_its_member": """
            INSERT INTO events (file, record, identifiers) VALUES ('f', 1, ['cookie:c']);
            INSERT INTO sent_feedback (file, record, trigger_id) VALUES ('f', 1, 't')
            """,
        "sources_agree_on_currency": "INSERT INTO sent_sale (market, currency) "
        "VALUES ('us', 'EUR'), ('us', 'USD')",
    },
    "archive_volume": {
        "volume_is_usual": """
            INSERT INTO events SELECT e.* FROM events AS e, range(200) WHERE type = 'sale'
                AND known_at // 86400000 = (SELECT max(known_at) // 86400000 - 2 FROM events)
            """,
        "no_type_stopped": """
            INSERT INTO events SELECT e.* FROM events AS e, range(200) WHERE source = 'pos';
            DELETE FROM events WHERE source = 'pos'
                AND known_at // 86400000 = (SELECT max(known_at) // 86400000 - 1 FROM events)
            """,
        "no_day_is_missing": """
            INSERT INTO events SELECT e.* FROM events AS e, range(100);
            DELETE FROM events
            WHERE known_at // 86400000 = (SELECT min(known_at) // 86400000 + 5 FROM events)
            """,
        "known_lately": "UPDATE clock SET as_of = ends_at + INTERVAL 25 HOUR",
    },
}
