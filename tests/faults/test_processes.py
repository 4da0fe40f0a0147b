"""The number of processes, batches and runs doesn't show in the result."""

import duckdb
import msgspec
import pytest
from killing import hashes, run


def test_the_undisturbed_run_does_something(undisturbed):
    output, found = undisturbed
    assert (output / "triggers" / "app.jsonl").stat().st_size > 0
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        for table in ("ledger_entries", "identity_links", "churn_scores", "decisions", "lots"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
    assert len(found) > 10


@pytest.mark.parametrize(("workers", "batch_bytes"), [(1, 1 << 22), (2, 32_768), (3, 100_000)])
def test_processes_and_batches(traffic, undisturbed, tmp_path, workers, batch_bytes):
    run([traffic], tmp_path, workers=workers, batch_bytes=batch_bytes)
    assert hashes(tmp_path) == undisturbed[1]


def test_more_files_in_a_later_run(traffic, undisturbed, tmp_path):
    """The first half of the time, then the other half in a second run: as in one run."""
    inputs, output = tmp_path / "events", tmp_path / "out"
    halves = split(traffic, inputs)
    run([halves[0]], output)
    assert hashes(output) != undisturbed[1]
    run([halves[1]], output)
    assert without_positions(hashes(output)) == without_positions(undisturbed[1])
    before = (output / "warehouse.duckdb").stat().st_mtime_ns
    assert "generations=0" in run([halves[0], halves[1]], output), "nothing is left to read"
    assert (output / "warehouse.duckdb").stat().st_mtime_ns == before


def split(traffic, inputs):
    """Each file in two, at one instant of `known_at` for all of them."""
    files = sorted(traffic.rglob("*.jsonl"))
    times = sorted(at for file in files for at, _ in known(file))
    middle = times[len(times) // 2]
    halves = [inputs / "first", inputs / "second"]
    for half in halves:
        half.mkdir(parents=True)
    for file in files:
        for half, early in zip(halves, (True, False), strict=True):
            part = [line for at, line in known(file) if (at < middle) is early]
            (half / f"{half.name}-{file.name}").write_bytes(b"".join(part))
    return halves


def known(file):
    """Each line with its known_at: the running maximum of received_at."""
    latest = 0
    for line in file.read_bytes().splitlines(keepends=True):
        latest = max(latest, msgspec.json.decode(line)["received_at"])
        yield latest, line


def without_positions(found):
    """Where a record was read is another place in a split file; the quarantine tells it."""
    return {table: value for table, value in found.items() if table != "quarantine"}
