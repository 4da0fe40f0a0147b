"""What changed in the ownership of an identifier, as rows of `identity_links`.

In: an identifier's ownership before and after. Out: a row for each link that is new or ended
elsewhere than before; one that no longer stands ends where it began. Promised: the last row of
each (namespace, value, owner, from_at) says what stands.
"""

from typing import NamedTuple

from schemas.identity import IdentityLink
from transforms.stitch.owner_at import until
from transforms.stitch.ownership import Ownership


class Link(NamedTuple):
    """Until when an owner stands, and by what it came to be."""

    until_at: int | None
    reason: str
    event_id: str


Links = dict[tuple[str, int], Link]
"""By owner and the instant from which on they own it."""


def standing(ownership: Ownership, alone: bool, ends_at: int | None) -> Links:
    """All links of an identifier. `alone`: it has one owner at a time; `ends_at`: when it became
    shared, which ends them all."""
    links: Links = {}
    for index, span in enumerate(ownership.spans):
        if ends_at is not None and span.first >= ends_at:
            break
        ends = until(ownership, index) if alone else None
        if ends_at is not None and (ends is None or ends_at < ends):
            ends = ends_at
        links[span.owner, span.first] = Link(ends, span.reason, span.event_id)
    return links


def changes(identifier: str, before: Links, after: Links, now: int) -> list[IdentityLink]:
    """The rows that turn `before` into `after`."""
    rows = [
        _row(identifier, place, Link(place[1], "superseded", link.event_id), now)
        for place, link in before.items()
        if place not in after
    ]
    rows += [
        _row(identifier, place, link, now)
        for place, link in after.items()
        if before.get(place) != link
    ]
    return rows


def _row(identifier: str, place: tuple[str, int], link: Link, now: int) -> IdentityLink:
    namespace, _, value = identifier.partition(":")
    owner, from_at = place
    return IdentityLink(
        namespace=namespace,
        value=value,
        owner=owner,
        from_at=from_at,
        until_at=link.until_at,
        reason=link.reason,
        event_id=link.event_id,
        version=now,
    )
