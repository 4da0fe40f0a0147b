"""Kafka's topics as a source of lanes, which share the partitions of all topics.

A lane is a Bytewax partition, so there is a fixed number of them, while topics may get more
partitions at any time: which lane a Kafka partition belongs to follows from its name alone.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xxhash
from bytewax.inputs import FixedPartitionedSource
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import AdminClient

from pipelines.logs import Log
from pipelines.sources.alignment import Alignment
from pipelines.sources.kafka.lane import Lane, LanePosition
from pipelines.sources.kafka.reader import LaneReader
from pipelines.sources.kafka.watching import Watching
from pipelines.sources.kafka.wire import Wire
from pipelines.sources.raw import RawBatch, Record
from schemas.settings import Kafka

FETCHED_KBYTES = 16_384
"""What librdkafka holds for a lane beyond what the lane holds itself."""
FETCH_BYTES_MIN = 200_000
"""Less than this waits a fifth of a tick at the broker for more: a request for each record would
keep broker and client busy."""
SLEEP_MS_MAX = 500


def lane_names(lanes: int) -> list[str]:
    """The lanes of a run, which are the upstreams of its event rung."""
    return [f"lane-{number:02d}" for number in range(lanes)]


def lane_of(partition: str, lanes: int) -> str:
    """The lane that a Kafka partition, `topic:number`, belongs to for good."""
    return lane_names(lanes)[xxhash.xxh3_64_intdigest(partition.encode()) % lanes]


class KafkaSource(FixedPartitionedSource[RawBatch, LanePosition]):
    """All input topics, in lanes."""

    def __init__(
        self,
        kafka: Kafka,
        client_options: dict[str, Any],
        topics: Sequence[str],
        *,
        alignment_path: Path,
        promises: Path,
        received_at: Callable[[Record], int | None],
        bound_minutes: int,
        stopping: Callable[[], bool],
        groups: int = 0,
        registry_options: dict[str, Any] | None = None,
    ) -> None:
        """`topics`: without the prefix; `promises`: the folder of their journal; `received_at`: a
        record's own, ms UTC; `groups`: how many key groups publish what they finished;
        `registry_options`: of the schema registry's client, None: only JSON is read."""
        self._kafka = kafka
        self._client_options = client_options
        self._topics = {kafka.topic_prefix + topic: topic for topic in topics}
        self._alignment_path = alignment_path
        self._promises = promises
        self._received_at = received_at
        self._bound_minutes = bound_minutes
        self._stopping = stopping
        self._groups = groups
        self._registry_options = registry_options
        self._admin: AdminClient | None = None

    def list_parts(self) -> list[str]:
        return lane_names(self._kafka.lanes)

    def build_part(
        self, step_id: str, for_part: str, resume_state: LanePosition | None
    ) -> LaneReader:
        kafka, names = self._kafka, self.list_parts()
        options = consumer_options(kafka, self._client_options)
        self._promises.mkdir(parents=True, exist_ok=True)
        if self._admin is None:
            self._admin = AdminClient(self._client_options | {"error_cb": _say("admin")})
        return LaneReader(
            Lane(for_part, bound_minutes=self._bound_minutes, batch_records=kafka.batch_records),
            resume_state or LanePosition(),
            consumer=Consumer(options | {"error_cb": _say(for_part)}),
            watching=Watching(
                self._admin, committed=options["isolation.level"] == "read_committed"
            ),
            wire=Wire(_registry(self._registry_options)),
            topics=self._topics,
            mine=lambda partition: lane_of(partition, kafka.lanes) == for_part,
            promises=self._promises,
            alignment=Alignment(self._alignment_path, names, self._groups),
            received_at=self._received_at,
            stopping=self._stopping,
            tick_ms=kafka.tick_ms,
            sleep_ms=min(SLEEP_MS_MAX, kafka.epoch_ms // 2),
            batch_records=kafka.batch_records,
        )


def consumer_options(kafka: Kafka, client_options: dict[str, Any]) -> dict[str, Any]:
    """librdkafka's properties of a lane: a deployment may tune it, not change what it promises."""
    tuned = {
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": max(10, min(500, kafka.tick_ms // 5)),
        "fetch.min.bytes": FETCH_BYTES_MIN,
        "queued.min.messages": 2 * kafka.batch_records,
        "queued.max.messages.kbytes": FETCHED_KBYTES,
        "fetch.queue.backoff.ms": 10,
    }
    fixed = {
        "group.id": kafka.group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    }
    return tuned | client_options | fixed


def _registry(options: dict[str, Any] | None) -> Any | None:
    if options is None:
        return None
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415  # slow

    return SchemaRegistryClient.new_client(options)


def _say(lane: str) -> Callable[[KafkaError], None]:
    """librdkafka tries again by itself; what it says is said once in a row."""
    log, last = Log("read"), [0]

    def say(error: KafkaError) -> None:
        if error.code() != last[0]:
            last[0] = error.code()
            log.warning("broker_trouble", lane=lane, error=error.str())

    return say
