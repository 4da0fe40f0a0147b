"""A sink under the stopwatch: the same sink, and its times are shown."""

import time
import uuid

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import TestingSource, run_main
from prometheus_client import REGISTRY

from pipelines.timed_sinks import TimedSink
from schemas.refusals import Quarantined
from sinks.files import create_files, output_files
from sinks.row_batch import RowBatch

SLOW_SECONDS = 0.05


class SlowPart(StatefulSinkPartition[int, int]):
    def __init__(self, written: dict[str, list[int]], part: str) -> None:
        self.mine = written.setdefault(part, [])
        self.closed = False

    def write_batch(self, values: list[int]) -> None:
        time.sleep(SLOW_SECONDS)
        self.mine.extend(values)

    def snapshot(self) -> int:
        time.sleep(SLOW_SECONDS)
        return len(self.mine)

    def close(self) -> None:
        self.closed = True


class SlowSink(FixedPartitionedSink[int, int]):
    def __init__(self) -> None:
        self.written: dict[str, list[int]] = {}
        self.built: list[tuple[str, str, int | None]] = []

    def list_parts(self) -> list[str]:
        return ["even", "odd"]

    def part_fn(self, item_key: str) -> int:
        return int(item_key) % 2

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> SlowPart:
        self.built.append((step_id, for_part, resume_state))
        return SlowPart(self.written, for_part)


@pytest.fixture
def name():
    return f"test-{uuid.uuid4().hex[:8]}"


def shown(metric: str, label: str, name: str) -> tuple[float, float]:
    """(how many, seconds)."""
    return tuple(
        REGISTRY.get_sample_value(f"kizuna_{metric}_seconds_{what}", {label: name}) or 0.0
        for what in ("count", "sum")
    )


def test_times_of_batches_and_snapshots_are_shown(name):
    part = TimedSink(name, SlowSink()).build_part("step", "odd", 7)
    for _ in range(3):
        part.write_batch([1])
    assert part.snapshot() == 3
    batches, seconds = shown("sink_batch", "sink", name)
    assert batches == 3 and 3 * SLOW_SECONDS <= seconds < 3
    snapshots, seconds = shown("snapshot_duration", "step", name)
    assert snapshots == 1 and SLOW_SECONDS <= seconds < 1


def test_everything_else_is_the_sinks_own(name):
    sink = SlowSink()
    timed = TimedSink(name, sink)
    assert timed.list_parts() == ["even", "odd"]
    assert [timed.part_fn(key) for key in ("4", "5")] == [0, 1]
    timed.build_part("flow.out", "odd", 7)
    assert sink.built == [("flow.out", "odd", 7)]
    inner = SlowPart({}, "odd")
    part = TimedSink(name, sink).build_part("flow.out", "odd", None)
    part._part = inner
    part.close()
    assert inner.closed


def test_what_goes_wrong_in_a_sink_comes_out_and_is_timed(name):
    class Broken(SlowPart):
        def write_batch(self, values: list[int]) -> None:
            raise OSError("disk full")

    class BrokenSink(SlowSink):
        def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Broken:
            return Broken(self.written, for_part)

    part = TimedSink(name, BrokenSink()).build_part("step", "odd", None)
    with pytest.raises(OSError, match="disk full"):
        part.write_batch([1])
    assert shown("sink_batch", "sink", name)[0] == 1


def test_on_the_engine_it_writes_what_the_sink_alone_writes(name, tmp_path):
    row = Quarantined(
        source="pos",
        position="events.pos:3:17",
        reason="unreadable",
        detail="no JSON",
        event_id=None,
        content_hash="00",
        known_at=1,
        raw=b"",
    )
    written = []
    for folder in (tmp_path / "alone", tmp_path / "timed"):
        folder.mkdir()
        create_files(folder)
        sink = output_files(folder)
        flow = Dataflow("timed")
        rows = op.input("in", flow, TestingSource([("quarantine", RowBatch([row]))] * 5))
        op.output("out", rows, TimedSink(name, sink) if folder.name == "timed" else sink)
        run_main(flow)
        written.append((folder / "quarantine.jsonl").read_bytes())
    assert written[0] == written[1] and written[0].count(b"\n") == 5
    assert shown("sink_batch", "sink", name)[0] >= 1
    assert shown("snapshot_duration", "step", name)[0] >= 1
