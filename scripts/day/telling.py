"""One member's day on a terminal of 100 columns: a table a step, then two answers.

In: the steps, the surfaces, the finished warehouse. Out: what is printed; nothing is computed
here but what a table needs.
"""

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Final

import duckdb
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scripts.day import explain
from scripts.day.explain import in_words, rows
from scripts.day.story import MEMBER_ID, ZONE, Step
from scripts.day.surfaces import COMPARED, Surfaces, Told

NAMES: Final = {
    "app": "app",
    "web": "web",
    "pos": "till flag",
    "service": "support",
    "wallet": "wallet",
    "receipt": "receipt",
    "push": "push",
    "email": "email",
    "sms": "SMS",
}
"""Channels as people call them, in the order of the table's columns."""
FOUND: Final = {
    "member_id": "carries her member id",
    "link": "its {rung} is hers",
    "receipt": "its receipt is hers",
    "released": "from before: the {rung} is hers now, so they are too",
}
"""How events found their owner; `{rung}`: the class of identifiers that answered."""


def tell_step(
    console: Console,
    con: duckdb.DuckDBPyConnection,
    step: Step,
    before: int,
    surfaces: Surfaces,
    agreeing: list[str],
) -> None:
    """What she did since `before`, whose that became, and what each surface shows now."""
    console.rule(f"[bold]{_at(step.at):%a %d %b %H:%M}  {step.title}", align="left", style="dim")
    console.print(Text(step.sent, style="italic dim"))
    since = {"member": MEMBER_ID, "after": before, "until": step.until}
    _print_lines(console, _owners(con, since))
    _print_lines(console, _messages(con, since))
    _print_lines(console, _shown(surfaces.since(before, step.until)))
    console.print(_table(step, before, surfaces))
    if len(agreeing) > 1:
        names = ", ".join(NAMES[channel] for channel in agreeing)
        console.print(Text(f"✓ the same balance on {names}", style="green"))
    console.print()


def tell_why_not(console: Console, con: duckdb.DuckDBPyConnection, channel: str) -> None:
    """Each time that she got nothing on a channel: the decision, its facts, what went instead."""
    console.rule(f"[bold]Why no {NAMES[channel]}?", align="left", style="dim")
    for row in rows(con, explain.WHY_NOT, member=MEMBER_ID, channel=channel):
        head = f"{row['journey']}, step {row['step']}, {_local(row['decided_at']):%a %d %b %H:%M}"
        console.print(Text(f"{head}: {row['outcome']}, {row['reason']}", style="bold"))
        said = [("because", in_words(row))]
        if row["answer_type"]:
            answered = f"{_local(row['answered_at']):%a %d %b %H:%M}"
            said.append(("her answer", f"{row['answer_type']}, {answered}"))
        for other in rows(con, explain.INSTEAD, decision=row["decision_id"]):
            what = f"{other['outcome']}, {other['reason']}: {in_words(other)}"
            said.append((NAMES[other["channel"]], what))
        said += [("inputs", row["inputs"]), ("decision", row["decision_id"])]
        _print_lines(console, said)
    console.print()


def tell_chain(console: Console, con: duckdb.DuckDBPyConnection) -> None:
    """Her first points, from the ledger back to the receipt line, and on to today."""
    console.rule("[bold]Where do her first points come from?", align="left", style="dim")
    row = rows(con, explain.CHAIN, member=MEMBER_ID)[0]
    expires = f"{_local(row['expires_at']):%Y-%m-%d %H:%M}" if row["expires_at"] else "never"
    how = FOUND.get(row["reason"], row["reason"]).format(rung=row["rung"])
    said = [
        ("points", f"{row['points']}, {row['debit']} → {row['credit']}"),
        ("entry", f"{row['entry_id']}, posted {_local(row['posted_at']):%Y-%m-%d %H:%M:%S}"),
        ("rule", f"{row['rule']} of {row['programme_version']}"),
        ("event", f"{row['source']}/{row['event_id']}, a {row['type']}: {how}"),
        ("its line", f"{row['line_id']}"),
        (
            "lot",
            f"{row['lot_id']}: {row['lot_points']} points from all lines of the receipt, "
            f"{row['remaining']} left, expire {expires}",
        ),
    ]
    for entry in rows(con, explain.AFTERWARDS, lot=row["lot_id"]):
        moved = f"{entry['points']}, {entry['debit']} → {entry['credit']}"
        said.append(
            (
                entry["kind"],
                f"{moved}, {_local(entry['posted_at']):%Y-%m-%d %H:%M}, {entry['cause']}",
            )
        )
    _print_lines(console, said)
    console.print()


def _owners(con: duckdb.DuckDBPyConnection, since: dict[str, object]) -> Iterable[tuple[str, str]]:
    found = rows(con, explain.ATTRIBUTED, **since)
    if not found:
        yield "whose", "nobody's yet: what she did waits with the cookie"
    for row in found:
        how = FOUND.get(row["reason"], row["reason"]).format(rung=row["rung"])
        yield "whose", f"{row['types']}: {how}"


def _messages(
    con: duckdb.DuckDBPyConnection, since: dict[str, object]
) -> Iterable[tuple[str, str]]:
    for row in rows(con, explain.MESSAGES, **since):
        went = f"by {NAMES[row['sent']]}" if row["sent"] else "not sent"
        others = "".join(f"; {NAMES[one['channel']]}: {one['why']}" for one in row["others"] or ())
        yield "message", f"{row['journey']} {_local(row['decided_at']):%H:%M} {went}{others}"


def _shown(told: list[Told]) -> Iterable[tuple[str, str]]:
    contents: dict[str, list[str]] = {}
    for one in told:
        where = contents.setdefault(one.content, []) if one.action == "show" else []
        if NAMES[one.channel] not in where:
            where.append(NAMES[one.channel])
    if contents:
        said = (f"{content} on {', '.join(where)}" for content, where in contents.items())
        yield "shown", "; ".join(said)


def _print_lines(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", min_width=10, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, Text(text))
    if grid.rows:
        console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _table(step: Step, before: int, surfaces: Surfaces) -> Table:
    faces = surfaces.faces(step.until)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("", min_width=9)
    for channel, name in NAMES.items():
        new = channel in faces and faces[channel].decided_at > before
        table.add_column(
            f"{name}*" if new else name,
            justify="right",
            style="bold" if new else "dim",
            header_style="bold green" if new else "dim",
            no_wrap=True,
            min_width=8,
        )
    for fact in COMPARED:
        table.add_row(fact, *(_cell(faces.get(channel), fact) for channel in NAMES))
    table.add_row("as of", *(_as_of(faces.get(channel), step.until) for channel in NAMES))
    return table


def _cell(face: Told | None, fact: str) -> str:
    if face is None:
        return "–"
    value = face.data.get(fact)
    return "" if value is None else str(value)


def _as_of(face: Told | None, until: int) -> str:
    if face is None:
        return ""
    at = _at(face.decided_at)
    return f"{at:%H:%M}" if at.date() == _at(until).date() else f"{at.day} {at:%b}"


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, ZONE)


def _local(utc: datetime) -> datetime:
    """A time of the warehouse where she lives."""
    return utc.replace(tzinfo=timezone.utc).astimezone(ZONE)
