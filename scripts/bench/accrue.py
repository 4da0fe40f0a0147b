"""`kizuna bench accrue`: how fast points are posted, and how much is remembered of a member.

In: a programme, and how many members shop for how long. Out: events and entries a second of the
operator alone, in this process and without an engine, on purchases only, in several rounds; the
bytes of a member's state as it is saved, what they hold and where they go; and what an event costs
that becomes known late, beside the same one in order.

Promises: each round does the same work on fresh states, and all must end in the same states. What
is timed is CPU of the operator and its timers: not the making of events, and no encoding.
"""

import hashlib
import statistics
import time
from collections.abc import Callable
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec.structs import replace

from config.load import load
from pipelines.interpreter import settle_garbage_collector
from schemas.flow import Attributed, Message
from schemas.ledger import LedgerEntry
from schemas.programme import Programme
from scripts.bench.purchases import purchases, told
from scripts.traffic.chance import DAY_MS
from transforms.accrue import Accrue, Programmes
from transforms.accrue.check import check_programme
from transforms.accrue.state import AccrueState

LATE_DAYS: Final = (1, 8, 16)
SAMPLE: Final = 300
"""Members who are given one more purchase, in order and late, at most."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AccrueState).decode


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    programme: Path
    members: int = 1_000
    days: int = 365
    rounds: int = 5


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """All purchases, and the timers that fell due between them, once. `seconds`: of CPU."""

    seconds: float
    entries: int
    timers: int
    ends_in: str
    """Hash of all members' states."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Of a number over all members."""

    mean: float
    p50: int
    p99: int
    max: int


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is known so many days late; medians of members, microseconds.

    `ratio`: the median over members of what it costs against the same one in order. `least` and
    `most`: of the rounds' medians.
    """

    days: int
    micros: float
    ratio: float
    least: float
    most: float


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`holds`: how many of what a state has. `parts`: mean bytes of each of its fields."""

    programme: str
    events: int
    members: int
    rounds: list[Round]
    state_bytes: Spread
    holds: dict[str, Spread]
    parts: dict[str, float]
    in_order_micros: float
    late: list[Late]


def bench_accrue(asked: Asked, progress: Callable[[int, int], None] | None = None) -> Found:
    """Measure it. Raises if the rounds don't end in the same states."""
    programme = load(asked.programme, Programme, check_programme)
    operator = Accrue(Programmes([programme]))
    messages = purchases(asked.members, asked.days, programme.markets[0], programme.currency)
    settle_garbage_collector()
    todo = 2 * asked.rounds + 1
    rounds: list[Round] = []
    for number in range(asked.rounds + 1):  # the first one warms up
        states, measured = post(operator, messages)
        rounds.append(measured)
        if progress:
            progress(number + 1, todo)
    if len({one.ends_in for one in rounds}) > 1:
        raise AssertionError("all rounds must end in the same states; these don't")
    rounds = rounds[1:]
    encoded = {key: _encode(state) for key, state in states.items()}
    costs = []
    for number in range(asked.rounds):
        costs.append(_costs(operator, messages, encoded))
        if progress:
            progress(asked.rounds + 1 + number, todo)
    if progress:
        progress(todo, todo)
    everybody = list(states.values())
    return Found(
        programme=programme.programme,
        events=len(messages),
        members=len(states),
        rounds=rounds,
        state_bytes=spread([len(one) for one in encoded.values()]),
        holds={
            "facts of the horizon": spread([len(one.facts) for one in everybody]),
            "receipts": spread([len(one.current.receipts) for one in everybody]),
            "lots": spread([len(one.current.lots) for one in everybody]),
            "baskets": spread([len(one.baskets) for one in everybody]),
            "basket lines": spread(
                [sum(len(basket.lines) for basket in one.baskets.values()) for one in everybody]
            ),
        },
        parts={
            name: statistics.fmean(len(_encode(getattr(one, name))) for one in everybody)
            for name in ("baskets", "current", "base", "facts", "rebooked")
        },
        in_order_micros=statistics.median(one[0] for one in costs),
        late=[
            Late(
                days=days,
                micros=statistics.median(one[1][place] for one in costs),
                ratio=statistics.median(one[2][place] for one in costs),
                least=min(one[2][place] for one in costs),
                most=max(one[2][place] for one in costs),
            )
            for place, days in enumerate(LATE_DAYS)
        ],
    )


