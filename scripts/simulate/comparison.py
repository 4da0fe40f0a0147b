"""Two warehouses become a third that says what differs.

In: the warehouse of the baseline, that of the alternative, what a point is worth, and the ladders
of tiers. Out: `comparison.duckdb`, whose tables and columns explain themselves. Neither warehouse
is changed.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa

from config.deployment import Deployment
from scripts.simulate.compared_table import ComparedTable
from scripts.simulate.identity_tables import DIFFERING_EVENTS, EVENT_DETAILS, IDENTITY_TABLES
from scripts.simulate.member_tables import MEMBER_TABLES
from scripts.simulate.message_tables import MESSAGE_TABLES
from scripts.simulate.metric_tables import METRIC_DIFFERENCES
from scripts.simulate.moved_events import Detail, Details
from scripts.simulate.point_tables import POINT_TABLES
from scripts.simulate.sides import SIDES
from sinks.duckdb.schema import ROW_TABLES

TABLES: Final[tuple[ComparedTable, ...]] = (
    *POINT_TABLES,
    *MEMBER_TABLES,
    *MESSAGE_TABLES,
    *IDENTITY_TABLES,
    METRIC_DIFFERENCES,
)


class Worth(NamedTuple):
    """What points cost, in minor units of currency, and what share of them nobody will use."""

    point_value: float
    alternative_point_value: float
    breakage: float


def compare(
    baseline: Path,
    alternative: Path,
    to: Path,
    *,
    worth: Worth,
    ladders: Mapping[str, Deployment],
    about: Mapping[str, str],
    details: Details | None = None,
) -> None:
    """Write the comparison to the new file `to`. `ladders`: the deployment of each side.
    `details`: what stood on events; None: nobody knows."""
    con = duckdb.connect(str(to))
    try:
        con.execute("SET preserve_insertion_order = true")
        attach(con, baseline, alternative)
        for name, value in worth._asdict().items():
            con.execute(f"SET VARIABLE {name} = {float(value)!r}::DOUBLE")
        _write_about(con, about)
        _write_tier_ranks(con, ladders)
        for statement in SIDES:
            con.execute(statement)
        _look_up(con, details)
        for table in TABLES:
            _create(con, table)
        _write_table_differences(con)
    finally:
        con.close()


def attach(con: duckdb.DuckDBPyConnection, baseline: Path, alternative: Path) -> None:
    """Put both warehouses beside the comparison, to be read only."""
    for side, path in (("baseline", baseline), ("alternative", alternative)):
        con.execute(f"ATTACH {_quoted(str(path))} AS {side} (READ_ONLY)")


def _look_up(con: duckdb.DuckDBPyConnection, details: Details | None) -> None:
    """Read what stood on the events whose owner differs."""
    con.execute(EVENT_DETAILS)
    if details is None:
        return
    wanted = {(source, event_id) for source, event_id in con.execute(DIFFERING_EVENTS).fetchall()}
    found = list(details(wanted))
    columns = {name: [getattr(one, name) for one in found] for name in Detail._fields}
    con.register("found", pa.table(columns))
    con.execute("INSERT INTO event_details FROM found")
    con.unregister("found")


def _create(con: duckdb.DuckDBPyConnection, table: ComparedTable) -> None:
    con.execute(f"CREATE TABLE {table.name} AS {table.sql}")
    _explain(con, table.name, table.comment, table.columns)


def _explain(
    con: duckdb.DuckDBPyConnection, name: str, comment: str, columns: Mapping[str, str]
) -> None:
    con.execute(f"COMMENT ON TABLE {name} IS {_quoted(comment)}")
    for column, said in columns.items():
        con.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_quoted(said)}')


def _write_about(con: duckdb.DuckDBPyConnection, about: Mapping[str, str]) -> None:
    con.execute("CREATE TABLE about (name VARCHAR, value VARCHAR)")
    con.executemany("INSERT INTO about VALUES (?, ?)", [list(one) for one in about.items()])
    _explain(
        con,
        "about",
        "What was simulated, and the statements that put the two warehouses beside this one.",
        {"name": "which fact", "value": "the fact"},
    )


def _write_tier_ranks(con: duckdb.DuckDBPyConnection, ladders: Mapping[str, Deployment]) -> None:
    con.execute("CREATE TABLE tier_ranks (side VARCHAR, market VARCHAR, tier VARCHAR, rank BIGINT)")
    rows = [list(row) for side, one in ladders.items() for row in _ranks(side, one)]
    if rows:
        con.executemany("INSERT INTO tier_ranks VALUES (?, ?, ?, ?)", rows)
    _explain(
        con,
        "tier_ranks",
        "The order of tiers, by the newest version of each programme that has them.",
        {
            "side": "baseline or alternative",
            "market": "country or brand",
            "tier": "which",
            "rank": "0 is the lowest",
        },
    )


def _ranks(side: str, deployment: Deployment) -> Iterable[tuple[str, str, str, int]]:
    for programme in deployment.programmes:
        order: dict[str, int] = {}
        for terms in programme.versions:
            levels = terms.tiers.levels if terms.tiers else ()
            order.update({level.tier: rank for rank, level in enumerate(levels)})
        for market in programme.markets:
            for tier, rank in order.items():
                yield side, market, tier, rank


def _write_table_differences(con: duckdb.DuckDBPyConnection) -> None:
    """Row by row, all columns but the bookkeeping: the widest net, for what no metric counts."""
    con.execute(
        "CREATE TABLE table_differences (table_name VARCHAR, rows_baseline BIGINT, "
        "rows_alternative BIGINT, only_baseline BIGINT, only_alternative BIGINT)"
    )
    for kind in ROW_TABLES.values():
        table = kind.table
        names = [f'"{one.name}"' for one in table.columns if not one.name.startswith("_")]
        row = f"hash(row({', '.join(names)}))"
        con.execute(
            f"""
            INSERT INTO table_differences
            SELECT '{table.name}', coalesce(sum(b), 0), coalesce(sum(a), 0),
                   coalesce(sum(greatest(b - a, 0)), 0), coalesce(sum(greatest(a - b, 0)), 0)
            FROM (
                SELECT h, count(*) FILTER (side = 'b') AS b, count(*) FILTER (side = 'a') AS a
                FROM (SELECT 'b' AS side, {row} AS h FROM baseline.{table.name}
                      UNION ALL SELECT 'a', {row} FROM alternative.{table.name})
                GROUP BY h
            )
            """
        )
    _explain(
        con,
        "table_differences",
        "How many rows of each table stand in only one of the two warehouses. A row that changed "
        "counts on both sides.",
        {
            "table_name": "of the warehouses",
            "rows_baseline": "rows by the current configuration",
            "rows_alternative": "rows by the other configuration",
            "only_baseline": "rows that the alternative doesn't have",
            "only_alternative": "rows that the baseline doesn't have",
        },
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
