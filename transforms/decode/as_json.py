"""A record of an Avro file as the JSON line that says the same.

Both encodings take one way from there, so that they get the same answer, and what is kept in
quarantine can be decoded again whatever it came from. Times become RFC 3339, bytes base64.
"""

from typing import Any

import msgspec

from transforms.decode.refusal import Refusal

Record = bytes | dict[str, Any]


def as_json(record: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(record, enc_hook=str)
    except (TypeError, ValueError, OverflowError):
        raise Refusal("unreadable", "record: can't be written as JSON") from None


def as_text(record: Record) -> bytes:
    """Something of a record that can't be written as JSON."""
    if isinstance(record, bytes):
        return record
    try:
        return repr(record).encode()
    except (RecursionError, ValueError):
        return repr(sorted(map(str, record))).encode()
