"""A rung of identifiers: links to stronger ones, events that wait for a link, release.

In: climbs that visit an identifier of this rung. While an event passes by on its own
identifiers it leaves a link to the strongest of them; once it climbs, its owner as of
then is looked up, and where there is none it waits. Out: climbs one rung further up,
links, notices, and who stayed a guest. A link that changes who owned the identifier when a
purchase was made takes the purchase back and sends it to whoever it belongs to. State a key:
spans of ownership, what is held (see `held_events`), recent browsing ids, a guest's totals.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.events import EVENT_TYPES
from schemas.flow import Climb, Message, Output
from schemas.ladder import DAY_MS, HOUR_MS, Ladder, Rung
from schemas.payloads import Unlink
from transforms.stitch import held_events
from transforms.stitch.enter import nobody
from transforms.stitch.guests import (
    Tally,
    claim,
    count,
    guest_row,
    tell_of_guest,
    tell_of_joining,
)
from transforms.stitch.held_events import Held, Waiting
from transforms.stitch.ownership import Ownership
from transforms.stitch.path import Paths, step_on
from transforms.stitch.rung_owners import RungOwners
from transforms.stitch.seen import seen_before, seen_lately

WEEK_MS: Final = 7 * DAY_MS


class IdentifierState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is remembered of an identifier: its owners, and what was done under it."""

    identifier: str
    ownership: Ownership
    held: Held = msgspec.field(default_factory=Held)
    seen: dict[str, int] = {}
    """Browsing events of the last hour, with when they were known."""
    shared_from: int | None = None
    """From then on it had more owners than it may, ms UTC."""
    guest: Tally | None = None
    guests_told: list[str] = []
    """Guests of whom decide was told because something of theirs waited here."""
    forget_at: int = 0
    """When nothing happens until then, the key is forgotten."""


