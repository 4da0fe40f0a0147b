"""The states of a key group's keys: hot ones as objects, cold ones as bytes, and their timers.

In: a key. Out: its state, to be changed in place. Promises: what `snapshot` returns is
complete; only what was touched since the last one is encoded again; a key that is idle takes
no room.
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
    """`hot` holds the states given out since the last snapshot, `warm` those that were decoded
    before, `cold` every settled key as (due, bytes).

    `hot`, `due` and `heap` are read by the key group's inner loop.
    """

    def __init__(
        self, operator: Operator[State], cold: dict[str, tuple[int | None, bytes]] | None = None
    ) -> None:
        self._operator = operator
        self._decode = msgspec.msgpack.Decoder(operator.state).decode
        self._cold = cold if cold is not None else {}
        self._warm: dict[str, State] = {}
        self.hot: dict[str, State] = {}
        self.due: dict[str, int] = {
            key: due for key, (due, _) in self._cold.items() if due is not None
        }
        self.heap = [(due, key) for key, due in self.due.items()]
        heapify(self.heap)

    def __len__(self) -> int:
        return len(self._cold.keys() | self.hot.keys())

    def load(self, key: str) -> State:
        """The state of a key that isn't hot: warm, decoded, or a fresh one. It is hot now."""
        if len(self.hot) + len(self._warm) >= HOT_KEYS_MAX:
            self._settle()
            self._warm.clear()
        state = self._warm.pop(key, None)
        if state is None:
            cold = self._cold.get(key)
            state = self._operator.initial(key) if cold is None else self._decode(cold[1])
        self.hot[key] = state
        return state

    def reschedule(self, key: str, due: int | None) -> None:
        """The key's timer is now `due`; None: it has none."""
        if due is None:
            self.due.pop(key, None)
            return
        self.due[key] = due
        heappush(self.heap, (due, key))
        if len(self.heap) > 2 * len(self.due) + STALE_TIMERS_MAX:
            self.heap[:] = [(due, key) for key, due in self.due.items()]
            heapify(self.heap)

    def due_before(self, bound: int) -> Iterator[tuple[int, str]]:
        """Timers below `bound`, in the order (due, key), also those set while iterating."""
        while self.heap and self.heap[0][0] < bound:
            due, key = heappop(self.heap)
            if self.due.get(key) == due:
                del self.due[key]
                yield due, key

    def snapshot(self) -> dict[str, tuple[int | None, bytes]]:
        """Every key as (due, encoded state). Not to be changed by the caller."""
        self._settle()
        return self._cold

    def _settle(self) -> None:
        """Encode what was given out; idle keys are forgotten."""
        is_idle = self._operator.is_idle
        for key, state in self.hot.items():
            due = self.due.get(key)
            if due is None and is_idle(state):
                self._cold.pop(key, None)
            else:
                self._cold[key] = (due, _encode(state))
                self._warm[key] = state
        self.hot.clear()
