"""How far a consumer group is behind: the records that it has not yet committed, over time.

In: a broker, a group and its topics. Out: samples, whether lag stayed flat, and a plot in text.
Commits come once an epoch, so even a reader that keeps up shows a saw of up to an epoch's records.
"""

import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

ANSWER_SECONDS: Final = 5.0
GROWS_SECONDS: Final = 2.5
"""Of traffic. A saw as tall as an epoch is long looks like a slope wherever it is cut; a lag that
grew by more than this does not stay flat."""
BLOCKS: Final = "▁▂▃▄▅▆▇█"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """At `at` (seconds on any clock), `behind` of `produced` records were not committed."""

    at: float
    produced: int
    behind: int


class LagReader:
    """Asks a broker. Never joins the group."""

    def __init__(
        self,
        options: Mapping[str, Any],
        group: str,
        topics: Iterable[str],
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._admin = AdminClient(dict(options))
        self._group = group
        self._topics = frozenset(topics)
        self._partitions: list[tuple[str, int]] = []
        self._answer_seconds = answer_seconds

    def read(self, at: float) -> Sample | None:
        """None: the broker did not answer in time."""
        try:
            if not self._partitions:
                self._partitions = self._find()
            latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
            wanted = {TopicPartition(*one): latest for one in self._partitions}
            asked = self._admin.list_offsets(wanted, request_timeout=self._answer_seconds)
            group = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(self._group)], request_timeout=self._answer_seconds
            )
            ends = {
                (one.topic, one.partition): future.result(self._answer_seconds).offset
                for one, future in asked.items()
            }
            committed = {
                (one.topic, one.partition): max(0, one.offset)
                for one in group[self._group].result(self._answer_seconds).topic_partitions
            }
        except (KafkaException, TimeoutError):
            return None
        # A record may come and be committed between the two answers.
        behind = sum(max(0, end - committed.get(one, 0)) for one, end in ends.items())
        return Sample(at=at, produced=sum(ends.values()), behind=behind)

    def _find(self) -> list[tuple[str, int]]:
        known = self._admin.list_topics(timeout=self._answer_seconds).topics
        return [
            (name, number)
            for name, topic in known.items()
            if name in self._topics
            for number in topic.partitions
        ]


def growth(samples: Sequence[Sample]) -> float:
    """Records a second by which lag grows: the slope of a straight line through the samples.

    >>> growth([Sample(at=t, produced=0, behind=100 + 5 * t) for t in range(4)])
    5.0
    """
    if len(samples) < 2:
        return 0.0
    return statistics.linear_regression(
        [one.at for one in samples], [float(one.behind) for one in samples]
    ).slope


def is_flat(samples: Sequence[Sample], rate: float) -> bool:
    """Whether a reader of `rate` records a second keeps up."""
    span = samples[-1].at - samples[0].at if samples else 0.0
    return growth(samples) * span <= GROWS_SECONDS * rate


def plot(numbers: Sequence[float], width: int = 60) -> str:
    """Numbers from 0 up as one line of blocks, the greatest of each slice.

    >>> plot([0, 1, 2, 8, 4], width=5)
    '▁▁▂█▄'
    """
    if not numbers:
        return ""
    most = max(numbers) or 1
    columns = min(width, len(numbers))
    edges = [column * len(numbers) // columns for column in range(columns + 1)]
    slices = [max(numbers[start:end]) for start, end in itertools.pairwise(edges)]
    return "".join(BLOCKS[max(0, round(one / most * len(BLOCKS)) - 1)] for one in slices)
