"""Which rows go to which topic.

Rows that aren't listed here stay in the warehouse: lots, tiers, journeys and `members` are the
state behind what the topics tell, and an event's owner is of interest to analysts only.
"""

from typing import Final

from schemas.commands import LoopCommand
from schemas.decisions import CHANNELS, Decision, Trigger
from schemas.flow import Row
from schemas.identity import IdentityLink
from schemas.ledger import LedgerEntry, RedemptionAnswer
from schemas.member_state import MemberErased, MemberState
from schemas.refusals import Quarantined
from sinks.row_batch import RowBatch

LEDGER: Final = "loyalty.ledger"
REDEMPTIONS: Final = "loyalty.redemptions"
MEMBER_STATE: Final = "loyalty.member-state"
LINKS: Final = "identity.links"
DECISIONS: Final = "loyalty.decisions"
QUARANTINE: Final = "quarantine"
COMMANDS: Final = "commands"
"""An input, too: what operators order comes back by it, beside what people and services do."""
TRIGGERS: Final = {channel: f"triggers.{channel}" for channel in CHANNELS}

OUTPUT_TOPICS: Final = tuple(
    sorted(
        (
            *(LEDGER, REDEMPTIONS, MEMBER_STATE, LINKS, DECISIONS, QUARANTINE, COMMANDS),
            *TRIGGERS.values(),
        )
    )
)
"""Without the deployment's prefix."""
NEWEST_COUNTS: Final = frozenset({MEMBER_STATE})
"""Compacted topics: of a key's records only the last one matters."""
SHARED: Final = frozenset({COMMANDS})
"""Topics that others write to as well."""

_TOPICS: Final[dict[type[Row], tuple[str, ...]]] = {
    LedgerEntry: (LEDGER,),
    # Whoever follows the ledger sees why points moved, or why they didn't.
    RedemptionAnswer: (REDEMPTIONS, LEDGER),
    MemberState: (MEMBER_STATE,),
    MemberErased: (MEMBER_STATE,),
    IdentityLink: (LINKS,),
    Decision: (DECISIONS,),
    Quarantined: (QUARANTINE,),
    LoopCommand: (COMMANDS,),
}


def to_topics(item: tuple[str, RowBatch]) -> list[tuple[str, RowBatch]]:
    """The rows of a batch by the topics that they belong on; order is kept within each."""
    found: dict[str, list[Row]] = {}
    for row in item[1].rows:
        for topic in topics_of(row):
            found.setdefault(topic, []).append(row)
    return [(topic, RowBatch(rows)) for topic, rows in found.items()]


def topics_of(row: Row) -> tuple[str, ...]:
    """Where a row goes; empty: only to the warehouse."""
    if isinstance(row, Trigger):
        return (TRIGGERS[row.channel],)
    return _TOPICS.get(type(row), ())
