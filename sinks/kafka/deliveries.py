"""The producer of a process: nothing is taken for written before the broker said so.

Comes in: records of all output topics. Goes out: the broker's report about each, to the callback
that came with it. Promised: retries don't write a record twice, records of a partition keep their
order, memory is bounded, and a broker that is away for minutes is waited for.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sinks.kafka.records import Record

Options = Mapping[str, Any]
"""librdkafka's."""
Report = Callable[[KafkaError | None, Message], None]

OURS: Final = {
    "enable.idempotence": True,
    "acks": "all",
    # A broker takes any first batch of a producer that a partition doesn't know. With several under
    # way, the second may be taken while the first is still turned away; when that one is sent again
    # it counts as a repetition: it is acknowledged, without an offset, and nowhere.
    "max.in.flight.requests.per.connection": 1,
    "partitioner": "murmur2_random",  # a member's partition is the same for Java's clients
}
"""What the promises rest on, whatever a deployment says."""
DEFAULTS: Final[dict[str, Any]] = {
    "delivery.timeout.ms": 300_000,
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    "reconnect.backoff.max.ms": 1_000,
}
_WAIT_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 30.0
"""Reports are due after the delivery time-out; this much later something is wrong with us."""

LOG: Final = logging.getLogger("kizuna.topics")
"""The client's own remarks go here too."""


class TopicFailed(RuntimeError):
    """A topic could not be written or read. Nothing is lost: the run resumes from its snapshot."""


class Deliveries:
    """One idempotent producer for all output topics that this process writes."""

    def __init__(self, options: Options) -> None:
        shared = {name: value for name, value in options.items() if name != "group.id"}
        self._producer = Producer({**DEFAULTS, **shared, **OURS, "logger": LOG})
        self._settle_seconds = delivery_seconds(options) + _GRACE_SECONDS

    def send(self, topic: str, record: Record, report: Report) -> None:
        """Hand a record over; waits while too many are on their way."""
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=record.value,
                    key=record.key,
                    headers=record.headers,
                    on_delivery=report,
                )
                return
            except BufferError:
                # There is room again at the latest when what is in it has timed out.
                self._producer.poll(_WAIT_SECONDS)
            except KafkaException as refused:
                raise TopicFailed(
                    f"topic {topic}: must take a record of {len(record.value or b''):,} bytes; got "
                    f"{refused.args[0].str()}. One that is too long needs message.max.bytes in "
                    "kafka.options and max.message.bytes of the topic; otherwise start again: the "
                    "run resumes from its last snapshot"
                ) from refused

    def serve(self) -> None:
        """Hear the reports that are there."""
        self._producer.poll(0)

    def settle(self) -> None:
        """Wait until every record has its report."""
        deadline = time.monotonic() + self._settle_seconds
        while self._producer.flush(1.0):
            if time.monotonic() > deadline:
                raise TopicFailed(
                    f"broker: must report on each record within {self._settle_seconds:.0f} s; got "
                    f"none on {len(self._producer)} of them. Start again: the run resumes from "
                    "its last snapshot"
                )

    def close(self) -> None:
        """Send nothing more: what no snapshot counts will come again.

        What is on its way may still be written; it is waited for, so that whoever reads the topic
        back finds it there.
        """
        self._producer.purge(in_queue=True, in_flight=False)
        if self._producer.flush(_CLOSE_SECONDS):
            self._producer.purge()
            self._producer.flush(_WAIT_SECONDS)


def delivery_seconds(options: Options) -> float:
    """How long a broker may be away before it counts as a failure."""
    for name in ("delivery.timeout.ms", "message.timeout.ms"):
        if name in options:
            return float(options[name]) / 1000
    return float(DEFAULTS["delivery.timeout.ms"]) / 1000
