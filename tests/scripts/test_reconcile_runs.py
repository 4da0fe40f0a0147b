"""Warehouses of real runs: what parts them is found in the input that made them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from pipelines.launch import RunOptions, run
from scripts.cli import app
from scripts.generate import generate
from scripts.reconcile.warehouses import reconcile

CONFIG = Path(__file__).parents[2] / "config"
AS_OF = 1_487_000_000_000
"""In February 2017: nothing has expired yet."""


def call(*arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, ["reconcile", *words], env={"COLUMNS": "100"})


def folded(events: Path, output: Path, config: Path = CONFIG, as_of: int = AS_OF) -> Path:
    run(RunOptions(inputs=[events], output=output, config=config, as_of=as_of))
    return output


def changed(original: Path, folder: Path, statement: str) -> Path:
    """A copy of a warehouse in which somebody changed something."""
    folder.mkdir()
    shutil.copy(original / "warehouse.duckdb", folder)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute(statement)
    return folder


def asked(folder: Path, question: str) -> tuple[Any, ...]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(question).fetchall()[0]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of a few people over three weeks."""
    path = tmp_path_factory.mktemp("city")
    generate(12, 21, 7, path)
    return path / "events"


@pytest.fixture(scope="module")
def out(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run made of them."""
    return folded(city, tmp_path_factory.mktemp("run") / "out")


def test_a_copy_is_equal(out: Path, tmp_path: Path) -> None:
    changed(out, tmp_path / "b", "UPDATE ledger_entries SET _seq = _seq + 5")
    done = call(out, tmp_path / "b" / "warehouse.duckdb")
    assert done.exit_code == 0, done.output
    rows = asked(out, "SELECT count(*) FROM ledger_entries")[0]
    assert rows > 100 and f"{rows:,}" in done.output
    assert "Equal: the same " in done.output and "warning" not in done.output


def test_a_sale_that_one_input_lacks(city: Path, out: Path, tmp_path: Path) -> None:
    member, event_id, points = asked(
        out,
        "SELECT member_id, event_id, sum(points)::BIGINT FROM ledger_entries "
        "WHERE kind = 'earn' AND source = 'pos' GROUP BY ALL ORDER BY sum(points) DESC, 2 LIMIT 1",
    )
    shutil.copytree(city, tmp_path / "events")
    lost = 0
    for file in (tmp_path / "events").rglob("*.jsonl"):
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if json.loads(line).get("event_id") != event_id]
        lost += len(lines) - len(kept)
        file.write_bytes(b"".join(kept))
    assert lost
    less = folded(tmp_path / "events", tmp_path / "less")
    found = reconcile(out, less)
    assert found.parted_members == 1 and found.partings[0].points < 0 < points
    (parting,) = (one for one in found.partings if one.member_id == member)
    assert parting.kind == "missing_event"
    assert parting.event is not None
    assert (parting.event.source, parting.event.event_id) == ("pos", event_id)
    assert (parting.event.a.owner, parting.event.b.known) == (member, False)
    assert {"event_owners", "ledger_entries", "lots", "members"} <= {*parting.tables}
    assert parting.reasons == ["The two didn't get the same input."]
    told = call(out, less, "--explain", member)
    assert told.exit_code == 1
    words = " ".join(told.output.split())
    assert f"sale pos/{event_id}" in words
    assert f"B doesn't know this event. In A it is {member}'s and its" in words


def test_another_configuration(city: Path, out: Path, tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "programmes" / "grocer.yaml"
    text = file.read_text()
    ours, better = "{rule: base, rate: 1,", "{rule: base, rate: 1.2,"
    assert ours in text
    file.write_text(text.replace(ours, better).partition("tests:")[0])
    twice = folded(city, tmp_path / "twice", tmp_path / "config", AS_OF + 1)
    found = reconcile(out, twice)
    assert [warning.split(":")[0] for warning in found.warnings] == [
        "other configuration",
        "other as_of, the bound of clocks that run ahead",
    ]
    issued = next(one for one in found.totals if one.name == "issued")
    assert issued.b > issued.a > 0
    members = [one for one in found.partings if one.member_id]
    assert {one.kind for one in members} == {"other_entries"}
    for one in members:
        assert one.reasons == [
            "The two ran with other configurations: other rules give other rows."
        ]
        assert one.event is not None and one.event.b.points > one.event.a.points > 0


PLANTED = {
    "an entry": (
        "UPDATE ledger_entries SET points = points + 3 WHERE entry_id = "
        "(SELECT min(entry_id) FROM ledger_entries WHERE kind = 'earn')",
        "SELECT member_id, source, event_id FROM ledger_entries WHERE kind = 'earn' "
        "ORDER BY entry_id LIMIT 1",
        "other_entries",
        "entries sum to",
    ),
    "a lot": (
        "UPDATE lots SET remaining = remaining - 1 WHERE lot_id = "
        "(SELECT min(lot_id) FROM lots WHERE remaining > 0)",
        "SELECT l.member_id, e.source, e.event_id FROM lots AS l JOIN ledger_entries AS e "
        "USING (entry_id) WHERE remaining > 0 ORDER BY l.lot_id LIMIT 1",
        "derived_rows",
        "lots have",
    ),
    "a message": (
        "DELETE FROM triggers WHERE trigger_id = (SELECT min(trigger_id) FROM triggers "
        "WHERE journey = 'real_time_earn')",
        "SELECT t.member_id, o.source, o.event_id FROM triggers AS t JOIN event_owners AS o "
        "ON o.member_id = t.member_id AND o.known_at = t.decided_at "
        "WHERE journey = 'real_time_earn' ORDER BY trigger_id, o.source, o.event_id LIMIT 1",
        "derived_rows",
        "let out a message, which triggers lacks",
    ),
    "an owner": (
        "UPDATE event_owners SET member_id = 'm-none' WHERE source = 'pos' AND event_id = "
        "(SELECT min(event_id) FROM ledger_entries WHERE source = 'pos' AND kind = 'earn')",
        "SELECT member_id, source, event_id FROM ledger_entries WHERE source = 'pos' "
        "AND kind = 'earn' ORDER BY event_id LIMIT 1",
        "other_member",
        "which was never found to be",
    ),
    "the last bit of a float": (
        "UPDATE churn_scores SET p_alive = p_alive * (1 + 2e-16) WHERE why = 'first' AND "
        "member_id = (SELECT min(member_id) FROM churn_scores WHERE why = 'first')",
        "SELECT s.member_id, o.source, o.event_id FROM churn_scores AS s JOIN event_owners AS o "
        "ON o.member_id = s.member_id AND o.known_at = s.\"at\" WHERE why = 'first' "
        "ORDER BY s.member_id, o.source, o.event_id LIMIT 1",
        "derived_rows",
        "a row was changed after it was written, or other code wrote it",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_fault(what: str, out: Path, tmp_path: Path) -> None:
    change, question, kind, reason = PLANTED[what]
    member, source, event_id = asked(out, question)
    tampered = changed(out, tmp_path / "b", change)
    found = reconcile(out, tampered)
    assert sum(one.count for one in found.compared) == 1, found.differences
    parting = next(one for one in found.partings if one.member_id == member)
    assert parting.kind == kind
    assert parting.event is not None
    assert (parting.event.source, parting.event.event_id) == (source, event_id)
    assert reason in " ".join(parting.reasons)
    if what != "the last bit of a float":
        assert "B contradicts itself" in parting.reasons[0]
        assert "most likely a row of B was changed or lost" in parting.reasons[-1]
    told = call(out, tampered)
    assert told.exit_code == 1
    assert f"{source}/{event_id}" in " ".join(told.output.split())


def test_for_machines_and_to_sign(out: Path, tmp_path: Path) -> None:
    b = changed(out, tmp_path / "b", PLANTED["an entry"][0])
    report = tmp_path / "page.md"
    done = call(out, b, "--json", "--report", report, "--table", "ledger_entries", "--limit", "1")
    assert done.exit_code == 1
    whole = json.loads(done.stdout)
    assert whole["equal"] is False
    assert [one["table"] for one in whole["compared"]] == ["ledger_entries"]
    assert whole["compared"][0]["columns"] == {"points": 1}
    assert len(whole["a"]["sha256"]) == 64 and whole["a"]["sha256"] != whole["b"]["sha256"]
    (parting,) = whole["partings"]
    assert parting["points"] == 3 and parting["first"][0]["columns"] == ["points"]
    page = report.read_text()
    assert whole["a"]["sha256"] in page and whole["b"]["sha256"] in page
    assert whole["a"]["runs"][-1]["config_hash"] in page
    assert "Not all was compared. Left out: " in page
    issued = next(one for one in whole["totals"] if one["name"] == "issued")
    assert f"| issued | {issued['a']:,} | {issued['b']:,} | +3 |" in page
    assert "| Date | Name | Signature |" in page
    call(out, b, "--report", tmp_path / "again.md", "--table", "ledger_entries", "--limit", "1")
    assert (tmp_path / "again.md").read_text() == page


def test_what_cannot_be_compared(out: Path, tmp_path: Path) -> None:
    def refused(a: Path, b: Path, *options: str) -> str:
        done = call(a, b, *options)
        assert done.exit_code == 2, done.output
        return " ".join((done.stderr or done.output).split())

    assert "got nothing there" in refused(out, tmp_path / "nowhere")
    assert "got a folder without it" in refused(tmp_path, out)
    assert "the same file twice" in refused(out, out / "warehouse.duckdb")
    (tmp_path / "text.duckdb").write_text("no database" * 500)
    assert "must be a DuckDB file" in refused(out, tmp_path / "text.duckdb")
    duckdb.connect(str(tmp_path / "bare.duckdb")).close()
    assert "got a database without its tables" in refused(out, tmp_path / "bare.duckdb")
    older = changed(out, tmp_path / "older", "ALTER TABLE lots RENAME COLUMN remaining TO rest")
    assert "lots.remaining" in refused(out, older)
    assert "must be one of" in refused(out, older, "--table", "lot")
    assert "got m-nobody" in refused(
        out, changed(out, tmp_path / "c", "SELECT 1"), "--explain", "m-nobody"
    )
    assert "must end with .md" in refused(out, older, "--report", str(tmp_path / "page.html"))


def test_a_warehouse_that_is_being_written(out: Path, tmp_path: Path) -> None:
    busy = changed(out, tmp_path / "busy", "SELECT 1")
    hold = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(busy / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ},
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        done = call(out, busy)
    finally:
        holder.communicate(b"\n", timeout=30)
    assert done.exit_code == 2
    said = " ".join((done.stderr or done.output).split())
    assert "must not be written while it is compared" in said and f"process {holder.pid}" in said


def test_a_run_that_was_killed_leaves_its_log(out: Path, tmp_path: Path) -> None:
    """Rows that are only in the write-ahead log count, and the page names the log's hash too."""
    killed = changed(out, tmp_path / "killed", "UPDATE runs SET outcome = NULL")
    kill = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]); "
        "con.execute('DELETE FROM lots WHERE lot_id = (SELECT min(lot_id) FROM lots)'); os._exit(9)"
    )
    file = str(killed / "warehouse.duckdb")
    ended = subprocess.run([sys.executable, "-c", kill, file], check=False, timeout=60)
    assert ended.returncode == 9
    found = reconcile(out, killed)
    assert found.differences["lots"].only_a == 1 and found.b.sha256_of_log is not None
    assert found.warnings == ["B may be incomplete: its last run didn't end: it was killed"]
