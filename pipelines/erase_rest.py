"""Where an output at rest stands: until when it has applied what, and from which files.

In: an output that no worker uses. Out: the instant until which people are erased, the files of
others, and stores that hold no more than their snapshots stand for.
"""

from pathlib import Path

import msgspec

from pipelines import recovery
from pipelines.command_files import reached
from pipelines.loyalty import DECIDE_STEP, WAREHOUSE_STEP
from pipelines.processes import RunRefused
from pipelines.sources import journal as journals
from sinks.duckdb.writer import Writer
from sinks.position import OutputBehind


def take_back(output: Path) -> None:
    """Leave in a live output's stores what its snapshots stand for: a run that crashed wrote more,
    and that comes again."""
    journal = journals.load(output / "journal" / "generations.json", 0, None)
    store, warehouse = output / "recovery", output / "warehouse.duckdb"
    if journal.generations or not any(store.glob("*.sqlite3")):
        return
    try:
        recovery.settle(store)
        for position in recovery.positions(store, WAREHOUSE_STEP).values():
            Writer(warehouse, position).close()
    except (recovery.StoreIncomplete, OutputBehind) as refused:
        raise RunRefused(str(refused)) from refused


def time_of(output: Path) -> int:
    """The last instant that an output has applied, ms UTC: what happened until then is erased."""
    journal = journals.load(output / "journal" / "generations.json", 0, None)
    if journal.generations:
        return reached(output, journal) - 1
    states = recovery.positions(output / "recovery", DECIDE_STEP).values()
    marks = [msgspec.msgpack.decode(state, type=_Marked).mark for state in states]
    if not marks:
        raise RunRefused(f"{output}: must be the output of kizuna run; it has no saved state")
    return max(marks) - 1


def input_files(output: Path) -> list[str]:
    """The files that an output over files was made from and that aren't its own."""
    journal = journals.load(output / "journal" / "generations.json", 0, None)
    own = [one for one in journal.generations if not one.commands]
    return [file.path for generation in own for file in generation.files]


class _Marked(msgspec.Struct):
    """Of a key group's saved state: up to when it has come."""

    mark: int
