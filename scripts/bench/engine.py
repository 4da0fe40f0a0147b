"""`kizuna bench engine`: four stateful steps on key groups against one Bytewax key a member.

Both sides run the same four trivial operators over the same events, each in a fresh
process, in turn, so that a machine that drifts slows both. What is compared is the
median rate; the hashes of the results must be equal.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

import bytewax.operators as op
import msgspec
import xxhash
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main

from pipelines.interpreter import keep_thread_state, settle_garbage_collector
from pipelines.key_groups import Fanout, Routed, regrouping, same_keys, together, towards
from schemas.codec import Packet
from schemas.events import Event
from schemas.flow import Attributed, Message, Output, Send
from schemas.payloads import Viewed
from transforms.operator import Operator

EVENTS_A_BATCH = 4_096
GROUPS = 16
NEVER = 4_102_444_800_000
"""The year 2100, ms UTC."""


class Tally(msgspec.Struct, kw_only=True):
    events: int = 0
    last_at: int = 0
    wake_at: int = NEVER


class Count:
    """Counts what passes, remembers when, and keeps one timer that doesn't come due: the least
    that a step with state and a deadline does, and every step of the product has deadlines."""

    state = Tally

    def __init__(self, name: str, sends_on: bool = False) -> None:
        self.name = name
        self._sends_on = sends_on

    def initial(self, key: str) -> Tally:
        return Tally()

    def on_event(self, state: Tally, message: Message) -> Iterable[Output]:
        state.events += 1
        state.last_at = message.order[0]
        if not self._sends_on:
            return ()
        body = message.body
        assert isinstance(body, Attributed)
        return (Send("accrue", body.member_id, body),)

    def next_timer(self, state: Tally) -> int | None:
        return state.wake_at

    def on_timer(self, state: Tally, due: int) -> Iterable[Output]:
        return ()

    def is_idle(self, state: Tally) -> bool:
        return False


class Numbers(StatefulSourcePartition[list[Message], int]):
    """Events by number: the member of event n is a function of n."""

    def __init__(self, events: int, members: int) -> None:
        self._events, self._next = events, 0
        self._bodies = [
            Attributed(event=each, member_id=f"m-{each.offset}", reason="", rung="")
            for each in events_by_member(members)
        ]

    def next_batch(self) -> list[list[Message]]:
        if self._next >= self._events:
            raise StopIteration
        first = self._next
        self._next = min(self._events, first + EVENTS_A_BATCH)
        return [[message(n, self._bodies) for n in range(first, self._next)]]

    def snapshot(self) -> int:
        return self._next


class NumbersSource(FixedPartitionedSource[list[Message], int]):
    def __init__(self, events: int, members: int) -> None:
        self._events, self._members = events, members

    def list_parts(self) -> list[str]:
        return ["numbers"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Numbers:
        return Numbers(self._events, self._members)


def events_by_member(members: int) -> list[Event]:
    """One event a member, made beforehand: what is measured is the steps, not the input."""
    return [
        Event(
            event_id=f"e-{member}",
            type="page_viewed",
            source="web",
            occurred_at=0,
            received_at=0,
            market="us",
            payload=Viewed(name="home"),
            offset=member,
        )
        for member in range(members)
    ]


def message(number: int, bodies: list[Attributed]) -> Message:
    """Event `number`, of a member chosen by a multiplicative hash of it."""
    body = bodies[number * 2_654_435_761 % 4_294_967_296 % len(bodies)]
    place = (number, number, "web", "", 1, -1, "", 0, "numbers", number)
    return Message(order=place, key="cookie:" + body.member_id, body=body)


class Results:
    """An order-independent hash of what the last step saw: (member, event number) pairs."""

    def __init__(self) -> None:
        self.events = 0
        self.hash = 0

    def add(self, messages: Iterable[Message]) -> None:
        for each in messages:
            self.events += 1
            self.hash ^= xxhash.xxh3_64_intdigest(f"{each.key}/{each.order[0]}".encode())


class ResultSink(DynamicSink[Any]):
    def __init__(self, results: Results) -> None:
        self._results = results

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "ResultPart":
        return ResultPart(self._results)


class ResultPart(StatelessSinkPartition[Any]):
    def __init__(self, results: Results) -> None:
        self._results = results

    def write_batch(self, items: list[Any]) -> None:
        for item in items:
            self._results.add(item)


def on_key_groups(events: int, members: int, results: Results) -> Dataflow:
    """The four steps as the product runs them."""
    flow = Dataflow("groups")
    batches = op.input("read", flow, NumbersSource(events, members))
    fanout = Fanout(["stitch"], GROUPS)

    def start(items: list[list[Message]]) -> list[Routed]:
        routed: list[Routed] = []
        for messages in items:
            last = messages[-1].known_at
            mark = last + (1 if last == events - 1 else 0)
            routed += fanout.packets("numbers", [("stitch", m) for m in messages], mark)
        return together(routed)

    stream = op.flat_map_batch("start", batches, start)
    stream = regrouping(
        "stitch",
        towards("stitch", [stream]),
        Count("stitch", sends_on=True),
        rung=0,
        upstreams=["numbers"],
        below=["accrue"],
        groups=GROUPS,
    )
    stream = same_keys(
        "accrue",
        towards("accrue", [stream]),
        Count("accrue"),
        rung=1,
        upstreams=lambda group: [f"stitch/{each}" for each in range(GROUPS)],
        below="score",
    )
    for above, step, below in (("accrue", "score", "decide"), ("score", "decide", "end")):
        stream = same_keys(
            step,
            towards(step, [stream]),
            Count(step),
            rung=2,
            upstreams=lambda group, above=above: [f"{above}/{group}"],  # type: ignore[misc]
            below=below,
        )
    ended = op.flat_map("messages", towards("end", [stream]), messages_of)
    op.output("end", ended, ResultSink(results))
    return flow


def messages_of(item: tuple[str, list[Packet]]) -> list[Sequence[Message]]:
    """The messages of the packets for one key."""
    return [packet.messages for packet in item[1]]


class OneKey(StatefulBatchLogic[Message, Message, bytes]):
    """The same operator with a Bytewax key a member."""

    def __init__(self, operator: Operator[Any]) -> None:
        keep_thread_state()
        self._operator = operator
        self._state = operator.initial("")

    def on_batch(self, values: list[Message]) -> tuple[Iterable[Message], bool]:
        for each in values:
            self._operator.on_event(self._state, each)
        return values, StatefulBatchLogic.RETAIN

    def notify_at(self) -> datetime | None:
        return datetime.fromtimestamp(self._state.wake_at / 1000, timezone.utc)

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self._state)


def on_one_key_a_member(events: int, members: int, results: Results) -> Dataflow:
    """The four steps as Bytewax would have them by itself."""
    flow = Dataflow("members")
    batches = op.input("read", flow, NumbersSource(events, members))
    each = op.flat_map("each", batches, lambda messages: messages)
    keyed = op.map("by_cookie", each, lambda m: (m.key, m))
    stream: Any = op.stateful_batch("stitch", keyed, lambda _: OneKey(Count("stitch")))
    stream = op.map("by_member", stream, lambda item: (item[1].body.member_id, rekeyed(item[1])))
    for step in ("accrue", "score", "decide"):
        stream = op.stateful_batch(step, stream, lambda _, step=step: OneKey(Count(step)))
    op.output("end", op.map("messages", stream, lambda item: [item[1]]), ResultSink(results))
    return flow


def rekeyed(each: Message) -> Message:
    """The message under its member's key, as the first step's `Send` would make it."""
    assert isinstance(each.body, Attributed)
    return Message(order=each.order, key=each.body.member_id, body=each.body)


SIDES: dict[str, Callable[[int, int, Results], Dataflow]] = {
    "key groups": on_key_groups,
    "one key a member": on_one_key_a_member,
}


def measure(side: str, events: int, members: int) -> dict[str, Any]:
    """Run one side in this process: seconds, peak memory in MiB, and the result's hash."""
    results = Results()
    flow = SIDES[side](events, members, results)
    settle_garbage_collector()
    began = time.perf_counter()
    cluster_main(flow, [], 0)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "mib": peak, "hash": f"{results.hash:x}", "events": results.events}


def bench_engine(
    events: int = 1_000_000,
    members: int = 50_000,
    rounds: int = 5,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Both sides in turn, `rounds` times, each in a fresh process. Raises if results differ."""
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for place, side in enumerate(SIDES):
            command = [sys.executable, "-m", "scripts.bench.engine", side]
            done = subprocess.run(
                [*command, str(events), str(members)], check=True, capture_output=True
            )
            found[side].append(json.loads(done.stdout))
            if progress:
                progress(number * len(SIDES) + place + 1, rounds * len(SIDES))
    hashes = {(run["hash"], run["events"]) for runs in found.values() for run in runs}
    if len(hashes) > 1:
        raise AssertionError(f"the two sides must come to one result; got {sorted(hashes)}")
    return found


def medians(runs: list[dict[str, Any]]) -> tuple[float, float]:
    """(events a second, peak MiB), each the median over the runs."""
    rate = statistics.median(run["events"] / run["seconds"] for run in runs)
    return rate, statistics.median(run["mib"] for run in runs)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
