"""The hash sees what a warehouse says, and nothing of how it was written."""

import random
from pathlib import Path

import duckdb
import msgspec
import pytest
from small_city import ROWS, build_small_city

from scripts.warehouse_hash import main, triggers_hash, warehouse_hash


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build_small_city(tmp_path / "warehouse.duckdb")
    return tmp_path / "warehouse.duckdb"


def change(path: Path, sql: str) -> None:
    con = duckdb.connect(str(path))
    con.execute(sql)
    con.close()


def test_order_of_rows_and_their_versions_make_no_difference(path: Path, tmp_path: Path) -> None:
    rows = [
        msgspec.structs.replace(row, version=9) if row.keys else row
        for row in random.Random(3).sample(ROWS, len(ROWS))
    ]
    build_small_city(tmp_path / "other.duckdb", tuple(rows))
    assert warehouse_hash(tmp_path / "other.duckdb") == warehouse_hash(path)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_entries SET points = points + 1 WHERE entry_id = '1'",
        "UPDATE ledger_entries SET line_id = '' WHERE entry_id = '1'",
        "UPDATE ledger_entries SET posted_at = posted_at + INTERVAL 1 MILLISECOND "
        "WHERE entry_id = '1'",
        "UPDATE ledger_entries SET debit = credit, credit = debit WHERE entry_id = '1'",
        "INSERT INTO ledger_entries FROM ledger_entries WHERE entry_id = '1'",
        "DELETE FROM ledger_entries WHERE entry_id = '1'",
    ],
)
def test_any_other_content_makes_one(path: Path, sql: str) -> None:
    before = warehouse_hash(path)
    change(path, sql)
    after = warehouse_hash(path)
    differing = {table for table in before.tables if before.tables[table] != after.tables[table]}
    assert differing == {"ledger_entries"}
    assert before.combined != after.combined


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_entries SET _seq = _seq + 100",
        "UPDATE _sink_position SET position = 0",
        "UPDATE quarantine SET _raw = 'x'::BLOB",
        "INSERT INTO runs SELECT 1, 1, now()::TIMESTAMP, NULL, NULL, now()::TIMESTAMP, '', 1, "
        "NULL, '', ''",
    ],
)
def test_bookkeeping_makes_none(path: Path, sql: str) -> None:
    before = warehouse_hash(path)
    change(path, sql)
    assert warehouse_hash(path) == before


def test_trigger_lines_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "push.jsonl").write_bytes(b"1\n2\n2\n")
    before = triggers_hash(tmp_path)
    (tmp_path / "push.jsonl").write_bytes(b"2\n1\n2\n")
    assert triggers_hash(tmp_path) == before
    (tmp_path / "push.jsonl").write_bytes(b"2\n1\n")
    assert triggers_hash(tmp_path) != before
    (tmp_path / "push.jsonl").rename(tmp_path / "email.jsonl")
    assert triggers_hash(tmp_path) != before


def test_command_compares_outputs(path: Path, tmp_path: Path) -> None:
    (tmp_path / "triggers").mkdir()
    assert main([str(tmp_path), str(tmp_path)]) == 0
    other = tmp_path / "other"
    (other / "triggers").mkdir(parents=True)
    build_small_city(other / "warehouse.duckdb", ROWS[:-1])
    assert main([str(tmp_path), str(other)]) == 1
    assert main([]) == 2
