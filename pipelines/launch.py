"""Start, watch and end the worker processes of a run; go on where the last one stopped.

In: input files and an output folder. Out: the warehouse, triggers and quarantine, with
the journal and recovery store beside them. The same call again resumes after a crash,
and reads further files after a clean end.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from pipelines import recovery
from pipelines.loyalty import READ_STEP
from pipelines.plan import Plan
from pipelines.sources import journal as journals
from pipelines.sources.alignment import Alignment
from pipelines.sources.files import part_name
from sinks.duckdb.create import create_warehouse
from sinks.files import create_files

REFUSED = 2
"""A worker's exit code when the input or configuration is wrong; its log says what."""
LOCK_WAIT_SECONDS = 5.0
POLL_SECONDS = 0.1

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all."""


class RunRefused(Exception):
    """The run can't start as asked; the message says what must be, what was got, what to do."""


class WorkerFailed(Exception):
    """A worker process ended early; the same run can be started again and resumes."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """`as_of`: ms UTC, where time ends and clocks are bounded; None: with the input."""

    inputs: Sequence[Path]
    output: Path
    config: Path
    workers: int = 1
    as_of: int | None = None
    epoch_ms: int = 10_000


@dataclass(kw_only=True)
class RunSummary:
    """What a run did. `generations`: how many sets of new files it finished."""

    records: int = 0
    generations: int = 0
    purged: int = 0
    seconds: float = 0.0
    files: list[str] = field(default_factory=list)


def run(options: RunOptions, progress: Progress | None = None) -> RunSummary:
    """Read everything that is new; returns once it is all in the warehouse."""
    began = time.monotonic()
    summary = RunSummary()
    options.output.mkdir(parents=True, exist_ok=True)
    with _exclusive(options.output) as lock:
        (options.output / "journal").mkdir(exist_ok=True)
        path = options.output / "journal" / "generations.json"
        journal = journals.load(path, int(time.time() * 1000), options.as_of)
        inputs = journals.find_inputs(options.inputs)
        if not inputs:
            raise RunRefused(
                f"--input: must hold .jsonl or .avro files; got none in "
                f"{', '.join(map(str, options.inputs))}; "
                "`kizuna generate --output DIR` makes some to try"
            )
        while generation := _next(journal, inputs):
            journals.save(path, journal)
            _run_generation(options, journal, generation, lock, summary, progress)
            journals.save(path, journal)
    summary.seconds = time.monotonic() - began
    return summary


def _next(
    journal: journals.Journal, inputs: list[journals.InputFile]
) -> journals.Generation | None:
    try:
        return journals.next_generation(journal, inputs)
    except journals.InputChanged as changed:
        raise RunRefused(f"--input: {changed}") from changed


def _run_generation(
    options: RunOptions,
    journal: journals.Journal,
    generation: journals.Generation,
    lock: IO[bytes],
    summary: RunSummary,
    progress: Progress | None,
) -> None:
    create_warehouse(options.output / "warehouse.duckdb")
    create_files(options.output)
    parts = [part_name(generation, file) for file in generation.files]
    summary.purged += recovery.prepare(options.output / "recovery", READ_STEP, parts)
    slots = options.output / "journal" / "alignment.slots"
    Alignment.reset(slots, parts)
    alignment = Alignment(slots, parts)
    plan = Plan(
        output=str(options.output.resolve()),
        config=str(options.config.resolve()),
        generation=generation,
        bound_at=journal.as_of,
        ends_at=options.as_of,
        addresses=_free_addresses(options.workers) if options.workers > 1 else [],
        epoch_ms=options.epoch_ms,
        parent=os.getpid(),
    )
    plan_file = options.output / "journal" / "plan.json"
    plan_file.write_bytes(msgspec.json.encode(plan))
    size = sum(file.size for file in generation.files)
    _watch(
        [_Worker(plan_file, number, lock) for number in range(options.workers)],
        lambda: progress(alignment.totals()[1], size) if progress else None,
    )
    records, _ = alignment.totals()
    generation.ended_at = alignment.greatest() + 1
    summary.records += records
    summary.generations += 1
    summary.files += [file.name for file in generation.files]


class _Worker:
    """One worker process; what it prints goes to a log beside the journal."""

    def __init__(self, plan_file: Path, number: int, lock: IO[bytes]) -> None:
        self.log = plan_file.parent / f"worker-{number}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.worker", str(plan_file), str(number)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
            )

    @property
    def code(self) -> int | None:
        return self.process.poll()


def _watch(workers: list[_Worker], tick: Callable[[], None]) -> None:
    """Wait for all of them; if one fails, end the others and say why."""
    try:
        while any(worker.code is None for worker in workers):
            tick()
            if any(worker.code not in (None, 0) for worker in workers):
                break
            time.sleep(POLL_SECONDS)
        tick()
        failed = [worker for worker in workers if worker.code not in (None, 0)]
    finally:
        for worker in workers:
            if worker.code is None:
                worker.process.kill()
            worker.process.wait()
    if not failed:
        return
    refused = [worker for worker in failed if worker.code == REFUSED]
    said = (refused or failed)[0].log.read_text(errors="replace").strip()
    if refused:
        raise RunRefused(said)
    raise WorkerFailed(
        f"a worker process must end with exit code 0; got {failed[0].code}; run the same command "
        f"again: it resumes from the last snapshot\n{said[-4000:]}"
    )


@contextmanager
def _exclusive(output: Path) -> Iterator[IO[bytes]]:
    """Hold the output folder; its workers hold it too, so that a zombie can't be overtaken."""
    with (output / ".lock").open("ab") as lock:
        give_up_at = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise RunRefused(
                        f"--output: must not be in use; another run still holds {output}; wait "
                        "until it ends, or end it"
                    ) from None
                time.sleep(POLL_SECONDS)
        yield lock


def _free_addresses(count: int) -> list[str]:
    """Loopback addresses that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()
