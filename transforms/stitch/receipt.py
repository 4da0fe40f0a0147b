"""The receipt rungs: a return or collection finds the member of its sale, whatever it carries.

In: sales, orders and returns that visit `"receipt:<transaction or order id>"`. Out:
the same climbs on their way up, with the identifiers of the sale. What belongs to an order goes on
to the rung `order`, so that the till sale that completes an order, and a return of either, are
whose the order is. State: what was on the receipt, for as long as it can come back; returns that
came before their sale; and of orders, whose events may each carry other identifiers, what went on,
in case that an earlier one comes later: a receipt is whose its first event was, devices apart.
"""

from collections.abc import Iterable

import msgspec

from schemas.events import Event
from schemas.flow import Climb, Message, Output, Send
from schemas.ladder import DAY_MS, Ladder
from schemas.payloads import Order, Return, Sale
from transforms.stitch.enter import nobody
from transforms.stitch.held_events import Waiting, is_money
from transforms.stitch.path import Paths, step_on

Place = tuple[bool, int, str, str]
"""Of an event that may say whose a receipt is: by a device alone, when, source, event_id."""


class ReceiptState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`strongest`: the identifier that stands for the receipt; empty: it carried none."""

    known: bool = False
    order: str = ""
    """The order that it belongs to, whose own receipt says whose it is."""
    strongest: str = ""
    as_of: int = 0
    first: Place | None = None
    """Of an order: the place of the event whose identifier that is."""
    forget_at: int = 0
    waiting: list[Waiting] = []
    sent: list[Climb] = []
    """Of an order, what went on within the horizon, as it came."""


class Receipt:
    """Operator of the rungs `receipt` and `order`."""

    state = ReceiptState

    def __init__(self, ladder: Ladder, name: str) -> None:
        self.name = name
        self._remember_ms = ladder.receipt_days * DAY_MS
        self._wait_ms = (ladder.receipt_wait_days + ladder.late_days) * DAY_MS
        self._horizon_ms = ladder.horizon_ms
        self._paths = Paths(ladder)
        self._weak = tuple(
            f"{namespace}:"
            for rung in ladder.rungs
            if not rung.waits.purchase
            for namespace in rung.namespaces
        )

    def initial(self, key: str) -> ReceiptState:
        return ReceiptState()

    def on_event(self, state: ReceiptState, message: Message) -> Iterable[Output]:
        climb, now = message.body, message.known_at
        assert isinstance(climb, Climb)
        if self.name == "receipt":
            order = state.order or order_of(climb.event)
            if order:
                return self._to_order(state, climb, order, now)
        return self._visit(state, climb, now)

    def _to_order(
        self, state: ReceiptState, climb: Climb, order: str, now: int
    ) -> Iterable[Output]:
        """What belongs to an order, and what waited to learn that it does."""
        if not state.order:
            state.order, state.known = order, True
            state.forget_at = now + self._remember_ms
        waited = [waiting.climb for waiting in state.waiting]
        state.waiting = []
        visit = f"order:{order}"
        return [Send("order", visit, step_on(one, visit=visit)) for one in (climb, *waited)]

    def _visit(self, state: ReceiptState, climb: Climb, now: int) -> Iterable[Output]:
        if not state.known and _needs_sale(climb):
            state.waiting.append(Waiting(climb=climb, until=now + self._wait_ms))
            return self._links(climb)
        outputs: list[Output] = []
        if not state.known:
            state.known = True
            state.as_of = climb.as_of
            state.forget_at = now + self._remember_ms
        if self._says_whose(state, climb):
            outputs += self._identify(state, climb, now)
            outputs.append(self._on_its_own(climb, now))
        else:
            outputs += self._links(climb)
            outputs.append(self._send(state, climb, now))
        self._keep(state, climb, now)
        for waiting in state.waiting:
            outputs.append(self._send(state, waiting.climb, now))
            self._keep(state, waiting.climb, now)
        state.waiting = []
        return outputs

    def next_timer(self, state: ReceiptState) -> int | None:
        until = min((waiting.until for waiting in state.waiting), default=None)
        if state.known and (until is None or state.forget_at < until):
            return state.forget_at
        return until

    def on_timer(self, state: ReceiptState, due: int) -> Iterable[Output]:
        given_up = [waiting for waiting in state.waiting if waiting.until <= due]
        state.waiting = [waiting for waiting in state.waiting if waiting.until > due]
        if state.known and state.forget_at <= due:
            state.known = False
            state.order = ""
            state.strongest = ""
            state.first = None
            state.sent = []
        return [self._on_its_own(waiting.climb, due) for waiting in given_up]

    def is_idle(self, state: ReceiptState) -> bool:
        return not state.known and not state.waiting

    def _identify(self, state: ReceiptState, climb: Climb, now: int) -> Iterable[Output]:
        """The receipt is whose this event is; what went on as somebody else's is taken back."""
        sent = self._within_horizon(state, now)
        before = [self._send(state, one, now) for one in sent]
        state.strongest, state.as_of = climb.rest[-1], climb.as_of
        if self.name == "order":
            state.first = self._place(climb)
        for was, one in zip(before, sent, strict=True):
            if isinstance(was, Send) and isinstance(was.body, Climb):
                yield self._paths.send(step_on(was.body, retract=True))
            else:
                yield nobody(one.event, "receipt", "retracted", now)
            yield self._send(state, one, now)

    def _keep(self, state: ReceiptState, climb: Climb, now: int) -> None:
        """Of an order, keep what went on: another event may say whose it is."""
        if self.name == "order" and is_money(climb):
            state.sent = [*self._within_horizon(state, now), climb]

    def _within_horizon(self, state: ReceiptState, now: int) -> list[Climb]:
        return [one for one in state.sent if one.event.occurred_at + self._horizon_ms > now]

    def _links(self, climb: Climb) -> list[Output]:
        """What an event that goes by its receipt says of its own identifiers all the same."""
        rest = climb.rest
        return [
            self._paths.send(step_on(climb, visit=one, rest=rest[-1:], side=True))
            for one in rest[:-1]
        ]

    def _send(self, state: ReceiptState, climb: Climb, now: int) -> Output:
        """As the receipt says; the event that it has it from, by that event's own identifiers."""
        if state.first is not None and self._place(climb) == state.first:
            return self._on_its_own(climb, now)
        if not state.strongest:
            return nobody(climb.event, "receipt", "anonymous", now)
        return self._paths.send(
            step_on(
                climb,
                visit=state.strongest,
                rest=(),
                as_of=state.as_of,
                reason="receipt",
                rung="receipt",
            )
        )

    def _on_its_own(self, climb: Climb, now: int) -> Output:
        if not climb.rest:
            return nobody(climb.event, "receipt", "anonymous", now)
        return self._paths.send(step_on(climb, visit=climb.rest[0], rest=climb.rest[1:]))

    def _says_whose(self, state: ReceiptState, climb: Climb) -> bool:
        """Whether the receipt is whose this event is, by what is known: returns never say."""
        if not climb.rest or isinstance(climb.event.payload, Return):
            return False
        if not state.strongest:
            return True
        return state.first is not None and self._place(climb) < state.first

    def _place(self, climb: Climb) -> Place:
        event = climb.event
        weak = not climb.rest or climb.rest[-1].startswith(self._weak)
        return weak, event.occurred_at, event.source, event.event_id


def order_of(event: Event) -> str:
    """The order that an event belongs to, as far as it says."""
    payload = event.payload
    if isinstance(payload, Order):
        return payload.order_id
    return (payload.order_id or "") if isinstance(payload, Sale) else ""


def _needs_sale(climb: Climb) -> bool:
    """Whether it waits for the sale: returns do, and what doesn't say whose it is."""
    if climb.event.type in ("sale", "order_placed"):
        return False
    return isinstance(climb.event.payload, Return) or not climb.rest
