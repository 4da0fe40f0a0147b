"""A lane merges Kafka partitions into one upstream, in order of `known_at`.

In: partitions that stamp their records, and which of them are at the end of their logs. Out:
batches of records in order of `known_at`, each with the lane's watermark, the least `known_at`
of its partitions. Promised, across any crash and resume: watermarks never go back, no record
below one follows, and each partition's records are the same with the same `known_at`.
"""

from collections import Counter
from collections.abc import Mapping
from operator import itemgetter

import msgspec

from pipelines.sources.kafka.stamped import Journal, Place, Stamped
from pipelines.sources.raw import Raw, RawBatch

PARTITION_RECORDS_MIN = 100
LANE_BATCHES = 4
LANE_BYTES = 64 << 20
"""What a lane holds at most, about: a partition whose share is full is paused."""

_PARTITION = itemgetter(0)
_KNOWN_AT = itemgetter(2)
"""Of a raw record."""


class LanePosition(msgspec.Struct, frozen=True, kw_only=True):
    """What a lane resumes from."""

    mark_at: int = 0
    partitions: dict[str, Place] = {}


class Lane:
    """The partitions of one lane and its watermark; no I/O, and no clock but the one passed in."""

    def __init__(self, name: str, *, bound_minutes: int, batch_records: int) -> None:
        self.name = name
        self.mark_at = 0
        """The watermark that was emitted last, ms UTC."""
        self.partitions: dict[str, Stamped] = {}
        self._bound_minutes = bound_minutes
        self._batch_records = batch_records
        self._alone_at = 0

    def resume(self, position: LanePosition, journals: Mapping[str, tuple[Journal, int]]) -> None:
        """Go on where a snapshot was taken. `journals`: each with the offset that it begins at.

        A partition that only its journal knows was adopted after the snapshot.
        """
        self.mark_at = position.mark_at
        for name, (journal, begins_at) in sorted(journals.items()):
            place = position.partitions.get(name, Place(offset=begins_at, known_at=0))
            self.adopt(name, place, journal)

    def adopt(self, name: str, place: Place, journal: Journal) -> Stamped:
        """A partition from `place` on. What it stamps isn't below what was emitted already.

        For one that was read before, the watermark that was emitted changes no stamp: its records
        from `place` on weren't below that in the first life either.
        """
        place = Place(offset=place.offset, known_at=max(place.known_at, self.mark_at))
        partition = Stamped(name, place, journal, self._bound_minutes)
        self.partitions[name] = partition
        return partition

    def fullness(self, partition: Stamped) -> float:
        """1: it holds its share of the lane. It is far ahead of others, or the lane has to wait."""
        share = max(1, len(self.partitions))
        records = max(PARTITION_RECORDS_MIN, LANE_BATCHES * self._batch_records // share)
        return max(len(partition.held) / records, partition.held_bytes * share / LANE_BYTES)

    def confirm(self, asked_at: int, ends: Mapping[str, int]) -> list[str]:
        """Promise `asked_at` for each partition that was read to an end of its log which the broker
        named after that moment; these are returned. Others still have something to read."""
        reached = []
        for name, end in ends.items():
            partition = self.partitions[name]
            if partition.next >= end:
                partition.promise(asked_at)
                reached.append(name)
        return reached

    def alone(self, asked_at: int) -> None:
        """While it has no partition, a lane holds nobody up."""
        self._alone_at = asked_at

    def take(self) -> RawBatch | None:
        """What may be emitted, at most about a batch; None if there is nothing new.

        Records at the watermark itself go, too: it only says that nothing below it follows. So
        the partition that is furthest behind never holds records, and can always be read.
        """
        mark_at = self._least()
        taken: list[Raw] = []
        for name in sorted(self.partitions):
            for raw, _, _ in self.partitions[name].held:
                if raw[2] > mark_at:
                    break
                taken.append(raw)
        taken.sort(key=_KNOWN_AT)
        if len(taken) > self._batch_records:
            del taken[self._batch_records :]
            mark_at = taken[-1][2]
        if not taken and mark_at == self.mark_at:
            return None
        for name, count in Counter(map(_PARTITION, taken)).items():
            self.partitions[name].release(count)
        self.mark_at = mark_at
        return RawBatch(upstream=self.name, records=taken, mark_at=mark_at)

    def position(self) -> LanePosition:
        return LanePosition(
            mark_at=self.mark_at,
            partitions={name: part.place() for name, part in self.partitions.items()},
        )

    def _least(self) -> int:
        if not self.partitions:
            return max(self.mark_at, self._alone_at)
        return min(partition.known_at for partition in self.partitions.values())
