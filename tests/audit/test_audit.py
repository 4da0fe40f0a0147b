"""The promises hold on real baskets, by an audit that shares no code with the dataflow.

One import of 120 households and one run for all tests here; then the same audit over copies of
that warehouse in which something was changed: an auditor who never finds anything is none.
"""

import shutil
from pathlib import Path

import duckdb
import pytest

from scripts.audit import NothingToAudit, audit, find_city, find_run, main, said
from scripts.import_completejourney import import_completejourney
from scripts.run import run_files

HOUSEHOLDS = 120
OF_THE_TRAFFIC = "few_events_are_undecidable"
"""A figure of the whole import; so few households say little of it."""


@pytest.fixture(scope="session")
def audited_run(tmp_path_factory):
    """(output, city) of one run."""
    folder = tmp_path_factory.mktemp("audit")
    import_completejourney(folder / "city", households=HOUSEHOLDS)
    run_files([folder / "city" / "events"], folder / "out")
    return folder / "out", folder / "city"


@pytest.fixture(scope="session")
def findings(audited_run):
    return {finding.check.name: finding for finding in audit(*audited_run)}


def test_every_promise_holds(findings):
    broken = [said(one) for name, one in findings.items() if one.count and name != OF_THE_TRAFFIC]
    assert broken == []


def test_every_check_had_something_to_look_at(findings):
    without = {name for name, one in findings.items() if not one.looked_at}
    # See test_audit_erased and test_audit_year.
    assert without == {"the_erased_are_gone", "corrections_take_back_what_was_posted"}
    assert findings["base_points_of_households"].looked_at == HOUSEHOLDS
    assert findings["base_points_of_real_baskets"].looked_at > 5_000
    assert findings["marketing_has_consent"].looked_at > 100


DAMAGE = {
    "base_points_of_real_baskets": "UPDATE ledger_entries SET points = points + 1 WHERE entry_id = "
    "(SELECT min(entry_id) FROM ledger_entries WHERE rule = 'base' AND event_id LIKE 'sale-%')",
    "every_receipt_earns_once": "INSERT INTO ledger_entries SELECT * REPLACE ('again' AS entry_id) "
    "FROM ledger_entries WHERE rule = 'base' LIMIT 1",
    "only_known_events_move_points": "UPDATE ledger_entries SET event_id = 'sale-0' "
    "WHERE rule = 'tier_rate' AND kind = 'earn'",
    "entries_move_points": "UPDATE ledger_entries SET points = 0 WHERE kind = 'expire'",
    "balances_are_their_entries": "UPDATE members SET available = available + 1 "
    "WHERE member_id = (SELECT min(member_id) FROM members)",
    "never_less_than_nothing": "UPDATE ledger_entries SET posted_at = posted_at - INTERVAL 30 DAY "
    "WHERE kind = 'activate'",
    "lots_are_balances": "UPDATE lots SET remaining = remaining - 1 WHERE lot_id = "
    "(SELECT min(lot_id) FROM lots WHERE remaining > 1)",
    "no_lot_gives_more_than_it_has": "UPDATE ledger_entries SET points = points + 900 "
    "WHERE kind = 'redeem' AND lot_id IS NOT NULL",
    "answers_fit_the_balance": "UPDATE redemption_answers SET code = 'ok' "
    "WHERE code = 'insufficient_points'",
    "lots_hold_what_was_earned": "UPDATE lots SET points = points + 1 WHERE lot_id = "
    "(SELECT min(lot_id) FROM lots)",
    "returns_take_back_no_more_than_was_earned": "UPDATE ledger_entries SET points = points + 9999 "
    "WHERE kind = 'reverse'",
    "lots_expire_by_the_calendar": "UPDATE lots SET expires_at = expires_at + INTERVAL 1 HOUR "
    "WHERE lot_id = (SELECT min(lot_id) FROM lots)",
    "posted_once": "INSERT INTO ledger_entries SELECT * FROM ledger_entries LIMIT 1",
    "redemptions_are_paid": "UPDATE redemptions SET points = points - 1 WHERE status = 'captured'",
    "tiers_follow_points": "UPDATE members SET tier = 'basic'",
    "purchases_of_nobody_else": "UPDATE event_owners SET member_id = 'm-0' WHERE type = 'sale' "
    "AND member_id IS NOT NULL AND event_id = (SELECT min(event_id) FROM event_owners "
    "WHERE type = 'sale' AND member_id IS NOT NULL)",
    "decidable_events_are_right": "UPDATE event_owners SET member_id = 'm-0' "
    "WHERE type = 'enrolled'",
    "members_get_their_events": "UPDATE event_owners SET member_id = NULL "
    "WHERE type = 'product_viewed'",
    "every_record_is_answered": "DELETE FROM event_owners WHERE type = 'redeem'",
    "no_line_is_lost": "DELETE FROM identity_notices",
    "marketing_has_consent": "UPDATE triggers SET decided_at = decided_at - INTERVAL 90 DAY "
    "WHERE journey = 'welcome' AND action = 'send'",
    "guests_have_subscribed": "UPDATE triggers SET consent = 'opt_in:web/w0' "
    "WHERE member_id LIKE 'guest:%'",
    "what_was_transferred_arrived": "DELETE FROM ledger_entries WHERE kind = 'transfer_in'",
    "nobody_is_two_people": "INSERT INTO event_owners SELECT * REPLACE ('m-0' AS member_id) "
    "FROM event_owners WHERE type = 'cart_updated' AND member_id IS NOT NULL LIMIT 1",
    "a_trigger_is_one_message": "UPDATE triggers SET trigger_id = 'the same' WHERE journey = "
    "'win_back' AND action = 'show'",
    "triggers_have_their_decision": "DELETE FROM decisions WHERE outcome = 'sent'",
    "one_end_for_a_candidate": "INSERT INTO decisions SELECT * FROM decisions "
    "WHERE outcome = 'sent' AND channel = 'email'",
    "just_bought_is_not_advertised": "UPDATE event_owners SET known_at = known_at "
    "- INTERVAL 300 DAY WHERE type = 'sale'",
    "cap_marketing_day": "UPDATE triggers SET decided_at = TIMESTAMP '2017-05-05 09:00:00' "
    "WHERE purpose = 'marketing' AND action = 'send'",
    "cap_push_day": "UPDATE triggers SET decided_at = TIMESTAMP '2017-05-05 09:00:00' "
    "WHERE channel = 'push' AND action = 'send'",
    "quiet_hours_push_sms": "UPDATE triggers SET decided_at = TIMESTAMP '2017-05-05 09:00:00' "
    "WHERE purpose = 'marketing' AND action = 'send'",
    "files_say_what_the_tables_say": "DELETE FROM triggers WHERE channel = 'wallet'",
}
"""By check, a change that it must find. Nine in the morning UTC is night in New York."""


