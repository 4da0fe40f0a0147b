"""History folded by one configuration into a warehouse, and nothing else left behind.

The one place that knows what folds: `kizuna rebuild`, ungated, since a simulated warehouse is
looked at and never published.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipelines.history import History
from scripts.rebuild import rebuild_shown

SMALL_BYTES: Final = 50_000_000
"""Input of less is folded by one process: starting others would take longer."""


def fold(
    inputs: Sequence[Path], history: History, output: Path, config: Path, as_of: int | None
) -> Path:
    """Fold `history`, which was found in `inputs`, into `output`/warehouse.duckdb; its path.

    Raises what `pipelines.fold_history.rebuild` raises.
    """
    size = sum(one.file.size for one in history.files)
    workers = 1 if size < SMALL_BYTES else os.cpu_count() or 1
    rebuild_shown(
        inputs,
        output,
        as_of=as_of,
        workers=workers,
        config=config,
        gated=False,
        history=history,
    )
    shutil.rmtree(output / "tables", ignore_errors=True)
    return output / "warehouse.duckdb"
