"""`kizuna config`: the files that programme owners write, checked without running anything."""

from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.programme import Programme

configs = typer.Typer(no_args_is_help=True, help="The configuration, checked.")


@configs.callback()
def _group() -> None:
    """Keeps `check` a command of its own."""


@configs.command("check")
def check(
    config: Annotated[
        Path | None,
        typer.Option("--config", exists=True, file_okay=False, help="The folder. Default: ours."),
    ] = None,
) -> None:
    """Read all files of a configuration, and try the examples of its programmes.

    Says what is there; or everything that is wrong, by file, line and path, and exits with 2.

    Example: `kizuna config check --config my-config`
    """
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    deployment = read_configuration(config or DEFAULT_CONFIG)
    for warning in deployment.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for programme in deployment.programmes:
        typer.echo(_said(programme))
    rest = _counted(("journeys", deployment.journeys), ("models", deployment.models))
    typer.echo(f"{rest}: all right" if rest else "all right")


def _said(programme: "Programme") -> str:
    """A programme in a line: what its newest version holds, and how many examples hold."""
    newest = programme.versions[-1]
    told = _counted(
        ("rules", newest.earn),
        ("tiers", newest.tiers.levels if newest.tiers else ()),
        ("rewards", newest.rewards),
        ("offers", newest.offers),
        ("gifts", newest.gifts),
        ("challenges", newest.challenges),
        ("plans", newest.plans),
        ("examples", programme.tests),
    )
    since = f"version {newest.version} since {newest.effective_from:%Y-%m-%d}"
    return f"{programme.programme} ({', '.join(programme.markets)}), {since}: {told}"


def _counted(*named: tuple[str, Sized]) -> str:
    """How many there are of each, leaving out what there is none of."""
    return ", ".join(
        f"{len(things)} {name if len(things) > 1 else name[:-1]}"
        for name, things in named
        if things
    )
