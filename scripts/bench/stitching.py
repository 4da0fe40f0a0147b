"""Stitch alone, in this process and without an engine: every rung in its real key groups.

In: events with their known_at, a watermark at a time. Out: the rows that the rungs wrote and
what they attributed, as the dataflow would have it: the same operators, key groups, order and
snapshots; only Bytewax and what comes after stitch are left away.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from pipelines.decode_records import enter
from pipelines.key_groups import group_of
from pipelines.loyalty import group_names
from schemas.events import Event
from schemas.flow import Message, Row
from schemas.ladder import Ladder
from transforms.key_group import KeyGroup, Mark
from transforms.stitch.ladder import rungs

GROUPS = 16
SOURCE = "source"

_encode = msgspec.msgpack.Encoder().encode


class Stitched(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of an advance. `sent`: what goes on to accrue."""

    rows: list[Row]
    sent: list[Message]


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """How large a rung's state is. `waiting`: messages in queues; `timers`: in heaps, stale ones
    included."""

    rung: str
    keys: int
    state_bytes: int
    timers: int
    waiting: int


class Stitching:
    """All rungs of a ladder, wired as the dataflow wires them."""

    def __init__(self, ladder: Ladder, groups: int = GROUPS) -> None:
        operators = rungs(ladder, lambda raw: raw)
        self.steps = [operator.name for operator in operators]
        self._count = groups
        self._groups: dict[str, list[KeyGroup[Any]]] = {}
        for height, operator in enumerate(operators):
            upstreams = group_names(self.steps[:height], groups) or [SOURCE]
            self._groups[operator.name] = [
                KeyGroup(operator, group=group, rung=height, upstreams=upstreams)
                for group in range(groups)
            ]

    def advance(
        self, arrivals: Iterable[tuple[int, Event]], mark_at: int, closed: bool = False
    ) -> Stitched:
        """Apply all that is known before `mark_at`; `arrivals`: events in order of known_at."""
        first, groups = self.steps[0], self._count
        entering: list[list[Message]] = [[] for _ in range(groups)]
        for known_at, event in arrivals:
            message = enter(event, known_at)
            entering[group_of(message.key, groups)].append(message)
        source = Mark(at=mark_at, closed=closed)
        for group, messages in enumerate(entering):
            self._groups[first][group].receive(SOURCE, source, messages)
        rows: list[Row] = []
        sent: list[Message] = []
        for height, step in enumerate(self.steps):
            for number, group in enumerate(self._groups[step]):
                outcome = group.advance()
                if outcome is None:
                    continue
                rows += outcome.rows
                waiting = {name: [[] for _ in range(groups)] for name in self.steps[height + 1 :]}
                for to, message in outcome.sends:
                    if to in waiting:
                        waiting[to][group_of(message.key, groups)].append(message)
                    else:
                        sent.append(message)
                self._tell(f"{step}/{number}", Mark(at=group.mark), waiting)
        return Stitched(rows=rows, sent=sent)

    def _tell(self, upstream: str, mark: Mark, waiting: dict[str, list[list[Message]]]) -> None:
        for step, by_group in waiting.items():
            for group, messages in zip(self._groups[step], by_group, strict=True):
                group.receive(upstream, mark, messages)

    def snapshot(self) -> list[Rung]:
        """Encode every group as an epoch's end does; how large each rung is."""
        sizes = []
        for step, groups in self._groups.items():
            keys = state_bytes = timers = waiting = 0
            for group in groups:
                snapshot = group.snapshot()
                keys += len(snapshot.states)
                state_bytes += len(_encode(snapshot))
                timers += len(group._states.heap)  # what a snapshot has no need to hold
                waiting += sum(map(len, snapshot.queues.values()))
            sizes.append(
                Rung(rung=step, keys=keys, state_bytes=state_bytes, timers=timers, waiting=waiting)
            )
        return sizes
