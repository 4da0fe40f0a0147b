"""The rows that only one side has, table by table.

In: a connection with `a` and `b`. Out: a temporary table `diff_<table>` each, with every row that
one side has more often than the other: its columns, `in_a`, and `differs`, the columns in which
it differs from the row of the other side with the same key (null: there is none). Tables are
multisets: the same row twice against once is a difference.

DuckDB groups both sides' rows by all their values, so nothing depends on their order. A large
table is taken in parts, by a hash of the key, so that memory doesn't grow with it.
"""

from typing import Final

import duckdb

from scripts.reconcile.attach import SIDES
from scripts.reconcile.compared import Compared
from scripts.reconcile.result import TableDifference

ROWS_A_PART: Final = 1_000_000
"""Rows of both sides that are grouped at once."""


def compare_table(con: duckdb.DuckDBPyConnection, one: Compared) -> TableDifference:
    """Make `diff_<table>` and count what is in it."""
    rows = [
        con.execute(f"SELECT count(*) FROM {side}.{one.name} WHERE {one.where}").fetchall()[0][0]
        for side in SIDES
    ]
    parts = 1 + sum(rows) // ROWS_A_PART
    con.execute(f"CREATE TEMP TABLE diff_{one.name} AS {_diff_sql(one, 0, parts)}")
    for part in range(1, parts):
        con.execute(f"INSERT INTO diff_{one.name} {_diff_sql(one, part, parts)}")
    only_a, only_b, changed = con.execute(
        f"""
        SELECT count(*) FILTER (differs IS NULL AND in_a),
            count(*) FILTER (differs IS NULL AND NOT in_a),
            count(*) FILTER (differs IS NOT NULL AND in_a)
        FROM diff_{one.name}
        """
    ).fetchall()[0]
    columns = con.execute(
        f"""
        SELECT name, count(*) FROM (SELECT unnest(differs) AS name FROM diff_{one.name} WHERE in_a)
        GROUP BY name ORDER BY count(*) DESC, name
        """
    ).fetchall()
    return TableDifference(
        table=one.name,
        rows_a=rows[0],
        rows_b=rows[1],
        only_a=only_a,
        only_b=only_b,
        changed=changed,
        columns=dict(columns),
    )


def _diff_sql(one: Compared, part: int, parts: int) -> str:
    """The differing rows whose key falls into a part; rows of one key are all in one."""
    columns = _quoted(one.columns)
    key = _quoted(one.key)
    others = _quoted(tuple(name for name in one.columns if name not in one.key)) or key
    same_key = " AND ".join(f'x."{name}" IS NOT DISTINCT FROM y."{name}"' for name in one.key)
    differing = ", ".join(
        f'CASE WHEN x."{name}" IS DISTINCT FROM y."{name}" THEN \'{name}\' END'
        for name in one.columns
        if name not in one.key
    )
    in_part = f"WHERE {one.where}"
    if parts > 1:
        in_part += f" AND hash({key}) % {parts} = {part}"
    differs = f"list_filter([{differing}], lambda name: name IS NOT NULL)" if differing else "[]"
    return f"""
        WITH unequal AS (
            SELECT {columns}, sum(side)::BIGINT AS times FROM (
                SELECT {columns}, 1 AS side FROM a.{one.name} {in_part}
                UNION ALL
                SELECT {columns}, -1 AS side FROM b.{one.name} {in_part})
            GROUP BY {columns} HAVING sum(side) <> 0
        ), single AS (
            SELECT times > 0 AS in_a, unnest(range(abs(times))) AS again, {columns} FROM unequal
        ), numbered AS (
            SELECT *, row_number() OVER (
                PARTITION BY in_a, {key} ORDER BY {others}, again) AS nth
            FROM single
        )
        SELECT x.* EXCLUDE (again, nth), x.nth,
            CASE WHEN y.nth IS NOT NULL THEN {differs} END AS differs
        FROM numbered AS x
        LEFT JOIN numbered AS y ON y.in_a = (NOT x.in_a) AND y.nth = x.nth AND {same_key}
    """


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
