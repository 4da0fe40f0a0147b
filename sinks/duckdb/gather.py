"""A warehouse from parts that many writers left, and the same tables as Parquet files.

In: a folder of parts, see `sinks.row_parts`. Out: a warehouse file as the live flow writes it.
Of a keyed table's rows the newest version of each key is kept, as the live sink does.
"""

from pathlib import Path
from typing import Any, Final

import duckdb

from sinks.duckdb.create import create_warehouse
from sinks.duckdb.schema import POSITION, ROW_TABLES, SEQ, Table

_TABLES: Final = tuple(kind.table for kind in ROW_TABLES.values())


def gather(parts: Path, warehouse: Path) -> int:
    """Fill a new warehouse; how many rows it has."""
    create_warehouse(warehouse)
    rows = 0
    con = duckdb.connect(str(warehouse), config={"preserve_insertion_order": False})
    con.execute("SET enable_progress_bar = false")
    try:
        for table in _TABLES:
            if any((parts / table.name).glob("*.parquet")):
                pattern = str(parts / table.name / "*.parquet")
                con.execute(_keyed_sql(table) if table.keys else _append_sql(table), [pattern])
            rows += int(_one(con, f"SELECT count(*) FROM {table.name}"))
        con.execute(f"UPDATE {POSITION.name} SET position = ?", [rows])
    finally:
        con.close()
    return rows


def export(warehouse: Path, folder: Path) -> None:
    """Every table of a warehouse as `<folder>/<table>.parquet`, without bookkeeping columns."""
    folder.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(str(warehouse), read_only=True)
    con.execute("SET enable_progress_bar = false")
    try:
        for table in _TABLES:
            kept = ", ".join(f'"{c.name}"' for c in table.columns if not c.name.startswith("_"))
            path = str(folder / f"{table.name}.parquet").replace("'", "''")
            con.execute(f"COPY (SELECT {kept} FROM {table.name}) TO '{path}' (FORMAT parquet)")
    finally:
        con.close()


def _append_sql(table: Table) -> str:
    """Rows are numbered anew: writers didn't know of each other."""
    columns = ", ".join(f'"{c.name}"' for c in table.columns if c.name != SEQ.name)
    return (
        f"INSERT INTO {table.name} BY NAME SELECT {columns}, "
        f"row_number() OVER (ORDER BY filename, {SEQ.name}) AS {SEQ.name} "
        "FROM read_parquet(?, filename = true)"
    )


def _keyed_sql(table: Table) -> str:
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    return (
        f"INSERT INTO {table.name} BY NAME SELECT {columns} FROM read_parquet(?) "
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(table.keys)} "
        f"ORDER BY _version DESC, {SEQ.name} DESC) = 1"
    )


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute(sql).fetchone()
    assert row is not None
    return row[0]
