"""The Avro contracts and the structs say the same, and both encodings of an event are one."""

import io
import types
import typing

import fastavro
import msgspec
import pytest

from schemas.avro_files import Schema, event_schemas, union_of
from schemas.events import EVENT_TYPES, Event

TIME = {"type": "long", "logicalType": "timestamp-millis"}
SCALARS = {int: "long", str: "string", bool: "boolean"}


def avro_of(kind: typing.Any, field: str) -> typing.Any:
    """The Avro type that a field of a struct must have."""
    if field.endswith("_at") and kind is int:
        return TIME
    if kind in SCALARS:
        return SCALARS[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return "string"
    if origin in (typing.Union, types.UnionType):
        (present,) = (each for each in arguments if each is not type(None))
        return ["null", avro_of(present, field)]
    if origin is tuple:
        return {"type": "array", "items": avro_of(arguments[0], field)}
    return fields_of_struct(kind)


def fields_of_struct(struct: type[msgspec.Struct]) -> list[tuple[str, typing.Any, typing.Any]]:
    hints = typing.get_type_hints(struct)
    return [
        (
            field.name,
            avro_of(hints[field.name], field.name),
            "required" if field.required else msgspec.to_builtins(field.default),
        )
        for field in msgspec.structs.fields(struct)
    ]


def fields_of_record(schema: Schema) -> list[tuple[str, typing.Any, typing.Any]]:
    return [
        (field["name"], plain(field["type"]), field.get("default", "required"))
        for field in schema["fields"]
    ]


def plain(kind: typing.Any) -> typing.Any:
    """An Avro type with its records as lists of fields."""
    if isinstance(kind, list):
        return [plain(each) for each in kind]
    if isinstance(kind, dict) and kind["type"] == "record":
        return fields_of_record(kind)
    if isinstance(kind, dict) and kind["type"] == "array":
        return {"type": "array", "items": plain(kind["items"])}
    return kind


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_contract_and_struct_have_the_same_payload(name: str) -> None:
    schema = event_schemas()[name]
    (payload,) = (field["type"] for field in schema["fields"] if field["name"] == "payload")
    required = [
        (field, kind, [] if default == () else default)
        for field, kind, default in fields_of_struct(EVENT_TYPES[name].payload)
    ]
    assert fields_of_record(payload) == required


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_contract_has_the_envelope(name: str) -> None:
    schema = event_schemas()[name]
    fields = [field["name"] for field in schema["fields"]]
    assert fields == [
        field
        for field in Event.__struct_fields__
        if field not in ("partition", "offset", "clamped")
    ]
    assert {each for each in schema["types"] if name in schema["types"]} == {
        each for each, kind in EVENT_TYPES.items() if kind.payload is EVENT_TYPES[name].payload
    }
    docs = {field["name"]: field["doc"] for field in schema["fields"]}
    assert docs["type"] == f"one of: {', '.join(schema['types'])}"
    sources = {source for each in schema["types"] for source in EVENT_TYPES[each].sources}
    assert docs["source"].endswith(": " + ", ".join(sorted(sources)))


def test_every_type_has_a_contract() -> None:
    assert event_schemas().keys() == EVENT_TYPES.keys()


def test_every_field_is_documented() -> None:
    def undocumented(schema: typing.Any) -> list[str]:
        if isinstance(schema, dict):
            here = [
                f"{schema['name']}.{field['name']}"
                for field in schema.get("fields", ())
                if not field.get("doc")
            ]
            return here + [name for value in schema.values() for name in undocumented(value)]
        if isinstance(schema, list):
            return [name for value in schema for name in undocumented(value)]
        return []

    assert [name for schema in event_schemas().values() for name in undocumented(schema)] == []


def test_a_union_of_all_contracts_is_a_schema() -> None:
    everything = union_of()
    assert len(everything) == len({kind.payload for kind in EVENT_TYPES.values()})
    fastavro.parse_schema(everything)


def test_a_file_may_hold_several_types() -> None:
    envelope = {"source": "pos", "market": "us", "occurred_at": 1_488_362_400_000}
    line = {"line_id": "1", "sku": "a", "amount": 5}
    sale = {"transaction_id": "t", "currency": "USD", "lines": [line]}
    back = {"return_id": "r", "lines": [line]}
    records = [
        envelope | {"event_id": "1", "type": "sale", "payload": sale},
        envelope | {"event_id": "2", "type": "return", "payload": back},
    ]
    written = io.BytesIO()
    fastavro.writer(written, fastavro.parse_schema(union_of("sale", "return")), records)
    written.seek(0)
    read = list(fastavro.reader(written))
    assert [(record["type"], record["payload"]["lines"][0]["sku"]) for record in read] == [
        ("sale", "a"),
        ("return", "a"),
    ]
