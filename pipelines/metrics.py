"""The figures that a process shows about itself, as Prometheus reads them at `/metrics`.

In: counts and times from sources, steps and sinks, once a batch where a batch will do. Out: the
registry that `pipelines.health` serves. Promised: base units, stable names, and never a member
among the labels; `docs/operations.md` says of each what it means and what to do about it.

Bytewax itself needs prometheus-client, so it is there in every installation.
"""

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from schemas.refusals import Quarantined

LATE_MS = 3_600_000
"""An event known this long after it happened is late: browsing so old begins no journey."""

# A series that tells when a counter began would double what is scraped and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]


class GroupGauge(Collector):
    """A gauge of a step, folded from what each of its key groups in this process last said.

    The fold is worked out when the gauge is read, so that a group pays for a change of a
    dictionary and no more.
    """

    def __init__(
        self, name: str, documentation: str, fold: Callable[[Iterable[float]], float]
    ) -> None:
        self._name, self._documentation, self._fold = name, documentation, fold
        self._steps: dict[str, dict[int, float]] = {}
        REGISTRY.register(self)

    def of(self, step: str) -> dict[int, float]:
        """The values of a step by group: each group sets its own, whenever it likes."""
        return self._steps.setdefault(step, {})

    def value(self, step: str) -> float | None:
        """The fold over the groups of a step; None while none has said anything."""
        # A copy makes one object, so no worker gets a turn in between and adds a group.
        values = self._steps.get(step, {}).copy().values()
        return self._fold(values) if values else None

    def clear(self) -> None:
        """Forget every step, as a process does that starts anew."""
        self._steps.clear()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(self._name, self._documentation, labels=["step"])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._documentation, labels=["step"])
        for step in list(self._steps):
            value = self.value(step)
            if value is not None:
                family.add_metric([step], value)
        yield family


class Behind(Collector):
    """How far the clock is ahead of the time that each partition has reached, in seconds.

    The difference is taken when it is read: a partition that stands still is seen to fall
    behind, where a gauge that it sets itself would stand still with it.
    """

    LABELS = ("topic", "partition")

    def __init__(
        self, name: str, documentation: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._name, self._documentation, self._clock = name, documentation, clock
        self._known_at: dict[tuple[str, str], int] = {}
        REGISTRY.register(self)

    def reached(self, topic: str, partition: str, known_at: int) -> None:
        """A partition has come to `known_at`, ms UTC, by a record or by a promise."""
        self._known_at[topic, partition] = known_at

    def clear(self) -> None:
        """Forget every partition, as a process does that starts anew."""
        self._known_at.clear()

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(self._name, self._documentation, labels=self.LABELS)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._documentation, labels=self.LABELS)
        for labels, behind in self.values().items():
            family.add_metric(labels, behind)
        yield family

    def values(self) -> dict[tuple[str, str], float]:
        """Seconds by (topic, partition), of those whose time has begun."""
        now = self._clock()
        return {
            labels: max(0.0, now - known_at / 1000)
            for labels, known_at in self._known_at.copy().items()
            if known_at > 0
        }


RECORDS_IN = Counter("kizuna_records_in_total", "Records read.", ["topic"])
RECORDS_OUT = Counter(
    "kizuna_records_out_total", "Records whose delivery was confirmed.", ["topic"]
)
RECORDS_REJECTED = Counter(
    "kizuna_records_rejected_total", "Records put into quarantine.", ["topic", "reason"]
)
LATE_RECORDS = Counter(
    "kizuna_late_records_total",
    "Events that a step learned of more than an hour after they happened.",
    ["step"],
)
CONSUMER_LAG = Gauge(
    "kizuna_consumer_lag_records",
    "Records between the position of this process and the end of the log.",
    ["topic", "partition"],
)
EVENT_TIME_LAG = Behind(
    "kizuna_event_time_lag_seconds", "How far the time of a partition is behind the clock."
)
WATERMARK = GroupGauge(
    "kizuna_watermark_timestamp_seconds",
    "Up to which time a step is done: the least of its key groups.",
    fold=min,
)
END_TO_END = Histogram(
    "kizuna_end_to_end_latency_seconds",
    "From the moment that a trigger is due to its confirmed delivery to Kafka.",
    # Narrow where the promise is, a second; wide where something is wrong.
    buckets=[*(tenth / 10 for tenth in range(1, 11)), 1.5, 2, 3, 5, 7.5, 10, 60, 600],
)
SNAPSHOT_DURATION = Histogram(
    "kizuna_snapshot_duration_seconds",
    "Taking the snapshot of one key group, or making one partition of a sink durable.",
    ["step"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
STATE_KEYS = GroupGauge("kizuna_state_keys", "Keys that a step remembers.", fold=sum)
STATE_BYTES = GroupGauge("kizuna_state_bytes", "Encoded snapshots of a step.", fold=sum)
SINK_BATCH = Histogram(
    "kizuna_sink_batch_seconds",
    "Writing one batch to a sink.",
    ["sink"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
BUILD = Info("kizuna_build", "What runs here; its value is always 1.")
BUILD.info(
    {
        "version": version("kizuna"),
        "bytewax": version("bytewax"),
        "python": platform.python_version(),
    }
)


class StepFigures:
    """What one step's key groups in this process report; a change of a dictionary each."""

    def __init__(self, step: str) -> None:
        self._marks = WATERMARK.of(step)
        self._keys = STATE_KEYS.of(step)
        self._bytes = STATE_BYTES.of(step)
        self._durations = SNAPSHOT_DURATION.labels(step)

    def advanced(self, group: int, mark: int) -> None:
        """A group has applied everything below `mark`, ms UTC; time may not have begun yet."""
        if mark > 0:
            self._marks[group] = mark / 1000

    def saved(self, group: int, keys: int, size: int, seconds: float) -> None:
        """A snapshot of a group was taken: so many keys, so many bytes, so long."""
        self._keys[group] = keys
        self._bytes[group] = size
        self._durations.observe(seconds)


def refused(rows: Iterable[Quarantined]) -> None:
    """Count what goes into quarantine, by the topic or file that it came from."""
    for row in rows:
        RECORDS_REJECTED.labels(row.position.partition(":")[0], row.reason).inc()


def names() -> set[str]:
    """Every series of ours by the name under which it is asked for."""
    found: set[str] = set()
    for family in REGISTRY.collect():
        if family.name.startswith("kizuna_"):
            endings = {
                "counter": ("_total",),
                "histogram": ("_bucket", "_count", "_sum"),
                "info": ("_info",),
            }.get(family.type, ("",))
            found |= {family.name + ending for ending in endings}
    return found
