"""The archive's record: a decoded, pseudonymised event and when the engine came to know it.

Comes in: the event contracts of `schemas/avro/`, and records as any Avro reader gives them. Goes
out: the archive's Avro schema, and the (known_at, `Event`) that a record stands for.

The payload is a union of the contracts' own payload records, not JSON text: whoever reads an
archive gets typed fields, and a field that is added to a contract is added here. A file carries
the schema it was written with, so a field that it doesn't have gets the struct's default and one
that only it has is left out; `tests/sinks/test_archive.py` holds the first release's bytes to it.
"""

from functools import lru_cache
from typing import Any, Final

import msgspec

from schemas.avro_files import Schema, union_of
from schemas.events import EVENT_TYPES, Event

NAMESPACE: Final = "kizuna.archive"
ARCHIVED_EVENT: Final = f"{NAMESPACE}.ArchivedEvent"
"""The full name of the record: how an archive is told from files of events that were sent."""

_TIME: Final = {"type": "long", "logicalType": "timestamp-millis"}
_FIELDS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("known_at", _TIME, "when the engine came to know it: its order and clock"),
    ("event_id", "string", "unique within source"),
    ("type", "string", "what happened; says which record the payload is"),
    ("source", "string", "the stream it came on"),
    ("occurred_at", _TIME, "when it happened; never later than received_at"),
    ("received_at", _TIME, "when the collector got it"),
    ("market", "string", "country or brand"),
    (
        "identifiers",
        {"type": "array", "items": "string"},
        "namespace:value; emails and phones as pseudonyms",
    ),
    ("context", {"type": "map", "values": "string"}, "where and with what it happened"),
    ("payload", None, "what is particular to the type"),
    ("partition", "string", "the topic's partition or the file that it was read from"),
    ("offset", "long", "its place there"),
    ("clamped", "boolean", "occurred_at was later than received_at and was set back to it"),
)
_TAGS: Final = {name: str(kind.payload.__struct_config__.tag) for name, kind in EVENT_TYPES.items()}


class NotArchived(ValueError):
    """A record that is no event of this or an earlier release."""


@lru_cache(maxsize=1)
def archive_schema() -> Schema:
    """The Avro schema that archives are written with."""
    return {
        "type": "record",
        "name": "ArchivedEvent",
        "namespace": NAMESPACE,
        "doc": "An event as the engine applied it, without raw personal data.",
        "fields": [
            {"name": name, "type": _payloads() if kind is None else kind, "doc": doc}
            for name, kind, doc in _FIELDS
        ],
    }


@lru_cache(maxsize=1)
def payload_branches() -> dict[str, int]:
    """Which branch of the payload's union an event type is."""
    return {
        name: branch for branch, contract in enumerate(union_of()) for name in contract["types"]
    }


def archived_event(record: dict[str, Any]) -> tuple[int, Event]:
    """(known_at, event) of a record whose times are ms UTC; NotArchived if it is none."""
    try:
        known_at = record["known_at"]
        tag = _TAGS[record["type"]]
        event = msgspec.convert(record | {"payload": record["payload"] | {"kind": tag}}, Event)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise NotArchived(f"{type(error).__name__}: {error}") from None
    if type(known_at) is not int:
        raise NotArchived("known_at: must be a time")
    return known_at, event


def _payloads() -> list[Schema]:
    """The contracts' payload records, by their own full names."""
    return [
        {**field["type"], "namespace": contract["namespace"]}
        for contract in union_of()
        for field in contract["fields"]
        if field["name"] == "payload"
    ]
