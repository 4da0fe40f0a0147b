"""A live run: workers that read Kafka until they are asked to stop, and begin again if one dies.

In: a broker's topics and an output folder. Out: the warehouse, the output topics and the
archive. SIGTERM or SIGINT asks the workers to stop: they take in nothing more, finish what is on
its way and save their state; the same call goes on from there. A worker that dies takes its peers
with it, and all are started again from the last snapshot, a bounded number of times.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec

from config.deployment import Deployment
from pipelines import recovery
from pipelines.agreement import agreement
from pipelines.assemble import read_configuration
from pipelines.cluster import Cluster
from pipelines.erase import erase_at_rest
from pipelines.foundation import (
    KAFKA,
    config_hash,
    refuse_changed_config,
    refuse_other_foundation,
    refuse_outputs_behind,
)
from pipelines.hosts import Hosts, hosts_of
from pipelines.loyalty import READ_STEP
from pipelines.patience import Patience
from pipelines.plan import Plan
from pipelines.processes import (
    RunRefused,
    Worker,
    WorkerFailed,
    exclusive,
    watch,
)
from pipelines.sources import journal as journals
from pipelines.sources.alignment import Alignment
from pipelines.sources.kafka.source import lane_names
from pipelines.stopping import Stopping, asked_by_signals
from sinks.duckdb.create import LayoutMismatch, create_warehouse
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
    addresses: Sequence[str] = ()
    """host:port of each host of the cluster; empty: as the settings say."""
    host: int | None = None
    """Which of them this is; None: as the settings say."""


def run_live(options: LiveOptions, said: Callable[[str], None]) -> None:
    """Run until asked to stop; `said` is told of starts, failures and the end, a line each.

    Raises RunRefused or WorkerFailed, see `pipelines.processes`.
    """
    deployment = read_configuration(options.config)
    named = deployment.settings.cluster
    hosts = hosts_of(
        options.addresses or named.addresses,
        named.host if options.host is None else options.host,
        options.workers,
    )
    options.output.mkdir(parents=True, exist_ok=True)
    with exclusive(options.output, hosts.here, hosts.count) as lock:
        run = _LiveRun(options, deployment, hosts, lock, said)
        with asked_by_signals(run.stopping), run.cluster.taking_part():
            run.lead() if run.cluster.leads else run.follow()


class _LiveRun:
    """The part of one host: the one that leads, or another."""

    def __init__(
        self,
        options: LiveOptions,
        deployment: Deployment,
        hosts: Hosts,
        lock: IO[bytes],
        said: Callable[[str], None],
    ) -> None:
        self._options = options
        self._deployment = deployment
        self._settings = deployment.settings
        self._hosts = hosts
        self._lock = lock
        self._said = said
        self._output = options.output
        self._lanes = lane_names(self._settings.kafka.lanes)
        self._plan = Plan(
            output=str(options.output.resolve()),
            config=str(options.config.resolve()),
            epoch_ms=self._settings.kafka.epoch_ms,
            metrics_port=options.metrics_port,
            sql_port=options.sql_port,
            host=hosts.here,
            parent=os.getpid(),
        )
        journal = options.output / "journal"
        journal.mkdir(exist_ok=True)
        Stopping.reset(self._plan.stop_file)
        self.stopping = Stopping(self._plan.stop_file)
        agreed = agreement(hosts, options.config, deployment)
        self.cluster = Cluster(journal, hosts, agreed, self.stopping, said)

    def lead(self) -> None:
        """Prepare the stores and let all hosts start, again after failures, until asked to stop."""
        if not self.cluster.gather():
            self._said("stopped: nothing had been started")
            return
        warehouse = self._output / "warehouse.duckdb"
        self._found(warehouse)
        erased = len(erase_at_rest(self._output, self._deployment))
        if erased:
            self._said(f"erased {erased:,} who had asked to be forgotten")
        run_id = start_run(warehouse, self._row())
        failed_at: deque[float] = deque()
        while True:
            self._prepare()
            self.cluster.begin()
            try:
                self._work()
                break
            except WorkerFailed as failure:
                now = time.monotonic()
                failed_at.append(now)
                while failed_at[0] < now - RESTARTS_WITHIN_SECONDS:
                    failed_at.popleft()
                if self.stopping.asked() or len(failed_at) > self._options.restarts_max:
                    raise
                pause = min(PAUSE_SECONDS_MAX, 0.5 * 2 ** (len(failed_at) - 1))
                self._said(f"starting again in {pause:g} s from the last snapshot: {failure}")
                self.cluster.pause(pause)
                if not self.cluster.gather():
                    raise
        end_run(warehouse, run_id, ended_at=_now(), outcome=STOPPED)
        self._said("stopped: all is saved; the same command goes on from here")

    def follow(self) -> None:
        """Take part in whatever start the leader makes, until asked to stop."""
        while self.cluster.join() is not None:
            try:
                self._work()
            except WorkerFailed as failure:
                if self.stopping.asked():
                    raise
                self._said(f"until host 0 starts all again: {failure}")
                continue
            self._said("stopped: all is saved; the same command goes on from here")
            return
        self._said("stopped: nothing was running")

    def _found(self, warehouse: Path) -> None:
        """Refuse what rests on something else; make the warehouse if there is none."""
        path = self._output / "journal" / "generations.json"
        journal = journals.load(path, _now(), None)
        reads = f"{KAFKA}, {len(self._lanes)} lanes"
        refuse_other_foundation(journal, self._deployment, reads)
        journals.save(path, journal)
        try:
            create_warehouse(warehouse)
        except LayoutMismatch as mismatch:
            raise RunRefused(str(mismatch)) from mismatch
        before = latest_run(warehouse)
        if before is not None and before.outcome != STOPPED:
            refuse_changed_config(before, self._options.config, self._output)

    def _prepare(self) -> None:
        """Make the stores safe to start from; no worker may be running."""
        try:
            recovery.prepare(self._output / "recovery", READ_STEP, self._lanes)
            refuse_outputs_behind(self._output)
        except (recovery.StoreIncomplete, OutputBehind) as refused:
            raise RunRefused(str(refused)) from refused
        (self._output / "journal" / "promises").mkdir(exist_ok=True)

    def _work(self) -> None:
        """This host's workers, from a start to an end that all hosts share."""
        options, hosts = self._options, self._hosts
        slots = self._plan.slots_file
        Alignment.reset(slots, self._lanes, self._settings.key_groups)
        store = recovery.share(self._output / "recovery", hosts.here, hosts.count)
        plan = msgspec.structs.replace(
            self._plan, addresses=hosts.process_addresses(), recovery=str(store.resolve())
        )
        plan_file = self._output / "journal" / f"plan-{hosts.here}.json"
        plan_file.write_bytes(msgspec.json.encode(plan))
        self.cluster.run(Alignment(slots, self._lanes, self._settings.key_groups))
        failed = "its launcher failed"
        try:
            workers = [Worker(plan_file, number, self._lock) for number in hosts.processes]
            self._said(f"{options.workers} worker{'s' if options.workers > 1 else ''} started")
            patience = Patience(
                self.stopping, options.stop_seconds, workers, self._said, self.cluster.watch
            )
            watch(workers, patience)
            failed = ""
        except WorkerFailed as failure:
            failed = str(failure)
            raise
        finally:
            self.cluster.end(failed)
        self.cluster.finish(options.stop_seconds)

    def _row(self) -> Run:
        return Run(
            generation=0,
            started_at=_now(),
            as_of=_now(),
            input=f"kafka {self._settings.kafka.brokers}",
            workers=self._hosts.count * self._hosts.workers,
            config_hash=config_hash(self._options.config),
            kizuna_version=version("kizuna"),
        )


def _now() -> int:
    return int(time.time() * 1000)
