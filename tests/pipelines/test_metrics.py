"""Metrics: names, units and labels; what is folded when it is read; every one is documented."""

import re
import threading
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipelines import metrics
from schemas.refusals import Quarantined

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SERIES = {
    "kizuna_records_in_total": ("topic",),
    "kizuna_records_out_total": ("topic",),
    "kizuna_records_rejected_total": ("topic", "reason"),
    "kizuna_late_records_total": ("step",),
    "kizuna_consumer_lag_records": ("topic", "partition"),
    "kizuna_watermark_timestamp_seconds": ("step",),
    "kizuna_event_time_lag_seconds": ("topic", "partition"),
    "kizuna_end_to_end_latency_seconds": (),
    "kizuna_snapshot_duration_seconds": ("step",),
    "kizuna_state_keys": ("step",),
    "kizuna_state_bytes": ("step",),
    "kizuna_sink_batch_seconds": ("sink",),
    "kizuna_build_info": ("bytewax", "python", "version"),
}
"""What dashboards of others rely on."""


@pytest.fixture(autouse=True)
def anew():
    yield
    for gauge in (metrics.WATERMARK, metrics.STATE_KEYS, metrics.STATE_BYTES):
        gauge.clear()
    metrics.EVENT_TIME_LAG.clear()
    metrics.CONSUMER_LAG.clear()


def shown() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of ours as a scraper reads it."""
    families = text_string_to_metric_families(generate_latest(REGISTRY).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("kizuna_")
    }


def say_something_everywhere() -> None:
    metrics.RECORDS_IN.labels("t").inc(3)
    metrics.RECORDS_OUT.labels("t").inc()
    metrics.RECORDS_REJECTED.labels("t", "unreadable").inc()
    metrics.LATE_RECORDS.labels("decode").inc()
    metrics.CONSUMER_LAG.labels("t", "0").set(4)
    metrics.EVENT_TIME_LAG.reached("t", "0", 1)
    metrics.WATERMARK.of("accrue")[0] = 1.5
    metrics.STATE_KEYS.of("accrue")[0] = 2
    metrics.STATE_BYTES.of("accrue")[0] = 20
    metrics.END_TO_END.observe(0.3)
    metrics.SNAPSHOT_DURATION.labels("accrue").observe(0.01)
    metrics.SINK_BATCH.labels("warehouse").observe(0.01)


def test_names_and_labels_are_those_that_dashboards_rely_on():
    say_something_everywhere()
    found: dict[str, set[str]] = {}
    for name, labels in shown():
        base = re.sub("_(bucket|sum|count)$", "", name)
        found.setdefault(base, set()).update(key for key, _ in labels if key != "le")
    assert found == {name: set(labels) for name, labels in SERIES.items()}


def test_names_lists_every_series():
    say_something_everywhere()
    assert metrics.names() == {name for name, _ in shown()}


def test_units_are_base_units_and_nobody_is_a_label():
    unit = re.compile("_(total|records|seconds|keys|bytes|info)$")
    assert [name for name in SERIES if not unit.search(name)] == []
    assert not {label for labels in SERIES.values() for label in labels} & {"member", "member_id"}


def test_every_metric_is_explained():
    """Each has a row: what it means and what to do."""
    rows = [line for line in OPERATIONS.splitlines() if line.startswith("| `kizuna_")]
    said = {re.match(r"\| `(\w+)", row)[1]: row for row in rows}
    assert sorted(said) == sorted(SERIES)
    for name, labels in SERIES.items():
        cells = [cell.strip() for cell in said[name].strip("|").split(" | ")]
        assert len(cells) == 3 and all(len(cell) > 20 for cell in cells), name
        for label in labels:
            assert f"`{label}`" in cells[0], (name, label)


def test_a_step_is_as_far_as_its_slowest_group():
    mark = metrics.WATERMARK.of("score")
    mark[0], mark[3] = 30.0, 20.0
    assert metrics.WATERMARK.value("score") == 20.0
    mark[3] = 40.0
    assert shown()["kizuna_watermark_timestamp_seconds", (("step", "score"),)] == 30.0


def test_the_state_of_a_step_is_that_of_all_its_groups():
    keys = metrics.STATE_KEYS.of("score")
    keys[0], keys[1] = 5, 7
    keys[0] = 6
    assert shown()["kizuna_state_keys", (("step", "score"),)] == 13


def test_what_is_not_known_yet_is_not_shown():
    metrics.StepFigures("decide").advanced(0, -(2**62))
    metrics.EVENT_TIME_LAG.reached("t", "1", 0)
    unknown = ("kizuna_watermark", "kizuna_state", "kizuna_event_time_lag")
    assert not [name for name, _ in shown() if name.startswith(unknown)]
    assert metrics.WATERMARK.value("decide") is None


def test_a_partition_that_stands_still_falls_behind():
    now = [1_000.0]
    behind = metrics.Behind("kizuna_test_lag_seconds", "Of this test.", clock=lambda: now[0])
    try:
        behind.reached("events.pos", "3", 990_000)
        before = [sample.value for family in behind.collect() for sample in family.samples]
        now[0] += 60
        (family,) = behind.collect()
        assert before == [10.0]
        assert [(sample.labels, sample.value) for sample in family.samples] == [
            ({"topic": "events.pos", "partition": "3"}, 70.0)
        ]
        behind.reached("events.pos", "3", 2_000_000)
        assert [one.value for family in behind.collect() for one in family.samples] == [0.0]
    finally:
        REGISTRY.unregister(behind)


def test_latency_can_be_judged_between_a_tenth_and_ten_seconds():
    metrics.END_TO_END.observe(0.3)
    bounds = sorted(
        float(dict(labels)["le"])
        for name, labels in shown()
        if name == "kizuna_end_to_end_latency_seconds_bucket"
    )
    within = [bound for bound in bounds if 0.1 <= bound <= 10]
    assert within[0] == 0.1 and within[-1] == 10.0 and 1.0 in within
    assert all(high / low <= 2 for low, high in pairwise(within))


def test_reading_while_groups_appear_never_fails():
    """The server's thread reads while the worker's adds steps and groups."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                list(metrics.WATERMARK.collect())
                list(metrics.EVENT_TIME_LAG.collect())
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20_000):
        metrics.WATERMARK.of(f"step {number % 50}")[number] = float(number)
        metrics.EVENT_TIME_LAG.reached("t", str(number), number)
    stop.set()
    reader.join(timeout=10)
    assert not reader.is_alive() and failures == []


