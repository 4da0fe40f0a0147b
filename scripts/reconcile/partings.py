"""For a member: what differs in order of time, and the first event at which histories part.

In: the tables `located` and views `located_<table>`, whom to explain and how much of it. Out: a
`Parting` each, biggest first: the most points, then the most rows, then by id. Rows that belong
to no member are one more, at the end.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

import duckdb
from msgspec.structs import replace

from scripts.reconcile.compared import NAMED, Compared
from scripts.reconcile.contradictions import contradictions
from scripts.reconcile.evidence import Name, behind, look_up
from scripts.reconcile.kinds import kind_of, reasons_for
from scripts.reconcile.located import ORDER
from scripts.reconcile.result import Change, Event, Parting, Side

FIRST_MAX: Final = 12
LATER_MAX: Final = 5
EXPLAINED_MAX: Final = 500
"""Changes that are shown: at the event itself, after it, and in all of one member's."""


class _Found(NamedTuple):
    """A change, and what orders it."""

    change: Change
    one: Compared
    name: Name | None
    """The event that its rows name."""


def parted_members(con: duckdb.DuckDBPyConnection) -> int:
    """How many members have rows that differ."""
    return int(con.execute("SELECT count(DISTINCT member_id) FROM located").fetchall()[0][0])


def first_of_all(con: duckdb.DuckDBPyConnection) -> str | None:
    """Where histories part first, whoever's they are; None: they don't."""
    found = con.execute(
        f"SELECT name, moment, member_id, source, event_id FROM located ORDER BY {ORDER}, "
        "member_id LIMIT 1"
    ).fetchall()
    if not found:
        return None
    table, moment, member, source, event_id = found[0]
    said = f"in {table}" if moment is None else f"at {shown(moment)} in {table}"
    said += f", by {source}/{event_id}" if event_id else ""
    return said + (f", a row of {member}" if member else ", a row of no member")


