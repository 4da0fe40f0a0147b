"""`kizuna statement`: a scripted year of a member of each programme that ships, as a bank tells it.

`tests/golden/<programme>.yaml` is the year, `<programme>.txt` the statement that must come of it.
All years are one run of the real flow. Renew the statements, and read the difference before it is
committed, by KIZUNA_TEST_RENEW_GOLDEN=1 pytest tests/scripts/test_statement.py
"""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, get_args

import duckdb
import msgspec
import pytest
from scripted_year import CONFIG, GOLDEN, VERBS, Year, write_events, years
from typer.testing import CliRunner, Result

from config.deployment import HERE, load_deployment
from schemas.ledger import EntryKind
from scripts import cli
from scripts.explain.questions import Questions
from scripts.explain.source_events import LIMIT_BYTES, SourceEvents
from scripts.statement.collect import Collected
from scripts.statement.notes import notes
from scripts.statement.statement import make_statement
from scripts.statement.timeline import KINDS, MOVED
from transforms.accrue.rate import name_of

YEARS = years()
AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
RENEW = bool(os.environ.get("KIZUNA_TEST_RENEW_GOLDEN"))
FIGURES = re.compile(r"\s([+-]?[\d,]+|\([\d,]+\))\s+(-?[\d,]+)\s+(-?[\d,]+)\s+(-?[\d,]+)$")


def simple(event_id: str, type_: str, source: str, day: str, member: str, **payload: Any) -> Any:
    """An event at the grocer's, at noon UTC."""
    noon = round(datetime.fromisoformat(f"2026-06-{day}T12:00:00+00:00").timestamp() * 1000)
    return {
        "event_id": event_id,
        "type": type_,
        "source": source,
        "occurred_at": noon,
        "received_at": noon,
        "market": "us",
        "identifiers": {"member_id": member},
        "payload": payload,
    }


def bought(event_id: str, day: str, member: str, amount: int) -> Any:
    lines = [{"line_id": "1", "sku": "tea", "category": "FOOD", "quantity": 1, "amount": amount}]
    return simple(
        event_id, "sale", "pos", day, member, transaction_id=event_id, currency="USD", lines=lines
    )


MERGED = [
    bought("x-1", "10", "old", 1200),
    bought("x-2", "11", "new", 3000),
    simple("x-3", "account_merged", "profile", "20", "new", loser="old", winner="new"),
]
"""Two members who turn out to be one."""
each_year = pytest.mark.parametrize("year", YEARS, ids=lambda year: year.name)


