"""The `runs` table: which runs wrote a warehouse. Written while no worker holds the file."""

from pathlib import Path
from typing import Any

import msgspec

from sinks.duckdb.create import open_warehouse
from sinks.duckdb.schema import RUNS


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `runs`; times in ms UTC."""

    run_id: int = 0
    generation: int
    started_at: int
    ended_at: int | None = None
    outcome: str | None = None
    as_of: int
    input: str
    workers: int
    events: int | None = None
    config_hash: str
    kizuna_version: str


def start_run(path: Path, run: Run) -> int:
    """Add a run and answer its `run_id`."""
    con = open_warehouse(path)
    try:
        (run_id,) = _one(con, f"SELECT coalesce(max(run_id), 0) + 1 FROM {RUNS.name}")
        values = msgspec.structs.asdict(msgspec.structs.replace(run, run_id=run_id))
        targets = ", ".join(
            f"make_timestamp_ms(${column.name})"
            if column.sql_type == "TIMESTAMP"
            else f"${column.name}"
            for column in RUNS.columns
        )
        con.execute(f"INSERT INTO {RUNS.name} VALUES ({targets})", values)
        return int(run_id)
    finally:
        con.close()


def end_run(
    path: Path, run_id: int, *, ended_at: int, outcome: str, events: int | None = None
) -> None:
    """Say when and how a run ended."""
    con = open_warehouse(path)
    try:
        con.execute(
            f"UPDATE {RUNS.name} SET ended_at = make_timestamp_ms($ended_at), outcome = $outcome, "
            "events = $events WHERE run_id = $run_id",
            {"ended_at": ended_at, "outcome": outcome, "events": events, "run_id": run_id},
        )
    finally:
        con.close()


def latest_run(path: Path) -> Run | None:
    """The last run that was started, if any."""
    con = open_warehouse(path)
    try:
        columns = ", ".join(
            f"epoch_ms({column.name}) AS {column.name}"
            if column.sql_type == "TIMESTAMP"
            else column.name
            for column in RUNS.columns
        )
        row = con.execute(
            f"SELECT {columns} FROM {RUNS.name} ORDER BY run_id DESC LIMIT 1"
        ).fetchone()
    finally:
        con.close()
    if row is None:
        return None
    return Run(**dict(zip((column.name for column in RUNS.columns), row, strict=True)))


def _one(con: Any, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = con.execute(sql).fetchone()
    return row
