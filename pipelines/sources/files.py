"""Files as partitions: each is read in order, stamped with known_at, and aligned with the others.

In: files of JSON Lines or Avro. Out: batches of raw records, each with the partition's
watermark.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from pipelines.sources.alignment import AHEAD_MS, Ahead, Alignment
from pipelines.sources.file_stamps import FileStamps
from pipelines.sources.journal import Generation, InputFile
from pipelines.sources.raw import Raw, RawBatch, Record
from pipelines.sources.records import BATCH_BYTES, open_records
from sinks.archive import begins_at

PAUSE = timedelta(milliseconds=5)


class FilePosition(msgspec.Struct, kw_only=True, frozen=True):
    """What a partition resumes from."""

    position: int = 0
    count: int = 0
    known_at: int = 0
    received_at: int = 0
    """The greatest of this file so far (of an archive: known_at); `known_at` may be later, from an
    earlier generation."""


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
        self._part = part
        self._upstream = upstream
        self._size = file.size
        self._records = open_records(
            Path(file.path), resume.position, resume.count, batch_bytes, file.size
        )
        self._begins_at = 0 if resume.count else begins_at(Path(file.path))
        self._announced = not self._begins_at
        self._stamps = FileStamps(
            file.name,
            received_at,
            bound_at,
            known_at=max(resume.known_at, self._begins_at),
            latest=max(resume.received_at, self._begins_at),
        )
        self._alignment = alignment
        self._ahead = Ahead()
        self._ends_at = ends_at
        self._closed = False
        self._paused = False
        self._publish()

    def next_batch(self) -> list[RawBatch]:
        if self._closed:
            raise StopIteration
        if not self._announced:
            self._announced = True
            return [self._batch([])]
        slowest = self._alignment.slowest()
        self._paused = self._is_early(slowest) or not self._ahead.may_read(
            self._stamps.known_at, slowest
        )
        if self._paused:
            return []
        first = self._records.count
        raw = self._records.read()
        if not raw:
            self._closed = True
            if self._ends_at is not None:
                self._stamps.known_at = max(self._stamps.known_at, self._ends_at)
            self._publish()
            return [self._batch([], closed=True)]
        records = self._stamps.stamped(raw, first)
        self._ahead.add(self._stamps.known_at, len(records))
        self._publish()
        return [self._batch(records)]

    def _is_early(self, slowest: int) -> bool:
        """A file of an archive whose hour hasn't come: its name said when it begins, so nobody
        waits for what is in it, and not even a first batch has to be kept."""
        return self._records.count == 0 and self._begins_at > slowest + AHEAD_MS

    def next_awake(self) -> datetime | None:
        return datetime.now(timezone.utc) + PAUSE if self._paused else None

    def snapshot(self) -> FilePosition:
        return FilePosition(
            position=self._records.position,
            count=self._records.count,
            known_at=self._stamps.known_at,
            received_at=self._stamps.latest,
        )

    def _batch(self, records: list[Raw], closed: bool = False) -> RawBatch:
        return RawBatch(
            upstream=self._upstream, records=records, mark_at=self._stamps.known_at, closed=closed
        )

    def _publish(self) -> None:
        read = self._size if self._closed else self._records.position
        self._alignment.publish(
            self._part, self._stamps.known_at, self._records.count, read, finished=self._closed
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


def part_name(generation: Generation, file: InputFile) -> str:
    """A partition's name in the recovery store: another one each generation."""
    return f"{generation.number:06d}:{file.name}"


def upstream_name(generation: Generation, name: str) -> str:
    """A partition's name as an upstream of key groups, so that a new generation starts unheard."""
    return f"{generation.number}/{name}"
