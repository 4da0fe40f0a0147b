"""The Avro contracts in `schemas/avro/`, one file a family of event types.

Comes in: nothing but the package's own files. Goes out: schemas as plain objects, for whoever
writes Avro. Readers need none of this: an object container file carries its writer's schema,
and decode takes a record of any of these, or of a union of several.
"""

from functools import lru_cache
from importlib import resources
from typing import Any

import msgspec

Schema = dict[str, Any]


@lru_cache(maxsize=1)
def event_schemas() -> dict[str, Schema]:
    """The Avro schema of each event type, by type; a family's types share one object."""
    by_type: dict[str, Schema] = {}
    folder = resources.files("schemas") / "avro"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".avsc"):
            schema: Schema = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
            by_type |= dict.fromkeys(schema["types"], schema)
    return by_type


def union_of(*types: str) -> list[Schema]:
    """One schema for a file of several event types, of all of them if none is named.

    Avro lets a name be defined once, so that a record which two families share (a line) is
    written out where it stands first and named afterwards.
    """
    schemas = event_schemas()
    chosen = {schemas[name]["name"]: schemas[name] for name in types or schemas}
    defined: set[str] = set()
    return [_define_once(schema, schema["namespace"], defined) for schema in chosen.values()]


def _define_once(schema: Any, namespace: str, defined: set[str]) -> Any:
    if isinstance(schema, list):
        return [_define_once(inner, namespace, defined) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "record":
        name = f"{namespace}.{schema['name']}"
        if name in defined:
            return name
        defined.add(name)
    return {
        key: _define_once(value, namespace, defined)
        if key in ("type", "items", "fields")
        else value
        for key, value in schema.items()
    }
