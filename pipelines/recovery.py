"""What must happen to the recovery store before every start, with the cluster stopped.

Bytewax resumes each key from its newest snapshot below the resume epoch, but snapshots
that a crashed run wrote at or after that epoch stay in the store while epoch numbers are
used again: a later resume would load one of them, from another life of the key.
`purge_stale` deletes them.
"""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bytewax.recovery import init_db_dir

STORE_PARTITIONS = 2


def prepare(store: Path, source_step: str, partitions: Iterable[str]) -> int:
    """Create the store if there is none, else make it safe to resume from.

    `partitions` are the source partitions of the run that starts: what earlier generations
    left of theirs is dropped. Returns how many stale snapshots were deleted.
    """
    if not store.exists() or not any(store.glob("*.sqlite3")):
        store.mkdir(parents=True, exist_ok=True)
        init_db_dir(store, STORE_PARTITIONS)
        return 0
    with opened(store) as databases:
        purged = purge_stale(databases)
        keep = list(partitions)
        marks = ", ".join("?" * len(keep))
        for database in databases:
            database.execute(
                f"DELETE FROM snaps WHERE step_id = ? AND state_key NOT IN ({marks})",
                [source_step, *keep],
            )
            database.commit()
    return purged


def share(store: Path, host: int, hosts: int) -> Path:
    """The folder in which the workers of a host find their partitions of the store: links to them.

    A partition is written through shared memory (SQLite's write-ahead log), which several hosts
    don't have in common. So it belongs to one host at a time, and Bytewax routes to whoever has
    it. Only while no worker of that host runs.
    """
    if hosts == 1:
        return store
    folder = store / f"host-{host}"
    folder.mkdir(exist_ok=True)
    for link in folder.iterdir():
        link.unlink()
    for number, file in enumerate(sorted(store.glob("*.sqlite3"))):
        if number % hosts == host:
            (folder / file.name).symlink_to(Path("..") / file.name)
    return folder


def purge_stale(databases: list[sqlite3.Connection]) -> int:
    """Delete what a crashed execution wrote at or after the epoch at which it is resumed."""
    epoch = resume_epoch(databases)
    if epoch is None:
        return 0
    purged = 0
    for database in databases:
        purged += database.execute("DELETE FROM snaps WHERE snap_epoch >= ?", [epoch]).rowcount
        database.commit()
    return purged


def resume_epoch(databases: list[sqlite3.Connection]) -> int | None:
    """The epoch at which the next execution goes on; None before the first one.

    Of the last execution: the minimum over its workers of the greatest frontier that each
    wrote, or the epoch at which the execution itself began for a worker that wrote none.
    """
    last: tuple[int, int, int] | None = None
    for database in databases:
        row = database.execute(
            "SELECT ex_num, worker_count, resume_epoch FROM exs ORDER BY ex_num DESC LIMIT 1"
        ).fetchone()
        if row is not None and (last is None or row[0] > last[0]):
            last = row
    if last is None:
        return None
    execution, workers, began_at = last
    frontiers = dict.fromkeys(range(workers), began_at)
    for database in databases:
        for worker, frontier in database.execute(
            "SELECT worker_index, max(worker_frontier) FROM fronts WHERE ex_num = ? GROUP BY 1",
            [execution],
        ):
            frontiers[worker] = max(frontiers[worker], frontier)
    return min(frontiers.values())


def settle(store: Path) -> None:
    """Keep of each key nothing but the snapshot that it is resumed from; no worker may live."""
    with opened(store) as databases:
        for database in databases:
            database.execute("PRAGMA secure_delete = ON")
        purge_stale(databases)
        _forget_superseded(databases)
        for database in databases:
            database.commit()


def _forget_superseded(databases: list[sqlite3.Connection]) -> None:
    newest: dict[tuple[str, str], int] = {}
    for database in databases:
        for step, key, epoch in database.execute(
            "SELECT step_id, state_key, max(snap_epoch) FROM snaps GROUP BY 1, 2"
        ):
            newest[step, key] = max(epoch, newest.get((step, key), epoch))
    for database in databases:
        database.executemany(
            "DELETE FROM snaps WHERE step_id = ? AND state_key = ? AND snap_epoch < ?",
            [(*which, epoch) for which, epoch in newest.items()],
        )


def positions(store: Path, step: str) -> dict[str, Any]:
    """What each partition of a sink had written at its newest snapshot, in the sink's terms."""
    newest: dict[str, tuple[int, bytes]] = {}
    with opened(store) as databases:
        for database in databases:
            for key, epoch, position in database.execute(
                "SELECT state_key, snap_epoch, ser_change FROM snaps "
                "WHERE step_id = ? AND ser_change IS NOT NULL",
                [step],
            ):
                if key not in newest or epoch > newest[key][0]:
                    newest[key] = epoch, position
    return {key: pickle.loads(position) for key, (_, position) in newest.items()}


class StoreIncomplete(Exception):
    """Not all partitions of the recovery store are there."""


@contextmanager
def opened(store: Path) -> Iterator[list[sqlite3.Connection]]:
    files = sorted(store.glob("*.sqlite3"))
    databases = [sqlite3.connect(file) for file in files]
    try:
        count = databases[0].execute("SELECT part_count FROM parts").fetchone()[0]
        if count != len(files):
            raise StoreIncomplete(
                f"{store}: must hold all {count} partitions of the recovery store; got "
                f"{len(files)}; bring the missing ones back, or start with a fresh --output"
            )
        yield databases
    finally:
        for database in databases:
            database.close()
