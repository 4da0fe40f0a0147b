"""Reading what an output topic already holds beyond a snapshot.

Comes in: a topic and the snapshot's positions (None: there is no snapshot). Goes out: the records
that wait to come again, and where each partition ends.
Promised: everything up to the end of the log is read, records of aborted transactions included,
so that no record that a consumer may have seen is overlooked; an unreachable broker is waited for
as long as a delivery would be.
"""

import time
from bisect import bisect_right
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sinks.kafka.deliveries import LOG, Options, TopicFailed, delivery_seconds
from sinks.kafka.recorded import Positions, Recorded, Waiting
from sinks.kafka.records import RECORD_ID
from sinks.position import OutputBehind

_ANSWER_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.2
_MISSING_SECONDS: Final = 3.0
"""For a topic that was made a moment ago and that not every broker knows yet."""
_STILL_SECONDS: Final = 30.0
"""By then a topic that was read to its end, and that only we write, stands still."""
_AT_ONCE: Final = 10_000
_TOPIC_MISSING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)


class TopicBehind(TopicFailed, OutputBehind):
    """The topic holds less than the recovery state says it did. Going on would lose records."""


class Held(NamedTuple):
    """`ends`: by partition, the offset that the next record gets."""

    recorded: Recorded
    ends: dict[int, int]


def read_back(
    options: Options,
    topic: str,
    positions: Positions | None,
    *,
    newest_counts: bool = False,
    shared: bool = False,
) -> Held:
    """Everything on a topic that a resumed run will make again.

    Without a snapshot, what is on a topic of which the newest counts may be another history's, and
    is overtaken. `shared`: others write to the topic, too. `options` name a `group.id`, which the
    client asks for: nothing is joined or committed.
    """
    reading = _Reading(
        options,
        topic,
        positions or {},
        newest_counts=newest_counts,
        shared=shared,
        begins=positions is None,
    )
    try:
        return reading.run()
    finally:
        reading.close()


def ends_of(options: Options, topic: str) -> dict[int, int]:
    """By partition, the offset that the next record gets."""
    reading = _Reading(options, topic, {})
    try:
        return {partition: high for partition, (_, high) in reading.bounds().items()}
    finally:
        reading.close()


