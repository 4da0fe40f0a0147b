"""`docs/warehouse.md`, written from the schema: `python -m sinks.duckdb.reference`.

In: the tables and views that `create` makes. Out: the page, complete and in their order; a
test holds that the committed page is the current one.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sinks.duckdb.schema import TABLES, Column, Table
from sinks.duckdb.views import VIEWS

PAGE: Final = Path(__file__).parents[2] / "docs" / "warehouse.md"
_INTRODUCTION: Final = """\
# The warehouse

`kizuna run --output OUT` leaves one DuckDB file, `OUT/warehouse.duckdb`. While a run writes it,
no other process can open it; afterwards it opens as usual:

```
python -c "import duckdb; duckdb.connect('OUT/warehouse.duckdb').sql('FROM member_360').show()"
```

* Times are `TIMESTAMP` in UTC. Money is in minor units (cents), points are whole numbers.
* Columns and tables whose name starts with `_` are bookkeeping and may differ between two runs
  over the same input. Everything else but the table `runs` is a function of the input, the
  config and `--as-of`: `kizuna reconcile OUT OTHER` compares ([reconcile.md](reconcile.md)).
* A table with a key holds the newest state of each key. The others are only ever added to, so
  they are the history: nothing in them is edited.
* This page is generated from the comments in the file itself: `duckdb_tables()`,
  `duckdb_views()` and `duckdb_columns()` hold them too.
"""


def reference() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, "## Views\n"]
    parts += [
        f"### {view.name}\n\n{view.comment}\n\n" + _rows("column", view.columns.items())
        for view in VIEWS
    ]
    parts.append("## Tables\n")
    parts += [_table(table) for table in TABLES]
    return "\n".join(parts)


def _table(table: Table) -> str:
    key = f"Key: `{', '.join(table.keys)}`.\n\n" if table.keys else ""
    lines = ["| column | type | what it is |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {_type(c)} | {_escaped(c.comment)} |" for c in table.columns]
    return f"### {table.name}\n\n{table.comment}\n\n{key}" + "\n".join(lines) + "\n"


def _type(column: Column) -> str:
    return column.sql_type + (", or null" if column.nullable else "")


def _rows(head: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {head} | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {_escaped(comment)} |" for name, comment in rows]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"wrote {PAGE}")
