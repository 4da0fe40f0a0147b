"""Rows as columns: what travels to the warehouse's one writer.

Whoever makes rows turns them into Arrow columns, in its own process, so that the worker
that holds the warehouse has only to insert them. Arrow's buffers also cross processes
without being encoded.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from msgspec.structs import astuple

from schemas.flow import Row
from sinks.duckdb.schema import ROW_TABLES, RowTable
from sinks.row_batch import TOLD_CLASSES, RowBatch


class ColumnBatch:
    """Record batches by table name; `len` is the number of rows. Of a keyed table's rows only
    the newest of each key is kept, since no other could stay."""

    __slots__ = ("_rows", "tables")

    def __init__(self, tables: dict[str, pa.RecordBatch]) -> None:
        self.tables = tables
        self._rows = sum(batch.num_rows for batch in tables.values())

    def __len__(self) -> int:
        return self._rows

    def __reduce__(self) -> tuple[type["ColumnBatch"], tuple[dict[str, pa.RecordBatch]]]:
        return ColumnBatch, (self.tables,)


def columns_of(batch: RowBatch) -> ColumnBatch:
    """The rows of a batch as columns, but for those that only topics tell."""
    tables: dict[str, pa.RecordBatch] = {}
    for row_class, rows in batch.by_class().items():
        if row_class in TOLD_CLASSES:
            continue
        kind = ROW_TABLES[row_class]
        kept = rows if kind.key_of is None else newest_by_key(rows, kind.key_of)
        tables[kind.table.name] = _record_batch(kind, kept)
    return ColumnBatch(tables)


def newest_by_key(rows: Sequence[Row], key_of: Callable[[Row], Any]) -> list[Row]:
    """One row a key: the highest version, the last one among equals."""
    newest: dict[Any, Any] = {}
    for row in rows:
        key = key_of(row)
        known = newest.get(key)
        if known is None or row.version >= known.version:  # type: ignore[attr-defined]
            newest[key] = row
    return list(newest.values())


def _record_batch(kind: RowTable, rows: Sequence[Row]) -> pa.RecordBatch:
    """Rows are turned into tuples first: one step of C a row, not one of Python a value."""
    columns = kind.table.columns[: len(kind.as_text)]
    return pa.RecordBatch.from_arrays(
        [
            pa.array(values if as_text is None else list(map(as_text, values)), column.arrow_type)
            for values, as_text, column in zip(
                zip(*map(astuple, rows), strict=True), kind.as_text, columns, strict=True
            )
        ],
        names=[column.name for column in columns],
    )
