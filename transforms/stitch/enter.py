"""The event rung: where every event enters. Money events are taken once.

In: a climb that visits `"event:<source>/<event_id>"`. Out: the climb on its way to
its receipt or its weakest identifier; a notice for a duplicate; a quarantine row for
the same id with other content, or one too old to tell. State: a hash a money event,
for as long as returns are accepted. All merges of accounts visit one key, which knows who goes on
in whom.
"""

from collections.abc import Callable, Iterable

import msgspec
import xxhash

from schemas.erasure import erasure_request
from schemas.events import EVENT_TYPES, Event
from schemas.flow import Climb, Message, Output, Send
from schemas.identity import EventOwner, IdentityNotice
from schemas.ladder import DAY_MS, Ladder
from schemas.payloads import Merge, Order, Return, Sale, Transfer, Unlink
from schemas.refusals import Quarantined, Reason
from transforms.decode.erased import HUSK, is_husk
from transforms.stitch.merges import Merged, merge
from transforms.stitch.path import Paths, step_on

MERGES = "event:merges"
"""The key that all merges of accounts visit."""

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_encode_json = msgspec.json.Encoder(order="deterministic").encode


class EnterState(msgspec.Struct, kw_only=True):
    """`content`: hash of the event that was taken; empty: none was. `identifiers`: of those that
    it carried."""

    content: str = ""
    until: int = 0
    identifiers: str = ""
    aliases: dict[str, Merged] = {}
    """Accounts that were merged; at the key of merges alone."""


def entry_key(event: Event) -> str:
    """The key of the event rung that an event visits."""
    return MERGES if event.type == "account_merged" else f"event:{event.source}/{event.event_id}"


