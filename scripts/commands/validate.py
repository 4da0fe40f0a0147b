"""`kizuna validate`: what is expected of an archive or a warehouse, asked and judged."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.flow import moment


def validate(
    path: Annotated[
        Path,
        typer.Argument(
            exists=True, help="A warehouse or the folder of a run; an archive or files of events."
        ),
    ],
    suites: Annotated[
        list[str] | None,
        typer.Option("--suite", help="Only this suite; repeatable. Default: all that fit."),
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option("--docs", file_okay=False, help="Write Data Docs (HTML) to this folder."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of",
            parser=moment,
            metavar="TIME",
            help="Measure freshness against this moment. Default: where the data ends.",
        ),
    ] = None,
) -> None:
    """Ask an archive or a warehouse everything that is expected of it.

    What follows from the declarations of fields, and what `config/expectations/` says of rows
    together: references, sums, conservation, consent, caps, volume and freshness against history.
    Great Expectations judges; `--docs` writes its pages. Exits with 1 if an expectation of
    severity error fails, and prints rows and what to do.

    Example: `kizuna validate out --docs out/quality`
    """
    from rich.console import Console  # noqa: PLC0415

    from scripts.quality.ask import BadExpectation  # noqa: PLC0415
    from scripts.quality.gate import gate  # noqa: PLC0415
    from scripts.quality.judge import NoJudge  # noqa: PLC0415
    from scripts.quality.show import show  # noqa: PLC0415
    from scripts.quality.suites import OURS  # noqa: PLC0415
    from scripts.quality.target import NothingToValidate  # noqa: PLC0415

    try:
        verdict = gate(path, config=config or OURS, suites=suites or (), as_of=as_of, docs=docs)
    except (NothingToValidate, BadExpectation, NoJudge) as error:
        typer.echo(f"kizuna: {error}", err=True)
        raise typer.Exit(2) from error
    show(verdict, Console(soft_wrap=True))
    if docs is not None:
        typer.echo(f"Data Docs: {docs / 'index.html'}")
    if not verdict.passed:
        raise typer.Exit(1)
