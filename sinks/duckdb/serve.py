"""Reading while it is written: the process that holds the warehouse serves it to others.

No second process can open a DuckDB file that is being written. So the one that writes it
answers queries by DuckDB's Quack protocol, on loopback, to whoever has the token. A reader
sees what was committed when its query began, and never a part of a transaction.

What a reader may do is decided before each statement, by `may_read` below: it passes what
DuckDB's own parser reads as nothing but SELECT, and calls no function that changes
anything. Besides, the whole process can no longer open other files, load extensions or
change its configuration. That keeps readers from mistakes; it is no wall between users who
don't trust each other. A query runs in the writer's process, shares its processor and its
memory, and can't be stopped before it is done: Quack 1.5.5 has no way to.
"""

import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from sinks.duckdb.quack import Address, NoQuack, announce, load_quack, sql_text, withdraw

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 9494
"""Quack's own."""

READABLE: Final = frozenset(
    """range generate_series unnest repeat json_each json_tree histogram histogram_values summary
    duckdb_columns duckdb_constraints duckdb_databases duckdb_functions duckdb_keywords
    duckdb_memory duckdb_schemas duckdb_settings duckdb_tables duckdb_types duckdb_views
    pragma_database_size pragma_show pragma_table_info pragma_version pg_timezone_names""".split()
)
"""Table functions for readers. All others are refused: among them are those that stop the
server, start another, run statements given as text, or read memory at an address."""
REFUSED_SCALARS: Final = frozenset(("nextval", "write_log", "sleep_ms"))
_FUNCTIONS: Final = '"function_name":"((?:[^"\\\\]|\\\\.)*)"'
"""Names in a serialised statement. A quote inside of a text is escaped there, so no constant
can pass for a name."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serve:
    """Serve on a port of loopback (0: any free one) and leave the address in `journal`."""

    journal: Path
    port: int = PORT


class PortTaken(RuntimeError):
    """Somebody listens there already."""


class Server:
    """A warehouse that is served; `stop` before its connection is closed."""

    def __init__(self, con: duckdb.DuckDBPyConnection, address: Address, journal: Path) -> None:
        self._con = con
        self._journal = journal
        self.address = address

    def stop(self) -> None:
        """Take no more queries; those that run are answered or cut off."""
        withdraw(self._journal)
        self._con.execute(f"CALL quack_stop({sql_text(self.address.uri)})")


def serve(con: duckdb.DuckDBPyConnection, how: Serve) -> Server:
    """Serve the database of a connection; raises `NoQuack` or `PortTaken`.

    From here on the database's configuration is locked: set what the writer needs before.
    """
    load_quack(con)
    port = _free_port(how.port)
    _restrict_readers(con)
    address = announce(how.journal, f"quack:{LOOPBACK}:{port}")
    try:
        con.execute(
            f"CALL quack_serve({sql_text(address.uri)}, token := {sql_text(address.token)})"
        )
    except BaseException:
        withdraw(how.journal)
        raise
    return Server(con, address, how.journal)


def serve_if_possible(con: duckdb.DuckDBPyConnection, how: Serve) -> Server | None:
    """Serve, or say once why not: a run doesn't depend on its readers."""
    withdraw(how.journal)
    try:
        return serve(con, how)
    except (NoQuack, PortTaken) as why:
        _log.warning("The warehouse can't be read while this runs: %s", why)
        return None


def _free_port(port: int) -> int:
    """The port if nobody has it. Quack itself would share it, and each of two servers would
    get some of the other's readers."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as taken:
            raise PortTaken(
                f"port {port} of {LOOPBACK} is taken ({taken.strerror}); give another one"
            ) from taken
        return int(probe.getsockname()[1])


def _restrict_readers(con: duckdb.DuckDBPyConnection) -> None:
    """Readers read, and nobody can lift that any more, not even the writer."""
    known = {
        str(name)
        for (name,) in con.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
            "WHERE function_type IN ('table', 'pragma', 'table_macro')"
        ).fetchall()
    }
    refused = ", ".join(sql_text(name) for name in sorted((known - READABLE) | REFUSED_SCALARS))
    # In a database of its own in memory: it isn't left in the file, and every connection sees it.
    con.execute("ATTACH ':memory:' AS readers")
    con.execute(
        f"""
        CREATE MACRO readers.main.may_read(session, statement) AS (
            SELECT coalesce(
                plan->>'$.error' = 'false'
                AND NOT list_has_any(
                    list_transform(
                        regexp_extract_all(plan::VARCHAR, {sql_text(_FUNCTIONS)}, 1),
                        lambda name: lower(name)
                    ),
                    [{refused}]
                ),
                false
            )
            FROM (SELECT json_serialize_sql(regexp_replace(
                statement::VARCHAR, '^\\s*explain\\s+(analyze\\s+)?', '', 'i'
            )) AS plan)
        )
        """
    )
    for name, value in (
        ("quack_authorization_function", "'readers.main.may_read'"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("python_enable_replacements", "false"),
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        con.execute(f"SET GLOBAL {name} = {value}")
