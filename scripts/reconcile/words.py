"""A comparison in sentences and cells, for the terminal and for the page to sign alike."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from scripts.reconcile.compared import NAMED
from scripts.reconcile.partings import shown
from scripts.reconcile.result import (
    Change,
    Event,
    EventSide,
    Parting,
    Reconciliation,
    Side,
    TableDifference,
    Total,
)

NONE: Final = "–"
ANSWERS_SHOWN: Final = 4


def headline(found: Reconciliation) -> str:
    """The result in a sentence."""
    tables = f"{len(found.compared)} table{'s' if len(found.compared) != 1 else ''}"
    if found.equal:
        return f"Equal: the same {sum(one.rows_a for one in found.compared):,} rows in {tables}."
    count = sum(one.count for one in found.compared)
    return (
        f"Different: {_many(count, 'row')} in {len(found.differences)} of {tables}, "
        f"{_many(found.parted_members, 'member')} concerned."
    )


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def side_facts(side: Side) -> Iterator[tuple[str, str]]:
    """What a side is, by name."""
    yield "file", side.path
    yield "SHA-256", side.sha256
    if side.sha256_of_log:
        yield "SHA-256 of its log (.wal)", side.sha256_of_log
    for run in side.runs:
        events = "" if run.events is None else f", {run.events:,} events"
        yield (
            f"run {run.run_id}",
            f"{run.outcome or 'not ended'}{events}; as of {shown(run.as_of)}; kizuna "
            f"{run.kizuna_version}; configuration {run.config_hash}; {run.input}",
        )
    yield "history ends", shown(side.ends_at) if side.ends_at else "before it began"


def table_cells(one: TableDifference) -> tuple[str, ...]:
    """A table's line; zeros of a table that agrees stay quiet."""
    counts = (one.only_a, one.only_b, one.changed)
    return (
        one.table,
        f"{one.rows_a:,}",
        f"{one.rows_b:,}",
        *(f"{count:,}" if count else NONE for count in counts),
    )


def changed_columns(found: Reconciliation) -> Iterator[str]:
    """Which columns changed in which tables, and how often."""
    for one in found.compared:
        if one.columns:
            counts = ", ".join(f"{name} {count:,}" for name, count in one.columns.items())
            yield f"changed in {one.table}: {counts}"


def total_cells(total: Total) -> tuple[str, ...]:
    """A figure's line: A, B and the difference with its sign."""
    return (
        total.name,
        figure(total.a),
        figure(total.b),
        f"{'+' if total.difference > 0 else ''}{figure(total.difference)}"
        if total.difference
        else NONE,
    )


def figure(value: int | float) -> str:
    """A number with separators; parts of a unit only where there are any."""
    if isinstance(value, int) or value == int(value):
        return f"{int(value):,}"
    return f"{value:,.4f}".rstrip("0")


def who(parting: Parting) -> str:
    return parting.member_id or "rows of no member"


def parting_title(parting: Parting) -> str:
    """Who, how many points, how much differs."""
    counts = ", ".join(f"{name} {count:,}" for name, count in parting.tables.items())
    points = ""
    if parting.points:
        more = "more" if parting.points > 0 else "less"
        points = f"{_many(abs(parting.points), 'point')} {more} in B, "
    return f"{who(parting)}: {points}{_many(parting.count, 'difference')} ({counts})"


def parting_sentences(parting: Parting) -> list[str]:
    """Where it parts, what differs there, and what speaks for a cause."""
    return [_where(parting), _what(parting), *parting.reasons]


def _where(parting: Parting) -> str:
    at = f" at {shown(parting.at)}" if parting.at else ""
    event = parting.event
    if event is None:
        return f"The histories part{at}, by no event."
    kind = f"{event.type} " if event.type else ""
    said = f"The histories part{at} with {kind}{event.source}/{event.event_id}"
    if event.occurred_at and event.occurred_at != event.known_at:
        said += f", which happened at {shown(event.occurred_at)}"
    if event.others:
        said += f" (or one of {event.others} more that became known at that instant)"
    return said + "."


