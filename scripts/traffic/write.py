"""Event files: one a source and half-year, each sorted by `received_at`.

An event goes into the half-year in which it was received, so no file of a later half-year
holds anything that was received before the end of an earlier one. What arrives after the
simulated time (late uploads) goes into its last half-year.

Memory is bounded: when more than `run_bytes` are waiting, all of it is sorted and put aside
as runs, which are merged at the end.
"""

import heapq
import shutil
from array import array
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from scripts.traffic.happenings import Sent

LOCAL: Final = ZoneInfo("America/New_York")
RUN_BYTES: Final = 120_000_000

Waiting = list[tuple[int, bytes]]
Run = tuple[array, Path]


def half_years(start: int, end: int) -> list[tuple[str, int]]:
    """Names of the half-years that [start, end) touches, and when each ends, ms UTC.

    >>> [name for name, _ in half_years(1483246800000, 1514782800000)]
    ['2017-H1', '2017-H2']
    """
    first = datetime.fromtimestamp(start / 1_000, LOCAL)
    year, half = first.year, 1 if first.month <= 6 else 2
    periods: list[tuple[str, int]] = []
    while not periods or periods[-1][1] < end:
        after = (
            datetime(year, 7, 1, tzinfo=LOCAL)
            if half == 1
            else datetime(year + 1, 1, 1, tzinfo=LOCAL)
        )
        periods.append((f"{year}-H{half}", int(after.timestamp()) * 1_000))
        year, half = (year, 2) if half == 1 else (year + 1, 1)
    return periods


class EventFiles:
    """`add` events in any order, then `close`: sorted files under `directory`."""

    def __init__(self, directory: Path, start: int, end: int, run_bytes: int = RUN_BYTES) -> None:
        self.directory = directory
        self._periods = half_years(start, end)
        self._run_bytes = run_bytes
        self._aside = directory / ".runs"
        self._waiting: dict[tuple[str, str], Waiting] = defaultdict(list)
        self._runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
        self._bytes = 0
        self._encode = msgspec.json.Encoder().encode

    def add(self, sent: Sent) -> None:
        line = self._encode(sent)
        received_at = sent.received_at
        for name, until in self._periods:  # noqa: B007 - the last one takes what is left
            if received_at < until:
                break
        self._waiting[name, sent.source].append((received_at, line))
        self._bytes += len(line)
        if self._bytes >= self._run_bytes:
            self._put_aside()

    def _put_aside(self) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)
        for key, waiting in sorted(self._waiting.items()):
            waiting.sort(key=itemgetter(0))
            path = self._aside / f"{key[0]}-{key[1]}-{len(self._runs[key])}"
            with path.open("wb") as file:
                file.writelines(line + b"\n" for _, line in waiting)
            self._runs[key].append((array("q", [at for at, _ in waiting]), path))
        self._waiting.clear()
        self._bytes = 0

    def close(self) -> int:
        """Write the files; how many bytes they have."""
        written = 0
        for key in sorted({*self._waiting, *self._runs}):
            waiting = self._waiting.pop(key, [])
            waiting.sort(key=itemgetter(0))
            path = self.directory / key[0] / f"{key[1]}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            parts = [_read(run) for run in self._runs[key]]
            last = ((at, line + b"\n") for at, line in waiting)
            with path.open("wb", buffering=1 << 20) as file:
                file.writelines(line for _, line in heapq.merge(*parts, last, key=itemgetter(0)))
                written += file.tell()
        if self._aside.exists():
            shutil.rmtree(self._aside)
        return written


def _read(run: Run) -> Iterator[tuple[int, bytes]]:
    times, path = run
    with path.open("rb", buffering=1 << 20) as file:
        yield from zip(times, file, strict=True)
