"""Processes that are started, watched and ended together; here shells, not Java."""

import subprocess
import time
from pathlib import Path

import pytest

from scripts.flink_processes import Ended, Processes, mark, stop_recorded

SECONDS_MAX = 10.0


def shell(folder: Path, script: str) -> list[str]:
    """A shell that carries the mark of the folder, as its first argument."""
    return ["/bin/sh", "-c", script, "sh", mark(folder), "end"]


def children(folder: Path, script: str) -> list[str]:
    """A shell that has a child, which names the folder too, and waits for it."""
    return shell(folder, f'/bin/sh -c "sleep 60; true" child "$1" end & {script} wait')


def running(folder: Path) -> int:
    shown = subprocess.run(
        ["ps", "-ww", "-eo", "state=,args="], capture_output=True, text=True, check=True, timeout=30
    ).stdout.splitlines()
    return sum(f"{mark(folder)} " in line and not line.startswith("Z") for line in shown)


def wait_for(folder: Path, count: int) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while running(folder) != count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(folder) == count


def test_stop_ends_what_they_started_too(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("one", children(tmp_path, ""))
    processes.start("other", children(tmp_path, ""))
    wait_for(tmp_path, 4)
    processes.stop()
    wait_for(tmp_path, 0)
    assert not stop_recorded(tmp_path)


def test_who_does_not_stop_is_killed(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("deaf", children(tmp_path, "trap '' TERM; echo deaf;"))
    wait_for(tmp_path, 2)
    deadline = time.monotonic() + SECONDS_MAX
    while "deaf" not in processes.log("deaf").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    began = time.monotonic()
    processes.stop(timeout=0.5)
    assert time.monotonic() - began >= 0.5
    wait_for(tmp_path, 0)


def test_another_process_stops_them_by_their_record(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("one", shell(tmp_path, "sleep 60 & wait"))
    wait_for(tmp_path, 1)
    assert stop_recorded(tmp_path)
    wait_for(tmp_path, 0)
    assert not stop_recorded(tmp_path)
    processes.stop()


def test_who_only_has_the_number_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stranger = Processes(elsewhere)
    stranger.start("one", shell(elsewhere, "sleep 60 & wait"))
    wait_for(elsewhere, 1)
    (elsewhere / "processes.json").rename(tmp_path / "processes.json")
    try:
        assert not stop_recorded(tmp_path)
        assert running(elsewhere) == 1
    finally:
        stranger.stop()


def test_an_end_is_noticed_with_what_was_said_last(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("short", shell(tmp_path, "echo out of memory; exit 1"))
    deadline = time.monotonic() + SECONDS_MAX
    with pytest.raises(Ended, match=r"short ended:\nout of memory\n.*short\.log"):
        while time.monotonic() < deadline:
            processes.demand_life()
            time.sleep(0.05)
    processes.stop()
