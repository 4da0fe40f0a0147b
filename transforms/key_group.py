"""A key group of one operator: a small discrete-event simulator.

In: packets of messages from each upstream, in order of `known_at`, and each
upstream's watermark ("nothing below it will follow"). Out, whenever the minimum
of the watermarks advances: what the operator answered to every message and timer
below it, applied in one time order. So what an operator sees depends on the input
alone, not on workers, batches, crashes or speed.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Generic

import msgspec

from schemas.erasure import is_orphan
from schemas.flow import Message, Output, Place, Row, Send, Signal
from transforms.key_states import KeyStates
from transforms.operator import Operator, State

BEGINNING = -(2**62)
"""The watermark of an upstream that has not spoken yet."""
NEVER = 2**62


class Mark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An upstream's watermark, ms UTC. `closed`: its input ended, `at` is its greatest known_at."""

    at: int
    closed: bool = False


class GroupSnapshot(msgspec.Struct, kw_only=True):
    """Everything a key group needs to go on."""

    group: int
    mark: int
    marks: dict[str, Mark]
    queues: dict[str, list[Message]]
    states: dict[str, tuple[int | None, bytes]]


class Outcome(msgspec.Struct, kw_only=True, gc=False):
    """What came of an advance: rows for the sinks, sends to other keys, and what goes on
    to the next operator of the same key, each in the order in which it happened."""

    rows: list[Row]
    sends: list[tuple[str, Message]]
    onward: list[Message]


_order = attrgetter("order")


class KeyGroup(Generic[State]):
    """One group of one step. `rung` is the step's place in the flow, for the total order."""

    def __init__(
        self,
        operator: Operator[State],
        *,
        group: int,
        rung: int,
        upstreams: Sequence[str],
        snapshot: GroupSnapshot | None = None,
        passes_on: bool = False,
    ) -> None:
        """`passes_on`: each message goes on to the next operator before the signals it caused."""
        self.group = group
        self.mark = snapshot.mark if snapshot else BEGINNING
        self._operator = operator
        self._rung = rung
        self._passes_on = passes_on
        self._open = frozenset(upstreams)
        marks = snapshot.marks if snapshot else {}
        self._marks = {up: mark for up, mark in marks.items() if up in self._open}
        self._queues: dict[str, list[Message]] = dict(snapshot.queues) if snapshot else {}
        self._states = KeyStates(operator, snapshot.states if snapshot else None)

    def __len__(self) -> int:
        return len(self._states)

    def receive(self, upstream: str, mark: Mark | None, messages: Iterable[Message]) -> None:
        """Queue what came from `upstream`; nothing happens before `advance`."""
        queue = self._queues.get(upstream)
        if queue is None:
            self._queues[upstream] = list(messages)
        else:
            queue.extend(messages)
        if mark is not None:
            self._marks[upstream] = mark

    def advance(self) -> Outcome | None:
        """Apply all that is below the new watermark; None if the watermark stands where it was."""
        mark = self._watermark()
        if mark <= self.mark:
            return None
        outcome = Outcome(rows=[], sends=[], onward=[])
        ready = self._take_ready(mark)
        states = self._states
        hot, due, heap = states.hot, states.due, states.heap
        on_event, next_timer = self._operator.on_event, self._operator.next_timer
        passes_on, onward = self._passes_on, outcome.onward
        passed = 0
        next_due = heap[0][0] if heap else NEVER
        for position, message in enumerate(ready):
            place = message.order
            if next_due < place[0]:
                if passes_on:
                    onward.extend(ready[passed:position])
                    passed = position
                self._fire(place[0], outcome)
                next_due = heap[0][0] if heap else NEVER
            key = message.key
            state = hot.get(key)
            if state is None:
                state = states.load(key)
            outputs = on_event(state, message)
            if outputs:
                if passes_on:
                    onward.extend(ready[passed : position + 1])
                    passed = position + 1
                self._collect(outputs, place, key, outcome)
            wake_at = next_timer(state)
            if wake_at != due.get(key):
                states.reschedule(key, wake_at)
                next_due = heap[0][0] if heap else NEVER
        if passes_on:
            onward.extend(ready[passed:])
        self._fire(mark, outcome)
        self.mark = mark
        return outcome

    def snapshot(self) -> GroupSnapshot:
        return GroupSnapshot(
            group=self.group,
            mark=self.mark,
            marks=self._marks,
            queues={up: queue for up, queue in self._queues.items() if queue},
            states=self._states.snapshot(),
        )

    def _watermark(self) -> int:
        """The minimum over open upstreams; past the greatest known_at once all are closed."""
        if len(self._marks) < len(self._open):
            return self.mark
        still_open = [mark.at for mark in self._marks.values() if not mark.closed]
        if still_open:
            return min(still_open)
        return max(mark.at for mark in self._marks.values()) + 1

    def _take_ready(self, bound: int) -> list[Message]:
        """Messages with known_at below `bound`, in the total order."""
        ready: list[Message] = []
        sources = 0
        for upstream, queue in self._queues.items():
            if not queue or queue[0].order[0] >= bound:
                continue
            sources += 1
            if queue[-1].order[0] < bound:
                ready.extend(queue)
                self._queues[upstream] = []
            else:
                cut = _first_at_or_after(queue, bound)
                ready.extend(queue[:cut])
                del queue[:cut]
        if sources and not self._in_order:
            ready.sort(key=_order)
        return ready

    @property
    def _in_order(self) -> bool:
        """A single upstream that is the same keys' previous operator has sorted already."""
        return len(self._open) == 1 and self._passes_on

    def _fire(self, bound: int, outcome: Outcome) -> None:
        states = self._states
        for due, key in states.due_before(bound):
            state = states.hot.get(key)
            if state is None:
                state = states.load(key)
            outputs = self._operator.on_timer(state, due)
            if outputs:
                place = (due, due, "", "", 1, self._rung, key, 0, "", 0)
                self._collect(outputs, place, key, outcome)
            wake_at = self._operator.next_timer(state)
            if wake_at is not None:
                states.reschedule(key, wake_at)

    def _collect(self, outputs: Iterable[Output], cause: Place, key: str, outcome: Outcome) -> None:
        now, rung = cause[0], self._rung
        for ordinal, output in enumerate(outputs):
            if type(output) is Send:
                step, to, body = output.step, output.key, output.body
                if step == "accrue" and is_orphan(to):
                    continue  # of those who were erased nothing is known from here on
                event = body.event
                place = (
                    now,
                    event.occurred_at,
                    event.source,
                    event.event_id,
                    0 if body.retract else 1,
                    rung,
                    key,
                    ordinal,
                    event.partition,
                    event.offset,
                )
                outcome.sends.append((step, Message(order=place, key=to, body=body)))
            elif isinstance(output, Row):
                outcome.rows.append(output)
            else:
                outcome.onward.append(_signal(output, cause, key))  # type: ignore[arg-type]


def _signal(signal: Signal, cause: Place, key: str) -> Message:
    return Message(order=cause, key=key, body=signal)  # type: ignore[arg-type]


def _first_at_or_after(queue: list[Message], bound: int) -> int:
    low, high = 0, len(queue)
    while low < high:
        middle = (low + high) // 2
        if queue[middle].order[0] < bound:
            low = middle + 1
        else:
            high = middle
    return low
