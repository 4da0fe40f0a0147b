"""A new warehouse file: tables, views, and a comment on each of them and on every column.

Done before any worker starts, since a sink only opens its file when the first row
arrives. Doing it again changes nothing, and refuses a file with another layout.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb

from sinks.duckdb.schema import PARAMETERS, POSITION, TABLES, Column, Table, View
from sinks.duckdb.views import VIEWS

DEFAULT_PARAMETERS: Final[Mapping[str, tuple[float, str]]] = MappingProxyType(
    {
        "point_value": (1.0, "what one point costs when it is redeemed, minor units of currency"),
        "breakage": (0.0, "the share of outstanding points that will never be redeemed, 0 to 1"),
    }
)


READER_SECONDS: Final = 30.0
"""How long a reader that has the file open may keep a writer waiting."""


class LayoutMismatch(RuntimeError):
    """The file was written by a release with other columns."""


def open_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """Open for writing. One thread (the rest of the machine is the dataflow's), and a
    write-ahead log large enough that a flush seldom waits for a checkpoint. Whoever reads the
    file at this moment is waited for."""
    give_up_at = time.monotonic() + READER_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), config={"threads": 1, "checkpoint_threshold": "1GB"})
        except duckdb.IOException as error:
            if "lock" not in str(error) or time.monotonic() > give_up_at:
                raise
        time.sleep(0.1)


def create_warehouse(
    path: Path, parameters: Mapping[str, tuple[float, str]] = DEFAULT_PARAMETERS
) -> None:
    """Make what isn't there yet; existing rows and parameters stay as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    con = open_warehouse(path)
    try:
        _refuse_other_layout(con, path)
        con.begin()
        for table in TABLES:
            con.execute(_table_sql(table))
            con.execute(f"COMMENT ON TABLE {table.name} IS {_quoted(table.comment)}")
            for column in table.columns:
                _comment_on(con, table.name, column.name, column.comment)
        con.execute(f"INSERT INTO {POSITION.name} SELECT 0 WHERE NOT EXISTS (FROM {POSITION.name})")
        for name, (value, meaning) in parameters.items():
            con.execute(
                f"INSERT INTO {PARAMETERS.name} SELECT $name, $value, $meaning "
                f"WHERE NOT EXISTS (FROM {PARAMETERS.name} WHERE name = $name)",
                {"name": name, "value": value, "meaning": meaning},
            )
        for view in VIEWS:
            _create_view(con, view)
        con.commit()
    finally:
        con.close()


def _create_view(con: duckdb.DuckDBPyConnection, view: View) -> None:
    con.execute(f"CREATE OR REPLACE VIEW {view.name} AS {view.sql}")
    con.execute(f"COMMENT ON VIEW {view.name} IS {_quoted(view.comment)}")
    for name, comment in view.columns.items():
        _comment_on(con, view.name, name, comment)


def _refuse_other_layout(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, sql_type in con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index"
    ).fetchall():
        found.setdefault(table, []).append((column, sql_type))
    for table in TABLES:
        wanted = [(column.name, column.sql_type) for column in table.columns]
        if table.name in found and found[table.name] != wanted:
            differing = sorted(
                name for name, _ in set(wanted).symmetric_difference(found[table.name])
            )
            raise LayoutMismatch(
                f"{path}: table {table.name}: must have this release's columns; differs in "
                f"{', '.join(differing) or 'their order'}. It was written by another release: "
                "kizuna run --input … --output <a fresh directory>"
            )


def _table_sql(table: Table) -> str:
    columns = ", ".join(_column_sql(column) for column in table.columns)
    return f"CREATE TABLE IF NOT EXISTS {table.name} ({columns})"


def _column_sql(column: Column) -> str:
    return f'"{column.name}" {column.sql_type}' + ("" if column.nullable else " NOT NULL")


def _comment_on(con: duckdb.DuckDBPyConnection, table: str, column: str, comment: str) -> None:
    con.execute(f'COMMENT ON COLUMN {table}."{column}" IS {_quoted(comment)}')


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
