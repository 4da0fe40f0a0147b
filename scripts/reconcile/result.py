"""What a comparison found: plain values, for people, machines and tests alike."""

from datetime import datetime
from typing import Any, Literal

import msgspec

Kind = Literal[
    "missing_event",
    "refused_event",
    "other_member",
    "other_answer",
    "other_programme",
    "other_entries",
    "timer",
    "derived_rows",
]
"""What differs first.

`missing_event` one side doesn't know the event · `refused_event` one side refused it ·
`other_member` it went to somebody else · `other_answer` it went to the same member at another
time or by another way · `other_programme` another version of the programme rated it ·
`other_entries` the same event moved other points, by the same version · `timer` points moved by
themselves, as at an expiry, at one side only · `derived_rows` events and entries agree and
something that rests on them doesn't.
"""


class RunSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A run that wrote a warehouse, as its table `runs` says."""

    run_id: int
    outcome: str | None
    as_of: datetime
    input: str
    workers: int
    events: int | None
    config_hash: str
    kizuna_version: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two warehouses."""

    path: str
    bytes: int
    sha256: str
    sha256_of_log: str | None
    """Of `warehouse.duckdb.wal`, which a run that was killed leaves and which counts."""
    runs: list[RunSeen]
    parameters: dict[str, float]
    ends_at: datetime | None
    """The latest instant that an event or an entry bears."""


class TableDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a table on both sides. `changed`: same key, other values; `columns`: which ones,
    and in how many of the changed rows."""

    table: str
    rows_a: int
    rows_b: int
    only_a: int
    only_b: int
    changed: int
    columns: dict[str, int]

    @property
    def count(self) -> int:
        return self.only_a + self.only_b + self.changed


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of both sides; counts are whole numbers, money is in minor units."""

    group: str
    name: str
    a: int | float
    b: int | float

    @property
    def difference(self) -> int | float:
        return self.b - self.a


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one key that differ: None where a side has none."""

    table: str
    at: datetime | None
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    columns: list[str]
    """Those that differ; empty if only one side has the row."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an event was found to be, at an instant."""

    member_id: str | None
    rung: str
    reason: str
    known_at: datetime


class EventSide(msgspec.Struct, frozen=True, kw_only=True):
    """What one side knows of an event. `points`: what all its entries did to the points that
    members can spend or will be able to."""

    answers: list[Answer]
    refused: str | None
    entries: int
    points: int

    @property
    def owner(self) -> str | None:
        last = self.answers[-1] if self.answers else None
        return None if last is None or last.reason == "retracted" else last.member_id

    @property
    def known(self) -> bool:
        return bool(self.answers or self.entries)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The event behind a difference, from both sides."""

    source: str
    event_id: str
    type: str
    occurred_at: datetime | None
    """Where an entry says so; None: it moved no points."""
    known_at: datetime | None
    others: int
    """How many more events of the member became known at the same instant."""
    a: EventSide
    b: EventSide


class Parting(msgspec.Struct, frozen=True, kw_only=True):
    """Where the histories of a member part. `member_id` None: rows that are no member's."""

    member_id: str | None
    points: int
    """What B's entries leave the member to spend, now or later, less what A's do."""
    at: datetime | None
    kind: Kind
    event: Event | None
    reasons: list[str]
    """What speaks for a cause, a sentence each."""
    first: list[Change]
    """What differs at that event."""
    later: list[Change]
    """What follows from it, in order of time; cut where `left_out` says how many are missing."""
    left_out: int
    tables: dict[str, int]
    """How much differs by table: a row that both sides have with other values counts once."""

    @property
    def count(self) -> int:
        return sum(self.tables.values())


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    a: Side
    b: Side
    warnings: list[str]
    compared: list[TableDifference]
    not_compared: list[str]
    totals: list[Total]
    parted_members: int
    partings: list[Parting]
    first: str | None
    """Where the histories part first of all, in a line."""

    @property
    def equal(self) -> bool:
        return not any(table.count for table in self.compared)

    @property
    def differences(self) -> dict[str, TableDifference]:
        """The tables that differ, by name."""
        return {table.table: table for table in self.compared if table.count}
