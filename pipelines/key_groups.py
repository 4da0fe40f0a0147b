"""How a pure operator becomes a Bytewax step: one Bytewax key a key group.

A step's input are packets keyed by group; its output are routed items, which `towards`
sorts out: packets for the steps further down, and batches of rows for the sinks.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import bytewax.operators as op
import msgspec
import xxhash
from bytewax.dataflow import Stream
from bytewax.operators import KeyedStream, StatefulBatchLogic

from pipelines import metrics
from pipelines.health import HEALTH
from pipelines.interpreter import keep_thread_state
from schemas.codec import ArchiveBatch, Packet
from schemas.flow import Message
from sinks.row_batch import RowBatch
from transforms.key_group import GroupSnapshot, KeyGroup, Mark, Outcome
from transforms.operator import Operator

Routed = tuple[str, str, "Packet | list[Packet] | RowBatch | ArchiveBatch"]
"""(step, key, what): where an item goes next. Rows go to `ROWS`, decoded events to `ARCHIVE`."""

ROWS = "rows"
ARCHIVE = "archive"

KEY_PREFIX = "gj"
"""Bytewax hashes keys to workers, and few keys spread unevenly. With this prefix the default 16
groups go 7 and 9 to two workers, 4, 6 and 6 to three, 3, 4, 4 and 5 to four: the first one, which
also writes the warehouse, has the fewest."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(GroupSnapshot).decode


def group_of(key: str, groups: int) -> int:
    """The key group of a key: stable between processes, versions and runs."""
    return xxhash.xxh3_64_intdigest(key.encode()) % groups


def group_key(group: int) -> str:
    """A key group's key in Bytewax, which applies keys that are awake in sorted order."""
    return f"{KEY_PREFIX}{group:03d}"


class Fanout:
    """Sends a step's output to the groups of the steps below it, and tells them its watermark."""

    def __init__(self, below: Sequence[str], groups: int) -> None:
        self._below = tuple(below)
        self._groups = groups
        self._keys = [group_key(group) for group in range(groups)]

    def packets(
        self,
        upstream: str,
        sends: Iterable[tuple[str, Message]],
        mark_at: int | None,
        closed: bool = False,
    ) -> list[Routed]:
        """One packet a group and step below: its messages, if any, and the watermark."""
        groups = self._groups
        by_target: dict[tuple[str, int], list[Message]] = {}
        for step, message in sends:
            target = step, xxhash.xxh3_64_intdigest(message.key.encode()) % groups
            messages = by_target.get(target)
            if messages is None:
                by_target[target] = [message]
            else:
                messages.append(message)
        if mark_at is None:
            return [
                (step, self._keys[group], Packet(upstream, group, messages))
                for (step, group), messages in by_target.items()
            ]
        return [
            (
                step,
                key,
                Packet(upstream, group, by_target.get((step, group), ()), mark_at, closed),
            )
            for step in self._below
            for group, key in enumerate(self._keys)
        ]


class GroupLogic(StatefulBatchLogic[list[Packet], Routed, bytes]):
    """One key group of one step, as Bytewax sees it."""

    def __init__(
        self,
        build: Callable[[int, GroupSnapshot | None], KeyGroup[Any]],
        onward: Callable[[KeyGroup[Any], Outcome], list[Routed]],
        resume: bytes | None,
        figures: metrics.StepFigures,
    ) -> None:
        self._figures = figures
        self._build = build
        self._onward = onward
        self._group: KeyGroup[Any] | None = None
        if resume is not None:
            snapshot = _decode(resume)
            self._group = build(snapshot.group, snapshot)

    def on_batch(self, values: list[list[Packet]]) -> tuple[Iterable[Routed], bool]:
        group = self._group
        if group is None:
            group = self._group = self._build(values[0][0].group, None)
        for packets in values:
            for packet in packets:
                at = packet.mark_at
                mark = None if at is None else Mark(at=at, closed=packet.closed)
                group.receive(packet.upstream, mark, packet.messages)
        HEALTH.ticked()
        outcome = group.advance()
        if outcome is None:
            return (), StatefulBatchLogic.RETAIN
        self._figures.advanced(group.group, group.mark)
        routed = self._onward(group, outcome)
        if outcome.rows:
            routed.append((ROWS, "", RowBatch(outcome.rows)))
        return routed, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        assert self._group is not None
        began = time.perf_counter()
        snapshot = self._group.snapshot()
        encoded = _encode(snapshot)
        seconds = time.perf_counter() - began
        self._figures.saved(snapshot.group, len(snapshot.states), len(encoded), seconds)
        return encoded


