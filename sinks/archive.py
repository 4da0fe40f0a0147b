"""Decoded events as Avro object containers: a folder a lane, files by time and size.

What comes in: `(lane, ArchiveBatch)`, each lane's events in order of known_at.
What goes out: `<folder>/<lane>/<number>-<known_at of its first event>.avro`, records as
`schemas.archive` says. A file holds events of one `roll_ms` of known_at, and no event after the
one that brought it to `roll_bytes` (before compression): which events a file holds is a function
of the lane's events alone, where its blocks end is one of the snapshots too.
Promise: after any crash and resume the files hold every event once. A position is the number of
a file and its length, which always ends with a whole block; a resume truncates to the snapshot's
and deletes later files. A file has its name only once its header is whole, so that the one that
is being written can be read: whatever follows its last whole block isn't there yet.
"""

import io
import os
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO, Final

import fastavro
import msgspec
import xxhash
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from schemas.archive import archive_schema
from schemas.codec import ArchiveBatch
from sinks.avro_encoding import EventEncoder, encode_block
from sinks.parts import own_part
from sinks.position import refuse_if_behind, sync_directory

BLOCK_BYTES: Final = 65_536
"""Before compression. A snapshot ends a block early."""
ROLL_BYTES: Final = 64 << 20
ROLL_MS: Final = 3_600_000

_NAME: Final = re.compile(r"([0-9]{6,})-([0-9]{8}T[0-9]{6})([0-9]{3})Z\.avro")
_BEGAN: Final = "%Y%m%dT%H%M%S"


class ArchivePosition(msgspec.Struct, kw_only=True, frozen=True):
    """What of a lane is durable: all files before `number`, and this much of that one."""

    number: int = 0
    """0: no event has come."""
    first_at: int = 0
    """known_at of the file's first event, ms UTC."""
    length: int = 0
    """Bytes, to the end of a block."""
    event_bytes: int = 0
    """Of its events before compression."""


class ArchiveSink(FixedPartitionedSink[ArchiveBatch, ArchivePosition]):
    """Lanes by name, each a partition of its own."""

    def __init__(
        self,
        folder: Path,
        lanes: Sequence[str],
        *,
        roll_bytes: int = ROLL_BYTES,
        roll_ms: int = ROLL_MS,
    ) -> None:
        self._folder = folder
        self._index = {lane: index for index, lane in enumerate(sorted(lanes))}
        self._roll_bytes = roll_bytes
        self._roll_ms = roll_ms

    def list_parts(self) -> list[str]:
        return list(self._index)

    def part_fn(self, item_key: str) -> int:
        return own_part(self._index, item_key, "a lane")

    def build_part(
        self, step_id: str, for_part: str, resume_state: ArchivePosition | None
    ) -> "ArchiveLane":
        return ArchiveLane(
            self._folder / for_part,
            resume_state,
            roll_bytes=self._roll_bytes,
            roll_ms=self._roll_ms,
        )


