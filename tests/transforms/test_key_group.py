"""A key group applies messages and timers in one time order, whatever the batches."""

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Event
from schemas.flow import Attributed, Message
from schemas.payloads import Nothing
from schemas.refusals import Quarantined
from transforms.key_group import BEGINNING, GroupSnapshot, KeyGroup, Mark


class CountState(msgspec.Struct, kw_only=True):
    seen: list[str] = []
    wake_at: int | None = None


class Count:
    """Says what it saw and when; wakes up 10 ms after each event."""

    name = "count"
    state = CountState

    def initial(self, key):
        return CountState()

    def on_event(self, state, message):
        event = message.body.event
        state.seen.append(event.event_id)
        state.wake_at = message.known_at + 10
        return [said(f"{message.key}:{event.event_id}@{message.known_at}")]

    def next_timer(self, state):
        return state.wake_at

    def on_timer(self, state, due):
        state.wake_at = None
        return [said(f"timer@{due}:{len(state.seen)}")]

    def is_idle(self, state):
        return False


def said(text):
    return Quarantined(
        source=None,
        position=text,
        reason="unreadable",
        detail="",
        event_id=None,
        content_hash="",
        known_at=0,
        raw=b"",
    )


def message(known_at, name, key="k", occurred_at=None, source="web"):
    event = Event(
        event_id=name,
        type="app_opened",
        source=source,
        occurred_at=known_at if occurred_at is None else occurred_at,
        received_at=known_at,
        market="us",
        payload=Nothing(),
    )
    place = (known_at, event.occurred_at, source, name, 1, 0, "", 0, "", 0)
    body = Attributed(event=event, member_id=key, reason="", rung="")
    return Message(order=place, key=key, body=body)


def texts(outcome):
    return [] if outcome is None else [row.position for row in outcome.rows]


def group(upstreams=("a",), snapshot=None):
    return KeyGroup(Count(), group=0, rung=0, upstreams=upstreams, snapshot=snapshot)


def test_nothing_happens_before_every_upstream_has_spoken():
    g = group(("a", "b"))
    g.receive("a", Mark(at=100), [message(1, "x")])
    assert g.advance() is None
    g.receive("b", Mark(at=1), [])
    assert texts(g.advance()) == []
    g.receive("b", Mark(at=2), [])
    assert texts(g.advance()) == ["k:x@1"]


def test_the_watermark_is_exclusive_and_timers_come_after_events_of_the_same_instant():
    g = group()
    g.receive("a", Mark(at=15), [message(5, "x"), message(15, "y")])
    assert texts(g.advance()) == ["k:x@5"]
    g.receive("a", Mark(at=16), [message(15, "z")])
    assert texts(g.advance()) == ["k:y@15", "k:z@15"]
    g.receive("a", Mark(at=100), [])
    assert texts(g.advance()) == ["timer@25:3"]


def test_a_closed_upstream_holds_nobody_up_and_the_end_is_one_past_the_greatest():
    g = group(("a", "b"))
    g.receive("a", Mark(at=50, closed=True), [message(50, "x")])
    g.receive("b", Mark(at=20), [message(20, "y")])
    assert texts(g.advance()) == []
    g.receive("b", Mark(at=30, closed=True), [])
    assert texts(g.advance()) == ["k:y@20", "timer@30:1", "k:x@50"]
    assert g.mark == 51


def test_a_new_generation_waits_for_all_of_its_own_upstreams():
    g = group(("1/a",))
    g.receive("1/a", Mark(at=50, closed=True), [])
    g.advance()
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(g.snapshot()), type=GroupSnapshot)
    again = group(("2/a", "2/b"), saved)
    again.receive("2/a", Mark(at=99), [message(60, "x")])
    assert again.advance() is None
    again.receive("2/b", Mark(at=70), [])
    assert texts(again.advance()) == ["k:x@60"]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 40))
def test_the_result_is_a_function_of_the_input_alone(seed, upstreams, size):
    """Any batching, any interleaving of upstreams and a snapshot anywhere: one result.

    The oracle sorts everything and walks through time by the millisecond.
    """
    chance = random.Random(seed)
    streams = {f"u{n}": [] for n in range(upstreams)}
    for number in range(size):
        known_at = chance.randrange(60)
        event = message(known_at, f"e{number}", chance.choice("kl"), chance.randrange(60))
        streams[chance.choice(sorted(streams))].append(event)
    for messages in streams.values():
        messages.sort(key=lambda m: m.known_at)

    g = group(tuple(streams))
    result = []
    waiting = {up: list(messages) for up, messages in streams.items()}
    while any(waiting.values()):
        up = chance.choice([up for up, messages in waiting.items() if messages])
        batch = [waiting[up].pop(0) for _ in range(chance.randint(1, len(waiting[up])))]
        g.receive(up, Mark(at=batch[-1].known_at), batch)
        if chance.random() < 0.5:
            result += texts(g.advance())
        if chance.random() < 0.3:
            saved = msgspec.msgpack.encode(g.snapshot())
            g = group(tuple(streams), msgspec.msgpack.decode(saved, type=GroupSnapshot))
    for up in streams:
        g.receive(up, Mark(at=100), [])
    result += texts(g.advance())
    assert result == by_the_millisecond([m for ms in streams.values() for m in ms], 100)


def by_the_millisecond(messages, end):
    result, seen, wake = [], {"k": 0, "l": 0}, {}
    for now in range(end):
        for each in sorted((m for m in messages if m.known_at == now), key=lambda m: m.order):
            result.append(f"{each.key}:{each.body.event.event_id}@{now}")
            seen[each.key] += 1
            wake[each.key] = now + 10
        for key in sorted(k for k, due in wake.items() if due == now):
            result.append(f"timer@{now}:{seen[key]}")
            del wake[key]
    return result


def test_an_untouched_group_has_no_watermark():
    assert group().mark == BEGINNING
