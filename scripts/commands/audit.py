"""`kizuna audit`: an independent check of a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import progress_bar, say


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
    no_fold: Annotated[
        bool,
        typer.Option("--no-fold", help="Only ask in SQL; don't work accounts out by hand."),
    ] = False,
) -> None:
    """Recompute the promises from the input, twice, and say which hold: by SQL, and by hand.

    Every basket is rated again from the data set, balances are folded from entries, people are
    compared with the truth, consents, caps and quiet hours are counted again. Then every member's
    account is worked out by hand, one event after the other, and its balances, lots, redemptions
    and tier are compared. Exits with 1 if anything differs, and prints what; with 2 if the
    programme has rules that this audit doesn't know. At the end, how well people were told apart:
    precision and recall by class of event and by case (shared devices, recycled numbers, merged
    accounts, …).

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
    from scripts.audit_fold import fold, readable_programme  # noqa: PLC0415
    from scripts.audit_fold import said as said_by_hand  # noqa: PLC0415
    from scripts.audit_tables import prepared  # noqa: PLC0415
    from scripts.plain_fold.terms import UnknownTerms  # noqa: PLC0415

    try:
        run = find_run(output)
        city = find_city(run, truth)
        readable_programme(config or CONFIG)
    except (NothingToAudit, UnknownTerms) as nothing:
        raise typer.BadParameter(str(nothing)) from nothing
    broken = 0
    with prepared(run, city, config or CONFIG) as connection:
        for finding in findings(connection, run, config or CONFIG):
            say(said(finding))
            broken += bool(finding.count)
        if not no_fold:
            with progress_bar("members") as progress:
                folded = fold(connection, config or CONFIG, progress)
            for line in said_by_hand(folded):
                say(line)
            broken += bool(folded.differing)
        show(connection)
    if broken:
        raise typer.Exit(1)
