"""How well people are told apart, in figures: by class of event, and by case of the traffic.

In: the tables that `scripts.audit_tables` makes. Out: rows for a table, and the table itself.
What is undecidable is counted apart: precision and recall are of events that a perfect reader of
the whole log can decide. Nothing is hidden that way: `wrong` and `misled` are counted over all
events.
"""

from typing import Final, NamedTuple

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from scripts.audit_people import RETURN_WAITS_MS
from scripts.traffic.cases import CASES

WIDTH: Final = 100
COLUMNS: Final = (
    "events",
    "undecided",
    "precision",
    "recall",
    "wrong",
    "misled",
    "corrected",
    "purchases",
    "wrong",
)
CLASSES: Final = ("purchase", "profile", "service", "command", "cart", "browse")


class Figures(NamedTuple):
    """One row. `precision` and `recall` are None where there is nothing to divide by."""

    name: str
    events: int
    undecidable: int
    precision: float | None
    recall: float | None
    waiting: int
    """Decidable as a member's, but not yet at the end of the log."""
    wrong: int
    """Given to somebody who didn't do it, and whom the rule doesn't name either."""
    misled: int
    """Given to whom the rule names, who didn't do it."""
    corrected: int
    """Given to somebody for a while, and corrected by itself."""
    purchases: int
    wrong_purchases: int


QUERY: Final = f"""
    WITH corrected AS (
        SELECT DISTINCT source, event_id FROM answers WHERE n = 0 AND member_id IS NOT NULL
    ), judged AS (
        SELECT p.class, p."case", p.person, p.decidable, p.reads_as, o.person AS owner,
            p.decidable AND p.person IS NOT NULL AS findable,
            p.attributable_by + CASE p.type WHEN 'return' THEN {RETURN_WAITS_MS} ELSE 0 END
                <= (SELECT ends_at FROM clock) AS in_time,
            o.person IS NOT NULL AND o.person IS DISTINCT FROM p.person AS other,
            c.source IS NOT NULL AS corrected
        FROM person_of AS p LEFT JOIN owners AS o USING (source, event_id)
        LEFT JOIN corrected AS c USING (source, event_id)
    )
    SELECT {{by}}, count(*), count(*) FILTER (NOT decidable),
        count(*) FILTER (decidable AND owner = person)
            / nullif(count(*) FILTER (decidable AND owner IS NOT NULL), 0),
        count(*) FILTER (findable AND in_time AND owner = person)
            / nullif(count(*) FILTER (findable AND in_time), 0),
        count(*) FILTER (findable AND NOT in_time),
        count(*) FILTER (other AND owner IS DISTINCT FROM reads_as),
        count(*) FILTER (other AND owner = reads_as),
        count(*) FILTER (corrected),
        count(*) FILTER (class = 'purchase'),
        count(*) FILTER (class = 'purchase' AND other AND owner IS DISTINCT FROM reads_as)
    FROM judged GROUP BY ALL
"""


def by_class(connection: duckdb.DuckDBPyConnection) -> list[Figures]:
    """A row for each class of events, and one for all of them together."""
    return _ordered(connection, "class", CLASSES)


def by_case(connection: duckdb.DuckDBPyConnection) -> list[Figures]:
    """A row for each case of the traffic."""
    return _ordered(connection, '"case"', tuple(CASES))


def _ordered(
    connection: duckdb.DuckDBPyConnection, by: str, order: tuple[str, ...]
) -> list[Figures]:
    rows = [Figures(*row) for row in connection.execute(QUERY.format(by=by)).fetchall()]
    rows.sort(key=lambda row: order.index(row.name))
    together = connection.execute(QUERY.format(by="'all events'")).fetchall()
    return [*rows, *(Figures(*row) for row in together)]


def show(connection: duckdb.DuckDBPyConnection) -> None:
    """Print both tables."""
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print()
    console.print(table("People told apart, by class of event", by_class(connection)))
    console.print(table("People told apart, by case", by_case(connection)))
    console.print(NOTE, style="dim italic", highlight=False)


def table(title: str, rows: list[Figures]) -> Table:
    """For people: one line a class or case, the sum below a rule."""
    drawn = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    drawn.add_column("", no_wrap=True)
    for column in COLUMNS:
        drawn.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        if row is rows[-1]:
            drawn.add_section()
        drawn.add_row(
            row.name,
            f"{row.events:,}",
            f"{row.undecidable:,}",
            percent(row.precision),
            percent(row.recall),
            *(count(n) for n in (row.wrong, row.misled, row.corrected)),
            count(row.purchases),
            f"{row.wrong_purchases:,}" if row.purchases else "–",
        )
    return drawn


def percent(share: float | None) -> str:
    """Never 100 % of what isn't whole.

    >>> percent(1.0), percent(0.99999), percent(None)
    ('100.00%', '99.99%', '–')
    """
    if share is None:
        return "–"
    return "99.99%" if 0.9999 < share < 1 else f"{share:.2%}"


def count(number: int) -> str:
    """A number; nothing is a dash, which is quicker to read."""
    return f"{number:,}" if number else "–"


NOTE: Final = (
    "precision, recall: of events that a perfect reader of the whole log can decide, and once "
    "they can be\n"
    "undecided: it can't; wrong: given to somebody who didn't do it; misled: it carries nothing\n"
    "but somebody else's identifier; corrected: was somebody else's for a while, and taken back\n"
    "on the right: purchases, and how many of them are somebody else's"
)
