"""Output topics of a test's own, what a `read_uncommitted` consumer finds on them, and rows."""

import random
import time
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.decisions import Trigger
from schemas.flow import Row
from schemas.ledger import LedgerEntry, RedemptionAnswer
from schemas.settings import Kafka
from sinks.kafka import TopicsSink

SECONDS = 30.0
"""For whatever a broker is asked."""


class Found(NamedTuple):
    """A record as a consumer gets it."""

    key: bytes | None
    value: Any
    headers: list[tuple[str, bytes]]
    partition: int
    offset: int
    at: int
    """Its timestamp, ms UTC."""


class Topics:
    """Topics under a prefix of their own."""

    def __init__(self, bootstrap: str, *topics: str, partitions: int = 3, **config: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = f"{uuid.uuid4().hex[:12]}."
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        if topics:
            self.make(*topics, partitions=partitions, **config)

    def make(self, *topics: str, partitions: int = 3, **config: str) -> None:
        new = [NewTopic(self.prefix + topic, partitions, 1, config=config) for topic in topics]
        for made in self._admin.create_topics(new).values():
            made.result(SECONDS)
        for topic in topics:
            self._wait(topic, partitions)

    def delete(self, topic: str) -> None:
        self._admin.delete_topics([self.prefix + topic])[self.prefix + topic].result(SECONDS)
        self._wait(topic, 0)

    def _wait(self, topic: str, partitions: int) -> None:
        """Until the broker knows of what was done."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            listed = self._admin.list_topics(self.prefix + topic, SECONDS).topics
            if len(listed[self.prefix + topic].partitions) == partitions:
                return
            time.sleep(0.05)
        raise AssertionError(f"{topic} has not {partitions} partitions after {SECONDS} s")

    def sink(self, options: dict[str, Any] | None = None, **more: Any) -> TopicsSink:
        """Of a process that nobody killed: it needn't wait for anything to settle."""
        how = {"settled_seconds": 0.0, **more}
        return TopicsSink(kafka(self.bootstrap, self.prefix), options or {}, **how)

    def read(self, topic: str) -> list[Found]:
        """Everything that is on a topic, in order within each partition."""
        return read_topic(self.bootstrap, self.prefix + topic)


def kafka(bootstrap: str, prefix: str) -> Kafka:
    return Kafka(
        brokers=bootstrap,
        group_id="tests",
        topic_prefix=prefix,
        lanes=1,
        tick_ms=250,
        epoch_ms=2_000,
        batch_records=1_000,
        schema_registry=None,
        options={},
    )


def read_topic(bootstrap: str, topic: str) -> list[Found]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tests",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            "fetch.wait.max.ms": 20,
        }
    )
    found: list[Found] = []
    try:
        open_ = set(consumer.list_topics(topic, SECONDS).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in open_])
        deadline = time.monotonic() + SECONDS
        while open_:
            assert time.monotonic() < deadline, f"{topic}: no end of {open_} after {SECONDS} s"
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                open_.discard(message.partition())
                continue
            found.append(
                Found(
                    message.key(),
                    None if message.value() is None else msgspec.json.decode(message.value()),
                    message.headers() or [],
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                )
            )
    finally:
        consumer.close()
    return found


def entry(number: int, member: int = 0, **values: Any) -> LedgerEntry:
    return LedgerEntry(
        **{
            "entry_id": f"entry-{number}",
            "member_id": f"m-{member}",
            "debit": "issued",
            "credit": "pending",
            "points": number + 1,
            "kind": "earn",
            "rule": "base",
            "programme_version": "grocer@1",
            "lot_id": f"lot-{number}",
            "source": "pos",
            "event_id": f"sale-{number}",
            "line_id": None,
            "occurred_at": 1_515_193_200_000,
            "posted_at": 1_515_193_200_000 + number,
            "corrects": None,
            **values,
        }
    )


def answer(number: int, member: int = 0) -> RedemptionAnswer:
    return RedemptionAnswer(
        redemption_id=f"r-{number}",
        member_id=f"m-{member}",
        request="redeem",
        points=100,
        code="ok",
        source="command",
        event_id=f"c-{number}",
        answered_at=1_515_193_200_000 + number,
    )


def trigger(number: int, decided_at: int, channel: str = "push") -> Trigger:
    return Trigger(
        trigger_id=f"t-{number}",
        action="send",
        member_id=f"m-{number % 5}",
        channel=channel,  # type: ignore[arg-type]
        journey="welcome",
        step="greet",
        purpose="marketing",
        content="welcome@1",
        data={"available": 60},
        not_before=decided_at,
        expires_at=None,
        consent="opt_in:c-1",
        handle=None,
        state_version=3,
        decided_at=decided_at,
    )


def shuffled(rows: Sequence[Row], pick: random.Random) -> list[Row]:
    """In another order, but each member's in theirs: what a resumed engine may do."""
    waiting: dict[str, list[Row]] = {}
    for row in rows:
        waiting.setdefault(row.member_id, []).append(row)  # type: ignore[attr-defined]
    members = [row.member_id for row in rows]  # type: ignore[attr-defined]
    pick.shuffle(members)
    return [waiting[member].pop(0) for member in members]


def ids(found: Iterable[Found]) -> list[bytes]:
    return [dict(one.headers)["record_id"] for one in found]
