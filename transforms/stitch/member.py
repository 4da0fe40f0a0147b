"""The member rung: the top of the ladder, where an event is somebody's.

In: climbs that visit `"member_id:<id>"`. Out: the event, attributed, to accrue; a row
that says whose it is and why; a conflict where a weaker identifier on the event
belongs to another member. An event that comes again, with nothing but the member's id on it, goes
no further.
"""

from collections.abc import Iterable

import msgspec

from schemas.flow import Attributed, Climb, Message, Output, Send
from schemas.identity import EventOwner, IdentityNotice
from schemas.ladder import Ladder
from transforms.stitch.enter import nobody
from transforms.stitch.seen import seen_before

_PREFIX = len("member_id:")


class MemberState(msgspec.Struct, kw_only=True):
    """What is remembered of a member here."""

    seen: dict[str, int] = {}
    """Events that named the member, and when they were known, ms UTC."""


class Member:
    """Operator of the rung `member`."""

    name = "member"
    state = MemberState

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder

    def initial(self, key: str) -> MemberState:
        return MemberState()

    def on_event(self, state: MemberState, message: Message) -> Iterable[Output]:
        climb = message.body
        assert isinstance(climb, Climb)
        now = message.known_at
        event = climb.event
        if climb.ambiguous or climb.rest:
            return (nobody(event, climb.rung or self.name, "held_ambiguous", now),)
        member_id = climb.visit[_PREFIX:]
        minutes = self._ladder.browse_duplicate_minutes
        own = not climb.climbing and not climb.reason
        if own and seen_before(state.seen, event, now, minutes):
            return (
                IdentityNotice(
                    kind="duplicate",
                    identifier=climb.visit,
                    detail="seen within the hour",
                    source=event.source,
                    event_id=event.event_id,
                    known_at=now,
                ),
            )
        reason = climb.reason or "member_id"
        rung = climb.rung or self.name
        outputs: list[Output] = [
            EventOwner(
                source=event.source,
                event_id=event.event_id,
                type=event.type,
                member_id=member_id,
                rung=rung,
                reason=reason,
                known_at=now,
            ),
            Send(
                "accrue",
                member_id,
                Attributed(event=event, member_id=member_id, reason=reason, rung=rung),
            ),
        ]
        for owner in climb.met:
            if owner.startswith("member_id:") and owner != climb.visit:
                outputs.append(
                    IdentityNotice(
                        kind="conflict",
                        identifier=climb.visit,
                        detail=f"a weaker identifier belongs to {owner}",
                        source=event.source,
                        event_id=event.event_id,
                        known_at=now,
                    )
                )
        return outputs

    def next_timer(self, state: MemberState) -> int | None:
        return None

    def on_timer(self, state: MemberState, due: int) -> Iterable[Output]:
        return ()

    def is_idle(self, state: MemberState) -> bool:
        return not state.seen
