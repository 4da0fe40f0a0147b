"""An event's way up the ladder: which keys it visits, in which order.

In: the identifiers on an event, or owners found on the way. Out: keys to visit,
weakest rung first, at most one a rung.
"""

from collections.abc import Iterable

import msgspec

from schemas.flow import Climb, Send
from schemas.ladder import Ladder


class Path(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`main`: one identifier a rung, weakest first. `sides`: weaker ones of the same rungs,
    which only learn who the strongest is."""

    main: tuple[str, ...]
    sides: tuple[str, ...]


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
        if sides:
            top = ranked[-1][0]
            below_top = {identifier for height, _, identifier in ranked if height < top}
            sides = [identifier for identifier in sides if identifier in below_top]
        return Path(main=tuple(main), sides=tuple(sides))

    def merge(self, rest: tuple[str, ...], owners: Iterable[str]) -> tuple[str, ...] | None:
        """Candidates to visit next, weakest first; None if two of them share a rung."""
        ranked = self._ranked({*rest, *owners})
        heights = [height for height, _, _ in ranked]
        if len(set(heights)) < len(heights):
            return None
        return tuple(identifier for _, _, identifier in ranked)

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
