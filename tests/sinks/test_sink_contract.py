"""One contract, run over every sink: whatever crashes, each row is applied once."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_rows import RowMaker
from sink_cases import CASES, CRASH_POINTS, CrashPoint, Flow, SinkCase

from sinks.position import OutputBehind
from sinks.row_batch import RowBatch

EPOCHS = 4
ROWS_AN_EPOCH = 250

Content = dict[str, list[Any]]

every_sink = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_crash = pytest.mark.parametrize("point", CRASH_POINTS)


def flow_into(case: SinkCase, directory: Path, seed: int = 0) -> Flow:
    directory.mkdir(exist_ok=True)
    return Flow(case, directory, RowMaker(11).epochs(EPOCHS, ROWS_AN_EPOCH), seed)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Content]:
    contents = {}
    for case in CASES:
        directory = tmp_path_factory.mktemp(case.name)
        flow_into(case, directory).run()
        contents[case.name] = case.content(directory)
    return contents


@every_sink
def test_every_row_arrives_once(
    case: SinkCase, undisturbed: dict[str, Content], tmp_path: Path
) -> None:
    rows = [row for epoch in flow_into(case, tmp_path).epochs for row in epoch]
    held = {name: len(kept) for name, kept in undisturbed[case.name].items()}
    assert held == case.expected(rows)
    assert all(held.values())


@every_sink
def test_other_batches_end_in_the_same_content(
    case: SinkCase, undisturbed: dict[str, Content], tmp_path: Path
) -> None:
    flow_into(case, tmp_path, seed=5).run()
    assert case.content(tmp_path) == undisturbed[case.name]


@every_sink
@every_crash
@pytest.mark.parametrize("epoch", [0, EPOCHS - 1])
def test_one_crash(
    case: SinkCase,
    point: CrashPoint,
    epoch: int,
    undisturbed: dict[str, Content],
    tmp_path: Path,
) -> None:
    flow = flow_into(case, tmp_path)
    flow.run(crash=(epoch, point))
    flow.run()
    assert case.content(tmp_path) == undisturbed[case.name]


@every_sink
@every_crash
def test_a_second_crash_while_replaying(
    case: SinkCase, point: CrashPoint, undisturbed: dict[str, Content], tmp_path: Path
) -> None:
    flow = flow_into(case, tmp_path)
    flow.run(crash=(2, "written"))
    flow.run(crash=(2, point))
    flow.run(crash=(3, "writing"))
    flow.run()
    assert case.content(tmp_path) == undisturbed[case.name]


@every_sink
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    crashes=st.lists(
        st.tuples(st.integers(0, EPOCHS - 1), st.sampled_from(CRASH_POINTS)), max_size=4
    ),
    seed=st.integers(0, 1000),
)
def test_any_crashes_in_any_order(
    case: SinkCase,
    crashes: list[tuple[int, CrashPoint]],
    seed: int,
    undisturbed: dict[str, Content],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("crashes")
    flow = flow_into(case, directory, seed)
    for crash in crashes:
        flow.run(crash=crash)
    flow.run()
    assert case.content(directory) == undisturbed[case.name]


@every_sink
def test_without_a_position_what_is_there_is_deleted(
    case: SinkCase, undisturbed: dict[str, Content], tmp_path: Path
) -> None:
    flow_into(case, tmp_path).run()
    flow_into(case, tmp_path).run()
    assert case.content(tmp_path) == undisturbed[case.name]


@every_sink
def test_an_output_behind_the_snapshot_is_refused(case: SinkCase, tmp_path: Path) -> None:
    flow = flow_into(case, tmp_path / "ahead")
    flow.run(crash=(3, "recorded"))
    behind = flow_into(case, tmp_path / "behind")
    behind.run(crash=(1, "recorded"))
    behind.recorded = flow.recorded
    with pytest.raises(OutputBehind, match=r"must hold at least position .* kizuna run --input"):
        behind.run()


@every_sink
def test_a_snapshot_answers_what_it_was_resumed_with(case: SinkCase, tmp_path: Path) -> None:
    flow = flow_into(case, tmp_path)
    flow.run(crash=(2, "recorded"))
    sink = case.sink(tmp_path)
    for name, position in flow.recorded.items():
        part = sink.build_part("sink", name, position)
        assert part.snapshot() == position
        part.close()


@every_sink
def test_each_key_has_the_partition_of_its_name(case: SinkCase, tmp_path: Path) -> None:
    sink = case.sink(tmp_path)
    rows = RowMaker(3).rows(2000)
    for key, _ in case.route(RowBatch(rows)):
        parts = sorted(sink.list_parts())
        assert parts[sink.part_fn(key) % len(parts)] == key
