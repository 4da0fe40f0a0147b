"""One Kafka partition in order: stamps `known_at`, and holds records until they may be emitted.

In: the log's records and the journal of promises. Out: each record's `known_at`, the running
maximum of `received_at` and of the promises of its offset and those before. Promised: it is a
function of those two alone, wherever reading stopped and began again.
"""

from collections import deque
from typing import Protocol

import msgspec

from pipelines.sources.raw import Raw, Record

MINUTE_MS = 60_000


class Journal(Protocol):
    """Where promises are kept; `pipelines.sources.kafka.promises`."""

    def after(self, offset: int) -> list[tuple[int, int]]: ...
    def add(self, offset: int, known_at: int) -> None: ...


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a partition is: the offset to read next, and what was known before it, ms UTC."""

    offset: int
    known_at: int


class Stamped:
    """A partition between its log and its lane."""

    def __init__(self, name: str, place: Place, journal: Journal, bound_minutes: int) -> None:
        self.name = name
        self.next = place.offset
        """The offset that is read next."""
        self.known_at = place.known_at
        """Nothing below it will follow."""
        self.held: deque[tuple[Raw, int, int]] = deque()
        """Records that were read and not emitted: (record, what was known before it, bytes)."""
        self.held_bytes = 0
        self._journal = journal
        self._bound_ms = bound_minutes * MINUTE_MS
        self._promises = deque(journal.after(place.offset))
        self._keep_promises()

    def read(
        self, offset: int, timestamp: int | None, received_at: int | None, record: Record, size: int
    ) -> bool:
        """Take in a record; False if it was read before, as after a seek.

        `timestamp`: Kafka's, ms UTC; it stands in for `received_at` where the record has none. A
        `received_at` more than the bound beyond it passes, for decode to refuse, and moves nothing.
        """
        if offset < self.next:
            return False
        self.reach(offset)
        before = self.known_at
        bound_at = (before if timestamp is None else timestamp) + self._bound_ms
        at = timestamp if received_at is None else received_at
        if at is not None and before < at <= bound_at:
            self.known_at = at
        raw: Raw = (self.name, offset, self.known_at, timestamp, bound_at, record)
        self.held.append((raw, before, size))
        self.held_bytes += size
        self.next = offset + 1
        if self._promises:
            self._keep_promises()
        return True

    def reach(self, offset: int) -> None:
        """Nothing was to be read below `offset`: a log may have gaps, and end in one."""
        if offset > self.next:
            self.next = offset
            if self._promises:
                self._keep_promises()

    def promise(self, known_at: int) -> None:
        """Whatever is read from here on is known at `known_at` or later."""
        if known_at > self.known_at:
            self._journal.add(self.next, known_at)
            self.known_at = known_at

    def release(self, count: int) -> None:
        """The first `count` held records were emitted."""
        held = self.held
        for _ in range(count):
            self.held_bytes -= held.popleft()[2]

    def place(self) -> Place:
        """Where to resume from: the oldest record that wasn't emitted."""
        if self.held:
            raw, before, _ = self.held[0]
            return Place(offset=raw[1], known_at=before)
        return Place(offset=self.next, known_at=self.known_at)

    def _keep_promises(self) -> None:
        promises = self._promises
        while promises and promises[0][0] <= self.next:
            self.known_at = max(self.known_at, promises.popleft()[1])
