"""What a warehouse says that operators ordered.

In: a warehouse at rest. Out: the commands of its table `loop_commands` that were not read yet, in
an order that depends on nothing but the input.
"""

from pathlib import Path

import duckdb

from schemas.commands import Command, LoopCommand, command_of
from schemas.identity import EventOwner
from schemas.refusals import Quarantined
from sinks.duckdb.create import open_warehouse

_READ = " ".join(
    f"AND NOT EXISTS (FROM {table} AS e WHERE e.source = 'command' AND e.event_id = command_id)"
    for table in (EventOwner.table, Quarantined.table)
)
"""What was answered, or refused, was read: by this run, or as input that had come by the loop of
the one that it repeats (an archive, somebody's copy of `OUT/commands`)."""


def given_commands(warehouse: Path) -> list[Command]:
    """The commands that were given and not read yet, each once, by when and by id.

    A row is there once, whatever crashed; a command may be in several rows, since its id says
    what it is about. The first one counts.
    """
    con = open_warehouse(warehouse)
    try:
        rows = con.execute(
            "SELECT command_id, type, market, about, payload, because_of, "
            f"epoch_ms(given_at)::BIGINT FROM {LoopCommand.table} WHERE true {_READ} "
            "ORDER BY given_at, command_id, because_of"
        ).fetchall()
    except duckdb.CatalogException:  # a release without the table wrote it
        return []
    finally:
        con.close()
    found: dict[str, Command] = {}
    for command_id, type_, market, about, payload, because_of, given_at in rows:
        given = LoopCommand(
            command_id=command_id,
            type=type_,
            market=market,
            about=about,
            payload=payload,
            because_of=because_of,
            given_at=given_at,
        )
        found.setdefault(command_id, command_of(given))
    return list(found.values())
