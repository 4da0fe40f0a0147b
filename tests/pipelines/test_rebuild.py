"""The rebuild by Beam: what it makes of a history is what the live flow made of it."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from disorder import differences, disturb
from typer.testing import CliRunner

from pipelines.fold_history import RebuildOptions, rebuild
from pipelines.history import NotPublished, RebuildFailed
from pipelines.processes import RunRefused
from scripts.cli import app
from scripts.generate import generate
from scripts.run import DEFAULT_CONFIG, run_files
from scripts.warehouse_hash import warehouse_hash
from sinks.duckdb.schema import ROW_TABLES


def rebuilt(*inputs: Path, output: Path, **options: object) -> Path:
    settings: dict[str, object] = {
        "inputs": inputs,
        "output": output,
        "config": DEFAULT_CONFIG,
        "groups": 8,
    }
    settings |= options
    rebuild(RebuildOptions(**settings))  # type: ignore[arg-type]
    return output / "warehouse.duckdb"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    generate(members=40, days=60, seed=11, output=folder, events_per_member_day=1.0)
    return folder / "events"


@pytest.fixture(scope="module")
def ran(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run")
    run_files([city], output, workers=2)
    return output


@pytest.fixture(scope="module")
def folded(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rebuilt(ran, output=tmp_path_factory.mktemp("rebuilt")).parent


def test_every_table_is_the_runs(ran: Path, folded: Path) -> None:
    run, again = (warehouse_hash(path / "warehouse.duckdb").tables for path in (ran, folded))
    assert run == again
    with duckdb.connect(str(folded / "warehouse.duckdb"), read_only=True) as con:
        counts = {
            name: con.execute(f"SELECT count(*) FROM {name}").fetchone()
            for name in ("ledger_entries", "lots", "identity_links", "decisions", "triggers")
        }
    assert all(count and count[0] > 0 for count in counts.values()), counts


def test_several_processes_make_the_same(ran: Path, city: Path, tmp_path: Path) -> None:
    again = rebuilt(city, ran / "commands", output=tmp_path / "out", workers=2, groups=5)
    assert warehouse_hash(again) == warehouse_hash(ran / "warehouse.duckdb")


def test_parquet_files_hold_the_tables(folded: Path) -> None:
    with duckdb.connect(str(folded / "warehouse.duckdb"), read_only=True) as con:
        for kind in ROW_TABLES.values():
            name, path = kind.table.name, folded / "tables" / f"{kind.table.name}.parquet"
            kept = [c.name for c in kind.table.columns if not c.name.startswith("_")]
            assert pq.read_schema(path).names == kept
            columns = ", ".join(f'"{column}"' for column in kept)
            differ = con.execute(
                f"SELECT count(*) FROM (SELECT {columns} FROM {name} EXCEPT ALL "
                f"SELECT {columns} FROM read_parquet('{path}'))"
            ).fetchone()
            assert differ == (0,)


def test_generations_of_a_run_are_read_as_it_read_them(city: Path, tmp_path: Path) -> None:
    """Files that came later know nothing earlier than what was known by then."""
    first, second = tmp_path / "first", tmp_path / "second"
    for part, names in ((first, ("pos", "profile")), (second, ("app", "web", "service"))):
        part.mkdir()
        for name in names:
            for file in city.rglob(f"{name}.jsonl"):
                (part / f"{name}.jsonl").write_bytes(file.read_bytes())
    output = tmp_path / "run"
    run_files([first], output, workers=1)
    run_files([first, second], output, workers=1)
    again = rebuilt(output, output=tmp_path / "again")
    assert warehouse_hash(again) == warehouse_hash(output / "warehouse.duckdb")
    in_one = rebuilt(city, output=tmp_path / "in_one")
    assert warehouse_hash(in_one) != warehouse_hash(again), "the floors made no difference"


def test_disorder_ends_in_the_same_balances(city: Path, tmp_path: Path) -> None:
    """Late, shuffled and repeated: the same balances, lots and tiers as the undisturbed input,
    for all members whose redemptions were answered alike."""
    counts = disturb(city, tmp_path / "disturbed", seed=1)
    assert counts["late"] > 20
    assert counts["twice"] > 5
    as_of = 1_500_000_000_000
    calm = rebuilt(city, output=tmp_path / "calm", as_of=as_of)
    rough = rebuilt(tmp_path / "disturbed", output=tmp_path / "rough", as_of=as_of)
    found = differences(calm, rough)
    assert found.count == 0, found.lines()
    assert found.compared["members"] > 30
    assert found.compared["lots"] > 100


def test_a_closed_gate_publishes_nothing(city: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    file = next(city.rglob("service.jsonl"))
    good = warehouse_hash(rebuilt(file, output=output))
    with pytest.raises(NotPublished, match="no good"):
        rebuilt(city, output=output, gate=lambda warehouse: f"{warehouse.name} is no good")
    assert warehouse_hash(output / "warehouse.duckdb") == good
    assert warehouse_hash(output / "rejected" / "warehouse.duckdb") != good
    assert not (output / ".rebuilding").exists()
    rebuilt(file, output=output, gate=lambda warehouse: "")
    assert warehouse_hash(output / "warehouse.duckdb") == good


def test_what_cannot_be_folded_is_refused(ran: Path, city: Path, tmp_path: Path) -> None:
    with pytest.raises(RunRefused, match=r"must hold \.jsonl or \.avro files"):
        rebuilt(tmp_path, output=tmp_path / "out")
    with pytest.raises(RunRefused, match="must not be the output of a run"):
        rebuilt(city, output=ran)
    file = tmp_path / "pos.jsonl"
    lines = next(city.rglob("pos.jsonl")).read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[-1], *lines]))
    with pytest.raises(RunRefused, match="record 2: must be in order of received_at"):
        rebuilt(file, output=tmp_path / "out")
    assert not (tmp_path / "out" / "warehouse.duckdb").exists()


def test_an_input_that_changed_since_the_run_is_refused(tmp_path: Path) -> None:
    generate(members=3, days=5, seed=1, output=tmp_path / "city", events_per_member_day=1.0)
    run_files([tmp_path / "city" / "events"], tmp_path / "run", workers=1)
    changed = next((tmp_path / "city").rglob("profile.jsonl"))
    changed.write_bytes(changed.read_bytes() + b"\n")
    with pytest.raises(RunRefused, match="must be as the run read it; its content is another"):
        rebuilt(tmp_path / "run", output=tmp_path / "out")


def test_a_runner_that_fails_says_so(city: Path, tmp_path: Path) -> None:
    arguments = ["--runner=PortableRunner", "--job_endpoint=127.0.0.1:1", "--job_server_timeout=1"]
    with pytest.raises(RebuildFailed):
        rebuilt(city, output=tmp_path / "out", runner_args=arguments)


def test_the_command(city: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = CliRunner().invoke(
        app, ["rebuild", "--input", str(city), "--output", str(out), "--workers", "1", "--no-gate"]
    )
    assert said.exit_code == 0, said.output
    records = sum(len(file.read_bytes().splitlines()) for file in city.rglob("*.jsonl"))
    assert f"{records:,} records from" in said.output
    with duckdb.connect(str(out / "warehouse.duckdb"), read_only=True) as con:
        assert con.execute("SELECT events, outcome FROM runs").fetchall() == [(records, "done")]
