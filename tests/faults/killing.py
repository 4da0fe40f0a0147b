"""Run the live dataflow as a user would, and kill its workers at chosen moments."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import msgspec
import psutil

from pipelines.recovery import resume_epoch
from pipelines.sources.alignment import Alignment
from pipelines.sources.files import part_name
from pipelines.sources.journal import Journal
from scripts.warehouse_hash import triggers_hash, warehouse_hash

RUN_SECONDS_MAX = 300


def command(inputs, output, *, workers=1, epoch_ms=200, batch_bytes=32_768):
    given = ",".join(map(str, inputs))
    rest = [str(output), str(workers), str(epoch_ms), str(batch_bytes)]
    return [sys.executable, str(Path(__file__).with_name("run_once.py")), given, *rest]


def run(inputs, output, **options):
    """To the end; what it printed."""
    done = subprocess.run(
        command(inputs, output, **options),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def hashes(output: Path) -> dict[str, str]:
    """Of every table, and of the trigger files."""
    return {
        **warehouse_hash(output / "warehouse.duckdb").tables,
        "trigger files": triggers_hash(output / "triggers"),
    }


def progress(output: Path) -> float:
    """The share of the input's bytes that the sources have read; 0 before they began."""
    path = output / "journal" / "generations.json"
    try:
        journal = msgspec.json.decode(path.read_bytes(), type=Journal)
        generation = journal.generations[-1]
        names = [part_name(generation, file) for file in generation.files]
        _, read = Alignment(output / "journal" / "alignment.slots", names).totals()
    except (OSError, ValueError, msgspec.DecodeError, IndexError):
        return 0.0
    return read / max(1, sum(file.size for file in generation.files))


def kill_at(inputs, output, share: float, chance: random.Random, **options) -> bool:
    """Start or resume the run, and SIGKILL one of its workers once `share` of the input is read.

    False if the run ended before that.
    """
    launcher = subprocess.Popen(
        command(inputs, output, **options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    give_up_at = time.monotonic() + RUN_SECONDS_MAX
    started = time.monotonic()
    while time.monotonic() < give_up_at:
        if launcher.poll() is not None:
            return False
        if time.monotonic() - started > 0.5 and progress(output) >= share:
            workers = psutil.Process(launcher.pid).children()
            if workers:
                time.sleep(chance.random() * 0.3)
                try:
                    chance.choice(workers).send_signal(signal.SIGKILL)
                except psutil.NoSuchProcess:
                    return False
                return launcher.wait(30) != 0
        time.sleep(0.01)
    raise TimeoutError("the run neither ended nor came to where it should be killed")


def committed(output: Path) -> tuple[int, int]:
    """(the epoch at which the next run resumes, the warehouse's position): what is durable."""
    databases = [sqlite3.connect(file) for file in sorted((output / "recovery").glob("*.sqlite3"))]
    epoch = resume_epoch(databases) or 0
    for database in databases:
        database.close()
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as connection:
        (position,) = connection.execute(
            "SELECT coalesce(max(position), 0) FROM _sink_position"
        ).fetchone()
    return epoch, position
