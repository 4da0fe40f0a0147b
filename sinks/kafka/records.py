"""A row as a Kafka record: its key, its value, and headers that tell what it is.

Comes in: a row. Goes out: a `Record`; the value is the row as JSON, its fields named and ordered
as in `schemas`, times in integer milliseconds UTC, bytes as base64. A command's is the event that
it is to become.
Promised: the same row is the same record in every run, `record_id` included, and two different
rows never share one. Rows that are equal in every field do (a link that is confirmed twice at one
instant); who compares records counts them.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from xxhash import xxh3_64_hexdigest, xxh3_128_hexdigest

from schemas.commands import LoopCommand, command_of
from schemas.decisions import Decision, Trigger
from schemas.events import NAMESPACES, TRACEPARENT
from schemas.flow import Row
from schemas.identity import IdentityLink
from schemas.ledger import LedgerEntry, RedemptionAnswer
from schemas.member_state import MemberErased, MemberState
from schemas.refusals import Quarantined

RECORD_ID: Final = "record_id"
RAW_BYTES_MAX: Final = 600_000
"""Of a refused record on a topic. Base64 makes it a third longer, and brokers refuse records above
1 MiB unless told otherwise."""

_TRACE_ENDS: Final = len("00-") + 32 + 1
_SPAN_ENDS: Final = _TRACE_ENDS + 16
"""In a `traceparent` of version 00: trace id, span id and flags, in hex."""
_STRONGEST_FIRST: Final = tuple(reversed(NAMESPACES))
_JSON: Final[tuple[str, bytes]] = ("content-type", b"application/json")
_encode: Final = msgspec.json.Encoder().encode


Header = tuple[str, str | bytes | None]
"""As the client's types have it; values are bytes here."""


class Record(NamedTuple):
    """`record_id` is among the headers too."""

    record_id: bytes
    key: bytes | None
    value: bytes | None
    """None: on a compacted topic the end of its key."""
    headers: list[Header]


def record_of(row: Row) -> Record:
    """The record of a row that has a topic; KeyError for any other."""
    return _MAKERS[type(row)](row)


def traceparent(parent: str | None, member_id: str, at: int, record_id: bytes) -> bytes:
    """W3C trace context: a span of its own in the trace of the event behind the record.

    Without a parent (the event had none, or time alone led to it) what one instant of the
    engine's clock brought one member is a trace. The same in every run.
    """
    span = xxh3_64_hexdigest(record_id)
    if parent is not None:
        return f"{parent[:_TRACE_ENDS]}{span}{parent[_SPAN_ENDS:]}".encode()
    trace = xxh3_128_hexdigest(f"{member_id}@{at}".encode())
    return f"00-{trace}-{span}-01".encode()


def _content_id(value: bytes) -> bytes:
    return xxh3_128_hexdigest(value).encode()


def _about_member(
    row: Any, schema: bytes, record_id: bytes, value: bytes | None, at: int, *more: Header
) -> Record:
    """`at`: when the engine decided it, ms UTC."""
    headers: list[Header] = [
        (RECORD_ID, record_id),
        ("schema", schema),
        _JSON,
        (TRACEPARENT, traceparent(row.traceparent, row.member_id, at, record_id)),
        *more,
    ]
    return Record(record_id, row.member_id.encode(), value, headers)


def _ledger_entry(row: LedgerEntry) -> Record:
    record_id = row.entry_id.encode()
    return _about_member(row, b"ledger_entry/1", record_id, _encode(row), row.posted_at)


def _redemption_answer(row: RedemptionAnswer) -> Record:
    value = _encode(row)
    return _about_member(row, b"redemption_answer/1", _content_id(value), value, row.answered_at)


def _decision(row: Decision) -> Record:
    record_id = row.decision_id.encode()
    return _about_member(row, b"decision/1", record_id, _encode(row), row.decided_at)


def _trigger(row: Trigger) -> Record:
    record_id = f"{row.trigger_id}:{row.action}:{row.state_version}".encode()
    named = ("trigger_id", row.trigger_id.encode())
    return _about_member(row, b"trigger/1", record_id, _encode(row), row.decided_at, named)


def _member_state(row: MemberState) -> Record:
    """A revision of another history must not pass for this one's, so the content counts too."""
    value = _encode(row)
    record_id = f"{row.member_id}@{row.revision}:{xxh3_64_hexdigest(value)}".encode()
    return _about_member(row, b"member_state/1", record_id, value, row.as_of)


def _member_erased(row: MemberErased) -> Record:
    """A record without a value: compaction drops it, too, once nobody can have missed it."""
    record_id = f"{row.member_id}@{row.revision}:erased".encode()
    return _about_member(row, b"member_erased/1", record_id, None, row.as_of)


def revision_of(record_id: bytes) -> int:
    """Of the record of a member's state."""
    return int(record_id.rpartition(b"@")[2].partition(b":")[0])


def _identity_link(row: IdentityLink) -> Record:
    value = _encode(row)
    key = f"{row.namespace}:{row.value}".encode()
    return _plain(b"identity_link/1", _content_id(value), key, value)


def _quarantined(row: Quarantined) -> Record:
    """A long record is only announced: its bytes are in the warehouse."""
    if len(row.raw) > RAW_BYTES_MAX:
        row = msgspec.structs.replace(row, raw=b"")
    value = _encode(row)
    return _plain(b"quarantined/1", _content_id(value), None, value)


def _loop_command(row: LoopCommand) -> Record:
    """The key is the one that producers of events give: what is done to one person keeps its order.

    An id says what a command is about, so one that is there already isn't given again, whichever
    history gave it: it would be a duplicate when it is read.
    """
    command = command_of(row)
    by = next((name for name in _STRONGEST_FIRST if name in command.about), "")
    named = f"{by}:{command.about[by]}" if by else command.event_id
    key = xxh3_64_hexdigest(named.encode()).encode()
    return _plain(b"event/1", row.command_id.encode(), key, _encode(command.as_event()))


def _plain(schema: bytes, record_id: bytes, key: bytes | None, value: bytes) -> Record:
    return Record(record_id, key, value, [(RECORD_ID, record_id), ("schema", schema), _JSON])


_MAKERS: Final[dict[type[Row], Callable[[Any], Record]]] = {
    LedgerEntry: _ledger_entry,
    RedemptionAnswer: _redemption_answer,
    Decision: _decision,
    Trigger: _trigger,
    MemberState: _member_state,
    MemberErased: _member_erased,
    IdentityLink: _identity_link,
    Quarantined: _quarantined,
    LoopCommand: _loop_command,
}
