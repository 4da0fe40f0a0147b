"""How rows of a table are compared: what pairs them, whose they are, when and by which event.

Every table of the warehouse is compared but those of `NOT_COMPARED`, and every column but those
whose name starts with `_`. A value must be the same, bit by bit: nothing is tolerated, floats
included, since the same code computes them in the same order. What a table has beyond its
columns' names is declared here, and only here.
"""

from dataclasses import dataclass
from typing import Final

from sinks.duckdb.schema import PARAMETERS, POSITION, RUNS, TABLES, Table

NOT_COMPARED: Final = {
    RUNS.name: "says who wrote the warehouse, not what",
    PARAMETERS.name: "is set by hand; a difference is warned of and seen in the totals",
    POSITION.name: "counts what was written, repeats included",
}
"""Tables that aren't a function of input and configuration, and why."""

ARCHIVED: Final = {
    "quarantine": "reason IN ('conflicting_duplicate', 'too_old_to_deduplicate', 'loop_of_merges')",
    "repairs": "false",
}
"""Which rows of a table come again from an archive: decode refuses and repairs before it."""

_TIMES: Final = ("known_at", "posted_at", "decided_at", "answered_at", "given_at", "at")
"""Columns that say when the engine wrote a row, not when something happened at a till."""

_PAIRED_BY: Final = {
    "event_owners": ("source", "event_id"),
    "identity_notices": ("kind", "identifier", "source", "event_id"),
    "ledger_entries": ("entry_id",),
    "redemption_answers": ("redemption_id", "member_id", "request"),
    "tier_changes": ("member_id", "at"),
    "churn_scores": ("member_id", "at"),
    "decisions": ("decision_id",),
    "triggers": ("trigger_id", "action"),
    "deliveries": ("trigger_id", "state"),
    "quarantine": ("position",),
    "repairs": ("repaired_position",),
    "corrections": ("correction_id", "member_id"),
    "loop_commands": ("command_id",),
}
"""What makes two rows of an append-only table the same row with other values. Where several
have it, they pair in order of their other values."""

_ORDER: Final = (
    "quarantine",
    "repairs",
    "event_owners",
    "identity_links",
    "identity_notices",
    "guests",
    "ledger_entries",
    "corrections",
    "merges",
    "loop_commands",
    "lots",
    "redemption_answers",
    "redemptions",
    "tier_changes",
    "churn_scores",
    "journeys",
    "decisions",
    "triggers",
    "deliveries",
    "members",
)
"""Which rests on which: at one instant the earlier comes first."""

_READS: Final = {
    "quarantine": "refused: {reason}",
    "repairs": "sent again: {outcome} {reason}",
    "event_owners": "{type} of {member_id}, by {reason} at {rung}",
    "identity_links": "{namespace}:{value} of {owner}, {reason}, from {from_at} to {until_at}",
    "identity_notices": "{kind} {identifier}",
    "ledger_entries": "{kind} {points}: {debit} → {credit}, {rule}, {programme_version}",
    "corrections": "{status}: {gained} gained, {lost} lost, {qualifying} qualifying, {reason}",
    "merges": "{loser} into {survivor}: {status}, {points} points, {lots} lots, {holds} holds",
    "loop_commands": "ordered: {type} of {about}, {payload}",
    "lots": "{remaining} of {points} left, expires {expires_at}",
    "redemption_answers": "{request} {points}: {code}",
    "redemptions": "{points}: {status}, {code}",
    "tier_changes": "{from_tier} → {tier}, {reason}",
    "churn_scores": "{from_band} → {band}, {why}, p_alive {p_alive}",
    "journeys": "{journey} at {step}, {state} {left_because}",
    "decisions": "{journey} / {step} on {channel}: {outcome}, {reason}",
    "triggers": "{action} {journey} / {step} on {channel}",
    "deliveries": "{channel}: {state}",
    "members": "{tier}, {available} available, {pending} pending, {held} held, {risk_band}",
}
"""A row in a line."""


@dataclass(frozen=True)
class Compared:
    """A table and how its rows are read; `member`, `at`, `source` and `event_id` are SQL over a
    row `d` and what `joins` adds to it."""

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    stage: int
    """The place among those of the same instant."""
    history: bool
    """Its rows bear the instant at which they were written: they can say where histories part."""
    member: str
    at: str
    source: str = "NULL::VARCHAR"
    event_id: str = "NULL::VARCHAR"
    joins: str = ""
    where: str = "true"
    """Which rows are compared, by their own columns."""

    @property
    def name(self) -> str:
        return self.table.name

    def reads(self, row: dict[str, object]) -> str:
        """A row in a line."""
        shown = {name: "–" if value is None else value for name, value in row.items()}
        pattern = _READS.get(self.name)
        if pattern is None:
            return ", ".join(f"{name} {value}" for name, value in shown.items())
        return pattern.format_map(shown)


