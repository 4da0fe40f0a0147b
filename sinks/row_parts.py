"""Rows as Parquet parts that whoever gathers them reads again: a file a table and writer.

In: batches of rows of one writer, in the order in which they arose. Out:
`<folder>/<table>/<writer>.parquet` with the table's columns and `_seq`, the row's number.
Promise: a part has its name only once it is whole, and writing it again replaces it; so a writer
that is tried again, or twice at once, leaves each row once.
"""

import os
import uuid
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.flow import Row
from sinks.duckdb.columns import columns_of
from sinks.duckdb.schema import SEQ
from sinks.row_batch import RowBatch

ROWS_HELD: Final = 50_000
"""Of one table, before they are written as a row group."""


class RowParts:
    """The parts of one writer. Its name is its own, and stays when the work is tried again."""

    def __init__(self, folder: Path, writer: str) -> None:
        self._folder = folder
        self._writer = writer
        self._attempt = uuid.uuid4().hex
        self._held: dict[str, list[pa.RecordBatch]] = {}
        self._count: dict[str, int] = {}
        self._open: dict[str, pq.ParquetWriter] = {}

    def write(self, rows: list[Row]) -> None:
        """Some more rows, in their order."""
        for table, batch in columns_of(RowBatch(rows)).tables.items():
            held = self._held.setdefault(table, [])
            held.append(batch)
            if sum(part.num_rows for part in held) >= ROWS_HELD:
                self._flush(table)

    def finish(self) -> None:
        """Give the parts their names."""
        for table in list(self._held):
            self._flush(table)
        for table, writer in self._open.items():
            writer.close()
            os.replace(self._path(table, self._attempt), self._path(table, ""))
        self._open.clear()

    def _flush(self, table: str) -> None:
        rows = pa.Table.from_batches(self._held.pop(table))
        count = self._count.get(table, 0)
        rows = rows.append_column(SEQ.name, pa.array(range(count, count + len(rows)), pa.int64()))
        self._count[table] = count + len(rows)
        if table not in self._open:
            path = self._path(table, self._attempt)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[table] = pq.ParquetWriter(path, rows.schema, compression="zstd")
        self._open[table].write_table(rows)

    def _path(self, table: str, attempt: str) -> Path:
        name = f"{self._writer}.{attempt}.unfinished" if attempt else f"{self._writer}.parquet"
        return self._folder / table / name