def shown(moment: datetime) -> str:
    """An instant, without the part of a second that is zero."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") + (
        f".{moment.microsecond // 1000:03}" if moment.microsecond else ""
    )


def partings(
    con: duckdb.DuckDBPyConnection, a: Side, b: Side, limit: int, explain: str | None
) -> list[Parting]:
    """The `limit` biggest ones, or only that of the member to explain."""
    chosen = _chosen(con, limit, explain)
    later_max = EXPLAINED_MAX if explain else LATER_MAX
    found = _changes(con, [member for member, _ in chosen])
    names = {
        member: behind(con, member, changes[0].one, changes[0].change, changes[0].name)
        for member, (changes, _) in found.items()
    }
    events = look_up(con, [name for name, _ in names.values() if name])
    concerned = {
        member: _concerned(member, events.get(name) if name else None)
        for member, (name, _) in names.items()
    }
    contradicted = contradictions(con, sorted({*chain.from_iterable(concerned.values())}))
    told = []
    for member, points in chosen:
        changes, tables = found[member]
        name, others = names[member]
        event = events.get(name) if name else None
        if event and others:
            event = replace(event, others=others)
        at_it, after = _split(changes, name)
        kind = kind_of(event, [each.change for each in at_it])
        shown_first = [each.change for each in at_it[:FIRST_MAX]]
        shown_later = [each.change for each in after[:later_max]]
        against = [
            [said for one in concerned[member] for said in side.get(one, ())]
            for side in contradicted
        ]
        told.append(
            Parting(
                member_id=member,
                points=points,
                at=changes[0].change.at,
                kind=kind,
                event=event,
                reasons=reasons_for(kind, changes[0].change, event, (a, b), against),
                first=shown_first,
                later=shown_later,
                left_out=sum(tables.values()) - len(shown_first) - len(shown_later),
                tables=tables,
            )
        )
    return told


def _concerned(member: str | None, event: Event | None) -> list[str]:
    """The member, and whoever else the event was found to be."""
    owners = [event.a.owner, event.b.owner] if event is not None else []
    return [one for one in dict.fromkeys((member, *owners)) if one is not None]


def _chosen(
    con: duckdb.DuckDBPyConnection, limit: int, explain: str | None
) -> list[tuple[str | None, int]]:
    """Members, and the difference in points."""
    sql = "SELECT member_id, sum(points)::BIGINT FROM located "
    biggest = "GROUP BY member_id ORDER BY abs(sum(points)) DESC, count(*) DESC, member_id"
    if explain is not None:
        return con.execute(f"{sql} WHERE member_id = $who {biggest}", {"who": explain}).fetchall()
    members = con.execute(
        f"{sql} WHERE member_id IS NOT NULL {biggest} LIMIT $most", {"most": limit}
    ).fetchall()
    nobodys = f"{sql} WHERE member_id IS NULL {biggest}"
    return members + (con.execute(nobodys).fetchall() if limit else [])


def _changes(
    con: duckdb.DuckDBPyConnection, members: list[str | None]
) -> dict[str | None, tuple[list[_Found], dict[str, int]]]:
    """What differs for each member in the order of `located.ORDER`, of each table the first
    `EXPLAINED_MAX`; and how much differs in all by table. A table is read once for all of them."""
    con.execute("CREATE OR REPLACE TEMP TABLE chosen (member_id VARCHAR)")
    for member in members:
        con.execute("INSERT INTO chosen VALUES ($member)", {"member": member})
    found: dict[str | None, tuple[list[_Found], dict[str, int]]] = {
        member: ([], {}) for member in members
    }
    tables = con.execute("SELECT name FROM located GROUP BY name, stage ORDER BY stage, name")
    for (table,) in tables.fetchall():
        for member, count, change in _changes_of(con, NAMED[table]):
            changes, counts = found[member]
            changes.append(change)
            counts[table] = count
    return {
        member: (sorted(changes, key=_order), counts) for member, (changes, counts) in found.items()
    }


def _order(found: _Found) -> tuple[Any, ...]:
    change, one, name = found
    at = change.at
    row = change.a or change.b or {}
    return (
        not one.history,
        at is None,
        at or datetime.min,
        one.stage,
        name or ("", ""),
        change.a is None,
        [str(row[column]) for column in one.key],
    )


def _changes_of(
    con: duckdb.DuckDBPyConnection, one: Compared
) -> Iterator[tuple[str | None, int, _Found]]:
    """Rows of a table, each with its counterpart: whose, of how many in all, and the change.
    Where the counterpart is another member's, both members have the change."""
    same_key = " AND ".join(f'y."{name}" IS NOT DISTINCT FROM x."{name}"' for name in one.key)
    ours, theirs = (
        ", ".join(f'{side}."{name}" AS {side}_{name}' for name in one.columns)
        for side in ("x", "y")
    )
    values = ", ".join(f'"{side}_{name}"' for side in ("x", "y") for name in one.columns)
    rows = con.execute(
        f"""
        WITH paired AS (
            FROM located_{one.name} WHERE differs IS NOT NULL
        ), mine AS (
            SELECT x._member, x.in_a, x.differs, least(x._at, y._at) AS moment,
                coalesce(x._source, y._source) AS behind_source,
                coalesce(x._event_id, y._event_id) AS behind_id, {ours}, {theirs}
            FROM located_{one.name} AS x
            SEMI JOIN chosen AS c ON coalesce(c.member_id, '') = coalesce(x._member, '')
            LEFT JOIN paired AS y
                ON x.differs IS NOT NULL AND y.in_a = (NOT x.in_a) AND y.nth = x.nth AND {same_key}
            WHERE x.in_a OR x.differs IS NULL OR y._member IS DISTINCT FROM x._member
        )
        SELECT _member, count(*) OVER (PARTITION BY _member), in_a, differs, moment,
            behind_source, behind_id, {values}
        FROM mine
        QUALIFY row_number() OVER (
            PARTITION BY _member ORDER BY moment NULLS LAST, behind_source, behind_id, in_a DESC,
            {values}) <= {EXPLAINED_MAX}
        """
    ).fetchall()
    for member, count, in_a, differs, at, source, event_id, *both in rows:
        mine = dict(zip(one.columns, both[: len(one.columns)], strict=True))
        other = dict(zip(one.columns, both[len(one.columns) :], strict=True))
        counterpart = other if differs is not None else None
        change = Change(
            table=one.name,
            at=at,
            a=mine if in_a else counterpart,
            b=counterpart if in_a else mine,
            columns=list(differs or ()),
        )
        name = (source, event_id) if source and event_id else None
        yield member, count, _Found(change, one, name)


def _split(changes: list[_Found], name: Name | None) -> tuple[list[_Found], list[_Found]]:
    """What differs at the event, and what does later. Without an event: at the same instant."""
    first = changes[0]

    def at_it(found: _Found) -> bool:
        if found.one.history != first.one.history:
            return False
        if first.name is not None and found.name is not None:
            return found.name == name
        return found.change.at == first.change.at

    return (
        [found for found in changes if at_it(found)],
        [found for found in changes if not at_it(found)],
    )
