"""`kizuna explain entry`: where do these points come from, and what became of them?

In: the id of a ledger entry. Out: the entry and its lot, the rule and the version of the programme
that decided it, the event behind it with the line of the receipt, how the event found its member,
and the entries around it: of the same event, of the lot, what it corrects and what corrects it.
"""

from datetime import datetime, timezone
from typing import Any, Final

import msgspec

from schemas.events import Event
from scripts.explain.links import Way, verdict, way_up
from scripts.explain.questions import Questions, Unknown
from scripts.explain.source_events import SourceEvents

_ENTRY: Final = "SELECT * EXCLUDE (_seq) FROM ledger_entries WHERE entry_id = $entry LIMIT 1"
_LOT: Final = "SELECT * EXCLUDE (_version) FROM lots WHERE lot_id = $lot"
_ANSWERS: Final = """
    SELECT member_id, rung, reason, type, known_at FROM event_owners
    WHERE source = $source AND event_id = $event
    ORDER BY known_at, reason <> 'retracted', _seq
"""
_AROUND: Final = """
    SELECT entry_id, kind, debit, credit, points, rule, line_id, posting, corrects, note,
        source || '/' || event_id AS event, because_of, posted_at,
        CASE WHEN entry_id = $corrects OR corrects = $entry THEN 'correction'
             WHEN source = $source AND event_id = $event THEN 'same event' ELSE 'same lot' END
            AS why
    FROM ledger_entries
    WHERE member_id = $member AND entry_id <> $entry AND (
        corrects = $entry OR entry_id = $corrects OR lot_id = $lot
        OR (source = $source AND event_id = $event))
    ORDER BY posted_at, entry_id
"""


class EntryStory(msgspec.Struct, frozen=True, kw_only=True):
    """All that led to an entry, and what followed."""

    entry: dict[str, Any]
    lot: dict[str, Any] | None
    answers: list[dict[str, Any]]
    """Whose the event was found to be, in order; several: it changed hands."""
    event: Event | None
    """The event itself, from what the run read."""
    line: dict[str, Any] | None
    way: Way | None
    """From the event's strongest identifier up, as of when it happened, or was released."""
    says: str
    around: list[dict[str, Any]]
    unread: str


def explain_entry(questions: Questions, entry_id: str, sources: SourceEvents | None) -> EntryStory:
    """The story of an entry; raises Unknown for no entry's id."""
    entry = questions.row(_ENTRY, entry=entry_id)
    if entry is None:
        raise Unknown(f"{entry_id} is no entry of the ledger in {questions.folder}")
    source, event_id = entry["source"], entry["event_id"]
    read = sources.named([(source, event_id)]) if sources and event_id else None
    event = read.events[0] if read and read.events else None
    answers = questions.rows(_ANSWERS, source=source, event=event_id) if event_id else []
    way = _way(questions, event, answers)
    lot = questions.row(_LOT, lot=entry["lot_id"]) if entry["lot_id"] else None
    return EntryStory(
        entry=entry,
        lot=lot,
        answers=answers,
        event=event,
        line=_line(event, entry["line_id"]),
        way=way,
        says=verdict(way) if way else "",
        around=questions.rows(
            _AROUND,
            entry=entry_id,
            member=entry["member_id"],
            lot=entry["lot_id"],
            corrects=entry["corrects"],
            source=source,
            event=event_id,
        ),
        unread="" if read is None else read.missing,
    )


def _way(questions: Questions, event: Event | None, answers: list[dict[str, Any]]) -> Way | None:
    """Identifiers on an event stand weakest first. What waited was released by a later link, and
    what came by its receipt didn't come by its own identifiers."""
    answer = answers[-1] if answers else None
    if event is None or not event.identifiers or (answer and answer["reason"] == "receipt"):
        return None
    at = datetime.fromtimestamp(event.occurred_at / 1000, timezone.utc)
    if answer and answer["reason"] == "released":
        at = answer["known_at"]
    return way_up(questions, event.identifiers[-1], at)


def _line(event: Event | None, line_id: str | None) -> dict[str, Any] | None:
    lines = getattr(event.payload, "lines", ()) if event and line_id else ()
    for line in lines:
        if line.line_id == line_id:
            found: dict[str, Any] = msgspec.to_builtins(line)
            return found
    return None
