"""The operator: everything that is said to one member is decided here, in one keyed step.

In: attributed events, then the signals of accrue and score about them, and timers. Out: the rows
`members`, `journeys`, `decisions`, `triggers` and `deliveries`, and, where somebody wants it, the
member's state for a topic. Messages that interrupt are never sent while news is coming in: they are
decided by a timer due at that same instant, when all news of the instant is known, so that a
purchase and the tier it brought compete for one message, and are one new state.
"""

from collections.abc import Iterable, Sequence

from schemas.erasure import is_orphan
from schemas.flow import (
    AccountChanged,
    AnyBody,
    Attributed,
    GuestActed,
    GuestJoined,
    Message,
    Output,
    ScoreChanged,
    TierChanged,
)
from schemas.journeys import Conversation, Journey
from transforms.decide.attention import notice, overlook
from transforms.decide.conditions import ACCOUNT, SCORE, TIER
from transforms.decide.end_conversation import end_conversation, hear_after_the_end
from transforms.decide.enter_journeys import News, enter, follow, take_back_entries
from transforms.decide.guest_state import GuestState
from transforms.decide.guests import GUEST, forget_guest, new_guest, remember_guest
from transforms.decide.journey_plans import Rules
from transforms.decide.member_row import member_row
from transforms.decide.member_state import DecideState, Ended, Told
from transforms.decide.quiet_hours import zone_name
from transforms.decide.remember import (
    forget_event,
    remember_account,
    remember_event,
    remember_score,
    remember_tier,
)
from transforms.decide.send_messages import settle
from transforms.decide.show_surfaces import keep_current, show_moments
from transforms.decide.take_feedback import FEEDBACK, take_feedback
from transforms.decide.tell_state import plan_to_tell, tell_state
from transforms.decide.turn import Turn
from transforms.decide.walk_journeys import go_on, resume

ENDS = frozenset({"erasure_requested", "account_merged"})


