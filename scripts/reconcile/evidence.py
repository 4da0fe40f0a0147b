"""What both sides know of the event behind a difference.

In: a differing row, or the names of events. Out: the event that the row rests on, and for each
name whose it was found to be, whether it was refused and what its entries moved, on either side.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

import duckdb

from scripts.reconcile.attach import SIDES
from scripts.reconcile.compared import Compared
from scripts.reconcile.located import EFFECT
from scripts.reconcile.result import Answer, Change, Event, EventSide

Name = tuple[str, str]
"""Source and id of an event."""

_BY_ROW: Final = {
    "lots": (
        "SELECT source, event_id FROM {side}.ledger_entries "
        "WHERE entry_id = $entry_id AND source IS NOT NULL",
        ("entry_id",),
    ),
    "redemptions": (
        "SELECT source, event_id FROM {side}.redemption_answers WHERE source IS NOT NULL AND "
        "redemption_id = $redemption_id AND member_id = $member_id "
        "ORDER BY answered_at DESC, source, event_id",
        ("redemption_id", "member_id"),
    ),
}
"""How to find the event behind a row that names another row."""
_BY_INSTANT: Final = """
    SELECT source, event_id FROM {side}.event_owners
    WHERE member_id = $member AND known_at = $at ORDER BY reason = 'retracted', source, event_id
"""


def behind(
    con: duckdb.DuckDBPyConnection,
    member: str | None,
    one: Compared,
    change: Change,
    name: Name | None,
) -> tuple[Name | None, int]:
    """The event that a change rests on, and how many more became known to be the member's at that
    instant; None: a timer's, or a state's."""
    if name is not None:
        return name, 0
    row: dict[str, Any] = change.a or change.b or {}
    if one.name in _BY_ROW:
        sql, columns = _BY_ROW[one.name]
        return _first(con, sql, {column: row[column] for column in columns})[0], 0
    if change.at is None or one.name == "ledger_entries" or row.get("why") == "time":
        return None, 0  # a timer's
    found, count = _first(con, _BY_INSTANT, {"member": member, "at": change.at})
    return found, max(0, count - 1)


def _first(
    con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any]
) -> tuple[Name | None, int]:
    for side in SIDES:
        rows = con.execute(sql.format(side=side), values).fetchall()
        if rows:
            return rows[0], len({*rows})
    return None, 0


class _Known(NamedTuple):
    """What a side knows of events, by name."""

    answers: dict[Name, list[Answer]]
    types: dict[Name, str]
    refused: dict[Name, str]
    entries: dict[Name, tuple[int, int, datetime | None]]


def look_up(con: duckdb.DuckDBPyConnection, names: Iterable[Name]) -> dict[Name, Event]:
    """The events, from both sides; each table is read once for all of them."""
    con.execute("CREATE OR REPLACE TEMP TABLE named (source VARCHAR, event_id VARCHAR)")
    wanted = sorted({*names})
    for source, event_id in wanted:
        con.execute("INSERT INTO named VALUES ($1, $2)", [source, event_id])
    a, b = (_known(con, side) for side in SIDES)
    return {name: _event(name, a, b) for name in wanted}


def _known(con: duckdb.DuckDBPyConnection, side: str) -> _Known:
    known = _Known({}, {}, {}, {})
    for source, event_id, kind, *answer in con.execute(
        "SELECT source, event_id, type, member_id, rung, reason, known_at "
        f"FROM {side}.event_owners "
        "SEMI JOIN named USING (source, event_id) "
        "ORDER BY known_at, reason <> 'retracted', _seq"
    ).fetchall():
        known.types[source, event_id] = kind
        known.answers.setdefault((source, event_id), []).append(
            Answer(**dict(zip(Answer.__struct_fields__, answer, strict=True)))
        )
    for source, event_id, reason in con.execute(
        f"SELECT source, event_id, min(reason) FROM {side}.quarantine "
        "SEMI JOIN named USING (source, event_id) GROUP BY ALL"
    ).fetchall():
        known.refused[source, event_id] = reason
    for source, event_id, count, points, occurred_at in con.execute(
        f"SELECT source, event_id, count(*), sum({EFFECT})::BIGINT, min(occurred_at) "
        f"FROM {side}.ledger_entries SEMI JOIN named USING (source, event_id) GROUP BY ALL"
    ).fetchall():
        known.entries[source, event_id] = (count, points, occurred_at)
    return known


def _event(name: Name, a: _Known, b: _Known) -> Event:
    sides = [
        EventSide(
            answers=known.answers.get(name, []),
            refused=known.refused.get(name),
            entries=known.entries.get(name, (0, 0, None))[0],
            points=known.entries.get(name, (0, 0, None))[1],
        )
        for known in (a, b)
    ]
    occurred = [known.entries[name][2] for known in (a, b) if name in known.entries]
    instants = [answer.known_at for side in sides for answer in side.answers]
    return Event(
        source=name[0],
        event_id=name[1],
        type=a.types.get(name) or b.types.get(name) or "",
        occurred_at=occurred[0] if occurred else None,
        known_at=min(instants, default=None),
        others=0,
        a=sides[0],
        b=sides[1],
    )
