"""What stitch writes: who each event belongs to, and why."""

from typing import Annotated, ClassVar

from msgspec import Meta

from schemas.flow import Row


class EventOwner(Row, frozen=True, kw_only=True):
    """Whom each event was attributed to, retractions included. One row an answer, and one more
    if it is taken back."""

    table: ClassVar[str] = "event_owners"
    source: Annotated[str, Meta(description="the stream the event came on")]
    event_id: Annotated[str, Meta(description="unique within the source")]
    type: Annotated[str, Meta(description="the event's type")]
    member_id: Annotated[str | None, Meta(description="the member; null: nobody's yet or a guest")]
    rung: Annotated[str, Meta(description="the rung of the ladder that answered")]
    reason: Annotated[
        str,
        Meta(
            description="member_id, link, receipt, released, guest, anonymous, "
            "held_ambiguous; unlinked or refused: of a command or a merge; retracted: the answer "
            "with this member_id no longer stands"
        ),
    ]
    known_at: Annotated[int, Meta(description="when the engine knew, ms UTC", extra={"ms": True})]


class IdentityLink(Row, frozen=True, kw_only=True):
    """An identifier and its owner from a time on; until_at is set when it ended. One that ends
    where it began turned out never to have been."""

    table: ClassVar[str] = "identity_links"
    keys: ClassVar[tuple[str, ...]] = ("namespace", "value", "owner", "from_at")
    namespace: Annotated[str, Meta(description="of the identifier")]
    value: Annotated[str, Meta(description="of the identifier; emails and phones pseudonymised")]
    owner: Annotated[str, Meta(description="the stronger identifier that owns it, namespace:value")]
    from_at: Annotated[int, Meta(description="owned from, ms UTC", extra={"ms": True})]
    until_at: Annotated[
        int | None, Meta(description="owned until; null: still", extra={"ms": True})
    ]
    reason: Annotated[
        str, Meta(description="why: the type of the event; superseded: it never was, after all")
    ]
    event_id: Annotated[str, Meta(description="the event behind it, source/event_id")]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class IdentityNotice(Row, frozen=True, kw_only=True):
    """What stitch decided not to do, and why: conflicts, shared identifiers, duplicates."""

    table: ClassVar[str] = "identity_notices"
    kind: Annotated[str, Meta(description="conflict, shared or duplicate")]
    identifier: Annotated[str, Meta(description="the identifier concerned, namespace:value")]
    detail: Annotated[str, Meta(description="what disagreed or was exceeded")]
    source: Annotated[str, Meta(description="of the event behind it")]
    event_id: Annotated[str, Meta(description="of the event behind it")]
    known_at: Annotated[int, Meta(description="when, ms UTC", extra={"ms": True})]


class Guest(Row, frozen=True, kw_only=True):
    """Someone known only by an identifier that no member owns: what they did as a guest."""

    table: ClassVar[str] = "guests"
    keys: ClassVar[tuple[str, ...]] = ("guest_id",)
    guest_id: Annotated[str, Meta(description="namespace:value of the strongest identifier")]
    namespace: Annotated[str, Meta(description="its namespace")]
    first_at: Annotated[int, Meta(description="first event, ms UTC", extra={"ms": True})]
    last_at: Annotated[int, Meta(description="last event, ms UTC", extra={"ms": True})]
    events: Annotated[int, Meta(description="events that left as guest activity")]
    spend: Annotated[int, Meta(description="their purchases less returns, minor units")]
    version: Annotated[int, Meta(description="grows with each change of the row")]
