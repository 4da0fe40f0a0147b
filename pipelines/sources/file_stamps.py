"""When the engine comes to know what is in a file: `known_at` of its records, and their order.

In: a file's records. Out: the same, stamped. `known_at` is the running maximum of `received_at`
along the file: a function of the file alone. What the archive wrote keeps the known_at, partition
and offset that it was archived with, so that reading it gives what the run that wrote it gave.
"""

from collections.abc import Callable
from pathlib import Path

from pipelines.sources.journal import InputFile
from pipelines.sources.raw import Raw, Record
from pipelines.sources.records import Archived, open_records
from sinks.archive import begins_at

OUT_OF_ORDER_MS = 3_600_000


class InputOutOfOrder(Exception):
    """A file whose records are more than an hour out of order of `received_at`, or an archive
    whose records are out of order of `known_at` at all."""


class FileStamps:
    """Stamps the records of one file, in order."""

    def __init__(
        self,
        name: str,
        received_at: Callable[[Record], int | None],
        bound_at: int,
        *,
        known_at: int = 0,
        latest: int = 0,
    ) -> None:
        """`bound_at`: clocks beyond it are wrong, ms UTC."""
        self.known_at = known_at
        """Of the last record; later than `latest` where an earlier generation had come further."""
        self.latest = latest
        """The greatest received_at of this file so far; of an archive: known_at."""
        self._name = name
        self._received_at = received_at
        self._bound_at = bound_at

    def stamped(self, records: list[Record], first: int) -> list[Raw]:
        """The records as decode takes them. `first`: the number of the first one in its file."""
        return [self._raw(record, number) for number, record in enumerate(records, first)]

    def _raw(self, record: Record, number: int) -> Raw:
        if type(record) is Archived:
            event = record.event
            known_at = self._archived_at(record.known_at, number)
            return (event.partition, event.offset, known_at, None, self._bound_at, event)
        return (self._name, number, self._stamp(record, number), None, self._bound_at, record)

    def _archived_at(self, known_at: int, number: int) -> int:
        if known_at < self.latest:
            raise InputOutOfOrder(archive_out_of_order(self._name, number))
        self.latest = known_at
        self.known_at = max(self.known_at, known_at)
        return self.known_at

    def _stamp(self, record: Record, number: int) -> int:
        """known_at of a record. A clock that can't be read or is beyond the bound moves nothing."""
        received_at = self._received_at(record)
        if received_at is None or received_at > self._bound_at:
            return self.known_at
        behind = self.latest - received_at
        if behind > OUT_OF_ORDER_MS:
            raise InputOutOfOrder(out_of_order(self._name, number, behind))
        if behind < 0:
            self.latest = received_at
            self.known_at = max(self.known_at, received_at)
        return self.known_at


def check_order(
    file: InputFile, received_at: Callable[[Record], int | None], bound_at: int
) -> str | None:
    """What is wrong with a file's order, before anything of it is read; None: nothing."""
    records, latest = open_records(Path(file.path), size=file.size), begins_at(Path(file.path))
    while batch := records.read():
        first = records.count - len(batch)
        for number, record in enumerate(batch, first):
            if type(record) is Archived:
                if record.known_at < latest:
                    return archive_out_of_order(file.path, number)
                latest = record.known_at
                continue
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


def archive_out_of_order(path: str, number: int) -> str:
    """The message for a record of an archive that comes before the one it follows."""
    return (
        f"{path}: record {number + 1}: must be in order of known_at, as an archive is written; got "
        "one that is earlier than the one before it or than the file's name says; put back the "
        "file as it was written"
    )
