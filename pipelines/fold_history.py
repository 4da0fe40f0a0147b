"""A history folded to a warehouse by Beam, and published once it is whole and found good.

In: files of events, an archive, or a run's output folder. Out: `warehouse.duckdb` and a Parquet
file a table under `tables/`. Nothing of an earlier rebuild in the same folder changes before the
new one is complete and has passed its gate.
"""

import logging
import os
import shlex
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

import apache_beam as beam
import msgspec
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipelines.assemble import read_configuration, stitch_operators
from pipelines.foundation import config_hash
from pipelines.history import History, NotPublished, RebuildFailed, find_history
from pipelines.processes import RunRefused, exclusive
from pipelines.rebuild import rebuild_pipeline
from pipelines.sources.file_stamps import InputOutOfOrder
from pipelines.tombstones import read_erased
from sinks.duckdb.create import create_warehouse
from sinks.duckdb.erased_totals import total_rows
from sinks.duckdb.gather import export, gather
from sinks.duckdb.runs import Run, end_run, start_run
from sinks.row_parts import RowParts

GROUPS: Final = 64
"""Key groups of a fold: a worker holds one of them at a time. The result doesn't depend on it."""
LOCAL_RUNNERS: Final = (None, "DirectRunner", "FnApiRunner")
UNFINISHED: Final = ".rebuilding"
REJECTED: Final = "rejected"

Gate = Callable[[Path], str]
"""Given an unpublished warehouse: what forbids to publish it; empty: nothing."""


@dataclass(frozen=True, kw_only=True)
class RebuildOptions:
    """`as_of`: as for a run, ms UTC. `workers`: processes of the local runner. `runner_args`: for
    Beam, as its own options are written. `history`: what is in `inputs`, if it was found already.
    """

    inputs: Sequence[Path]
    output: Path
    config: Path
    as_of: int | None = None
    workers: int = 1
    groups: int = GROUPS
    runner_args: Sequence[str] = ()
    gate: Gate | None = None
    erased: Path | None = None
    """Tombstones of another output over the same events."""
    history: History | None = None


@dataclass(kw_only=True)
class RebuildSummary:
    """What a rebuild did. `seconds`: by step."""

    records: int = 0
    refused: int = 0
    rows: int = 0
    files: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def rebuild(options: RebuildOptions) -> RebuildSummary:
    """Fold the whole history; returns once the tables are published.

    Raises ConfigError, RunRefused (it can't be done as asked), RebuildFailed (the runner failed)
    or NotPublished (the gate said no; the tables are left under `rejected/`).
    """
    summary = RebuildSummary()
    options.output.mkdir(parents=True, exist_ok=True)
    _refuse_output_of_a_run(options.output)
    with exclusive(options.output):
        read_configuration(options.config)
        history = options.history or find_history(options.inputs, options.as_of)
        if options.erased is not None:
            given = [one for one in read_erased(options.erased) if one not in history.erased]
            history = msgspec.structs.replace(history, erased=[*history.erased, *given])
        summary.files = len(history.files)
        unfinished = options.output / UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)
        warehouse = unfinished / "warehouse.duckdb"
        # A folder of its own: what an earlier attempt left running elsewhere may still write.
        parts = unfinished / "parts" / uuid.uuid4().hex
        parts.mkdir(parents=True)
        create_warehouse(warehouse)
        run_id = start_run(warehouse, _row(options, history))
        with _timed(summary, "fold"):
            _fold(options, history, parts, summary)
            _write_erased(history, parts)
        with _timed(summary, "gather"):
            summary.rows = gather(parts, warehouse)
            end_run(warehouse, run_id, ended_at=_now(), outcome="done", events=summary.records)
            export(warehouse, unfinished / "tables")
            shutil.rmtree(unfinished / "parts")
        with _timed(summary, "gate"):
            wrong = options.gate(warehouse) if options.gate is not None else ""
        _move(unfinished, options.output / REJECTED if wrong else options.output)
        if wrong:
            raise NotPublished(wrong)
    return summary


def _write_erased(history: History, parts: Path) -> None:
    """What stays of people who were erased comes from no event."""
    rows = RowParts(parts, "00-erased")
    rows.write(total_rows(history.erased))
    rows.finish()


