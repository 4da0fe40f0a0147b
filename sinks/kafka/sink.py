"""The output topics as Bytewax drives them: a partition of the sink is a topic, with one owner.

What comes in: `(topic, RowBatch)`, the topic without the deployment's prefix. What goes out:
records, see `sinks.kafka.records`.
Promise: after any crash and resume a `read_uncommitted` consumer finds every record once; on the
compacted topic a key ends with its newest. A snapshot is taken once the broker has acknowledged
everything before it; whatever it refused stops the run.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, Message

from schemas.decisions import Trigger
from schemas.flow import Row
from schemas.settings import Kafka
from sinks.kafka.deliveries import Deliveries, Options, Report, TopicFailed
from sinks.kafka.read_back import ends_of, read_back
from sinks.kafka.recorded import Positions
from sinks.kafka.records import record_of
from sinks.kafka.routes import NEWEST_COUNTS, OUTPUT_TOPICS, SHARED
from sinks.parts import own_part
from sinks.row_batch import RowBatch

ObserveLatency = Callable[[float], None]
"""Called for each trigger with the seconds from its decision to the broker's acknowledgement."""
Confirmed = Callable[[str, int], None]
"""Called with a topic and how many more of its records the broker has acknowledged."""
SETTLED_SECONDS: Final = 1.0
"""By then what a killed process had sent is in the log, and can be read back."""
_SERVE_EVERY: Final = 1_000
"""Records between two looks at the reports."""


class TopicsSink(FixedPartitionedSink[RowBatch, Positions]):
    """All output topics; those that a process writes share its producer."""

    def __init__(
        self,
        kafka: Kafka,
        client_options: dict[str, Any],
        *,
        observe_latency: ObserveLatency | None = None,
        confirmed: Confirmed | None = None,
        settled_seconds: float = SETTLED_SECONDS,
    ) -> None:
        """`client_options`: librdkafka's, how the broker is reached and what a deployment adds.

        `settled_seconds`: how old the sink is at least when it first reads a topic back.
        """
        self._read_from = time.monotonic() + settled_seconds
        self._prefix = kafka.topic_prefix
        self._options = {
            "bootstrap.servers": kafka.brokers,
            "group.id": kafka.group_id,
            **client_options,
        }
        self._observe_latency = observe_latency
        self._confirmed = confirmed
        self._index = {topic: index for index, topic in enumerate(OUTPUT_TOPICS)}
        self._deliveries: Deliveries | None = None
        self._open = 0

    def list_parts(self) -> list[str]:
        return list(OUTPUT_TOPICS)

    def part_fn(self, item_key: str) -> int:
        return own_part(self._index, item_key, "an output topic")

    def build_part(
        self, step_id: str, for_part: str, resume_state: Positions | None
    ) -> "OutputTopic":
        if self._deliveries is None:
            self._deliveries = Deliveries(self._options)
        time.sleep(max(0.0, self._read_from - time.monotonic()))
        topic = OutputTopic(
            self._prefix + for_part,
            self._deliveries,
            self._options,
            resume_state,
            newest_counts=for_part in NEWEST_COUNTS,
            shared=for_part in SHARED,
            closed=self._closed,
            observe_latency=self._observe_latency,
            confirmed=self._confirmed,
        )
        self._open += 1
        return topic

    def _closed(self) -> None:
        self._open -= 1
        if self._open == 0 and self._deliveries is not None:
            self._deliveries.close()
            self._deliveries = None


class OutputTopic(StatefulSinkPartition[RowBatch, Positions]):
    """One topic, written by one worker."""

    def __init__(
        self,
        topic: str,
        deliveries: Deliveries,
        options: Options,
        positions: Positions | None,
        *,
        newest_counts: bool,
        shared: bool,
        closed: Callable[[], None],
        observe_latency: ObserveLatency | None,
        confirmed: Confirmed | None,
    ) -> None:
        self._topic = topic
        self._deliveries = deliveries
        self._options = options
        self._recorded, self._ends = read_back(
            options, topic, positions, newest_counts=newest_counts, shared=shared
        )
        self._newest_counts = newest_counts
        self._closed = closed
        self._observe_latency = observe_latency
        self._confirmed = confirmed
        self._acknowledged = 0
        self._unplaced = False
        """A record was acknowledged without its offset: a retry of one that was there already."""
        self._failed: str | None = None

    def write_batch(self, values: list[RowBatch]) -> None:
        rows = [row for batch in values for row in batch.rows]
        if self._newest_counts:
            rows = self._newest(rows)
        handed_over = 0
        for row in rows:
            record = record_of(row)
            if self._recorded:
                if self._recorded.take(record.record_id):
                    continue
                if self._recorded.overtaken(record.key, record.record_id):
                    continue
            report: Report = self._report
            if isinstance(row, Trigger) and self._observe_latency is not None:
                report = partial(self._report_trigger, time.time() - row.decided_at / 1000)
            self._deliveries.send(self._topic, record, report)
            handed_over += 1
            if handed_over % _SERVE_EVERY == 0:
                self._deliveries.serve()
        self._deliveries.serve()
        self._check()

    def _newest(self, rows: list[Row]) -> list[Row]:
        """Each member's last row: on a compacted topic no other is worth its record.

        One that is left out and waits on the topic has come again by that.
        """
        newest: dict[str, Any] = {}
        for row in rows:  # a member's end is of another class, so they may not stand in order
            who, revision = row.member_id, row.revision  # type: ignore[attr-defined]
            if who not in newest or revision >= newest[who].revision:
                newest[who] = row
        if self._recorded:
            for row in rows:
                if newest[row.member_id] is not row:  # type: ignore[attr-defined]
                    self._recorded.take(record_of(row).record_id)
        return list(newest.values())

    def snapshot(self) -> Positions:
        self._deliveries.settle()
        self._check()
        if self._unplaced:
            self._ends.update(ends_of(self._options, self._topic))
            self._unplaced = False
        return {
            number: (end, self._recorded.waiting(number))
            for number, end in sorted(self._ends.items())
        }

    def close(self) -> None:
        self._closed()

    def _check(self) -> None:
        if self._confirmed is not None and self._acknowledged:
            self._confirmed(self._topic, self._acknowledged)
            self._acknowledged = 0
        if self._failed is not None:
            raise TopicFailed(self._failed)

    def _report_trigger(self, waited: float, error: KafkaError | None, message: Message) -> None:
        """`waited`: seconds from the decision until the record was handed over."""
        if error is None and self._observe_latency is not None:
            self._observe_latency(max(0.0, waited + (message.latency() or 0.0)))
        self._report(error, message)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._fail(f"must acknowledge every record; got {error.str()}")
            return
        self._acknowledged += 1
        number, offset = message.partition(), message.offset()
        if number is None or offset is None or offset < 0:
            self._unplaced = True
        elif offset < self._ends.get(number, 0):
            self._fail(
                f"must grow; got a record at offset {offset} of partition {number}, where it had "
                f"{self._ends[number]}: it was deleted and made again"
            )
        else:
            self._ends[number] = offset + 1

    def _fail(self, what: str) -> None:
        """The first failure is the one to tell: others follow from it."""
        self._failed = self._failed or (
            f"topic {self._topic}: {what}. Look after the broker and the topic (`kizuna doctor`) "
            "and start again: the run resumes from its last snapshot"
        )
