"""What is particular to the warehouse: versions, types, comments, refusals, torn files."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest
from sample_rows import RowMaker

import schemas.commands
import schemas.decisions
import schemas.erasure
import schemas.identity
import schemas.ledger
import schemas.privileges
import schemas.refusals
import schemas.scoring
from schemas.flow import Row
from schemas.identity import Guest
from schemas.ledger import LedgerEntry
from schemas.refusals import Quarantined
from schemas.scoring import ChurnScore
from sinks.duckdb.columns import columns_of, newest_by_key
from sinks.duckdb.create import LayoutMismatch, create_warehouse
from sinks.duckdb.runs import Run, end_run, latest_run, start_run
from sinks.duckdb.schema import ROW_TABLES
from sinks.duckdb.sink import WarehousePartition
from sinks.position import OutputBehind
from sinks.row_batch import ROW_CLASSES, RowBatch, UnknownRow


def guest(version: int, spend: int, guest_id: str = "cookie:c-1") -> Guest:
    return Guest(
        guest_id=guest_id,
        namespace="cookie",
        first_at=0,
        last_at=1,
        events=1,
        spend=spend,
        version=version,
    )


def score(at: int = 1_488_362_400_123) -> ChurnScore:
    return ChurnScore(member_id="m", at=at, p_alive=0.5, band="low", from_band="", why="first")


def write(path: Path, *rows: Row, resume_at: int | None = None) -> int:
    part = WarehousePartition(path, resume_at)
    part.write_batch([RowBatch(list(rows))])
    position = part.snapshot()
    part.close()
    return position


def query(path: Path, sql: str) -> list[Any]:
    con = duckdb.connect(str(path))
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "warehouse.duckdb"


@pytest.mark.parametrize(
    ("history", "kept"),
    [
        ([(1, 10)], 10),
        ([(1, 10), (2, 20)], 20),
        ([(2, 20), (1, 10)], 20),
        ([(1, 10), (1, 11)], 11),
        ([(3, 30), (1, 10), (2, 20)], 30),
    ],
)
def test_the_highest_version_stays_in_one_flush_or_in_many(
    path: Path, history: list[tuple[int, int]], kept: int
) -> None:
    write(path, *(guest(version, spend) for version, spend in history))
    assert query(path, "SELECT spend FROM guests") == [(kept,)]
    position = None
    for version, spend in history:
        position = write(path, guest(version, spend), resume_at=position)
    assert query(path, "SELECT spend FROM guests") == [(kept,)]


def test_newest_by_key_keeps_keys_apart() -> None:
    rows = [guest(1, 10), guest(1, 20, "cookie:c-2"), guest(2, 30)]
    kept = newest_by_key(rows, ROW_TABLES[Guest].key_of or repr)
    assert [row.spend for row in kept] == [30, 20]  # type: ignore[attr-defined]


def test_times_are_timestamps_and_raw_is_bookkeeping(path: Path) -> None:
    refused = Quarantined(
        source=None,
        position="f:1",
        reason="unreadable",
        detail="",
        event_id=None,
        content_hash="00",
        known_at=1_488_362_400_123,
        raw=b"\x00\xff",
    )
    write(path, refused, score())
    assert query(path, "SELECT known_at::VARCHAR, _raw, source FROM quarantine") == [
        ("2017-03-01 10:00:00.123", b"\x00\xff", None)
    ]
    assert query(path, 'SELECT epoch_ms("at"), _seq FROM churn_scores') == [(1_488_362_400_123, 2)]


def test_a_trigger_keeps_its_data_as_json(path: Path) -> None:
    trigger = RowMaker(1).row(schemas.decisions.Trigger)
    write(path, trigger)
    assert query(path, "SELECT data->'lines'->0->>'note' FROM triggers") == [("snow ☃",)]


def test_every_table_view_and_column_has_a_comment(path: Path) -> None:
    create_warehouse(path)
    silent = query(
        path,
        """
        SELECT table_name, column_name FROM duckdb_columns()
            WHERE NOT internal AND coalesce(comment, '') = ''
        UNION ALL SELECT table_name, '' FROM duckdb_tables() WHERE coalesce(comment, '') = ''
        UNION ALL
        SELECT view_name, '' FROM duckdb_views() WHERE NOT internal AND coalesce(comment, '') = ''
        """,
    )
    assert silent == []
    assert len(query(path, "SELECT 1 FROM duckdb_tables()")) == len(ROW_CLASSES) + 3


def test_every_row_class_of_the_schemas_has_a_table() -> None:
    modules = (
        schemas.commands,
        schemas.decisions,
        schemas.erasure,
        schemas.identity,
        schemas.ledger,
        schemas.privileges,
        schemas.refusals,
        schemas.scoring,
    )
    defined = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Row) and value is not Row
    }
    assert defined == set(ROW_CLASSES)


def test_a_row_that_no_table_is_for_is_refused(path: Path) -> None:
    class Strange(Row, frozen=True, kw_only=True):
        table: ClassVar[str] = "ledger_entries"

    part = WarehousePartition(path, None)
    with pytest.raises(UnknownRow, match=r"Strange: must be one of .*ROW_CLASSES"):
        part.write_batch([RowBatch([score(), Strange()])])
    part.close()


def test_a_batch_survives_pickling() -> None:
    rows = RowMaker(5).rows(300)
    copy = pickle.loads(pickle.dumps(RowBatch(rows)))
    assert copy.by_class() == RowBatch(rows).by_class()


def test_an_error_in_the_flush_reaches_the_flow_and_leaves_nothing(path: Path) -> None:
    part = WarehousePartition(path, None, flush_rows=1)
    part.write_batch([RowBatch([score()])])
    assert part.snapshot() == 1
    columns = columns_of(RowBatch([guest(1, 10), score()]))
    columns.tables["churn_scores"] = pa.RecordBatch.from_pydict({"nonsense": [1]})
    part.write_batch([columns])
    with pytest.raises(duckdb.Error):
        part.snapshot()
    part.close()
    assert query(path, "SELECT count(*) FROM churn_scores") == [(1,)]
    assert query(path, "SELECT count(*) FROM guests") == [(0,)]
    assert query(path, "SELECT position FROM _sink_position") == [(1,)]


def test_a_value_that_fits_no_column_is_refused_where_it_was_made(path: Path) -> None:
    with pytest.raises(OverflowError):
        columns_of(RowBatch([score(at=2**70)]))


def test_columns_survive_pickling_and_keep_the_newest_of_each_key() -> None:
    rows = RowBatch(RowMaker(5).rows(300))
    columns = columns_of(rows)
    copy = pickle.loads(pickle.dumps(columns))
    assert copy.tables == columns.tables
    assert len(copy) == sum(batch.num_rows for batch in columns.tables.values())
    newest = {}
    for row in rows.rows:
        if isinstance(row, Guest) and row.version >= newest.get(row.guest_id, 0):
            newest[row.guest_id] = row.version
    found = columns.tables["guests"].to_pydict()
    assert dict(zip(found["guest_id"], found["_version"], strict=True)) == newest


def test_closing_commits_nothing(path: Path) -> None:
    part = WarehousePartition(path, None)
    part.write_batch([RowBatch([score()])])
    part.close()
    assert query(path, "SELECT count(*) FROM churn_scores") == [(0,)]


def test_a_lost_tail_of_the_log_is_noticed(tmp_path: Path, path: Path) -> None:
    """DuckDB opens a truncated write-ahead log without a word, at an earlier state."""
    part = WarehousePartition(path, None)
    part.write_batch([RowBatch([score()])])
    earlier = part.snapshot()
    log = path.with_name(path.name + ".wal")
    size = log.stat().st_size
    part.write_batch([RowBatch([score()])])
    position = part.snapshot()
    torn = tmp_path / "torn.duckdb"
    torn.write_bytes(path.read_bytes())
    torn.with_name(torn.name + ".wal").write_bytes(log.read_bytes()[: size + 20])
    part.close()
    assert query(torn, "SELECT position FROM _sink_position") == [(earlier,)]
    with pytest.raises(OutputBehind, match=f"at least position {position}.*got {earlier}"):
        WarehousePartition(torn, position)


def test_creating_again_keeps_rows_and_refuses_another_layout(path: Path) -> None:
    write(path, score())
    create_warehouse(path)
    assert query(path, "SELECT count(*) FROM churn_scores") == [(1,)]
    query(path, "ALTER TABLE churn_scores DROP COLUMN why")
    with pytest.raises(LayoutMismatch, match=r"churn_scores: .* differs in why"):
        create_warehouse(path)


def test_parameters_that_an_analyst_changed_stay(path: Path) -> None:
    create_warehouse(path)
    query(path, "UPDATE parameters SET value = 0.8 WHERE name = 'point_value'")
    create_warehouse(path)
    assert query(path, "SELECT value FROM parameters WHERE name = 'point_value'") == [(0.8,)]


def test_runs_are_kept(path: Path) -> None:
    create_warehouse(path)
    assert latest_run(path) is None
    run = Run(
        generation=1,
        started_at=1_000,
        as_of=2_000,
        input="events/",
        workers=2,
        config_hash="abc",
        kizuna_version="0.1.0",
    )
    assert start_run(path, run) == 1
    assert start_run(path, run) == 2
    end_run(path, 2, ended_at=3_000, outcome="done", events=7)
    found = latest_run(path)
    assert found is not None
    assert (found.run_id, found.started_at, found.ended_at) == (2, 1_000, 3_000)
    assert (found.outcome, found.events, found.as_of) == ("done", 7, 2_000)


def test_runs_survive_a_start_from_nothing(path: Path) -> None:
    write(path, score(), RowMaker(1).row(LedgerEntry))
    query(
        path,
        "INSERT INTO runs BY NAME SELECT 1 run_id, 1 generation, now()::TIMESTAMP "
        "started_at, now()::TIMESTAMP as_of, '' \"input\", 1 workers, '' config_hash, "
        "'' kizuna_version",
    )
    part = WarehousePartition(path, None)
    part.close()
    assert query(path, "SELECT count(*) FROM ledger_entries") == [(0,)]
    assert query(path, "SELECT count(*) FROM runs") == [(1,)]
