"""`kizuna sql`: questions to a warehouse, while it is written or after."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scripts.sql import Answer

ROWS_SHOWN = 100


def sql(
    statement: Annotated[
        str | None,
        typer.Argument(help="One SELECT. Default: list the tables and views.", show_default=False),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", file_okay=False, help="Folder of a run or a demo.")
    ] = Path("out"),
    json: Annotated[
        bool, typer.Option("--json", help="JSON Lines: an object a row, all rows.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV with a heading, all rows.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, help=f"At most so many rows. Default: {ROWS_SHOWN} in a table."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, help="How long to wait for the answer.")
    ] = 60.0,
) -> None:
    """Ask a warehouse by SQL, also while a run writes it; nothing can be changed.

    A live run answers through its own process with what it has committed; else the file is
    opened read-only. What there is to ask, with an explanation each: `kizuna sql --output out`.

    Example: `kizuna sql "FROM points_liability" --output out`
    """
    from scripts.sql import CATALOGUE, CantAsk, NoAnswer, TookTooLong, ask  # noqa: PLC0415

    if json and csv:
        raise typer.BadParameter("must be one of --json and --csv; got both")
    shown = limit if limit or json or csv else ROWS_SHOWN
    try:
        answer = ask(output, statement or CATALOGUE, limit=shown, seconds=seconds)
    except CantAsk as error:
        _fail(str(error), 2)
    except TookTooLong as error:
        typer.echo(f"kizuna: {error}", err=True)
        sys.stderr.flush()
        os._exit(1)  # a thread may still wait in DuckDB, which can't be ended in order then
    except NoAnswer as error:
        _fail(str(error), 1)
    if answer.note:
        typer.echo(f"kizuna: {answer.note}; read from its file", err=True)
    if json:
        _print_json(answer)
    elif csv:
        _print_csv(answer)
    else:
        _print_table(answer)
    if answer.more:
        more = f"kizuna: only the first {shown:,} rows; all of them: --csv or --json"
        typer.echo(more if limit is None else f"kizuna: only the first {shown:,} rows", err=True)


def _fail(message: str, code: int) -> Any:
    typer.echo(f"kizuna: {message}", err=True)
    raise typer.Exit(code)


def _print_json(answer: "Answer") -> None:
    import msgspec  # noqa: PLC0415

    encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode
    for row in answer.rows:
        typer.echo(encode(dict(zip(answer.columns, row, strict=True))).decode())


def _print_csv(answer: "Answer") -> None:
    import csv  # noqa: PLC0415

    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(answer.columns)
    out.writerows(answer.rows)


def _print_table(answer: "Answer") -> None:
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD)
    for name, sql_type in zip(answer.columns, answer.types, strict=True):
        numeric = sql_type.upper().startswith(("NUMBER", "DECIMAL", "DOUBLE", "FLOAT")) or (
            sql_type.upper().endswith("INT") or sql_type.upper() == "INTEGER"
        )
        drawn.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in answer.rows:
        drawn.add_row(*[Text("" if cell is None else str(cell)) for cell in row])
    Console().print(drawn)
