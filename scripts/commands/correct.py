"""`kizuna correct`: post what a rebuild found wrong as correction entries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.show import counted, say, table

if TYPE_CHECKING:
    from scripts.correct import Comparison

SHOWN = 10
"""Members in the second table."""


def correct(
    output: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="The output to put right.")
    ],
    rebuilt: Annotated[
        Path,
        typer.Option("--from", exists=True, help="What kizuna rebuild made of the same history."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the ledger.")
    ] = "differs from its rebuild",
    actor: Annotated[str, typer.Option("--actor", help="Who orders it.")] = "kizuna correct",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show it and write nothing; exit code 1 if it differs."),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
) -> None:
    """Compare an output's accounts with their rebuild, and order the differences as corrections.

    For each member whose points, lots or tier differ one command goes to the output's loop; the
    next `kizuna run` posts it, as ledger entries of kind `correct`. Both must stand at the same
    time, and the output must be at rest. Ordering the same again adds nothing.

    Example: `kizuna correct out --from rebuilt --reason "double points were not given" --dry-run`
    """
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from scripts.command_log import write_commands  # noqa: PLC0415
    from scripts.correct import commands_of, compare  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    deployment = read_configuration(config or DEFAULT_CONFIG)
    comparison = compare(output, rebuilt)
    if comparison.answered:
        say(
            f"Only by answers that redemptions were given, which stay, differ: "
            f"{counted(comparison.answered, 'member')}"
        )
    if not comparison.differences:
        say(f"{counted(comparison.members, 'member')}: nothing to correct")
        return
    _show(comparison)
    if dry_run:
        say("Nothing was written; without --dry-run it is ordered.")
        raise typer.Exit(1)
    commands = commands_of(comparison, reason, actor)
    written = write_commands(output, commands, deployment, "correct")
    if not written.written:
        say(f"Ordered before, for the next run to post: {counted(written.known, 'correction')}")
        return
    known = f"; {written.known:,} were ordered before" if written.known else ""
    say(f"{counted(written.written, 'correction')} → {written.place}{known}")
    if written.to == "file":
        say("The same `kizuna run` as before posts them.")
    else:
        say("`kizuna run --kafka` posts them, once it runs.")


def _show(comparison: "Comparison") -> None:
    differences = comparison.differences
    up = [one.points for one in differences if one.points > 0]
    down = [one.points for one in differences if one.points < 0]
    moves = [one for one in differences if one.right.tier not in (None, one.live.tier)]
    value = comparison.point_value * (sum(up) + sum(down)) / 100
    rest = len(differences) - len(up) - len(down)
    table(
        f"{len(differences):,} of {comparison.members:,} members must be corrected",
        ("", "members", "points"),
        [
            ("points up", f"{len(up):,}", f"{sum(up):+,}"),
            ("points down", f"{len(down):,}", f"{sum(down):+,}"),
            ("other lots, dates or tiers", f"{rest:,}", ""),
            ("another tier", f"{len(moves):,}", ""),
            ("liability", "", f"{sum(up) + sum(down):+,} ({value:+,.2f})"),
        ],
    )
    largest = sorted(differences, key=lambda one: (-abs(one.points), one.member_id))[:SHOWN]
    table(
        f"Largest, {len(largest)} of {len(differences):,}: as it is → as it must be",
        ("member", "points", "available", "pending", "held", "qualifying", "tier"),
        [
            (
                one.member_id,
                f"{one.points:+,}",
                *[
                    _change(one.live.accounts[name], one.right.accounts[name])
                    for name in ("available", "pending", "held")
                ],
                _change(one.live.qualifying, one.right.qualifying),
                _change(one.live.tier or "–", one.right.tier or one.live.tier or "–"),
            )
            for one in largest
        ],
    )


def _change(before: int | str, after: int | str) -> str:
    if before == after:
        return f"{before:,}" if isinstance(before, int) else before
    if isinstance(before, int):
        return f"{before:,} → {after:,}"
    return f"{before} → {after}"
