"""A channel system in small, on Kafka: apply each trigger once and say what became of it.

In: the trigger topics of some channels. Out: a call of `apply` for each trigger, and delivery
events back to Kizuna. Beside `scripts/consume.py` (the same on files, and what a trigger is) and
`scripts/delivery_feedback.py` it needs confluent-kafka and msgspec and nothing of Kizuna: copy all
three.

Promise: no trigger is left out, and none is applied twice but for those between the last commit and
a crash of this process, at most a look's worth. What was applied before a crash, a rebalance or
another start is known from the topic itself: the last records before the committed offset are read
again and only remembered. To close the gap, hand `trigger_id` to whatever carries out the effect
as its idempotency key.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from scripts.consume import NotATrigger, Trigger, effect
from scripts.delivery_feedback import ANSWER_SECONDS, Feedback

REMEMBER: Final = 100_000
"""Trigger ids, of all partitions together."""
READ_BACK: Final = 1_000
"""Records before the committed offset of a partition that are remembered at the start."""
LOOK_RECORDS: Final = 500
LOOK_SECONDS: Final = 0.05
COMMIT_SECONDS: Final = 1.0
PASSING: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._PARTITION_EOF,
        KafkaError.UNKNOWN_TOPIC_OR_PART,  # not made yet, or made again
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)
"""Errors that librdkafka gets over by itself."""
LEADERLESS: Final = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._TIMED_OUT}
)
"""Errors of a single question that pass: a partition is changing its leader, or got none yet."""
CONSUMER_OPTIONS: Final[dict[str, Any]] = {
    "enable.auto.commit": False,  # committed after the effect, never before
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",  # what expired unread is gone; nothing else is left out
    "allow.auto.create.topics": False,
    "topic.metadata.refresh.interval.ms": 10_000,  # new partitions
    "fetch.wait.max.ms": 50,
    # Nothing waits for a transaction's end: triggers are made once by their ids, not by that.
    "isolation.level": "read_uncommitted",
}

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class ChannelTrigger(Trigger, kw_only=True):
    """A trigger with where it is to be shown or sent, and to whose customer."""

    channel: str
    market: str


Apply = Callable[[ChannelTrigger], None]


class ChannelConsumer:
    """One member of a consumer group. Counts what it `applied`, and what was `doubled`: ids that
    stood at a second place, which Kizuna promises not to happen."""

    def __init__(
        self,
        options: Mapping[str, Any],
        channels: Iterable[str],
        *,
        group: str,
        prefix: str = "",
        feedback: Feedback | None = None,
        remember: int = REMEMBER,
        read_back: int = READ_BACK,
    ) -> None:
        self._consumer = KafkaConsumer({**options, **CONSUMER_OPTIONS, "group.id": group})
        self._feedback = feedback
        self._remember = remember
        self._read_back = read_back
        self._decode = msgspec.json.Decoder(ChannelTrigger).decode
        self._known: dict[str, Place] = {}
        self._committed: dict[tuple[str, int], int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._commit_at = time.monotonic()
        self.applied = self.doubled = 0
        topics = [f"{prefix}triggers.{channel}" for channel in channels]
        self._consumer.subscribe(topics, on_assign=self._begin, on_revoke=self._end)

    def look(self, apply: Apply, seconds: float = LOOK_SECONDS) -> int:
        """Apply what has come, waiting up to `seconds` for it; how many triggers that were.

        If `apply` raises, its trigger is the first of its partition again at the next look.
        """
        new = 0
        try:
            for message in self._consumer.consume(LOOK_RECORDS, seconds):
                new += self._once(message, apply)
        except BaseException:
            for (topic, number), offset in self._next.items():
                self._consumer.seek(TopicPartition(topic, number, offset))
            raise
        if self._feedback is not None:
            self._feedback.poll()
        if time.monotonic() - self._commit_at > COMMIT_SECONDS:
            self.commit()
        return new

    def commit(self) -> None:
        """Say what was applied, after its feedback is with the broker."""
        self._commit_at = time.monotonic()
        if self._feedback is not None:
            self._feedback.flush()
        offsets = [
            TopicPartition(topic, number, offset)
            for (topic, number), offset in self._next.items()
            if offset > self._committed.get((topic, number), -1)
        ]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._committed.update(((one.topic, one.partition), one.offset) for one in offsets)

    def close(self) -> None:
        """Commit, and leave the group at once."""
        self.commit()
        self._consumer.close()

    def _once(self, message: Message, apply: Apply) -> int:
        error = message.error()
        if error is not None:
            if error.code() in PASSING or error.retriable():
                return 0
            raise KafkaException(error)
        place = (message.topic() or "", message.partition() or 0, message.offset() or 0)
        trigger = self._read(message, place)
        before = self._known.get(trigger.trigger_id)
        fresh = before is None and place[2] >= self._committed.get(place[:2], -1)
        if fresh:
            apply(trigger)
            self.applied += 1
            if self._feedback is not None:
                headers: Any = dict(message.headers() or ())
                self._feedback.tell(
                    trigger, trigger.channel, trigger.market, headers.get("traceparent")
                )
        elif before is not None and before != place:
            self.doubled += 1
        self._known.pop(trigger.trigger_id, None)  # it goes to the end, as the newest
        self._known[trigger.trigger_id] = before or place
        if len(self._known) > self._remember:
            del self._known[next(iter(self._known))]
        self._next[place[:2]] = max(place[2] + 1, self._next.get(place[:2], 0))
        return int(fresh)

    def _read(self, message: Message, place: Place) -> ChannelTrigger:
        try:
            return self._decode(message.value() or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotATrigger(
                f"{place[0]}, partition {place[1]}, offset {place[2]}: must be a trigger; {error}"
            ) from error

    def _begin(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Start a little before what is committed, to remember what was applied already."""
        for one in consumer.committed(partitions, timeout=ANSWER_SECONDS):
            first, last = _bounds(consumer, one)
            if one.offset < 0 or one.offset > last:
                one.offset = first
            self._committed[one.topic, one.partition] = one.offset
            self._next[one.topic, one.partition] = one.offset
            one.offset = max(first, one.offset - self._read_back)
            for place in partitions:
                if (place.topic, place.partition) == (one.topic, one.partition):
                    place.offset = one.offset
        consumer.assign(partitions)

    def _end(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        try:
            self.commit()
        except KafkaException as error:  # it is another's already, who knows the last commit
            if error.args[0].code() not in (
                KafkaError.ILLEGAL_GENERATION,
                KafkaError.UNKNOWN_MEMBER_ID,
                KafkaError.REBALANCE_IN_PROGRESS,
            ):
                raise
        for one in partitions:
            self._committed.pop((one.topic, one.partition), None)
            self._next.pop((one.topic, one.partition), None)


def _bounds(consumer: KafkaConsumer, partition: TopicPartition) -> tuple[int, int]:
    """The first offset and the one after the last; of a topic made a moment ago, once it is led."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=ANSWER_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in LEADERLESS or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def consume(consumer: ChannelConsumer, *, follow: bool, quiet_seconds: float = 5.0) -> int:
    """Print what there is, and with `follow` what comes; how many triggers that were.

    Without `follow` it ends when nothing has come for `quiet_seconds`.
    """
    try:
        last = time.monotonic()
        while follow or time.monotonic() - last < quiet_seconds:
            if consumer.look(effect, 0.5):
                last = time.monotonic()
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()
    return consumer.applied
