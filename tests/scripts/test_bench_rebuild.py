"""The bench of the rebuild measures real commands, and notices if one fails."""

import pytest

from scripts.bench.rebuild import bench_rebuild


def test_run_and_rebuild_are_measured_and_agree() -> None:
    records, found = bench_rebuild(members=4, days=5, workers=[1])
    assert records > 20
    assert [(each.command, each.workers) for each in found] == [("run", 1), ("rebuild", 1)]
    assert all(each.seconds > 0.2 and each.peak_mib > 50 for each in found)


def test_a_command_that_fails_is_no_figure() -> None:
    with pytest.raises(AssertionError, match="--workers"):
        bench_rebuild(members=1, days=1, workers=[0])
