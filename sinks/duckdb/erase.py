"""A warehouse without those who are erased: a new file with what is left, in the old one's place.

In: a warehouse that nobody has open, and names. Out: the same tables, views, comments, runs and
position; rows of the erased are gone, rows of others that name them have orphans instead, and the
ledger's totals stand under orphans. A new file and no DELETE: DuckDB keeps freed pages as they
were. Done again it changes nothing; a crash leaves the old file or the new one.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa

from schemas.erasure import Erased, is_orphan
from sinks.duckdb.create import create_warehouse, open_warehouse
from sinks.duckdb.erased_totals import write_totals
from sinks.duckdb.schema import TABLES, Table
from sinks.position import sync_directory

ASIDE: Final = ".erasing"
WHOLE: Final = frozenset(("owner", "identifier", "handle"))
"""Columns that hold a name and nothing else."""
PERSON: Final = ("member_id", "guest_id", "loser", "survivor")
"""Columns that say whose a row is."""
NOTICES: Final = "identity_notices"
COMMANDS: Final = "loop_commands"

NewRaw = Callable[[str, bytes], "tuple[bytes, str] | None"]
"""Given reason and sealed bytes of a refused record: what of it stays, with its hash; None:
nothing."""


def erase_in_warehouse(
    path: Path,
    people: Mapping[str, str],
    orphans: Mapping[str, str],
    texts: Sequence[str],
    without: Callable[[str], str],
    erased: Sequence[Erased],
    new_raw: NewRaw,
) -> None:
    """`people`: ids of members and guests, `orphans`: namespace:value of identifiers, each with
    what stands for it; `texts`: what is looked for, `without`: a text with orphans instead."""
    aside = path.with_name(path.name + ASIDE)
    for left in (aside, aside.with_name(aside.name + ".wal")):
        left.unlink(missing_ok=True)
    open_warehouse(path).close()  # what is in its log becomes part of the file
    create_warehouse(aside)
    con = open_warehouse(aside)
    try:
        con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS old (READ_ONLY)")
        for name, pairs in (("people", people), ("orphans", orphans), ("texts", {})):
            con.register("given", _pairs(pairs))
            con.execute(f"CREATE TEMP TABLE {name} AS FROM given")
            con.unregister("given")
        con.begin()
        pattern = _any_of(texts)
        for table in TABLES:
            con.execute(f"DELETE FROM {table.name}")
            if _is_there(con, table):
                rename = _find_texts(con, table, pattern, without)
                con.execute(_copy_sql(table, rename))
        _commands(con, people, orphans)
        _quarantine(con, new_raw)
        write_totals(con, erased)
        con.commit()
        con.execute("DETACH old")
        con.execute("CHECKPOINT")
    finally:
        con.close()
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path)
    sync_directory(path.parent)


def _copy_sql(table: Table, rename: Sequence[str]) -> str:
    """Everything of a table that stays; in the columns `rename` with other texts."""
    names = {column.name for column in table.columns}
    where = [
        f"(t.{name} IS NULL OR t.{name} NOT IN (SELECT was FROM people))"
        for name in PERSON
        if name in names
    ]
    if {"namespace", "value"} <= names:
        where.append("t.namespace || ':' || t.value NOT IN (SELECT was FROM orphans)")
    if table.name == NOTICES:
        where.append("t.identifier NOT IN (SELECT was FROM orphans)")
    columns = []
    for column in table.columns:
        name = f't."{column.name}"'
        if column.name in WHOLE:
            name = f"coalesce((SELECT o.becomes FROM orphans AS o WHERE o.was = {name}), {name})"
        elif column.name in rename:
            name = f"coalesce((SELECT r.becomes FROM texts AS r WHERE r.was = {name}), {name})"
        columns.append(f'{name} AS "{column.name}"')
    return (
        f"INSERT INTO {table.name} BY NAME SELECT {', '.join(columns)} "
        f"FROM old.main.{table.name} AS t WHERE {' AND '.join(where) or 'true'}"
    )


def _find_texts(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    pattern: str,
    without: Callable[[str], str],
) -> list[str]:
    """Texts of a table that name somebody go into `texts`; the columns in which there are any."""
    found: list[str] = []
    for column in table.columns:
        if column.sql_type not in ("VARCHAR", "JSON") or column.name in {*WHOLE, *PERSON}:
            continue
        name = f'"{column.name}"'
        texts = con.execute(
            f"SELECT DISTINCT {name} FROM old.main.{table.name} "
            f"WHERE regexp_matches({name}, {pattern})"
        ).fetchall()
        changed = {text: new for (text,) in texts if (new := without(text)) != text}
        if changed:
            found.append(column.name)
            con.register("more", _pairs(changed))
            con.execute("INSERT INTO texts FROM more ANTI JOIN texts USING (was)")
            con.unregister("more")
    return found


def _commands(
    con: duckdb.DuckDBPyConnection, people: Mapping[str, str], orphans: Mapping[str, str]
) -> None:
    """Commands that were given about the erased go; what they were given to do was done."""
    rows = con.execute(f"SELECT rowid, about, payload FROM {COMMANDS}").fetchall()
    for row, about, payload in rows:
        named = msgspec.json.decode(about, type=dict[str, Any])
        said = msgspec.json.decode(payload, type=dict[str, Any])
        if (
            any(f"{namespace}:{value}" in orphans for namespace, value in named.items())
            or said.get("owner") in orphans
            or said.get("loser") in people
            or any(is_orphan(str(one)) for one in (*named.values(), said.get("owner", "")))
        ):
            con.execute(f"DELETE FROM {COMMANDS} WHERE rowid = ?", [row])


def _quarantine(con: duckdb.DuckDBPyConnection, new_raw: NewRaw) -> None:
    """Refused records of the erased go; they are sealed, so each is opened and looked at."""
    for row, reason, raw in con.execute("SELECT rowid, reason, _raw FROM quarantine").fetchall():
        kept = new_raw(reason, bytes(raw))
        if kept is None:
            con.execute("DELETE FROM quarantine WHERE rowid = ?", [row])
        elif kept[0] != bytes(raw):
            con.execute(
                "UPDATE quarantine SET _raw = ?, content_hash = ? WHERE rowid = ?", [*kept, row]
            )


def _pairs(pairs: Mapping[str, str]) -> pa.Table:
    return pa.table(
        {
            "was": pa.array(list(pairs), pa.string()),
            "becomes": pa.array(list(pairs.values()), pa.string()),
        }
    )


def _any_of(texts: Sequence[str]) -> str:
    """A SQL literal: the pattern of any of these texts, wherever they stand."""
    if not texts:
        return "'^\\b$'"
    return "'" + "|".join(map(re.escape, texts)).replace("'", "''") + "'"


def _is_there(con: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """An earlier release hadn't all tables."""
    row = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'old' AND table_name = ?",
        [table.name],
    ).fetchone()
    return bool(row and row[0])
