"""How a launcher asks its workers of a live run to end: a few bytes in a file that they all map.

A worker that was asked takes in nothing more, finishes what is on its way, saves its state
and ends with exit code 0. One whose launcher lost touch with the other hosts must be gone before
these go on without it.
"""

import mmap
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CUT_OFF_SECONDS = 20.0
"""Less than `pipelines.notices.SILENT_SECONDS`, after which other hosts start again."""

_BYTES = 16
_ASKED_AT = 0
_IN_TOUCH_AT = 8
_SECONDS = struct.Struct("<d")


class Stopping:
    """The bytes at `path`, of one host; `reset` them before any worker starts."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), _BYTES)

    @staticmethod
    def reset(path: Path) -> None:
        """Nobody is asked to stop, and there are no other hosts."""
        path.write_bytes(bytes(_BYTES))

    def ask(self) -> None:
        self._bytes[_ASKED_AT] = 1

    def asked(self) -> bool:
        return self._bytes[_ASKED_AT] != 0

    def keep_in_touch(self) -> None:
        """The launcher has told the other hosts of itself; from now on it must go on to."""
        _SECONDS.pack_into(self._bytes, _IN_TOUCH_AT, time.monotonic())

    @property
    def is_cut_off(self) -> bool:
        """The launcher hasn't told the other hosts of itself for too long."""
        at: float = _SECONDS.unpack_from(self._bytes, _IN_TOUCH_AT)[0]
        return at > 0 and time.monotonic() - at > CUT_OFF_SECONDS


@contextmanager
def asked_by_signals(stopping: Stopping) -> Iterator[None]:
    """SIGTERM and SIGINT ask the workers to stop; they themselves ignore both."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: stopping.ask())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
