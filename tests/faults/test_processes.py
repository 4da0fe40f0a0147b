"""The number of processes, batches and runs doesn't show in the result."""

import pytest
from killing import hashes, run


def test_the_undisturbed_run_does_something(undisturbed):
    output, found = undisturbed
    assert len(set(found.values())) == len(found), "two tables with one hash: both empty?"
    assert (output / "triggers" / "app.jsonl").stat().st_size > 0


@pytest.mark.parametrize(("workers", "batch_bytes"), [(1, 1 << 22), (2, 32_768), (3, 100_000)])
def test_processes_and_batches(traffic, undisturbed, tmp_path, workers, batch_bytes):
    run([traffic], tmp_path, workers=workers, batch_bytes=batch_bytes)
    assert hashes(tmp_path) == undisturbed[1]


def test_more_files_in_a_later_run(traffic, undisturbed, tmp_path):
    """Half of the input first, the rest in a second run: as in one run."""
    halves = sorted(traffic.iterdir())
    assert len(halves) > 1
    links = tmp_path / "links"
    links.mkdir()
    for half in halves:
        (links / half.name).symlink_to(half, target_is_directory=True)
    output = tmp_path / "out"
    first = tmp_path / "first"
    first.mkdir()
    (first / halves[0].name).symlink_to(halves[0], target_is_directory=True)
    run([first], output)
    assert hashes(output) != undisturbed[1]
    run([links], output)
    assert hashes(output) == undisturbed[1]
    before = (output / "warehouse.duckdb").stat().st_mtime_ns
    assert "generations=0" in run([links], output), "nothing is left to read"
    assert (output / "warehouse.duckdb").stat().st_mtime_ns == before