def _what(parting: Parting) -> str:
    event = parting.event
    if parting.kind == "timer":
        return "Points moved there by themselves, and not alike on both sides."
    if event is None or parting.kind == "derived_rows":
        tables = sorted({change.table for change in parting.first}, key=_place)
        if not NAMED[tables[0]].history:
            return f"All history agrees; only what is kept of it differs, in {', '.join(tables)}."
        return f"Events and entries agree until then; what differs first is {', '.join(tables)}."
    a, b = event.a, event.b
    if parting.kind == "missing_event":
        knows, other, side = ("A", "B", a) if a.known else ("B", "A", b)
        return f"{other} doesn't know this event. In {knows} it is {_owned(side)}{_moved(side)}."
    if parting.kind == "refused_event":
        refuses, other, refused, side = ("A", "B", a, b) if a.refused else ("B", "A", b, a)
        took = f"is {_owned(side)}{_moved(side)}" if side.known else "isn't known"
        return f"{refuses} refused this event ({refused.refused}). In {other} it {took}."
    if parting.kind == "other_member":
        return f"It is {_owned(a)} in A, {_owned(b)} in B."
    if parting.kind == "other_answer":
        return (
            f"It is {_owned(a)} on both sides, found in other ways: {_answers(event.a)} in A; "
            f"{_answers(event.b)} in B."
        )
    version = (
        "by other versions of the programme"
        if parting.kind == "other_programme"
        else "by the same version of the programme"
    )
    return (
        f"The event is there on both sides, {_owned(a)} on both. In A its entries come to "
        f"{_many(a.points, 'point')}, in B to {_many(b.points, 'point')}, {version}."
        if a.points != b.points
        else f"The event is there on both sides, {_owned(a)} on both. Its entries come to "
        f"{_many(a.points, 'point')} on both, {version}, and are others."
    )


def _owned(side: EventSide) -> str:
    return f"{side.owner}'s" if side.owner else "nobody's"


def _moved(side: EventSide) -> str:
    if not side.entries:
        return ""
    entries, points = _many(side.entries, "entry", "entries"), _many(side.points, "point")
    return f" and its {entries} come to {points}"


def _answers(side: EventSide) -> str:
    said = [
        f"{answer.reason} of {answer.member_id or 'nobody'} at {shown(answer.known_at)}"
        for answer in side.answers[:ANSWERS_SHOWN]
    ]
    return ", ".join(said) + (" …" if len(side.answers) > ANSWERS_SHOWN else "")


def _place(table: str) -> int:
    return NAMED[table].stage


def change_cells(changes: Sequence[Change]) -> Iterator[tuple[str, str, str]]:
    """What differs side by side: a row of one side in a line, a changed row by its columns."""
    for change in changes:
        one = NAMED[change.table]
        at = f"{shown(change.at)} " if change.at else ""
        a, b = change.a, change.b
        if a is not None and b is not None:
            key = " / ".join(str(a[name]) for name in one.key if name not in ("member_id", "at"))
            yield f"{at}{change.table} {key}".strip(), one.reads(texts(a)), one.reads(texts(b))
            for name in change.columns:
                yield f"    {name}", text(a[name]), text(b[name])
        else:
            yield (
                f"{at}{change.table}",
                one.reads(texts(a)) if a is not None else NONE,
                one.reads(texts(b)) if b is not None else NONE,
            )


def texts(row: dict[str, object]) -> dict[str, object]:
    return {name: text(value) for name, value in row.items()}


def text(value: object) -> str:
    """A value as it is compared: a float with all its digits."""
    if value is None:
        return NONE
    if isinstance(value, datetime):
        return shown(value)
    return repr(value) if isinstance(value, float) else str(value)


def event_cells(event: Event) -> Iterator[tuple[str, str, str]]:
    """What both sides know of an event."""
    for name, cells in (
        ("owner", [_owned(side) if side.known else NONE for side in (event.a, event.b)]),
        ("found", [_answers(side) or NONE for side in (event.a, event.b)]),
        ("refused", [side.refused or NONE for side in (event.a, event.b)]),
        (
            "points",
            [
                f"{side.points:,} in {_many(side.entries, 'entry', 'entries')}"
                if side.entries
                else NONE
                for side in (event.a, event.b)
            ],
        ),
    ):
        if cells != [NONE, NONE]:
            yield name, cells[0], cells[1]
