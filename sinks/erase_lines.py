"""Lines of trigger files and of the quarantine's file, of people who are erased.

In: a file of JSON Lines that nobody writes, and which of its lines go. Out: the same file with
`{"erased":true}` and spaces in their place, as long as they were: positions in it, a resume's and
its readers', are byte offsets. It stays the same file for whoever follows it. A crash can leave a
line half written; done again, it is finished.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

HUSK: Final = b'{"erased":true}'


def erase_lines(path: Path, goes: Callable[[bytes], bool]) -> int:
    """How many lines went. `goes` may raise DecodeError: then the line was left half written."""
    erased = at = 0
    with path.open("r+b") as file:
        for line in file:
            if not is_erased(line) and _goes(line, goes):
                file.seek(at)
                file.write(HUSK.ljust(len(line) - 1) + b"\n")
                erased += 1
            at += len(line)
            file.seek(at)
        if erased:
            file.flush()
            os.fsync(file.fileno())
    return erased


def is_erased(line: bytes) -> bool:
    """Whether a line is what is left of one."""
    return line.rstrip() == HUSK


def _goes(line: bytes, goes: Callable[[bytes], bool]) -> bool:
    try:
        return line.startswith(HUSK) or goes(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
