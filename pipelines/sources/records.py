"""Records of one file, in order: lines of JSON, or records of an Avro container.

A record is `bytes` (one line), `dict` (Avro) or `Archived` (a container that the archive
wrote). What can't be read any further comes as one last record of raw bytes, which decode
refuses as unreadable.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import fastavro

from pipelines.sources.raw import Record
from schemas.archive import ARCHIVED_EVENT, NotArchived, archived_event
from schemas.events import Event
from sinks.archive import has_later_file

BATCH_BYTES = 2 << 20
"""How much of a file is read at once; the flow's tick when it catches up."""
AVRO_RECORD_BYTES = 512
"""About what a record takes, to make batches of Avro as large as those of lines."""
UNREADABLE_BYTES_MAX = 1 << 20
SYNC_BYTES = 16
BLOCK_BYTES_MAX = 2 << 20
"""More than the archive ever puts into a block: a length beyond it is damage."""


class Records(Protocol):
    """`count`: records read so far; `position`: where to go on, in the file's own terms."""

    count: int
    position: int

    def read(self) -> list[Record]:
        """The next records, in order; empty at the end."""
        ...


class JsonLines:
    """`position` is a byte offset. Blank lines are records too, so that numbers match lines."""

    def __init__(self, path: Path, position: int, count: int, batch_bytes: int) -> None:
        self._file: BinaryIO = path.open("rb")
        self._file.seek(position)
        self._batch_bytes = batch_bytes
        self.position = position
        self.count = count

    def read(self) -> list[Record]:
        lines = self._file.readlines(self._batch_bytes)
        self.position += sum(map(len, lines))
        self.count += len(lines)
        return lines


class Archived(NamedTuple):
    """A record of the archive: it was stamped and decoded when it was written."""

    known_at: int
    event: Event


class AvroRecords:
    """`position` is the number of records read; those before it are skipped, whole blocks unread.

    A container that is damaged can't be read on: what is left of it is one last record of raw
    bytes, counted like any other. The last file of an archive's lane may still be written to:
    it ends with the last block that was whole when it had `size` bytes.
    """

    def __init__(
        self, path: Path, position: int, count: int, batch_bytes: int, size: int | None = None
    ) -> None:
        self._batch_records = max(1, batch_bytes // AVRO_RECORD_BYTES)
        self.position = position
        self.count = count
        self._path = path
        self._file: BinaryIO = path.open("rb")
        self._size = path.stat().st_size if size is None else size
        self._is_archive = False
        self._records = self._after(position)

    def read(self) -> list[Record]:
        batch = list(islice(self._records, self._batch_records))
        self.position += len(batch)
        self.count += len(batch)
        return batch

    def _after(self, position: int) -> Iterator[Record]:
        number, read_until = 0, 0
        try:
            blocks = fastavro.block_reader(self._file)
            read_until = self._file.tell()
            interpret = self._interpreter(blocks.writer_schema)
            for block in blocks:
                if self._is_archive and block.offset + block.size > self._size:
                    return
                end = number + block.num_records
                if end > position:
                    for record in block:
                        if number >= position:
                            yield interpret(record)
                        number += 1
                number = end
                read_until = block.offset + block.size
        except Exception as error:  # each codec and the schema parser raise errors of their own
            if self._is_archive and self._is_unfinished(read_until):
                return
            if number >= position:
                self._file.seek(read_until)
                rest = self._file.read(UNREADABLE_BYTES_MAX)
                yield unreadable(type(error).__name__, rest)

    def _interpreter(self, schema: Any) -> Callable[[Any], Record]:
        """What makes a record of what fastavro reads by `schema`."""
        self._is_archive = isinstance(schema, dict) and schema.get("name") == ARCHIVED_EVENT
        if not self._is_archive:
            return lambda record: record
        _read_times_as_longs(schema)
        return _archived

    def _is_unfinished(self, at: int) -> bool:
        """The block at `at` may still be being written: it goes beyond the end of a last file."""
        self._file.seek(at)
        count, data_bytes = _read_long(self._file), _read_long(self._file)
        if count is not None and data_bytes is not None:
            end = self._file.tell() + data_bytes + SYNC_BYTES
            if end <= self._size or data_bytes > BLOCK_BYTES_MAX:
                return False
        return not has_later_file(self._path)


def unreadable(why: str, rest: bytes) -> bytes:
    """A record that decode refuses, with what can't be read."""
    return b"\x00not readable as Avro: " + why.encode() + b"\n" + rest


def _archived(record: dict[str, Any]) -> Archived | bytes:
    try:
        return Archived(*archived_event(record))
    except NotArchived as error:
        return unreadable(str(error), repr(record).encode())


def _read_times_as_longs(schema: Any) -> None:
    """Have fastavro give times as the integers that they are, which spares two conversions."""
    if isinstance(schema, list):
        for inner in schema:
            _read_times_as_longs(inner)
    elif isinstance(schema, dict):
        if schema.get("logicalType") == "timestamp-millis":
            del schema["logicalType"]
        for name in ("type", "items", "values", "fields"):
            _read_times_as_longs(schema.get(name))


def _read_long(file: BinaryIO) -> int | None:
    """A long of Avro; None where the file ends in it."""
    value, shift = 0, 0
    while byte := file.read(1):
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value >> 1 ^ -(value & 1)
        shift += 7
    return None


def open_records(
    path: Path,
    position: int = 0,
    count: int = 0,
    batch_bytes: int = BATCH_BYTES,
    size: int | None = None,
) -> Records:
    """The records of `path`, by its ending, from `position` on.

    `size`: how many bytes of a file that grows are read; None: as many as it has now.
    """
    if path.suffix == ".avro":
        return AvroRecords(path, position, count, batch_bytes, size)
    return JsonLines(path, position, count, batch_bytes)
