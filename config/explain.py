"""msgspec's messages in the words of whoever writes YAML.

Comes in: what msgspec said, the value and the type at the place. Goes out: what must be, what
was got, and the description of the field (`Meta(description=...)`) as a hint.
"""

import difflib
import json
import re
from typing import Any

import msgspec

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
    "datetime": "a time such as 2017-01-01T00:00:00-05:00",
    "date": "a date such as 2017-01-31",
    "time": "a time of day such as 22:00:00",
}
_INVALID = {
    "Invalid RFC3339 encoded datetime": "datetime",
    "Invalid RFC3339 encoded date": "date",
    "Invalid decimal string": "float",
}
_LIMITS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}
_EXPECTED = re.compile(r"Expected `([^`]+)`(.*?)(?:, got `[^`]*`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`$")


def unknown_field(said: str) -> str | None:
    """The field that msgspec's message calls unknown."""
    found = _UNKNOWN.match(said)
    return found[1] if found else None


def missing_field(said: str) -> str | None:
    """The field that msgspec's message calls missing."""
    found = _MISSING.match(said)
    return found[1] if found else None


def required_fields(expected: Any) -> list[str]:
    """The fields that a mapping of this type must have; empty if it may be several structs."""
    structs = [kind for kind in _inner(expected) if isinstance(kind, msgspec.inspect.StructType)]
    if len(structs) != 1:
        return []
    return [field.encode_name for field in structs[0].fields if field.required]


def explain_missing(name: str, expected: Any) -> str:
    """A field of `expected` that isn't there, and what it is for."""
    return f"{name!r} is missing{_description(_field(expected, name))}"


def explain(said: str, value: object, expected: Any) -> str:
    """msgspec's message in words: what must be, what was got, and what the field is for.

    `expected` is the `msgspec.inspect` type at the place, None where it isn't known.
    """
    hint = _description(expected)
    unknown = unknown_field(said)
    if unknown is not None:
        expected = _meant(expected, value)
        close = difflib.get_close_matches(unknown, _fields(expected), n=1)
        known = ", ".join(_fields(expected))
        return f"unknown field {unknown!r}; " + (
            f"did you mean {close[0]!r}?" if close else f"known are: {known}"
        )
    if said.startswith(("Invalid enum value", "Invalid value")) and _choices(expected):
        return f"must be one of {', '.join(_choices(expected))}; got {_shown(value)}{hint}"
    invalid = _INVALID.get(said)
    if invalid is not None:
        return f"must be {_WORDS[invalid]}; got {_shown(value)}{hint}"
    found = _EXPECTED.match(said)
    if found is None:  # a struct's own words about several of its fields, mostly
        said = said if "got" in said or isinstance(value, dict) else f"{said}; got {_shown(value)}"
        return f"{said}{hint}"
    kinds = " or ".join(_WORDS.get(kind, kind) for kind in found[1].split(" | "))
    limits = _said_limit(found[2]) or _known_limits(expected)
    return f"must be {kinds}{limits}; got {_shown(value)}{hint}"


def _said_limit(said: str) -> str:
    said = said.strip().replace("`", "")
    for sign, words in _LIMITS.items():
        said = said.replace(f"{sign} ", f"{words} ")
    return f" {re.sub(r'[.]0$', '', said)}" if said else ""


def _known_limits(expected: Any) -> str:
    """The bounds of a number, which msgspec leaves out where something else was given."""
    kinds = (msgspec.inspect.IntType, msgspec.inspect.FloatType)
    for kind in _inner(expected):
        if isinstance(kind, kinds):
            bounds = ((">=", kind.ge), (">", kind.gt), ("<=", kind.le), ("<", kind.lt))
            said = [f"{_LIMITS[sign]} {at:g}" for sign, at in bounds if at is not None]
            return f" {' and '.join(said)}" if said else ""
    return ""


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _inner(expected: Any) -> list[Any]:
    """The types that a type may be, metadata set aside."""
    if isinstance(expected, msgspec.inspect.Metadata):
        return _inner(expected.type)
    if isinstance(expected, msgspec.inspect.UnionType):
        return [inner for each in expected.types for inner in _inner(each)]
    return [] if expected is None else [expected]


def step_into(expected: Any, step: str | int) -> Any:
    """The type of a field or an item of something of this type; None if it isn't known."""
    structs = [one for one in _inner(expected) if isinstance(one, msgspec.inspect.StructType)]
    tags = tuple(one.tag for one in structs if one.tag_field == step and isinstance(one.tag, str))
    if tags:
        return msgspec.inspect.LiteralType(tags)
    for kind in _inner(expected):
        if isinstance(kind, msgspec.inspect.StructType) and isinstance(step, str):
            found = _field(kind, step)
            if found is not None:
                return found
        elif isinstance(kind, msgspec.inspect.DictType):
            return kind.value_type
        elif isinstance(kind, msgspec.inspect.TupleType) and isinstance(step, int):
            if step < len(kind.item_types):
                return kind.item_types[step]
        elif isinstance(
            kind,
            msgspec.inspect.ListType
            | msgspec.inspect.VarTupleType
            | msgspec.inspect.SetType
            | msgspec.inspect.FrozenSetType,
        ):
            return kind.item_type
    return None


def _field(expected: Any, name: str) -> Any:
    for kind in _inner(expected):
        if isinstance(kind, msgspec.inspect.StructType):
            for field in kind.fields:
                if field.encode_name == name:
                    return field.type
    return None


def _meant(expected: Any, value: object) -> Any:
    """Of several structs told apart by a tag, the one whose tag the value has."""
    tagged = [kind for kind in _inner(expected) if getattr(kind, "tag_field", None) is not None]
    tag = value.get(tagged[0].tag_field) if tagged and isinstance(value, dict) else None
    return next((kind for kind in tagged if kind.tag == tag), expected)


def _fields(expected: Any) -> list[str]:
    return [
        field.encode_name
        for kind in _inner(expected)
        if isinstance(kind, msgspec.inspect.StructType)
        for field in kind.fields
    ]


def _choices(expected: Any) -> list[str]:
    choices: list[str] = []
    for kind in _inner(expected):
        if isinstance(kind, msgspec.inspect.LiteralType):
            choices += map(str, kind.values)
        elif isinstance(kind, msgspec.inspect.EnumType):
            choices += [str(member.value) for member in kind.cls]
    return choices


def _description(expected: Any) -> str:
    if isinstance(expected, msgspec.inspect.Metadata) and expected.extra_json_schema:
        text = expected.extra_json_schema.get("description")
        return f"; {text}" if text else ""
    return ""
