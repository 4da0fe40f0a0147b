"""`kizuna rebuild`: the whole history folded again, by Beam."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.flow import moment
from scripts.commands.show import say

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What the command doesn't know is Beam's."""


def rebuild(
    context: typer.Context,
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
        typer.Option("--output", file_okay=False, help="Folder for warehouse and tables."),
    ],
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of",
            parser=moment,
            metavar="TIME",
            help="Where time ends and clocks are bounded. Default: with the input, as in a run.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Processes of the local runner. Default: a core each."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", exists=True, file_okay=False, help="Default: as shipped."),
    ] = None,
    gate: Annotated[
        bool,
        typer.Option(
            "--gate/--no-gate", help="Publish only what passes the expectations of `validate`."
        ),
    ] = True,
    erased: Annotated[
        Path | None,
        typer.Option(
            "--erased",
            exists=True,
            dir_okay=False,
            help="tombstones.jsonl of an output from which people were erased; that of a run's own "
            "output is found.",
        ),
    ] = None,
) -> None:
    """Fold the whole history again with Beam, to the same tables that a run writes.

    Nothing is sent: the result is `warehouse.duckdb` and a Parquet file a table, to compare with
    a run's by `kizuna reconcile`. Options that are not below go to Beam, for other runners:
    `--runner`, `--flink_master`, …

    Example: `kizuna rebuild --input out --output rebuilt` then `kizuna reconcile out rebuilt`
    """
    from scripts.rebuild import rebuild_shown, summary_lines  # noqa: PLC0415

    summary = rebuild_shown(
        inputs,
        output,
        as_of=as_of,
        workers=workers,
        config=config,
        gated=gate,
        runner_args=context.args,
        erased=erased,
    )
    for line in summary_lines(summary, output):
        say(line)
