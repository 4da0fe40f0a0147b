"""Every programme that ships, killed, torn, rescaled and cut into runs: the same rows, once."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from all_programmes import slices, story, write
from kafka_seen import rows
from killing import committed, hashes, kill_at, run
from run_once import CONFIG

MEMBERS = 3
SEED = int(os.environ.get("KIZUNA_TEST_SEED", "20250301"))
SHARES = (0.1, 0.35, 0.6)
"""Of the input: where a worker is killed, at the least."""
SMALL = {"epoch_ms": 100, "batch_bytes": 4_096}
"""So that there are many epochs in which to die."""
DYING = Path(__file__).with_name("dying_loop.py")
SECONDS_MAX = 120


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("all-programmes")
    return write(story(MEMBERS, SEED), folder / "events")


@pytest.fixture(scope="module")
def undisturbed_years(events, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed-years")
    run([events], output)
    return hashes(output)


def die_at_loop(events, output, where):
    """The run dies where what it ordered is handed back to it."""
    died = subprocess.run(
        [sys.executable, str(DYING), str(events), str(output), str(CONFIG), where],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr


def tear(file, chance):
    """As a machine leaves a file that loses its power: half of a line more than was saved."""
    with file.open("ab") as torn:
        torn.write(b'{"trigger_id":"' + chance.randbytes(20).hex().encode())


def test_kills_and_torn_files(events, undisturbed_years, tmp_path):
    print(f"KIZUNA_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    amid = 0
    for number, share in enumerate(SHARES):
        workers = 1 + number % 2
        killed = kill_at([events], tmp_path, share, chance, workers=workers, **SMALL)
        assert killed, f"the run ended before it was killed at {share:.0%}"
        epoch, position = committed(tmp_path)
        amid += epoch > 1 and position > 0
        tear(tmp_path / "triggers" / "app.jsonl", chance)
    assert amid, "all kills were before the first commit"
    for where in ("within_file", "applied"):
        die_at_loop(events, tmp_path, where)
    run([events], tmp_path)
    assert hashes(tmp_path) == undisturbed_years
    sql = "SELECT count(*), count(DISTINCT entry_id) FROM ledger_entries"
    ((entries, distinct),) = rows(tmp_path / "warehouse.duckdb", sql)
    assert entries == distinct > 100


def test_slices_of_time_on_one_three_and_two_workers(tmp_path):
    """As one run by one worker. Without merges: an account is handed over when a run has ended."""
    told = story(2, SEED + 1, merged=False)
    whole = tmp_path / "whole"
    run([write(told, tmp_path / "events")], whole)
    for part, workers in zip(slices(told, 3, tmp_path / "parts"), (1, 3, 2), strict=True):
        run([part], tmp_path / "out", workers=workers)
    assert hashes(tmp_path / "out") == hashes(whole)
    for table in ("offers", "challenges", "memberships", "benefit_uses", "access"):
        assert rows(whole / "warehouse.duckdb", f"SELECT count(*) FROM {table}") > [(0,)]
