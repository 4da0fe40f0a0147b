"""`kizuna bench state`: does stitch's memory stay where it is while identifiers come and go?

In: how many events, and of which population. Out: at even intervals the keys, bytes of state and
resident memory of a process that runs the real rungs in real key groups, saved as the engine saves
them, and nothing else. Compared are two stretches of events that end at `first_at` and at the end:
with as many live identifiers, the second must not need more than the first, give or take a tenth.
"""

import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import psutil

from config.load import load
from pipelines.interpreter import settle_garbage_collector
from schemas.ladder import DAY_MS, Ladder, check_ladder
from scripts.bench.churning import Churn, Population
from scripts.bench.stitching import Rung, Stitching

EVENTS_A_TICK: Final = 16_000
TICKS_A_SNAPSHOT: Final = 10
LOOKS: Final = 10
"""Memory is the mean of so many looks, one a tick, the last ones before a stand."""
RATIO_MAX: Final = 1.1


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`first_at`: the event from which on nothing may grow. `rows`: how many are reported."""

    events: int = 10_000_000
    first_at: int = 2_000_000
    ladder: str
    population: Population = Population()
    rows: int = 20


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand after so many events. `resident_mib`: mean of the last looks before it."""

    events: int
    day: float
    seconds: float
    keys: int
    state_bytes: int
    resident_mib: float
    timers: int
    waiting: int
    rungs: tuple[Rung, ...]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Memory at the end against that at `first_at`, and which rungs' states grew meanwhile."""

    first: Stand
    last: Stand
    resident_ratio: float
    state_ratio: float
    growing: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Memory stayed within its bound."""
        return self.resident_ratio <= RATIO_MAX


def stands(asked: Asked) -> Iterator[Stand]:
    """Run it in this process; how things stand at even intervals, the last at the end."""
    ladder = load(asked.ladder, Ladder, check_ladder)
    population = asked.population
    churn, stitching = Churn(population), Stitching(ladder)
    process = psutil.Process()
    settle_garbage_collector()
    began = time.perf_counter()
    resident: deque[int] = deque(maxlen=LOOKS)
    step = max(1, asked.events // asked.rows)
    next_stand = step
    done = ticks = 0
    while done < asked.events:
        until = min(done + EVENTS_A_TICK, next_stand, asked.events)
        stitching.advance(churn.events(done, until), population.at(until))
        done = until
        ticks += 1
        is_stand = done in (next_stand, asked.events)
        if is_stand or not ticks % TICKS_A_SNAPSHOT:
            sizes = stitching.snapshot()
        resident.append(process.memory_info().rss)
        if not is_stand:
            continue
        next_stand += step
        yield Stand(
            events=done,
            day=population.days(done),
            seconds=time.perf_counter() - began,
            keys=sum(each.keys for each in sizes),
            state_bytes=sum(each.state_bytes for each in sizes),
            resident_mib=sum(resident) / len(resident) / (1 << 20),
            timers=sum(each.timers for each in sizes),
            waiting=sum(each.waiting for each in sizes),
            rungs=tuple(sizes),
        )


def bench_state(asked: Asked, progress: Callable[[int, int], None] | None = None) -> list[Stand]:
    """The same in a process of its own, so that nothing else is in its memory."""
    command = [sys.executable, "-m", "scripts.bench.state", msgspec.json.encode(asked).decode()]
    found: list[Stand] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            found.append(msgspec.json.decode(line, type=Stand))
            if progress:
                progress(found[-1].events, asked.events)
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"the measured process failed:\n{said}")
    return found


def judge(found: list[Stand], first_at: int) -> Verdict:
    """Compare the stand at `first_at`, or the next one, with the last."""
    first = next(each for each in found if each.events >= first_at)
    last = found[-1]
    before = {each.rung: each for each in first.rungs}
    growing = [
        each.rung
        for each in last.rungs
        if each.state_bytes > RATIO_MAX * before[each.rung].state_bytes
    ]
    return Verdict(
        first=first,
        last=last,
        resident_ratio=last.resident_mib / first.resident_mib,
        state_ratio=last.state_bytes / first.state_bytes,
        growing=tuple(growing),
    )


def settled_at(ladder: Ladder, population: Population) -> int:
    """After how many events nothing is remembered of whoever came first: all windows have passed.

    Before that every state grows, as it must: a comparison that begins earlier says nothing.
    """
    forget_days = max((rung.forget_days for rung in ladder.rungs), default=0)
    days = max(forget_days, ladder.deduplicate_days, ladder.receipt_days, ladder.guests.keep_days)
    longest = days + ladder.horizon_ms // DAY_MS + 7 + population.life_days
    return longest * population.events_a_day


def main(text: str) -> int:
    """A line of JSON for each stand."""
    for stand in stands(msgspec.json.decode(text, type=Asked)):
        print(msgspec.json.encode(stand).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
