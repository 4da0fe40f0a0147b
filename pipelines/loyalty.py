"""The program: events in, one person, one balance, one conversation out.

    read → decode → stitch (a rung a class of identifiers) → accrue → score → decide → sinks

Every step between decode and the sinks is a pure operator from `transforms`, run in key
groups; `Parts` is what the configuration made of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source
from bytewax.outputs import FixedPartitionedSink

from pipelines.key_groups import ARCHIVE, ROWS, Routed, regrouping, same_keys, towards
from pipelines.sources.raw import RawBatch
from schemas.codec import ArchiveBatch
from sinks.duckdb.columns import ColumnBatch, columns_of
from sinks.duckdb.sink import WAREHOUSE
from sinks.files import split_for_files
from sinks.row_batch import RowBatch
from transforms.operator import Operator

READ_STEP = "loyalty.read"
WAREHOUSE_STEP = "loyalty.warehouse"
FILES_STEP = "loyalty.files"
ARCHIVE_STEP = "loyalty.archive"
DECIDE_STEP = "loyalty.decide"
"""Steps as the recovery store knows them."""


@dataclass(frozen=True)
class RowsTo:
    """An output: its name, which rows go there under which key, and its sink."""

    name: str
    pick: Callable[[tuple[str, RowBatch]], Iterable[tuple[str, Any]]]
    sink: FixedPartitionedSink[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the dataflow is made of. `rungs`: stitch's operators, weakest rung first."""

    source: Source[RawBatch]
    upstreams: list[str]
    decode: Callable[[list[RawBatch]], list[Routed]]
    rungs: list[Operator[Any]]
    accrue: Operator[Any]
    score: Operator[Any]
    decide: Operator[Any]
    groups: int
    outputs: list["RowsTo"]
    archive: FixedPartitionedSink[ArchiveBatch, Any] | None = None
    """Where decoded events are kept; None: the input is kept already."""
    finished: Callable[[int, int], None] | None = None
    """Told (group, ms UTC) below which time a key group of the last step is done."""


def loyalty(parts: Parts) -> Dataflow:
    """The dataflow. Read it from top to bottom: an event takes the same way."""
    flow = Dataflow("loyalty")
    groups = parts.groups

    raw = op.input("read", flow, parts.source)
    decoded = op.flat_map_batch("decode", raw, parts.decode)

    stitched: list[Stream[Routed]] = []
    names = [rung.name for rung in parts.rungs]
    # The two topmost rungs know members: who somebody is, and whether branches are one person.
    knowing = names[-2:]
    for height, rung in enumerate(parts.rungs):
        stitched.append(
            regrouping(
                rung.name,
                towards(rung.name, stitched or [decoded]),
                rung,
                rung=height,
                upstreams=group_names(names[:height], groups) or parts.upstreams,
                below=[*names[height + 1 :], *(["accrue"] if rung.name in knowing else [])],
                groups=groups,
            )
        )

    accrued = same_keys(
        "accrue",
        towards("accrue", stitched[-2:]),
        parts.accrue,
        rung=len(names),
        upstreams=lambda group: group_names(names[-2:], groups),
        below="score",
    )
    scored = same_keys(
        "score",
        towards("score", [accrued]),
        parts.score,
        rung=len(names) + 1,
        upstreams=lambda group: [f"accrue/{group}"],
        below="decide",
    )
    decided = same_keys(
        "decide",
        towards("decide", [scored]),
        parts.decide,
        rung=len(names) + 2,
        upstreams=lambda group: [f"score/{group}"],
        below=None,
        finished=parts.finished,
    )

    rows = towards(ROWS, [decoded, *stitched, accrued, scored, decided])
    for output in parts.outputs:
        op.output(output.name, op.flat_map(f"to_{output.name}", rows, output.pick), output.sink)
    if parts.archive is not None:
        op.output("archive", towards(ARCHIVE, [decoded]), parts.archive)
    return flow


def group_names(steps: list[str], groups: int) -> list[str]:
    """The key groups of some steps, as upstreams of another."""
    return [f"{step}/{group}" for step in steps for group in range(groups)]


def to_warehouse(item: tuple[str, RowBatch]) -> list[tuple[str, ColumnBatch]]:
    """Every row goes to the warehouse's one partition, as columns made here."""
    return [(WAREHOUSE, columns_of(item[1]))]


def to_files(item: tuple[str, RowBatch]) -> list[tuple[str, RowBatch]]:
    """Triggers go to their channel's file, refused input to the quarantine's."""
    return split_for_files(item[1])
