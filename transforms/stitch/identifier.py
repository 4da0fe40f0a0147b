"""A rung of identifiers: links to stronger ones, events that wait for a link, release.

In: climbs that visit an identifier of this rung. While an event passes by on its own
identifiers it leaves a link to the strongest of them; once it climbs, its owner as of
then is looked up, and where there is none it waits. Out: climbs one rung further up,
links, notices, and who stayed a guest. State a key: spans of ownership, what waits
(bounded), recent browsing ids, a guest's totals.
"""

from collections.abc import Callable, Iterable

import msgspec

from schemas.events import EVENT_TYPES, Event
from schemas.flow import Climb, Message, Output
from schemas.identity import EventOwner, Guest, IdentityLink, IdentityNotice
from schemas.ladder import DAY_MS, HOUR_MS, Ladder, Rung
from transforms.stitch.enter import nobody
from transforms.stitch.guests import Tally, count, guest_row
from transforms.stitch.ownership import (
    Ownership,
    Span,
    all_owners,
    first_owner,
    last_owner,
    observe,
    owners_since,
    sign_out,
    until,
)
from transforms.stitch.path import Paths, step_on
from transforms.stitch.seen import seen_before

WEEK_MS = 7 * DAY_MS

TWO_OWNERS: dict[str, Callable[[Ownership, int, int], tuple[str, ...]]] = {
    "last_owner": last_owner,
    "hold": all_owners,
    "refuse": first_owner,
}


class Waiting(msgspec.Struct, kw_only=True, frozen=True):
    climb: Climb
    until: int


