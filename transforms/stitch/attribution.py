"""The end of a climb: an event is somebody's, or no longer.

In: a climb that has reached its member. Out: the row that says whose the event is and why, the
event for accrue, and a conflict where a weaker identifier on it belongs to another member.
"""

from collections.abc import Iterable

from schemas.flow import Attributed, Climb, Output, Send
from schemas.identity import EventOwner, IdentityNotice
from transforms.stitch.enter import nobody


def attribute(climb: Climb, member_id: str, now: int) -> Iterable[Output]:
    """The event is the member's; with `climb.retract`, it was."""
    event = climb.event
    reason = climb.reason or "member_id"
    rung = climb.rung or "member"
    yield EventOwner(
        source=event.source,
        event_id=event.event_id,
        type=event.type,
        member_id=member_id,
        rung=rung,
        reason="retracted" if climb.retract else reason,
        known_at=now,
    )
    yield Send(
        "accrue",
        member_id,
        Attributed(
            event=event, member_id=member_id, reason=reason, rung=rung, retract=climb.retract
        ),
    )
    if climb.retract:
        return
    for owner in climb.met:
        if owner.startswith("member_id:") and owner != climb.visit:
            yield IdentityNotice(
                kind="conflict",
                identifier=climb.visit,
                detail=f"a weaker identifier belongs to {owner}",
                source=event.source,
                event_id=event.event_id,
                known_at=now,
            )


def ambiguous(climb: Climb, now: int) -> Iterable[Output]:
    """The identifiers of the event lead to several members, or one of them nowhere."""
    if climb.answers:
        reason = "retracted" if climb.retract else "held_ambiguous"
        yield nobody(climb.event, climb.rung or "member", reason, now)
