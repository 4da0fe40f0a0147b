"""`kizuna explain identity`: whose is an identifier, since when, and why?

In: what a person typed. Out: for each identifier that it may mean, its links as a timeline, what
was decided not to be done about it, where it leads now or at an instant, who shared it, and
the events that carry it with whose they are.
"""

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any, Final

import msgspec

from schemas.events import Event
from schemas.ladder import Ladder
from scripts.explain.links import MEMBER, Link, Way, ends, of_identifiers, verdict, way_up
from scripts.explain.named import Wanted
from scripts.explain.questions import Questions, Unknown
from scripts.explain.source_events import SourceEvents

_KNOWN: Final = """
    SELECT DISTINCT identifier FROM (
        SELECT namespace || ':' || value AS identifier FROM identity_links WHERE value IN $values
        UNION ALL SELECT owner FROM identity_links WHERE owner IN $whole
        UNION ALL SELECT identifier FROM identity_notices WHERE identifier IN $whole
        UNION ALL SELECT regexp_replace(guest_id, '^guest:', '') FROM guests
            WHERE guest_id IN $whole OR guest_id IN $guests
        UNION ALL SELECT 'member_id:' || member_id FROM event_owners WHERE member_id IN $values
    ) ORDER BY identifier
"""
_NOTICES: Final = """
    SELECT kind, detail, source || '/' || event_id AS event, known_at
    FROM identity_notices WHERE identifier = $identifier ORDER BY known_at, kind, event
"""
_GUEST: Final = """
    SELECT first_at, last_at, events, spend FROM guests
    WHERE guest_id = $identifier OR guest_id = 'guest:' || $identifier
    ORDER BY events DESC LIMIT 1
"""
_ANSWERS: Final = """
    SELECT source, event_id, member_id, rung, reason FROM current_owners
    WHERE (source, event_id) IN $names
"""
NAMESPACES: Final = (
    "member_id login card email phone payment_token device_id cookie push_token".split()
)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What stitch decided not to do, and by which event."""

    kind: str
    detail: str
    event: str
    known_at: datetime


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """An event that carries the identifier, and whose it is."""

    event: str
    type: str
    occurred_at: datetime
    member_id: str | None
    reason: str
    rung: str


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """Where an identifier leads at an instant."""

    at: datetime
    says: str
    members: list[str]
    way: Way


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an identifier."""

    identifier: str
    rung: str
    two_owners: str
    lead: Lead
    links: list[Link]
    shared_by: list[str]
    """Members to whom it ever led by a link of its own."""
    notices: list[Notice]
    guest: dict[str, Any] | None
    events: list[Carried]
    unread: str
    """Why events are missing; empty: none are."""


def explain_identity(
    questions: Questions,
    wanted: Wanted,
    ladder: Ladder,
    sources: SourceEvents | None,
    at: datetime | None,
) -> list[Identity]:
    """Each identifier that was meant; raises Unknown if none is known."""
    found = find_identifiers(questions, wanted)
    if not found:
        raise Unknown(f"{wanted.said} is no identifier that {questions.folder} knows")
    moment = at or questions.end()
    return [_identity(questions, one, ladder, sources, moment) for one in found]


def find_identifiers(questions: Questions, wanted: Wanted) -> list[str]:
    """The identifiers that the warehouse knows, by the namespaces that may be meant."""
    namespaces = [wanted.namespace] if wanted.namespace else NAMESPACES
    whole = [f"{namespace}:{value}" for namespace in namespaces for value in wanted.values]
    rows = questions.rows(
        _KNOWN, values=wanted.values, whole=whole, guests=[f"guest:{one}" for one in whole]
    )
    return [row["identifier"] for row in rows if row["identifier"] in whole]


def _identity(
    questions: Questions,
    identifier: str,
    ladder: Ladder,
    sources: SourceEvents | None,
    at: datetime,
) -> Identity:
    links = of_identifiers(questions, [identifier])
    way = way_up(questions, identifier, at)
    namespace = identifier.partition(":")[0]
    rung = next((one for one in ladder.rungs if namespace in one.namespaces), None)
    owners = dict.fromkeys(link.owner for link in links if not link.superseded)
    shared_by = {end for one in owners for end in ends(way_up(questions, one, at))}
    read = None if sources is None else sources.carrying(identifier)
    return Identity(
        identifier=identifier,
        rung=rung.rung if rung else "member",
        two_owners=rung.two_owners if rung else "",
        lead=Lead(
            at=at,
            says=verdict(way),
            members=[one.removeprefix(MEMBER) for one in ends(way) if one.startswith(MEMBER)],
            way=way,
        ),
        links=links,
        shared_by=sorted(one.removeprefix(MEMBER) for one in shared_by if one.startswith(MEMBER)),
        notices=[Notice(**row) for row in questions.rows(_NOTICES, identifier=identifier)],
        guest=questions.row(_GUEST, identifier=identifier),
        events=[] if read is None else _answered(questions, read.events),
        unread="" if read is None else read.missing,
    )


def _answered(questions: Questions, events: Iterable[Event]) -> list[Carried]:
    events = list(events)
    rows = questions.rows(_ANSWERS, names=[event.key for event in events]) if events else []
    answers = {(row["source"], row["event_id"]): row for row in rows}
    return [
        Carried(
            event="/".join(event.key),
            type=event.type,
            occurred_at=datetime.fromtimestamp(event.occurred_at / 1000, timezone.utc),
            member_id=answers.get(event.key, {}).get("member_id"),
            reason=answers.get(event.key, {}).get("reason") or "waits",
            rung=answers.get(event.key, {}).get("rung") or "",
        )
        for event in events
    ]
