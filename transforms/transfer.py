"""The command that brings what was closed at one member to another: how it is written and read.

In: what an operator knew of a member who was merged, and the event that said so. Out: a
`LoopCommand`, or what is in one that came. Promises: one command for each part of each merge, by
its id; the same contents make the same text anywhere, so nothing is compressed.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec
from xxhash import xxh3_128_hexdigest

from schemas.commands import LoopCommand
from schemas.events import Event
from schemas.payloads import Transfer

FORM: Final = "1"
"""Of the text: another number, another reader."""

SCORE: Final = "score"
"""The part of a transfer that is score's; all others are accrue's."""

_encode = msgspec.msgpack.Encoder().encode


def write(contents: msgspec.Struct) -> str:
    """The contents of a part as text."""
    return f"{FORM}.{urlsafe_b64encode(_encode(contents)).decode()}"


def encoded(text: str) -> bytes:
    """What is written in a part's text; ValueError, if it has another form.

    >>> encoded("1.gA=="), encoded("1.gA==") == encoded(write(msgspec.defstruct("Empty", [])()))
    (b'\\x80', True)
    """
    form, _, body = text.partition(".")
    if form != FORM:
        raise ValueError(f"must be of form {FORM}; got {form[:8]!r}")
    return urlsafe_b64decode(body)


def order(transfer: Transfer, survivor: str, event: Event, now: int) -> LoopCommand:
    """The command that brings a part to the survivor. One that has come to somebody who was merged
    meanwhile is another command, to the next."""
    about = [transfer.loser, transfer.merge, transfer.part]
    if event.type == "transfer":
        about.append(survivor)
    payload = msgspec.to_builtins(transfer)
    del payload["kind"]
    return LoopCommand(
        command_id=f"transfer-{xxh3_128_hexdigest(chr(31).join(about).encode())}",
        type="transfer",
        market=event.market,
        about=msgspec.json.encode({"member_id": survivor}).decode(),
        payload=msgspec.json.encode(payload).decode(),
        because_of=transfer.merge,
        given_at=now,
    )
