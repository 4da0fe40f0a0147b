"""The person rung: where the branches of a climb meet, or don't.

An identifier with several owners is its person's if all of them are one person: two cards of one
member, an old account and the one that it was merged into. In: branches that have reached their
member. Out: the event, attributed, once all branches are here; the answer that nobody can tell,
if they aren't when the instant at which they came is over. What guests do passes through, for they
are persons, too. State: meetings, for as long as an event's owner may change.
"""

from collections.abc import Iterable
from fractions import Fraction

import msgspec

from schemas.flow import Climb, GuestActed, GuestJoined, Message, Output, Send
from schemas.ladder import DAY_MS, Ladder
from transforms.stitch.attribution import ambiguous, attribute
from transforms.stitch.path import step_on


class Meeting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Branches of one event that came to one person."""

    climb: Climb
    """The branch that answers, once it has come; else any."""
    until: int
    here: tuple[int, int] = (0, 1)
    """Which share of the climb is here, as a fraction."""
    answering: int = 0
    """How often the branch that answers came, less how often it was taken back."""
    booked: bool = False
    """The last answer was that it is theirs."""
    unclear: bool = False
    """The last answer was that nobody can tell."""


class PersonState(msgspec.Struct, kw_only=True, omit_defaults=True):
    meetings: dict[str, Meeting] = {}
    """By event."""
    open: list[str] = []
    """Those that something came to at this instant."""
    answer_at: int = 0
    tidy_at: int = 0


class Person:
    """Operator of the rung `person`."""

    name = "person"
    state = PersonState

    def __init__(self, ladder: Ladder) -> None:
        self._keep_ms = ladder.horizon_ms

    def initial(self, key: str) -> PersonState:
        return PersonState()

    def on_event(self, state: PersonState, message: Message) -> Iterable[Output]:
        climb, now = message.body, message.known_at
        if isinstance(climb, GuestActed | GuestJoined):
            return (Send("accrue", message.key, climb),)
        assert isinstance(climb, Climb)
        key = f"{climb.event.source}/{climb.event.event_id}"
        meeting = state.meetings.get(key)
        if meeting is None:
            meeting = Meeting(climb=climb, until=now + self._keep_ms)
            state.meetings[key] = meeting
            if not state.tidy_at:
                state.tidy_at = (meeting.until // DAY_MS + 1) * DAY_MS
        if climb.answers:
            meeting.climb = climb
            meeting.answering += -1 if climb.retract else 1
        elif meeting.climb.survivor != climb.survivor:
            meeting.climb = step_on(meeting.climb, survivor=climb.survivor)
        if not climb.ambiguous:
            share = Fraction(-1 if climb.retract else 1, climb.parts)
            meeting.here = (Fraction(*meeting.here) + share).as_integer_ratio()
        state.answer_at = now
        if key not in state.open:
            state.open.append(key)
        return ()

    def next_timer(self, state: PersonState) -> int | None:
        return state.answer_at or state.tidy_at or None

    def on_timer(self, state: PersonState, due: int) -> Iterable[Output]:
        outputs: list[Output] = []
        if state.answer_at:
            for key in state.open:
                outputs += self._answer(state, key, due)
            state.open = []
            state.answer_at = 0
        if state.tidy_at and state.tidy_at <= due:
            state.meetings = {key: one for key, one in state.meetings.items() if one.until > due}
            ends = min((one.until for one in state.meetings.values()), default=None)
            state.tidy_at = 0 if ends is None else (ends // DAY_MS + 1) * DAY_MS
        return outputs

    def is_idle(self, state: PersonState) -> bool:
        return not state.meetings

    def _answer(self, state: PersonState, key: str, now: int) -> Iterable[Output]:
        meeting = state.meetings[key]
        climb = meeting.climb
        member_id = climb.survivor
        here = Fraction(*meeting.here)
        unclear = here < 1 and meeting.answering > 0
        if meeting.unclear and not unclear:
            yield from ambiguous(step_on(climb, retract=True), now)
        if here == 1 and not meeting.booked:
            meeting.booked = True
            yield from attribute(step_on(climb, retract=False), member_id, now)
        elif here < 1 and meeting.booked:
            meeting.booked = False
            yield from attribute(step_on(climb, retract=True), member_id, now)
        if unclear and not meeting.unclear:
            yield from ambiguous(step_on(climb, retract=False), now)
        meeting.unclear = unclear
        if here <= 0 and meeting.answering <= 0:
            del state.meetings[key]
