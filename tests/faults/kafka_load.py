"""Steady traffic on Kafka's input topics, with the mischief of real producers, and its receipts.

In: generated events, a seed. Out: records on the topics, and a `Receipt` for each one that the
broker acknowledged: where it is, what it was and whether decode must take it. Nothing here asks
Kizuna what became of a record.
"""

import threading
import time
from collections import deque

import msgspec
import xxhash
from confluent_kafka import Producer

from scripts.live_events import plays, topic_of
from scripts.produce import key_of

DAY_MS = 86_400_000
TEN_YEARS_MS = 3_653 * DAY_MS
REMEMBER = 500
"""Records of which a copy may still be sent."""
FLUSH_SECONDS = 120.0


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A record that the broker has. `refused_for`: the reason decode must give; None: none."""

    topic: str
    """Without prefix."""
    partition: int
    offset: int
    source: str
    event_id: str
    key: bytes | None
    value: bytes | None
    refused_for: str | None

    @property
    def place(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be sent."""

    source: str
    event_id: str
    key: bytes | None
    value: bytes | None
    refused_for: str | None = None


def mischievous(folder, name, chance):
    """Endless records of the traffic in `folder` as if it happened now, one in ten of them odd.

    Copies, other content under a known id, late uploads, collectors that are behind, commands,
    clocks ten years ahead, what no JSON parser takes, types that nobody knows, and nothing at all.
    """
    recent = deque(maxlen=REMEMBER)
    members = []
    for number, (play, once) in enumerate(plays(folder, (), name, again=True)):
        now = time.time_ns() // 1_000_000
        event = play.happens(once, now)
        key = key_of(event)
        odd = chance.random()
        if odd < 0.03:
            event["occurred_at"] -= chance.randrange(3 * DAY_MS)
        elif odd < 0.05:
            event["received_at"] = now - chance.randrange(20_000)
            event["occurred_at"] = min(event["occurred_at"], event["received_at"])
        record = Record(
            source=event["source"],
            event_id=event["event_id"],
            key=key,
            value=msgspec.json.encode(event),
        )
        yield record
        recent.append(record)
        if event["type"] == "enrolled":
            members.append(event["identifiers"]["member_id"])
        if 0.05 <= odd < 0.06:
            yield chance.choice(recent)
        elif 0.06 <= odd < 0.065:
            copied = chance.choice(recent)
            other = msgspec.json.decode(copied.value)
            other["occurred_at"] -= 1
            yield msgspec.structs.replace(copied, value=msgspec.json.encode(other))
        elif 0.065 <= odd < 0.085:
            yield odd_one(event, f"{name}-odd-{number}", chance, now)
        elif 0.085 <= odd < 0.11 and members:
            yield from commands(chance.choice(members), f"{name}-c{number}", chance, now)


def commands(member, name, chance, now):
    """Points by hand, then a redemption of some of them, which may be held, captured, released."""
    payloads = [
        ("adjust", {"points": chance.randrange(1, 500), "reason": "goodwill", "actor": "faults"}),
        ("redeem", {"redemption_id": name, "points": 100, "hold": chance.random() < 0.5}),
        (chance.choice(("capture", "release")), {"redemption_id": name}),
    ]
    for number, (type_, payload) in enumerate(payloads):
        command = {
            "event_id": f"{name}-{number}",
            "type": type_,
            "source": "command",
            "occurred_at": now - 3 + number,
            "market": "us",
            "identifiers": {"member_id": member},
            "payload": payload,
        }
        yield Record(
            source="command",
            event_id=command["event_id"],
            key=key_of(command),
            value=msgspec.json.encode(command),
        )


