"""Both warehouses in one connection, read-only, and what they say about their runs.

In: two paths, of a file or of an output folder. Out: a DuckDB connection in which `a` and `b`
are attached, and a `Side` each. Refused is what isn't there, is no warehouse, has another
release's columns, is being written, or is the same file twice. While the connection lives, no
run can write either file.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from scripts.holders import holders
from scripts.reconcile.result import RunSeen, Side
from sinks.duckdb.quack import announced, sql_text
from sinks.duckdb.schema import TABLES

SIDES: Final = ("a", "b")
LIVE: Final = "kafka "
"""How `runs.input` begins for a live run."""
_CHUNK_BYTES: Final = 1 << 20
_ASKED: Final = {
    "config_hash": "configuration",
    "kizuna_version": "version of kizuna",
    "as_of": "as_of, the bound of clocks that run ahead",
}
"""What two runs must have in common to write the same."""


class NotComparable(RuntimeError):
    """The two can't be compared as asked; says why and what to do."""


def find(path: Path) -> Path:
    """A warehouse: the file itself, or the one in the folder of a run or of a demo."""
    if path.is_file():
        return path
    for folder in (path, path / "run"):
        if (folder / "warehouse.duckdb").is_file():
            return folder / "warehouse.duckdb"
    raise NotComparable(
        f"{path}: must be a warehouse.duckdb, or a folder that holds one as kizuna run and kizuna "
        f"rebuild leave it; got {'a folder without it' if path.is_dir() else 'nothing there'}"
    )


@contextmanager
def attached(a: Path, b: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that knows both files as `a` and `b`; what doesn't fit into memory goes to a
    temporary folder."""
    if a.samefile(b):
        raise NotComparable(
            f"{a}: must be compared with another warehouse; got the same file twice"
        )
    with tempfile.TemporaryDirectory(prefix="kizuna-reconcile-") as scratch:
        con = duckdb.connect(
            config={"temp_directory": scratch, "autoinstall_known_extensions": False}
        )
        try:
            for name, path in zip(SIDES, (a, b), strict=True):
                _attach(con, name, path)
                _refuse_other_layout(con, name, path)
            yield con
        finally:
            con.close()


def _attach(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    try:
        con.execute(f"ATTACH {sql_text(str(path))} AS {name} (READ_ONLY)")
    except duckdb.Error as error:
        if "lock" in str(error):
            raise NotComparable(_held(path)) from error
        first_line = str(error).splitlines()[0]
        raise NotComparable(
            f"{path}: must be a DuckDB file that can be read; {first_line}"
        ) from error


def _held(path: Path) -> str:
    who = ", ".join(str(one) for one in holders(path) if one.locks) or "another process"
    served = announced(path.parent / "journal") is not None
    ask = (
        f"kizuna sql --output {path.parent} asks it meanwhile; to compare, stop"
        if served
        else "stop"
    )
    return (
        f"{path}: must not be written while it is compared; process {who} holds it: {ask} that run "
        "(Ctrl-C or SIGTERM; the same command resumes it) or wait for its end"
    )


def _refuse_other_layout(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    found = {
        (table, column): sql_type
        for table, column, sql_type in con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = $name AND schema_name = 'main'",
            {"name": name},
        ).fetchall()
    }
    if not {table for table, _ in found} & {table.name for table in TABLES}:
        raise NotComparable(
            f"{path}: must be a warehouse of kizuna; got a database without its tables"
        )
    wrong = sorted(
        f"{table.name}.{column.name}"
        for table in TABLES
        for column in table.columns
        if found.get((table.name, column.name)) != column.sql_type
    )
    if wrong:
        raise NotComparable(
            f"{path}: must have this release's tables and columns; it lacks, or has of another "
            f"type, {', '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}. Another release wrote "
            "it: compare with that one, or fold its input again"
        )


def describe(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> Side:
    """What a side is: its file, the runs that wrote it, and how far its history goes."""
    runs = con.execute(
        "SELECT run_id, outcome, as_of, input, workers, events, config_hash, kizuna_version "
        f"FROM {name}.runs ORDER BY run_id"
    ).fetchall()
    ends = con.execute(
        f"SELECT greatest((SELECT max(known_at) FROM {name}.event_owners), "
        f"(SELECT max(posted_at) FROM {name}.ledger_entries))"
    ).fetchall()[0][0]
    fields = RunSeen.__struct_fields__
    log = path.with_name(path.name + ".wal")
    return Side(
        path=str(path),
        bytes=path.stat().st_size,
        sha256=_sha256(path),
        sha256_of_log=_sha256(log) if log.exists() else None,
        runs=[RunSeen(**dict(zip(fields, row, strict=True))) for row in runs],
        parameters=dict(
            con.execute(f"SELECT name, value FROM {name}.parameters ORDER BY name").fetchall()
        ),
        ends_at=ends,
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_live(side: Side) -> bool:
    """A run that read Kafka wrote it: its archive holds what decode accepted."""
    return any(run.input.startswith(LIVE) for run in side.runs)


def warnings(a: Side, b: Side) -> list[str]:
    """What the runs and parameters say that makes differences likely, or one side incomplete."""
    said = []
    for name, side in zip("AB", (a, b), strict=True):
        if not side.runs:
            said.append(f"{name} doesn't say which run wrote it")
        elif side.runs[-1].outcome not in ("done", "stopped"):
            outcome = side.runs[-1].outcome or "didn't end: it was killed"
            said.append(f"{name} may be incomplete: its last run {outcome}")
    if a.runs and b.runs:
        for field, what in _ASKED.items():
            if field == "as_of" and is_live(a) != is_live(b):
                continue  # live, clocks are bounded by the log's own
            ours, theirs = (str(getattr(side.runs[-1], field)) for side in (a, b))
            if ours != theirs:
                said.append(f"other {what}: {ours} in A, {theirs} in B")
    if is_live(a) != is_live(b):
        said.append(
            "one side is live: what decode refused or repaired there is in no archive, and is left "
            "out of the comparison"
        )
    for name in sorted(a.parameters.keys() | b.parameters.keys()):
        values = (a.parameters.get(name), b.parameters.get(name))
        if values[0] != values[1]:
            said.append(f"other parameter {name}: {values[0]} in A, {values[1]} in B")
    return said
