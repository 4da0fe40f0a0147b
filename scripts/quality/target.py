"""What is asked: a warehouse, or events as an archive or as they were sent.

In: a path. Out: a DuckDB connection in which every table can be named, with the configuration's
beside them and `clock`: where the data's time ends, and the moment asked about if one was given.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from config.deployment import Deployment
from pipelines.sources.journal import InputFile, find_inputs
from scripts.quality.configured import make_tables
from scripts.quality.contract import payload_tables
from scripts.quality.read_events import read_events
from scripts.quality.suites import Subject
from sinks.duckdb.schema import TABLES

WAREHOUSE: Final = "warehouse.duckdb"


class NothingToValidate(ValueError):
    """The path is neither; the message says what it must be."""


class Target:
    """`subject`: what its suites are about; `files`: the events', none of a warehouse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[InputFile] = []
        self.subject: Subject = "warehouse"
        for found in (path, path / WAREHOUSE, path / "run" / WAREHOUSE):
            if found.is_file() and found.suffix == ".duckdb":
                self.path = found
                return
        self.subject = "archive"
        self.files = find_inputs([path]) if path.exists() else []
        if not self.files:
            raise NothingToValidate(
                f"{path}: must be a warehouse (warehouse.duckdb, or the folder of a run) or events "
                "(.avro and .jsonl files, or a folder of them)"
            )

    @contextmanager
    def opened(
        self, deployment: Deployment, as_of: int | None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """The tables, for as long as they are asked."""
        connection = duckdb.connect()
        try:
            make_tables(connection, deployment)
            if self.subject == "warehouse":
                self._attach(connection)
                ends_at = (
                    "SELECT max(known_at) FROM (SELECT max(known_at) AS known_at FROM event_owners "
                    "UNION ALL SELECT max(known_at) FROM quarantine)"
                )
            else:
                read_events(connection, self.files)
                payload_tables(connection)
                # What was sent with a clock in the future is refused when it is decoded.
                ends_at = (
                    "SELECT make_timestamp_ms(max(known_at)) FROM events "
                    f"WHERE known_at <= {round(time.time() * 1000)}"
                )
            connection.execute(
                f"CREATE TEMP TABLE clock AS SELECT ({ends_at}) AS ends_at, "
                "make_timestamp_ms(?::BIGINT) AS as_of",
                [as_of],
            )
            yield connection
        finally:
            connection.close()

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.execute(f"ATTACH '{self.path}' AS warehouse (READ_ONLY)")
        except duckdb.IOException as error:
            said = "is being written; stop its run first" if "lock" in str(error) else str(error)
            raise NothingToValidate(f"{self.path}: {said}") from error
        found = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'warehouse'"
        ).fetchall()
        for (table,) in found:
            connection.execute(f'CREATE TEMP VIEW "{table}" AS FROM warehouse."{table}"')
        for table in TABLES:  # an earlier release's warehouse lacks the younger ones
            if (table.name,) not in found:
                columns = ", ".join(f'"{one.name}" {one.sql_type}' for one in table.columns)
                connection.execute(f"CREATE TEMP TABLE {table.name} ({columns})")
