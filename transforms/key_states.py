"""The states of a key group's keys: hot ones as objects, cold ones as bytes, and their timers.

In: a key. Out: its state, to be changed in place and then handed to `settle`.
Promises: what `snapshot` returns is immutable and complete; only what was touched
since the last snapshot is encoded again; a key that is idle takes no room.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Generic

import msgspec

from transforms.operator import Operator, State

HOT_KEYS_MAX = 4096
"""Decoded states a group keeps before it encodes them all again."""

STALE_TIMERS_MAX = 1024
"""Outdated heap entries, beyond one a timer, before the heap is built anew."""

_encode = msgspec.msgpack.Encoder().encode


class KeyStates(Generic[State]):
    """`cold` holds each settled key as (due, bytes), `hot` what was decoded since the last sweep."""

    def __init__(
        self, operator: Operator[State], cold: dict[str, tuple[int | None, bytes]] | None = None
    ) -> None:
        self._operator = operator
        self._decode = msgspec.msgpack.Decoder(operator.state).decode
        self._cold = cold if cold is not None else {}
        self._hot: dict[str, State] = {}
        self._dirty: set[str] = set()
        self._due: dict[str, int] = {
            key: due for key, (due, _) in self._cold.items() if due is not None
        }
        self._heap = [(due, key) for key, due in self._due.items()]
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._cold.keys() | self._hot.keys())

    def get(self, key: str) -> State:
        """The state of `key`: hot, decoded, or a fresh one."""
        state = self._hot.get(key)
        if state is None:
            cold = self._cold.get(key)
            state = self._operator.initial(key) if cold is None else self._decode(cold[1])
            self._hot[key] = state
        return state

    def settle(self, key: str, state: State) -> None:
        """Take note that `state` may have changed: its timer, and whether to keep it."""
        due = self._operator.next_timer(state)
        if due is None:
            self._due.pop(key, None)
            if self._operator.is_idle(state):
                self._forget(key)
                return
        elif self._due.get(key) != due:
            self._due[key] = due
            heappush(self._heap, (due, key))
            if len(self._heap) > 2 * len(self._due) + STALE_TIMERS_MAX:
                self._heap = [(due, key) for key, due in self._due.items()]
                heapify(self._heap)
        self._dirty.add(key)
        if len(self._hot) > HOT_KEYS_MAX:
            self._cool()

    def due_before(self, bound: int) -> Iterator[tuple[int, str]]:
        """Timers below `bound`, in the order (due, key), also those set while iterating."""
        while self._heap and self._heap[0][0] < bound:
            due, key = heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                yield due, key

    @property
    def next_due(self) -> int | None:
        """The earliest entry of the heap: nothing is due before it."""
        return self._heap[0][0] if self._heap else None

    def snapshot(self) -> dict[str, tuple[int | None, bytes]]:
        """Every key as (due, encoded state). Not to be changed by the caller."""
        self._encode_dirty()
        return self._cold

    def _encode_dirty(self) -> None:
        for key in self._dirty:
            self._cold[key] = (self._due.get(key), _encode(self._hot[key]))
        self._dirty.clear()

    def _cool(self) -> None:
        self._encode_dirty()
        self._hot.clear()

    def _forget(self, key: str) -> None:
        self._hot.pop(key, None)
        self._cold.pop(key, None)
        self._dirty.discard(key)