def kizuna(*arguments: str) -> str:
    """A command as people run it, which must end well."""
    command = [sys.executable, "-m", "scripts.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one run over all years."""
    folder = tmp_path_factory.mktemp("years")
    write_events(YEARS, folder / "events.jsonl", MERGED)
    kizuna(
        *("run", "--input", str(folder / "events.jsonl"), "--output", str(folder / "out")),
        *("--as-of", "2026-07-01T12:00:00Z", "--workers", "1"),
    )
    return folder / "out"


def statement(output: Path, member: str, *more: str) -> Result:
    return CliRunner().invoke(cli.app, ["statement", str(output), member, *more])


DEPLOYMENT = load_deployment(HERE, {})


@cache
def printed(output: Path, member: str) -> str:
    """The whole statement, as it is printed."""
    done = statement(output, member)
    assert done.exit_code == 0, done.output
    return done.stdout


@cache
def told(output: Path, member: str, since: date | None = None, until: date | None = None) -> Any:
    """The statement of some days, as plain values."""
    made = make_statement(
        Questions(output, 30.0),
        member,
        since,
        until,
        DEPLOYMENT,
        SourceEvents(output, DEPLOYMENT, LIMIT_BYTES),
    )
    assert made.wrong == []
    return json.loads(msgspec.json.encode(made))


def happenings(made: Any) -> list[Any]:
    return [one for month in made["months"] for one in month["happenings"]]


def ask(output: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(sql, values).fetchall()


@each_year
def test_the_statement_of_a_year_is_as_expected(output: Path, year: Year) -> None:
    got = printed(output, year.member)
    expected = GOLDEN / f"{year.name}.txt"
    if RENEW:
        expected.write_text(got, encoding="utf-8")
    assert got == expected.read_text(encoding="utf-8")


def test_beam_folds_the_years_to_the_same_rows(output: Path, tmp_path: Path) -> None:
    kizuna("rebuild", "--no-gate", "--input", str(output), "--output", str(tmp_path / "right"))
    assert "Equal: the same" in kizuna("reconcile", str(output), str(tmp_path / "right"))


def test_every_programme_that_ships_has_its_year() -> None:
    shipped = {file.stem for file in (CONFIG / "programmes").glob("*.yaml")}
    assert {year.name for year in YEARS} == shipped
    assert {file.stem for file in GOLDEN.glob("*.txt")} == shipped


def test_nothing_of_the_years_was_refused(output: Path) -> None:
    assert ask(output, "SELECT * FROM quarantine") == []
    (found,) = ask(output, "SELECT count(*) FROM event_owners WHERE member_id IS NOT NULL")
    commands = sum(1 for file in (output / "commands").rglob("*.jsonl") for _ in file.open())
    assert found[0] - commands == len(MERGED) + sum(len(year.events) for year in YEARS)


def test_the_years_use_all_verbs() -> None:
    used = "\n".join(file.read_text() for file in GOLDEN.glob("*.yaml"))
    assert [verb for verb in VERBS if f"{{{verb}: " not in used] == []


@each_year
def test_a_year_has_a_return_something_late_and_a_refusal(output: Path, year: Year) -> None:
    kinds = {event["type"] for event in year.events}
    assert kinds & {"return", "order_cancelled"}
    assert any(event["received_at"] > event["occurred_at"] for event in year.events)
    refused = ask(
        output,
        """
        SELECT count(*) FROM redemption_answers
        WHERE member_id = ? AND request = 'redeem' AND code <> 'ok'
        """,
        year.member,
    )
    assert refused[0][0] > 0


@each_year
def test_a_year_touches_what_its_programme_says(output: Path, year: Year) -> None:
    """Each rule, challenge, gift, offer, tier, access, plan and entitlement, in any version."""

    def of(column: str, table: str, where: str = "true") -> set[str]:
        sql = f"SELECT DISTINCT {column} FROM {table} WHERE member_id = ? AND {where}"
        return {row[0] for row in ask(output, sql, year.member)}

    versions = year.programme.versions
    contests = [one for terms in versions for one in terms.challenges]
    given = [*contests, *(one for terms in versions for one in terms.gifts)]
    levels = [one for terms in versions if terms.tiers for one in terms.tiers.levels]
    plans = [one for terms in versions for one in terms.plans]
    rules = {name_of(rule) for terms in versions for rule in terms.earn}
    assert rules <= of("rule", "ledger_entries")
    assert {one.challenge for one in contests} <= of("challenge", "challenges", "met > 0")
    assert {one.offer for terms in versions for one in terms.offers} == of("offer_id", "offers")
    assert {one.prize.access for one in given if one.prize.access} == of("access", "access")
    assert {one.tier for one in levels} == of("tier", "tier_changes") | of(
        "from_tier", "tier_changes"
    )
    assert {one.plan for one in plans} == of("plan", "memberships")
    wanted = {one.entitlement for plan in plans for one in plan.entitlements}
    assert wanted == of("benefit", "benefit_uses")
    used = {str(terms.version) for terms in versions}
    assert used == {name.split("@")[1] for name in of("programme_version", "ledger_entries")} or (
        year.programme.programme == "sportswear"
    )


@each_year
def test_what_is_printed_adds_up(output: Path, year: Year) -> None:
    """Read from the text, line by line, as a suspicious member would."""
    lines = printed(output, year.member).splitlines()
    balance = available = pending = held = 0
    for line in lines[3:]:
        found = FIGURES.search(line)
        if not found:
            continue
        moved, *figures = found.groups()
        available, pending, held = (int(one.replace(",", "")) for one in figures)
        if not moved.startswith("("):
            balance += int(moved.replace(",", ""))
        assert available + pending + held == balance, line
    (said,) = ask(
        output, "SELECT available, pending, held FROM members WHERE member_id = ?", year.member
    )
    assert (available, pending, held) == said
    (total,) = (line for line in lines if line.startswith("opening "))
    opening, *parts = re.findall(r"([+=-]?) ?\w+ (-?[\d,]+)", total)
    *parts, closing = [int(sign.strip("=") + number.replace(",", "")) for sign, number in parts]
    assert int(opening[1]) + sum(parts) == closing == balance


@each_year
def test_statements_of_parts_join(output: Path, year: Year) -> None:
    """Wherever a year is cut, the one part closes where the other opens."""
    whole = told(output, year.member)
    first, last = date.fromisoformat(whole["since"]), date.fromisoformat(whole["until"])
    cut = first + (last - first) * (1 + YEARS.index(year) % 3) // 4
    before = told(output, year.member, None, cut)
    after = told(output, year.member, cut + timedelta(days=1), None)
    assert before["totals"]["opening"] == 0
    assert before["totals"]["closing"] == after["totals"]["opening"]
    for name in ("earned", "spent", "expired", "reversed", "adjusted", "moved"):
        assert before["totals"][name] + after["totals"][name] == whole["totals"][name]
    assert (before["stands"], after["stands"]) == (None, whole["stands"])
    assert after["closing"] == whole["closing"]
    parts = [one for made in (before, after) for one in happenings(made)]
    assert parts == happenings(whole)


def test_machines_are_told_the_same(output: Path) -> None:
    done = statement(output, "cora", "--json", "--until", "2026-03-09")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == told(output, "cora", None, date(2026, 3, 9))


@each_year
def test_every_entry_is_told_once(output: Path, year: Year) -> None:
    ids = [
        entry_id
        for one in happenings(told(output, year.member))
        for movement in one["movements"]
        for entry_id in movement["entry_ids"]
    ]
    entries = ask(output, "SELECT entry_id FROM ledger_entries WHERE member_id = ?", year.member)
    assert sorted(ids) == sorted(row[0] for row in entries)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (
            "UPDATE ledger_entries SET points = points + 1 WHERE rule = 'reload'",
            "the entries leave 2,639 points available, but members says 2,638",
        ),
        (
            "UPDATE members SET available = available + 7 WHERE member_id = 'cora'",
            "the entries leave 2,638 points available, but members says 2,645",
        ),
        (
            "UPDATE lots SET remaining = remaining + 3 WHERE member_id = 'cora' AND points = 2160",
            "the lots hold 2,641 points, but the balance is 2,638",
        ),
    ],
    ids=["entry", "member", "lot"],
)
def test_a_statement_that_does_not_add_up_says_so(
    output: Path, tmp_path: Path, change: str, wrong: str
) -> None:
    shutil.copy(output / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        con.execute(change)
    done = statement(tmp_path, "cora")
    assert done.exit_code == 1
    assert wrong in done.stdout
    assert wrong in done.stderr


def test_without_what_was_read_the_figures_are_the_same(output: Path, tmp_path: Path) -> None:
    shutil.copy(output / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    alone = statement(tmp_path, "amir")
    assert alone.exit_code == 0
    assert "What was bought isn't told: what was read isn't in files here" in alone.stdout
    figures = [line for line in printed(output, "amir").splitlines() if FIGURES.search(line)]
    assert [line for line in alone.stdout.splitlines() if FIGURES.search(line)] == figures
    assert figures


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody"], 1, "nobody is no member"),
        (["cora", "--from", "yesterday"], 2, "must be a day such as 2025-03-31"),
        (["cora", "--from", "2026-01-02", "--until", "2026-01-01"], 2, "must not be before"),
    ],
)
def test_what_cannot_be_told(output: Path, arguments: list[str], code: int, said: str) -> None:
    done = statement(output, *arguments)
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (code, True), done.stderr


