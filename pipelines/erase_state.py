"""The recovery store without those who are erased.

In: a store that no worker uses, and names. Out: each step's newest snapshots with orphans in place
of the erased; of accrue, score and decide without their keys; what is older is gone, and so are the
pages that held it. State under a name is moved to the key group of the name that stands for it, so
that what still comes of the past finds there what it would have found. Done again it changes
nothing.
"""

import pickle
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines import recovery
from pipelines.erase_names import Names
from pipelines.key_groups import group_of
from pipelines.loyalty import ARCHIVE_STEP
from schemas.events import Event
from sinks.archive import ArchivePosition
from transforms.decode.erased import HUSK, is_husk
from transforms.key_group import GroupSnapshot

FLOW: Final = "loyalty."
MEMBER_STEPS: Final = ("accrue", "score", "decide")
"""Steps whose keys are people: of the erased they know nothing any more."""
_EVENT: Final = frozenset(("event_id", "type", "source", "payload", "occurred_at"))

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Place = tuple[sqlite3.Connection, int]
"""A database and the row of a snapshot."""


class StateEraser:
    """`rungs`: the ladder's steps; `groups`: how many key groups there are; `husk`: what is left
    of an event."""

    def __init__(
        self, names: Names, rungs: Sequence[str], groups: int, husk: Callable[[Event], Event]
    ) -> None:
        self._names = names
        self._rungs = rungs
        self._groups = groups
        self._husk = husk
        self._husked: set[str] = set()

    def erase(
        self, store: Path, archived: dict[str, ArchivePosition], theirs: set[tuple[str, str]]
    ) -> None:
        """`archived`: where the lanes of a rewritten archive end now; `theirs`: events that were
        attributed to the erased, by source and event_id."""
        self._husked = {f"event:{source}/{event_id}" for source, event_id in theirs}
        with recovery.opened(store) as databases:
            for database in databases:
                database.execute("PRAGMA secure_delete = ON")
            # The event rung comes last: only then is it known which events are husks.
            for step in reversed(self._rungs):
                self._rung(list(_snapshots(databases, FLOW + step)))
            for step in MEMBER_STEPS:
                for place, snapshot in _groups(_snapshots(databases, FLOW + step)):
                    if self._forget(snapshot):
                        _write(place, _encode(snapshot))
            for place, key, _ in _snapshots(databases, ARCHIVE_STEP):
                if key in archived:
                    _write(place, archived[key])
            for database in databases:
                database.commit()
                database.execute("VACUUM")
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _rung(self, found: list[tuple[Place, str, Any]]) -> None:
        """Rename what a rung knows, and move what belongs to another group now."""
        groups = {snapshot.group: (place, snapshot) for place, snapshot in _groups(iter(found))}
        changed: set[int] = set()
        moved: dict[int, dict[str, tuple[int | None, bytes]]] = defaultdict(dict)
        queued: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for number, (_, snapshot) in groups.items():
            taken = self._husked & snapshot.states.keys()
            if not taken and not self._names.are_in(_encode(snapshot)):
                continue
            changed.add(number)
            states = {}
            for key, (due, state) in snapshot.states.items():
                new = self._names.without(key)
                named = self._names.are_in(state)
                left = _encode(self._renamed(_decode(state))) if named else state
                if key in taken:
                    left = _encode(_decode(left) | {"content": HUSK, "identifiers": ""})
                to = group_of(new, self._groups)
                (states if to == number else moved[to])[new] = due, left
            snapshot.states = states
            for upstream, messages in snapshot.queues.items():
                kept = []
                for message in map(self._message, messages):
                    to = group_of(message["key"], self._groups)
                    (kept if to == number else queued[to][upstream]).append(message)
                snapshot.queues[upstream] = kept
        for number in {*moved, *queued} & groups.keys():
            snapshot = groups[number][1]
            snapshot.states.update(moved[number])
            for upstream, messages in queued[number].items():
                both = [*map(_plain, snapshot.queues.get(upstream, ())), *messages]
                snapshot.queues[upstream] = sorted(both, key=lambda one: one["order"])
            changed.add(number)
        for number in changed:
            place, snapshot = groups[number]
            _write(place, _encode(snapshot))

    def _forget(self, snapshot: GroupSnapshot) -> bool:
        """Drop the keys of the erased, and what waits for them; whether there was anything."""
        gone = [key for key in snapshot.states if key in self._names.people]
        for key in gone:
            del snapshot.states[key]
        waiting = False
        for upstream, messages in snapshot.queues.items():
            kept = [one for one in messages if one.key not in self._names.people]
            waiting |= len(kept) < len(messages)
            snapshot.queues[upstream] = kept
        return bool(gone) or waiting

    def _message(self, message: Any) -> Any:
        return self._renamed(_plain(message))

    def _renamed(self, tree: Any) -> Any:
        """A tree of state; events in it become husks."""
        if type(tree) is dict:
            if tree.keys() >= _EVENT:
                event = self._husk(msgspec.convert(tree, Event))
                if is_husk(event.identifiers):
                    self._husked.add(f"event:{tree['source']}/{tree['event_id']}")
                return msgspec.to_builtins(event)
            return {self._renamed(key): self._renamed(value) for key, value in tree.items()}
        if type(tree) is list:
            return [self._renamed(value) for value in tree]
        return self._names.without(tree) if type(tree) is str else tree


def _plain(message: Any) -> Any:
    """A message as its encoding has it: a dict."""
    return _decode(_encode(message))


def _snapshots(databases: list[sqlite3.Connection], step: str) -> Iterator[tuple[Place, str, Any]]:
    for database in databases:
        rows = database.execute(
            "SELECT rowid, state_key, ser_change FROM snaps "
            "WHERE step_id = ? AND ser_change IS NOT NULL",
            [step],
        ).fetchall()
        for row, key, state in rows:
            yield (database, row), key, pickle.loads(state)


def _groups(found: Iterator[tuple[Place, str, Any]]) -> Iterator[tuple[Place, GroupSnapshot]]:
    decode = msgspec.msgpack.Decoder(GroupSnapshot).decode
    for place, _, state in found:
        yield place, decode(state)


def _write(place: Place, state: Any) -> None:
    database, row = place
    database.execute("UPDATE snaps SET ser_change = ? WHERE rowid = ?", [pickle.dumps(state), row])