class _Reading:
    def __init__(
        self,
        options: Options,
        topic: str,
        positions: Positions,
        *,
        newest_counts: bool = False,
        shared: bool = False,
        begins: bool = False,
    ) -> None:
        self._topic = topic
        self._shared = shared
        self._positions = positions
        self._recorded = Recorded(newest_counts)
        self._overtakes = newest_counts and begins
        self._partitions: list[int] = []
        self._patience_seconds = delivery_seconds(options)
        shared = {name: value for name, value in options.items() if name not in _OF_PRODUCERS}
        self._consumer = Consumer({**shared, **_OURS, "logger": LOG})

    def close(self) -> None:
        self._consumer.close()

    def run(self) -> Held:
        began = time.monotonic()
        bounds = self.bounds()
        if self._overtakes:
            return Held(self._recorded, {number: high for number, (_, high) in bounds.items()})
        self._refuse_if_behind(bounds)
        at = {number: self._start(number, low) for number, (low, _) in bounds.items()}
        ends = {number: high for number, (_, high) in bounds.items()}
        still_by: float | None = None
        # A request that a killed process sent may still be on its way into the log, so it is read
        # on until it has stood still; where others write, until none of ours came.
        while any(at[number] < end for number, end in ends.items()):
            before = len(self._recorded)
            self._read_up_to(at, ends)
            if self._shared and still_by is not None and len(self._recorded) == before:
                break
            still_by = still_by or time.monotonic() + _STILL_SECONDS
            if time.monotonic() > still_by:
                raise TopicFailed(
                    f"topic {self._topic}: must be written by this run alone; got more and more "
                    "records while it was read back. End the other run, or give it another "
                    "topic_prefix"
                )
            ends = {number: high for number, (_, high) in self.bounds().items()}
        if self._recorded:
            fields = {
                "topic": self._topic,
                "count": len(self._recorded),
                "seconds": round(time.monotonic() - began, 3),
            }
            LOG.info("records_read_back", extra={"step": "topics", "fields": fields})
        return Held(self._recorded, ends)

    def bounds(self) -> dict[int, tuple[int, int]]:
        """By partition, the first offset and the one after the last."""
        began = time.monotonic()
        while True:
            try:
                return self._ask_bounds()
            except KafkaException as trouble:
                error = trouble.args[0]
                missing = error.code() in _TOPIC_MISSING
                patience = _MISSING_SECONDS if missing else self._patience_seconds
                if time.monotonic() - began > patience:
                    what = (
                        "must exist. Make it with `kizuna topics apply` and start again"
                        if missing
                        else f"must be readable; got {error.str()}. Look after the broker and "
                        "start again: the run resumes from its last snapshot"
                    )
                    raise TopicFailed(f"topic {self._topic}: {what}") from trouble
            time.sleep(_RETRY_SECONDS)

    def _ask_bounds(self) -> dict[int, tuple[int, int]]:
        if not self._partitions:
            listed = self._consumer.list_topics(self._topic, _ANSWER_SECONDS).topics[self._topic]
            if listed.error is not None:
                raise KafkaException(listed.error)
            self._partitions = sorted(listed.partitions)
        return {
            number: self._consumer.get_watermark_offsets(
                TopicPartition(self._topic, number), timeout=_ANSWER_SECONDS
            )
            for number in self._partitions
        }

    def _refuse_if_behind(self, bounds: dict[int, tuple[int, int]]) -> None:
        for number, (needed, _) in self._positions.items():
            high = bounds.get(number, (0, 0))[1]
            if high < needed:
                raise TopicBehind(
                    f"topic {self._topic}, partition {number}: must hold offsets up to {needed}, "
                    f"which the recovery state says were written; got {high}. It was deleted and "
                    "made again, or restored from an older copy. Restore it, or begin anew: "
                    "kizuna run --kafka --output <a fresh directory>, with another topic_prefix"
                )

    def _start(self, number: int, low: int) -> int:
        position, waiting = self._positions.get(number, (0, ()))
        return max(low, waiting[0][0] if waiting else position)

    def _read_up_to(self, at: dict[int, int], ends: dict[int, int]) -> None:
        """Read each partition from `at` to its end, and advance `at`."""
        open_ = {number for number, end in ends.items() if at[number] < end}
        self._consumer.assign(
            [TopicPartition(self._topic, number, at[number]) for number in sorted(open_)]
        )
        moved = time.monotonic()
        while open_:
            for message in self._messages():
                number, offset, error = message.partition(), message.offset(), message.error()
                if error is None:
                    self._keep(message, number, offset)
                    offset += 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    pass
                elif error.retriable() or error.code() in _PASSING:
                    continue
                else:
                    raise TopicFailed(
                        f"topic {self._topic}: must be readable; got {error.str()}. Start again: "
                        "the run resumes from its last snapshot"
                    )
                at[number] = max(at[number], offset)
                moved = time.monotonic()
                if at[number] >= ends[number]:
                    open_.discard(number)
            if time.monotonic() - moved > self._patience_seconds:
                raise TopicFailed(
                    f"topic {self._topic}: must be readable; got no record for "
                    f"{self._patience_seconds:.0f} s. Look after the broker and start again: the "
                    "run resumes from its last snapshot"
                )

    def _messages(self) -> list[Any]:
        """What is there, without waiting for a batch to be full."""
        first = self._consumer.poll(_RETRY_SECONDS)
        return [] if first is None else [first, *self._consumer.consume(_AT_ONCE, timeout=0)]

    def _keep(self, message: Message, number: int, offset: int) -> None:
        position, waiting = self._positions.get(number, (0, ()))
        if offset < position and not _among(offset, waiting):
            return
        key: Any = message.key()
        headers: Any = message.headers()
        for name, value in headers or ():
            if name == RECORD_ID and value is not None:
                self._recorded.add(value, key, number, offset)
                return


def _among(offset: int, waiting: Waiting) -> bool:
    run = bisect_right(waiting, offset, key=lambda run: run[0]) - 1
    return run >= 0 and offset < waiting[run][1]


_OURS: Final[dict[str, Any]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    "isolation.level": "read_uncommitted",
    "fetch.wait.max.ms": 20,
    "reconnect.backoff.max.ms": 1_000,
}
_OF_PRODUCERS: Final = frozenset(
    {
        "delivery.timeout.ms",
        "message.timeout.ms",
        "linger.ms",
        "compression.type",
        "message.max.bytes",
    }
)
_PASSING: Final = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)
