"""A warehouse that one process writes and serves, and others read: for tests of live reading."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb

from schemas.identity import Guest
from schemas.ledger import LedgerEntry
from sinks.duckdb.quack import Address, announced, load_quack
from sinks.duckdb.serve import Serve
from sinks.duckdb.sink import WarehousePartition
from sinks.row_batch import RowBatch

ROWS_EACH = 500
"""Entries in a transaction. The transaction also sets one guest's spend to all points so far."""
CONSISTENT = """
    SELECT (SELECT count(*) FROM ledger_entries), (SELECT sum(points)::BIGINT FROM ledger_entries),
           (SELECT spend FROM guests), (SELECT position FROM _sink_position)
"""
PATIENCE_SECONDS = 120
"""A busy machine takes long to start a process."""
PROCESSES = multiprocessing.get_context("spawn")


def batch(number: int) -> RowBatch:
    """The rows of transaction `number`, which counts from 1: a point each, and their sum."""
    entries = [
        LedgerEntry(
            entry_id=f"{number}-{one}",
            member_id=f"m-{one % 50}",
            debit="issued",
            credit="available",
            points=1,
            kind="earn",
            rule="base",
            programme_version="p@1",
            lot_id=None,
            source="pos",
            event_id=f"e-{number}-{one}",
            line_id=None,
            occurred_at=0,
            posted_at=number,
            corrects=None,
        )
        for one in range(ROWS_EACH)
    ]
    spent = Guest(
        guest_id="cookie:c",
        namespace="cookie",
        first_at=0,
        last_at=number,
        events=number,
        spend=number * ROWS_EACH,
        version=number,
    )
    return RowBatch([*entries, spent])


def write(folder: Path, serving: bool, running: Event, stop: Event, written: Any) -> None:
    """Commit transactions until told to stop; answers how many, and how long one took."""
    how = Serve(folder / "journal", port=0) if serving else None
    part = WarehousePartition(folder / "warehouse.duckdb", None, serve=how)
    seconds: list[float] = []
    while not stop.is_set():
        rows = batch(len(seconds) + 1)
        begun = time.perf_counter()
        part.write_batch([rows])
        part.snapshot()
        seconds.append(time.perf_counter() - begun)
        running.set()
        time.sleep(0.005)
    part.close()
    written.put(seconds)


class Writing:
    """The writer's process from outside."""

    def __init__(self, folder: Path, serving: bool = True) -> None:
        self.folder = folder
        self._stop = PROCESSES.Event()
        self._written = PROCESSES.Queue()
        running = PROCESSES.Event()
        self.process = PROCESSES.Process(
            target=write, args=(folder, serving, running, self._stop, self._written), daemon=True
        )
        self.process.start()
        assert running.wait(PATIENCE_SECONDS), "the writer didn't commit anything"

    def address(self) -> Address:
        found = announced(self.folder / "journal")
        assert found is not None
        return found

    def end(self) -> list[float]:
        """Let it finish; answers the seconds of each transaction."""
        self._stop.set()
        seconds: list[float] = self._written.get(timeout=PATIENCE_SECONDS)
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode == 0
        return seconds


@contextmanager
def writing(folder: Path, serving: bool = True) -> Iterator[Writing]:
    """A writer at work; killed at the end if the test didn't end it."""
    writer = Writing(folder, serving)
    try:
        yield writer
    finally:
        writer.process.kill()
        writer.process.join(PATIENCE_SECONDS)


def reader() -> duckdb.DuckDBPyConnection:
    """A connection that can reach a server. Each process makes one: loading takes a while."""
    con = duckdb.connect()
    load_quack(con)
    return con


def attached(
    con: duckdb.DuckDBPyConnection, address: Address, name: str = "kizuna"
) -> duckdb.DuckDBPyConnection:
    """A session of its own with the server, as an analyst starts one."""
    session = con.cursor()
    session.execute(f"ATTACH '{address.uri}' AS {name} (TOKEN '{address.token}')")
    return session


def read(
    con: duckdb.DuckDBPyConnection, address: Address, readers: int, times: int
) -> list[tuple[Any, ...]]:
    """What so many readers at once, a session each, saw so many times."""
    seen: list[tuple[Any, ...]] = []

    def one(number: int) -> None:
        session = attached(con, address, f"kizuna_{number}")
        for _ in range(times):
            seen.extend(session.execute(f"FROM kizuna_{number}.query(?)", [CONSISTENT]).fetchall())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return seen
