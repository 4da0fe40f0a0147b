"""The receipt rung: a return or collection finds the member of its sale, whatever it carries.

In: sales, orders and returns that visit `"receipt:<transaction or order id>"`. Out:
the same climbs on their way up, with the identifiers of the sale. State: what was on
the receipt, for as long as it can come back; returns that came before their sale.
"""

from collections.abc import Iterable

import msgspec

from schemas.events import Return
from schemas.flow import Climb, Message, Output
from schemas.ladder import DAY_MS, Ladder
from transforms.stitch.enter import nobody
from transforms.stitch.path import Paths, step_on


class Waiting(msgspec.Struct, kw_only=True, frozen=True):
    climb: Climb
    until: int


class ReceiptState(msgspec.Struct, kw_only=True):
    """`strongest`: the identifier that stands for the receipt; empty: it carried none."""

    known: bool = False
    strongest: str = ""
    as_of: int = 0
    forget_at: int = 0
    waiting: list[Waiting] = []


class Receipt:
    """Operator of the rung `receipt`."""

    name = "receipt"
    state = ReceiptState

    def __init__(self, ladder: Ladder) -> None:
        self._remember_ms = ladder.receipt_days * DAY_MS
        self._wait_ms = ladder.receipt_wait_days * DAY_MS
        self._paths = Paths(ladder)

    def initial(self, key: str) -> ReceiptState:
        return ReceiptState()

    def on_event(self, state: ReceiptState, message: Message) -> Iterable[Output]:
        climb = message.body
        assert isinstance(climb, Climb)
        now = message.known_at
        if state.known and not climb.side:
            return (self._as_remembered(state, climb, now),)
        waits_for_sale = isinstance(climb.event.payload, Return) or not climb.rest
        if waits_for_sale and not state.known and not self._is_sale(climb):
            state.waiting.append(Waiting(climb=climb, until=now + self._wait_ms))
            return ()
        outputs: list[Output] = []
        if not state.known:
            state.known = True
            state.strongest = climb.rest[-1] if climb.rest else ""
            state.as_of = climb.as_of
            state.forget_at = now + self._remember_ms
        if not climb.side:
            outputs.append(self._on_its_own(climb, now))
        outputs.extend(self._as_remembered(state, waiting.climb, now) for waiting in state.waiting)
        state.waiting.clear()
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
        return [self._on_its_own(waiting.climb, due) for waiting in given_up]

    def is_idle(self, state: ReceiptState) -> bool:
        return not state.known and not state.waiting

    @staticmethod
    def _is_sale(climb: Climb) -> bool:
        return climb.event.type in ("sale", "order_placed")

    def _as_remembered(self, state: ReceiptState, climb: Climb, now: int) -> Output:
        if not state.strongest:
            return nobody(climb.event, "receipt", "anonymous", now)
        visit = state.strongest
        return self._paths.send(
            step_on(
                climb, visit=visit, rest=(), as_of=state.as_of, reason="receipt", rung="receipt"
            )
        )

    def _on_its_own(self, climb: Climb, now: int) -> Output:
        if not climb.rest:
            return nobody(climb.event, "receipt", "anonymous", now)
        return self._paths.send(step_on(climb, visit=climb.rest[0], rest=climb.rest[1:]))
