"""`kizuna consume`: the sample channel system on a trigger file."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import say


def consume(
    triggers: Annotated[
        Path,
        typer.Option(
            "--triggers", exists=True, file_okay=False, help="Folder of trigger files of a run."
        ),
    ],
    channel: Annotated[str, typer.Option("--channel", help="Which: push, email, web, pos, …")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and apply what comes; Ctrl-C ends it.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            dir_okay=False,
            help="File that remembers what was applied. Default: none, the next start begins anew.",
        ),
    ] = None,
) -> None:
    """Be a channel system: apply each trigger of a channel once, a line on the terminal each.

    Survives a producer that crashes and writes lines again, and its own `kill -9`. Made to be
    read and copied: `scripts/consume.py`; the contract is in `docs/channels.md`.

    Example: `kizuna consume --triggers out/demo/run/triggers --channel push --state push.json`
    """
    from scripts.consume import consume as take  # noqa: PLC0415

    path = triggers / f"{channel}.jsonl"
    if not path.exists():
        there = ", ".join(sorted(file.stem for file in triggers.glob("*.jsonl"))) or "none"
        raise typer.BadParameter(
            f"must be a channel with a file in {triggers}; got {channel!r}; there are: {there}",
            param_hint="--channel",
        )
    try:
        applied = take(path, state, follow=follow)
    except KeyboardInterrupt:
        return
    say(f"{applied:,} triggers applied")
