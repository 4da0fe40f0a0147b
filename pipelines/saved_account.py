"""What accrue has saved of one member: looked up in the recovery store, and nothing changed.

In: the recovery store of an output, how many key groups it has, a member id. Out: the member's
state and the instant up to which it is complete. A store that a run writes to can be read beside
it: then it is as of the run's last save.
"""

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pipelines.key_groups import group_key, group_of
from transforms.accrue.state import AccrueState
from transforms.key_group import GroupSnapshot

_STEP: Final = "loyalty.accrue"
_NEWEST: Final = """
    SELECT snap_epoch, ser_change FROM snaps
    WHERE step_id = ? AND state_key = ? AND ser_change IS NOT NULL
    ORDER BY snap_epoch DESC LIMIT 1
"""
_groups = msgspec.msgpack.Decoder(GroupSnapshot)
_states = msgspec.msgpack.Decoder(AccrueState)


class SavedAccount(NamedTuple):
    """`until`: everything that became known before it is in the state, and nothing else; ms UTC."""

    state: AccrueState
    until: int


def saved_account(store: Path, groups: int, member_id: str) -> SavedAccount | None:
    """The member's account as it was saved last; None: accrue has never seen them."""
    newest: tuple[int, bytes] | None = None
    key = group_key(group_of(member_id, groups))
    for file in sorted(store.glob("*.sqlite3")):
        # Each group of keys is in one partition of the store.
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA query_only = ON")
            row: Any = database.execute(_NEWEST, [_STEP, key]).fetchone()
        if row is not None and (newest is None or row[0] > newest[0]):
            newest = row
    if newest is None:
        return None
    snapshot = _groups.decode(pickle.loads(newest[1]))
    _, state = snapshot.states.get(member_id, (None, b""))
    return SavedAccount(_states.decode(state), snapshot.mark) if state else None
