"""The operator contract: what stitch, accrue, score and decide are to any engine.

An operator is pure: messages in, outputs out, all it remembers in the state of
one key. It has no clock (time comes in `message.known_at` and `due`), no
randomness, no I/O and no logging. Whatever drives it promises to apply messages
in the total order of `schemas.flow.Place` and timers when they are due, messages
first at one instant.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

import msgspec

from schemas.flow import Message, Output

State = TypeVar("State", bound=msgspec.Struct)


class Operator(Protocol[State]):
    """One step of the flow; `state` is a mutable, `kw_only` struct owned by one key."""

    name: str
    state: type[State]

    def initial(self, key: str) -> State:
        """The state of a key that nothing is known about."""
        ...

    def on_event(self, state: State, message: Message) -> Iterable[Output]:
        """Apply one message; the state is changed in place."""
        ...

    def next_timer(self, state: State) -> int | None:
        """When `on_timer` wants to be called, ms UTC; None: not."""
        ...

    def on_timer(self, state: State, due: int) -> Iterable[Output]:
        """Do what is due at `due`; afterwards `next_timer` is later, or None."""
        ...

    def is_idle(self, state: State) -> bool:
        """The state is as good as `initial(key)`: the key may be forgotten, sooner or later."""
        ...
