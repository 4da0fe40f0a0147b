"""`make flink`: a history rebuilt on a real Flink of several processes, and by the local runner.

Comes in: a folder of events, or none, and then a city is made. Goes out: both results under
`output`, and a comparison table by table on the terminal. Promised: exit code 0 only if the two
agree on every row; nothing is left running.

    python -m scripts.flink_demo --output out/flink [--input FOLDER] [--task-managers 2]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from pipelines.history import RebuildFailed
from pipelines.processes import RunRefused
from scripts.commands.show import say, table
from scripts.flink_cluster import HOME, Cluster, NoCluster
from scripts.generate import generate
from scripts.jars import NoJava
from scripts.rebuild import rebuild_shown
from scripts.warehouse_hash import warehouse_hash

MEMBERS, DAYS, SEED = 200, 60, 7


class Compared(NamedTuple):
    """A table of both results."""

    name: str
    rows: int
    equal: bool


def work_by_task_manager(cluster: Cluster) -> dict[str, int]:
    """How many elements each of them read in the newest job, over all its stages."""
    jobs = cluster.ask("jobs/overview")["jobs"]
    job: dict[str, Any] = cluster.ask(
        "jobs/" + max(jobs, key=lambda one: int(one["start-time"]))["jid"]
    )
    read: dict[str, int] = {}
    for stage in job["vertices"]:
        told = cluster.ask(f"jobs/{job['jid']}/vertices/{stage['id']}/taskmanagers")
        for one in told["taskmanagers"]:
            name = one["taskmanager-id"]
            read[name] = read.get(name, 0) + one["metrics"]["read-records"]
    return read


def compare(one: Path, other: Path) -> list[Compared]:
    """Both warehouses, table by table."""
    left, right = (warehouse_hash(path).tables for path in (one, other))
    with duckdb.connect(str(one), read_only=True) as con:
        rows = {name: con.sql(f'SELECT count(*) FROM "{name}"').fetchone() for name in left}
    return [
        Compared(name, (rows[name] or (0,))[0], left[name] == right.get(name))
        for name in sorted(left)
    ]


def demo(output: Path, input_: Path | None, task_managers: int) -> bool:
    """Rebuild twice and compare; whether they agree."""
    if input_ is None:
        generate(MEMBERS, DAYS, SEED, output / "city")
        input_ = output / "city" / "events"
        say(f"Made {MEMBERS} people's events of {DAYS} days: {input_}")
    here, there = output / "local", output / "flink"
    with tempfile.TemporaryDirectory(prefix="kizuna-flink-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder) / "data", home=HOME, task_managers=task_managers)
        try:
            say(f"Starting a job manager, {task_managers} task managers and Beam's job server")
            took = _timed(cluster.start)
            version = cluster.ask("overview")["flink-version"]
            say(f"Flink {version} takes jobs after {took:.0f} s, and shows them at {cluster.rest}")
            took = _timed(
                lambda: rebuild_shown(
                    [input_], there, gated=False, runner_args=cluster.beam_options
                )
            )
            work = work_by_task_manager(cluster)
        finally:
            cluster.stop()
    shares = ", ".join(f"{read / sum(work.values()):.0%}" for read in sorted(work.values()))
    say(f"Rebuilt on Flink in {took:.0f} s; the work of {len(work)} task managers: {shares}")
    took = _timed(lambda: rebuild_shown([input_], here, gated=False))
    say(f"Rebuilt here in {took:.0f} s")
    compared = compare(here / "warehouse.duckdb", there / "warehouse.duckdb")
    table(
        "Flink and the local runner",
        ("table", "rows", "content"),
        [(one.name, f"{one.rows:,}", "equal" if one.equal else "DIFFERS") for one in compared],
    )
    differ = [one.name for one in compared if not one.equal]
    say(f"Differ: {', '.join(differ)}" if differ else f"All {len(compared)} tables are equal")
    say(f"Look closer: kizuna reconcile {here} {there}")
    return not differ


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 equal, 1 not, or there is no cluster, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m scripts.flink_demo")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--input", type=Path, help="Default: a city is made.")
    parser.add_argument("--task-managers", type=int, default=2)
    asked = parser.parse_args(arguments)
    try:
        return 0 if demo(asked.output, asked.input, asked.task_managers) else 1
    except KeyboardInterrupt:
        return 130
    except RunRefused as refused:
        print(refused, file=sys.stderr)
        return 2
    except (NoCluster, NoJava, RebuildFailed) as failed:
        print(f"Flink {failed}" if isinstance(failed, NoJava) else failed, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
