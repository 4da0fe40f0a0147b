"""The demo: a year of a real grocer's loyalty data through the whole pipeline, and one day more.

In: an output folder. Out: `input` (events and their truth), `run` (warehouse and triggers) and
`members_day.jsonl` in it; on the terminal the report and one member's day. Promises: the run is
always a fresh one; an earlier demo's folders are used again or replaced, nobody else's.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import xxhash
from rich.console import Console

from pipelines.processes import exclusive
from scripts import import_completejourney, members_day, traffic
from scripts.explain.one_chain import one_chain
from scripts.report import report
from scripts.run import DEFAULT_CONFIG, run_files
from scripts.till_mistakes import write_mistakes
from scripts.traffic.city import OutputExists

SEED: Final = 2017
RUN_FILES: Final = {"warehouse.duckdb", "warehouse.duckdb.wal", "quarantine.jsonl"}
RUN_FOLDERS: Final = {"triggers", "journal", "recovery", "commands", "archive", "erased"}
LOCK: Final = ".lock"

Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Makes a progress bar with a label."""


class Made(msgspec.Struct, kw_only=True):
    """`demo.json`: the mark of a folder that the demo made, and what is in its `input`."""

    households: int | None = None
    importer: str = ""
    """Hash of the importer's code and seed; empty: there is no whole import."""


def demo(
    console: Console, output: Path, households: int | None, workers: int, progress_bar: Bar
) -> None:
    """Import, run, report, live one member's day, and say what to try next."""
    console.print(
        "A year of a real grocer's loyalty data: 1. import it with simulated web and app traffic "
        "2. run it through the pipeline 3. report 4. one member's day\n",
        highlight=False,
    )
    took: dict[str, float] = {}
    with _timed(took, "input"):
        reused = make_input(output, households, progress_bar)
    clear_run(output)
    events = output / "input" / "events"
    console.print(
        f"[bold]{'Found' if reused else 'Made'} the input[/] in {took['input']:.1f} s: {events}",
        highlight=False,
    )
    summary = run_files([events], output / "run", workers=workers)
    with _timed(took, "report"):
        warehouse = output / "run" / "warehouse.duckdb"
        report(warehouse, output / "input" / "truth", console, summary.seconds, summary.records)
    console.rule("[bold]One member's day")
    with progress_bar("one member's day") as progress:
        steps, day = members_day.live_through(output / "run", DEFAULT_CONFIG, workers, progress)
    members_day.tell(console, output / "run", steps)
    console.rule("[bold]Points, followed to their receipt line")
    one_chain(console, output / "run")
    console.rule("[bold]Done")
    rate = summary.records / summary.seconds
    console.print(
        f"input {took['input']:.1f} s · [bold]the run {summary.seconds:.1f} s, "
        f"{summary.records:,} events, {rate:,.0f} events/s[/] with {workers} "
        f"worker{'s' if workers > 1 else ''} · report {took['report']:.1f} s · "
        f"the day {day.seconds:.1f} s",
        highlight=False,
    )
    console.print(what_next(output), highlight=False, soft_wrap=True)


def make_input(output: Path, households: int | None, progress_bar: Bar) -> bool:
    """Import into `output`/input, or use what an earlier demo imported there; True: used again."""
    output.mkdir(parents=True, exist_ok=True)
    made, wanted = _made(output), Made(households=households, importer=_importer())
    folder = output / "input"
    reused = made == wanted and (folder / "truth" / "events.parquet").exists()
    if not reused:
        _mark(output, Made())
        with progress_bar("baskets → events") as progress:
            import_completejourney.import_completejourney(
                folder, SEED, households, progress=progress
            )
    last_half = max(path for path in (folder / "events").iterdir() if path.is_dir())
    write_mistakes(last_half / "till_mistakes.jsonl")
    _mark(output, wanted)
    return reused


def clear_run(output: Path) -> None:
    """Delete an earlier demo's run; OutputExists if there is anything in it that no run wrote."""
    folder = output / "run"
    if not folder.exists():
        return
    foreign = sorted({path.name for path in folder.iterdir()} - RUN_FILES - RUN_FOLDERS - {LOCK})
    if foreign:
        raise OutputExists(
            f"{folder}: must hold an earlier demo's run or nothing; got {', '.join(foreign)}; "
            "choose another --output"
        )
    with exclusive(folder):
        for name in RUN_FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in RUN_FILES:
            (folder / name).unlink(missing_ok=True)


def what_next(output: Path) -> str:
    """Commands to try, each on a line that can be copied."""
    run = output / "run"
    views = f"duckdb.connect('{run / 'warehouse.duckdb'}').sql('FROM suppressed_by_reason').show()"
    return f"""
[bold]What next?[/]
be a channel system:
  kizuna consume --triggers {run / "triggers"} --channel push
ask the warehouse, for example why messages were not sent:
  python -c "import duckdb; {views}"
ask where something came from: a member, an identifier, an entry, a trigger:
  kizuna explain member m-1 --output {run}
check all of it against the input and the truth, and see whom it told apart, case by case:
  kizuna audit {output}
change a rule in config/programmes/grocer.yaml or a journey in config/journeys, and run this again
make other traffic, of any size, and run it; your own events go the same way:
  kizuna generate --members 1000 --days 30 --output city
  kizuna run --input city/events --output out
read pipelines/loyalty.py: the program as a table of contents"""


def _importer() -> str:
    """What decides the bytes of an import: its code and the seed."""
    sources = [Path(import_completejourney.__file__)]
    sources += sorted(Path(traffic.__file__).parent.glob("*.py"))
    digest = xxhash.xxh3_128(str(SEED).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _made(output: Path) -> Made | None:
    path = output / "demo.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Made)
    others = [name for name in ("input", "run") if (output / name).exists()]
    if others:
        raise OutputExists(
            f"{output}: must be an earlier demo's folder or have no {' and '.join(others)}; got "
            "one that the demo didn't make; choose another --output"
        )
    return None


def _mark(output: Path, made: Made) -> None:
    (output / "demo.json").write_bytes(msgspec.json.encode(made) + b"\n")


@contextmanager
def _timed(took: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    took[name] = time.monotonic() - began
