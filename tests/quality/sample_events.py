"""One event of each type as it may be sent, and each way in which a declaration can be broken."""

import copy
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from schemas.events import EVENT_TYPES
from schemas.field_rules import FieldRule, rules_of
from schemas.payloads import Payload, Unlink

AT = 1_488_362_400_000
PAYLOADS = Payload.__subclasses__()
TYPE_OF = {kind.payload: name for name, kind in reversed(EVENT_TYPES.items())}
"""A type of each payload."""
NOTHING = "1.gadhY2NvdW503gAA"
"""The contents of a transfer of an account with nothing in it."""


def value_of(kind: Any, rule: FieldRule) -> Any:
    """Something that a field may hold."""
    if rule.one_of:
        return rule.one_of[0]
    if rule.of_market:
        return "USD"
    if rule.time:
        return AT
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return value_of(arguments[0], rule)
    if origin is tuple:
        return [struct_of(arguments[0])] if rule.items else []
    if arguments:
        return value_of(arguments[0], rule)
    if rule.name == "contents":
        return NOTHING
    if rule.name == "owner":
        return "member_id:m-1"
    # A correction's accounts must sum to zero.
    number = 0 if rule.at_least is not None and rule.at_least < 0 else max(1, rule.at_least or 0)
    return {str: f"a-{rule.name}", int: number, bool: True}[kind]


def struct_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    hints = typing.get_type_hints(struct, include_extras=True)
    return {rule.name: value_of(hints[rule.name], rule) for rule in rules_of(struct).values()}


def event_of(payload: type[Payload], event_id: str = "good") -> dict[str, Any]:
    """A whole event of a type with this payload."""
    name = TYPE_OF[payload]
    return {
        "event_id": event_id,
        "type": name,
        "source": min(EVENT_TYPES[name].sources),
        "occurred_at": AT,
        "received_at": AT + 1,
        "market": "us",
        "identifiers": {"card": "c-1"} if payload is Unlink else {"member_id": "m-1"},
        "payload": struct_of(payload),
    }


def broken(payload: type[Payload]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name of the expectation, an event that breaks it), for every rule of a payload."""
    for rule in rules_of(payload).values():
        for name, value in _broken_values(rule, rule.name):
            yield name, _with(payload, name, (rule.name,), value)
        for each in rule.items:
            if each.name == rule.may_lack:
                each = msgspec.structs.replace(each, required=False)  # noqa: PLW2901
            for name, value in _broken_values(each, f"{rule.name}.{each.name}"):
                yield name, _with(payload, name, (rule.name, 0, each.name), value)
        if rule.named_by is not None:
            name = f"{rule.name}.{rule.named_by}_names_one"
            event = _with(payload, name, (), None)
            event["payload"][rule.name] *= 2
            yield name, event


def _broken_values(rule: FieldRule, path: str) -> Iterator[tuple[str, Any]]:
    if rule.required:
        yield f"{path}_is_there", ...
    if rule.at_most is not None:
        yield f"{path}_is_within_bounds", rule.at_most + 1
    if rule.key:
        yield f"{path}_is_not_empty", ""
    if rule.one_of:
        yield f"{path}_is_one_of_its_values", "nothing of the kind"
    if rule.of_market:
        yield f"{path}_is_the_markets", "EUR"


def _with(payload: type[Payload], name: str, path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    event = copy.deepcopy(event_of(payload, f"{TYPE_OF[payload]}:{name}"))
    at = event["payload"]
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    elif path:
        at[path[-1]] = value
    return event
