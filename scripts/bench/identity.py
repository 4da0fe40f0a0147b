"""`kizuna bench identity`: people merged by accident, by stitch and by batch ID-stitchers.

In: a history with the truth about it, and optionally a finished run of it. Out: for stitch and each
of `batch_stitchers`, over the very same decoded events: how many people were merged, what was given
to a wrong person, and how much of what can be decided was found. The truth is only compared.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from config.load import load
from pipelines.assemble import read_configuration
from pipelines.history import find_history
from schemas.identity import EventOwner
from schemas.ladder import Ladder, check_ladder
from scripts.bench import judgement
from scripts.bench.batch_stitchers import STITCHERS, Guards
from scripts.bench.judgement import OURS, Owners
from scripts.bench.observed import Collector, Observed, events_of
from scripts.bench.stitching import Stitching
from scripts.generate import generate
from scripts.simulate.rows import Money

EVENTS_A_TICK: Final = 16_000
SEED: Final = 5


class Asked(NamedTuple):
    """`inputs`: a history as for a rebuild. `run`: the output of a finished run of it; None: its
    events are stitched here."""

    inputs: list[Path]
    truth: Path
    config: Path
    run: Path | None = None
    guards: Guards = Guards()


class Compared(NamedTuple):
    """`measures`: a row a stitcher. `cases`, `classes`: a row a stitcher and case, or class."""

    events: int
    identifiers: int
    people: int
    decidable: int
    undecidable: int
    reading_seconds: float
    measures: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    ordered: int
    """Commands that stitch gave and that nobody carried out here; 0 where a run was given."""

    @property
    def holds(self) -> bool:
        """Our own promise: nobody merged, no decidable purchase given to somebody else."""
        ours = self.measures[0]
        return not ours["people_merged"] and not ours["wrong_purchases"]


def money_of(config: Path) -> Money:
    """How amounts are said: the currency of all programmes, if they share one."""
    kinds = {(one.minor_units, one.currency) for one in read_configuration(config).programmes}
    return Money(*kinds.pop()) if len(kinds) == 1 else Money(1, "")


def small_city(folder: Path, members: int, days: int) -> list[Path]:
    """Generated traffic: the folder of its events."""
    generate(members, days, SEED, folder)
    return [folder / "events"]


def truth_beside(inputs: list[Path]) -> Path:
    """Where the truth about a folder of events lies, as generating and importing leave it."""
    return inputs[0].parent / "truth"


def bench_identity(asked: Asked, progress: Callable[[int, int], None] | None = None) -> Compared:
    """Read the history, stitch it in every way, compare with the truth."""
    began = time.perf_counter()
    ladder = load(asked.config / "ladder.yaml", Ladder, check_ladder)
    seen, owners, stitching_seconds, ordered = _read(asked, ladder, progress)
    reading = time.perf_counter() - began - stitching_seconds
    seconds = {OURS: stitching_seconds}
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(f"{folder}/compared.duckdb")
        try:
            judgement.load(con, seen, asked.truth)
            if asked.run is not None:
                judgement.answers_of_run(con, asked.run)
            else:
                judgement.answers_of_stitch(con, *owners)
            for name, stitch in STITCHERS.items():
                began = time.perf_counter()
                found = stitch(seen, asked.guards)
                seconds[name] = time.perf_counter() - began
                judgement.answers_of_batch(con, name, seen, found)
            judged = judgement.judge(con, list(seconds))
        finally:
            con.close()
    for one in judged.measures:
        one["seconds"] = seconds[one["stitcher"]]
    return Compared(
        events=len(seen.types),
        identifiers=len(seen.identifiers),
        reading_seconds=reading,
        ordered=ordered,
        **judged._asdict(),
    )


def _read(
    asked: Asked, ladder: Ladder, progress: Callable[[int, int], None] | None
) -> tuple[Observed, tuple[Owners, list[int]], float, int]:
    """The history in columns; and whose each event is by stitch, unless a run is asked."""
    history = find_history(asked.inputs, None)
    namespaces = [name for rung in ladder.rungs for name in rung.namespaces]
    collector = Collector({name: rank for rank, name in enumerate([*namespaces, "member_id"])})
    stitching = Stitching(ladder) if asked.run is None else None
    owners: Owners = {name: [] for name in ("source", "event_id", "member_id", "reason")}
    known: list[int] = []
    seconds, ordered, read = 0.0, 0, 0
    batch: list[Any] = []

    def stitch(mark_at: int, closed: bool = False) -> None:
        nonlocal seconds, ordered
        assert stitching is not None
        began = time.perf_counter()
        rows = stitching.advance(batch, mark_at, closed).rows
        seconds += time.perf_counter() - began
        batch.clear()
        for row in rows:
            if isinstance(row, EventOwner):
                owners["source"].append(row.source)
                owners["event_id"].append(row.event_id)
                owners["member_id"].append(row.member_id)
                owners["reason"].append(row.reason)
                known.append(row.known_at)
            ordered += row.table == "loop_commands"

    last = 0
    for known_at, event in events_of(history, asked.config):
        collector.add(event)
        read += 1
        if stitching is None:
            continue
        if len(batch) >= EVENTS_A_TICK and known_at > last:
            stitch(known_at)
            if progress:
                progress(read, 0)
        batch.append((known_at, event))
        last = known_at
    if stitching is not None:
        stitch(last if history.ends_at is None else history.ends_at, closed=True)
    return collector.done(), (owners, known), seconds, ordered
