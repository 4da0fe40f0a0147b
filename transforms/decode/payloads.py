"""The payload of an event: from the object that was sent to its struct, or a refusal.

Comes in: a type's entry in `EVENT_TYPES` and the decoded JSON. Goes out: the frozen payload.
Promised: every id that must be there is there and not empty, amounts, quantities and points lie
between 0 and a bound under which no sum overflows 64 bits (an adjustment may be negative), the
currency is the market's, times are ms UTC. Null means absent. Fields that the contract doesn't
have are counted and left out.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from msgspec import ValidationError, convert
from msgspec.structs import replace

from schemas.events import EventType
from schemas.field_rules import rules_of
from schemas.payloads import AnyPayload, Line, Merge, Payload, Transfer, Unlink
from schemas.settings import Market
from transforms.decode.counts import Counts
from transforms.decode.moments import EXPECTED, moment
from transforms.decode.payload_rules import PREPARE, check_of
from transforms.decode.refusal import Refusal

_NAMES = frozenset((Merge, Transfer, Unlink))
"""Payloads that name somebody."""
_LINE_FIELDS = frozenset(Line.__struct_fields__)
_MISSING = re.compile(r"missing required field `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


class Shape(NamedTuple):
    """What is particular to reading one payload, worked out once."""

    fields: frozenset[str]
    times: tuple[str, ...]
    required_ids: tuple[str, ...]
    optional_ids: tuple[str, ...]
    has_lines: bool
    prepare: "Callable[[dict[str, Any], Counts], None] | None"
    check: "Callable[[Any, Market], None] | None"


def read_payload(
    sent: object,
    kind: EventType,
    market: Market,
    counts: Counts,
    named: Callable[[str, str], str],
) -> AnyPayload:
    """The struct of what was sent. `named` makes namespace:value, with the region of phones, what
    it is in identifiers: whoever a payload names is somebody whom events carry."""
    if sent is None:
        sent = {}
    elif type(sent) is not dict:
        raise Refusal("schema_mismatch", "payload: must be an object")
    shape = _SHAPES[kind.payload]
    given = cast(dict[str, Any], sent)
    if not shape.fields.issuperset(given):
        for name in given.keys() - shape.fields:
            counts.unknown_field(f"payload.{name}")
        given = {name: value for name, value in given.items() if name in shape.fields}
    if shape.prepare is not None:
        shape.prepare(given, counts)
    for name in shape.times:
        if given.get(name) is not None:
            given[name] = moment(given[name])
            if given[name] is None:
                raise Refusal("schema_mismatch", f"payload.{name}: {EXPECTED}")
    for name in shape.optional_ids:
        if given.get(name) == "":
            given[name] = None
    payload = _convert(given, kind.payload)
    for name in shape.required_ids:
        if not getattr(payload, name):
            raise Refusal("missing_field", f"payload.{name}: must not be empty")
    if shape.check is not None:
        shape.check(payload, market)
    if shape.has_lines and not set().union(*given.get("lines") or ()) <= _LINE_FIELDS:
        _count_line_fields(given["lines"], counts)
    if type(payload) in _NAMES:
        payload = _with_names(payload, market, named)
    return cast(AnyPayload, payload)


def _with_names(payload: Payload, market: Market, named: Callable[[str, str], str]) -> Payload:
    def member(value: str) -> str:
        return named(f"member_id:{value}", "").partition(":")[2]

    if isinstance(payload, Merge):
        return Merge(loser=member(payload.loser), winner=member(payload.winner))
    if isinstance(payload, Transfer):
        return replace(payload, loser=member(payload.loser))
    assert isinstance(payload, Unlink)
    return replace(payload, owner=named(payload.owner, market.region))


def _convert(given: dict[str, Any], payload: type[Payload]) -> Payload:
    try:
        return convert(given, payload)
    except ValidationError as first:
        if "got `null`" not in str(first):
            raise _refusal(first) from None
    try:
        return convert(_without_nulls(given), payload)
    except ValidationError as error:
        raise _refusal(error) from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


def _refusal(error: ValidationError) -> Refusal:
    """msgspec's message names types and fields; only that of an enumeration quotes the value."""
    text = str(error)
    place = _PLACE.search(text)
    path = "payload" + (f".{place[1]}" if place else "")
    said = text[: place.start()] if place else text
    missing = _MISSING.search(said)
    if missing:
        return Refusal("missing_field", f"{path}.{missing[1]}: missing")
    if "enum" in said:
        said = "not one of the allowed values"
    return Refusal("schema_mismatch", f"{path}: {said.replace('`', '')}")


def _count_line_fields(lines: list[dict[str, Any]], counts: Counts) -> None:
    for line in lines:
        for name in line.keys() - _LINE_FIELDS:
            counts.unknown_field(f"payload.lines.{name}")


def _shape(payload: type[Payload]) -> Shape:
    rules = rules_of(payload).values()
    return Shape(
        fields=frozenset(rule.name for rule in rules),
        times=tuple(rule.name for rule in rules if rule.time),
        required_ids=tuple(rule.name for rule in rules if rule.key and rule.required),
        optional_ids=tuple(rule.name for rule in rules if rule.key and not rule.required),
        has_lines=any(rule.name == "lines" for rule in rules),
        prepare=PREPARE.get(payload),
        check=check_of(payload),
    )


_SHAPES: dict[type[Payload], Shape] = {
    payload: _shape(payload) for payload in Payload.__subclasses__()
}
