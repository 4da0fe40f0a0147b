"""Rows of an answer, and how an amount is said."""

from typing import Any, NamedTuple

import duckdb


class Money(NamedTuple):
    """How to say an amount: minor units in a unit, and the currency if there is but one."""

    minor_units: int
    currency: str

    def said(self, amount: float) -> str:
        places = len(str(self.minor_units)) - 1
        return f"{amount / self.minor_units:,.{places}f} {self.currency}".rstrip()


def rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    """What a query answers, a mapping a row."""
    found = con.execute(sql, list(values))
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
