"""`python aborting.py INPUTS OUTPUT BATCH`: a run whose source fails at its nth batch.

Every batch is an epoch of its own, so the failure comes right after a snapshot, and
inside the process: destructors and the sinks' `close` run, as they do when code raises.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax._bytewax import cli_main
from bytewax.recovery import RecoveryConfig
from run_once import CONFIG

from pipelines import recovery
from pipelines.assemble import assemble
from pipelines.loyalty import READ_STEP, loyalty
from pipelines.plan import Plan
from pipelines.sources import files, journal
from pipelines.sources.alignment import Alignment
from sinks.duckdb.create import create_warehouse
from sinks.files import create_files


class Aborted(Exception):
    """On purpose."""


def abort_at(number: int) -> None:
    """Make the `number`th batch that any file yields fail."""
    read = files.FilePartition.next_batch
    count = 0

    def next_batch(self):
        nonlocal count
        batches = read(self)
        if batches:
            count += 1
            if count == number:
                raise Aborted
        return batches

    files.FilePartition.next_batch = next_batch


def main(inputs: str, output: Path, number: int) -> None:
    (output / "journal").mkdir(parents=True, exist_ok=True)
    path = output / "journal" / "generations.json"
    book = journal.load(path, int(time.time() * 1000), None)
    generation = journal.next_generation(book, journal.find_inputs([Path(inputs)]))
    journal.save(path, book)
    create_warehouse(output / "warehouse.duckdb")
    create_files(output)
    parts = [files.part_name(generation, file) for file in generation.files]
    recovery.prepare(output / "recovery", READ_STEP, parts)
    Alignment.reset(output / "journal" / "alignment.slots", parts)
    plan = Plan(
        output=str(output),
        config=str(CONFIG),
        generation=generation,
        bound_at=book.as_of,
        ends_at=None,
        epoch_ms=0,
        batch_bytes=262_144,
        parent=0,
    )
    abort_at(number)
    cli_main(
        loyalty(assemble(plan)),
        epoch_interval=timedelta(0),
        recovery_config=RecoveryConfig(output / "recovery"),
    )
    print(msgspec.json.encode({"batches": "all"}).decode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
