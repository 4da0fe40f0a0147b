"""Trace context: what is one, which of two counts, and that a bad one never refuses an event."""

import doctest
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_decode_decoder import AT, SALE, SETTINGS, WEB

from schemas.events import Event
from transforms.decode import Decoder, trace_context
from transforms.decode.trace_context import Traced

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def decoded(record: Any, decoder: Decoder | None = None) -> Event:
    event = (decoder or Decoder(SETTINGS)).decode(
        record, partition="p", offset=7, known_at=AT + 9_000, bound_at=AT + 10**10
    )
    assert isinstance(event, Event), event
    return event


def sent(traceparent: Any = None) -> bytes:
    context = WEB["context"] if traceparent is None else {"traceparent": traceparent, "url": "/a"}
    return msgspec.json.encode(WEB | {"context": context})


def test_the_doctest() -> None:
    assert doctest.testmod(trace_context).failed == 0


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "00",
        TRACE.upper(),
        TRACE + "-more",
        TRACE + "0",
        TRACE[:-1],
        "ff" + TRACE[2:],
        "00-" + "0" * 32 + TRACE[35:],
        TRACE[:36] + "0" * 16 + TRACE[52:],
        TRACE.replace("a", "g"),
        " " + TRACE,
        TRACE + "\n",
        TRACE.replace("1", "١"),
        "ana@example.com",
    ],
)
def test_what_is_none_is_left_out_and_counted(bad: str) -> None:
    decoder = Decoder(SETTINGS)
    event = decoded(sent(bad), decoder)
    assert event.context == {"url": "/a"}
    assert decoder.counts.unknown_fields["context.traceparent"] == 1
    event = decoded(Traced(record=sent(TRACE), traceparent=bad), decoder)
    assert event.traceparent == TRACE
    assert decoder.counts.unknown_fields["header.traceparent"] == 1
    assert decoded(Traced(record=sent(), traceparent=bad), decoder).traceparent is None
    assert decoder.counts.quarantined.total() == 0


def test_the_transports_context_goes_before_the_events_own() -> None:
    assert decoded(sent()).traceparent is None
    assert decoded(sent(TRACE)).traceparent == TRACE
    assert decoded(Traced(record=sent(), traceparent=OTHER)).traceparent == OTHER
    assert decoded(Traced(record=sent(TRACE), traceparent=OTHER)).traceparent == OTHER


def test_an_avro_record_has_one_too() -> None:
    record = SALE | {"occurred_at": AT, "received_at": AT}
    event = decoded(Traced(record=record, traceparent=TRACE))
    assert event.context == {"store_id": "330", "traceparent": TRACE}
    assert Decoder(SETTINGS).own_received_at(Traced(record=record, traceparent=TRACE)) == AT


def test_a_trace_isnt_taken_for_personal_data() -> None:
    """A record with an address is searched for more; a trace's digits stay what they are."""
    digits = "00-12025550143120255501431202555014-1202555014312025-01"
    event = decoded(sent(digits))
    assert event.traceparent == digits


@given(st.text(max_size=70) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.?"))
def test_what_comes_out_is_always_one(given_: str) -> None:
    found = trace_context.trace_context(given_)
    if found is not None:
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", found)
        assert found[2:55] == given_[2:55]
        assert int(found[3:35], 16) and int(found[36:52], 16)
