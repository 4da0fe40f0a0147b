"""Both auditors agree on a year that is hard on a ledger, and each finds what was changed in it.

One year of sixty members and one run for all tests here. The second auditor, who works every
account out by hand, is then asked about copies of that warehouse in which one thing was changed.
"""

import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from scripts.audit import CONFIG, audit, said
from scripts.audit_fold import fold, readable_programme
from scripts.audit_fold import said as said_by_hand
from scripts.audit_tables import prepared
from scripts.cli import app
from scripts.generate import generate
from scripts.plain_fold.terms import UnknownTerms
from scripts.run import run_files
from scripts.traffic.rates import Rates

RATES = Rates(returns=0.15, late=0.1, duplicates=0.05, redemptions=0.1)
"""So that a small year has of everything."""
OF_THE_TRAFFIC = "few_events_are_undecidable"
"""A figure of a city that browses; this one hardly does."""


@pytest.fixture(scope="session")
def year(tmp_path_factory):
    """(output, city) of one run."""
    folder = tmp_path_factory.mktemp("year")
    generate(60, 365, 3, folder / "city", events_per_member_day=0, rates=RATES)
    run_files([folder / "city" / "events"], folder / "out")
    return folder / "out", folder / "city"


def by_hand(output, city):
    with prepared(output, city, CONFIG) as connection:
        return fold(connection, CONFIG)


def asked(output, sql):
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        return {row[0] for row in connection.execute(sql).fetchall()}


def test_the_year_is_hard(year):
    """What the comparison below is worth."""
    output, _ = year
    codes = asked(output, "SELECT DISTINCT code FROM redemption_answers")
    assert codes >= {
        *("ok", "exists", "exists_with_different_points", "unknown_reward", "tier_too_low"),
        *("insufficient_points", "hold_expired", "hold_not_found"),
    }
    requests = asked(output, "SELECT DISTINCT request FROM redemption_answers")
    assert requests >= {"redeem", "capture", "release", "sale", "time_out"}
    kinds = asked(output, "SELECT DISTINCT kind FROM ledger_entries")
    assert kinds >= {
        *("earn", "activate", "hold", "release", "redeem", "reverse", "expire", "adjust"),
        *("transfer_out", "transfer_in", "correct"),
    }
    postings = asked(output, "SELECT DISTINCT posting FROM ledger_entries")
    assert postings == {"in_order", "rebooked", "late"}
    types = asked(output, "SELECT DISTINCT type FROM event_owners WHERE member_id IS NOT NULL")
    assert types >= {"order_placed", "order_cancelled", "return", "adjust", "account_merged"}


def test_every_promise_holds(year):
    broken = [said(one) for one in audit(*year) if one.count and one.check.name != OF_THE_TRAFFIC]
    assert broken == []


@pytest.mark.parametrize(
    "change",
    [
        "points = points + 900",
        "debit = 'expired'",
        "corrects = (SELECT min(entry_id) FROM ledger_entries WHERE kind = 'expire')",
    ],
)
def test_a_correction_that_corrects_something_else_is_found(year, tmp_path, change):
    sql = f"UPDATE ledger_entries SET {change} WHERE entry_id = (SELECT min(entry_id) "
    sql += "FROM ledger_entries WHERE corrects IS NOT NULL)"
    output, city = tampered(year, tmp_path, sql)
    broken = {one.check.name for one in audit(output, city) if one.count}
    assert "corrections_take_back_what_was_posted" in broken


def test_every_account_is_what_comes_out_by_hand(year):
    folded = by_hand(*year)
    assert [*said_by_hand(folded)][2:] == []
    assert folded.agreeing == folded.members >= 60
    assert folded.events > 1_500
    assert folded.lots > 1_000


