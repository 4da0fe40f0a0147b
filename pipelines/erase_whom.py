"""Whom an erasure is about: which requests are met, and which identifiers are a person's alone.

In: a warehouse at rest, and the ladder. Out: for each request whom it means, or why it is refused.
A person is a member, with the accounts that were merged into theirs, or a guest who is known by an
address. An identifier is theirs alone if it ever led to them and to no other living member: a
shared tablet stays, and what it learned of them is renamed.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec

from pipelines.erase_names import MEMBER
from schemas.erasure import Total, is_orphan
from schemas.events import NAMESPACES
from schemas.ladder import Ladder
from sinks.duckdb.create import open_warehouse

_RANK: Final = {namespace: height for height, namespace in enumerate(NAMESPACES)}


class Request(msgspec.Struct, kw_only=True):
    """A request to be forgotten. `refused`: why it isn't met; empty: it is."""

    source: str
    event_id: str
    identifiers: list[str]
    known_at: int
    refused: str = ""
    members: list[str] = []
    """Whom it means; nobody: a guest."""


class Person(msgspec.Struct, kw_only=True):
    """Somebody who is to be erased."""

    identifiers: list[str]
    """namespace:value of all that is theirs alone, the strongest first."""
    members: list[str]
    entries: int = 0
    totals: list[Total] = []
    requests: list[str] = []
    """source/event_id of each."""


def open_requests(warehouse: Path, ladder: Ladder) -> list[Request]:
    """The requests that weren't met yet, in the order in which they became known."""
    con = open_warehouse(warehouse)
    try:
        asked = [one for one in _requests(con) if not _is_met(one)]
        if asked:
            owners = con.execute(
                "SELECT source, event_id, member_id, rung, reason FROM current_owners "
                "SEMI JOIN erasure_requests USING (source, event_id)"
            ).fetchall()
            answers = {(source, event_id): answer for source, event_id, *answer in owners}
            # The answer to one that was met is gone with whom it was about, whatever it carried.
            asked = [
                one
                for one in asked
                if (one.source, one.event_id) in answers
                or not any(map(is_orphan, _members_above(con, one.identifiers, ever=True)))
            ]
            for one in asked:
                answer = answers.get((one.source, one.event_id), [None, None, None])
                _identify(con, one, *answer, ladder)
        return asked
    finally:
        con.close()


def people(warehouse: Path, requests: Iterable[Request]) -> list[Person]:
    """Whom the requests mean, each once, with all that is theirs alone."""
    con = open_warehouse(warehouse)
    try:
        found: dict[tuple[str, ...], Person] = {}
        for request in requests:
            if request.refused:
                continue
            start = [MEMBER + one for one in request.members] or request.identifiers
            person = found.setdefault(
                tuple(sorted(start)), Person(identifiers=start, members=request.members)
            )
            person.requests.append(f"{request.source}/{request.event_id}")
        gone = {MEMBER + one for person in found.values() for one in person.members}
        others = _reach(con, _living(con) - gone)
        taken: set[str] = set()
        for person in found.values():
            own = _reach(con, set(person.identifiers)) - others - taken
            own = {one for one in own if not is_orphan(one)}
            taken |= own
            person.identifiers = sorted(own, key=lambda one: (-_rank(one), one))
            person.totals = _totals(con, person.members)
            person.entries = sum(total.entries for total in person.totals)
        return [person for person in found.values() if person.identifiers]
    finally:
        con.close()


def events_of(warehouse: Path, members: Sequence[str]) -> set[tuple[str, str]]:
    """Source and event_id of everything that was ever attributed to these."""
    con = open_warehouse(warehouse)
    try:
        rows = con.execute(
            "SELECT DISTINCT source, event_id FROM event_owners "
            "WHERE list_contains($members, member_id)",
            {"members": list(members)},
        ).fetchall()
        return {(source, event_id) for source, event_id in rows}
    finally:
        con.close()


def _requests(con: duckdb.DuckDBPyConnection) -> list[Request]:
    try:
        rows = con.execute(
            "SELECT source, event_id, identifiers, epoch_ms(known_at)::BIGINT "
            "FROM erasure_requests ORDER BY known_at, _seq"
        ).fetchall()
    except duckdb.CatalogException:  # a release without the table wrote it
        return []
    return [
        Request(
            source=source,
            event_id=event_id,
            identifiers=msgspec.json.decode(identifiers, type=list[str]),
            known_at=known_at,
        )
        for source, event_id, identifiers, known_at in rows
    ]


def _is_met(request: Request) -> bool:
    """Once it was, an orphan stands where the strongest identifier did."""
    strongest = max(request.identifiers, key=_rank, default="")
    return is_orphan(strongest)


