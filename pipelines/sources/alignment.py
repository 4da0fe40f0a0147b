"""Partitions wait for each other, so that what is buffered downstream stays bounded.

A memory-mapped file holds a slot a partition: how far it is in time, how many records
and bytes it has read. It works across processes and is only an optimisation: it is
zeroed before each start, and nothing that is computed depends on it.
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

_SLOT = struct.Struct("<qqqq")
_POSITION = struct.Struct("<q")


class Alignment:
    """The slots of `names`, in that order."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._index = {name: number for number, name in enumerate(names)}
        self._count = len(names)
        with path.open("r+b") as file:
            self._slots = mmap.mmap(file.fileno(), self._count * _SLOT.size)

    @staticmethod
    def reset(path: Path, names: Sequence[str]) -> None:
        """Zero every slot; only while no process reads or writes them."""
        path.write_bytes(bytes(max(1, len(names)) * _SLOT.size))

    def publish(
        self, name: str, known_at: int, records: int, bytes_read: int, finished: bool = False
    ) -> None:
        """Where `name` is, ms UTC, and what it has read; a finished one holds up nobody."""
        position = FINISHED if finished else known_at
        slot = (position, records, bytes_read, known_at)
        _SLOT.pack_into(self._slots, self._index[name] * _SLOT.size, *slot)

    def slowest(self) -> int:
        """The least position of all partitions; 0 while one has not started."""
        return min(
            _POSITION.unpack_from(self._slots, number * _SLOT.size)[0]
            for number in range(self._count)
        )

    def greatest(self) -> int:
        """The greatest known_at that any partition has reached, ms UTC."""
        return max(_SLOT.unpack_from(self._slots, n * _SLOT.size)[3] for n in range(self._count))

    def totals(self) -> tuple[int, int]:
        """Records and bytes read so far by all partitions."""
        slots = [_SLOT.unpack_from(self._slots, n * _SLOT.size) for n in range(self._count)]
        return sum(slot[1] for slot in slots), sum(slot[2] for slot in slots)


class Ahead:
    """How many of one partition's records are ahead of the slowest partition."""

    def __init__(self) -> None:
        self._batches: list[tuple[int, int]] = []

    def add(self, position: int, records: int) -> None:
        self._batches.append((position, records))

    def may_read(self, position: int, slowest: int) -> bool:
        """Another batch is allowed: it is not far ahead, in time or in records."""
        if position <= slowest + AHEAD_MS:
            self._batches.clear()
            return True
        self._batches = [batch for batch in self._batches if batch[0] > slowest]
        return sum(records for _, records in self._batches) < AHEAD_RECORDS