class Decide:
    """Journeys and one conversation policy, applied to one member at a time."""

    name = "decide"
    state = DecideState

    def __init__(
        self, journeys: Sequence[Journey], policy: Conversation, *, tells_state: bool = False
    ) -> None:
        """`tells_state`: also write each member's state, which a topic tells; it costs time, and
        no other row depends on it."""
        self.rules = Rules(tuple(journeys), policy)
        self.tells_state = tells_state

    def initial(self, key: str) -> DecideState:
        if is_orphan(key):
            return DecideState(member_id=key, ended=Ended(because="erased", at=0))
        return new_guest(key) if key.startswith(GUEST) else DecideState(member_id=key)

    def is_idle(self, state: DecideState) -> bool:
        return state.version == 0 and not state.passages and not state.consents

    def next_timer(self, state: DecideState) -> int | None:
        told = None if state.told is None else state.told.due
        if not state.passages:
            return told if state.guest is None else state.guest.forget_at or None
        due = min(passage.due for passage in state.passages)
        return due if told is None else min(due, told)

    def on_event(self, state: DecideState, message: Message) -> Iterable[Output]:
        """Remember the news, show it on surfaces, and let journeys begin, go on or end."""
        body = message.body
        turn = Turn(self.rules, state, message.known_at)
        if state.guest is not None:
            self._of_guest(turn, state.guest, body)
            return turn.out
        if state.ended is not None and not self._begins_anew(state, state.ended, body):
            if isinstance(body, AccountChanged) and not is_orphan(state.member_id):
                hear_after_the_end(turn, body)
            return turn.out
        if self.tells_state and state.told is None:
            state.told = Told()
        if isinstance(body, Attributed):
            self._on_attributed(turn, body)
        elif isinstance(body, AccountChanged):
            self._changed(turn, remember_account(state, body))
            self._news(turn, ACCOUNT, body)
            keep_current(turn)
        elif isinstance(body, TierChanged):
            self._changed(turn, remember_tier(state, body))
            self._news(turn, TIER, body)
        elif isinstance(body, ScoreChanged):
            self._changed(turn, remember_score(state, body))
            self._news(turn, SCORE, body)
        if turn.moved:
            turn.write_entries()
        if state.told is not None:
            plan_to_tell(state.told, body, turn)
        return turn.out

    def _on_attributed(self, turn: Turn, body: Attributed) -> None:
        state, event = turn.state, body.event
        if event.occurred_at < state.silent_before:
            return
        if body.retract:
            forget_event(state, event)
            take_back_entries(turn, event)
            if state.told is not None:
                overlook(state.told, event)
            return
        if event.type in ENDS:
            if event.type == "erasure_requested":
                end_conversation(turn, "erased", event.occurred_at)
                return
            if body.survivor and body.survivor != state.member_id:
                end_conversation(turn, "merged", event.occurred_at, body.survivor)
                return
        changed, new_address = remember_event(state, event, turn.now)
        if state.told is not None:
            notice(state.told, event, turn.now)
        self._changed(turn, changed)
        if event.type in FEEDBACK:
            take_feedback(turn, event)
        self._news(turn, event.type, event)
        repeated = event.type == "case_opened" and not changed
        if event.type in self.rules.moments and not repeated:
            show_moments(turn, event)
        if new_address or event.type == "signed_in":
            keep_current(turn)

    def _changed(self, turn: Turn, changed: bool) -> None:
        """A new version of the member's row, once a message, before anything shows it."""
        if changed:
            turn.state.version += 1
            turn.out.append(member_row(turn.state, zone_name(turn.state, self.rules.policy)))

    def _news(self, turn: Turn, topic: str, news: News) -> None:
        members = self.rules.members
        if turn.state.passages and topic in members.watched:
            follow(turn, topic, news)
        if topic in members.entries:
            enter(turn, members.entries[topic], topic, news)

    def _begins_anew(self, state: DecideState, ended: Ended, body: AnyBody) -> bool:
        """Whoever enrols after they were erased is somebody new; an alias stays one."""
        anew = (
            ended.because == "erased"
            and isinstance(body, Attributed)
            and body.event.type == "enrolled"
            and not body.retract
            and body.event.occurred_at > ended.at
            and not is_orphan(state.member_id)
        )
        if anew:
            state.ended, state.silent_before = None, ended.at + 1
        return anew

    def _of_guest(self, turn: Turn, guest: GuestState, body: AnyBody) -> None:
        """What a guest does, or that they are one no more. Points and scores are of members."""
        state, rules = turn.state, self.rules
        if isinstance(body, GuestJoined):
            if state.ended is None and not self.is_idle(state):
                end_conversation(turn, "joined", body.event.occurred_at)
            return
        if not isinstance(body, GuestActed | Attributed):
            return
        event = body.event
        if state.ended is not None:
            if state.ended.because == "erased":
                return
            if event.type in FEEDBACK:
                take_feedback(turn, event)
                return
            state.ended = None
        remember_guest(state, event, turn.now, rules.policy.guests.keep_days)
        if event.type == "erasure_requested":
            end_conversation(turn, "erased", event.occurred_at)
            return
        if event.type in FEEDBACK:
            take_feedback(turn, event)
        if state.passages and event.type in rules.guests.watched:
            follow(turn, event.type, event)
        if event.type in rules.guests.entries:
            enter(turn, rules.guests.entries[event.type], event.type, event)
        if turn.moved:
            turn.write_entries()

    def on_timer(self, state: DecideState, due: int) -> Iterable[Output]:
        """Move on who is due, until nobody is; then all messages of the instant are decided, and
        what has become of the member is told."""
        turn = Turn(self.rules, state, due)
        if state.guest is not None and not state.passages:
            forget_guest(state)
            return ()
        while passages := [passage for passage in state.passages if passage.due <= due]:
            resumed = [resume(turn, passage) for passage in passages]
            candidates = [candidate for candidate in resumed if candidate is not None]
            for candidate in settle(turn, candidates):
                go_on(turn, candidate.plan, candidate.passage)
            for candidate in candidates:
                turn.moved[candidate.passage.entry_id] = candidate.passage
        turn.write_entries()
        if state.guest is not None and not state.passages and state.guest.forget_at <= due:
            forget_guest(state)
        if state.told is not None:
            turn.out += tell_state(turn, state.told)
        return turn.out
