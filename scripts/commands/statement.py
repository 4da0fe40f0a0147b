"""`kizuna statement`: a member's account as a bank would print it."""

import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer


def day(text: str) -> date:
    """A day such as 2025-03-31."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"must be a day such as 2025-03-31; got {text!r}") from None


def statement(
    output: Annotated[
        Path, typer.Argument(metavar="OUT", file_okay=False, help="Folder of a run or a demo.")
    ],
    member_id: Annotated[str, typer.Argument(metavar="MEMBER", help="Id of a member.")],
    since: Annotated[
        date | None,
        typer.Option("--from", parser=day, metavar="DAY", help="First day. Default: the first."),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option("--until", parser=day, metavar="DAY", help="Last day. Default: today."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="Configuration folder of the run."
        ),
    ] = None,
    read_all: Annotated[
        bool,
        typer.Option("--read-all", help="Search what the run read for receipts, however big."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines, and everything.")] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="How long to wait for an answer.")
    ] = 60.0,
) -> None:
    """Every movement of a member's points with its reason, what they have, and totals that agree.

    The figures are the warehouse's; what was bought is told from what the run read. Days are those
    of the programme's time zone. Exit code 1: the movements don't add up to the balance.

    Example: `kizuna statement out m-5 --from 2025-01-01 --until 2025-12-31`
    """
    from config.deployment import HERE, load_deployment  # noqa: PLC0415
    from scripts.explain.questions import Questions, Unknown  # noqa: PLC0415
    from scripts.explain.source_events import LIMIT_BYTES, SourceEvents  # noqa: PLC0415
    from scripts.sql import CantAsk, NoAnswer, TookTooLong, find_warehouse  # noqa: PLC0415
    from scripts.statement.draw import draw  # noqa: PLC0415
    from scripts.statement.statement import make_statement  # noqa: PLC0415

    if since is not None and until is not None and until < since:
        raise typer.BadParameter(f"--until must not be before --from ({since}); got {until}")
    try:
        deployment = load_deployment(config or HERE, os.environ)
        folder = find_warehouse(output).parent
        sources = SourceEvents(folder, deployment, sys.maxsize if read_all else LIMIT_BYTES)
        made = make_statement(
            Questions(output, seconds), member_id, since, until, deployment, sources
        )
    except CantAsk as error:
        _fail(str(error).replace("--output:", "OUT:"), 2)
    except TookTooLong as error:
        typer.echo(f"kizuna: {error}", err=True)
        sys.stderr.flush()
        os._exit(1)  # a thread may still wait in DuckDB, which can't be ended in order then
    except (NoAnswer, Unknown) as error:
        _fail(str(error), 1)
    if as_json:
        import msgspec  # noqa: PLC0415

        typer.echo(msgspec.json.format(msgspec.json.encode(made), indent=1).decode())
    else:
        typer.echo(draw(made), nl=False)
    if made.wrong:
        _fail("; ".join(made.wrong), 1)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"kizuna: {message}", err=True)
    raise typer.Exit(code)
