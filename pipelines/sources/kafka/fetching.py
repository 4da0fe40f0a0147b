"""What a lane's consumer hands over: assigned, paused and resumed, stamped, counted, committed.

In: messages, whenever librdkafka has some. Out: records in the lane's partitions. Promised: no
call waits; a message whose schema isn't known yet holds those behind it, and nothing is skipped.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from pipelines import metrics
from pipelines.sources.kafka.lane import Lane, LanePosition
from pipelines.sources.kafka.lost import log_lost
from pipelines.sources.kafka.stamped import Stamped
from pipelines.sources.kafka.wire import Stalled, Wire, traced
from pipelines.sources.raw import Record

RESUMED_BELOW = 0.5
"""Of its share: a partition that was paused is read again once it holds less."""


class Fetching:
    """The consumer of one lane. `records` and `bytes` count what it read in this life."""

    def __init__(
        self,
        lane: Lane,
        consumer: Consumer,
        wire: Wire,
        *,
        topics: Mapping[str, str],
        parts: Mapping[str, TopicPartition],
        received_at: Callable[[Record], int | None],
        batch_records: int,
        trouble: Callable[[Mapping[str, KafkaError]], None],
    ) -> None:
        """`topics`: what each is called here, by what the broker calls it; `parts`: partitions as
        the broker knows them, by `topic:number`; `trouble`: told of errors that pass."""
        self._lane = lane
        self._consumer = consumer
        self._wire = wire
        self._topics = topics
        self._parts = parts
        self._received_at = received_at
        self._batch_records = batch_records
        self._trouble = trouble
        self._by_place: dict[tuple[str, int], Stamped] = {}
        self._unread: deque[Message] = deque()
        self.paused: set[str] = set()
        self.records = self.bytes = 0

    @property
    def is_stalled(self) -> bool:
        """Messages wait for the schema registry."""
        return bool(self._unread)

    def close(self) -> None:
        self._consumer.close()
        self._wire.close()

    def take_in(self) -> int:
        """Messages that the consumer holds, or that waited for the registry."""
        unread = self._unread
        if not unread:
            unread.extend(self._consumer.consume(self._batch_records, timeout=0))
        taken: dict[str, int] = {}
        try:
            while unread:
                self._take_one(unread[0], taken)
                unread.popleft()
        except Stalled:
            pass  # what is unread waits
        for topic, count in taken.items():
            metrics.RECORDS_IN.labels(topic).inc(count)
        count = sum(taken.values())
        self.records += count
        return count

    def _take_one(self, message: Message, taken: dict[str, int]) -> None:
        error = message.error()
        topic, number, offset = message.topic(), message.partition(), message.offset()
        if topic is None or number is None or offset is None:
            return
        part = self._by_place.get((topic, number))
        if part is None:
            return
        if error is not None:
            self._take_error(part, offset, error)
            return
        value = message.value()
        record = self._wire.record(value)
        kind, timestamp = message.timestamp()
        size = len(value) if value else 0
        if part.read(
            offset,
            None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp,
            self._received_at(record),
            traced(record, message.headers()),
            size,
        ):
            self.bytes += size
            name = self._topics[topic]
            taken[name] = taken.get(name, 0) + 1

    def _take_error(self, part: Stamped, offset: int, error: KafkaError) -> None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            part.reach(offset)
        elif code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise log_lost(
                part.name,
                f"must still hold offset {part.next}, which is read next",
                f"a log without it ({error.str()})",
            )
        else:
            self._trouble({part.name: error})

    def pause_or_resume(self) -> None:
        """A partition that holds its share of the lane isn't read until half of it has gone."""
        pause, resume = [], []
        for name, part in self._lane.partitions.items():
            fullness = self._lane.fullness(part)
            if name in self.paused:
                if fullness <= RESUMED_BELOW:
                    resume.append(name)
            elif fullness >= 1:
                pause.append(name)
        if pause:
            self._consumer.pause([self._parts[name] for name in pause])
            self.paused.update(pause)
        if resume:
            self._consumer.resume([self._parts[name] for name in resume])
            self.paused.difference_update(resume)

    def assign(self, names: Sequence[str]) -> None:
        parts = []
        for name in names:
            part = self._lane.partitions[name]
            place = self._parts[name]
            self._by_place[place.topic, place.partition] = part
            parts.append(TopicPartition(place.topic, place.partition, part.next))
        if parts:
            self._consumer.incremental_assign(parts)

    def commit(self, position: LanePosition) -> None:
        """For tools that show lag; the offsets that count are in the snapshot."""
        offsets = [
            TopicPartition(self._parts[name].topic, self._parts[name].partition, at.offset)
            for name, at in position.partitions.items()
            if name in self._parts
        ]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self._trouble({"commit": error.args[0]})
