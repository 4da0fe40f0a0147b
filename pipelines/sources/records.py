"""Records of one file, in order: lines of JSON, or records of an Avro container.

A record is `bytes` (one line) or `dict` (Avro). What can't be read any further comes as
one last record of raw bytes, which decode refuses as unreadable.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import fastavro

from pipelines.sources.raw import Record

BATCH_BYTES = 2 << 20
"""How much of a file is read at once; the flow's tick when it catches up."""
AVRO_RECORD_BYTES = 512
"""About what a record takes, to make batches of Avro as large as those of lines."""
UNREADABLE_BYTES_MAX = 1 << 20


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
        return lines  # type: ignore[return-value]


class AvroRecords:
    """`position` is the number of records read; those before it are skipped, whole blocks unread.

    A container that is damaged can't be read on: what is left of it is one last record of raw
    bytes, counted like any other.
    """

    def __init__(self, path: Path, position: int, count: int, batch_bytes: int) -> None:
        self._batch_records = max(1, batch_bytes // AVRO_RECORD_BYTES)
        self.position = position
        self.count = count
        self._file: BinaryIO = path.open("rb")
        self._records = self._after(position)

    def read(self) -> list[Record]:
        batch = list(islice(self._records, self._batch_records))
        self.position += len(batch)
        self.count += len(batch)
        return batch

    def _after(self, position: int) -> Iterator[Record]:
        number, read_until = 0, 0
        try:
            for block in fastavro.block_reader(self._file):
                end = number + block.num_records
                if end > position:
                    for record in block:
                        if number >= position:
                            yield record
                        number += 1
                number = end
                read_until = block.offset + block.size
        except Exception as error:  # each codec and the schema parser raise errors of their own
            if number >= position:
                self._file.seek(read_until)
                rest = self._file.read(UNREADABLE_BYTES_MAX)
                yield b"\x00not readable as Avro: " + type(error).__name__.encode() + b"\n" + rest


def open_records(
    path: Path, position: int = 0, count: int = 0, batch_bytes: int = BATCH_BYTES
) -> Records:
    """The records of `path`, by its ending, from `position` on."""
    if path.suffix == ".avro":
        return AvroRecords(path, position, count, batch_bytes)
    return JsonLines(path, position, count, batch_bytes)