class Identifier:
    """Operator of one rung between `receipt` and `member`."""

    state = IdentifierState

    def __init__(self, ladder: Ladder, rung: Rung) -> None:
        self.name = rung.rung
        self._rung = rung
        self._ladder = ladder
        self._paths = Paths(ladder)
        self._owners = RungOwners(rung)
        self._reachable = frozenset(ladder.guests.reachable) & frozenset(rung.namespaces)
        self._horizon_ms = ladder.horizon_ms
        self._wait_ms = {
            type_: getattr(rung.waits, kind.event_class) * HOUR_MS
            for type_, kind in EVENT_TYPES.items()
        }
        self._late_ms = {
            type_: ladder.late_days * DAY_MS if kind.money else 0
            for type_, kind in EVENT_TYPES.items()
        }

    def initial(self, key: str) -> IdentifierState:
        return IdentifierState(identifier=key, ownership=Ownership())

    def on_event(self, state: IdentifierState, message: Message) -> Iterable[Output]:
        climb, now = message.body, message.known_at
        assert isinstance(climb, Climb)
        if climb.retract:
            state.forget_at = state.forget_at or next_week(now)
            return self._take_back(state, climb, now)
        outputs = self._visit(state, climb, now)
        ladder = self._ladder
        known = state.ownership.spans or state.shared_from is not None
        keep_days = self._rung.forget_days if known else ladder.guests.keep_days
        state.forget_at = next_week(now + keep_days * DAY_MS)
        return outputs

    def next_timer(self, state: IdentifierState) -> int | None:
        due = state.forget_at
        held = state.held
        if held.waiting and held.waiting[0].until < due:
            due = held.waiting[0].until
        if held.tidy_at and held.tidy_at < due:
            due = held.tidy_at
        return due or None

    def on_timer(self, state: IdentifierState, due: int) -> Iterable[Output]:
        left = held_events.given_up(state.held, due)
        if state.held.tidy_at and state.held.tidy_at <= due:
            held_events.tidy(state.held, due)
        outputs = self._leave(state, left, due)
        if state.forget_at <= due:
            state.ownership = Ownership()
            state.held = Held()
            state.guest = None
            state.guests_told = []
            state.seen.clear()
            state.shared_from = None
            state.forget_at = 0
        return outputs

    def is_idle(self, state: IdentifierState) -> bool:
        return not state.forget_at

    def _visit(self, state: IdentifierState, climb: Climb, now: int) -> Iterable[Output]:
        event = climb.event
        own = not climb.climbing and climb.reason != "receipt"
        minutes = self._ladder.browse_duplicate_minutes
        if own and not climb.side and seen_before(state.seen, event, now, minutes):
            return (seen_lately(event, state.identifier, now),)
        outputs: list[Output] = []
        if own and event.type == "unlink":
            outputs.append(self._told_of_unlink(climb, now))
            return outputs + self._changed(state, self._owners.unlink(state, event, now), now)
        if own and event.type == "signed_out":
            outputs += self._changed(state, self._owners.sign_out(state, event, now), now)
        elif own and climb.rest:
            outputs += self._link(state, climb, now)
        if climb.side:
            return outputs
        if held_events.was_taken_back(state.held, climb, now):
            return outputs
        if self._reachable and self._can_reach(state.identifier):
            climb = step_on(climb, reach=state.identifier)
        if own and climb.rest:
            outputs.append(self._pass_by(state, climb))
        else:
            outputs += self._go_on(state, climb, now)
        return outputs

    def _told_of_unlink(self, climb: Climb, now: int) -> Output:
        """Whose the identifier no longer is learns of it, if that is a member."""
        wanted = climb.event.payload
        assert isinstance(wanted, Unlink)
        if not wanted.owner.startswith("member_id:"):
            return nobody(climb.event, self.name, "unlinked", now)
        return self._paths.send(
            step_on(
                climb, visit=wanted.owner, reason="unlinked", rung=self.name, climbing=True, rest=()
            )
        )

    def _can_reach(self, identifier: str) -> bool:
        namespace = identifier[: identifier.index(":")]
        return namespace in self._reachable

    def _pass_by(self, state: IdentifierState, climb: Climb) -> Output:
        """On to the next of the event's own identifiers."""
        strongest = climb.rest[-1]
        met = self._owners.at(state, climb.as_of, 0)
        others = tuple(owner for owner in met if owner != strongest)
        return self._paths.send(
            step_on(climb, visit=climb.rest[0], rest=climb.rest[1:], met=climb.met + others)
        )

    def _go_on(self, state: IdentifierState, climb: Climb, now: int) -> list[Output]:
        """To the owner as of then; without one, wait for one."""
        owners = self._owners_at(state, climb.as_of, climb.event.type)
        if not owners and not climb.rest:
            return self._wait(state, climb, now)
        until = climb.event.occurred_at + self._horizon_ms
        held_events.remember(state.held, climb, owners, until, now)
        return self._onward(climb, owners)

    def _onward(self, climb: Climb, owners: tuple[str, ...], retract: bool = False) -> list[Output]:
        forward = step_on(
            climb,
            reason=climb.reason or "link",
            rung=climb.rung or self.name,
            climbing=True,
            ambiguous=climb.ambiguous or not owners,
            retract=retract,
        )
        return [self._paths.send(one) for one in self._paths.onward(forward, owners)]

    def _take_back(self, state: IdentifierState, climb: Climb, now: int) -> Iterable[Output]:
        """A climb that came here before belongs elsewhere: so it does wherever it went on to."""
        own = not climb.climbing and climb.reason != "receipt"
        if own and climb.rest:
            onward = step_on(climb, visit=climb.rest[0], rest=climb.rest[1:])
            return (self._paths.send(onward),)
        passed = held_events.forget(state.held, climb, now)
        if passed is None:
            return ()
        if passed.left:
            return [nobody(climb.event, self.name, "retracted", now)] if climb.answers else []
        return self._onward(passed.climb, passed.owners, retract=True)

    def _owners_at(self, state: IdentifierState, at: int, type_: str) -> tuple[str, ...]:
        """Whose an event of that type was at that instant, or will have been."""
        return self._owners.at(state, at, self._wait_ms[type_])

    def _link(self, state: IdentifierState, climb: Climb, now: int) -> list[Output]:
        """Leave a link to the strongest identifier of the event; what that changes."""
        linked = self._owners.link(state, climb, now)
        if linked is None:
            return []
        joined = tell_of_joining(state.guests_told, climb.event, climb.rest[-1])
        return [*joined, *self._changed(state, linked, now)]

    def _changed(self, state: IdentifierState, rows: list[Output] | None, now: int) -> list[Output]:
        """What follows for events, if ownership changed."""
        return [] if rows is None else rows + self._reconsider(state, now)

    def _reconsider(self, state: IdentifierState, now: int) -> list[Output]:
        """Whose are the events that went on, and those that wait, by what is known now?"""
        outputs: list[Output] = []
        held = state.held
        for key, one in list(held.passed.items()):
            if one.until <= now:
                continue
            if set(self._owners_at(state, one.as_of, one.type)) == set(one.owners):
                continue
            del held.passed[key]
            climb = one.climb
            if one.left:
                outputs += claim(state.identifier, state.guest, climb, self.name, now)
                climb = step_on(climb, reason="released")
            else:
                outputs += self._onward(climb, one.owners, retract=True)
            outputs += self._go_on(state, climb, now)
        waiting = held.waiting
        held.waiting = []
        for waits in waiting:
            climb = waits.climb
            if self._owners_at(state, climb.as_of, climb.event.type):
                outputs += self._go_on(state, step_on(climb, reason="released"), now)
            else:
                held.waiting.append(waits)
        return outputs

    def _wait(self, state: IdentifierState, climb: Climb, now: int) -> list[Output]:
        type_ = climb.event.type
        until = now + self._wait_ms[type_] + self._late_ms[type_]
        if until == now:
            return self._leave(state, [Waiting(climb=climb, until=until)], now)
        left = held_events.wait(state.held, climb, until, self._ladder.browse_waiting_max)
        return [*tell_of_guest(state.guests_told, climb), *self._leave(state, left, now)]

    def _leave(self, state: IdentifierState, left: list[Waiting], now: int) -> list[Output]:
        """What nobody claimed is guest activity from now on."""
        reason = "anonymous" if self._rung.sign_out else "guest"
        rows: list[Output] = []
        for climb in (waiting.climb for waiting in left):
            until = climb.event.occurred_at + self._horizon_ms
            held_events.remember(state.held, climb, (), until, now)
            if climb.answers:
                rows.append(nobody(climb.event, self.name, reason, now))
                state.guest = count(state.guest, climb.event)
        if state.guest is not None and rows:
            rows.append(guest_row(state.identifier, state.guest, now))
        return rows


def next_week(at: int) -> int:
    """Rounded up, so that a busy key's timer moves once a week and not at each event."""
    return -(-at // WEEK_MS) * WEEK_MS
