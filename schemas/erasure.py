"""Erasure: who asked to be forgotten, what is known of the erased, and the names of nobody.

An erased person's identifiers become *orphans*, `"namespace:erased.<token>"`, the token a keyed
hash under a key of its own. In what happened before the erasure an orphan takes the place of the
identifier, so that everybody else's history stays as it was; of an orphan itself no row tells.
"""

import re
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from schemas.flow import Row
from schemas.ledger import Account, EntryKind

ORPHAN: Final = "erased."
"""What the value of every orphan begins with; a member's id, too."""
ORPHAN_VALUE: Final = re.compile(r"erased\.[0-9a-f]{24}")


class ErasureRequest(Row, frozen=True, kw_only=True):
    """Somebody asked to be forgotten. Once that is done, orphans stand for the identifiers."""

    table: ClassVar[str] = "erasure_requests"
    source: Annotated[str, Meta(description="of the event that asked")]
    event_id: Annotated[str, Meta(description="of the event that asked")]
    identifiers: Annotated[
        str, Meta(description="that it carried, namespace:value, as a JSON list")
    ]
    known_at: Annotated[int, Meta(description="when, ms UTC", extra={"ms": True})]


class Erasure(Row, frozen=True, kw_only=True):
    """A person who was erased: when, and what their points came to, under a name of nobody's."""

    table: ClassVar[str] = "erasures"
    member_id: Annotated[str, Meta(description="the orphan that the ledger's totals stand under")]
    erased_at: Annotated[
        int, Meta(description="what happened until then is erased, ms UTC", extra={"ms": True})
    ]
    identifiers: Annotated[int, Meta(description="how many were theirs alone")]
    entries: Annotated[int, Meta(description="ledger entries that were summed up by month")]
    balances: Annotated[str, Meta(description="points by account, as a JSON object")]


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Movements of one sort within one month, summed up."""

    month: int
    """Its first instant, ms UTC."""
    kind: EntryKind
    debit: Account
    credit: Account
    rule: str | None
    programme_version: str
    points: int
    entries: int


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """A person who was erased, as the tombstones' file knows them: by keyed hashes alone."""

    member_id: str
    """The orphan."""
    erased_at: int
    """What happened until then is theirs; what comes later is a new life. ms UTC."""
    tombstones: tuple[str, ...]
    """Keyed hashes of the identifiers that were theirs alone."""
    totals: tuple[Total, ...] = ()


def erasure_request(
    source: str, event_id: str, identifiers: tuple[str, ...], known_at: int
) -> ErasureRequest:
    """The row of an event that asks for it."""
    return ErasureRequest(
        source=source,
        event_id=event_id,
        identifiers=msgspec.json.encode(identifiers).decode(),
        known_at=known_at,
    )


def is_orphan(name: str) -> bool:
    """Whether an identifier, a guest's or a member's id stands for somebody who was erased.

    >>> is_orphan("cookie:erased.0f"), is_orphan("erased.0f"), is_orphan("cookie:0f")
    (True, True, False)
    """
    return name.startswith(ORPHAN) or f":{ORPHAN}" in name
