"""An event's way up the ladder: which keys it visits, in which order.

In: the identifiers on an event, or owners found on the way. Out: keys to visit,
weakest rung first, at most one a rung; where an identifier has two owners on one rung, a branch
to each of them.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.flow import Climb, Send
from schemas.ladder import Ladder

BRANCHES: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Path(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`main`: one identifier a rung, weakest first. `sides`: weaker ones of the same rungs,
    which only learn who the strongest is. `beside`: those on the strongest one's own rung."""

    main: tuple[str, ...]
    sides: tuple[str, ...]
    beside: tuple[str, ...] = ()


class Paths:
    """The ladder's order, looked up by namespace."""

    def __init__(self, ladder: Ladder) -> None:
        self._rung_of: dict[str, str] = {"member_id": "member"}
        self._rank: dict[str, tuple[int, int]] = {"member_id": (len(ladder.rungs), 0)}
        for height, rung in enumerate(ladder.rungs):
            for strength, namespace in enumerate(rung.namespaces):
                self._rung_of[namespace] = rung.rung
                self._rank[namespace] = (height, strength)

    def rung(self, identifier: str) -> str:
        """The rung of `"namespace:value"`."""
        return self._rung_of[identifier[: identifier.index(":")]]

    def of(self, identifiers: Iterable[str]) -> Path:
        """The way of an event that carries `identifiers`; namespaces off the ladder are skipped."""
        ranked = self._ranked(identifiers)
        main: list[str] = []
        sides: list[str] = []
        for position, (height, _, identifier) in enumerate(ranked):
            if position + 1 < len(ranked) and ranked[position + 1][0] == height:
                sides.append(identifier)
            else:
                main.append(identifier)
        if not sides:
            return Path(main=tuple(main), sides=())
        top = ranked[-1][0]
        beside = tuple(identifier for height, _, identifier in ranked[:-1] if height == top)
        below = tuple(identifier for identifier in sides if identifier not in beside)
        return Path(main=tuple(main), sides=below, beside=beside)

    def onward(self, climb: Climb, owners: Iterable[str]) -> tuple[Climb, ...]:
        """The climb on its way to `owners` and what it still has to visit: to the weakest of
        them, or a branch to each if several stand on that one's rung."""
        ranked = self._ranked({*climb.rest, *owners})
        lowest = [identifier for height, _, identifier in ranked if height == ranked[0][0]]
        rest = tuple(identifier for _, _, identifier in ranked[len(lowest) :])
        if len(lowest) == 1:
            return (step_on(climb, visit=lowest[0], rest=rest),)
        parts = climb.parts * len(lowest)
        return tuple(
            step_on(climb, visit=one, rest=rest, branch=climb.branch + digit, parts=parts)
            for digit, one in zip(BRANCHES, lowest, strict=False)
        )

    def send(self, climb: Climb) -> Send:
        """The climb, addressed to the rung of the key that it visits."""
        return Send(self.rung(climb.visit), climb.visit, climb)

    def _ranked(self, identifiers: Iterable[str]) -> list[tuple[int, int, str]]:
        rank = self._rank
        ranked = []
        for identifier in identifiers:
            place = rank.get(identifier[: identifier.index(":")])
            if place is not None:
                ranked.append((*place, identifier))
        ranked.sort()
        return ranked


def step_on(climb: Climb, **changes: object) -> Climb:
    """The same climb, changed."""
    return msgspec.structs.replace(climb, **changes)
