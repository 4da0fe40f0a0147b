"""The contracts in `schemas/avro/` against a schema registry, before a deploy and at it.

Comes in: a registry by its URL (Confluent's interface; `mock://` for tests). Goes out: of each
contract what the registry makes of it. Promised: `check` writes nothing; `register` writes all or,
if the registry would refuse one, none; a second `register` finds nothing to do.

A contract's subject is its record's full name, `kizuna.events.Sale` (the record-name strategy):
a topic carries several kinds of event, so that a subject by topic would have to hold them all in
one schema, and one kind comes on several topics, yet must mean the same on each.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from schemas.avro_files import Schema, event_schemas

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

NEW_LEVEL = "BACKWARD"
"""Where nobody has said otherwise: what is new can read what is old."""
NO_LEVEL = "NONE"
NOT_FOUND = 404

State = Literal["registered", "new", "compatible", "unchecked", "incompatible"]
REFUSED: frozenset[State] = frozenset({"incompatible", "unchecked"})
"""What must not be deployed."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry makes of one contract."""

    subject: str
    state: State
    level: str
    """The compatibility that the registry demands of the subject."""
    detail: str


class SchemasRefused(Exception):
    """The registry would refuse a contract, or lets anything pass; nothing was registered."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("\n".join(f"{one.subject}: {one.detail}" for one in findings))


def open_registry(options: dict[str, Any]) -> "SchemaRegistryClient":
    """A client, as `config.kafka_clients.registry_options` describes it; it connects when used."""
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415

    return SchemaRegistryClient.new_client(options)


def contracts() -> dict[str, Schema]:
    """Each contract by its subject, in order."""
    found = {f"{one['namespace']}.{one['name']}": one for one in event_schemas().values()}
    return dict(sorted(found.items()))


def check(
    client: "SchemaRegistryClient", schemas: dict[str, Schema] | None = None
) -> list[Finding]:
    """What the registry makes of each contract. ConnectionError if it doesn't answer."""
    # Wherever there is a registry it has this; an address that is wrong must not look empty.
    level = _level_in(_ask(client.get_config)) or NEW_LEVEL
    chosen = contracts() if schemas is None else schemas
    return [_find(client, subject, schema, level) for subject, schema in chosen.items()]


def register(
    client: "SchemaRegistryClient", schemas: dict[str, Schema] | None = None
) -> list[Finding]:
    """Register what isn't yet; the findings are those from before, of what was registered.

    A new subject of a registry that checks nothing gets BACKWARD as its own level. SchemasRefused
    if a contract must not be deployed; ConnectionError if the registry doesn't answer.
    """
    chosen = contracts() if schemas is None else schemas
    findings = check(client, chosen)
    refused = [one for one in findings if one.state in REFUSED]
    if refused:
        raise SchemasRefused(refused)
    wanted = [one for one in findings if one.state != "registered"]
    for one in wanted:
        _ask(client.register_schema, one.subject, _sent(chosen[one.subject]))
        if one.state == "new" and one.level == NO_LEVEL:
            _ask(client.set_compatibility, one.subject, NEW_LEVEL)
    return wanted


def _find(client: "SchemaRegistryClient", subject: str, schema: Schema, level: str) -> Finding:
    sent = _sent(schema)
    latest = _ask(client.get_latest_version, subject, may_miss=True)
    if latest is None:
        detail = "not in the registry yet"
        return Finding(subject=subject, state="new", level=level, detail=detail)
    level = _level_in(_ask(client.get_config, subject, may_miss=True)) or level
    known = _ask(client.lookup_schema, subject, sent, may_miss=True)
    if known is not None:
        detail = f"as version {known.version}"
        if known.version != latest.version:
            detail += f"; the latest is {latest.version}"
        return Finding(subject=subject, state="registered", level=level, detail=detail)
    old = msgspec.json.decode(latest.schema.schema_str or "", type=dict[str, Any])
    said = "; ".join(differences(old, schema)) or "only texts differ"
    detail = f"from version {latest.version}: {said}"
    state: State
    if level == NO_LEVEL:
        state = "unchecked"
        detail += "; the registry lets anything pass here: give the subject a compatibility"
    elif _ask(client.test_compatibility_all_versions, subject, sent):
        state = "compatible"
    else:
        state = "incompatible"
    return Finding(subject=subject, state=state, level=level, detail=detail)


def differences(old: Schema, new: Schema, at: str = "") -> Iterator[str]:
    """What of a record differs in meaning, a text each: `+ payload.x without a default`."""
    before = {field["name"]: field for field in old["fields"]}
    after = {field["name"]: field for field in new["fields"]}
    for name in sorted(before.keys() - after.keys()):
        yield f"- {at}{name}{_without_default(before[name])}"
    for name in sorted(after.keys() - before.keys()):
        yield f"+ {at}{name}{_without_default(after[name])}"
    for name in (name for name in after if name in before):
        yield from _changed(before[name]["type"], after[name]["type"], f"{at}{name}")
        if ("default" in before[name]) != ("default" in after[name]):
            yield f"{at}{name} is now{_without_default(after[name]) or ' with a default'}"


def _changed(old: Any, new: Any, at: str) -> Iterator[str]:
    kinds = [kind["type"] if isinstance(kind, dict) else None for kind in (old, new)]
    if kinds == ["record", "record"]:
        yield from differences(old, new, f"{at}.")
    elif kinds == ["array", "array"]:
        yield from _changed(old["items"], new["items"], f"{at}[]")
    elif old != new:
        yield f"{at}: {_named(old)} → {_named(new)}"


def _named(kind: Any) -> str:
    """A type in a word or a few."""
    if isinstance(kind, list):
        return " or ".join(_named(one) for one in kind)
    if isinstance(kind, dict):
        return str(kind.get("name") or kind.get("logicalType") or kind["type"])
    return str(kind)


def _without_default(field: dict[str, Any]) -> str:
    return "" if "default" in field else " without a default"


def _sent(schema: Schema) -> Any:
    from confluent_kafka.schema_registry import Schema as Sent  # noqa: PLC0415

    return Sent(msgspec.json.encode(schema).decode(), "AVRO")


def _level_in(config: Any) -> str | None:
    """The compatibility that a registry's answer names; None: it's not set there."""
    level = None if config is None else config.compatibility_level or config.compatibility
    return None if level is None else str(getattr(level, "value", level))


def _ask(call: Callable[..., Any], *given: Any, may_miss: bool = False) -> Any:
    """What the registry answers; None where it has nothing of the name and that may be.

    ConnectionError for whatever else goes wrong on the way there and back.
    """
    from confluent_kafka.schema_registry import SchemaRegistryError  # noqa: PLC0415
    from confluent_kafka.schema_registry.common._httpx_compat import httpx  # noqa: PLC0415

    try:
        return call(*given)
    # The client takes answers apart without looking at them first: hence the last three.
    except (SchemaRegistryError, httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
        status = getattr(error, "http_status_code", None)
        if may_miss and status == NOT_FOUND:
            return None
        raise ConnectionError(
            f"the schema registry doesn't answer as it should: {error}"
        ) from error
