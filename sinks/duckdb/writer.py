"""Rows into the warehouse: columns by Arrow, and the position in the same transaction.

What comes in: rows by class, in the order in which they were received.
Promise: a transaction holds whole batches and the position after them. Append-only
tables get every row, numbered by `_seq`; of a keyed table's rows the highest `version`
stays, the later one of two equals, so writing rows again changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.flow import Row
from sinks.duckdb.create import create_warehouse, open_warehouse
from sinks.duckdb.schema import POSITION, ROW_TABLES, RowTable, Table
from sinks.position import refuse_if_behind

_INCOMING: Final = "incoming"


class Writer:
    """The one connection that writes rows; `position` counts the rows it was ever given."""

    def __init__(self, path: Path, resume_at: int | None) -> None:
        if not path.exists():
            create_warehouse(path)
        self._con = open_warehouse(path)
        try:
            self._rewind(path, resume_at)
        except BaseException:
            self._con.close()
            raise
        self.position = resume_at or 0

    def write(self, rows_by_class: Mapping[type[Row], Sequence[Row]]) -> None:
        """Write all rows and the position after them, or nothing."""
        position = self.position
        self._con.begin()
        try:
            for row_class, rows in rows_by_class.items():
                position += len(rows)
                kind = ROW_TABLES[row_class]
                if kind.key_of is None:
                    self._append(kind, rows, position - len(rows))
                else:
                    self._merge(kind, newest_by_key(rows, kind.key_of))
            self._con.execute(f"UPDATE {POSITION.name} SET position = ?", [position])
            self._con.commit()
        except BaseException:
            self._con.rollback()
            raise
        self.position = position

    def close(self) -> None:
        self._con.close()

    def _append(self, kind: RowTable, rows: Sequence[Row], first: int) -> None:
        numbers = pa.array(range(first + 1, first + 1 + len(rows)), pa.int64())
        self._execute(
            f"INSERT INTO {kind.table.name} FROM {_INCOMING}", arrow_table(kind, rows, numbers)
        )

    def _merge(self, kind: RowTable, rows: Sequence[Row]) -> None:
        self._execute(_merge_sql(kind.table), arrow_table(kind, rows))

    def _execute(self, sql: str, incoming: pa.Table) -> None:
        self._con.register(_INCOMING, incoming)
        try:
            self._con.execute(sql)
        finally:
            self._con.unregister(_INCOMING)

    def _rewind(self, path: Path, resume_at: int | None) -> None:
        """Take back what was written beyond `resume_at`; states stay, the newer one wins anyway."""
        (found,) = self._con.execute(f"SELECT position FROM {POSITION.name}").fetchone() or (0,)
        refuse_if_behind(str(path), found=found, needed=resume_at or 0)
        if found == (resume_at or 0):
            return
        self._con.begin()
        for kind in ROW_TABLES.values():
            if resume_at is None:
                self._con.execute(f"DELETE FROM {kind.table.name}")
            elif kind.key_of is None:
                self._con.execute(f"DELETE FROM {kind.table.name} WHERE _seq > ?", [resume_at])
        self._con.execute(f"UPDATE {POSITION.name} SET position = ?", [resume_at or 0])
        self._con.commit()


def position_of(path: Path) -> int:
    """The position that a warehouse holds; no writer may have it open."""
    con = open_warehouse(path)
    try:
        (found,) = con.execute(f"SELECT position FROM {POSITION.name}").fetchone() or (0,)
        return int(found)
    finally:
        con.close()


def newest_by_key(rows: Sequence[Row], key_of: Callable[[Row], Any]) -> list[Row]:
    """One row a key: the highest version, the last one among equals."""
    newest: dict[Any, Any] = {}
    for row in rows:
        key = key_of(row)
        known = newest.get(key)
        if known is None or row.version >= known.version:  # type: ignore[attr-defined]
            newest[key] = row
    return list(newest.values())


def arrow_table(kind: RowTable, rows: Sequence[Row], numbers: pa.Array | None = None) -> pa.Table:
    """The rows as columns, in the order of the table's columns."""
    columns = [
        pa.array(list(map(read, rows)), column.arrow_type)
        for read, column in zip(kind.read, kind.table.columns, strict=False)
    ]
    if numbers is not None:
        columns.append(numbers)
    return pa.table(columns, names=[column.name for column in kind.table.columns])


def _merge_sql(table: Table) -> str:
    """Measured on 400,000 lots, 50,000 changed: 55 ms, a third of an upsert by a primary key."""
    same_key = " AND ".join(f"old.{key} = new.{key}" for key in table.keys)
    values = ", ".join(
        f'"{c.name}" = new."{c.name}"' for c in table.columns if c.name not in table.keys
    )
    return (
        f"MERGE INTO {table.name} AS old USING {_INCOMING} AS new ON {same_key} "
        f"WHEN MATCHED AND new._version >= old._version THEN UPDATE SET {values} "
        "WHEN NOT MATCHED THEN INSERT BY NAME"
    )
