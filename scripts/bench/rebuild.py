"""How fast a history is folded again, and in how much memory, by the number of workers.

In: seeded traffic of a given size. Out: seconds, records a second and memory of `kizuna rebuild`
with each number of workers, beside `kizuna run` over the same files. All must leave equal tables.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.generate import generate
from scripts.warehouse_hash import warehouse_hash

LOOK_SECONDS = 0.2
SEED = 5
EVENTS_A_MEMBER_DAY = 2.0


@dataclass(frozen=True)
class Measured:
    """One command, start-up included. `peak_mib`: of all its processes together, at one moment."""

    command: str
    workers: int
    seconds: float
    peak_mib: float


def bench_rebuild(
    members: int,
    days: int,
    workers: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, list[Measured]]:
    """How many records there were, and what each command took. Raises if results differ."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        summary = generate(members, days, SEED, folder / "city", EVENTS_A_MEMBER_DAY)
        todo = [(command, n) for command in ("run", "rebuild") for n in workers]
        found: list[Measured] = []
        hashes: set[str] = set()
        for done, (command, number) in enumerate(todo):
            output = folder / f"{command}-{number}"
            found.append(_measure(command, folder / "city" / "events", output, number))
            hashes.add(warehouse_hash(output / "warehouse.duckdb").combined)
            if progress:
                progress(done + 1, len(todo))
        if len(hashes) > 1:
            raise AssertionError(f"all must come to one result; got {len(hashes)} hashes")
        return int(summary["events"]), found


def _measure(command: str, events: Path, output: Path, workers: int) -> Measured:
    arguments = [sys.executable, "-m", "scripts.cli", command, "--input", str(events)]
    arguments += ["--output", str(output), "--workers", str(workers)]
    arguments += ["--no-gate"] if command == "rebuild" else []
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = psutil.Popen(arguments, stdout=said, stderr=subprocess.STDOUT)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _resident(process))
            time.sleep(LOOK_SECONDS)
        seconds = time.monotonic() - began
        if process.returncode:
            said.seek(0)
            raise AssertionError(said.read().decode(errors="replace"))
    return Measured(command, workers, seconds, peak / (1 << 20))


def _resident(process: psutil.Process) -> int:
    """Bytes in memory of a process and all below it."""
    total = 0
    try:
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_info().rss
    except psutil.NoSuchProcess:  # it ended while we looked
        pass
    return total
