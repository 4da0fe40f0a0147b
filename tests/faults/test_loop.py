"""What operators order over files comes back as input, once, whatever dies in between."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kafka_live import CONFIG
from kafka_seen import rows
from killing import hashes
from orders import AT, DAY, POINTS, story

from pipelines.launch import RunOptions, run

DYING = Path(__file__).with_name("dying_loop.py")
SECONDS_MAX = 120


def started(*command):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=CONFIG.parent,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def kizuna(*arguments):
    done = started("-m", "scripts.cli", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def balances(output):
    return dict(
        rows(output / "warehouse.duckdb", "SELECT member_id, available + pending FROM members")
    )


def ordered(output):
    """The events of each file of the loop, by the file's name."""
    return {
        file.name: [json.loads(line) for line in file.read_bytes().splitlines()]
        for file in sorted((output / "commands").iterdir())
    }


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orders")
    (folder / "all.jsonl").write_text("".join(json.dumps(one) + "\n" for one in story()))
    return folder


@pytest.fixture(scope="module")
def undisturbed(events, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    said = kizuna("run", "--input", events, "--output", output, "--workers", 2)
    assert "commands that this led to were applied as well" in said
    return output


def test_what_is_ordered_is_applied_until_nothing_is_left(events, undisturbed):
    journal = json.loads((undisturbed / "journal" / "generations.json").read_bytes())
    first, *rounds = journal["generations"]
    assert not first.get("commands") and len(rounds) >= 1
    files = ordered(undisturbed)
    assert [file["name"] for one in rounds for file in one["files"]] == list(files)
    for one in rounds:
        given = [event for file in one["files"] for event in files[file["name"]]]
        # Where time had come to: nothing later was known when it was ordered.
        assert {event["received_at"] for event in given} == {one["floor"]}
        assert one["commands"] and AT + 10 * DAY < one["floor"] < AT + 11 * DAY
    assert balances(undisturbed) == POINTS
    everything = [event["event_id"] for given in files.values() for event in given]
    assert len(everything) == len(set(everything))
    given = rows(undisturbed / "warehouse.duckdb", "SELECT command_id FROM loop_commands")
    assert sorted(one for (one,) in given) == sorted(everything)
    again = run(RunOptions(inputs=[events], output=undisturbed, config=CONFIG))
    assert (again.generations, again.given) == (0, 0)
    assert ordered(undisturbed) == files


def test_a_rebuild_reads_them_and_orders_none(undisturbed, tmp_path):
    rebuilt = tmp_path / "rebuilt"
    kizuna("rebuild", "--input", undisturbed, "--output", rebuilt, "--no-gate")
    assert "Equal" in kizuna("reconcile", undisturbed, rebuilt)
    assert not (rebuilt / "commands").exists()
    assert balances(rebuilt) == POINTS


def test_kill_9_wherever_the_loop_closes(events, undisturbed, tmp_path):
    """Each start dies further on, the last one in a further round, and nothing is doubled."""
    output = tmp_path / "out"
    for where in ("before_file", "within_file", "unnamed", "named", "applied"):
        died = started(DYING, events, output, CONFIG, where)
        assert died.returncode == -signal.SIGKILL, (where, died.stderr)
    ended = started(DYING, events, output, CONFIG, "never")
    assert ended.returncode == 0, ended.stderr
    assert ordered(output) == ordered(undisturbed)
    assert hashes(output) == hashes(undisturbed)


def test_whoever_begins_anew_with_the_commands_gives_none_of_them(events, undisturbed, tmp_path):
    """They were read, so that they are no news."""
    anew = tmp_path / "anew"
    inputs = [events, undisturbed / "commands"]
    assert run(RunOptions(inputs=inputs, output=anew, config=CONFIG)).given == 0
    assert not (anew / "commands").exists()
    assert balances(anew) == POINTS