def _stateful(
    step_id: str,
    packets: KeyedStream[list[Packet]],
    build: Callable[[int, GroupSnapshot | None], KeyGroup[Any]],
    onward: Callable[[KeyGroup[Any], Outcome], list[Routed]],
) -> Stream[Routed]:
    figures = metrics.StepFigures(step_id)

    def logic(resume: bytes | None) -> GroupLogic:
        keep_thread_state()
        return GroupLogic(build, onward, resume, figures)

    answers = op.stateful_batch(step_id, packets, logic)
    return op.flat_map_batch(f"{step_id}_out", answers, _without_own_key)


def _without_own_key(items: list[tuple[str, Routed]]) -> list[Routed]:
    return together([routed for _, routed in items])


def together(routed: list[Routed]) -> list[Routed]:
    """Packets for one key travel as one item: what all groups of a worker have to say to it."""
    others: list[Routed] = []
    packets: dict[tuple[str, str], list[Packet]] = {}
    for item in routed:
        step, key, what = item
        if type(what) is not Packet:
            others.append(item)
            continue
        known = packets.get((step, key))
        if known is None:
            packets[step, key] = [what]
        else:
            known.append(what)
    others.extend((step, key, for_key) for (step, key), for_key in packets.items())
    return others


def regrouping(
    step_id: str,
    packets: KeyedStream[list[Packet]],
    operator: Operator[Any],
    *,
    rung: int,
    upstreams: Sequence[str],
    below: Sequence[str],
    groups: int,
) -> Stream[Routed]:
    """A step whose output goes to other keys: a rung of the ladder."""
    fanout = Fanout(below, groups)

    def build(group: int, snapshot: GroupSnapshot | None) -> KeyGroup[Any]:
        return KeyGroup(operator, group=group, rung=rung, upstreams=upstreams, snapshot=snapshot)

    def onward(group: KeyGroup[Any], outcome: Outcome) -> list[Routed]:
        return fanout.packets(f"{step_id}/{group.group}", outcome.sends, group.mark)

    return _stateful(step_id, packets, build, onward)


def same_keys(
    step_id: str,
    packets: KeyedStream[list[Packet]],
    operator: Operator[Any],
    *,
    rung: int,
    upstreams: Callable[[int], Sequence[str]],
    below: str | None,
    finished: Callable[[int, int], None] | None = None,
) -> Stream[Routed]:
    """A step that hands each group's messages, and the signals they caused, to the next one.

    `finished`: told (group, watermark) whenever a group of the last step has come further.
    """

    def build(group: int, snapshot: GroupSnapshot | None) -> KeyGroup[Any]:
        return KeyGroup(
            operator,
            group=group,
            rung=rung,
            upstreams=upstreams(group),
            snapshot=snapshot,
            passes_on=True,
        )

    def onward(group: KeyGroup[Any], outcome: Outcome) -> list[Routed]:
        if below is None:
            if finished is not None:
                finished(group.group, group.mark)
            return []
        packet = Packet(f"{step_id}/{group.group}", group.group, outcome.onward, group.mark)
        return [(below, group_key(group.group), packet)]

    return _stateful(step_id, packets, build, onward)


def towards(step: str, streams: Sequence[Stream[Routed]]) -> KeyedStream[Any]:
    """What the given steps sent to `step`, keyed for it."""

    def pick(items: list[Routed]) -> list[tuple[str, Any]]:
        return [(key, what) for to, key, what in items if to == step]

    picked = [
        op.flat_map_batch(f"{_step_of(stream)}_to_{step}", stream, pick) for stream in streams
    ]
    return op.merge(f"into_{step}", *picked) if len(picked) > 1 else picked[0]


def _step_of(stream: Stream[Any]) -> str:
    return stream.stream_id.split(".")[1].removesuffix("_out")
