"""Brokers that go away and topics that do: waited for as promised, or refused loudly."""

import random
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from broker import running_broker
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from topic_cases import Topics, entry, ids

from sinks.kafka.deliveries import Deliveries, TopicFailed
from sinks.kafka.read_back import TopicBehind
from sinks.kafka.records import Record
from sinks.position import OutputBehind
from sinks.row_batch import RowBatch

LEDGER = "loyalty.ledger"
IMPATIENT = {"delivery.timeout.ms": 1_500, "topic.metadata.propagation.max.ms": 500}
AWAY_SECONDS = 2.0


def build(topics: Topics, state: Any = None, **options: Any) -> Any:
    return topics.sink(options).build_part("topics", LEDGER, state)


def write(part: Any, begin: int, end: int) -> None:
    part.write_batch([RowBatch([entry(number, number) for number in range(begin, end)])])


def numbers(topics: Topics) -> list[bytes]:
    return sorted(ids(topics.read(LEDGER)))


def entries(end: int) -> list[bytes]:
    return sorted(b"entry-%d" % number for number in range(end))


@pytest.fixture(scope="module")
def own() -> Iterator[Any]:
    with running_broker() as node:
        yield node


def test_a_broker_that_comes_back_is_waited_for(own: Any) -> None:
    topics = Topics(own.bootstrap, LEDGER)
    part = build(topics)
    write(part, 0, 100)
    part.snapshot()
    write(part, 100, 200)
    own.kill()
    write(part, 200, 300)
    began = time.monotonic()
    back = threading.Timer(AWAY_SECONDS, own.start)
    back.start()
    try:
        state = part.snapshot()
    finally:
        back.join()
    assert time.monotonic() - began >= AWAY_SECONDS
    part.close()
    assert numbers(topics) == entries(300)
    assert sum(end for end, _ in state.values()) == 300
    resumed = build(topics, state)
    assert resumed.snapshot() == state
    resumed.close()


def test_a_broker_that_stays_away_stops_the_run_and_nothing_is_lost(own: Any) -> None:
    topics = Topics(own.bootstrap, LEDGER)
    part = build(topics, **IMPATIENT)
    write(part, 0, 50)
    state = part.snapshot()
    own.stop()
    try:
        write(part, 50, 100)
        with pytest.raises(TopicFailed, match=f"topic {topics.prefix}{LEDGER}: must acknowledge"):
            part.snapshot()
        with pytest.raises(TopicFailed, match="must acknowledge"):
            write(part, 100, 110)
        part.close()
        with pytest.raises(TopicFailed, match=r"must be readable; got .* Look after the broker"):
            build(topics, state, **IMPATIENT)
    finally:
        own.start()
    part = build(topics, state)
    write(part, 50, 110)
    part.snapshot()
    part.close()
    assert numbers(topics) == entries(110)


def test_a_topic_that_isnt_there_is_named_with_what_makes_it(broker: str) -> None:
    topics = Topics(broker)
    with pytest.raises(TopicFailed, match=rf"topic {topics.prefix}.* must exist.*topics apply"):
        build(topics)


def test_a_topic_that_is_deleted_stops_the_run(broker: str) -> None:
    topics = Topics(broker, LEDGER)
    part = build(topics, **IMPATIENT)
    write(part, 0, 10)
    part.snapshot()
    topics.delete(LEDGER)
    write(part, 10, 20)
    with pytest.raises(TopicFailed, match=topics.prefix):
        part.snapshot()
    part.close()


def test_a_topic_that_is_made_again_stops_the_run_and_is_refused_at_the_next(broker: str) -> None:
    topics = Topics(broker, LEDGER, partitions=1)
    part = build(topics, **IMPATIENT)
    write(part, 0, 30)
    state = part.snapshot()
    topics.delete(LEDGER)
    topics.make(LEDGER, partitions=1)
    with pytest.raises(TopicFailed, match=r"was deleted and made again|must acknowledge"):
        for begin in range(30, 60, 10):  # the first may still fall between the two
            write(part, begin, begin + 10)
            part.snapshot()
    part.close()
    with pytest.raises(TopicBehind, match="must hold offsets up to 30") as refused:
        build(topics, state)
    assert isinstance(refused.value, OutputBehind)


def test_a_record_that_the_broker_doesnt_take_is_not_dropped(broker: str) -> None:
    topics = Topics(broker, LEDGER, **{"max.message.bytes": "20000"})
    part = build(topics, **IMPATIENT)
    noise = random.Random(1).randbytes(30_000).hex()
    part.write_batch([RowBatch([entry(1, note=noise)])])
    with pytest.raises(TopicFailed, match=r"must acknowledge every record; got .*too large"):
        part.snapshot()
    part.close()
    with pytest.raises(TopicFailed, match="must take a record of 2,000,"):
        part = build(topics)
        part.write_batch([RowBatch([entry(1, note="x" * 2_000_000)])])


def test_somebody_elses_records_do_no_harm(broker: str) -> None:
    """Without a `record_id` nothing waits for them."""
    topics = Topics(broker, LEDGER)
    producer = Producer({"bootstrap.servers": broker})
    for _ in range(10):
        producer.produce(topics.prefix + LEDGER, b"{}", key=b"m-1")
    assert producer.flush(30) == 0
    part = build(topics)
    write(part, 0, 10)
    assert all(waiting == () for _, waiting in part.snapshot().values())
    part.close()
    assert len(topics.read(LEDGER)) == 20


def test_what_is_acknowledged_on_topics_made_a_moment_ago_is_there(broker: str) -> None:
    """Whoever leads a new partition may turn a first batch away; no later one may overtake it."""
    options = {"bootstrap.servers": broker}
    reader = Consumer({**options, "group.id": "fresh"})
    admin = AdminClient(options)
    told: list[Any] = []
    for number in range(12):
        told.clear()
        prefix = f"fresh-{uuid.uuid4().hex[:8]}-{number}-"
        names = [f"{prefix}{topic}" for topic in range(30)]
        for made in admin.create_topics([NewTopic(name, 2, 1) for name in names]).values():
            made.result(30)
        deliveries = Deliveries(options)
        for record in range(400):
            content = Record(b"%d" % record, b"%d" % record, b"x" * 300, [])
            deliveries.send(names[record % 30], content, lambda error, _: told.append(error))
            deliveries.serve()
            time.sleep(0.001)  # so that a partition gets several batches while it is new
        deliveries.settle()
        deliveries.close()
        assert told == [None] * 400
        places = [TopicPartition(name, number) for name in names for number in (0, 1)]
        there = sum(reader.get_watermark_offsets(place, timeout=10)[1] for place in places)
        for gone in admin.delete_topics(names).values():
            gone.result(30)
        assert there == 400
    reader.close()
