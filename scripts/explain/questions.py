"""Questions to a warehouse, live or at rest, with their values safely in them.

In: the folder of a run, SQL with `$names`, values. Out: rows as dicts. Nothing can be changed, see
`scripts.sql`.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from scripts.sql import ask
from sinks.duckdb.quack import sql_text

_NAME: Final = re.compile(r"\$([a-z_]+)")


class Unknown(LookupError):
    """What was asked for isn't in the warehouse; says what was looked for, and where."""


class Questions:
    """A warehouse that can be asked again and again."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        self._seconds = seconds

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of a query, by the names of their columns; times are in UTC."""
        statement = _NAME.sub(lambda found: literal(values[found[1]]), sql)
        answer = ask(self.folder, statement, limit=None, seconds=self._seconds)
        return [
            {name: _utc(cell) for name, cell in zip(answer.columns, row, strict=True)}
            for row in answer.rows
        ]

    def row(self, sql: str, **values: Any) -> dict[str, Any] | None:
        """The first row of a query."""
        rows = self.rows(sql, **values)
        return rows[0] if rows else None

    def end(self) -> datetime:
        """The last instant at which something became known."""
        found = self.row("SELECT max(known_at) AS at FROM event_owners")
        if found is None or found["at"] is None:
            raise Unknown(f"{self.folder}: no event has an answer yet")
        at: datetime = found["at"]
        return at


def literal(value: Any) -> str:
    """A value as SQL: text, whole number, time, None, or a list of them as the inside of IN ().

    >>> literal("o'hara"), literal(["a", "b"]), literal([("a", "b")])
    ("'o''hara'", "('a', 'b')", "(('a', 'b'))")
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return str(sql_text(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMP {sql_text(value.astimezone(timezone.utc).strftime('%F %T.%f'))}"
    if isinstance(value, tuple | list):
        return "(" + _listed(value) + ")"
    raise TypeError(f"no literal for {type(value).__name__}")


def names(references: Iterable[str]) -> list[tuple[str, str]]:
    """(source, event_id) of references such as "pos/t-1"."""
    return [(one.partition("/")[0], one.partition("/")[2]) for one in references]


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(literal, values)) if values else "NULL"


def _utc(cell: Any) -> Any:
    if isinstance(cell, datetime) and cell.tzinfo is None:
        return cell.replace(tzinfo=timezone.utc)
    return cell
