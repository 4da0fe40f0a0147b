"""Partitions wait for each other, so that what is buffered downstream stays bounded.

A memory-mapped file holds a slot a partition: how far it is in time, how many records
and bytes it has read; and a slot a key group of the last step: up to which time it is done.
It works across the processes of a host and is only an optimisation: it is zeroed before each
start, and nothing that is computed depends on it. Of other hosts their launchers tell: what was
told is a little old, so somebody may wait a little longer, and everybody hears in the end.
"""

import mmap
import struct
from collections.abc import Sequence
from pathlib import Path

FINISHED = 2**62
AHEAD_MS = 3_600_000
"""A partition that is further ahead of the slowest one is paused,"""
AHEAD_RECORDS = 32_768
"""unless fewer of its records than this are ahead."""
IN_FLIGHT_RECORDS = 65_536
"""A partition of which more than this is on its way through the flow is paused, too."""

_SLOT = struct.Struct("<qqqq")
_POSITION = struct.Struct("<q")


class Alignment:
    """The slots of `names`, in that order, and of `groups` key groups."""

    def __init__(self, path: Path, names: Sequence[str], groups: int = 0) -> None:
        self._index = {name: number for number, name in enumerate(names)}
        self._count = len(names)
        self._groups_at = self._count * _SLOT.size
        self._groups = range(groups)
        size = self._groups_at + groups * _POSITION.size
        with path.open("r+b") as file:
            self._slots = mmap.mmap(file.fileno(), size)

    @staticmethod
    def reset(path: Path, names: Sequence[str], groups: int = 0) -> None:
        """Zero every slot; only while no process reads or writes them."""
        path.write_bytes(bytes(max(1, len(names) * _SLOT.size + groups * _POSITION.size)))

    def finish(self, group: int, mark_at: int) -> None:
        """A key group of the last step has applied everything below `mark_at`, ms UTC."""
        _POSITION.pack_into(self._slots, self._groups_at + group * _POSITION.size, mark_at)

    def finished(self) -> int | None:
        """Below which time the whole flow is done; None while a group hasn't said anything."""
        at, size = self._groups_at, _POSITION.size
        least = min(
            (_POSITION.unpack_from(self._slots, at + group * size)[0] for group in self._groups),
            default=0,
        )
        return least or None

    def publish(
        self, name: str, known_at: int, records: int, bytes_read: int, finished: bool = False
    ) -> None:
        """Where `name` is, ms UTC, and what it has read; a finished one holds up nobody."""
        position = FINISHED if finished else known_at
        slot = (position, records, bytes_read, known_at)
        _SLOT.pack_into(self._slots, self._index[name] * _SLOT.size, *slot)

    def slowest(self) -> int:
        """The least position of all partitions; 0 while one has not started."""
        least: int = min(
            _POSITION.unpack_from(self._slots, number * _SLOT.size)[0]
            for number in range(self._count)
        )
        return least

    def greatest(self) -> int:
        """The greatest known_at that any partition has reached, ms UTC."""
        slots = range(self._count)
        latest: int = max(_SLOT.unpack_from(self._slots, n * _SLOT.size)[3] for n in slots)
        return latest

    def totals(self) -> tuple[int, int]:
        """Records and bytes read so far by all partitions."""
        slots = [_SLOT.unpack_from(self._slots, n * _SLOT.size) for n in range(self._count)]
        return sum(slot[1] for slot in slots), sum(slot[2] for slot in slots)

    def told(self) -> bytes:
        """All slots as they are now, for another host."""
        return self._slots[:]

    def hear(self, told: bytes) -> None:
        """Take over what is further in another host's slots: each is written on one host only."""
        if len(told) != len(self._slots):
            return
        for at in range(0, self._groups_at, _SLOT.size):
            if _POSITION.unpack_from(told, at) > _POSITION.unpack_from(self._slots, at):
                self._slots[at : at + _SLOT.size] = told[at : at + _SLOT.size]
        for at in range(self._groups_at, len(told), _POSITION.size):
            if _POSITION.unpack_from(told, at) > _POSITION.unpack_from(self._slots, at):
                self._slots[at : at + _POSITION.size] = told[at : at + _POSITION.size]


class Ahead:
    """How many of one partition's records are ahead of others, and of what the flow has done."""

    def __init__(self) -> None:
        self._batches: list[tuple[int, int]] = []
        self._in_flight: list[tuple[int, int]] = []

    def add(self, position: int, records: int) -> None:
        self._batches.append((position, records))
        self._in_flight.append((position, records))

    def may_read(self, position: int, slowest: int, finished: int | None = None) -> bool:
        """Another batch is allowed: it is not far ahead, in time or in records.

        `finished`: below which time the flow is done; None: not known, so that it limits nothing.
        Whoever is slowest may read as soon as the flow has done what it could, so that there is
        always somebody who may.
        """
        if finished is None:
            self._in_flight.clear()
        else:
            self._in_flight = [batch for batch in self._in_flight if batch[0] > finished]
            waits_for_flow = position > slowest or finished < slowest
            if waits_for_flow and sum(n for _, n in self._in_flight) >= IN_FLIGHT_RECORDS:
                return False
        if position <= slowest + AHEAD_MS:
            self._batches.clear()
            return True
        self._batches = [batch for batch in self._batches if batch[0] > slowest]
        return sum(records for _, records in self._batches) < AHEAD_RECORDS
