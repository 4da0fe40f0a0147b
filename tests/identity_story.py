"""Events about who is who, told in a line each, and what became of them in the end.

`at` and `known_at` are ms after the start of `in_memory`; identifiers are "cookie:c1 member_id:m1".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from in_memory import event, ladder, stitch

from schemas.events import EVENT_TYPES, Event
from schemas.flow import Attributed
from schemas.identity import IdentityLink, IdentityNotice
from schemas.ladder import Ladder

LINE = {"line_id": "1", "sku": "a", "amount": 1000}
NOBODY = None


def sale(
    event_id: str,
    at: int,
    identifiers: str = "",
    *,
    transaction: str = "",
    amount: int = 1000,
    **more: Any,
):
    return event(
        event_id,
        "sale",
        at,
        identifiers,
        currency="USD",
        lines=[{**LINE, "amount": amount}],
        transaction_id=transaction or f"t-{event_id}",
        **more,
    )


def ordered(event_id: str, at: int, identifiers: str = "", *, order: str, **more: Any):
    return event(
        event_id,
        "order_placed",
        at,
        identifiers,
        source="web",
        order_id=order,
        lines=[LINE],
        **more,
    )


def returned(event_id: str, at: int, identifiers: str = "", *, transaction: str | None, **more):
    return event(
        event_id,
        "return",
        at,
        identifiers,
        source="pos",
        return_id=event_id,
        transaction_id=transaction,
        lines=[LINE],
        **more,
    )


def seen(event_id: str, at: int, identifiers: str = "", **more: Any):
    return event(event_id, "page_viewed", at, identifiers, source="web", name="home", **more)


def signed_in(event_id: str, at: int, identifiers: str = "", **more: Any):
    return event(event_id, "signed_in", at, identifiers, source="web", **more)


def signed_out(event_id: str, at: int, identifiers: str = "", **more: Any):
    return event(event_id, "signed_out", at, identifiers, source="web", **more)


def enrolled(event_id: str, at: int, identifiers: str = "", **more: Any):
    return event(event_id, "enrolled", at, identifiers, **more)


def updated(event_id: str, at: int, identifiers: str = "", **more: Any):
    return event(event_id, "profile_updated", at, identifiers, **more)


def unlinked(event_id: str, at: int, identifier: str, owner: str, **more: Any):
    return event(
        event_id, "unlink", at, identifier, owner=owner, reason="wrong", actor="ada", **more
    )


def merged(event_id: str, at: int, loser: str, winner: str, **more: Any):
    return event(
        event_id, "account_merged", at, f"member_id:{winner}", loser=loser, winner=winner, **more
    )


def told(events: Iterable[Event]) -> str:
    """A history, to be read in a failure."""
    lines = []
    for one in sorted(events, key=lambda e: e.received_at):
        late = one.received_at - one.occurred_at
        payload = msgspec.to_builtins(one.payload)
        named = {
            k: payload[k] for k in ("transaction_id", "owner", "loser", "winner") if payload.get(k)
        }
        lines.append(
            f"  {one.type} {one.event_id} at {one.occurred_at} known +{late}: "
            f"{' '.join(one.identifiers)} {named or ''}"
        )
    return "\n" + "\n".join(lines)


def final_members(
    bodies: Iterable[Any], survivors: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Whose each event is once all that was taken back is taken back; nobody's are left out.

    With `survivors`, those who were merged are one person: what was given to one of them may be
    taken back from the other, who has their purchases now.
    """
    person = survivors or {}
    given: Counter[tuple[str, str]] = Counter()
    for body in bodies:
        if isinstance(body, Attributed) and body.event.type not in ("account_merged", "unlink"):
            member_id = person.get(body.member_id, body.member_id)
            given[body.event.event_id, member_id] += -1 if body.retract else 1
    assert set(given.values()) <= {0, 1}, f"given or taken back twice: {given}"
    found: dict[str, str] = {}
    for (event_id, member_id), count in given.items():
        if count:
            assert event_id not in found, f"{event_id} is two members'"
            found[event_id] = member_id
    return found


def money_only(found: Mapping[str, str], events: Iterable[Event]) -> dict[str, str]:
    money = {e.event_id for e in events if EVENT_TYPES[e.type].money}
    return {event_id: member for event_id, member in found.items() if event_id in money}


def members(events: Iterable[Event], config: Ladder | None = None) -> dict[str, str]:
    """Whose each event is in the end."""
    return final_members(stitch(events, config)[0])


def standing_links(rows: Iterable[Any]) -> dict[tuple[str, str, str], set[tuple[int, int | None]]]:
    """(namespace, value, owner) → the spans (from_at, until_at) that stand at the end."""
    newest: dict[tuple[Any, ...], IdentityLink] = {}
    for row in rows:
        if isinstance(row, IdentityLink):
            key = tuple(getattr(row, name) for name in IdentityLink.keys)
            if key not in newest or newest[key].version <= row.version:
                newest[key] = row
    found: dict[tuple[str, str, str], set[tuple[int, int | None]]] = {}
    for row in newest.values():
        if row.until_at is None or row.until_at > row.from_at:
            spans = found.setdefault((row.namespace, row.value, row.owner), set())
            spans.add((row.from_at, row.until_at))
    return found


def notices(rows: Iterable[Any]) -> list[IdentityNotice]:
    return [row for row in rows if isinstance(row, IdentityNotice)]


def with_rung(name: str, config: Ladder | None = None, **changes: Any) -> Ladder:
    """The ladder with one rung changed."""
    config = config or ladder()
    rungs = tuple(
        msgspec.structs.replace(rung, **changes) if rung.rung == name else rung
        for rung in config.rungs
    )
    return msgspec.structs.replace(config, rungs=rungs)
