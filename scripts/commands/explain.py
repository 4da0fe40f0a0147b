"""`kizuna explain`: where an identifier, a member, an entry or a message comes from."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from scripts.commands.flow import moment

explains = typer.Typer(
    no_args_is_help=True,
    help="Where an identifier, a member, points or a message come from, back to the events.",
)

Output = Annotated[
    Path, typer.Option("--output", file_okay=False, help="Folder of a run or a demo.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", exists=True, file_okay=False, help="Configuration folder of the run."),
]
At = Annotated[
    int | None,
    typer.Option(
        "--at", parser=moment, metavar="TIME", help="As of then. Default: the end of what is known."
    ),
]
ReadAll = Annotated[
    bool, typer.Option("--read-all", help="Search what the run read for events, however big it is.")
]
Json = Annotated[bool, typer.Option("--json", help="For machines, and everything.")]
Seconds = Annotated[
    float, typer.Option("--seconds", min=0.1, help="How long to wait for an answer.")
]


@explains.command("identity")
def identity(
    value: Annotated[
        str,
        typer.Argument(metavar="VALUE", help="namespace:value, or only the value; raw is fine."),
    ],
    output: Output = Path("out"),
    at: At = None,
    config: Config = None,
    read_all: ReadAll = False,
    as_json: Json = False,
    seconds: Seconds = 60.0,
) -> None:
    """Whose is an identifier, since when, and why: its links, each with the event behind it.

    Also where it leads, rung by rung, who shares it, what was decided not to be done about it, and
    the events that carry it. An email or a phone number may be typed as people write it: it is
    pseudonymised with the keys of the deployment and isn't shown again.

    Example: `kizuna explain identity card:4000000000141 --output out`
    """

    def story(questions: Any, deployment: Any, sources: Any) -> Any:
        from datetime import datetime, timezone  # noqa: PLC0415

        from scripts.explain.identity import explain_identity  # noqa: PLC0415
        from scripts.explain.named import wanted  # noqa: PLC0415

        asked = wanted(value, deployment.secrets.peppers, deployment.settings.markets)
        instant = None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc)
        return explain_identity(questions, asked, deployment.ladder, sources, instant)

    _tell(story, output, config, read_all, as_json, seconds)


@explains.command("member")
def member(
    member_id: Annotated[str, typer.Argument(metavar="ID", help="Of a member.")],
    output: Output = Path("out"),
    as_json: Json = False,
    seconds: Seconds = 60.0,
) -> None:
    """What a member has, and by what they are known.

    Points by expiry, open offers, challenges, membership and what is unlocked; then the identifiers
    below them, accounts that were merged, and how their events came.

    Example: `kizuna explain member m-5 --output out`
    """

    def story(questions: Any, _deployment: Any, _sources: Any) -> Any:
        from scripts.explain.member import explain_member  # noqa: PLC0415

        return explain_member(questions, member_id.removeprefix("member_id:"))

    _tell(story, output, None, None, as_json, seconds)


@explains.command("entry")
def entry(
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="Of an entry of the ledger.")],
    output: Output = Path("out"),
    config: Config = None,
    read_all: ReadAll = False,
    as_json: Json = False,
    seconds: Seconds = 60.0,
) -> None:
    """Where do points come from: lot, rule, version, receipt line, and how they found the member.

    Example: `kizuna explain entry 5f0c… --output out`, with an id from `ledger_entries`
    """

    def story(questions: Any, _deployment: Any, sources: Any) -> Any:
        from scripts.explain.entry import explain_entry  # noqa: PLC0415

        return explain_entry(questions, entry_id, sources)

    _tell(story, output, config, read_all, as_json, seconds)


@explains.command("trigger")
def trigger(
    trigger_id: Annotated[str, typer.Argument(metavar="ID", help="Of a trigger.")],
    output: Output = Path("out"),
    as_json: Json = False,
    seconds: Seconds = 60.0,
) -> None:
    """Why did a message go out: the decision, its inputs, the journey and the event behind it.

    Example: `kizuna explain trigger 9a41… --output out`, with an id from `triggers`
    """

    def story(questions: Any, _deployment: Any, _sources: Any) -> Any:
        from scripts.explain.trigger import explain_trigger  # noqa: PLC0415

        return explain_trigger(questions, trigger_id)

    _tell(story, output, None, None, as_json, seconds)


def _tell(
    story: Callable[[Any, Any, Any], Any],
    output: Path,
    config: Path | None,
    read_all: bool | None,
    as_json: bool,
    seconds: float,
) -> None:
    """Find a story and tell it. `read_all` None: no events are needed, and no configuration."""
    from config.deployment import HERE, load_deployment  # noqa: PLC0415
    from scripts.explain.questions import Questions, Unknown  # noqa: PLC0415
    from scripts.explain.source_events import LIMIT_BYTES, SourceEvents  # noqa: PLC0415
    from scripts.sql import CantAsk, NoAnswer, TookTooLong, find_warehouse  # noqa: PLC0415

    try:
        deployment = sources = None
        if read_all is not None:
            deployment = load_deployment(config or HERE, os.environ)
            folder = find_warehouse(output).parent
            limit_bytes = sys.maxsize if read_all else LIMIT_BYTES
            sources = SourceEvents(folder, deployment, limit_bytes)
        told = story(Questions(output, seconds), deployment, sources)
    except CantAsk as error:
        _fail(str(error), 2)
    except TookTooLong as error:
        typer.echo(f"kizuna: {error}", err=True)
        sys.stderr.flush()
        os._exit(1)  # a thread may still wait in DuckDB, which can't be ended in order then
    except (NoAnswer, Unknown) as error:
        _fail(str(error), 1)
    if as_json:
        import msgspec  # noqa: PLC0415

        text = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode(told)
        typer.echo(msgspec.json.format(text, indent=1).decode())
        return
    from rich.console import Console  # noqa: PLC0415

    from scripts.explain.show import show  # noqa: PLC0415

    console = Console(highlight=False)
    for one in told if isinstance(told, list) else [told]:
        show(console, one)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"kizuna: {message}", err=True)
    raise typer.Exit(code)
