"""What reaches a sink: rows in a batch, and the closed list of what a row may be.

Inside a process a batch is the list of row objects that the operators made. Between
processes it is pickled by Bytewax: then each table's rows travel as one msgpack blob,
which costs a fifth of pickling them one by one.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from schemas.commands import LoopCommand
from schemas.decisions import Decision, Delivery, JourneyEntry, Member, Trigger
from schemas.erasure import ORPHAN, Erasure, ErasureRequest, is_orphan
from schemas.flow import Row
from schemas.identity import EventOwner, Guest, IdentityLink, IdentityNotice
from schemas.ledger import (
    AccountMerge,
    Correction,
    LedgerEntry,
    Lot,
    Redemption,
    RedemptionAnswer,
    TierChange,
)
from schemas.member_state import MemberErased, MemberState
from schemas.privileges import (
    BenefitUsage,
    ChallengeProgress,
    MembershipPeriod,
    OfferGrant,
    Unlocked,
)
from schemas.refusals import Quarantined, Repaired
from schemas.scoring import ChurnScore

ROW_CLASSES: Final[tuple[type[Row], ...]] = (
    Member,
    EventOwner,
    IdentityLink,
    IdentityNotice,
    Guest,
    LedgerEntry,
    Lot,
    Redemption,
    RedemptionAnswer,
    TierChange,
    Correction,
    AccountMerge,
    OfferGrant,
    ChallengeProgress,
    MembershipPeriod,
    BenefitUsage,
    Unlocked,
    ChurnScore,
    JourneyEntry,
    Decision,
    Trigger,
    Delivery,
    Quarantined,
    Repaired,
    LoopCommand,
    ErasureRequest,
    Erasure,
)
"""Every kind of row that has a table, in the order in which the reference lists them."""
TOLD_CLASSES: Final[tuple[type[Row], ...]] = (MemberState, MemberErased)
"""Rows without a table: only a topic tells them."""


TELLS_OF_ORPHAN: Final[dict[type[Row], Callable[[Any], bool]]] = {
    EventOwner: lambda row: row.member_id is not None and row.member_id.startswith(ORPHAN),
    IdentityLink: lambda row: row.value.startswith(ORPHAN),
    IdentityNotice: lambda row: is_orphan(row.identifier),
    Guest: lambda row: is_orphan(row.guest_id),
}
"""Rows about those who were erased, of the classes that stitch writes: no sink takes them. Further
down nothing is known of them."""


class UnknownRow(TypeError):
    """A row of a class that no sink knows: our own bug, so the flow stops."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final[dict[str, msgspec.msgpack.Decoder[list[Row]]]] = {
    row_class.table: msgspec.msgpack.Decoder(list[row_class])  # type: ignore[valid-type]
    for row_class in (*ROW_CLASSES, *TOLD_CLASSES)
}


class RowBatch:
    """Some rows on their way to a sink. The order within a table survives the journey."""

    __slots__ = ("_blobs", "_by_class", "rows")

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self._blobs: tuple[tuple[str, bytes], ...] | None = None
        self._by_class: dict[type[Row], list[Row]] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __reduce__(self) -> tuple[Any, ...]:
        if self._blobs is None:  # the engine pickles twice, once to learn the size
            self._blobs = tuple(
                (kind.table, _ENCODER.encode(rows)) for kind, rows in self.by_class().items()
            )
        return _unpack, (self._blobs,)

    def by_class(self) -> dict[type[Row], list[Row]]:
        """The rows of each class; refuses a class that isn't listed here."""
        if self._by_class is None:  # every sink asks
            found: dict[type[Row], list[Row]] = {}
            for row in self.rows:
                rows = found.get(type(row))
                if rows is None:
                    rows = found[known_class(row)] = []
                rows.append(row)
            for kind, tells in TELLS_OF_ORPHAN.items():
                if kind in found:
                    found[kind] = [row for row in found[kind] if not tells(row)]
                    if not found[kind]:
                        del found[kind]
            self._by_class = found
        return self._by_class


def known_class(row: Row) -> type[Row]:
    """The class of a row, if it has a table or a topic; else `UnknownRow`."""
    row_class = type(row)
    if row_class not in ROW_CLASSES and row_class not in TOLD_CLASSES:
        raise UnknownRow(
            f"{row_class.__name__}: must be one of the row classes in sinks.row_batch.ROW_CLASSES; "
            "a new kind of row is added there, and nowhere else"
        )
    return row_class


def _unpack(tables: tuple[tuple[str, bytes], ...]) -> RowBatch:
    rows: list[Row] = []
    for table, blob in tables:
        rows += _DECODERS[table].decode(blob)
    return RowBatch(rows)
