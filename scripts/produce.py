"""Produce events to Kafka at a steady rate, and count what the broker acknowledged.

In: events (`scripts.live_events`) and librdkafka properties. Out: JSON records on the topics of
their sources. Promises: one person's events stay in order, as they share a key; nothing is counted
as acknowledged before all replicas that must have it do; a producer that was held up catches up for
a moment at most, then goes on at the rate: it never hides a slow broker in a burst.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import xxhash
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from scripts.live_events import (
    STRONGEST_FIRST,
    DeliveryFailed,
    Event,
    Play,
    identifier_of,
    topic_of,
)

PRODUCER_OPTIONS: Final[dict[str, Any]] = {
    "enable.idempotence": True,
    "acks": "all",
    "max.in.flight.requests.per.connection": 1,  # for the reason in sinks/kafka/deliveries.py
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # the Java clients' choice: keys meet whoever sends them
    "queue.buffering.max.messages": 100_000,
}
CATCH_UP_SECONDS: Final = 0.5
SLICE_SECONDS: Final = 0.005
FLUSH_SECONDS: Final = 130.0
"""Longer than librdkafka's delivery.timeout.ms: by then each record is acknowledged or failed."""

Progress = Callable[[int, int], None]


class Produced(msgspec.Struct, kw_only=True):
    """What came of it. Records, unless a unit is named."""

    sent: int = 0
    acknowledged: int = 0
    failed: int = 0
    first_error: str = ""
    seconds: float = 0.0
    behind_seconds: float = 0.0
    """Time in which the producer could not keep the rate, and which it did not make up for."""
    by_source: dict[str, int] = {}


class Pace:
    """A token bucket: how many events are due. What it can't hold is lost, and counted."""

    def __init__(
        self,
        rate: float,
        catch_up_seconds: float = CATCH_UP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate
        self._most = max(1.0, rate * catch_up_seconds)
        self._clock = clock
        self._at = clock()
        self._tokens = 0.0
        self._lost = 0.0

    def due(self) -> int:
        """How many events may be sent now; they count as sent."""
        now = self._clock()
        self._tokens += (now - self._at) * self._rate
        self._at = now
        self._lost += max(0.0, self._tokens - self._most)
        self._tokens = min(self._tokens, self._most)
        whole = int(self._tokens)
        self._tokens -= whole
        return whole

    @property
    def behind_seconds(self) -> float:
        return self._lost / self._rate


def key_of(event: Mapping[str, Any]) -> bytes:
    """What the events of one person share: a hash of the strongest identifier.

    A hash, since keys end in tools and logs where no address should be.
    """
    one = identifier_of(event, STRONGEST_FIRST) or event["event_id"]
    return xxhash.xxh3_64_hexdigest(one.encode()).encode()


class EventProducer:
    """Sends events; `acknowledged` (a file) gets a line `["source","event_id"]` for each that the
    broker has, at most a second later."""

    def __init__(
        self, options: Mapping[str, Any], prefix: str = "", acknowledged: Path | None = None
    ) -> None:
        self._producer = Producer({**options, **PRODUCER_OPTIONS})
        self._prefix = prefix
        self._encode = msgspec.json.Encoder().encode
        self._file = acknowledged.open("ab") if acknowledged is not None else None
        self._topics: dict[str, str] = {}
        self.produced = Produced()

    def send(self, event: Event) -> None:
        """Hand one event to librdkafka; waits while its queue is full."""
        source: str = event["source"]
        topic = self._topics.get(source) or self._topics.setdefault(
            source, topic_of(source, self._prefix)
        )
        value, key = self._encode(event), key_of(event)
        told = partial(self._told, source, event["event_id"])
        deadline = time.monotonic() + FLUSH_SECONDS
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=told)
                break
            except BufferError:
                if time.monotonic() > deadline:
                    raise
                self._producer.poll(0.05)
            except KafkaException as refused:  # before it left: too long, or no such partition
                self._told(source, event["event_id"], refused.args[0], None)
                break
        self.produced.sent += 1
        self.produced.by_source[source] = self.produced.by_source.get(source, 0) + 1

    def poll(self) -> None:
        """Count what was acknowledged meanwhile."""
        self._producer.poll(0)

    def save(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Wait until the fate of every event is known; DeliveryFailed if one has none."""
        waiting = self._producer.flush(FLUSH_SECONDS)
        if self._file is not None:
            self._file.close()
        if waiting:
            raise DeliveryFailed(f"the broker must answer for every event; {waiting} are open")

    def _told(
        self, source: str, event_id: str, error: KafkaError | None, _: Message | None
    ) -> None:
        if error is not None:
            self.produced.failed += 1
            self.produced.first_error = self.produced.first_error or str(error)
            return
        self.produced.acknowledged += 1
        if self._file is not None:
            self._file.write(self._encode((source, event_id)) + b"\n")


def produce(
    played: Iterable[tuple[Play, Event]],
    producer: EventProducer,
    *,
    rate: float,
    seconds: float | None = None,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> Produced:
    """Send at `rate` events a second until they end, `seconds` are over or `stop` is set.

    Returns once every event is acknowledged; DeliveryFailed if one was refused.
    """
    stop = stop or threading.Event()
    pace, began = Pace(rate), time.monotonic()
    ends = None if seconds is None else began + seconds
    total = 0 if seconds is None else int(rate * seconds)
    events, more, told_at = iter(played), True, began
    while more and not stop.is_set() and (ends is None or time.monotonic() < ends):
        for _ in range(pace.due()):
            found = next(events, None)
            if found is None:
                more = False
                break
            play, event = found
            producer.send(play.happens(event, time.time_ns() // 1_000_000))
        producer.poll()
        if time.monotonic() - told_at > 1.0:
            told_at = time.monotonic()
            producer.save()
            if progress is not None:
                progress(producer.produced.sent, max(total, producer.produced.sent))
        time.sleep(SLICE_SECONDS)
    done = producer.produced
    done.seconds = time.monotonic() - began
    done.behind_seconds = pace.behind_seconds
    producer.close()
    if done.failed:
        raise DeliveryFailed(
            f"the broker must acknowledge every event; {done.failed:,} of {done.sent:,} failed, "
            f"the first one with: {done.first_error}"
        )
    return done


def check_topics(options: Mapping[str, Any], topics: Iterable[str], timeout: float = 10.0) -> None:
    """DeliveryFailed if the broker can't be reached or lacks a topic: better now than later."""
    try:
        there = Producer(dict(options)).list_topics(timeout=timeout).topics
    except KafkaException as error:
        raise DeliveryFailed(f"the broker must answer; got {error.args[0]}") from error
    missing = sorted(set(topics) - set(there))
    if missing:
        raise DeliveryFailed(
            f"the broker must have the topics that are written to; {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; `kizuna topics apply` makes them"
        )
