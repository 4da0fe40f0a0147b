"""What the launchers of a cluster tell each other: a small file each, replaced twice a second.

Files are written aside and moved into place, and opened anew for each look, which is what makes
them the same for all hosts of a network file system. Whoever's file keeps changing lives. Nothing
here is a lock: that no worker is overtaken rests on `pipelines.processes.exclusive` and on what a
launcher says of its own workers.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

SILENT_SECONDS = 30.0
"""A launcher that said nothing for so long is taken for gone."""


class Start(msgspec.Struct, kw_only=True, frozen=True):
    """The last start that the leader made; nobody begins another."""

    number: int = 0
    launches: list[str] = []
    """Of each host, by number: only these launchers take part."""


class Notice(msgspec.Struct, kw_only=True, frozen=True):
    """What a launcher says of itself."""

    launch: str
    """Drawn anew at each start of a launcher."""
    where: str
    """Host name and process id, for people."""
    agreed: dict[str, str]
    """What must be the same on all hosts."""
    beat: int = 0
    """Goes up with each notice."""
    running: int = 0
    """The start that its workers belong to; 0: it has none."""
    ended: int = 0
    """Of this start and all before it no worker lives here, and none will begin."""
    failed: str = ""
    """Why start `ended` ended here, if it wasn't asked to."""
    stopping: bool = False
    """It was asked to stop, and with it the cluster."""
    slots: bytes = b""
    """How far its partitions and key groups are, as `pipelines.sources.alignment` has it."""
    exit_code: int | None = None
    """Of a launcher that has ended."""
    words: str = ""
    """Its last ones."""


class Peer:
    """Another host's launcher, as this one sees it."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._changed_at = clock()
        self._looked = False
        self.notice: Notice | None = None
        """The last one; it may be an old one until the peer was `met`."""
        self.met = False
        """It has said something since this launcher began."""

    def look(self) -> None:
        try:
            notice = msgspec.json.decode(self._path.read_bytes(), type=Notice)
        except (OSError, msgspec.DecodeError):
            notice = None
        if notice is not None and notice != self.notice:
            if self._looked:
                self.met = True
                self._changed_at = self._clock()
            self.notice = notice
        self._looked = True

    @property
    def is_silent(self) -> bool:
        return self._clock() - self._changed_at > SILENT_SECONDS

    @property
    def lives(self) -> Notice | None:
        """What it says, if it is known to be there now."""
        if not self.met or self.notice is None or self.notice.exit_code is not None:
            return None
        return None if self.is_silent else self.notice


def write(path: Path, said: Notice | Start) -> None:
    """A reader sees all of it or what was there before."""
    aside = path.with_name(path.name + ".new")
    aside.write_bytes(msgspec.json.encode(said))
    aside.replace(path)


def read_start(path: Path) -> Start:
    """The last one, or number 0 before the first."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Start)
    except FileNotFoundError:
        return Start()
