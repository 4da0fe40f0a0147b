"""The member rung: the top of the ladder, where an event is somebody's.

In: climbs that visit `"member_id:<id>"`. Out: the event, attributed, to accrue; or, of a climb
that branched, the branch to the person rung. A member that was merged into another one is an
alias: whatever comes later is the survivor's. An event that comes again, with nothing but the
member's id on it, goes no further. A member who has more identifiers than they may loses one, by
an `unlink` through the loop.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.erasure import is_orphan
from schemas.flow import Attributed, Climb, Message, Output, Send
from schemas.identity import EventOwner, IdentityLink
from schemas.ladder import DAY_MS, Ladder
from transforms.stitch.attribution import ambiguous, attribute
from transforms.stitch.identifier import next_week
from transforms.stitch.member_limits import LimitedIdentifiers, MemberLimits
from transforms.stitch.path import step_on
from transforms.stitch.seen import seen_before, seen_lately

MEMBER: Final = "member_id:"


class MemberState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is remembered of a member here."""

    seen: dict[str, int] = {}
    """Events that named the member, and when they were known, ms UTC."""
    survivor: str = ""
    """The member in whom this one goes on; empty: this is one of their own."""
    merged_at: int = 0
    merged_by: str = ""
    """When the member became the survivor's alias, ms UTC, and by which event."""
    limited: LimitedIdentifiers = msgspec.field(default_factory=LimitedIdentifiers)
    forget_at: int = 0
    """When nothing happens until then, all is forgotten but that the member is an alias."""
    taken_back: list[Climb] = []
    """Climbs that are taken back at `answer_at`, unless they come again at this same instant."""
    answer_at: int = 0
    sent: dict[str, tuple[str, int]] = {}
    """Branches that went on: under which name of the person, which may have been merged since, and
    until when they may be taken back, ms UTC."""


class Member:
    """Operator of the rung `member`."""

    name = "member"
    state = MemberState

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._limits = MemberLimits(ladder)
        self._keep_ms = max((rung.forget_days for rung in ladder.rungs), default=1) * DAY_MS

    def initial(self, key: str) -> MemberState:
        return MemberState()

    def on_event(self, state: MemberState, message: Message) -> Iterable[Output]:
        climb, now = message.body, message.known_at
        assert isinstance(climb, Climb)
        state.forget_at = next_week(now + self._keep_ms)
        if climb.survivor:
            return self._merge(state, climb, now)
        event = climb.event
        if climb.parts == 1 and self._is_settled_later(state, climb, now):
            return ()
        if climb.ambiguous and climb.parts == 1:
            return ambiguous(climb, now)
        own = not climb.climbing and not climb.reason
        minutes = self._ladder.browse_duplicate_minutes
        if own and seen_before(state.seen, event, now, minutes):
            return (seen_lately(event, climb.visit, now),)
        member_id = state.survivor or climb.visit[len(MEMBER) :]
        if climb.parts > 1:
            person = f"{MEMBER}{self._sent_as(state, climb, member_id, now)}"
            return (Send("person", person, step_on(climb, visit=person, survivor=member_id)),)
        outputs = list(attribute(climb, member_id, now))
        if climb.reason != "receipt" and not is_orphan(member_id):
            outputs += self._limits.note(state.limited, climb, now)
        return outputs

    def next_timer(self, state: MemberState) -> int | None:
        return state.answer_at or state.forget_at or None

    def on_timer(self, state: MemberState, due: int) -> Iterable[Output]:
        """The instant is over: what was taken back and didn't come again isn't theirs any more."""
        if not state.answer_at:
            state.seen = {}
            state.limited = LimitedIdentifiers()
            state.sent = {}
            state.forget_at = 0
            return ()
        member_id = state.survivor
        outputs: list[Output] = []
        for climb in state.taken_back:
            if climb.ambiguous:
                outputs += ambiguous(climb, due)
            else:
                outputs += attribute(climb, member_id or climb.visit[len(MEMBER) :], due)
        state.taken_back = []
        state.answer_at = 0
        return outputs

    def is_idle(self, state: MemberState) -> bool:
        return not (state.forget_at or state.survivor)

    def _sent_as(self, state: MemberState, climb: Climb, member_id: str, now: int) -> str:
        """Under which name of the person a branch goes on; what is taken back goes where it was."""
        key, sent = climb.event_key, state.sent
        if climb.retract:
            return sent.pop(key, (member_id, 0))[0]
        while sent and next(iter(sent.values()))[1] < now:
            del sent[next(iter(sent))]
        sent.pop(key, None)
        sent[key] = member_id, now + self._ladder.horizon_ms
        return member_id

    @staticmethod
    def _is_settled_later(state: MemberState, climb: Climb, now: int) -> bool:
        """Keep what is taken back until the instant is over; what comes again meanwhile stays as
        it was. Within an instant a retraction comes first."""
        if climb.retract:
            state.taken_back.append(climb)
            state.answer_at = now
            return True
        if state.answer_at == now:
            for one in state.taken_back:
                if one.event.key == climb.event.key and one.ambiguous == climb.ambiguous:
                    state.taken_back.remove(one)
                    return True
        return False

    def _merge(self, state: MemberState, climb: Climb, now: int) -> Iterable[Output]:
        """The directory says in whom this member goes on; that may be themselves."""
        event, member_id = climb.event, climb.visit[len(MEMBER) :]
        to_accrue = Send(
            "accrue",
            member_id,
            Attributed(
                event=event,
                member_id=member_id,
                reason="member_id",
                rung=self.name,
                survivor=climb.survivor,
            ),
        )
        reference = f"{event.source}/{event.event_id}"
        if member_id == climb.survivor:
            owner = EventOwner(
                source=event.source,
                event_id=event.event_id,
                type=event.type,
                member_id=member_id,
                rung=self.name,
                reason="member_id",
                known_at=now,
            )
            return owner, to_accrue
        links: list[Output] = []
        if state.survivor:
            links.append(_alias(state, member_id, ends_at=now))
        else:
            links.append(to_accrue)
        state.survivor, state.merged_at, state.merged_by = climb.survivor, now, reference
        return [*links, _alias(state, member_id, ends_at=None)]


def _alias(state: MemberState, member_id: str, ends_at: int | None) -> IdentityLink:
    """The link of an account to the one in which it goes on."""
    return IdentityLink(
        namespace="member_id",
        value=member_id,
        owner=f"{MEMBER}{state.survivor}",
        from_at=state.merged_at,
        until_at=ends_at,
        reason="account_merged",
        event_id=state.merged_by,
        version=state.merged_at if ends_at is None else ends_at,
    )
