"""The report that ends a demo: what happened to people, points and messages, and how fast.

In: a finished warehouse, and the truth of the traffic where there is one. Out: tables on a
terminal, made for 100 columns. The queries themselves are in `scripts.report_queries`.
"""

from pathlib import Path
from textwrap import dedent
from typing import Any, Final, NamedTuple

import duckdb
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from scripts.report_queries import (
    ATTRIBUTION,
    CHURN,
    LIABILITY,
    POINTS,
    QUARANTINED,
    STITCHING,
    SUPPRESSED,
    TIERS,
    TRIGGERS,
    TRY_NEXT,
    Figure,
)

_PERCENTAGES: Final = ("share", "rate", "precision", "recall")
_MONEY: Final = ("value", "spent")


class Answer(NamedTuple):
    """What a query answered."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def report(
    warehouse: Path,
    truth: Path | None,
    console: Console,
    seconds: float | None,
    events: int | None,
) -> None:
    """Print the report of a finished run.

    `truth` is the directory of the traffic's truth (it holds `events.parquet`); `seconds` and
    `events` say how long the run took over how many events.
    """
    con = duckdb.connect(str(warehouse), read_only=True)
    try:
        console.print(_headline(con, warehouse, seconds, events))
        if truth is not None:
            con.execute(
                "CREATE TEMP TABLE truth AS FROM read_parquet(?)", [str(truth / "events.parquet")]
            )
            con.execute(
                "CREATE TEMP TABLE truth_accounts AS SELECT unnest(other_accounts) AS account, "
                "member_id AS person FROM read_parquet(?)",
                [str(truth / "people.parquet")],
            )
            console.print(_shown(con, STITCHING))
        console.print(_beside(_shown(con, ATTRIBUTION), _shown(con, TIERS, CHURN)))
        console.print(_beside(_shown(con, POINTS), _shown(con, LIABILITY)))
        console.print(_shown(con, TRIGGERS, SUPPRESSED, QUARANTINED))
        console.rule("[bold]Try next", align="left")
        console.print(_opening_line(warehouse), style="dim", soft_wrap=True, highlight=False)
        for figure in TRY_NEXT:
            console.print(_tried(con, figure))
    finally:
        con.close()


def ask(con: duckdb.DuckDBPyConnection, figure: Figure) -> Answer:
    """Run the query of a figure."""
    result = con.execute(figure.sql)
    return Answer([column[0] for column in result.description or ()], result.fetchall())


def _headline(
    con: duckdb.DuckDBPyConnection, warehouse: Path, seconds: float | None, events: int | None
) -> RenderableType:
    members, guests, attributed = con.execute(
        "SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM guests), "
        "(SELECT count(*) FROM current_owners WHERE member_id IS NOT NULL)"
    ).fetchone() or (0, 0, 0)
    lines = Text()
    if seconds is not None and events is not None:
        lines.append(f"{events:,} events in {seconds:,.1f} s", style="bold")
        lines.append(f"   {events / seconds:,.0f} events per second\n", style="bold")
    lines.append(f"{members:,} members   {guests:,} guests   {attributed:,} events with an owner\n")
    lines.append(str(warehouse), style="dim")
    return Panel(lines, title="絆 Kizuna", title_align="left", box=box.ROUNDED, expand=False)


def _opening_line(warehouse: Path) -> str:
    ask_first = f"duckdb.connect('{warehouse}').sql('FROM member_360').show()"
    return f'python -c "import duckdb; {ask_first}"\n'


def _shown(con: duckdb.DuckDBPyConnection, *figures: Figure) -> RenderableType:
    """Figures below each other, each under its title."""
    parts: list[RenderableType] = []
    for figure in figures:
        parts += [Text(figure.title, style="bold"), _table(ask(con, figure))]
        if figure.note:
            parts += [Text(f"  {figure.note}", style="dim italic"), Text()]
    return Group(*parts)


def _beside(left: RenderableType, right: RenderableType) -> RenderableType:
    grid = Table.grid(padding=(0, 4, 0, 0))
    grid.add_row(left, right)
    return grid


def _tried(con: duckdb.DuckDBPyConnection, figure: Figure) -> RenderableType:
    sql = Syntax(dedent(figure.sql).strip(), "sql", background_color="default", word_wrap=True)
    return Group(Text(figure.title, style="bold"), sql, _table(ask(con, figure)))


def _table(answer: Answer) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for position, name in enumerate(answer.columns):
        numeric = any(
            isinstance(row[position], int | float) for row in answer.rows if row[position]
        )
        table.add_column(
            name.replace("_", " "),
            justify="right" if numeric else "left",
            overflow="ellipsis",
            no_wrap=not numeric,  # a narrow column of numbers may break its name
        )
    for row in answer.rows:
        table.add_row(
            *(_cell(name, value) for name, value in zip(answer.columns, row, strict=True))
        )
    if not answer.rows:
        table.add_row("none")
    return table


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "–"
    if column.endswith(_PERCENTAGES):
        return "99.99%" if 0.9999 < value < 1 else f"{value:.2%}"
    if column in _MONEY:
        return f"{float(value) / 100:,.2f}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
