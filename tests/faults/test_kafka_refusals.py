"""What a live run must not go on from, and what it must go on from, on a real broker."""

import random
import time

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_city import city
from kafka_load import Record
from kafka_seen import read_archive, rows

RECORDS = 150
FRAMED = b"\x00" + (4_711).to_bytes(4, "big") + b"avro, if anybody knew its schema"


@pytest.fixture
def town(broker, tmp_path, request):
    prefix = f"{request.node.name}."
    with city(broker, tmp_path, prefix, random.Random(9), members=15, rate=400.0, workers=1) as one:
        yield one


def read_some(town):
    """A run that has read something and was stopped."""
    town.begin_load(most=RECORDS)
    town.live.start()
    town.settle_load()
    town.drain(0.0)
    town.stop()


def refusal(town):
    """What the next start says when it ends with exit code 2."""
    done = town.live.second_start()
    said = done.stdout + done.stderr
    assert done.returncode == 2, f"must refuse with 2; got {done.returncode}: {said}"
    return said.replace("\n", " ")


def test_what_nobody_can_read_stops_nothing(town):
    """Records that no parser takes stand among others; each is one row of the quarantine."""
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    event = b'{"event_id":"p-%d","type":"page_viewed","source":"web","market":"us"%s}'
    poison = {
        FRAMED: "unreadable",
        b"\x00\x00": "unreadable",
        deep: "unreadable",
        b'{"a":' * 10_000: "unreadable",
        b'"' + b"x" * 10_000_000 + b'"': "too_large",
        event % (1, b',"occurred_at":1e308'): "no_time",
        event % (2, b',"occurred_at":-0'): "no_time",
        event % (3, b',"occurred_at":null'): "no_time",
        b'{"event_id":1.5,"type":"page_viewed","source":"web","market":"us"}': "schema_mismatch",
        b'{"event_id":"p-4","type":"sale","source":"web","market":"us"}': "schema_mismatch",
    }
    records = [
        Record(source="web", event_id="", key=None, value=value, refused_for=reason)
        for value, reason in poison.items()
    ]
    good = {
        "event_id": "good'); DROP TABLE members; --",
        "type": "page_viewed",
        "source": "web",
        "market": "us",
        "occurred_at": time.time_ns() // 1_000_000,
        "identifiers": {"cookie": "=1+1"},
        "payload": {"name": "home"},
    }
    records += [
        Record(source="web", event_id=good["event_id"], key=None, value=msgspec.json.encode(good))
    ]
    town.live.start()
    town.begin_load(iter(records))
    town.settle_load()
    town.drain()
    town.stop()
    found = rows(town.output / "warehouse.duckdb", "SELECT position, reason FROM quarantine")
    assert sorted(found) == sorted(
        (receipt.place, receipt.refused_for) for receipt in town.receipts if receipt.refused_for
    )
    assert [record["event_id"] for record in read_archive(town.output / "archive")] == [
        good["event_id"]
    ]


def test_a_topic_that_is_deleted_and_made_again(town):
    """It stops a run that reads it, and no run starts over another log of its name."""
    read_some(town)
    town.live.start()
    time.sleep(1.0)
    topic = town.prefix + "events.web"
    admin = AdminClient({"bootstrap.servers": town.broker})
    admin.delete_topics([topic])[topic].result(30)
    assert town.live.wait(60) == 2, town.live.said()
    assert "events.web" in town.live.said()
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    refused = refusal(town)
    assert "events.web" in refused
    assert "created again" in refused
    assert "fresh --output" in refused


def test_records_that_expired_before_they_were_read(town):
    read_some(town)
    producer = Producer({"bootstrap.servers": town.broker})
    topic = town.prefix + "events.web"
    for _ in range(20):
        producer.produce(topic, b"{}", partition=0)
    assert producer.flush(30) == 0
    end = town.lag.ends()[topic, 0]
    admin = AdminClient({"bootstrap.servers": town.broker})
    for future in admin.delete_records([TopicPartition(topic, 0, end - 5)]).values():
        future.result(30)
    refused = refusal(town)
    assert "events.web:0" in refused
    assert "must still hold offset" in refused


def test_a_topic_that_never_was(town):
    topic = town.prefix + "commands"
    admin = AdminClient({"bootstrap.servers": town.broker})
    admin.delete_topics([topic])[topic].result(30)
    refused = refusal(town)
    assert topic in refused
    assert "kizuna topics apply" in refused
