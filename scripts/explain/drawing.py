"""The pieces of which stories are drawn: headings, trees of links, tables, times.

In: links, cells. Out: text on a console. Tables show the first or the last rows; `--json` has all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from scripts.explain.links import Link, Way

SHOWN: Final = 12
"""Rows of a table, branches of a tree; `--json` has all."""
_NARROW: Final = frozenset(
    ["first known", *"from until posted known happened decided at points moved kind".split()]
)
_DIGITS: Final = re.compile(r"(v[0-9]+\.[0-9a-f]{8})[0-9a-f]{24}")


def when(at: datetime | None) -> str:
    """UTC, to the second."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def minute(at: datetime | None) -> str:
    """The same to the minute, for tables."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def short(identifier: str) -> str:
    """A pseudonym without most of its digits."""
    return _DIGITS.sub(r"\1…", identifier)


def heading(console: Console, title: str, said: str) -> None:
    """What a story is about, and a word on it."""
    console.print(Text.assemble((title, "bold"), "  ", (said, "dim")))


def drawn_up(way: Way) -> Tree:
    """A way up: each branch is an owner, since when and by which event."""
    return _branches(Tree(Text(short(way.identifier), style="bold")), way, "")


def drawn_down(way: Way) -> Tree:
    """All that ever stood below an identifier; what has ended is dim."""
    return _branches(Tree(Text(short(way.identifier), style="bold")), way, "below")


def _branches(tree: Tree, way: Way, direction: str) -> Tree:
    for one in way.ways[:SHOWN]:
        link = one.link
        assert link is not None
        ended = link.until_at is not None and direction == "below"
        since = f"since {when(link.from_at)}"
        if ended:
            since = f"{when(link.from_at)} to {when(link.until_at)}"
        label = Text.assemble(
            (short(one.identifier), "dim" if ended else "bold"),
            (f"  {since}, {link.reason} {link.event}", "dim"),
        )
        _branches(tree.add(label), one, direction)
    if len(way.ways) > SHOWN:
        tree.add(Text(f"… and {len(way.ways) - SHOWN:,} more", style="dim"))
    return tree


def until(link: Link) -> str:
    """Until when a link stood."""
    if link.superseded:
        return "never stood"
    return minute(link.until_at) or "still"


def pairs(console: Console, rows: Iterable[tuple[str, Any]]) -> None:
    """A line a name and value; what has no value is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, ""):
            grid.add_row(Text(name), Text(str(value)))
    console.print(grid)


def fields(values: Mapping[str, Any]) -> str:
    """Names and values in one line; empty ones are left out."""
    return ", ".join(f"{name} {value_of(value)}" for name, value in values.items() if value != "")


def value_of(value: Any) -> str:
    """A value as it is read: what isn't plain is JSON."""
    if isinstance(value, str | int | float) or value is None:
        return str(value)
    return msgspec.json.encode(value).decode()


def table(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    dim: Sequence[bool] = (),
    last: bool = False,
    more: bool = True,
) -> None:
    """At most `SHOWN` rows, the first or the last ones; nothing if there are none."""
    if not rows or (not title and not last):
        return
    drawn = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left")
    for name in columns:
        drawn.add_column(
            name,
            justify="right" if name in ("events", "entries", "points") else "left",
            no_wrap=name in _NARROW,
            overflow="fold",
        )
    numbered = list(enumerate(rows))
    for number, row in numbered[-SHOWN:] if last else numbered[:SHOWN]:
        drawn.add_row(*map(Text, row), style="dim" if dim and dim[number] else None)
    console.print(drawn)
    if more and len(rows) > SHOWN:
        where = "earlier" if last else "more"
        console.print(Text(f"  … and {len(rows) - SHOWN:,} {where}: --json", style="dim"))


def unread(console: Console, why: str) -> None:
    """Say why events couldn't be looked at; nothing, if they all could."""
    if why:
        console.print(Text(f"Events are missing: {why}.", style="yellow"))
