"""`kizuna quote`: what a basket would earn and save for a member now."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from scripts.commands.flow import moment


def quote(
    output: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Folder of a run or a demo.")
    ],
    member: Annotated[str, typer.Option("--member", metavar="ID", help="Whose basket it is.")],
    lines: Annotated[
        str,
        typer.Option(
            "--lines",
            metavar="FILE",
            help="The basket's lines, a JSON array or an object a line; -: standard input.",
        ),
    ],
    at: Annotated[
        int | None,
        typer.Option(
            "--at", parser=moment, metavar="TIME", help="When. Default: where the run has come to."
        ),
    ] = None,
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="sale, order_placed, order_collected or order_delivered.",
        ),
    ] = "sale",
    source: Annotated[
        str, typer.Option("--source", metavar="SOURCE", help="pos, web, app or partner.")
    ] = "pos",
    store: Annotated[str, typer.Option("--store", metavar="ID", help="Where.")] = "",
    touchpoint: Annotated[
        str, typer.Option("--touchpoint", metavar="NAME", help="till, kiosk, drive_thru, …")
    ] = "",
    fulfilment: Annotated[
        str,
        typer.Option("--fulfilment", metavar="HOW", help="Of an order: ship, pickup, curbside."),
    ] = "",
    tender: Annotated[
        list[str] | None,
        typer.Option("--tender", metavar="METHOD=AMOUNT", help="How a sale is paid; repeatable."),
    ] = None,
    offer: Annotated[
        list[str] | None,
        typer.Option(
            "--offer", metavar="ID", help="An offer that it uses, off already; repeatable."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines, and everything.")] = False,
) -> None:
    """What a basket would earn and save for a member, if it were bought now; nothing changes.

    It is what the flow posts if the same basket is bought at that instant and nothing else of the
    member becomes known before. The account is read from what the run has saved in the output's
    `recovery`; a run that goes on isn't disturbed, and the answer is as of its last save. A line is
    `{"sku":"tea","category":"DRINKS","quantity":2,"amount":1050}`; its `amount` is what is to pay
    for all of it, in minor units. What the member's other open offers would take off is told, too.

    Example: `kizuna quote out --member m-5 --lines basket.jsonl --tender card=1050`
    """
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from pipelines.processes import RunRefused  # noqa: PLC0415
    from scripts import quote as quotes  # noqa: PLC0415
    from scripts.explain.questions import Unknown  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415
    from transforms.accrue.quote import CantQuote  # noqa: PLC0415

    try:
        text = sys.stdin.buffer.read() if lines == "-" else Path(lines).read_bytes()
    except OSError as error:
        raise RunRefused(f"--lines: must be a file that can be read; got {error}") from None
    asked = quotes.asked(
        quotes.read_lines(text, lines),
        at=at,
        type=type_,
        source=source,
        store=store,
        touchpoint=touchpoint,
        fulfilment=fulfilment,
        tenders=quotes.read_tenders(tender or ()),
        offers=tuple(offer or ()),
    )
    deployment = read_configuration(config or DEFAULT_CONFIG)
    try:
        answer = quotes.answer(output, deployment, member.removeprefix("member_id:"), asked)
    except Unknown as error:
        _fail(str(error), 1)
    except CantQuote as error:
        _fail(str(error), 2)
    if as_json:
        import msgspec  # noqa: PLC0415

        typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=1).decode())
        return
    from rich.console import Console  # noqa: PLC0415

    from scripts.show_quote import show_quote  # noqa: PLC0415

    show_quote(Console(highlight=False), answer)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"kizuna: {message}", err=True)
    raise typer.Exit(code)
