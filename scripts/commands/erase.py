"""`kizuna erase`: forget whoever asked to be forgotten, now instead of after the next run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.show import counted, say

if TYPE_CHECKING:
    from pipelines.erase import Found

SHOWN = 20
"""People, requests and files that are listed."""


def erase(
    output: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="The output of a run, at rest.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who and what would go, and change nothing.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
) -> None:
    """Erase everybody whose `erasure_requested` an output has, from every file of it.

    `kizuna run` over files does this by itself when it has read everything, and a live run when it
    starts; this is for a live run that was stopped, and to look first. What can't be undone is
    shown by `--dry-run`. A request that doesn't say whose it is, is refused, and stays: exit
    code 1.

    Example: `kizuna erase out --dry-run`
    """
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from pipelines.erase import erase_at_rest, find  # noqa: PLC0415
    from pipelines.erase_rest import input_files  # noqa: PLC0415
    from pipelines.processes import exclusive  # noqa: PLC0415
    from pipelines.tombstones import FILE, PLAN  # noqa: PLC0415
    from scripts.command_log import journal_of  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    deployment = read_configuration(config or DEFAULT_CONFIG)
    journal_of(output)
    with exclusive(output):
        if dry_run and (output / PLAN).is_file():
            say("An erasure is under way and was interrupted; without --dry-run it is finished.")
        found = find(output, deployment)
        _show(found)
        if dry_run:
            say("Nothing was erased.")
        else:
            done = erase_at_rest(output, deployment)
            if done:
                said = "1 person" if len(done) == 1 else f"{len(done):,} people"
                say(f"Erased {said} from {output}; {output / FILE} keeps them from coming back.")
                _name_files(input_files(output))
    if any(request.refused for request in found.requests):
        raise typer.Exit(1)


def _show(found: "Found") -> None:
    if not found.requests:
        say("Nobody waits to be erased.")
    for person in found.people[:SHOWN]:
        namespaces: dict[str, int] = {}
        for one in person.identifiers:
            namespace = one.partition(":")[0]
            namespaces[namespace] = namespaces.get(namespace, 0) + 1
        held = ", ".join(f"{count} {name}" for name, count in sorted(namespaces.items()))
        who = f"member {person.members[0]}" if person.members else "a guest"
        say(f"{who}, who asked by {person.requests[0]}: {held}; " + _points(person.entries))
    if len(found.people) > SHOWN:
        say(f"… and {counted(len(found.people) - SHOWN, 'other')}")
    for request in [one for one in found.requests if one.refused][:SHOWN]:
        say(f"refused: {request.source}/{request.event_id}: {request.refused}")


def _points(entries: int) -> str:
    if not entries:
        return "no points ever moved"
    return f"{entries:,} ledger {'entry' if entries == 1 else 'entries'} → sums by month"


def _name_files(files: list[str]) -> None:
    if not files:
        return
    say("The events that were read are yours and hold these people still; they aren't touched:")
    for name in files[:SHOWN]:
        say(f"  {name}")
    if len(files) > SHOWN:
        say(f"  … and {counted(len(files) - SHOWN, 'other')}")
