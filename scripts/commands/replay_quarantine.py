"""`kizuna replay-quarantine`: refused records sent back, as they were or put right."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.differences import show_differences
from scripts.commands.flow import moment
from scripts.commands.show import counted, say, table

if TYPE_CHECKING:
    from scripts.quarantine import Refused

SHOWN = 8
"""Records that are shown."""


def replay_quarantine(
    output: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="The output that refused them.")
    ],
    reasons: Annotated[
        list[str] | None,
        typer.Option("--reason", help="Only what was refused for this reason; repeatable."),
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            "--since", parser=moment, metavar="TIME", help="Only what was refused from then on."
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", dir_okay=False, help="Write them to this file, readable, to edit."
        ),
    ] = None,
    repaired: Annotated[
        Path | None,
        typer.Option(
            "--repaired", exists=True, dir_okay=False, help="Send the records of this edited file."
        ),
    ] = None,
    actor: Annotated[str, typer.Option("--actor", help="Who sends them.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and send nothing.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
) -> None:
    """Send refused records back through the output's loop, once what was wrong is put right.

    Without `--export` or `--repaired`, those that today's configuration takes are sent as they
    are: a market, currency or schema that is known now. Others are exported, edited and sent with
    `--repaired`. The next `kizuna run` applies them: they occurred when they did and are known
    now. A live run takes them from the topic `commands`.

    Example: `kizuna replay-quarantine out --reason unknown_currency --dry-run`
    """
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from pipelines.processes import RunRefused  # noqa: PLC0415
    from schemas.refusals import REASONS  # noqa: PLC0415
    from scripts import quarantine  # noqa: PLC0415
    from scripts.command_log import write_commands  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    for reason in reasons or ():
        if reason not in REASONS:
            raise typer.BadParameter(f"--reason: must be one of {', '.join(REASONS)}; got {reason}")
    if export is not None and repaired is not None:
        raise typer.BadParameter("must be one of --export and --repaired; got both")
    deployment = read_configuration(config or DEFAULT_CONFIG)
    found = quarantine.refused_of(output, deployment, reasons=reasons or (), since=since)
    waiting = [one for one in found if not one.sent]
    if len(waiting) < len(found):
        before = counted(len(found) - len(waiting), "record")
        say(f"Sent before, for the next run to apply: {before}")
    if export is not None:
        try:
            count = quarantine.export(waiting, export)
        except FileExistsError:
            raise RunRefused(f"--export: must be a new file; {export} is there") from None
        say(f"{counted(count, 'record')} → {export}")
        typer.echo(
            f"kizuna: {export} holds people's data as it was sent; delete it when you are done",
            err=True,
        )
        return
    chosen = waiting if repaired is None else quarantine.repaired(waiting, repaired)
    quarantine.try_all(chosen, output, deployment)
    if not chosen:
        say("Nothing waits in quarantine.")
        return
    _show(chosen)
    good = [one for one in chosen if not one.now]
    wrong = len(chosen) - len(good)
    if dry_run:
        say("Nothing was sent.")
    elif good:
        written = write_commands(
            output, quarantine.commands_of(good, deployment, actor), deployment, "repair"
        )
        say(f"{counted(written.written, 'record')} → {written.place}")
        if written.to == "file":
            say("The same `kizuna run` as before applies them.")
    if repaired is not None and wrong:
        say(f"{wrong:,} of {len(chosen):,} would be refused again and were not sent.")
        raise typer.Exit(1)


def _show(records: "list[Refused]") -> None:
    refused: Counter[str] = Counter(one.reason for one in records)
    taken: Counter[str] = Counter(one.reason for one in records if not one.now)
    table(
        counted(len(records), "refused record"),
        ("refused for", "records", "taken today", "still refused"),
        [
            (reason, f"{count:,}", f"{taken[reason]:,}", f"{count - taken[reason]:,}")
            for reason, count in refused.most_common()
        ],
    )
    # One of each kind: what is wrong with it tells more than another of the same.
    kinds = {(one.reason, one.detail, one.now, one.now_detail): one for one in reversed(records)}
    shown = sorted(kinds.values(), key=lambda one: (bool(one.now), one.reason, one.position))
    show_differences(
        "For example:",
        [(one.position, one.reason, one.detail, _today(one)) for one in shown[:SHOWN]],
    )


def _today(one: "Refused") -> str:
    if not one.now:
        return "→ taken today"
    if (one.now, one.now_detail) == (one.reason, one.detail):
        return "→ still"
    return f"→ {one.now}: {one.now_detail}"