def test_the_engine_brings_the_client_of_prometheus():
    """So nothing here has to do without it."""
    needed = metadata.requires("bytewax") or []
    assert any(line.startswith("prometheus-client") and "extra" not in line for line in needed)


def test_a_step_reports_what_its_groups_did():
    figures = metrics.StepFigures("accrue")
    before = REGISTRY.get_sample_value("kizuna_snapshot_duration_seconds_count", {"step": "accrue"})
    figures.advanced(3, 1_700_000_000_500)
    figures.advanced(5, 1_700_000_001_000)
    figures.saved(3, keys=10, size=1_000, seconds=0.25)
    figures.saved(5, keys=1, size=50, seconds=0.5)
    found = {name: value for (name, labels), value in shown().items() if "accrue" in str(labels)}
    assert found["kizuna_watermark_timestamp_seconds"] == 1_700_000_000.5
    assert (found["kizuna_state_keys"], found["kizuna_state_bytes"]) == (11, 1_050)
    assert found["kizuna_snapshot_duration_seconds_count"] == (before or 0) + 2


def test_refused_records_are_counted_by_where_they_came_from():
    def row(position: str, reason: str) -> Quarantined:
        return Quarantined(
            source=None,
            position=position,
            reason=reason,
            detail="",
            event_id=None,
            content_hash="",
            known_at=0,
            raw=b"",
        )

    metrics.refused(
        [
            row("refused.pos:3:17", "unreadable"),
            row("refused.pos:0:4", "unreadable"),
            row("refused.jsonl:9", "no_time"),
        ]
    )
    counted = {
        dict(labels)["topic"]: (dict(labels)["reason"], value)
        for (name, labels), value in shown().items()
        if name == "kizuna_records_rejected_total" and "refused." in str(labels)
    }
    assert counted == {"refused.pos": ("unreadable", 2), "refused.jsonl": ("no_time", 1)}