_MET: Final = "LEFT JOIN met AS m ON m.source = {source} AND m.event_id = {event_id}"
_BEHIND: Final = (
    "split_part(d.{0}, '/', 1)",
    "substr(d.{0}, strpos(d.{0}, '/') + 1)",
)
"""Source and id of an event that a column names as `source/event_id`."""


def _compared(table: Table) -> Compared:
    columns = tuple(column.name for column in table.columns if column.name[0] != "_")
    stamps = [column.name for column in table.columns if column.sql_type == "TIMESTAMP"]
    times = [*(name for name in _TIMES if name in columns), *stamps]
    has_event = {"source", "event_id"} <= {*columns}
    values: dict[str, object] = {
        "table": table,
        "columns": columns,
        "key": table.keys or _PAIRED_BY.get(table.name) or columns,
        "stage": _ORDER.index(table.name) if table.name in _ORDER else len(_ORDER),
        "history": not table.keys,
        "member": "d.member_id" if "member_id" in columns else "NULL::VARCHAR",
        "at": f'd."{times[0]}"' if times else "NULL::TIMESTAMP",
        "source": "d.source" if has_event else "NULL::VARCHAR",
        "event_id": "d.event_id" if has_event else "NULL::VARCHAR",
    }
    return Compared(**{**values, **_SPECIAL.get(table.name, {})})  # type: ignore[arg-type]


_SPECIAL: Final[dict[str, dict[str, object]]] = {
    "ledger_entries": {
        # What made a rebooking necessary is where it began, not the event that was booked again.
        "source": "coalesce(" + _BEHIND[0].format("because_of") + ", d.source)",
        "event_id": "coalesce(" + _BEHIND[1].format("because_of") + ", d.event_id)",
    },
    "event_owners": {
        # An answer that names nobody belongs to the member whom another answer names.
        "member": "coalesce(d.member_id, m.member_id)",
        "joins": _MET.format(source="d.source", event_id="d.event_id"),
    },
    "identity_notices": {
        "member": "m.member_id",
        "joins": _MET.format(source="d.source", event_id="d.event_id"),
    },
    "quarantine": {
        "member": "m.member_id",
        "joins": _MET.format(source="d.source", event_id="d.event_id"),
    },
    "repairs": {
        "member": "m.member_id",
        "joins": _MET.format(source="d.source", event_id="d.event_id"),
    },
    "identity_links": {
        # A link bears business times; the event that made it says when it became known. Where
        # only its end differs, that is when it ended.
        "history": True,
        "member": "coalesce(m.member_id, CASE WHEN starts_with(d.owner, 'member_id:') "
        "THEN substr(d.owner, 11) END)",
        "at": "CASE WHEN d.differs = ['until_at'] THEN d.until_at "
        "ELSE coalesce(m.known_at, d.from_at) END",
        "source": _BEHIND[0].format("event_id"),
        "event_id": _BEHIND[1].format("event_id"),
        "joins": _MET.format(
            source=_BEHIND[0].format("event_id"), event_id=_BEHIND[1].format("event_id")
        ),
    },
    "loop_commands": {
        "member": "m.member_id",
        "source": _BEHIND[0].format("because_of"),
        "event_id": _BEHIND[1].format("because_of"),
        "joins": _MET.format(
            source=_BEHIND[0].format("because_of"), event_id=_BEHIND[1].format("because_of")
        ),
    },
    "tier_changes": {
        # They bear the business time of the receipt that caused them.
        "at": 'coalesce(p.posted_at, d."at")',
        "joins": 'LEFT JOIN posted AS p ON p.member_id = d.member_id AND p.occurred_at = d."at"',
    },
    "journeys": {
        "history": True,
        "at": "CASE WHEN d.differs IS NULL THEN d.entered_at ELSE d.left_at END",
    },
    "redemptions": {"at": "d.answered_at"},
    "members": {"at": "NULL::TIMESTAMP"},
}

COMPARED: Final = tuple(
    sorted(
        (_compared(table) for table in TABLES if table.name not in NOT_COMPARED),
        key=lambda one: (one.stage, one.name),
    )
)
"""The tables that are compared, by what rests on what."""
NAMED: Final = {one.name: one for one in COMPARED}
