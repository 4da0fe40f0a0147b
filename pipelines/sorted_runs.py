"""Messages of one key group, gathered in any order and given back in the total order.

In: runs, each some messages in order of known_at, encoded and compressed. Out: slices of time,
each with its messages in the total order. Promise: what is held decoded at once are the runs that
overlap in time, not the group; encoded runs beyond `HELD_BYTES` wait in a temporary file. So a
key group with more than memory holds is folded all the same.
"""

import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import BinaryIO, Final, cast

import msgspec
import pyarrow as pa

from schemas.flow import Message

HELD_BYTES: Final = 64 << 20
RUN_MESSAGES: Final = 1_000
"""Messages to a run: a run and its encoding are far below what runners allow an element to be."""

SLICE_MESSAGES: Final = 20_000
"""Decoded messages that are worth sorting; more only where more than this overlap in time."""

Run = tuple[int, int, bytes]
"""known_at of its first message, ms UTC; bytes before compression; compressed messages."""

_CODEC: Final = pa.Codec("zstd", compression_level=1)
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Message]).decode
_order: Final = attrgetter("order")
_known_at: Final = attrgetter("known_at")


def encode_run(messages: list[Message]) -> Run:
    """A run of messages that are in order of known_at; at least one."""
    encoded = _encode(messages)
    return messages[0].known_at, len(encoded), _CODEC.compress(encoded, asbytes=True)


def _decoded(run: Run) -> list[Message]:
    return _decode(_CODEC.decompress(run[2], run[1], asbytes=True))


class SortedRuns:
    """All runs of one key group; `close` when done."""

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._held_bytes_max = held_bytes
        self._held_bytes = 0
        self._held: list[Run] = []
        self._spilled: list[tuple[int, int, int, int]] = []
        self._file: BinaryIO | None = None

    def add(self, run: Run) -> None:
        """One more run; what is too much to hold goes to a file."""
        self._held.append(run)
        self._held_bytes += len(run[2])
        if self._held_bytes > self._held_bytes_max:
            self._spill()

    def slices(self) -> Iterator[tuple[int | None, list[Message]]]:
        """(below which time, messages before it and after the last slice), in the total order.

        The last slice has no time: nothing follows it.
        """
        waiting: list[Message] = []
        for run in self._in_time():
            begins_at = run[0]
            if len(waiting) >= SLICE_MESSAGES:
                waiting.sort(key=_order)
                cut = bisect_left(waiting, begins_at, key=_known_at)
                if cut:
                    yield begins_at, waiting[:cut]
                    del waiting[:cut]
            waiting += _decoded(run)
        waiting.sort(key=_order)
        yield None, waiting

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  # lives on
        for begins_at, size, blob in self._held:
            self._spilled.append((begins_at, size, self._file.tell(), len(blob)))
            self._file.write(blob)
        self._held.clear()
        self._held_bytes = 0

    def _in_time(self) -> Iterator[Run]:
        """Every run by its beginning. Equal beginnings: any order, the slices are sorted anyway."""
        places = [(begins_at, True, n) for n, (begins_at, *_) in enumerate(self._spilled)]
        places += [(begins_at, False, n) for n, (begins_at, *_) in enumerate(self._held)]
        for begins_at, is_spilled, number in sorted(places):
            if not is_spilled:
                yield self._held[number]
                continue
            assert self._file is not None
            _, size, at, length = self._spilled[number]
            self._file.seek(at)
            yield begins_at, size, self._file.read(length)