def odd_one(event, event_id, chance, now):
    """A record that decode must refuse, and why."""
    source, key = event["source"], key_of(event)
    event = {**event, "event_id": event_id}
    kinds = ("ahead", "unknown", "cut", "not utf-8", "nan", "empty", "list", "nothing")
    match chance.choice(kinds):
        case "ahead":
            event |= {"received_at": now + TEN_YEARS_MS}
            value, reason = msgspec.json.encode(event), "clock_beyond_bound"
        case "unknown":
            value, reason = msgspec.json.encode({**event, "type": "levitated"}), "unknown_type"
        case "cut":
            whole = msgspec.json.encode(event)
            value, reason = whole[: chance.randrange(1, len(whole))], "unreadable"
        case "not utf-8":
            whole = msgspec.json.encode({**event, "market": "us\x01"})
            value, reason = whole.replace(b"us\\u0001", b"\xff\xfe"), "unreadable"
        case "nan":
            value, reason = b'{"event_id":"' + event_id.encode() + b'","x":NaN}', "unreadable"
        case "empty":
            value, reason = b"", "unreadable"
        case "list":
            value, reason = b"[1,2]", "schema_mismatch"
        case _:
            value, reason, key = None, "unreadable", None
    return Record(source=source, event_id=event_id, key=key, value=value, refused_for=reason)


class Load(threading.Thread):
    """Sends records at a steady rate until told to stop; knows what was acknowledged."""

    def __init__(self, bootstrap, prefix, records, rate, most=None):
        super().__init__(name="load", daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "max.in.flight.requests.per.connection": 1,  # as in sinks/kafka/deliveries.py
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": 20_000_000,  # before compression, after which brokers measure
                "delivery.timeout.ms": 600_000,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
            }
        )
        self._prefix = prefix
        self._records = records
        self._rate = rate
        self._most = most
        self._ending = threading.Event()
        self.sent = 0
        self.receipts = []
        self.failed = []
        self.broken = None

    def run(self):
        try:
            self._send()
        except BaseException as error:  # shown by whoever joins
            self.broken = error

    def finish(self):
        """Stop, and wait until the fate of each record is known; the receipts."""
        self._ending.set()
        self.join(FLUSH_SECONDS)
        return self.settled()

    def abandon(self):
        """Stop, whatever becomes of what was sent."""
        self._ending.set()
        self._producer.purge()
        self.join(10.0)

    def settled(self):
        """The receipts, once all that was to be sent has been."""
        self.join(600.0)
        assert not self.is_alive(), "the producer hangs"
        if self.broken is not None:
            raise self.broken
        open_ones = self._producer.flush(FLUSH_SECONDS)
        assert open_ones == 0, f"{open_ones} records have no answer"
        assert not self.failed, f"{len(self.failed)} records failed: {self.failed[0]}"
        assert len(self.receipts) == self.sent
        return self.receipts

    def _send(self):
        began = time.monotonic()
        for record in self._records:
            while (
                not self._ending.is_set() and self.sent >= (time.monotonic() - began) * self._rate
            ):
                self._producer.poll(0.01)
            if self._ending.is_set() or (self._most is not None and self.sent >= self._most):
                break
            self._hand_over(record)
        self._producer.flush(FLUSH_SECONDS)

    def _hand_over(self, record):
        def told(error, message):
            if error is not None:
                self.failed.append(str(error))
                return
            self.receipts.append(
                Receipt(
                    topic=message.topic().removeprefix(self._prefix),
                    partition=message.partition(),
                    offset=message.offset(),
                    source=record.source,
                    event_id=record.event_id,
                    key=record.key,
                    value=record.value,
                    refused_for=record.refused_for,
                )
            )

        topic = topic_of(record.source, self._prefix)
        while True:
            try:
                self._producer.produce(topic, record.value, record.key, on_delivery=told)
                break
            except BufferError:
                self._producer.poll(0.1)
        self.sent += 1
        self._producer.poll(0)


def again(receipts):
    """The same records once more, in the order of their places: a topic from its beginning."""
    for receipt in sorted(receipts, key=lambda one: (one.offset, one.topic, one.partition)):
        yield Record(
            source=receipt.source,
            event_id=receipt.event_id,
            key=receipt.key,
            value=receipt.value,
            refused_for=receipt.refused_for,
        )


def digest(value):
    """Of raw bytes, as quarantine rows have it."""
    return xxhash.xxh3_128_hexdigest(value)
