"""The demo: one command from nothing to the report; what it deletes and what it never does."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from scripts import import_completejourney
from scripts.commands.show import progress_bar
from scripts.demo import clear_run, make_input
from scripts.till_mistakes import FIRST_AT, mistakes
from scripts.traffic.city import OutputExists

ROOT = Path(__file__).parents[2]
HOUSEHOLDS = 8


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder of a small demo, and what it printed."""
    output = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "scripts.cli", "demo", "--households", str(HOUSEHOLDS)]
    done = subprocess.run(
        [*command, "--workers", "1", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return output, done.stdout


def test_the_report_and_the_day_are_there(shown: tuple[Path, str]) -> None:
    output, said = shown
    order = [
        "Made the input",
        "events per second",
        "Stitching against the truth",
        "Quarantined by reason",
        "Try next",
        "One member's day",
        "Hana joins",
        "She calls support",
        "Why no SMS? ──",
        "Where do her first points come from?",
        "What next?",
    ]
    assert [said.count(words) > 0 for words in order] == [True] * len(order)
    assert sorted(order, key=said.index) == order
    assert re.search(r"the run \d+\.\d s, [\d,]+ events, [\d,]+ events/s with 1 worker ·", said)
    assert (output / "run" / "triggers" / "push.jsonl").stat().st_size > 0


def test_mistakes_are_quarantined_each_for_its_reason(shown: tuple[Path, str]) -> None:
    output, _ = shown
    con = duckdb.connect(str(output / "run" / "warehouse.duckdb"), read_only=True)
    found = con.sql("SELECT reason FROM quarantine WHERE position LIKE '%till_mistakes%'")
    assert Counter(reason for (reason,) in found.fetchall()) == Counter(
        reason for reason, _ in mistakes()
    )


def test_mistakes_reach_nobody(shown: tuple[Path, str]) -> None:
    output, _ = shown
    con = duckdb.connect(str(output / "run" / "warehouse.duckdb"), read_only=True)
    for table in ("event_owners", "ledger_entries"):
        reached = con.sql(f"SELECT count(*) FROM {table} WHERE event_id LIKE 'mistake-%'")
        assert reached.fetchone() == (0,)
    for table in ("identity_links", "guests"):
        known = con.sql(
            f"SELECT count(*) FROM {table} AS known WHERE known::VARCHAR LIKE '%mistake%'"
        )
        assert known.fetchone() == (0,)


def test_mistakes_have_a_record_a_minute() -> None:
    assert len(mistakes()) < 60 and FIRST_AT.minute == 0
    assert all(b"\n" not in record for _, record in mistakes())


def test_the_input_is_used_again_and_made_again_when_it_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not make_input(tmp_path, 2, progress_bar)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "input").rglob("pos.jsonl")}
    assert make_input(tmp_path, 2, progress_bar)
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(import_completejourney, "import_completejourney", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_input(tmp_path, 3, progress_bar)
    assert not make_input(tmp_path, 2, progress_bar)  # what an interrupted one left isn't trusted


def test_an_earlier_run_goes_and_nothing_else(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "journal").mkdir(parents=True)
    (run / "journal" / "generations.json").write_text("{}")
    (run / "warehouse.duckdb").write_text("")
    clear_run(tmp_path)
    assert [path.name for path in run.iterdir()] == [".lock"]
    (run / "warehouse.duckdb").write_text("")
    (run / "my notes.txt").write_text("precious")
    with pytest.raises(OutputExists, match=r"my notes\.txt"):
        clear_run(tmp_path)
    assert (run / "warehouse.duckdb").exists() and (run / "my notes.txt").exists()


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "warehouse.duckdb").write_text("a real one")
    with pytest.raises(OutputExists, match="choose another --output"):
        make_input(tmp_path, 1, progress_bar)
    assert (tmp_path / "run" / "warehouse.duckdb").read_text() == "a real one"
