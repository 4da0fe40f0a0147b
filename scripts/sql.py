"""`kizuna sql`: one question to a warehouse, whether it is being written or not.

What comes in: the folder of a run and a statement. What goes out: the answer's columns and
rows. While a run writes, its own process answers (DuckDB's Quack protocol); else the file is
opened, read-only. Either way a statement can only read, nothing but the warehouse, and for
a limited time.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb

from sinks.duckdb.quack import Address, NoQuack, announced, load_quack, sql_text

CATALOGUE: Final = """
    SELECT name, kind, comment FROM (
        SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables()
        WHERE schema_name = 'main' AND NOT internal AND database_name = current_database()
        UNION ALL
        SELECT view_name, 'view', comment FROM duckdb_views()
        WHERE schema_name = 'main' AND NOT internal AND database_name = current_database()
    )
    WHERE name NOT LIKE '\\_%' ESCAPE '\\'
    ORDER BY kind DESC, name
"""
"""What there is to ask: views, then tables."""

_READING: Final = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_STOPS_WITHIN_SECONDS: Final = 5.0
_T = TypeVar("_T")


class CantAsk(RuntimeError):
    """The statement or the folder isn't one that can be asked; says what to do."""


class NoAnswer(RuntimeError):
    """The warehouse couldn't answer now; says why."""


class TookTooLong(NoAnswer):
    """The time is over. A query over the wire doesn't heed an interrupt, so its thread may still
    wait: leave the process by `os._exit`."""


@dataclass(frozen=True)
class Answer:
    """Rows of an answer. `more`: there are others beyond the limit. `note`: what went another
    way than expected."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool
    live: bool
    note: str = ""


def find_warehouse(folder: Path) -> Path:
    """The warehouse in the folder of a run, or of a demo, which has its run in `run`."""
    for output in (folder, folder / "run"):
        if (output / "warehouse.duckdb").is_file():
            return output / "warehouse.duckdb"
    raise CantAsk(
        f"--output: must be a folder that holds warehouse.duckdb, as kizuna run leaves it; "
        f"got {folder}"
    )


def ask(folder: Path, statement: str, *, limit: int | None, seconds: float) -> Answer:
    """Answer a statement; raises `CantAsk` or `NoAnswer`. `limit`: of rows; None: all."""
    warehouse = find_warehouse(folder)
    _refuse_unless_reading(statement)
    address = announced(warehouse.parent / "journal")
    note = ""
    if address is not None:
        con, note = _reach(address, seconds)
        if con is not None:
            asked = f"FROM quack_query({sql_text(address.uri)}, {sql_text(statement)}, "
            return _answer(
                con, asked + f"token := {sql_text(address.token)})", limit, seconds, True
            )
    return _answer(_open(warehouse, note), statement, limit, seconds, False, note)


def _refuse_unless_reading(statement: str) -> None:
    try:
        statements = duckdb.extract_statements(statement)
    except duckdb.Error as error:
        raise CantAsk(_first_lines(error)) from error
    if len(statements) != 1 or statements[0].type not in _READING:
        raise CantAsk(
            "must be one statement that reads (SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, "
            f"SUMMARIZE or EXPLAIN); got {' '.join(statement.split())[:80]!r}. Whoever wants to "
            "change figures or combine them with others: copy the rows out with --csv"
        )


def _reach(address: Address, seconds: float) -> tuple[duckdb.DuckDBPyConnection | None, str]:
    """A connection that reaches the writer, or why there is none."""
    con = duckdb.connect(config={"python_enable_replacements": False})
    hello = f"FROM quack_query({sql_text(address.uri)}, 'SELECT 1', "
    hello += f"token := {sql_text(address.token)})"
    try:
        load_quack(con)
        _within(seconds, con, lambda: con.execute(hello).fetchall(), True)
    except NoQuack as why:
        con.close()
        return None, f"process {address.process} serves it at {address.uri}, but {why}"
    except duckdb.Error:
        con.close()
        return None, (
            f"process {address.process}, which served it at {address.uri}, answers no more: "
            "it was killed, or is ending"
        )
    return con, ""


def _open(warehouse: Path, note: str) -> duckdb.DuckDBPyConnection:
    """The file itself, for reading, with everything else on this machine out of reach."""
    try:
        return duckdb.connect(
            str(warehouse),
            read_only=True,
            config={
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "enable_external_access": False,
                "lock_configuration": True,
            },
        )
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise NoAnswer(f"{warehouse}: {_first_lines(error)}") from error
        why = note or (
            "the run that writes it doesn't serve it: it has not written yet, reads files, or "
            "lacks the extra live (see its log)"
        )
        raise NoAnswer(
            f"{warehouse} is being written, and {why}. Try again, or stop the run"
        ) from (error)


def _answer(
    con: duckdb.DuckDBPyConnection,
    statement: str,
    limit: int | None,
    seconds: float,
    live: bool,
    note: str = "",
) -> Answer:
    def fetch() -> Answer:
        con.execute(statement)
        described = con.description or []
        rows = con.fetchall() if limit is None else con.fetchmany(limit + 1)
        return Answer(
            columns=tuple(str(one[0]) for one in described),
            types=tuple(str(one[1]) for one in described),
            rows=rows if limit is None else rows[:limit],
            more=limit is not None and len(rows) > limit,
            live=live,
            note=note,
        )

    try:
        return _within(seconds, con, fetch, live)
    except duckdb.Error as error:
        raise _explained(error, live) from error


def _within(
    seconds: float, con: duckdb.DuckDBPyConnection, work: Callable[[], _T], live: bool
) -> _T:
    """Do something for at most so long."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="kizuna-sql", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        con.interrupt()
        thread.join(0.0 if live else _STOPS_WITHIN_SECONDS)
        goes_on = "; the process that writes goes on with it until it is done" if live else ""
        raise TookTooLong(f"no answer within {seconds:g} s{goes_on}. Ask for less, or --seconds")
    if failed:
        raise failed[0]
    return done[0]


def _explained(error: duckdb.Error, live: bool) -> RuntimeError:
    text = str(error)
    if "Authorization failed" in text:
        return CantAsk(
            "the process that writes refuses it: readers may call no function that changes, "
            "reads files or runs a text, and PIVOT only after the run (what they may: "
            "sinks/duckdb/serve.py, READABLE)"
        )
    if "pytz" in text:
        return CantAsk("a time with a time zone can't be shown: cast it, as in now()::TIMESTAMP")
    if live and isinstance(error, duckdb.IOException):
        return NoAnswer("the process that writes went away while it answered: ask again")
    return CantAsk(_first_lines(error))


def _first_lines(error: duckdb.Error) -> str:
    """DuckDB's message, without the statement that only we wrote around the asked one."""
    return str(error).split("\nLINE 1: FROM quack_query(", maxsplit=1)[0].strip()
