"""How packets and archived events cross from one process to another.

Inside a process nothing is encoded. Between processes a packet's messages travel
as one msgpack blob (`__reduce__` is what pickle asks). The engine pickles each item twice,
once to learn its size, so the blob is kept for the second time.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from schemas.events import Event
from schemas.flow import Message

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Message]).decode
_decode_events: Final = msgspec.msgpack.Decoder(list[tuple[int, Event]]).decode


class Packet:
    """Messages for one key group from one upstream, and that upstream's watermark.

    `mark_at`: ms UTC, None: no news; `closed`: the upstream's input ended there.
    """

    __slots__ = ("_blob", "closed", "group", "mark_at", "messages", "upstream")

    def __init__(
        self,
        upstream: str,
        group: int,
        messages: Sequence[Message],
        mark_at: int | None = None,
        closed: bool = False,
    ) -> None:
        self.upstream = upstream
        self.group = group
        self.messages = messages
        self.mark_at = mark_at
        self.closed = closed
        self._blob: bytes | None = None

    def __reduce__(self) -> tuple[Callable[..., "Packet"], tuple[object, ...]]:
        if self._blob is None:
            self._blob = _encode(self.messages) if self.messages else b""
        return load_packet, (self.upstream, self.group, self._blob, self.mark_at, self.closed)


def load_packet(
    upstream: str, group: int, messages: bytes, mark_at: int | None, closed: bool
) -> Packet:
    """The packet that `Packet.__reduce__` took apart."""
    return Packet(upstream, group, _decode(messages) if messages else (), mark_at, closed)


class ArchiveBatch:
    """Decoded events on their way to the archive, as (known_at, event), in order of known_at."""

    __slots__ = ("_blob", "events")

    def __init__(self, events: list[tuple[int, Event]]) -> None:
        self.events = events
        self._blob: bytes | None = None

    def __len__(self) -> int:
        return len(self.events)

    def __reduce__(self) -> tuple[Callable[..., "ArchiveBatch"], tuple[bytes]]:
        if self._blob is None:
            self._blob = _encode(self.events)
        return load_archive_batch, (self._blob,)


def load_archive_batch(events: bytes) -> ArchiveBatch:
    """The batch that `ArchiveBatch.__reduce__` took apart."""
    return ArchiveBatch(_decode_events(events))
