"""History folded until the flow is given exactly the commands that it gives.

The flow gives commands to itself: the transfer of a merge, an `unlink` over a limit. In a history
they stand as they were given under the rules of the day, so under other rules they are answers and
no facts. In: a history, and the commands that its own rules gave. Out: a warehouse in which each
command that was given was applied, and no other. Where other rules give the same ones, one fold
shows that; else the recorded ones are taken out, those that were given are put in, and history is
folded again, until both are the same.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import msgspec

from pipelines.history import History, HistoryFile
from pipelines.sources.journal import find_inputs
from schemas.commands import Command, LoopCommand, command_of
from scripts.simulate.own_commands import Recorded, ends_of, taken_out
from sinks.duckdb.loop_commands import given_commands

ROUNDS_MAX: Final = 6
"""A command can lead to another one, and that to a third; more is a circle of rules."""

Given = Mapping[str, Command]
"""Commands by their id."""


class Settled(NamedTuple):
    """`given`: what the flow gave. `changed`: how many of these differ from the recorded ones, as
    added, taken away or said otherwise. `circling`: they never came to rest."""

    warehouse: Path
    given: Given
    changed: int = 0
    circling: bool = False


def fold_settled(
    fold: Callable[[History], Path],
    history: History,
    recorded: Given | None,
    folder: Path,
    config: Path,
) -> Settled:
    """Fold `history`. `recorded`: what its own rules gave; None: `fold` is by these. `folder` is
    for files of our own, and needn't exist; `config` says how times are read."""
    warehouse = fold(history)
    given = commands_in(warehouse)
    unread = {one.event_id for one in given_commands(warehouse)}
    if recorded is None:
        recorded = {name: one for name, one in given.items() if name not in unread}
    if not unread and given == recorded:
        return Settled(warehouse, given)
    facts, events = taken_out(history, set(recorded), folder / "facts")
    ends: list[int] | None = None
    circling = True
    for _ in range(ROUNDS_MAX):
        if ends is None and given:
            ends = ends_of(facts, config)
        warehouse = fold(_with(facts, given, recorded, events, ends or [], folder / "commands"))
        before, given = given, commands_in(warehouse)
        if given == before:
            circling = False
            break
    names = given.keys() | recorded.keys()
    changed = sum(given.get(name) != recorded.get(name) for name in names)
    return Settled(warehouse, given, changed, circling)


def commands_in(warehouse: Path) -> dict[str, Command]:
    """Every command that the flow gave, the first of each id."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        rows = con.execute(
            "SELECT command_id, type, market, about, payload, because_of, "
            f"epoch_ms(given_at)::BIGINT AS given_at FROM {LoopCommand.table} "
            "ORDER BY given_at, command_id, because_of"
        ).fetchall()
    found: dict[str, Command] = {}
    for row in rows:
        given = LoopCommand(**dict(zip(LoopCommand.__struct_fields__, row, strict=True)))
        found.setdefault(given.command_id, command_of(given))
    return found


def _with(
    facts: History,
    given: Given,
    recorded: Given,
    events: Recorded,
    ends: list[int],
    folder: Path,
) -> History:
    """The facts and these commands: as they were recorded if that is what was given, else received
    when the run would have read them."""
    if not given:
        return facts
    lines = []
    for name, command in given.items():
        event = events.get(name) if command == recorded.get(name) else None
        if event is None:
            at = next((end for end in ends if end > command.occurred_at), ends[-1])
            at = max(at, command.occurred_at)
            event = msgspec.structs.replace(command, occurred_at=at).as_event(at)
        lines.append((event["received_at"], name, msgspec.json.encode(event)))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "given.jsonl"
    file.write_bytes(b"".join(line + b"\n" for _, _, line in sorted(lines)))
    (found,) = find_inputs([file])
    return msgspec.structs.replace(facts, files=[*facts.files, HistoryFile(file=found)])