class ArchiveLane(StatefulSinkPartition[ArchiveBatch, ArchivePosition]):
    """The files of one lane, written to by one worker."""

    def __init__(
        self,
        folder: Path,
        resume: ArchivePosition | None,
        *,
        roll_bytes: int = ROLL_BYTES,
        roll_ms: int = ROLL_MS,
    ) -> None:
        self._folder = folder
        self._roll_bytes = roll_bytes
        self._roll_ms = roll_ms
        self._encoder = EventEncoder()
        self._records: list[bytes] = []
        self._records_bytes = 0
        self._at = resume or ArchivePosition()
        self._event_bytes = self._at.event_bytes
        self._rolls_at = 0
        self._file: BinaryIO | None = None
        self._is_durable = True
        folder.mkdir(parents=True, exist_ok=True)
        refuse_behind(folder, self._at)
        _delete_beyond(folder, self._at.number)
        if self._at.number:
            self._go_on()
        sync_directory(folder)

    def write_batch(self, values: list[ArchiveBatch]) -> None:
        encode, records = self._encoder.encode, self._records
        for batch in values:
            for known_at, event in batch.events:
                if known_at >= self._rolls_at or self._event_bytes >= self._roll_bytes:
                    self._roll(known_at)
                record = encode(known_at, event)
                records.append(record)
                self._event_bytes += len(record)
                self._records_bytes += len(record)
                if self._records_bytes >= BLOCK_BYTES:
                    self._end_block()

    def snapshot(self) -> ArchivePosition:
        self._end_block()
        self._sync()
        return self._at

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _roll(self, known_at: int) -> None:
        """Begin the next file, with the event that is known at `known_at`."""
        self._end_block()
        self._sync()
        self.close()
        at = ArchivePosition(number=self._at.number + 1, first_at=known_at)
        path = self._folder / file_name(at)
        aside = path.with_suffix(".new")
        header = container_header(path)
        with aside.open("wb") as file:
            file.write(header)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
        sync_directory(self._folder)
        self._at = msgspec.structs.replace(at, length=len(header))
        self._event_bytes = 0
        self._open(path)

    def _go_on(self) -> None:
        """Go on with the snapshot's file; with the next one if other code wrote its header."""
        path = self._folder / file_name(self._at)
        with path.open("r+b") as file:
            file.truncate(self._at.length)
            os.fsync(file.fileno())
            header = container_header(path)
            if file.read(len(header)) == header:
                self._open(path)

    def _open(self, path: Path) -> None:
        self._file = path.open("ab")
        self._sync_marker = sync_marker(path)
        self._rolls_at = (self._at.first_at // self._roll_ms + 1) * self._roll_ms

    def _end_block(self) -> None:
        """Hand what was collected to the operating system, as a block."""
        if not self._records or self._file is None:
            return
        block = encode_block(self._records, self._sync_marker)
        self._file.write(block)
        self._file.flush()
        self._is_durable = False
        self._records.clear()
        self._records_bytes = 0
        self._at = msgspec.structs.replace(
            self._at, length=self._at.length + len(block), event_bytes=self._event_bytes
        )

    def _sync(self) -> None:
        if self._file is not None and not self._is_durable:
            os.fsync(self._file.fileno())
            self._is_durable = True


def file_name(at: ArchivePosition) -> str:
    """Of the file of a position."""
    first = datetime.fromtimestamp(at.first_at // 1000, timezone.utc)
    return f"{at.number:06d}-{first:{_BEGAN}}{at.first_at % 1000:03d}Z.avro"


def begins_at(path: Path) -> int:
    """known_at of a file's first event by the file's name, ms UTC; 0 if it isn't an archive's."""
    name = _parsed(path)
    if name is None:
        return 0
    try:
        first = datetime.strptime(name[2], _BEGAN).replace(tzinfo=timezone.utc)
    except ValueError:
        return 0
    return int(first.timestamp()) * 1000 + int(name[3])


def lane_files(folder: Path) -> dict[int, Path]:
    """A lane's files by number, in that order."""
    found = {int(name[1]): path for path in folder.iterdir() if (name := _parsed(path))}
    return dict(sorted(found.items()))


def has_later_file(path: Path) -> bool:
    """Another file of the lane follows this one, so that nothing will be added to it."""
    name = _parsed(path)
    return name is not None and any(number > int(name[1]) for number in lane_files(path.parent))


def refuse_behind(folder: Path, at: ArchivePosition) -> None:
    """Raise OutputBehind if a lane holds less than the snapshot says."""
    if at.number:
        path = folder / file_name(at)
        found = path.stat().st_size if path.exists() else 0
        refuse_if_behind(str(path), found=found, needed=at.length)


def sync_marker(path: Path) -> bytes:
    """What ends each block of a file: the same whenever that file is written."""
    return xxhash.xxh3_128_digest(f"{path.parent.name}/{path.name}".encode())


def container_header(path: Path) -> bytes:
    """What a file begins with: its schema, codec and sync marker."""
    header = io.BytesIO()
    fastavro.writer(header, archive_schema(), [], codec="deflate", sync_marker=sync_marker(path))
    return header.getvalue()


def _parsed(path: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(path.name)


def _delete_beyond(folder: Path, number: int) -> None:
    """Files that were begun after the snapshot; also one whose header wasn't finished."""
    for later, path in lane_files(folder).items():
        if later > number:
            path.unlink()
    for path in folder.glob("*.new"):
        path.unlink()