class IdentifierState(msgspec.Struct, kw_only=True):
    identifier: str
    ownership: Ownership
    waiting: list[Waiting] = []
    seen: dict[str, int] = {}
    """Browsing events of the last hour, with when they were known."""
    shared: bool = False
    guest: Tally | None = None
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
        self._owners = TWO_OWNERS[rung.two_owners]
        waits = rung.waits
        self._wait_ms = {
            type_: getattr(waits, kind.event_class) * HOUR_MS for type_, kind in EVENT_TYPES.items()
        }
        self._late_ms = {
            type_: ladder.late_days * DAY_MS if kind.money else 0
            for type_, kind in EVENT_TYPES.items()
        }

    def initial(self, key: str) -> IdentifierState:
        return IdentifierState(identifier=key, ownership=Ownership())

    def on_event(self, state: IdentifierState, message: Message) -> Iterable[Output]:
        climb = message.body
        assert isinstance(climb, Climb)
        outputs = self._visit(state, climb, message.known_at)
        keep_days = self._rung.forget_days if state.ownership.spans else self._ladder.guest_days
        state.forget_at = _next_week(message.known_at + keep_days * DAY_MS)
        return outputs

    def next_timer(self, state: IdentifierState) -> int | None:
        if state.waiting:
            return min(waiting.until for waiting in state.waiting)
        return state.forget_at or None

    def on_timer(self, state: IdentifierState, due: int) -> Iterable[Output]:
        given_up = [waiting for waiting in state.waiting if waiting.until <= due]
        state.waiting = [waiting for waiting in state.waiting if waiting.until > due]
        if not state.waiting and state.forget_at <= due:
            state.ownership = Ownership()
            state.guest = None
            state.seen.clear()
            state.shared = False
            state.forget_at = 0
        return self._leave(state, given_up, due)

    def is_idle(self, state: IdentifierState) -> bool:
        return not state.forget_at

    def _visit(self, state: IdentifierState, climb: Climb, now: int) -> Iterable[Output]:
        event = climb.event
        own = not climb.climbing and climb.reason != "receipt"
        minutes = self._ladder.browse_duplicate_minutes
        if own and not climb.side and seen_before(state.seen, event, now, minutes):
            return (self._notice(state, event, "duplicate", "seen within the hour", now),)
        outputs: list[Output] = []
        if own and event.type == "signed_out":
            if self._rung.sign_out and sign_out(state.ownership, event.occurred_at):
                outputs.extend(self._links(state, now))
        elif own and climb.rest:
            outputs.extend(self._link(state, climb, now))
        if climb.side:
            return outputs
        if own and climb.rest:
            met = self._owners(state.ownership, climb.as_of, 0)
            outputs.append(
                self._paths.send(
                    step_on(
                        climb,
                        visit=climb.rest[0],
                        rest=climb.rest[1:],
                        met=(*climb.met, *(owner for owner in met if owner != climb.rest[-1])),
                    )
                )
            )
            return outputs
        onward = self._resolve(state, climb, now)
        if onward is not None:
            outputs.append(onward)
            return outputs
        outputs.extend(self._wait(state, climb, now))
        return outputs

    def _link(self, state: IdentifierState, climb: Climb, now: int) -> Iterable[Output]:
        """Leave a link to the strongest identifier of the event, and release what waited for it."""
        if state.shared:
            return ()
        event = climb.event
        reference = f"{event.source}/{event.event_id}"
        owner = climb.rest[-1]
        opened = observe(state.ownership, owner, event.occurred_at, event.type, reference)
        if opened is None:
            return ()
        window = self._rung.owners_window_days * DAY_MS
        if owners_since(state.ownership, event.occurred_at - window) > self._rung.owners_max:
            state.shared = True
            detail = f"more than {self._rung.owners_max} owners"
            return (self._notice(state, event, "shared", detail, now),)
        return [*self._links(state, now), *self._release(state, now)]

    def _release(self, state: IdentifierState, now: int) -> list[Output]:
        outputs: list[Output] = []
        still: list[Waiting] = []
        for waiting in state.waiting:
            onward = self._resolve(state, step_on(waiting.climb, reason="released"), now)
            if onward is None:
                still.append(waiting)
            else:
                outputs.append(onward)
        state.waiting = still
        return outputs

    def _resolve(self, state: IdentifierState, climb: Climb, now: int) -> Output | None:
        """One rung further up by the owner as of then; None if there is none to be found."""
        owners: tuple[str, ...] = ()
        if not state.shared:
            owners = self._owners(state.ownership, climb.as_of, self._wait_ms[climb.event.type])
        if not owners and not climb.rest:
            return None
        candidates = self._paths.merge(climb.rest, owners)
        if candidates is None:
            return nobody(climb.event, self.name, "held_ambiguous", now)
        return self._paths.send(
            step_on(
                climb,
                visit=candidates[0],
                rest=candidates[1:],
                reason=climb.reason or "link",
                rung=climb.rung or self.name,
                climbing=True,
                ambiguous=climb.ambiguous or not owners,
            )
        )

    def _wait(self, state: IdentifierState, climb: Climb, now: int) -> Iterable[Output]:
        wait_ms = self._wait_ms[climb.event.type]
        late_ms = self._late_ms[climb.event.type]
        waiting = Waiting(climb=climb, until=now + wait_ms + late_ms)
        if not wait_ms:
            return self._leave(state, [waiting], now)
        state.waiting.append(waiting)
        if len(state.waiting) <= self._ladder.browse_waiting_max:
            return ()
        browsing = [w for w in state.waiting if not EVENT_TYPES[w.climb.event.type].money]
        if len(browsing) <= self._ladder.browse_waiting_max:
            return ()
        state.waiting.remove(browsing[0])
        return self._leave(state, browsing[:1], now)

    def _leave(
        self, state: IdentifierState, given_up: list[Waiting], now: int
    ) -> list[EventOwner | Guest]:
        """What nobody claimed is guest activity from now on."""
        if not given_up:
            return []
        reason = "anonymous" if self.name == "device" else "guest"
        rows: list[EventOwner | Guest] = []
        for waiting in given_up:
            rows.append(nobody(waiting.climb.event, self.name, reason, now))
            state.guest = count(state.guest, waiting.climb.event)
        if state.guest is not None:
            rows.append(guest_row(state.identifier, state.guest, now))
        return rows

    def _links(self, state: IdentifierState, now: int) -> list[IdentityLink]:
        """The newest spans as rows: a new span or a sign-out ends the one before."""
        return [self._link_row(state, span, now) for span in state.ownership.spans[-3:]]

    def _link_row(self, state: IdentifierState, span: Span, now: int) -> IdentityLink:
        namespace, _, value = state.identifier.partition(":")
        ends = until(state.ownership, span) if self._rung.two_owners == "last_owner" else None
        return IdentityLink(
            namespace=namespace,
            value=value,
            owner=span.owner,
            from_at=span.first,
            until_at=ends,
            reason=span.reason,
            event_id=span.event_id,
            version=now,
        )

    def _notice(
        self, state: IdentifierState, event: Event, kind: str, detail: str, now: int
    ) -> IdentityNotice:
        return IdentityNotice(
            kind=kind,
            identifier=state.identifier,
            detail=detail,
            source=event.source,
            event_id=event.event_id,
            known_at=now,
        )


def _next_week(at: int) -> int:
    """Rounded up, so that a busy key's timer moves once a week and not at each event."""
    return -(-at // WEEK_MS) * WEEK_MS
