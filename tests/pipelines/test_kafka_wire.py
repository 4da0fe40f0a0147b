"""From a message's bytes to a record: JSON, Avro by schema id, and a registry that is away."""

import io
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fastavro
import pytest

pytest.importorskip("confluent_kafka.schema_registry", exc_type=ImportError)

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient

from config.kafka_clients import registry_options
from config.secret_keys import load_secrets
from config.settings import load_settings
from pipelines.sources.kafka.wire import Stalled, Wire, traced
from transforms.decode.trace_context import Traced

PATIENCE = 10.0
EVENT = {
    "type": "record",
    "name": "Event",
    "fields": [{"name": "event_id", "type": "string"}, {"name": "n", "type": "long"}],
}


def framed(number, schema, record):
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(schema), record)
    return b"\0" + number.to_bytes(4, "big") + data.getvalue()


def settled(wire, value):
    """The record, once the registry has answered."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return wire.record(value)
        except Stalled:
            assert time.monotonic() < deadline, "the registry never answered"
            time.sleep(0.01)


@pytest.fixture
def registry():
    return SchemaRegistryClient.new_client({"url": "mock://tests"})


def test_json_is_handed_on_as_it_is():
    assert Wire(None).record(b'{"n":1}') == b'{"n":1}'
    assert Wire(None).record(None) == b""


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([("traceparent", b"00-a")], "00-a"),
        ([("traceparent", b"first"), ("other", b"x"), ("traceparent", b"last")], "last"),
        ([("traceparent", "text")], "text"),
        ([("traceparent", b"\xff\x00")], "\ufffd\x00"),
    ],
)
def test_a_header_says_the_trace(headers, said):
    assert traced(b"{}", headers) == Traced(record=b"{}", traceparent=said)


@pytest.mark.parametrize("headers", [None, [], [("tracestate", b"x")], [("traceparent", None)]])
def test_a_record_without_a_trace_is_handed_on_as_it_is(headers):
    assert traced(b"{}", headers) == b"{}"


def test_avro_is_read_by_the_schema_it_was_written_with(registry):
    first = registry.register_schema("events.pos-value", Schema(json.dumps(EVENT), "AVRO"))
    longer = {**EVENT, "fields": [*EVENT["fields"], {"name": "extra", "type": "string"}]}
    second = registry.register_schema("events.pos-value", Schema(json.dumps(longer), "AVRO"))
    wire = Wire(registry)
    assert settled(wire, framed(first, EVENT, {"event_id": "a", "n": 1})) == {
        "event_id": "a",
        "n": 1,
    }
    record = {"event_id": "b", "n": 2, "extra": "x"}
    assert settled(wire, framed(second, longer, record)) == record
    assert wire.record(framed(first, EVENT, {"event_id": "c", "n": 3}))["event_id"] == "c"
    wire.close()


def test_a_schema_may_refer_to_others(registry):
    registry.register_schema("line", Schema(json.dumps({**EVENT, "name": "Line"}), "AVRO"))
    order = {
        "type": "record",
        "name": "Order",
        "fields": [{"name": "lines", "type": {"type": "array", "items": "Line"}}],
    }
    number = registry.register_schema(
        "order", Schema(json.dumps(order), "AVRO", [SchemaReference("Line", "line", 1)])
    )
    whole = json.loads(json.dumps(order))
    whole["fields"][0]["type"]["items"] = {**EVENT, "name": "Line"}
    record = {"lines": [{"event_id": "a", "n": 1}]}
    assert settled(Wire(registry), framed(number, whole, record)) == record


def test_json_with_a_schema_is_json(registry):
    number = registry.register_schema("j", Schema("{}", "JSON"))
    assert settled(Wire(registry), b"\0" + number.to_bytes(4, "big") + b'{"n":1}') == b'{"n":1}'


def test_what_cannot_be_read_says_why_and_keeps_its_bytes(registry):
    number = registry.register_schema("e", Schema(json.dumps(EVENT), "AVRO"))
    other = registry.register_schema("s", Schema('"string"', "AVRO"))
    proto = registry.register_schema("p", Schema('syntax = "proto3";', "PROTOBUF"))
    broken = registry.register_schema("b", Schema('{"type": "record"}', "AVRO"))
    good = framed(number, EVENT, {"event_id": "abc", "n": 1})
    wire = Wire(registry)
    for value, why in [
        (b"\0\0\0", b"cut off"),
        (good[:7], b"EOFError"),
        (framed(other, "string", "x"), b"TypeError"),
        (b"\0\0\0\x27\x0fxyz", b"schema 9999 is not in the registry"),
        (b"\0" + proto.to_bytes(4, "big") + b"x", b"none of ours"),
        (b"\0" + broken.to_bytes(4, "big") + b"x", b"none of ours"),
    ]:
        record = settled(wire, value)
        assert record.startswith(b"\x00not readable as Avro: ")
        assert why in record and record.endswith(b"\n" + value)
    assert b"no schema registry" in Wire(None).record(good)


class Registry(BaseHTTPRequestHandler):
    """Answers 503 as often as `failures` says, then with a schema."""

    failures = 0
    asked = 0
    authorization = None

    def do_GET(self):
        kind = type(self)
        kind.asked += 1
        kind.authorization = self.headers.get("Authorization")
        body = json.dumps({"schema": json.dumps(EVENT)}).encode()
        self.send_response(503 if kind.asked <= kind.failures else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def test_a_registry_that_is_down_is_tried_again_and_never_waited_for():
    Registry.failures = 2
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Thread(target=server.serve_forever, daemon=True).start()
    kafka = load_settings(
        options={"kafka": {"schema_registry": f"http://127.0.0.1:{server.server_port}"}}
    ).settings.kafka
    options = registry_options(kafka, load_secrets({"KIZUNA_REGISTRY_AUTH": "me:secret"}))
    wire = Wire(SchemaRegistryClient.new_client(options))
    value = framed(7, EVENT, {"event_id": "a", "n": 1})
    began = time.monotonic()
    with pytest.raises(Stalled):
        wire.record(value)
    assert time.monotonic() - began < 0.1
    assert settled(wire, value) == {"event_id": "a", "n": 1}
    assert Registry.asked == 3, "with a pause in between"
    assert time.monotonic() - began > 0.2 + 0.4
    assert Registry.authorization.startswith("Basic ")
    assert wire.record(value)["n"] == 1 and Registry.asked == 3, "asked once"
    wire.close()
    server.shutdown()
    server.server_close()
