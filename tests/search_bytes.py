"""Looks for texts in everything that is below a folder, as whoever got hold of its disk would.

In: a folder and texts. Out: which text is in which file: raw bytes, what is compressed in Avro
blocks, every value of every row of DuckDB and SQLite (DuckDB compresses, too), and the bytes that
SQLite's rows hold, unpickled.
"""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import fastavro


def found_in(folder: Path, texts: Iterable[str]) -> list[tuple[str, str]]:
    """(file, text) of each text that is somewhere."""
    wanted = [text.encode() for text in texts]
    found = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for content in contents(path):
            for text in wanted:
                if text in content:
                    found.add((path.relative_to(folder).as_posix(), text.decode()))
    return sorted(found)


def contents(path: Path) -> Iterator[bytes]:
    """The file as it is, and what is packed in it."""
    yield path.read_bytes()
    if path.suffix == ".avro":
        with path.open("rb") as file:
            for record in fastavro.reader(file):
                yield repr(record).encode()
    elif path.suffix == ".sqlite3":
        with sqlite3.connect(path) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
                for row in database.execute(f"SELECT * FROM {table}"):
                    for value in row:
                        yield value if isinstance(value, bytes) else str(value).encode()
                        if isinstance(value, bytes):
                            state = pickle.loads(value)
                            yield state if isinstance(state, bytes) else repr(state).encode()
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as con:
            tables = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            for (table,) in tables:
                for row in con.execute(f'SELECT * FROM "{table}"').fetchall():
                    yield repr(row).encode()
