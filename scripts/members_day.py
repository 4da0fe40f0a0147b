"""One member's day, run through the pipeline and told step by step.

In: the folder of a finished run. Out: the story's events beside it, a second run over them that
goes on where the first ended, and what each surface shows after each step, read from that
channel's own trigger file.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import msgspec
from rich.console import Console

from pipelines.launch import Progress, RunOptions, RunSummary, run
from pipelines.sources import journal
from scripts.day.explain import BALANCE, rows
from scripts.day.story import MEMBER_ID, ZONE, Step, encoded, story
from scripts.day.surfaces import COMPARED, Surfaces, SurfacesDisagree
from scripts.day.telling import tell_chain, tell_step, tell_why_not

EVENTS_FILE: Final = "members_day.jsonl"


def live_through(
    output: Path, config: Path, workers: int, progress: Progress | None = None
) -> tuple[list[Step], RunSummary]:
    """Feed the story to the run in `output`: a further generation, with nothing but its own file.

    It begins on the day after the latest that the run has seen, so that nothing in it is late.
    """
    ended_at = _ended_at(output)
    first_day = datetime.fromtimestamp(ended_at / 1000, ZONE).date() + timedelta(days=1)
    steps = story(first_day)
    events = output.parent / EVENTS_FILE
    events.write_bytes(encoded(steps))
    options = RunOptions(inputs=[events], output=output, config=config, workers=workers)
    return steps, run(options, progress)


def tell(console: Console, output: Path, steps: list[Step]) -> None:
    """Print the day; SurfacesDisagree if two surfaces showed different balances at any step."""
    surfaces = Surfaces(output / "triggers", MEMBER_ID)
    con = duckdb.connect(str(output / "warehouse.duckdb"), read_only=True)
    try:
        console.print(
            f"Each column is read from that channel's own file in {output / 'triggers'}. App, web, "
            "till flag and support note follow every change (* in this step); receipt and messages "
            "stay as they were sent. A dash: nothing was ever shown there; an empty cell: that "
            "message doesn't say. The wallet's pass comes with a tier.\n",
            style="dim",
            highlight=False,
        )
        before = 0
        for step in steps:
            tell_step(console, con, step, before, surfaces, surfaces.check(step.until))
            before = step.until
        _check_warehouse(con, surfaces, steps[-1].until)
        tell_why_not(console, con, "sms")
        tell_chain(console, con)
    finally:
        con.close()


def _check_warehouse(con: duckdb.DuckDBPyConnection, surfaces: Surfaces, at: int) -> None:
    """What the surfaces show in the end is what the table `members` says."""
    app = surfaces.faces(at)["app"].data
    member = rows(con, BALANCE, member=MEMBER_ID)[0]
    for fact in COMPARED:
        if app[fact] != member[fact]:
            raise SurfacesDisagree(
                f"{fact}: must be the same on the app and in the warehouse; got {app[fact]} and "
                f"{member[fact]}"
            )


def _ended_at(output: Path) -> int:
    path = output / "journal" / "generations.json"
    generations = msgspec.json.decode(path.read_bytes(), type=journal.Journal).generations
    return max(one.ended_at or 0 for one in generations)