class Enter:
    """Operator of the rung `event`. `seal` encrypts what goes to quarantine."""

    name = "event"
    state = EnterState

    def __init__(self, ladder: Ladder, seal: Callable[[bytes], bytes]) -> None:
        self._remember_ms = ladder.deduplicate_days * DAY_MS
        self._paths = Paths(ladder)
        self._seal = seal

    def initial(self, key: str) -> EnterState:
        return EnterState()

    def on_event(self, state: EnterState, message: Message) -> Iterable[Output]:
        climb = message.body
        assert isinstance(climb, Climb)
        event = climb.event
        now = message.known_at
        if isinstance(event.payload, Merge):
            return self._merge(state, climb, event.payload, now)
        if EVENT_TYPES[event.type].money:
            # Of somebody who was erased: nothing is kept of what is refused, and what is left of an
            # event can't be compared with what it was.
            husk = is_husk(event.identifiers)
            content = f"{HUSK if husk else ''}{content_hash(event)}"
            settled = isinstance(
                event.payload, Transfer | Unlink
            )  # once done, it does nothing again
            if now - event.occurred_at > self._remember_ms and not settled:
                return () if husk else (self._refuse(event, "too_old_to_deduplicate", now),)
            if state.content:
                if state.content == HUSK:
                    state.content = content
                if state.content == content or state.content.startswith(HUSK) != husk:
                    return (_duplicate(event, now), *self._other_links(state, climb))
                return () if husk else (self._refuse(event, "conflicting_duplicate", now),)
            state.content = content
            state.identifiers = _hash_of(event.identifiers)
            state.until = now + self._remember_ms
        return self._start(climb, now)

    def next_timer(self, state: EnterState) -> int | None:
        return state.until if state.content else None

    def on_timer(self, state: EnterState, due: int) -> Iterable[Output]:
        state.content = ""
        state.identifiers = ""
        return ()

    def is_idle(self, state: EnterState) -> bool:
        return not (state.content or state.aliases)

    def _merge(self, state: EnterState, climb: Climb, said: Merge, now: int) -> Iterable[Output]:
        """Tell every account that goes on elsewhere now, and the one in which it does."""
        event = climb.event
        reference = f"{event.source}/{event.event_id}"
        told = merge(state.aliases, said.loser, said.winner, reference)
        if told.outcome == "loop":
            detail = "payload: the winner goes on in the loser, so the loser can't go on in them"
            yield self._refuse(event, "loop_of_merges", now, detail)
        elif told.outcome == "again":
            yield _duplicate(event, now)
        elif told.outcome == "elsewhere":
            yield nobody(event, self.name, "refused", now)
            yield IdentityNotice(
                kind="conflict",
                identifier=f"member_id:{said.loser}",
                detail=f"was merged into member_id:{told.survivor} before",
                source=event.source,
                event_id=event.event_id,
                known_at=now,
            )
        else:
            for member_id in (*told.names, told.survivor):
                visit = f"member_id:{member_id}"
                body = step_on(climb, visit=visit, survivor=told.survivor)
                yield Send("member", visit, body)

    def _start(self, climb: Climb, now: int) -> Iterable[Output]:
        event = climb.event
        path = self._paths.of(event.identifiers)
        receipt = receipt_of(event)
        if receipt is None and not path.main:
            return (nobody(event, "event", "anonymous", now),)
        outputs: list[Output] = []
        if event.type == "erasure_requested":
            outputs.append(erasure_request(event.source, event.event_id, event.identifiers, now))
        if receipt is not None:
            outputs.append(Send("receipt", receipt, step_on(climb, visit=receipt, rest=path.main)))
        else:
            outputs.append(self._paths.send(step_on(climb, visit=path.main[0], rest=path.main[1:])))
        # Whoever signs out does so on all that the event names, linked or not.
        sides = path.sides + path.beside if event.type == "signed_out" else path.sides
        for identifier in sides:
            side = step_on(climb, visit=identifier, rest=path.main[-1:], side=True)
            outputs.append(self._paths.send(side))
        return outputs

    def _other_links(self, state: EnterState, climb: Climb) -> Iterable[Output]:
        """What a copy carries that the event which was taken didn't: links, as if both had come
        as one, so that it doesn't matter which of them came first."""
        event = climb.event
        if state.identifiers in ("", _hash_of(event.identifiers)):
            return
        path = self._paths.of(event.identifiers)
        for identifier in (*path.main[:-1], *path.sides):
            side = step_on(climb, visit=identifier, rest=path.main[-1:], side=True)
            yield self._paths.send(side)

    def _refuse(
        self,
        event: Event,
        reason: Reason,
        now: int,
        detail: str = "event_id: known before, or too old to know",
    ) -> Quarantined:
        raw = _encode_json(event)
        return Quarantined(
            source=event.source,
            position=f"{event.partition}:{event.offset}",
            reason=reason,
            detail=detail,
            event_id=event.event_id,
            content_hash=xxhash.xxh3_128_hexdigest(raw),
            known_at=now,
            raw=self._seal(raw),
        )


def content_hash(event: Event) -> str:
    """What makes a repeated id the same event: type, business time and payload."""
    return xxhash.xxh3_64_hexdigest(_encode((event.type, event.occurred_at, event.payload)))


def _hash_of(identifiers: Iterable[str]) -> str:
    return xxhash.xxh3_64_hexdigest("\0".join(sorted(identifiers)).encode())


def receipt_of(event: Event) -> str | None:
    """The receipt key that an event visits."""
    payload = event.payload
    if isinstance(payload, Sale):
        return f"receipt:{payload.transaction_id}"
    if isinstance(payload, Order):
        return f"receipt:{payload.order_id}"
    if isinstance(payload, Return) and payload.transaction_id is not None:
        return f"receipt:{payload.transaction_id}"
    return None


def nobody(event: Event, rung: str, reason: str, now: int) -> EventOwner:
    """The answer that an event is nobody's."""
    return EventOwner(
        source=event.source,
        event_id=event.event_id,
        type=event.type,
        member_id=None,
        rung=rung,
        reason=reason,
        known_at=now,
    )


def _duplicate(event: Event, now: int) -> IdentityNotice:
    return IdentityNotice(
        kind="duplicate",
        identifier=f"event:{event.source}/{event.event_id}",
        detail="the same was taken before",
        source=event.source,
        event_id=event.event_id,
        known_at=now,
    )
