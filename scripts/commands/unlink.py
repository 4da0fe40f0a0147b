"""`kizuna unlink`: revoke a link that is wrong."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import counted, say


def unlink(
    output: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="The output with the wrong link.")
    ],
    identifier: Annotated[
        str,
        typer.Option(
            "--identifier", metavar="NAMESPACE:VALUE", help="What isn't theirs, as it is typed."
        ),
    ],
    owner: Annotated[
        str, typer.Option("--owner", metavar="NAMESPACE:VALUE", help="Whose it isn't.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")],
    actor: Annotated[str, typer.Option("--actor", help="Who orders it.")],
    market: Annotated[
        str | None,
        typer.Option(
            "--market", help="Where phones without a country code belong. Default: the first."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would do and write nothing.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
) -> None:
    """Revoke the link from an identifier to an owner: it counts as if it had never been seen.

    What was seen of this owner until now is forgotten; a later sign links them again. Purchases
    that came through the link and are recent enough go to whoever owns the identifier without it,
    or to nobody, and their points with them. The next `kizuna run` applies it; a live run takes it
    from the topic `commands`. Emails and phones are typed as they are and kept as pseudonyms.

    Example: `kizuna unlink out --identifier phone:+12125550100 --owner card:4000123
    --reason "typed wrong at the till" --actor ada --dry-run`
    """
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from scripts import unlink as wrong  # noqa: PLC0415
    from scripts.command_log import write_commands  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    deployment = read_configuration(config or DEFAULT_CONFIG)
    where = wrong.market_of(deployment, market)
    key = wrong.named(identifier, "--identifier", deployment, where)
    other = wrong.named(owner, "--owner", deployment, where)
    now = wrong.time_of(output)
    link = wrong.find_link(output, key, other)
    say(f"{link.identifier} → {wrong.said(link)}")
    through = wrong.came_through(output, link, deployment, now)
    recent = f"of the last {counted(through.days, 'day')}"
    if through.member_id is None:
        say(f"It leads to no member, so no purchase {recent} came through it.")
    else:
        say(
            f"It leads to {through.member_id}. At most {counted(through.purchases, 'purchase')} "
            f"{recent}, found by {through.rung}, with {counted(through.points, 'point')} may go "
            "to somebody else."
        )
    if dry_run:
        say("Nothing was written; without --dry-run it is ordered.")
        return
    command = wrong.unlink(link, reason=reason, actor=actor, market=where, now=now)
    written = write_commands(output, [command], deployment, "unlink")
    if not written.written:
        say("Ordered before, for the next run to apply.")
        return
    say(f"{command.event_id} → {written.place}")
    if written.to == "file":
        say("The same `kizuna run` as before applies it.")
    else:
        say("`kizuna run --kafka` applies it, once it runs.")
