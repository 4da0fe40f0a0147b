"""A record from an Avro file gets the answer that the same record gets as a JSON line."""

import io
from datetime import datetime, timezone
from typing import Any

import fastavro
import msgspec
import pytest

from schemas.avro_files import event_schemas, union_of
from schemas.events import EVENT_TYPES, Event
from schemas.refusals import Quarantined
from schemas.settings import Blocked, DecodeSettings, Market, Pepper
from transforms.decode import Decoder

AT = 1_488_362_400_000
SETTINGS = DecodeSettings(
    markets={
        "us": Market(currency="USD", time_zone="America/New_York", region="US", programme="grocer")
    },
    unique_namespaces=("member_id",),
    blocked=Blocked(values=("",), patterns=()),
    identifiers_max=20,
    event_bytes_max=100_000,
    peppers=(Pepper(version="v1", key=b"p" * 32),),
    quarantine_key=bytes(32),
)
LINE = {"line_id": "1", "sku": "a", "amount": 5}
PAYLOADS: dict[str, dict[str, Any]] = {
    "sale": {"transaction_id": "t", "currency": "USD", "lines": [LINE]},
    "return": {"return_id": "r", "lines": [LINE]},
    "cart_updated": {"cart_id": "c", "lines": [LINE]},
    "signed_in": {},
    "searched": {"query": "tea"},
    "grant_offer": {"offer_id": "o", "expires_at": AT + 1},
    "enrolled": {"birthday": "03-31"},
    "redeem": {"redemption_id": "r", "points": 5},
}


def record(name: str) -> dict[str, Any]:
    return {
        "event_id": f"{name}-1",
        "type": name,
        "source": min(EVENT_TYPES[name].sources),
        "occurred_at": AT,
        "received_at": AT + 5,
        "market": "us",
        "identifiers": {"email": "ana@example.com", "card": ["1", "2"], "cookie": None},
        "context": {"store_id": "330"},
        "payload": PAYLOADS[name],
    }


def through_avro(schema: Any, records: list[dict[str, Any]]) -> list[Any]:
    written = io.BytesIO()
    fastavro.writer(written, fastavro.parse_schema(schema), records)
    written.seek(0)
    return list(fastavro.reader(written))


def decode(record: Any) -> Event | Quarantined:
    return Decoder(SETTINGS).decode(record, partition="f", offset=3, known_at=AT)


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_both_encodings_are_one_event(name: str) -> None:
    (read,) = through_avro(event_schemas()[name], [record(name)])
    assert isinstance(read["occurred_at"], datetime)
    by_avro, by_json = decode(read), decode(msgspec.json.encode(record(name)))
    assert isinstance(by_avro, Event)
    assert by_avro == by_json
    assert Decoder(SETTINGS).received_at(read) == by_avro.received_at == AT + 5


def test_a_file_of_several_types() -> None:
    read = through_avro(union_of("sale", "return"), [record("sale"), record("return")])
    assert [decode(each).type for each in read] == ["sale", "return"]


def test_a_writer_with_fields_of_its_own() -> None:
    """Another version of the contract: a field more, an optional one less, times as plain longs."""
    schema = {
        "type": "record",
        "name": "Search",
        "fields": [
            {"name": name, "type": "string"} for name in ("event_id", "type", "source", "market")
        ]
        + [
            {"name": "occurred_at", "type": "long"},
            {"name": "mood", "type": "string"},
            {
                "name": "payload",
                "type": {
                    "type": "record",
                    "name": "P",
                    "fields": [{"name": "query", "type": "string"}],
                },
            },
        ],
    }
    (read,) = through_avro(schema, [record("searched") | {"mood": "good"}])
    event = decode(read)
    assert isinstance(event, Event)
    assert (event.payload.query, event.received_at) == ("tea", AT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"occurred_at": datetime(2017, 3, 1)}, "no_time"),
        ({"occurred_at": datetime(1970, 3, 1, tzinfo=timezone.utc)}, "no_time"),
        ({"payload": b"raw"}, "schema_mismatch"),
        ({"payload": {"query": float("nan")}}, "missing_field"),
        ({"context": {"a": "\ud800"}}, "unreadable"),
    ],
)
def test_what_avro_can_hold_and_an_event_cannot(changes: dict[str, Any], reason: str) -> None:
    refused = decode(record("searched") | changes)
    assert isinstance(refused, Quarantined)
    assert refused.reason == reason


def test_quarantine_keeps_an_avro_record_as_the_json_that_replays_it() -> None:
    (read,) = through_avro(event_schemas()["sale"], [record("sale") | {"market": "mars"}])
    refused = decode(read)
    assert isinstance(refused, Quarantined)
    raw = Decoder(SETTINGS).unseal(refused.raw)
    assert decode(raw) == refused
    repaired = decode(raw.replace(b'"mars"', b'"us"'))
    assert repaired == decode(record("sale"))
