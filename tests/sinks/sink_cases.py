"""The sinks under one contract, and the flow that drives them as Bytewax does, crashes included."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb
from bytewax.outputs import FixedPartitionedSink

from schemas.decisions import CHANNELS
from schemas.flow import Row
from sinks.duckdb.schema import ROW_TABLES
from sinks.duckdb.sink import WAREHOUSE, WarehouseSink
from sinks.files import output_files, output_paths, split_for_files
from sinks.row_batch import RowBatch

CrashPoint = Literal["writing", "written", "snapshotted", "recorded"]
CRASH_POINTS: tuple[CrashPoint, ...] = ("writing", "written", "snapshotted", "recorded")
"""While an epoch is written; after it; after its snapshot but before the recovery store has
it; after the recovery store has it."""


@dataclass(frozen=True)
class SinkCase:
    """A sink: how to build it, what it is sent, and what it then holds in comparable form."""

    name: str
    sink: Callable[[Path], FixedPartitionedSink[RowBatch, Any]]
    route: Callable[[RowBatch], Iterable[tuple[str, RowBatch]]]
    content: Callable[[Path], dict[str, list[Any]]]
    expected: Callable[[Sequence[Row]], dict[str, int]]
    """How many rows each table or file must hold once all of these were written."""


def warehouse_content(directory: Path) -> dict[str, list[str]]:
    """Every row of every table, `_seq` aside: it numbers rows in the order of their arrival."""
    con = duckdb.connect(str(directory / "warehouse.duckdb"))
    try:
        return {
            kind.table.name: sorted(
                repr(row)
                for row in con.execute(
                    f"SELECT COLUMNS(c -> c <> '_seq') FROM {kind.table.name}"
                ).fetchall()
            )
            for kind in ROW_TABLES.values()
        }
    finally:
        con.close()


def file_content(directory: Path) -> dict[str, list[bytes]]:
    return {
        key: sorted(path.read_bytes().splitlines()) if path.exists() else []
        for key, path in output_paths(directory).items()
    }


def warehouse_counts(rows: Sequence[Row]) -> dict[str, int]:
    held: dict[str, set[Any]] = {kind.table: set() for kind in ROW_TABLES}
    for number, row in enumerate(rows):
        held[row.table].add(tuple(getattr(row, key) for key in row.keys) or number)
    return {table: len(kept) for table, kept in held.items()}


def file_counts(rows: Sequence[Row]) -> dict[str, int]:
    held = Counter(getattr(row, "channel", "quarantine") for row in rows if row.table in FILED)
    return {key: held[key] for key in (*CHANNELS, "quarantine")}


FILED = ("triggers", "quarantine")
CASES = [
    SinkCase(
        "duckdb",
        lambda directory: WarehouseSink(directory / "warehouse.duckdb", flush_rows=100),
        lambda batch: [(WAREHOUSE, batch)],
        warehouse_content,
        warehouse_counts,
    ),
    SinkCase("files", output_files, split_for_files, file_content, file_counts),
]


@dataclass
class Flow:
    """Epochs of rows into a sink. What the recovery store holds survives a crash, nothing else."""

    case: SinkCase
    directory: Path
    epochs: Sequence[Sequence[Row]]
    seed: int = 0
    recorded: dict[str, Any] = field(default_factory=dict)
    next_epoch: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def run(self, crash: tuple[int, CrashPoint] | None = None) -> None:
        """Go on from what is recorded to the end, or to the crash."""
        sink = self.case.sink(self.directory)
        parts: dict[str, Any] = {}
        try:
            for number in range(self.next_epoch, len(self.epochs)):
                point = crash[1] if crash is not None and crash[0] == number else None
                self._write(sink, parts, self.epochs[number], half=point == "writing")
                if point in ("writing", "written"):
                    return
                positions = {key: part.snapshot() for key, part in parts.items()}
                if point == "snapshotted":
                    return
                self.record(positions, number + 1)
                if point == "recorded":
                    return
        finally:
            for part in parts.values():
                part.close()

    def wrote(self) -> None:
        """Called after each batch."""

    def record(self, positions: dict[str, Any], next_epoch: int) -> None:
        """What the recovery store does once all snapshots of an epoch are there."""
        self.recorded.update(positions)
        self.next_epoch = next_epoch

    def _write(
        self,
        sink: FixedPartitionedSink[RowBatch, Any],
        parts: dict[str, Any],
        rows: Sequence[Row],
        half: bool,
    ) -> None:
        """The rows in another order and other batches each time, as a resumed engine may."""
        rows = self._random.sample(list(rows), len(rows))
        if half:
            rows = rows[: len(rows) // 2]
        while rows:
            size = self._random.randint(1, 50)
            batch, rows = RowBatch(rows[:size]), rows[size:]
            for key, values in self.case.route(batch):
                name = sorted(sink.list_parts())[sink.part_fn(key) % len(sink.list_parts())]
                if name not in parts:
                    parts[name] = sink.build_part("sink", name, self.recorded.get(name))
                parts[name].write_batch([values])
            self.wrote()
