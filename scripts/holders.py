"""Which processes have a file open, and whether they lock it: what `fuser` would say.

In: a path. Out: its holders, as far as this user may look into other processes. Linux only:
elsewhere nobody is found.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
COMMAND_CHARACTERS_SHOWN = 60


class Holder(NamedTuple):
    """A process that has a file open."""

    pid: int
    command: str
    locks: bool
    """It holds a lock on the file, or has it from the process that took it."""
    suspended: bool
    """Stopped by a signal: it keeps its locks and does nothing."""

    def __str__(self) -> str:
        return f"{self.pid} ({self.command}{', suspended' if self.suspended else ''})"


def holders(path: Path) -> list[Holder]:
    """Every process that has `path` open, this one aside, by process id."""
    try:
        wanted = path.stat()
    except OSError:
        return []
    found = []
    for process in PROC.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        opened = [
            handle
            for handle, seen in _handles(process)
            if (seen.st_dev, seen.st_ino) == (wanted.st_dev, wanted.st_ino)
        ]
        if opened:
            locks = any(_locks(process, handle) for handle in opened)
            found.append(
                Holder(int(process.name), _command(process), locks, _state(process) in "Tt")
            )
    return sorted(found)


def _handles(process: Path) -> Iterator[tuple[str, os.stat_result]]:
    try:
        names = os.listdir(process / "fd")
    except OSError:  # gone, or somebody else's
        return
    for name in names:
        try:
            yield name, os.stat(process / "fd" / name)
        except OSError:
            continue


def _locks(process: Path, handle: str) -> bool:
    return "\nlock:" in _read(process / "fdinfo" / handle)


def _command(process: Path) -> str:
    program, *arguments = _read(process / "cmdline").split("\0")
    words = " ".join([Path(program).name, *arguments]).strip()
    shown = words[:COMMAND_CHARACTERS_SHOWN]
    return (shown if shown == words else f"{shown}…") or "?"


def _state(process: Path) -> str:
    """R, S, D, T, …: what follows the name, which may hold any character, in brackets."""
    return _read(process / "stat").rpartition(")")[2].strip()[:1] or "?"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
