"""One hash for what a warehouse says, whatever order its rows were written in.

In: a warehouse file, or a directory of trigger files. Out: a SHA-256 for each table and one
for all. Two runs over the same input and config, with any number of workers and crashes,
must have the same. Left out is what may differ between runs: columns and tables whose name
starts with `_`, and the table `runs`.

`python -m scripts.warehouse_hash OUT…` prints the hashes of output directories and exits
with 1 if they differ.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

_NULL: Final = "~"
"""Stands for null; a value is preceded by its length, so nothing else looks like it."""


class WarehouseHash(NamedTuple):
    tables: dict[str, str]
    """SHA-256 by table name."""
    combined: str
    """SHA-256 of all of them."""


def warehouse_hash(path: Path) -> WarehouseHash:
    """Hash the content of every table; the file must not be open for writing."""
    con = duckdb.connect(str(path), read_only=True)
    try:
        columns: dict[str, list[str]] = {}
        for table, column in con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() "
            "JOIN duckdb_tables() USING (schema_name, table_name) "
            "WHERE table_name <> 'runs' AND table_name[1] <> '_' AND column_name[1] <> '_' "
            "ORDER BY table_name, column_name"
        ).fetchall():
            columns.setdefault(table, []).append(column)
        tables = {table: _table_hash(con, table, names) for table, names in columns.items()}
    finally:
        con.close()
    lines = "".join(f"{table} {digest}\n" for table, digest in tables.items())
    return WarehouseHash(tables, hashlib.sha256(lines.encode()).hexdigest())


def triggers_hash(directory: Path) -> str:
    """Hash the lines of every trigger file under its channel's name, whatever their order."""
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.jsonl")):
        digest.update(path.name.encode() + b"\n")
        digest.update(b"\n".join(sorted(path.read_bytes().splitlines())) + b"\n\n")
    return digest.hexdigest()


def _table_hash(con: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> str:
    """SHA-256 over the sorted MD5s of the rows: only 16 bytes a row are sorted."""
    row = " || ".join(
        f"coalesce(strlen(\"{name}\"::VARCHAR) || ':' || \"{name}\"::VARCHAR, '{_NULL}')"
        for name in columns
    )
    reader = con.execute(f'SELECT md5({row}) AS of_row FROM "{table}" ORDER BY of_row')
    digest = hashlib.sha256()
    for batch in reader.to_arrow_reader(100_000):
        digest.update("".join(batch.column(0).to_pylist()).encode())
    return digest.hexdigest()


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    found = set()
    for output in map(Path, arguments):
        hashes = warehouse_hash(output / "warehouse.duckdb")
        triggers = triggers_hash(output / "triggers")
        for table, digest in hashes.tables.items():
            print(f"{digest}  {output}: {table}")
        print(f"{triggers}  {output}: trigger files")
        print(f"{hashes.combined}  {output}: warehouse")
        found.add((hashes.combined, triggers))
    return 0 if len(found) == 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
