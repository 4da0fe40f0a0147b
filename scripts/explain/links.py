"""The links of identifiers: their timeline, the way up to a member, and what stands below one.

In: identifiers, "namespace:value", and an instant. Out: links as the table `identity_links` holds
them, and trees of those that stood at the instant. A link that was superseded never stood.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from scripts.explain.questions import Questions

MEMBER: Final = "member_id:"
_LINKS: Final = """
    SELECT namespace || ':' || value AS identifier, owner, from_at, until_at, reason, event_id
    FROM identity_links
"""
_ORDER: Final = " ORDER BY from_at, until_at NULLS LAST, owner, event_id"
RUNGS_MAX: Final = 24
"""Links point up, and no ladder has more rungs."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`identifier` was `owner`'s from then until then (None: still), by an event."""

    identifier: str
    owner: str
    from_at: datetime
    until_at: datetime | None
    reason: str
    event: str

    def stands(self, at: datetime) -> bool:
        """Whether it stood at an instant."""
        return self.from_at <= at and (self.until_at is None or at < self.until_at)

    @property
    def superseded(self) -> bool:
        """Something that became known later took its place from its first instant on."""
        return self.until_at is not None and self.until_at <= self.from_at


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier, and the links from it (`link`: to it) to what is above or below."""

    identifier: str
    link: Link | None = None
    ways: tuple["Way", ...] = ()


def of_identifiers(questions: Questions, identifiers: Iterable[str]) -> list[Link]:
    """All links of these identifiers, the oldest first."""
    pairs = [(one.partition(":")[0], one.partition(":")[2]) for one in identifiers]
    if not pairs:
        return []
    where = "WHERE (namespace, value) IN $pairs" + _ORDER
    return [_link(row) for row in questions.rows(_LINKS + where, pairs=pairs)]


def to_owners(questions: Questions, owners: Iterable[str]) -> list[Link]:
    """All links to these owners, the oldest first."""
    wanted = list(owners)
    if not wanted:
        return []
    where = "WHERE owner IN $owners" + _ORDER
    return [_link(row) for row in questions.rows(_LINKS + where, owners=wanted)]


def way_up(questions: Questions, identifier: str, at: datetime) -> Way:
    """The links that lead up from an identifier at an instant."""
    links: dict[str, list[Link]] = {}
    reached = {identifier}
    for _ in range(RUNGS_MAX):
        fresh = reached - links.keys()
        if not fresh:
            break
        links |= {one: [] for one in fresh}
        for link in of_identifiers(questions, sorted(fresh)):
            if link.stands(at):
                links[link.identifier].append(link)
                reached.add(link.owner)
    return _tree(identifier, None, links, up=True)


def ways_down(questions: Questions, identifier: str) -> Way:
    """All that ever stood below an identifier, what ended included."""
    links: dict[str, list[Link]] = {}
    reached = {identifier}
    for _ in range(RUNGS_MAX):
        fresh = reached - links.keys()
        if not fresh:
            break
        links |= {one: [] for one in fresh}
        for link in to_owners(questions, sorted(fresh)):
            if not link.superseded:
                links[link.owner].append(link)
                reached.add(link.identifier)
    return _tree(identifier, None, links, up=False)


def ends(way: Way) -> list[str]:
    """Where a way up ends: members, or identifiers that nobody owns."""
    if not way.ways:
        return [way.identifier]
    return list(dict.fromkeys(end for one in way.ways for end in ends(one)))


def verdict(way: Way) -> str:
    """Whose an event is that carries nothing stronger than the foot of the way."""
    top = ends(way)
    members = [one.removeprefix(MEMBER) for one in top if one.startswith(MEMBER)]
    below = [one for one in top if not one.startswith(MEMBER)]
    if len(members) == 1 and not below:
        return f"leads to {members[0]}"
    if not members:
        where = "" if below == [way.identifier] else f": the way ends at {', '.join(below)}"
        return f"leads to nobody{where}"
    if below:
        return (
            f"leads to {', '.join(members)} and, by {', '.join(below)}, to nobody: a purchase that "
            "carries nothing stronger is held"
        )
    return (
        f"leads to {len(members)} members ({', '.join(members)}): a purchase that carries nothing "
        "stronger is held, nobody guesses"
    )


def _tree(identifier: str, link: Link | None, links: dict[str, list[Link]], up: bool) -> Way:
    ways = [
        _tree(one.owner if up else one.identifier, one, links, up)
        for one in links.get(identifier, ())
    ]
    return Way(identifier=identifier, link=link, ways=tuple(ways))


def _link(row: dict[str, Any]) -> Link:
    return Link(
        identifier=row["identifier"],
        owner=row["owner"],
        from_at=row["from_at"],
        until_at=row["until_at"],
        reason=row["reason"],
        event=row["event_id"],
    )
