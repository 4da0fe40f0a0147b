"""Start, watch and end the worker processes of a run; go on where the last one stopped.

In: input files and an output folder. Out: the warehouse, triggers and quarantine, with
the journal and recovery store beside them. The same call again resumes after a crash,
and reads further files after a clean end. What the loop left in `commands/` is applied, too,
and what operators order while it is, until nothing is left.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec

from config.deployment import Deployment
from config.secret_keys import decode_settings
from pipelines import recovery
from pipelines.assemble import read_configuration
from pipelines.command_files import COMMANDS, write_given
from pipelines.erase import erase_at_rest, finish
from pipelines.foundation import (
    FILES,
    config_hash,
    refuse_changed_config,
    refuse_other_foundation,
    refuse_outputs_behind,
)
from pipelines.loyalty import READ_STEP
from pipelines.plan import Plan
from pipelines.processes import RunRefused, Worker, exclusive, free_addresses, watch
from pipelines.sources import journal as journals
from pipelines.sources.alignment import Alignment
from pipelines.sources.file_stamps import check_order
from pipelines.sources.files import part_name
from pipelines.sources.records import BATCH_BYTES
from pipelines.tombstones import take_over
from sinks.duckdb.create import create_warehouse
from sinks.duckdb.runs import Run, end_run, latest_run, start_run
from sinks.files import create_files
from sinks.position import OutputBehind
from transforms.decode import Decoder

Progress = Callable[[int, int], None]
"""Called with bytes read and bytes in all."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """`as_of`: ms UTC, where time ends and clocks are bounded; None: with the input."""

    inputs: Sequence[Path]
    output: Path
    config: Path
    workers: int = 1
    as_of: int | None = None
    epoch_ms: int | None = None
    """How often state is saved: what a crash makes the next run do again. None: by the size of the
    input, since each save writes the state of all whom it tells of."""
    batch_bytes: int = BATCH_BYTES
    erased: Path | None = None
    """Tombstones of another output over the same events; for a fresh output."""


@dataclass(kw_only=True)
class RunSummary:
    """What a run did. `generations`: how many sets of new files it finished; `given`: commands
    that operators ordered on the way, and that were applied as well; `erased`: people who had asked
    to be forgotten."""

    records: int = 0
    generations: int = 0
    given: int = 0
    erased: int = 0
    purged: int = 0
    seconds: float = 0.0
    files: list[str] = field(default_factory=list)


def run(options: RunOptions, progress: Progress | None = None) -> RunSummary:
    """Read everything that is new; returns once it is all in the warehouse.

    Raises RunRefused or WorkerFailed, see `pipelines.processes`.
    """
    began = time.monotonic()
    summary = RunSummary()
    options.output.mkdir(parents=True, exist_ok=True)
    with exclusive(options.output) as lock:
        (options.output / "journal").mkdir(exist_ok=True)
        path = options.output / "journal" / "generations.json"
        deployment = read_configuration(options.config)
        summary.erased += len(finish(options.output, deployment))
        journal = journals.load(path, _now(), options.as_of)
        refuse_other_foundation(journal, deployment, FILES)
        if options.erased is not None:
            take_over(options.erased, options.output, begun=bool(journal.generations))
        try:
            inputs = journals.find_inputs(options.inputs)
            summary.given += _close_loop(options, journal)
            while generation := journals.next_generation(journal, inputs, _commands(options)):
                if generation.number > journal.begun:
                    _refuse_disorder(deployment, generation, journal.as_of)
                    journal.begun = generation.number
                journals.save(path, journal)
                _GenerationRun(options, journal, generation).execute(lock, summary, progress)
                journals.save(path, journal)
                summary.given += _close_loop(options, journal)
        except journals.InputChanged as changed:
            raise RunRefused(f"--input: {changed}") from changed
        if not inputs:
            raise RunRefused(
                f"--input: must hold .jsonl or .avro files; got none in "
                f"{', '.join(map(str, options.inputs))}; "
                "`kizuna generate --output DIR` makes some to try"
            )
        summary.erased += len(erase_at_rest(options.output, deployment))
    summary.seconds = time.monotonic() - began
    return summary


class _GenerationRun:
    """One generation of input files, from the first record or where it stopped to the last."""

    def __init__(
        self,
        options: RunOptions,
        journal: journals.Journal,
        generation: journals.Generation,
    ) -> None:
        self._options = options
        self._journal = journal
        self._generation = generation
        self._output = options.output
        self._warehouse = options.output / "warehouse.duckdb"

    def execute(self, lock: IO[bytes], summary: RunSummary, progress: Progress | None) -> None:
        """Prepare the stores, run the workers, write down how far time has come."""
        create_warehouse(self._warehouse)
        create_files(self._output)
        before = latest_run(self._warehouse)
        if before is not None and before.generation == self._generation.number:
            refuse_changed_config(before, self._options.config, self._output)
        run_id = start_run(self._warehouse, self._row())
        names = [part_name(self._generation, file) for file in self._generation.files]
        try:
            summary.purged += recovery.prepare(self._output / "recovery", READ_STEP, names)
            refuse_outputs_behind(self._output)
        except (recovery.StoreIncomplete, OutputBehind) as refused:
            raise RunRefused(str(refused)) from refused
        slots = self._output / "journal" / "alignment.slots"
        Alignment.reset(slots, names)
        alignment = Alignment(slots, names)
        size = sum(file.size for file in self._generation.files)
        plan_file = self._write_plan(size)
        watch(
            [Worker(plan_file, number, lock) for number in range(self._options.workers)],
            lambda: progress(alignment.totals()[1], size) if progress else None,
        )
        records, _ = alignment.totals()
        self._generation.ended_at = alignment.greatest() + 1
        end_run(self._warehouse, run_id, ended_at=_now(), outcome="done", events=records)
        summary.records += records
        summary.generations += 1
        summary.files += [file.name for file in self._generation.files]

    def _row(self) -> Run:
        return Run(
            generation=self._generation.number,
            started_at=_now(),
            as_of=self._journal.as_of,
            input=self._input(),
            workers=self._options.workers,
            config_hash=config_hash(self._options.config),
            kizuna_version=version("kizuna"),
        )

    def _input(self) -> str:
        if self._generation.commands:
            return str(self._output / COMMANDS)
        return ", ".join(map(str, self._options.inputs))

    def _write_plan(self, size: int) -> Path:
        workers = self._options.workers
        plan = Plan(
            output=str(self._output.resolve()),
            config=str(self._options.config.resolve()),
            generation=self._generation,
            bound_at=self._journal.as_of,
            ends_at=None if self._generation.more else self._options.as_of,
            addresses=free_addresses(workers) if workers > 1 else [],
            batch_bytes=self._options.batch_bytes,
            epoch_ms=self._options.epoch_ms or _epoch_ms(size),
            parent=os.getpid(),
        )
        plan_file = self._output / "journal" / "plan.json"
        plan_file.write_bytes(msgspec.json.encode(plan))
        return plan_file


def _close_loop(options: RunOptions, journal: journals.Journal) -> int:
    """Write what operators gave in the generations that have ended; how many commands. Whatever
    is interrupted here is done again, since the same commands are the same file."""
    last = len(journal.generations)
    if journal.given == last or journal.generations[-1].ended_at is None:
        return 0
    given = write_given(options.output, journal)
    journal.given = last
    journals.save(options.output / "journal" / "generations.json", journal)
    return given


def _epoch_ms(size: int) -> int:
    """Ten seconds for each 100 MB of input, at least one such and at most thirty."""
    return min(max(size // 100_000_000, 1), 30) * 10_000


def _commands(options: RunOptions) -> list[journals.InputFile]:
    """The files of the output's loop, those included that this run has led to."""
    folder = options.output / COMMANDS
    return journals.find_inputs([folder]) if folder.is_dir() else []


def _refuse_disorder(
    deployment: Deployment, generation: journals.Generation, bound_at: int
) -> None:
    """All files that must be sorted first, at once, while nothing has been read yet."""
    decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
    found = (check_order(file, decoder.received_at, bound_at) for file in generation.files)
    wrong = [message for message in found if message is not None]
    if wrong:
        raise RunRefused("--input: " + "\n".join(wrong))


def _now() -> int:
    return int(time.time() * 1000)
