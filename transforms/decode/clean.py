"""The texts of a payload without personal data and without control characters.

Comes in: a payload as it was sent. Goes out: the same with its texts redacted. A control character
becomes a space in text that people read; in any other field of the contract it would be part
of a key, and the event is refused.
"""

from typing import Any

import msgspec

from schemas.payloads import Line, Payload, Tender
from transforms.decode.redact import CONTROL, Redact
from transforms.decode.refusal import Refusal

_FREE_TEXT = frozenset(
    ("name", "query", "category", "campaign", "creative", "network", "medium", "reason", "zone")
)
"""Payload fields for people to read."""
_STRUCTS: tuple[type[msgspec.Struct], ...] = (*Payload.__subclasses__(), Line, Tender)
_KEY_FIELDS = (
    frozenset(name for struct in _STRUCTS for name in struct.__struct_fields__) - _FREE_TEXT
)
_NAMED_FIELDS = frozenset(("loser", "winner", "owner"))


def clean(value: Any, field: str, redact: Redact) -> Any:
    """A value of a payload's field, of any depth; Refusal for a control character in a key."""
    if type(value) is str:
        if CONTROL.search(value):
            if field in _KEY_FIELDS:
                raise Refusal("schema_mismatch", f"payload: control character in {field}")
            value = CONTROL.sub(" ", value)
        # Whoever is named is made what they are in identifiers, whole, when the payload is read.
        return value if field in _NAMED_FIELDS else redact.text(value)
    if type(value) is dict:
        return {name: clean(inner, name, redact) for name, inner in value.items()}
    if type(value) is list:
        return [clean(inner, field, redact) for inner in value]
    return value
