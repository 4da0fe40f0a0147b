"""A sink with a stopwatch: how long batches and snapshots of each of its partitions take.

In: any sink of ours, and a name for it. Out: the same sink; `kizuna_sink_batch_seconds` and
`kizuna_snapshot_duration_seconds` under that name. Promised: nothing else differs, so that sinks
needn't know of metrics.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from pipelines import metrics

Item = TypeVar("Item")
Position = TypeVar("Position")


class TimedSink(FixedPartitionedSink[Item, Position]):
    """`sink` under the stopwatch; `name` is its label."""

    def __init__(self, name: str, sink: FixedPartitionedSink[Item, Position]) -> None:
        self._sink = sink
        self._batches = metrics.SINK_BATCH.labels(name)
        self._snapshots = metrics.SNAPSHOT_DURATION.labels(name)

    def list_parts(self) -> list[str]:
        return self._sink.list_parts()

    def part_fn(self, item_key: str) -> int:
        return self._sink.part_fn(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: Position | None
    ) -> "TimedPartition[Item, Position]":
        part = self._sink.build_part(step_id, for_part, resume_state)
        return TimedPartition(part, self._batches.time, self._snapshots.time)


class TimedPartition(StatefulSinkPartition[Item, Position], Generic[Item, Position]):
    """A partition under the stopwatch."""

    def __init__(
        self,
        part: StatefulSinkPartition[Item, Position],
        batch: Callable[[], AbstractContextManager[object]],
        snapshot: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._part = part
        self._batch = batch
        self._snapshot = snapshot

    def write_batch(self, values: list[Item]) -> None:
        with self._batch():
            self._part.write_batch(values)

    def snapshot(self) -> Position:
        with self._snapshot():
            return self._part.snapshot()

    def close(self) -> None:
        self._part.close()