def post(operator: Accrue, messages: list[Message]) -> tuple[dict[str, AccrueState], Round]:
    """Give the operator everything in order, timers before what comes after them."""
    states: dict[str, AccrueState] = {}
    due: dict[str, int | None] = {}
    heap: list[tuple[int, str]] = []
    entries = timers = 0
    began = time.process_time()
    for message in messages:
        known_at = message.order[0]
        while heap and heap[0][0] < known_at:
            at, key = heappop(heap)
            if due.get(key) != at:
                continue
            state = states[key]
            timers += 1
            for output in operator.on_timer(state, at):
                entries += type(output) is LedgerEntry
            wake_at = due[key] = operator.next_timer(state)
            if wake_at is not None:
                heappush(heap, (wake_at, key))
        key = message.key
        state = states.get(key) or states.setdefault(key, operator.initial(key))
        for output in operator.on_event(state, message):
            entries += type(output) is LedgerEntry
        wake_at = operator.next_timer(state)
        if wake_at != due.get(key):
            due[key] = wake_at
            if wake_at is not None:
                heappush(heap, (wake_at, key))
    seconds = time.process_time() - began
    digest = hashlib.sha256()
    for key in sorted(states):
        digest.update(_encode(states[key]))
    return states, Round(
        seconds=seconds, entries=entries, timers=timers, ends_in=digest.hexdigest()
    )


def _costs(
    operator: Accrue, messages: list[Message], encoded: dict[str, bytes]
) -> tuple[float, list[float], list[float]]:
    """Of members who shopped on the last day: what one more purchase costs now, and what if it
    occurred some days before (medians, microseconds), and the medians of the ratios."""
    last = {message.key: message for message in messages}
    now = messages[-1].order[0] + 1
    lately = [one for one in last.values() if one.order[0] >= now - min(LATE_DAYS) * DAY_MS]
    sample = Random(1).sample(lately, min(SAMPLE, len(lately)))
    in_order: list[float] = []
    late: list[list[float]] = [[] for _ in LATE_DAYS]
    for message in sample:
        in_order.append(_micros(operator, encoded[message.key], message, now, now))
        for place, days in enumerate(LATE_DAYS):
            at = now - days * DAY_MS
            late[place].append(_micros(operator, encoded[message.key], message, at, now))
    return (
        statistics.median(in_order),
        [statistics.median(costs) for costs in late],
        [
            statistics.median(cost / usual for cost, usual in zip(costs, in_order, strict=True))
            for costs in late
        ],
    )


def _micros(operator: Accrue, state: bytes, message: Message, at: int, known_at: int) -> float:
    """What it costs to post a purchase like this one once more."""
    assert isinstance(message.body, Attributed)
    event = message.body.event
    payload = replace(event.payload, transaction_id="again")
    again = replace(event, event_id="again", occurred_at=at, received_at=known_at, payload=payload)
    one = told(again, message.key, known_at)
    told_to = _decode(state)
    due = operator.next_timer(told_to)
    while due is not None and due < known_at:
        operator.on_timer(told_to, due)
        due = operator.next_timer(told_to)
    began = time.process_time()
    operator.on_event(told_to, one)
    return (time.process_time() - began) * 1e6


def spread(numbers: list[int]) -> Spread:
    """How a number is spread over the members."""
    ordered = sorted(numbers)
    last = len(ordered) - 1
    return Spread(
        mean=statistics.fmean(ordered),
        p50=ordered[last // 2],
        p99=ordered[last * 99 // 100],
        max=ordered[-1],
    )
