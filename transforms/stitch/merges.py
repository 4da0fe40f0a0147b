"""Which accounts go on in which: the one directory of merged members.

In: pairs of a loser and a winner, in the order in which they became known. Out: who must learn
of it, or why it can't be. Promised: each alias leads to its survivor in one step, so a chain of
merges is no longer than a single one; nobody becomes their own alias; a loser that went elsewhere
before stays there.
"""

from typing import Literal, NamedTuple

import msgspec


class Merged(msgspec.Struct, kw_only=True):
    """In whom an account goes on, and by which event, source/event_id."""

    survivor: str
    event: str


class Told(NamedTuple):
    """What came of a merge: `names` must learn that they go on in `survivor`."""

    outcome: Literal["merged", "again", "loop", "elsewhere"]
    survivor: str
    names: tuple[str, ...] = ()


def merge(aliases: dict[str, Merged], loser: str, winner: str, event: str) -> Told:
    """Join `loser` into `winner`, or into whom that one goes on."""
    survivor = _survivor(aliases, winner)
    if loser == survivor:
        return Told("loop", survivor)
    before = aliases.get(loser)
    if before is not None:
        same = before.survivor == survivor
        return Told("again" if same else "elsewhere", before.survivor)
    names = [alias for alias, merged in aliases.items() if merged.survivor == loser]
    for alias in names:
        aliases[alias].survivor = survivor
    aliases[loser] = Merged(survivor=survivor, event=event)
    return Told("merged", survivor, (loser, *names))


def _survivor(aliases: dict[str, Merged], member_id: str) -> str:
    merged = aliases.get(member_id)
    return member_id if merged is None else merged.survivor
