"""The loop over files: commands become one more file of `OUT/commands`, each once.

In: the folder of an output, and commands whose ids say what they are about: a person's, or those
that operators gave. Out: a file of events that the next generation reads. Promises: a command that
was written before isn't written again; `received_at` is where the output's time has come to, never
earlier, so that time doesn't go back, and never the wall clock, which would let a history of last
year expire. A file has its name only once it is whole, and never changes afterwards; the same
commands are the same file, so that whatever was interrupted can be done again.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import msgspec
import xxhash

from pipelines.processes import RunRefused
from pipelines.sources.journal import Journal
from schemas.commands import Command
from sinks.duckdb.loop_commands import given_commands
from sinks.position import sync_directory

COMMANDS: Final = "commands"
"""The folder, in an output, of what the loop wrote: events to be applied like any other."""
UNSENT: Final = ".unsent"
"""The ending of a live output's file, while the broker may not have all of it yet."""


def write_given(output: Path, journal: Journal) -> int:
    """Write the commands that operators gave and that weren't yet; how many.

    Raises RunRefused in the middle of a generation, whose rows may still be taken back.
    """
    received_at = reached(output, journal)
    fresh = fresh_commands(output / COMMANDS, given_commands(output / "warehouse.duckdb"))
    if fresh:
        # Carried out when the input has ended, however long ago they were given: an old command
        # would be taken for a repetition that nobody remembers.
        carried_out = [msgspec.structs.replace(one, occurred_at=received_at) for one in fresh]
        write_file(output / COMMANDS, carried_out, "loop", received_at)
    return len(fresh)


def reached(output: Path, journal: Journal) -> int:
    """Where the time of an output over files has come to, ms UTC: nothing earlier can follow."""
    ended = [generation.ended_at for generation in journal.generations]
    if not ended or None in ended:
        raise RunRefused(
            f"{output}: must be the output of a run that has ended; it was left in the middle of "
            "its input; run the same kizuna run again, it resumes"
        )
    return max(one for one in ended if one is not None)


def fresh_commands(folder: Path, commands: Sequence[Command]) -> list[Command]:
    """Those that no file of the folder has, each once."""
    if not commands:
        return []
    known = {event["event_id"] for path in files_of(folder) for event in events_of(path)}
    fresh: dict[str, Command] = {}
    for one in commands:
        if one.event_id not in known:
            fresh.setdefault(one.event_id, one)
    return list(fresh.values())


def files_of(folder: Path) -> list[Path]:
    """The files of a folder of commands, those included that the broker may not have yet."""
    if not folder.is_dir():
        return []
    return sorted([*folder.glob("*.jsonl"), *folder.glob(f"*.jsonl{UNSENT}")])


def events_of(path: Path) -> Iterator[dict[str, Any]]:
    """The commands of a file, as events."""
    for line in path.read_bytes().splitlines():
        yield msgspec.json.decode(line, type=dict[str, Any])


def name_of(kind: str, commands: Sequence[Command], at: int) -> str:
    """Of when and what: the same commands always, and no others ever, in any folder."""
    digest = xxhash.xxh3_64_hexdigest("\n".join(one.event_id for one in commands).encode())
    moment = datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y%m%dT%H%M%S")
    return f"{moment}-{kind}-{digest}.jsonl"


def write_file(
    folder: Path,
    commands: Sequence[Command],
    kind: str,
    at: int,
    *,
    received_at: bool = True,
    ending: str = "",
) -> Path:
    """Write commands to a file of their own. `received_at`: whether `at`, ms UTC, is theirs."""
    folder.mkdir(exist_ok=True)
    path = folder / (name_of(kind, commands, at) + ending)
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        for one in commands:
            file.write(msgspec.json.encode(one.as_event(at if received_at else None)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_directory(folder)
    return path
