"""Whether a given warehouse holds this history by the current configuration.

In: a warehouse and what the simulation is to read. Out: nothing, or SimulationRefused with what
differs. A baseline that isn't what it is taken for would make every figure of a comparison wrong,
so in doubt it is refused: without `--baseline` history is folded again, which only takes time.
"""

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import duckdb

from pipelines.foundation import config_hash
from pipelines.history import JOURNAL, History, find_history
from pipelines.sources.journal import load
from scripts.simulate.options import SimulationRefused
from sinks.duckdb.loop_commands import given_commands
from sinks.duckdb.schema import TABLES

OWN_CLOCK_MS: Final = 60_000
"""Without `--as-of` clocks are bounded by that of the start, noted a moment before it."""
REBUILD: Final = "rebuild of "
"""How `runs` says what a rebuild read."""
OWN_COMMANDS: Final = re.compile(r"T\d{6}-loop-[0-9a-f]{16}\.jsonl$")
"""A run's file of commands that operators gave."""
INSTEAD: Final = "leave --baseline away, and history is folded by the current configuration as well"


def refuse_other_history(
    warehouse: Path, inputs: Sequence[Path], config: Path, as_of: int | None
) -> None:
    """Raises SimulationRefused unless the warehouse is the fold of `inputs` by `config`."""
    runs = _runs(warehouse)
    if not runs or runs[-1]["outcome"] != "done":
        _refuse(warehouse, "must hold a run that ended", "none that did")
    last = runs[-1]
    if last["kizuna_version"] != version("kizuna"):
        _refuse(warehouse, f"must be of this release, {version('kizuna')}", last["kizuna_version"])
    _refuse_other_layout(warehouse)
    if any(run["config_hash"] != config_hash(config) for run in runs):
        _refuse(warehouse, f"must be made with the configuration in {config}", "another")
    unread = len(given_commands(warehouse))
    if unread:
        _refuse(
            warehouse,
            "must hold a history whose own commands (transfers, unlinks) were carried out, as a "
            "run does",
            f"{unread} that weren't",
        )
    if as_of is None and _is_output(inputs, warehouse):
        return
    if last["generation"] > 1 and _read_in_turns(warehouse):
        _refuse(
            warehouse,
            "must hold one run over all of its input",
            f"{last['generation']} one after the other; --input {warehouse.parent} reads what they "
            "read, in their order",
        )
    history = find_history(inputs, as_of)
    _refuse_other_clock(warehouse, last, history, as_of, _is_run(inputs))
    _refuse_other_files(warehouse, runs[0], inputs, history)


def _read_in_turns(warehouse: Path) -> bool:
    """Whether more than one generation was input; what the loop wrote itself is none."""
    file = warehouse.parent / JOURNAL
    if not file.is_file():
        return True
    generations = load(file, 0, None).generations
    return sum(not one.commands for one in generations) > 1


def _is_run(inputs: Sequence[Path]) -> bool:
    """Whether what is read is what a run read, named by that run's output folder."""
    return len(inputs) == 1 and (inputs[0] / "journal" / "generations.json").is_file()


def _is_output(inputs: Sequence[Path], warehouse: Path) -> bool:
    """Whether the warehouse is the output of the very run whose input is read."""
    return _is_run(inputs) and inputs[0].resolve() == warehouse.resolve().parent


def _runs(warehouse: Path) -> list[dict[str, Any]]:
    try:
        con = duckdb.connect(str(warehouse), read_only=True)
    except duckdb.Error as error:
        said = "is being written by a run; wait for its end"
        if "lock" not in str(error):
            said = f"can't be read: {str(error).splitlines()[0]}"
        raise SimulationRefused(
            f"--baseline: must be a warehouse at rest; {warehouse} {said}"
        ) from error
    try:
        found = con.execute(
            "SELECT generation, outcome, input, config_hash, kizuna_version, "
            "epoch_ms(as_of) AS as_of, epoch_ms(started_at) AS started_at FROM runs ORDER BY run_id"
        )
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    except duckdb.CatalogException as error:
        raise SimulationRefused(
            f"--baseline: must be a warehouse of kizuna run or rebuild; {warehouse} has no table "
            "runs"
        ) from error
    finally:
        con.close()


def _refuse_other_layout(warehouse: Path) -> None:
    con = duckdb.connect(str(warehouse), read_only=True)
    try:
        found = set(
            con.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
            ).fetchall()
        )
    finally:
        con.close()
    wanted = {(table.name, column.name) for table in TABLES for column in table.columns}
    if wanted - found:
        lacking = ", ".join(sorted(f"{table}.{column}" for table, column in wanted - found))
        _refuse(warehouse, "must have this release's columns", f"none called {lacking}")


def _refuse_other_clock(
    warehouse: Path, last: dict[str, Any], history: History, as_of: int | None, of_run: bool
) -> None:
    own_clock = abs(last["started_at"] - last["as_of"]) < OWN_CLOCK_MS
    if as_of is None and not of_run:
        if not own_clock:
            _refuse(warehouse, "must have been made without --as-of", f"--as-of {last['as_of']}")
    elif last["as_of"] != history.bound_at:
        _refuse(
            warehouse,
            f"must have been made with --as-of {history.bound_at}",
            "none" if own_clock else f"--as-of {last['as_of']}",
        )


def _refuse_other_files(
    warehouse: Path, first: dict[str, Any], inputs: Sequence[Path], history: History
) -> None:
    """By the journal beside the warehouse, which knows every file; else by the names of the files
    and whether one was written since."""
    if _is_run([warehouse.parent]):
        was = _facts(find_history([warehouse.parent], None))
        now = _facts(history)
        if was != now:
            names = ", ".join(sorted({name for name, _ in was ^ now}))
            _refuse(warehouse, "must be made from the same files", f"others: {names}")
        return
    said = first["input"].removeprefix(REBUILD).split(", ")
    if {Path(name).resolve() for name in said} != {path.resolve() for path in inputs}:
        _refuse(warehouse, f"must be made from {', '.join(map(str, inputs))}", ", ".join(said))
    for one in history.files:
        if Path(one.file.path).stat().st_mtime * 1000 > first["started_at"]:
            _refuse(warehouse, "must be younger than its input", f"{one.file.name}, written since")


def _facts(history: History) -> set[tuple[str, str]]:
    """Files by name and content; what the flow ordered itself follows from the others."""
    files = [one.file for one in history.files]
    return {(file.name, file.edges) for file in files if not OWN_COMMANDS.search(file.name)}


def _refuse(warehouse: Path, must: str, got: str) -> None:
    raise SimulationRefused(f"--baseline: {warehouse} {must}; got {got}; {INSTEAD}")
