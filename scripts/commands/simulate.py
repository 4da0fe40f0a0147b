"""`kizuna simulate`: what other rules would have done with the same history."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.flow import moment


def simulate(
    inputs: Annotated[
        list[Path],
        typer.Option(
            "--input",
            exists=True,
            help="File or folder of events, an archive, or the output folder of a run, whose "
            "input is then read; repeatable.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", file_okay=False, help="Folder for the comparison and the report."),
    ],
    programmes: Annotated[
        list[Path] | None,
        typer.Option(
            "--programme",
            exists=True,
            dir_okay=False,
            help="A programme file that takes the place of the one with its name; repeatable.",
        ),
    ] = None,
    journeys: Annotated[
        list[Path] | None,
        typer.Option(
            "--journey",
            exists=True,
            dir_okay=False,
            help="A journey file, in the place of the one with its name, or a new one; repeatable.",
        ),
    ] = None,
    without_journeys: Annotated[
        list[str] | None,
        typer.Option("--without-journey", help="The name of a journey to do without; repeatable."),
    ] = None,
    identity: Annotated[
        Path | None,
        typer.Option(
            "--identity", exists=True, dir_okay=False, help="A ladder, in place of ladder.yaml."
        ),
    ] = None,
    alternative: Annotated[
        Path | None,
        typer.Option(
            "--alternative",
            exists=True,
            file_okay=False,
            help="A whole other configuration folder; given files go on top of it.",
        ),
    ] = None,
    effective_from: Annotated[
        int | None,
        typer.Option(
            "--effective-from",
            parser=moment,
            metavar="TIME",
            help="The newest version of each given programme counts from then on, instead of its "
            "own date.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            exists=True,
            file_okay=False,
            help="The current configuration folder. Default: ours.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline",
            exists=True,
            dir_okay=False,
            help="A warehouse of this history by the current configuration, so that it needn't be "
            "folded again.",
        ),
    ] = None,
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of",
            parser=moment,
            metavar="TIME",
            help="Where time ends, for example when points have expired. Default: with the input.",
        ),
    ] = None,
    point_value: Annotated[
        float | None,
        typer.Option(
            "--point-value",
            min=0.0,
            help="What a point costs when it is redeemed, minor units of currency. Default: as the "
            "baseline's parameters say, else 1.",
        ),
    ] = None,
    alternative_point_value: Annotated[
        float | None,
        typer.Option(
            "--alternative-point-value",
            min=0.0,
            help="The same under the alternative, where rewards have other prices.",
        ),
    ] = None,
    breakage: Annotated[
        float | None,
        typer.Option(
            "--breakage",
            min=0.0,
            max=1.0,
            help="The share of outstanding points that will never be used. Default: as the "
            "baseline's parameters say, else 0.",
        ),
    ] = None,
    plots: Annotated[
        bool, typer.Option("--plots/--no-plots", help="Draw plots as well, or only make tables.")
    ] = True,
) -> None:
    """Fold history by other rules as well, and say what would have been different.

    Give any combination of changed files: programmes (rates, tiers, rewards, expiry), journeys, the
    identity ladder. History is folded once by the current configuration and once by the changed
    one; points, liability, breakage, tiers, messages and each member are compared. Leaves
    `report.html`, `summary.json`, `plots/` and `comparison.duckdb` in the output folder. A
    difference is no failure: the exit code is 0.

    It is a what-if on the same behaviour, not a forecast: nobody responds to the other rules.

    Example: `kizuna simulate --input out --programme double.yaml --output what-if`
    """
    from rich.console import Console  # noqa: PLC0415

    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415
    from scripts.simulate.options import (  # noqa: PLC0415
        Changes,
        SimulateOptions,
        SimulationRefused,
    )
    from scripts.simulate.simulation import simulate as compare  # noqa: PLC0415
    from scripts.simulate.terminal import show  # noqa: PLC0415

    if effective_from is not None and not programmes:
        raise typer.BadParameter("--effective-from is of a --programme FILE; got none")
    options = SimulateOptions(
        inputs=inputs,
        output=output,
        config=config or DEFAULT_CONFIG,
        changes=Changes(
            folder=alternative,
            programmes=programmes or (),
            journeys=journeys or (),
            without_journeys=without_journeys or (),
            identity=identity,
            effective_from=effective_from,
        ),
        baseline=baseline,
        as_of=as_of,
        point_value=point_value,
        alternative_point_value=alternative_point_value,
        breakage=breakage,
        plots=plots,
    )
    try:
        findings = compare(options, Console(stderr=True, soft_wrap=True))
    except SimulationRefused as refused:
        raise typer.BadParameter(str(refused)) from refused
    console = Console()
    show(findings, console)
    console.print(
        f"{output / 'report.html'}, {output / 'comparison.duckdb'}", highlight=False, soft_wrap=True
    )
