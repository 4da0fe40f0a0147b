"""The DuckDB sink as Bytewax drives it: one partition, one writer, flushed by a thread.

Rows gather while the previous flush runs in its own thread (DuckDB releases the GIL),
so the worker that holds the sink keeps up with its peers. `snapshot()` waits until all
of it is committed. `close()` also runs when the flow fails, so it commits nothing.
With `Serve`, other processes read what is committed while this one writes.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from sinks.duckdb.columns import ColumnBatch, columns_of
from sinks.duckdb.serve import Serve, serve_if_possible
from sinks.duckdb.writer import Writer
from sinks.row_batch import RowBatch

WAREHOUSE: Final = "warehouse"
"""The key of everything that goes to the warehouse, and its one partition."""
FLUSH_ROWS: Final = 50_000
HELD_ROWS_MAX: Final = 200_000
"""Beyond this the flow waits for the flush that is running."""


class WarehouseSink(FixedPartitionedSink[RowBatch | ColumnBatch, int]):
    """`("warehouse", ColumnBatch)` into the DuckDB file at `path`; rows are made columns."""

    def __init__(
        self,
        path: Path,
        flush_rows: int = FLUSH_ROWS,
        flush_seconds: float | None = None,
        serve: Serve | None = None,
    ) -> None:
        """`flush_seconds`: rows wait no longer than that for others to be written with, so that
        readers see them and a snapshot finds little to wait for; None: for `flush_rows`."""
        self._path = path
        self._flush_rows = flush_rows
        self._flush_seconds = flush_seconds
        self._serve = serve

    def list_parts(self) -> list[str]:
        return [WAREHOUSE]

    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> "WarehousePartition":
        return WarehousePartition(
            self._path, resume_state, self._flush_rows, self._flush_seconds, self._serve
        )


class WarehousePartition(StatefulSinkPartition[RowBatch | ColumnBatch, int]):
    """Holds rows until there are enough for a flush worth its transaction."""

    def __init__(
        self,
        path: Path,
        resume_at: int | None,
        flush_rows: int = FLUSH_ROWS,
        flush_seconds: float | None = None,
        serve: Serve | None = None,
    ) -> None:
        self._writer = Writer(path, resume_at)
        self._server = serve_if_possible(self._writer.connection, serve) if serve else None
        self._flush_rows = flush_rows
        self._flush_seconds = flush_seconds
        self._flushed_at = time.monotonic()
        self._held: dict[str, list[pa.RecordBatch]] = {}
        self._held_rows = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warehouse")
        self._flushing: Future[None] | None = None

    def write_batch(self, values: list[RowBatch | ColumnBatch]) -> None:
        for batch in values:
            columns = columns_of(batch) if isinstance(batch, RowBatch) else batch
            for table, rows in columns.tables.items():
                self._held.setdefault(table, []).append(rows)
            self._held_rows += len(columns)
        is_free = self._flushing is None or self._flushing.done()
        if self._is_due() and (is_free or self._held_rows >= HELD_ROWS_MAX):
            self._flush()

    def snapshot(self) -> int:
        if self._held_rows:
            self._flush()
        self._finish()
        return self._writer.position

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._server is not None:
            self._server.stop()
        self._writer.close()

    def _is_due(self) -> bool:
        if self._held_rows >= self._flush_rows:
            return True
        waits = self._flush_seconds
        return waits is not None and time.monotonic() - self._flushed_at >= waits

    def _flush(self) -> None:
        self._finish()
        self._flushed_at = time.monotonic()
        self._flushing = self._thread.submit(self._writer.write, self._held)
        self._held, self._held_rows = {}, 0

    def _finish(self) -> None:
        """Wait for the running flush; what went wrong in it is raised here."""
        flushing, self._flushing = self._flushing, None
        if flushing is not None:
            flushing.result()
