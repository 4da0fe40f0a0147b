"""`kizuna sql`: the same question while a run writes and after it, and never a change."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import typer
from served_warehouse import PATIENCE_SECONDS, ROWS_EACH, batch, writing
from typer.testing import CliRunner, Result

from scripts import sql as asking
from scripts.commands.sql import sql
from scripts.sql import CATALOGUE, CantAsk, NoAnswer, TookTooLong, ask
from sinks.duckdb.quack import NoQuack, announce, load_quack
from sinks.duckdb.schema import TABLES
from sinks.duckdb.sink import WarehousePartition
from sinks.duckdb.views import VIEWS

ROOT = Path(__file__).parents[2]
ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
COUNT = "SELECT count(*) AS entries FROM ledger_entries"


def missing() -> str:
    """Why Quack can't be tried here, if it can't."""
    try:
        load_quack(duckdb.connect())
    except NoQuack as why:
        return str(why)
    return ""


needs_quack = pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")


def call(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(sql)
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A warehouse that nobody writes."""
    made = tmp_path_factory.mktemp("stopped")
    part = WarehousePartition(made / "warehouse.duckdb", None)
    part.write_batch([batch(1)])
    part.snapshot()
    part.close()
    yield made


@needs_quack
def test_while_a_run_writes_and_after_it(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        first = ask(tmp_path, COUNT, limit=None, seconds=30)
        assert first.live and first.note == ""
        assert first.rows[0][0] > 0 and first.rows[0][0] % ROWS_EACH == 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ask(tmp_path, COUNT, limit=None, seconds=30).rows == first.rows:
            assert time.monotonic() < deadline, "nothing new is ever seen"
        listed = ask(tmp_path, CATALOGUE, limit=None, seconds=30).rows
        with pytest.raises(CantAsk, match="the process that writes refuses it"):
            ask(tmp_path, "FROM query('FROM lots')", limit=None, seconds=30)
        with pytest.raises(CantAsk) as wrong:
            ask(tmp_path, "SELECT nothing FROM lots", limit=None, seconds=30)
        assert "quack_query" not in str(wrong.value) and "nothing" in str(wrong.value)
        transactions = len(writer.end())
    after = ask(tmp_path, COUNT, limit=None, seconds=30)
    assert not after.live and after.note == ""
    assert after.rows == [(transactions * ROWS_EACH,)]
    assert ask(tmp_path, CATALOGUE, limit=None, seconds=30).rows == listed


@needs_quack
def test_after_a_kill_the_file_is_read(tmp_path: Path) -> None:
    """What the killed one left behind is tried, told and passed over."""
    with writing(tmp_path) as writer:
        process = writer.process.pid
        writer.process.kill()
        writer.process.join(PATIENCE_SECONDS)
    done = call(COUNT, "--output", str(tmp_path), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["entries"] % ROWS_EACH == 0
    assert f"process {process}, which served it at quack:127.0.0.1:" in done.stderr
    assert "read from its file" in done.stderr


@needs_quack
def test_a_writer_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        assert writer.process.pid is not None
        os.kill(writer.process.pid, signal.SIGSTOP)
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import typer; from scripts.commands.sql import sql; typer.run(sql)",
                *(COUNT, "--output", str(tmp_path), "--seconds", "1"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("kizuna: no answer within 1 s")


def test_a_writer_that_does_not_serve_is_named(tmp_path: Path) -> None:
    with writing(tmp_path, serving=False):
        done = call(COUNT, "--output", str(tmp_path))
    assert done.exit_code == 1
    assert "is being written, and the run that writes it doesn't serve it" in done.stderr


def test_a_file_is_read_without_quack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "announced", lambda _: announce(folder / "left", "quack:x:1"))

    def none(_: object) -> None:
        raise NoQuack("it isn't installed")

    monkeypatch.setattr(asking, "load_quack", none)
    answer = ask(folder, COUNT, limit=None, seconds=30)
    assert answer.rows == [(ROWS_EACH,)] and not answer.live
    assert "it isn't installed" in answer.note


def test_without_a_statement_all_is_listed_with_its_comment(folder: Path) -> None:
    rows = ask(folder, CATALOGUE, limit=None, seconds=30).rows
    assert {(name, comment) for name, _, comment in rows} == {
        (one.name, one.comment) for one in (*TABLES, *VIEWS) if not one.name.startswith("_")
    }
    assert [kind for _, kind, _ in rows] == ["view"] * len(VIEWS) + ["table"] * (len(TABLES) - 1)
    shown = call("--output", str(folder))
    assert shown.exit_code == 0 and "member_360" in shown.stdout


def test_a_table_is_cut_and_says_so(folder: Path) -> None:
    done = call("SELECT n FROM range(1000, 1300) t(n)", "--output", str(folder))
    assert "1099" in done.stdout and "1100" not in done.stdout
    assert "only the first 100 rows" in done.stderr and "--csv" in done.stderr
    whole = call("SELECT n FROM range(1000, 1100) t(n)", "--output", str(folder))
    assert "1099" in whole.stdout and whole.stderr == ""


def test_csv_and_json_have_all_rows_and_types(folder: Path) -> None:
    statement = (
        "SELECT n, n * 0.5::DECIMAL(4, 1) AS half, 'a \"b\"\n;' AS text, NULL AS nothing, "
        "[n] AS list, TIMESTAMP '2017-01-01 05:00:00' AS at FROM range(150) t(n) ORDER BY n"
    )
    lines = call(statement, "--output", str(folder), "--json").stdout.splitlines()
    assert len(lines) == 150
    assert json.loads(lines[3]) == {
        "n": 3,
        "half": 1.5,
        "text": 'a "b"\n;',
        "nothing": None,
        "list": [3],
        "at": "2017-01-01T05:00:00",
    }
    text = call(statement, "--output", str(folder), "--csv", "--limit", "2").stdout
    assert text == (
        "n,half,text,nothing,list,at\n"
        '0,0.0,"a ""b""\n;",,[0],2017-01-01 05:00:00\n'
        '1,0.5,"a ""b""\n;",,[1],2017-01-01 05:00:00\n'
    )


def test_square_brackets_are_no_markup(folder: Path) -> None:
    assert "[red]all[/red]" in call("SELECT '[red]all[/red]' AS x", "--output", str(folder)).stdout


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE ledger_entries",
        "INSERT INTO parameters VALUES ('x', 1, 'y')",
        "SELECT 1; SELECT 2",
        "COPY lots TO 'lots.csv'",
        "ATTACH 'other.duckdb'",
        "SET threads = 1",
        "",
    ],
)
def test_what_does_not_read_is_refused(folder: Path, statement: str) -> None:
    with pytest.raises(CantAsk, match="one statement that reads"):
        ask(folder, statement, limit=None, seconds=30)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT FROM", "syntax error"),
        ("FROM nowhere", "nowhere does not exist"),
        ("FROM read_csv('/etc/passwd')", "file system operations are disabled"),
        ("FROM folder", "folder does not exist"),
        ("EXPLAIN ANALYZE DELETE FROM lots", "read-only"),
    ],
)
def test_what_cannot_be_asked_is_said(folder: Path, statement: str, said: str) -> None:
    with pytest.raises(CantAsk, match=said):
        ask(folder, statement, limit=None, seconds=30)


def test_a_time_with_a_zone_needs_a_package_and_says_so(folder: Path) -> None:
    """Where pytz isn't, which other packages may bring along."""
    code = (
        "import sys; sys.modules['pytz'] = None; from pathlib import Path; "
        "from scripts.sql import ask; "
        f"ask(Path({str(folder)!r}), 'SELECT now()', limit=None, seconds=30)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "CantAsk: a time with a time zone can't be shown" in done.stderr


def test_time_is_limited(folder: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TookTooLong, match=r"no answer within 0\.5 s"):
        ask(folder, ENDLESS, limit=None, seconds=0.5)
    assert time.monotonic() - begun < 10


def test_a_folder_without_a_warehouse_is_wrong_usage(tmp_path: Path) -> None:
    done = call(COUNT, "--output", str(tmp_path))
    assert done.exit_code == 2 and "must be a folder that holds warehouse.duckdb" in done.stderr
    both = call(COUNT, "--output", str(tmp_path), "--json", "--csv")
    assert both.exit_code == 2


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(b"something else" * 1000)
    with pytest.raises(NoAnswer, match=r"warehouse\.duckdb"):
        ask(tmp_path, COUNT, limit=None, seconds=30)
