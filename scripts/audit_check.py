"""A promise of a run as two questions in SQL, and what comes of asking them."""

from typing import Any, Final, NamedTuple

import duckdb

SHOWN_MAX: Final = 5
"""Rows that are shown of what is wrong."""


class Check(NamedTuple):
    """`looked_at`: SQL of one number; `wrong`: SQL of rows, empty if the promise holds."""

    name: str
    promise: str
    looked_at: str
    wrong: str


class Finding(NamedTuple):
    """`wrong`: the first rows that break the promise, by column; `count`: how many there are."""

    check: Check
    looked_at: int
    count: int
    wrong: list[dict[str, Any]]


def ask(connection: duckdb.DuckDBPyConnection, check: Check) -> Finding:
    """Ask both questions of a check."""
    ((looked_at,),) = connection.execute(check.looked_at).fetchall()
    connection.execute(f"CREATE OR REPLACE TABLE wrong AS {check.wrong}")
    ((count,),) = connection.execute("SELECT count(*) FROM wrong").fetchall()
    first = connection.execute(f"FROM wrong LIMIT {SHOWN_MAX}")
    columns = [column[0] for column in first.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in first.fetchall()]
    return Finding(check, looked_at, count, rows)
