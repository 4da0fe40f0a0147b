"""What a topic holds beyond a snapshot: records that will come again and must not be written twice.

A resumed run makes the same rows again, perhaps in another order and other batches. Those that
reached the topic before the crash **wait** here until they come, and are left out then. A snapshot
that is taken in between says which ones still wait, so that it stays exact when the next crash
comes before they are all through.
"""

from collections.abc import Iterator
from typing import Final

from sinks.kafka.records import revision_of

Waiting = tuple[tuple[int, int], ...]
"""Offsets that wait, as runs: from, to (exclusive)."""
Positions = dict[int, tuple[int, Waiting]]
"""A snapshot: by Kafka partition, the offset after the last record that counts, and which records
below it wait to come again."""

_OFFSET_BITS: Final = 48
"""A place is partition and offset in one number: there may be millions."""


class Recorded:
    """Records of one topic that wait, by `record_id`; equal ones are counted.

    `newest_counts`: the topic is compacted and only a key's last record counts, so an older one may
    be gone, or never have been written, where a newer one is there. Whoever asks is told that it
    was `overtaken`.
    """

    def __init__(self, newest_counts: bool = False) -> None:
        self._places: dict[bytes, int | list[int]] = {}
        """One or, rarely, several. Numbers alone cost the garbage collector nothing."""
        self._ids: dict[bytes, set[bytes]] | None = {} if newest_counts else None
        self._reached: dict[bytes, int] = {}
        """By key: which records, and the highest revision among them."""
        self._waiting: dict[int, Waiting] | None = None
        """As of the last change; None: there was one since."""

    def __len__(self) -> int:
        return sum(1 for _ in self._all())

    def __bool__(self) -> bool:
        return bool(self._places)

    def add(self, record_id: bytes, key: bytes | None, partition: int, offset: int) -> None:
        """Of one `record_id`, records are added in the order in which they stand on the topic."""
        place = partition << _OFFSET_BITS | offset
        before = self._places.setdefault(record_id, place)
        if isinstance(before, list):
            before.append(place)
        elif before != place:
            self._places[record_id] = [before, place]
        if self._ids is not None and key is not None:
            self._ids.setdefault(key, set()).add(record_id)
            self._reached[key] = max(revision_of(record_id), self._reached.get(key, 0))
        self._waiting = None

    def take(self, record_id: bytes) -> bool:
        """Whether such a record waited; it doesn't any more."""
        places = self._places.get(record_id)
        if places is None:
            return False
        if isinstance(places, list):
            places.pop(0)
        if not isinstance(places, list) or not places:
            del self._places[record_id]
        self._waiting = None
        return True

    def overtaken(self, key: bytes | None, record_id: bytes) -> bool:
        """Whether the topic has a newer record of the key; if not, none of the key waits any more:
        what has not come by now was made by another history."""
        if self._ids is None or key is None:
            return False
        if revision_of(record_id) <= self._reached.get(key, 0):
            return True
        self._reached.pop(key, None)
        for waiting in self._ids.pop(key, ()):
            self._places.pop(waiting, None)
            self._waiting = None
        return False

    def waiting(self, partition: int) -> Waiting:
        """What waits in a partition."""
        if self._waiting is None:
            self._waiting = self._runs()
        return self._waiting.get(partition, ())

    def _runs(self) -> dict[int, Waiting]:
        runs: dict[int, list[tuple[int, int]]] = {}
        for place in sorted(self._all()):
            partition, offset = place >> _OFFSET_BITS, place & ((1 << _OFFSET_BITS) - 1)
            own = runs.setdefault(partition, [])
            if own and own[-1][1] == offset:
                own[-1] = (own[-1][0], offset + 1)
            else:
                own.append((offset, offset + 1))
        return {partition: tuple(own) for partition, own in runs.items()}

    def _all(self) -> Iterator[int]:
        for places in self._places.values():
            if isinstance(places, list):
                yield from places
            else:
                yield places
