"""W3C trace context of a record: which of somebody else's traces an event belongs to.

Comes in: a `traceparent`, from a Kafka header or the event's own context. Goes out: the same in
version 00, or None for whatever isn't one. https://www.w3.org/TR/trace-context/, section 3.2.
"""

import re
from typing import Any

import msgspec

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_INVALID_VERSION = "ff"


class Traced(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record whose transport says which trace it belongs to."""

    record: Any
    traceparent: str


def trace_context(given: str) -> str | None:
    """The trace context in version 00, of which later versions begin with the same fields.

    >>> trace_context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    >>> trace_context("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what.follows")
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    >>> trace_context("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
    """
    found = _FORM.fullmatch(given)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == _INVALID_VERSION or (version == "00" and more is not None):
        return None
    if trace == _NO_TRACE or span == _NO_SPAN:
        return None
    return f"00-{trace}-{span}-{flags}"
