"""The DuckDB sink as Bytewax drives it: one partition, one writer, flushed by a thread.

Rows gather while the previous flush runs in its own thread (DuckDB releases the GIL),
so the worker that holds the sink keeps up with its peers. `snapshot()` waits until all
of it is committed. `close()` also runs when the flow fails, so it commits nothing.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from schemas.flow import Row
from sinks.duckdb.writer import Writer
from sinks.row_batch import RowBatch

WAREHOUSE: Final = "warehouse"
"""The key of everything that goes to the warehouse, and its one partition."""
FLUSH_ROWS: Final = 50_000
HELD_ROWS_MAX: Final = 200_000
"""Beyond this the flow waits for the flush that is running."""


class WarehouseSink(FixedPartitionedSink[RowBatch, int]):
    """`("warehouse", RowBatch)` into the DuckDB file at `path`."""

    def __init__(self, path: Path, flush_rows: int = FLUSH_ROWS) -> None:
        self._path = path
        self._flush_rows = flush_rows

    def list_parts(self) -> list[str]:
        return [WAREHOUSE]

    def build_part(
        self, step_id: str, for_part: str, resume_state: int | None
    ) -> "WarehousePartition":
        return WarehousePartition(self._path, resume_state, self._flush_rows)


class WarehousePartition(StatefulSinkPartition[RowBatch, int]):
    """Holds rows until there are enough for a flush worth its transaction."""

    def __init__(self, path: Path, resume_at: int | None, flush_rows: int = FLUSH_ROWS) -> None:
        self._writer = Writer(path, resume_at)
        self._flush_rows = flush_rows
        self._held: dict[type[Row], list[Row]] = {}
        self._held_rows = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warehouse")
        self._flushing: Future[None] | None = None

    def write_batch(self, values: list[RowBatch]) -> None:
        for batch in values:
            for row_class, rows in batch.by_class().items():
                self._held.setdefault(row_class, []).extend(rows)
            self._held_rows += len(batch)
        if self._held_rows >= self._flush_rows and (
            self._held_rows >= HELD_ROWS_MAX or self._flushing is None or self._flushing.done()
        ):
            self._flush()

    def snapshot(self) -> int:
        if self._held_rows:
            self._flush()
        self._finish()
        return self._writer.position

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._writer.close()

    def _flush(self) -> None:
        self._finish()
        self._flushing = self._thread.submit(self._writer.write, self._held)
        self._held, self._held_rows = {}, 0

    def _finish(self) -> None:
        """Wait for the running flush; what went wrong in it is raised here."""
        flushing, self._flushing = self._flushing, None
        if flushing is not None:
            flushing.result()
