"""The rebuild on a real Flink of several processes: what it makes is what the local runner makes.

All tests share a cluster: a job manager, two task managers with a Python worker each, and Beam's
job server. They stand in the order in which they use it up: the last but one kills a task
manager, the last stops the rest.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broker import demanded

from pipelines.fold_history import RebuildOptions, RebuildSummary, parts_finished, rebuild
from pipelines.processes import RunRefused
from scripts.flink_cluster import Cluster, fetch
from scripts.flink_demo import work_by_task_manager
from scripts.generate import generate
from scripts.jars import java
from scripts.run import DEFAULT_CONFIG
from scripts.warehouse_hash import warehouse_hash

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".flink"
JOB_SECONDS = 240.0
GROUPS = 8


def options(inputs: Path, output: Path, *runner_args: str) -> RebuildOptions:
    return RebuildOptions(
        inputs=[inputs],
        output=output,
        config=DEFAULT_CONFIG,
        groups=GROUPS,
        runner_args=runner_args,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with demanded("Flink"):
        java()
        fetch(HOME)
    home = tmp_path_factory.mktemp("flink")
    (home / "jars").symlink_to(HOME / "jars")
    cluster = Cluster(home / "data", home=home, task_heap_mib=192)
    watcher = stopped_after_this_process(home)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        watcher.terminate()
        watcher.wait(30)


def stopped_after_this_process(home: Path) -> "subprocess.Popen[bytes]":
    """A process that stops the cluster once this one has ended, even by a kill."""
    wait = 'while kill -0 "$0" 2>/dev/null; do sleep 1; done; exec "$@"'
    stop = [sys.executable, "-m", "scripts.flink_cluster", "--home", str(home), "stop"]
    return subprocess.Popen(
        ["/bin/sh", "-c", wait, str(os.getpid()), *stop],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    generate(members=60, days=30, seed=12, output=folder, events_per_member_day=1.0)
    return folder / "events"


@pytest.fixture(scope="module")
def local(city: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RebuildSummary]:
    output = tmp_path_factory.mktemp("local")
    return output / "warehouse.duckdb", rebuild(options(city, output))


def newest_job(cluster: Cluster) -> dict[str, Any]:
    jobs = cluster.ask("jobs/overview")["jobs"]
    return cluster.ask("jobs/" + max(jobs, key=lambda job: job["start-time"])["jid"])


def test_the_tables_are_the_local_ones(
    cluster: Cluster, city: Path, local: tuple[Path, RebuildSummary], tmp_path: Path
) -> None:
    warehouse, summary = local
    there = rebuild(options(city, tmp_path / "out", *cluster.beam_options))
    assert warehouse_hash(tmp_path / "out" / "warehouse.duckdb") == warehouse_hash(warehouse)
    assert (there.records, there.refused) == (summary.records, summary.refused)
    assert there.rows == summary.rows > 1_000
    assert newest_job(cluster)["state"] == "FINISHED"
    worked = work_by_task_manager(cluster)
    assert len(worked) == 2, "each task manager must have had a share of the work"
    assert min(worked.values()) > sum(worked.values()) / 10, worked


def test_what_a_worker_refuses_is_said_as_locally(
    cluster: Cluster, city: Path, tmp_path: Path
) -> None:
    lines = (city / "2017-H1" / "pos.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "pos.jsonl").write_text("".join([*lines[1:], lines[0]]))
    said = []
    for output, runner in ((tmp_path / "here", []), (tmp_path / "there", cluster.beam_options)):
        with pytest.raises(RunRefused) as refused:
            rebuild(options(tmp_path / "pos.jsonl", output, *runner))
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert "pos.jsonl" in said[0]


def test_a_lost_task_manager_costs_no_row(
    cluster: Cluster, city: Path, local: tuple[Path, RebuildSummary], tmp_path: Path
) -> None:
    ours = options(city, tmp_path / "out", *cluster.beam_options)
    ended: list[RebuildSummary | Exception] = []

    def run() -> None:
        try:
            ended.append(rebuild(ours))
        except Exception as failure:
            ended.append(failure)

    running = threading.Thread(target=run, daemon=True)
    running.start()
    deadline = time.monotonic() + JOB_SECONDS
    while parts_finished(ours) < 2 * GROUPS and not ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not ended, "the fold ended before a task manager could be lost"
    cluster.kill("task-manager-1")
    running.join(max(1.0, deadline - time.monotonic()))
    assert len(ended) == 1, "the job must go on without it"
    assert isinstance(ended[0], RebuildSummary), ended[0]
    job = newest_job(cluster)
    assert cluster.ask(f"jobs/{job['jid']}/exceptions")["exceptionHistory"]["entries"]
    assert cluster.ask("overview")["taskmanagers"] == 1
    assert warehouse_hash(tmp_path / "out" / "warehouse.duckdb") == warehouse_hash(local[0])
    assert ended[0].rows == local[1].rows


def test_stopped_it_leaves_no_process(cluster: Cluster) -> None:
    before = processes_of(cluster.data)
    assert any("scripts.flink_worker" in process for process in before)
    cluster.stop()
    deadline = time.monotonic() + 15
    while processes_of(cluster.data) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(cluster.data) == []


def processes_of(data: Path) -> list[str]:
    """Of the cluster in a folder, workers too: each names it."""
    shown = subprocess.run(
        ["ps", "-ww", "-eo", "state=,pid=,args="],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    return [line for line in shown.splitlines() if str(data) in line and not line.startswith("Z")]
