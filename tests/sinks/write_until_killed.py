"""A process of its own that writes to a sink until somebody kills it.

Arguments: sink, directory, seed, epochs, rows an epoch. It prints a line after each batch.
It stands for engine and recovery store: `recorded.json` is replaced atomically after each
snapshot, and read at the start.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from sample_rows import RowMaker
from sink_cases import CASES, Flow


class RecordedFlow(Flow):
    """A flow whose recovery store is a file."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._store = self.directory / "recorded.json"
        if self._store.exists():
            self.next_epoch, self.recorded = json.loads(self._store.read_text())

    def wrote(self) -> None:
        print("wrote", flush=True)
        time.sleep(0.001)  # so that whoever reads this can kill between two batches

    def record(self, positions: dict[str, Any], next_epoch: int) -> None:
        super().record(positions, next_epoch)
        fresh = self._store.with_suffix(".new")
        fresh.write_text(json.dumps([self.next_epoch, self.recorded]))
        fresh.replace(self._store)


if __name__ == "__main__":
    name, directory, seed, epochs, rows_each = sys.argv[1:]
    flow = RecordedFlow(
        case=next(case for case in CASES if case.name == name),
        directory=Path(directory),
        epochs=RowMaker(11).epochs(int(epochs), int(rows_each)),
        seed=int(seed),
    )
    flow.run()
    print("done", flush=True)
