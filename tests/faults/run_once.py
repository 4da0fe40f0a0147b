"""`python run_once.py INPUTS OUTPUT WORKERS EPOCH_MS BATCH_BYTES`: one run, in small batches.

Time ends with the input.
"""

import sys
from pathlib import Path

from pipelines.launch import RunOptions, run

CONFIG = Path(__file__).parent.parent.parent / "config"

if __name__ == "__main__":
    inputs, output, workers, epoch_ms, batch_bytes = sys.argv[1:]
    options = RunOptions(
        inputs=[Path(each) for each in inputs.split(",")],
        output=Path(output),
        config=CONFIG,
        workers=int(workers),
        epoch_ms=int(epoch_ms),
        batch_bytes=int(batch_bytes),
    )
    print(run(options))