def test_a_folder_without_a_warehouse_is_named(tmp_path: Path) -> None:
    done = statement(tmp_path, "cora")
    assert done.exit_code == 2
    assert "OUT: must be a folder that holds warehouse.duckdb" in done.stderr


def test_a_merged_account_says_where_it_goes_on(output: Path) -> None:
    old, new = printed(output, "old"), printed(output, "new")
    assert "This account was merged: it goes on as new." in old
    assert "opening 0 + earned 12 - spent 0 - expired 0 - reversed 0 + moved -12 = closing 0" in old
    assert re.search(r"came from an account that was merged, grocer@1 +\+12 ", new)
    assert "opening 0 + earned 30 - spent 0 - expired 0 - reversed 0 + moved 12 = closing 42" in new


def test_each_kind_of_entry_has_words_and_a_place() -> None:
    assert set(MOVED) == set(KINDS) == set(get_args(EntryKind))


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("offers", {"status": "waiting"}, "offer tea waits until another of its kind is closed"),
        ("offers", {"status": "withdrawn"}, "offer tea withdrawn: what brought it was undone"),
        ("offers", {"status": "refused", "code": "unknown"}, "offer tea refused: unknown"),
        ("benefit_uses", {"code": "withdrawn"}, "tea withdrawn: its report was taken back"),
        ("access", {"until": AT}, "locked again: tea"),
        ("answers", {"code": "exists"}, "refused: exists (2 points)"),
        ("memberships", {"reason": "not_paid"}, "membership tea ended: not paid"),
        ("challenges", {"met": 3}, "challenge tea met, 3 times by now"),
    ],
)
def test_what_the_years_do_not_say(table: str, row: dict[str, Any], said: str) -> None:
    usual = dict.fromkeys(
        "granted_at closed_at since used_at answered_at ended_at met_at".split(), AT
    )
    usual |= dict.fromkeys("offer_id benefit access plan challenge unlocked_by".split(), "tea")
    usual |= {"source": "app", "event_id": "e-1", "request": "redeem", "points": 2, "left": None}
    usual |= {"reward_id": None, "reason": "", "expires_at": None, "until": None, "closed_by": None}
    rows = Collected(
        member={}, **{name: [] for name in Collected.__struct_fields__ if name != "member"}
    )
    setattr(rows, table, [usual | row])
    assert said in [note.said for note in notes(rows, str)]


def test_a_quiet_time_is_told_as_such(output: Path) -> None:
    done = statement(output, "gina", "--from", "2025-08-01", "--until", "2025-08-31")
    assert done.exit_code == 0
    assert "Nothing happened." in done.stdout
    assert "opening 415 + earned 0 - spent 0 - expired 0 - reversed 0 = closing 415" in done.stdout