def parts_expected(options: RebuildOptions) -> int:
    """How many parts of the work a fold is about made of: a group of a step each."""
    return (len(stitch_operators(read_configuration(options.config))) + 1) * options.groups


def parts_finished(options: RebuildOptions) -> int:
    """How many of them are done, as far as they left rows; may be asked while a fold runs."""
    parts = options.output / UNFINISHED / "parts"
    try:
        return len({path.stem for path in parts.glob("*/*/*.parquet")})
    except OSError:  # they are being gathered
        return 0


@contextmanager
def _timed(summary: RebuildSummary, part: str) -> Iterator[None]:
    """Notes how long a part of the work took."""
    began = time.monotonic()
    try:
        yield
    finally:
        summary.seconds[part] = time.monotonic() - began


def _fold(options: RebuildOptions, history: History, parts: Path, summary: RebuildSummary) -> None:
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    beam_options = PipelineOptions(list(options.runner_args), direct_num_workers=options.workers)
    pipeline = beam.Pipeline(runner=_runner(options, beam_options), options=beam_options)
    rebuild_pipeline(
        pipeline,
        history,
        config=options.config.resolve(),
        groups=options.groups,
        parts=parts.resolve(),
    )
    try:
        result = pipeline.run()
        state = _end_of(result)
    except Exception as failure:  # runners wrap what went wrong in exceptions of their own
        raise _said_by_runner(failure) from failure
    if state != PipelineState.DONE:
        raise RebuildFailed(f"the runner must end with DONE; got {state}")
    summary.records = _counted(result, "records")
    summary.refused = _counted(result, "refused")


def _end_of(result: PipelineResult) -> str:
    """The state that a job ends in. If we are interrupted, it is told to end, too."""
    try:
        return str(result.wait_until_finish())
    except (KeyboardInterrupt, SystemExit):
        result.cancel()
        raise


def _runner(options: RebuildOptions, beam_options: PipelineOptions) -> PipelineRunner | None:
    """The local runner, unless another one is asked for. Several workers of it are processes of
    ours, for threads would share one core."""
    if beam_options.view_as(StandardOptions).runner not in LOCAL_RUNNERS:
        return None
    if options.workers == 1:
        return FnApiRunner()
    command = f"{shlex.quote(sys.executable)} -m pipelines.beam_worker"
    return FnApiRunner(SubprocessSDKEnvironment.from_command_string(command))


def _said_by_runner(failure: Exception) -> Exception:
    """What a person can put right is told apart from what a runner may get wrong; a runner of
    several processes knows a worker's exception only as text."""
    said, marker = str(failure), f"{InputOutOfOrder.__name__}: "
    if isinstance(failure, InputOutOfOrder) or marker in said:
        first_line = said.rpartition(marker)[2].splitlines()[0]
        return RunRefused("--input: " + first_line.partition(" [while running")[0])
    return RebuildFailed(said.strip())


def _counted(result: PipelineResult, name: str) -> int:
    counters = result.metrics().query(beam.metrics.MetricsFilter().with_name(name))["counters"]
    return sum(counter.result for counter in counters)


def _refuse_output_of_a_run(output: Path) -> None:
    if (output / "journal").exists() or (output / "recovery").exists():
        raise RunRefused(
            f"--output: must not be the output of a run, which a rebuild is compared with; got "
            f"{output}; name a folder of its own"
        )


def _move(unfinished: Path, to: Path) -> None:
    """Put the tables in place. A rebuild that was there before is gone the moment this begins."""
    to.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(to / "tables", ignore_errors=True)
    os.replace(unfinished / "warehouse.duckdb", to / "warehouse.duckdb")
    os.replace(unfinished / "tables", to / "tables")
    shutil.rmtree(unfinished)


def _row(options: RebuildOptions, history: History) -> Run:
    return Run(
        generation=0,
        started_at=_now(),
        as_of=history.bound_at,
        input="rebuild of " + ", ".join(map(str, options.inputs)),
        workers=options.workers,
        config_hash=config_hash(options.config),
        kizuna_version=version("kizuna"),
    )


def _now() -> int:
    return int(time.time() * 1000)
