"""How the launcher asks all workers of a live run to end: one byte in a file that they all map.

A worker that was asked takes in nothing more, finishes what is on its way, saves its state
and ends with exit code 0.
"""

import mmap
from pathlib import Path


class Stopping:
    """The byte at `path`; `reset` it before any worker starts."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._byte = mmap.mmap(file.fileno(), 1)

    @staticmethod
    def reset(path: Path) -> None:
        """Nobody is asked to stop."""
        path.write_bytes(b"\0")

    def ask(self) -> None:
        self._byte[0] = 1

    def asked(self) -> bool:
        return self._byte[0] != 0
