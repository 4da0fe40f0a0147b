"""History folded by one configuration into a warehouse, and nothing else left behind.

The one place that knows what folds: `kizuna rebuild`, ungated, since a simulated warehouse is
looked at and never published.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.rebuild import rebuild_shown

SMALL_BYTES: Final = 50_000_000
"""Input of less is folded by one process: starting others would take longer."""


def fold(inputs: Sequence[Path], size: int, output: Path, config: Path, as_of: int | None) -> Path:
    """Fold `inputs` of `size` bytes into `output`/warehouse.duckdb; its path.

    Raises what `pipelines.fold_history.rebuild` raises.
    """
    workers = 1 if size < SMALL_BYTES else os.cpu_count() or 1
    rebuild_shown(inputs, output, as_of=as_of, workers=workers, config=config, gated=False)
    shutil.rmtree(output / "tables", ignore_errors=True)
    return output / "warehouse.duckdb"
