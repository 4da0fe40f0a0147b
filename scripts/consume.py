"""A channel system in small: follow a trigger file and apply each trigger once.

In: a channel's trigger file, which may shrink and be written again when its producer crashes and
resumes, and whose lines may then stand in another order. Out: a call of `apply` for each trigger,
and a state file that says what was applied. It needs msgspec and nothing of Kizuna: copy it.

Promise: no trigger is left out, and none is applied twice but for those between the last save
and a crash of this process, at most SAVE_EVERY. To close that gap, hand `trigger_id` to whatever
carries out the effect as its idempotency key, or keep the state in the same transaction as the
effect. Saving before applying instead would lose up to as many.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

SAVE_EVERY: Final = 100
REMEMBER: Final = 10_000
LOOK_SECONDS: Final = 0.5
ERASED: Final = b'{"erased":true}'
"""What a line begins with whose person was erased since; spaces make it as long as it was."""


class Trigger(msgspec.Struct, kw_only=True):
    """The fields that this channel system needs; others are skipped."""

    trigger_id: str
    action: str
    member_id: str
    content: str
    data: dict[str, Any]
    handle: str | None
    decided_at: int


class Position(msgspec.Struct, kw_only=True):
    """What is saved. Everything before byte `start` is applied and won't change any more."""

    start: int = 0
    first: str = ""
    """The trigger at `start`; another one there: the file was written anew."""
    inode: int = 0
    applied: list[str] = []
    """The last ids, oldest first."""


class NotATrigger(Exception):
    """A whole line of the file that can't be read."""


class Consumer:
    """Reads one trigger file, look by look.

    Each look reads the last `remember` / 2 lines again and skips what was applied: so the order
    of lines that a producer wrote again doesn't matter, nor how far it had been cut off, as long
    as that is less than half of what is remembered.
    """

    def __init__(self, path: Path, state: Path | None, remember: int = REMEMBER) -> None:
        self._path = path
        self._state = state
        self._remember = remember
        self._decode = msgspec.json.Decoder(Trigger).decode
        self._unreadable_at = -1
        self._at = Position()
        if state is not None and state.exists():
            self._at = msgspec.json.decode(state.read_bytes(), type=Position)
        self._applied = dict.fromkeys(self._at.applied)

    def look(self, apply: Callable[[Trigger], None]) -> int:
        """Apply what is new; how many triggers that were."""
        window: deque[tuple[int, str]] = deque(maxlen=max(1, self._remember // 2))
        new = unsaved = 0
        with self._path.open("rb") as file:
            moved = self._find_start(file)
            at = self._at.start
            file.seek(at)
            try:
                for line in file:
                    if line.startswith(ERASED) and line.endswith(b"\n"):
                        at += len(line)
                        continue
                    trigger = self._read(line, at)
                    if trigger is None:
                        break
                    fresh = self._once(trigger, apply)
                    window.append((at, trigger.trigger_id))
                    at += len(line)
                    new, unsaved = new + fresh, unsaved + fresh
                    if unsaved == SAVE_EVERY:
                        self._save(window)
                        unsaved = 0
            finally:
                if moved or unsaved:
                    self._save(window)
        return new

    def _once(self, trigger: Trigger, apply: Callable[[Trigger], None]) -> bool:
        known = trigger.trigger_id in self._applied
        if known:
            del self._applied[trigger.trigger_id]  # it goes to the end, as the newest
        else:
            apply(trigger)
        self._applied[trigger.trigger_id] = None
        return not known

    def _find_start(self, file: BinaryIO) -> bool:
        """Go back if the file is another one, or shorter, or written anew; True: it is."""
        found, at = os.fstat(file.fileno()), self._at
        if found.st_ino != at.inode:
            at.inode, at.start, at.first = found.st_ino, 0, ""
        elif found.st_size < at.start:
            at.start, at.first = found.st_size, ""
        elif at.first and found.st_size > at.start:
            file.seek(at.start)
            line = file.readline()
            if line.endswith(b"\n") and (at.first.encode() in line or line.startswith(ERASED)):
                return False
            at.start, at.first = 0, ""
        else:
            return False
        return True

    def _read(self, line: bytes, at: int) -> Trigger | None:
        """None: it is being written, or was cut off while it was read; the next look sees more."""
        if not line.endswith(b"\n"):
            return None
        try:
            return self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if self._unreadable_at == at:
                raise NotATrigger(f"{self._path}, byte {at}: must be a trigger; {error}") from error
            self._unreadable_at = at
            return None

    def _save(self, window: deque[tuple[int, str]]) -> None:
        for trigger_id in list(self._applied)[: -self._remember]:
            del self._applied[trigger_id]
        if window:
            self._at.start, self._at.first = window[0]
        self._at.applied = list(self._applied)
        if self._state is None:
            return
        aside = self._state.with_name(self._state.name + ".new")
        with aside.open("wb") as file:
            file.write(msgspec.json.encode(self._at))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._state)


def effect(trigger: Trigger) -> None:
    """Where a channel system would send a message or draw a surface: a line instead."""
    data = msgspec.json.encode(trigger.data).decode()
    to = trigger.handle or trigger.member_id
    print(f"{trigger.trigger_id} {trigger.action:8} {to} {trigger.content} {data}", flush=True)


def consume(path: Path, state: Path | None, *, follow: bool) -> int:
    """Apply what the file holds, and with `follow` what comes; how many triggers that were."""
    consumer = Consumer(path, state)
    applied = consumer.look(effect)
    while follow:
        time.sleep(LOOK_SECONDS)
        applied += consumer.look(effect)
    return applied
