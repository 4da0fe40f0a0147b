"""A live run: workers that read Kafka until they are asked to stop, and begin again if one dies.

In: a broker's topics and an output folder. Out: the warehouse, the output topics and the
archive. SIGTERM or SIGINT asks the workers to stop: they take in nothing more, finish what is on
its way and save their state; the same call goes on from there. A worker that dies takes its peers
with it, and all are started again from the last snapshot, a bounded number of times.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec

from pipelines import recovery
from pipelines.assemble import read_configuration
from pipelines.foundation import (
    KAFKA,
    config_hash,
    refuse_changed_config,
    refuse_other_foundation,
    refuse_outputs_behind,
)
from pipelines.loyalty import READ_STEP
from pipelines.plan import Plan
from pipelines.processes import (
    RunRefused,
    Worker,
    WorkerFailed,
    exclusive,
    free_addresses,
    watch,
)
from pipelines.sources import journal as journals
from pipelines.sources.alignment import Alignment
from pipelines.sources.kafka.source import lane_names
from pipelines.stopping import Stopping
from schemas.settings import Settings
from sinks.duckdb.create import create_warehouse
from sinks.duckdb.runs import Run, end_run, latest_run, start_run
from sinks.position import OutputBehind

RESTARTS_MAX = 5
"""Starts after a failure within `RESTARTS_WITHIN_SECONDS`; one more, and the run gives up."""
RESTARTS_WITHIN_SECONDS = 600.0
PAUSE_SECONDS_MAX = 10.0
STOPPED = "stopped"
"""The outcome of a run that was asked to stop, and did."""


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """`metrics_port`: process i serves metrics and health on port + i; None: not at all."""

    output: Path
    config: Path
    workers: int = 1
    metrics_port: int | None = None
    sql_port: int | None = None
    """Where the warehouse is served while it is written; None: not at all."""
    stop_seconds: float = 120.0
    """How long workers may take to end once they were asked to."""
    restarts_max: int = RESTARTS_MAX


def run_live(options: LiveOptions, said: Callable[[str], None]) -> None:
    """Run until asked to stop; `said` is told of starts, failures and the end, a line each.

    Raises RunRefused or WorkerFailed, see `pipelines.processes`.
    """
    output = options.output
    output.mkdir(parents=True, exist_ok=True)
    with exclusive(output) as lock:
        deployment = read_configuration(options.config)
        settings = deployment.settings
        lanes = lane_names(settings.kafka.lanes)
        (output / "journal").mkdir(exist_ok=True)
        path = output / "journal" / "generations.json"
        journal = journals.load(path, _now(), None)
        reads = f"{KAFKA}, {len(lanes)} lanes"
        refuse_other_foundation(journal, deployment, reads)
        journals.save(path, journal)
        warehouse = output / "warehouse.duckdb"
        create_warehouse(warehouse)
        before = latest_run(warehouse)
        if before is not None and before.outcome != STOPPED:
            refuse_changed_config(before, options.config, output)
        run_id = start_run(warehouse, _row(options, settings.kafka.brokers))
        stop_file = output / "journal" / "stop"
        Stopping.reset(stop_file)
        stopping = Stopping(stop_file)
        with _asked_by_signals(stopping):
            _keep_running(options, settings, lock, stopping, said)
        end_run(warehouse, run_id, ended_at=_now(), outcome=STOPPED)
        said("stopped: all is saved; the same command goes on from here")


def _keep_running(
    options: LiveOptions,
    settings: Settings,
    lock: IO[bytes],
    stopping: Stopping,
    said: Callable[[str], None],
) -> None:
    failed_at: deque[float] = deque()
    while True:
        _prepare(options.output, settings)
        plan_file = _write_plan(options, settings.kafka.epoch_ms)
        workers = [Worker(plan_file, number, lock) for number in range(options.workers)]
        said(f"{options.workers} worker{'s' if options.workers > 1 else ''} started")
        try:
            watch(workers, _Patience(stopping, options.stop_seconds, workers, said))
            return
        except WorkerFailed as failure:
            now = time.monotonic()
            failed_at.append(now)
            while failed_at[0] < now - RESTARTS_WITHIN_SECONDS:
                failed_at.popleft()
            if stopping.asked() or len(failed_at) > options.restarts_max:
                raise
            pause = min(PAUSE_SECONDS_MAX, 0.5 * 2 ** (len(failed_at) - 1))
            said(f"starting again in {pause:g} s from the last snapshot: {failure}")
            time.sleep(pause)


class _Patience:
    """Called while workers run: says that one is suspended, and gives up on a stop that hangs."""

    def __init__(
        self,
        stopping: Stopping,
        seconds: float,
        workers: list[Worker],
        said: Callable[[str], None],
    ) -> None:
        self._stopping = stopping
        self._seconds = seconds
        self._workers = workers
        self._said = said
        self._asked_at: float | None = None
        self._suspended: set[int] = set()

    def __call__(self) -> None:
        suspended = {worker.number for worker in self._workers if worker.suspended}
        for number in sorted(suspended - self._suspended):
            self._said(f"worker {number} is suspended; the others wait until it goes on")
        self._suspended = suspended
        if not self._stopping.asked():
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._said("asked to stop: finishing what is on its way")
        elif time.monotonic() - self._asked_at > self._seconds:
            raise WorkerFailed(
                f"workers must end within {self._seconds:g} s of being asked to; they did not and "
                "were killed; run the same command again: it resumes from the last snapshot"
            )


def _prepare(output: Path, settings: Settings) -> None:
    """Make the stores safe to start from; no worker may be running."""
    lanes = lane_names(settings.kafka.lanes)
    try:
        recovery.prepare(output / "recovery", READ_STEP, lanes)
        refuse_outputs_behind(output)
    except (recovery.StoreIncomplete, OutputBehind) as refused:
        raise RunRefused(str(refused)) from refused
    Alignment.reset(output / "journal" / "alignment.slots", lanes, settings.key_groups)
    (output / "journal" / "promises").mkdir(exist_ok=True)


def _write_plan(options: LiveOptions, epoch_ms: int) -> Path:
    plan = Plan(
        output=str(options.output.resolve()),
        config=str(options.config.resolve()),
        addresses=free_addresses(options.workers) if options.workers > 1 else [],
        epoch_ms=epoch_ms,
        parent=os.getpid(),
        metrics_port=options.metrics_port,
        sql_port=options.sql_port,
    )
    plan_file = options.output / "journal" / "plan.json"
    plan_file.write_bytes(msgspec.json.encode(plan))
    return plan_file


def _row(options: LiveOptions, brokers: str) -> Run:
    return Run(
        generation=0,
        started_at=_now(),
        as_of=_now(),
        input=f"kafka {brokers}",
        workers=options.workers,
        config_hash=config_hash(options.config),
        kizuna_version=version("kizuna"),
    )


@contextmanager
def _asked_by_signals(stopping: Stopping) -> Iterator[None]:
    """SIGTERM and SIGINT ask the workers to stop; they themselves ignore both."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: stopping.ask())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _now() -> int:
    return int(time.time() * 1000)
