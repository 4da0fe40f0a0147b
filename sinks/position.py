"""The contract that every sink keeps, and the refusal when it can't.

A sink counts what it wrote; the count is its **position**. `snapshot()` makes
everything up to the position durable and returns it. After a crash the sink is
built again with the position of the last snapshot that counts:

* what was written beyond it is taken back, because all of it will come again
  (the same rows, perhaps in other batches);
* a sink that holds *less* than the position has lost data that won't come again
  (a truncated log, a file swapped or deleted), and refuses to go on;
* without a position nothing that is there counts, and all of it is deleted.
"""

import os
from pathlib import Path


class OutputBehind(RuntimeError):
    """The output holds less than the recovery state says it did. Going on would lose rows."""


def refuse_if_behind(what: str, *, found: int, needed: int) -> None:
    """Raise `OutputBehind` when `found` of an output is less than the snapshot's `needed`."""
    if found < needed:
        raise OutputBehind(
            f"{what}: must hold at least position {needed}, which the recovery state says was "
            f"written; got {found}. It was truncated, replaced or restored from an older copy. "
            "Build it again from the same input: "
            "kizuna run --input … --output <a fresh directory>"
        )


def sync_directory(directory: Path) -> None:
    """Make the names of its files durable too, not only their content."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