def _identify(
    con: duckdb.DuckDBPyConnection,
    request: Request,
    owner: str | None,
    rung: str | None,
    reason: str | None,
    ladder: Ladder,
) -> None:
    """Whom a request means. Nobody is erased on the word of whoever held a device."""
    weakest = ladder.rungs[0]
    strong = [one for one in request.identifiers if _namespace(one) not in weakest.namespaces]
    if not strong:
        request.refused = (
            f"it carries nothing but a {weakest.rung}: whoever holds it may not be its owner"
        )
    elif owner is not None and rung == weakest.rung:
        request.refused = f"its owner was found by a {weakest.rung} only"
    elif owner is not None:
        request.members = _accounts(con, owner)
    elif reason == "held_ambiguous":
        request.refused = "its identifiers lead to several members"
    else:
        if not all(map(is_orphan, _members_above(con, strong))):
            request.refused = "its identifiers lead to members, and it wasn't attributed to one"
        request.identifiers = sorted(strong, key=_rank)


def _accounts(con: duckdb.DuckDBPyConnection, member_id: str) -> list[str]:
    """A member's account, that in which it goes on, and all that were merged into that one."""
    _fill(con, {MEMBER + member_id})
    up = con.execute(
        "WITH RECURSIVE above(name) AS (SELECT name FROM starting UNION SELECT l.owner "
        "FROM identity_links AS l JOIN above AS a ON 'member_id:' || l.value = a.name "
        "WHERE l.namespace = 'member_id') SELECT name FROM above"
    ).fetchall()
    _fill(con, {name for (name,) in up})
    down = con.execute(
        "WITH RECURSIVE below(name) AS (SELECT name FROM starting "
        "UNION SELECT 'member_id:' || l.value FROM identity_links AS l "
        "JOIN below AS b ON l.owner = b.name WHERE l.namespace = 'member_id') "
        "SELECT name FROM below"
    ).fetchall()
    others = sorted(name[len(MEMBER) :] for (name,) in down)
    return [member_id, *(one for one in others if one != member_id)]


def _living(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Members that identifiers lead to and who weren't erased."""
    owners = con.execute(
        "SELECT DISTINCT owner FROM identity_links WHERE starts_with(owner, ?)", [MEMBER]
    ).fetchall()
    return {owner for (owner,) in owners if not is_orphan(owner)}


def _reach(con: duckdb.DuckDBPyConnection, start: set[str]) -> set[str]:
    """These identifiers and all that ever led to them."""
    _fill(con, start)
    rows = con.execute(
        "WITH RECURSIVE reached(name) AS ("
        "SELECT name FROM starting UNION SELECT l.namespace || ':' || l.value "
        "FROM identity_links AS l JOIN reached AS r ON l.owner = r.name) SELECT name FROM reached"
    ).fetchall()
    return {name for (name,) in rows}


def _members_above(
    con: duckdb.DuckDBPyConnection, start: Sequence[str], *, ever: bool = False
) -> set[str]:
    """Members that identifiers lead to now, or `ever` led to; the erased are among them."""
    _fill(con, set(start))
    rows = con.execute(
        "WITH RECURSIVE above(name) AS ("
        "SELECT name FROM starting UNION SELECT l.owner FROM identity_links AS l "
        "JOIN above AS a ON l.namespace || ':' || l.value = a.name "
        "WHERE $ever OR l.until_at IS NULL) "
        "SELECT name FROM above WHERE starts_with(name, $member)",
        {"ever": ever, "member": MEMBER},
    ).fetchall()
    return {name for (name,) in rows}


def _fill(con: duckdb.DuckDBPyConnection, names: set[str]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE starting (name VARCHAR)")
    if names:
        con.execute("INSERT INTO starting SELECT unnest($names)", {"names": sorted(names)})


def _totals(con: duckdb.DuckDBPyConnection, members: Sequence[str]) -> list[Total]:
    """Their entries by month and sort, which is what stays of them."""
    rows: list[Any] = con.execute(
        "SELECT epoch_ms(date_trunc('month', posted_at))::BIGINT, kind, debit, credit, rule, "
        "programme_version, sum(points)::BIGINT, count(*) FROM ledger_entries "
        "WHERE list_contains($members, member_id) GROUP BY ALL ORDER BY ALL",
        {"members": list(members)},
    ).fetchall()
    names = ("month", "kind", "debit", "credit", "rule", "programme_version", "points", "entries")
    return [Total(**dict(zip(names, row, strict=True))) for row in rows]


def _namespace(identifier: str) -> str:
    return identifier.partition(":")[0]


def _rank(identifier: str) -> int:
    return _RANK.get(_namespace(identifier), -1)
