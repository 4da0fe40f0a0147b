"""What the broker says of its logs: which topics and partitions there are, and where they end.

Every question is answered later, by futures that are polled, so that a broker which is away
blocks nobody.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

REQUEST_SECONDS = 5.0


class Asked:
    """A question a key, and the answers once all are there."""

    def __init__(self, asked_at: int, futures: Mapping[Any, "Future[Any]"]) -> None:
        """`asked_at`: the clock before it was asked, ms UTC."""
        self.asked_at = asked_at
        self._futures = futures

    def done(self) -> bool:
        return all(future.done() for future in self._futures.values())

    def answers(self) -> tuple[dict[Any, Any], dict[Any, KafkaError]]:
        """What was answered, and why the others weren't."""
        found, failed = {}, {}
        for key, future in self._futures.items():
            try:
                found[key] = future.result(timeout=0)
            except KafkaException as error:
                failed[key] = error.args[0]
        return found, failed


class Watching:
    """Questions to the cluster of one lane's consumer."""

    def __init__(self, admin: AdminClient, *, committed: bool) -> None:
        """`committed`: a log ends before transactions that are still open."""
        self._admin = admin
        self._isolation = (
            IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        )

    def topics(self, asked_at: int, names: Sequence[str]) -> Asked:
        """By name: `.topic_id` and `.partitions`; UNKNOWN_TOPIC_OR_PART for one that isn't."""
        asked = self._admin.describe_topics(
            TopicCollection(list(names)), request_timeout=REQUEST_SECONDS
        )
        return Asked(asked_at, asked)

    def begins(self, asked_at: int, partitions: Mapping[str, TopicPartition]) -> Asked:
        """The least offset of each, as `.offset`."""
        return self._offsets(asked_at, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def ends(self, asked_at: int, partitions: Mapping[str, TopicPartition]) -> Asked:
        """The offset that the next record of each gets, as `.offset`."""
        return self._offsets(asked_at, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def _offsets(
        self, asked_at: int, partitions: Mapping[str, TopicPartition], which: OffsetSpec
    ) -> Asked:
        if not partitions:
            return Asked(asked_at, {})
        names = {(part.topic, part.partition): name for name, part in partitions.items()}
        futures = self._admin.list_offsets(
            {part: which for part in partitions.values()},
            isolation_level=self._isolation,
            request_timeout=REQUEST_SECONDS,
        )
        return Asked(
            asked_at,
            {names[part.topic, part.partition]: future for part, future in futures.items()},
        )
