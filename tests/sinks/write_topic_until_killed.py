"""A process of its own that writes entries to the ledger's topic until somebody kills it.

Arguments: broker, prefix, the file that stands for the recovery store, seed. It prints a line
after each batch, and saves every 300 rows.
"""

import json
import random
import sys
import time
from pathlib import Path

from topic_cases import entry, kafka

from sinks.kafka import TopicsSink
from sinks.row_batch import RowBatch

ROWS, ROWS_AN_EPOCH = 6_000, 300


def main(broker: str, prefix: str, store: Path, seed: int) -> None:
    saved, state = 0, None
    if store.exists():
        saved, positions = json.loads(store.read_text())
        state = {int(number): tuple(position) for number, position in positions.items()}
    pick = random.Random(seed)
    part = TopicsSink(kafka(broker, prefix), {}).build_part("topics", "loyalty.ledger", state)
    while saved < ROWS:
        rows = [entry(number, member=number % 40) for number in range(saved, saved + ROWS_AN_EPOCH)]
        while rows:
            size = pick.randint(1, 50)
            part.write_batch([RowBatch(list(rows[:size]))])
            rows = rows[size:]
            print("wrote", flush=True)
            time.sleep(0.002)
        positions = part.snapshot()
        saved += ROWS_AN_EPOCH
        fresh = store.with_suffix(".new")
        fresh.write_text(json.dumps([saved, positions]))
        fresh.replace(store)
        state = positions
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