TAMPERED = {
    "UPDATE ledger_entries SET points = points + 1 WHERE entry_id = (SELECT min(entry_id) "
    "FROM ledger_entries WHERE rule = 'base')": "entries of issued: ",
    "DELETE FROM ledger_entries WHERE entry_id = (SELECT min(entry_id) FROM ledger_entries "
    "WHERE kind = 'reverse')": "entries of reversed: ",
    "UPDATE members SET available = available + 1 WHERE member_id = 'm-7'": "available: ",
    "UPDATE members SET tier = 'gold' WHERE member_id = 'm-7'": "tier: gold in the warehouse, ",
    "UPDATE members SET qualifying = qualifying - 5 WHERE member_id = 'm-7'": "qualifying: ",
    "UPDATE lots SET remaining = remaining + 1 WHERE lot_id = (SELECT min(lot_id) FROM lots "
    "WHERE points > 0)": "lot only in the warehouse: ",
    "UPDATE lots SET expires_at = expires_at + INTERVAL 1 MONTH WHERE lot_id = (SELECT min(lot_id) "
    "FROM lots WHERE points > 0)": "lot only by hand: ",
    "DELETE FROM lots WHERE lot_id = (SELECT min(lot_id) FROM lots WHERE points > 0)": "lot only "
    "by hand: ",
    "UPDATE redemptions SET status = 'released' WHERE redemption_id = (SELECT min(redemption_id) "
    "FROM redemptions WHERE status = 'captured')": "redemption only by hand: ",
    "DELETE FROM redemption_answers WHERE redemption_id = (SELECT min(redemption_id) "
    "FROM redemptions WHERE status = 'captured')": " has no answer",
    "DELETE FROM event_owners WHERE event_id = (SELECT min(event_id) FROM event_owners "
    "JOIN ledger_entries USING (source, event_id) WHERE type = 'sale' AND rule = 'base')": (
        "entries of issued: "
    ),
}
"""A change, and what the second auditor says of it."""


def tampered(year, folder, sql):
    """A copy of the run in which something was changed."""
    output, city = year
    shutil.copytree(output, folder / "run", ignore=shutil.ignore_patterns("recovery"))
    with duckdb.connect(str(folder / "run" / "warehouse.duckdb")) as connection:
        (changed,) = connection.execute(sql).fetchone()
    assert changed, sql
    return folder / "run", city


@pytest.mark.parametrize("sql", TAMPERED)
def test_what_was_changed_is_found_by_hand(year, tmp_path, sql):
    (one,) = by_hand(*tampered(year, tmp_path, sql)).differing
    assert any(TAMPERED[sql] in text for text in one.differences), one


def call(*arguments):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def test_the_command_says_what_differs_and_exits_with_1(year, tmp_path):
    output, city = tampered(year, tmp_path, "UPDATE members SET held = 7 WHERE member_id = 'm-7'")
    done = call(output, "--truth", city / "truth")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    at = next(n for n, text in enumerate(lines) if text.startswith("DIFFER "))
    assert lines[at].split() == ["DIFFER", "1", "members:"]
    assert lines[at + 1].split()[0] == "m-7,"
    assert lines[at + 2].strip() == "held: 7 in the warehouse, 0 by hand"
    in_sql = call(output, "--truth", city / "truth", "--no-fold").output
    assert "by hand" not in in_sql
    assert "BROKEN" in in_sql


def test_a_programme_that_it_doesnt_know_is_refused_by_its_key(year, tmp_path):
    output, city = year
    shutil.copytree(CONFIG, tmp_path / "config")
    path = tmp_path / "config" / "programmes" / "grocer.yaml"
    programme = yaml.safe_load(path.read_text())
    programme["versions"][0]["earn"].append({"rule": "double_day", "factor": 2})
    path.write_text(yaml.safe_dump(programme))
    done = call(output, "--truth", city / "truth", "--config", tmp_path / "config")
    assert done.exit_code == 2
    assert "$.versions[0].earn[2].factor: must be one of " in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"challenges": []}, r"\$\.versions\[0\]\.challenges: must be one of version, "),
        ({"expiry": {"mode": "activity", "months": 6}}, r"\.expiry\.mode: must be none or fixed"),
        ({"tiers": {"window": "rolling", "levels": []}}, r"\.tiers\.window: must be calendar_year"),
        ({"earn": [{"rule": "base", "rate": 1, "rounding": "ceil"}]}, r"earn\[0\]\.rounding: "),
    ],
)
def test_terms_that_it_doesnt_know(tmp_path, change, said):
    path = tmp_path / "programmes" / "grocer.yaml"
    path.parent.mkdir()
    programme = yaml.safe_load((CONFIG / "programmes" / "grocer.yaml").read_text())
    programme["versions"][0] |= change
    path.write_text(yaml.safe_dump(programme))
    with pytest.raises(UnknownTerms, match=f"grocer.yaml: .*{said}"):
        readable_programme(tmp_path)


def test_it_shares_no_code_with_what_it_judges():
    for path in Path("scripts/plain_fold").glob("*.py"):
        for text in path.read_text().splitlines():
            if text.startswith(("import ", "from ")):
                module = text.split()[1]
                assert module.split(".")[0] not in ("transforms", "schemas", "sinks"), path
                assert module.split(".")[0] != "scripts" or "plain_fold" in module, path
