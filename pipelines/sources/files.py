"""Files as partitions: each is read in order, stamped with known_at, and aligned with the others.

In: files of JSON Lines or Avro. Out: batches of raw records, each with the partition's
watermark. `known_at` is the running maximum of `received_at` along the file: a function
of the file alone.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from pipelines.sources.alignment import Ahead, Alignment
from pipelines.sources.journal import Generation, InputFile
from pipelines.sources.raw import Raw, RawBatch, Record
from pipelines.sources.records import BATCH_BYTES, open_records

OUT_OF_ORDER_MS = 3_600_000
PAUSE = timedelta(milliseconds=5)


class InputOutOfOrder(Exception):
    """A file whose records are more than an hour out of order of `received_at`."""


class FilePosition(msgspec.Struct, kw_only=True, frozen=True):
    """What a partition resumes from."""

    position: int = 0
    count: int = 0
    known_at: int = 0
    received_at: int = 0
    """The greatest of this file so far; `known_at` may be later, from an earlier generation."""


class FilePartition(StatefulSourcePartition[RawBatch, FilePosition]):
    """One file of one generation."""

    def __init__(
        self,
        file: InputFile,
        resume: FilePosition,
        *,
        part: str,
        upstream: str,
        alignment: Alignment,
        received_at: Callable[[Record], int | None],
        bound_at: int,
        ends_at: int | None,
        batch_bytes: int,
    ) -> None:
        self._name = file.name
        self._part = part
        self._upstream = upstream
        self._size = file.size
        self._records = open_records(Path(file.path), resume.position, resume.count, batch_bytes)
        self._known_at = resume.known_at
        self._latest_received_at = resume.received_at
        self._alignment = alignment
        self._ahead = Ahead()
        self._received_at = received_at
        self._bound_at = bound_at
        self._ends_at = ends_at
        self._closed = False
        self._paused = False
        self._publish()

    def next_batch(self) -> list[RawBatch]:
        if self._closed:
            raise StopIteration
        self._paused = not self._ahead.may_read(self._known_at, self._alignment.slowest())
        if self._paused:
            return []
        first = self._records.count
        raw = self._records.read()
        if not raw:
            self._closed = True
            if self._ends_at is not None:
                self._known_at = max(self._known_at, self._ends_at)
            self._publish()
            return [self._batch([], closed=True)]
        name, bound_at = self._name, self._bound_at
        records: list[Raw] = [
            (name, number, self._stamp(record, number), None, bound_at, record)
            for number, record in enumerate(raw, first)
        ]
        self._ahead.add(self._known_at, len(records))
        self._publish()
        return [self._batch(records)]

    def next_awake(self) -> datetime | None:
        return datetime.now(timezone.utc) + PAUSE if self._paused else None

    def snapshot(self) -> FilePosition:
        return FilePosition(
            position=self._records.position,
            count=self._records.count,
            known_at=self._known_at,
            received_at=self._latest_received_at,
        )

    def _batch(self, records: list[Raw], closed: bool = False) -> RawBatch:
        return RawBatch(
            upstream=self._upstream, records=records, mark_at=self._known_at, closed=closed
        )

    def _stamp(self, record: Record, number: int) -> int:
        """known_at of a record. A clock that can't be read or is beyond the bound moves nothing."""
        received_at = self._received_at(record)
        if received_at is None or received_at > self._bound_at:
            return self._known_at
        behind = self._latest_received_at - received_at
        if behind > OUT_OF_ORDER_MS:
            raise InputOutOfOrder(out_of_order(self._name, number, behind))
        if behind < 0:
            self._latest_received_at = received_at
            self._known_at = max(self._known_at, received_at)
        return self._known_at

    def _publish(self) -> None:
        read = self._size if self._closed else self._records.position
        self._alignment.publish(
            self._part, self._known_at, self._records.count, read, finished=self._closed
        )


class FileSource(FixedPartitionedSource[RawBatch, FilePosition]):
    """The files of one generation, a partition each."""

    def __init__(
        self,
        generation: Generation,
        *,
        alignment_path: Path,
        received_at: Callable[[Record], int | None],
        bound_at: int,
        ends_at: int | None = None,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        """`bound_at`: clocks beyond it are wrong; `ends_at`: where time ends, if not with the
        files; both ms UTC."""
        self._generation = generation
        self._files = {part_name(generation, file): file for file in generation.files}
        self._alignment_path = alignment_path
        self._received_at = received_at
        self._bound_at = bound_at
        self._ends_at = ends_at
        self._batch_bytes = batch_bytes

    def list_parts(self) -> list[str]:
        return list(self._files)

    def build_part(
        self, step_id: str, for_part: str, resume_state: FilePosition | None
    ) -> FilePartition:
        return FilePartition(
            self._files[for_part],
            resume_state or FilePosition(known_at=self._generation.floor),
            part=for_part,
            upstream=upstream_name(self._generation, self._files[for_part].name),
            alignment=Alignment(self._alignment_path, self.list_parts()),
            received_at=self._received_at,
            bound_at=self._bound_at,
            ends_at=self._ends_at,
            batch_bytes=self._batch_bytes,
        )


def check_order(
    file: InputFile, received_at: Callable[[Record], int | None], bound_at: int
) -> str | None:
    """What is wrong with a file's order, before anything of it is read; None: nothing."""
    records, latest = open_records(Path(file.path)), 0
    while batch := records.read():
        first = records.count - len(batch)
        for number, record in enumerate(batch, first):
            at = received_at(record)
            if at is None or at > bound_at:
                continue
            if latest - at > OUT_OF_ORDER_MS:
                return out_of_order(file.path, number, latest - at)
            latest = max(latest, at)
    return None


def out_of_order(path: str, number: int, behind_ms: int) -> str:
    """The message for a record that is too far behind those before it."""
    remedy = "write it again in order" if path.endswith(".avro") else f"run: kizuna sort {path}"
    return (
        f"{path}: record {number + 1}: must be in order of received_at, give or take an hour; got "
        f"one that is {behind_ms / 3_600_000:.1f} hours behind; {remedy}"
    )


def part_name(generation: Generation, file: InputFile) -> str:
    """A partition's name in the recovery store: another one each generation."""
    return f"{generation.number:06d}:{file.name}"


def upstream_name(generation: Generation, name: str) -> str:
    """A partition's name as an upstream of key groups, so that a new generation starts unheard."""
    return f"{generation.number}/{name}"
