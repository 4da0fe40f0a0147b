"""What the demo checks once all is still, without the consumer's or the dataflow's own counts.

In: a broker and the run's warehouse. Out: triggers on the topics and in the warehouse, ids that
stand twice, and how long receipts took since their sale, by the broker's own times.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from schemas.decisions import CHANNELS
from scripts.kafka_demo_children import DemoFailed
from scripts.kafka_demo_listener import Listener
from scripts.latency import Latencies, Row
from scripts.live_events import topic_of

ANSWER_SECONDS: Final = 20.0
AT_ONCE: Final = 5_000


class Checked(msgspec.Struct, kw_only=True):
    """What was found."""

    on_topics: dict[str, int]
    """Triggers by channel, as a read_uncommitted consumer sees them, each id once."""
    doubled: int
    """Records with an id that stood before."""
    in_warehouse: dict[str, int]
    quarantined: int
    sale_to_receipt: Row | None
    """From the broker's timestamp of a sale to its receipt's arrival; None: no receipt came."""

    @property
    def agree(self) -> bool:
        return self.on_topics == self.in_warehouse


class _Trigger(msgspec.Struct):
    trigger_id: str
    channel: str


class _Payload(msgspec.Struct):
    transaction_id: str | None = None


class _Sale(msgspec.Struct):
    type: str
    payload: _Payload


def check(options: Mapping[str, Any], warehouse: Path, listener: Listener) -> Checked:
    """Read all trigger topics again from their beginning, and ask the warehouse."""
    decode = msgspec.json.Decoder(_Trigger).decode
    ids: set[str] = set()
    doubled = 0
    on_topics: Counter[str] = Counter()
    for message in read_all(options, [f"triggers.{channel}" for channel in CHANNELS]):
        trigger = decode(message.value() or b"")
        if trigger.trigger_id in ids:
            doubled += 1
        else:
            ids.add(trigger.trigger_id)
            on_topics[trigger.channel] += 1
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.sql("SELECT channel, count(*) FROM triggers GROUP BY ALL").fetchall()
        found = con.sql("SELECT count(*) FROM quarantine").fetchone()
    return Checked(
        on_topics=dict(sorted(on_topics.items())),
        doubled=doubled,
        in_warehouse=dict(sorted(rows)),
        quarantined=found[0] if found else 0,
        sale_to_receipt=_sale_to_receipt(options, listener.receipts),
    )


def _sale_to_receipt(options: Mapping[str, Any], receipts: Mapping[str, int]) -> Row | None:
    decode = msgspec.json.Decoder(_Sale).decode
    latencies = Latencies()
    sent: set[str] = set()
    for message in read_all(options, [topic_of("pos")]):
        event = decode(message.value() or b"")
        name = event.payload.transaction_id
        if event.type != "sale" or name is None or name in sent or name not in receipts:
            continue
        sent.add(name)
        latencies.add("receipt", receipts[name] - message.timestamp()[1])
    return latencies.overall() if sent else None


def read_all(options: Mapping[str, Any], topics: list[str]) -> Iterator[Message]:
    """Every record that these topics hold now, aborted ones included."""
    consumer = Consumer(
        {
            **options,
            "group.id": "kafka-demo-checks",
            "isolation.level": "read_uncommitted",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
        }
    )
    try:
        known = consumer.list_topics(timeout=ANSWER_SECONDS).topics
        places = [(name, n) for name in topics if name in known for n in known[name].partitions]
        for name, number in places:
            first, end = consumer.get_watermark_offsets(
                TopicPartition(name, number), timeout=ANSWER_SECONDS
            )
            consumer.assign([TopicPartition(name, number, first)])
            at = first
            while at < end:
                messages = consumer.consume(min(AT_ONCE, end - at), ANSWER_SECONDS)
                if not messages:
                    raise DemoFailed(f"{name}: must be readable to {end}; got {at}")
                for message in messages:
                    error = message.error()
                    if error is not None:
                        raise DemoFailed(f"{name}: must be readable; got {error.str()}")
                    at = (message.offset() or 0) + 1
                    yield message
    finally:
        consumer.close()
