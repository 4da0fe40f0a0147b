"""`kizuna audit`: an independent check of a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import say


def audit(
    output: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Folder of a run or a demo.")
    ],
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            exists=True,
            file_okay=False,
            help="The truth beside the events. Default: where the last run read.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
) -> None:
    """Recompute the promises from the input by SQL, and say which hold.

    Every basket is rated again from the data set, balances are folded from entries, people are
    compared with the truth, consents, caps and quiet hours are counted again. Exits with 1 if
    anything differs, and prints what. Below that, how well people were told apart: precision and
    recall by class of event and by case (shared devices, recycled numbers, merged accounts, …).

    Example: `kizuna audit out --truth city/truth`
    """
    from scripts.audit import (  # noqa: PLC0415
        CONFIG,
        NothingToAudit,
        find_city,
        find_run,
        findings,
        said,
    )
    from scripts.audit_figures import show  # noqa: PLC0415
    from scripts.audit_tables import prepared  # noqa: PLC0415

    try:
        run = find_run(output)
        city = find_city(run, truth)
    except NothingToAudit as nothing:
        raise typer.BadParameter(str(nothing)) from nothing
    broken = 0
    with prepared(run, city, config or CONFIG) as connection:
        for finding in findings(connection, run, config or CONFIG):
            say(said(finding))
            broken += bool(finding.count)
        show(connection)
    if broken:
        raise typer.Exit(1)