@pytest.fixture(scope="session")
def of_the_damaged(audited_run, tmp_path_factory):
    """Findings over copies: changes of one table, each in a copy of its own where they collide."""
    output, city = audited_run
    found: dict[str, int] = {}
    apart = {"entries_move_points", "only_known_events_move_points", "triggers_have_their_decision"}
    copies = [{name: sql for name, sql in DAMAGE.items() if name not in apart}]
    copies += [{name: DAMAGE[name] for name in sorted(apart)}]
    for number, damage in enumerate(copies):
        copy = tmp_path_factory.mktemp(f"damaged-{number}") / "out"
        shutil.copytree(output, copy, ignore=shutil.ignore_patterns("recovery"))
        with duckdb.connect(str(copy / "warehouse.duckdb")) as connection:
            for sql in damage.values():
                (changed,) = connection.execute(sql).fetchone()
                assert changed, sql
        found |= {
            one.check.name: one.count for one in audit(copy, city) if one.check.name in damage
        }
    return found


@pytest.mark.parametrize("name", DAMAGE)
def test_what_was_changed_is_found(of_the_damaged, name):
    assert of_the_damaged[name] > 0


def test_it_exits_with_1_and_says_what(audited_run, tmp_path, capsys):
    output, city = audited_run
    shutil.copytree(output, tmp_path / "run", ignore=shutil.ignore_patterns("recovery"))
    with duckdb.connect(str(tmp_path / "run" / "warehouse.duckdb")) as connection:
        connection.execute(DAMAGE["base_points_of_real_baskets"])
    assert main([str(tmp_path), str(city / "truth")]) == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, text in enumerate(lines) if "BROKEN" in text and "real_baskets: 1" in text)
    assert "event_id=sale-" in lines[at + 1] and "should_earn=" in lines[at + 1]


def test_it_finds_run_and_truth_by_itself(audited_run, tmp_path):
    output, city = audited_run
    assert find_run(output) == output
    assert find_city(output, None) == city
    with pytest.raises(NothingToAudit, match=r"must hold warehouse\.duckdb"):
        find_run(tmp_path)
    with pytest.raises(NothingToAudit, match="--truth: must be the folder truth/"):
        find_city(output, Path(tmp_path))
