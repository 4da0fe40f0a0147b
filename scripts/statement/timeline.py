"""Movements and happenings in the order in which they became known.

In: a member's rows and their events. Out: happenings, each with the movements of points that
followed from it, the balances after each of them, and what else it brought. Promised: every entry
is in exactly one movement; what a late event changed stands under that event.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.events import Event
from scripts.statement.collect import Collected, Row, event_of
from scripts.statement.notes import TIMED_OUT, notes
from scripts.statement.tell import TOLD, Teller

KINDS: Final = (
    "correct transfer_in release expire reverse reinstate redeem hold earn bonus adjust "
    "activate transfer_out".split()
)
"""Of one happening, movements are told in this order."""
OWN: Final = ("available", "pending", "held")
"""The accounts whose points are the member's."""
LATE: Final = timedelta(hours=1)
"""Of what became known later than this, a statement says when it happened."""


MOVED: Final[dict[str, Callable[[Row, str], str]]] = {
    "earn": lambda row, _: f"earned: {row['rule']}",
    "bonus": lambda row, _: f"bonus: {row['rule']}",
    "activate": lambda _, lot: f"can be spent: points{lot}",
    "hold": lambda row, _: f"reserved: {row['rule']}",
    "release": lambda row, _: f"given back: {row['rule']}",
    "redeem": lambda row, _: f"spent: {row['rule']}",
    "reverse": lambda row, _: f"taken back: {row['rule']}",
    "reinstate": lambda _, lot: f"back again: points{lot}",
    "expire": lambda _, lot: f"expired: points{lot}",
    "adjust": lambda row, _: f"adjusted: {row['note'] or 'by staff'}",
    "transfer_out": lambda row, _: "moved to the account that goes on",
    "transfer_in": lambda row, _: "came from an account that was merged",
    "correct": lambda row, _: f"corrected: {row['note'] or row['rule'] or 'as ordered'}",
}
"""What each kind of entry is called; given the entry and, if it has a lot, of which day."""
DUE: Final = {
    "release": TIMED_OUT,
    "expire": "Points were not used in time",
    "activate": "A waiting time is over",
}
"""What to call an instant at which such movements fell due."""


class Movement(msgspec.Struct, kw_only=True):
    """Entries of one kind and rule, and the balances after them."""

    what: str
    kind: str
    rule: str | None
    version: str
    points: int
    """Moved."""
    change: int
    """By how much the member's points became more or fewer."""
    debit: str
    credit: str
    available: int
    pending: int
    held: int
    entry_ids: list[str]


class Happening(msgspec.Struct, kw_only=True):
    """An event, or an instant at which something fell due."""

    at: datetime
    """When it became known."""
    what: str
    event: str | None
    """source/event_id; None: a timer."""
    happened_at: datetime
    movements: list[Movement] = []
    notes: list[str] = []

    @property
    def late(self) -> bool:
        return self.at - self.happened_at > LATE


class Timeline:
    """The happenings of a member while they are collected."""

    def __init__(
        self,
        rows: Collected,
        events: Mapping[str, Event],
        teller: Teller,
        zone: ZoneInfo,
        rules: Iterable[str],
    ) -> None:
        self._rows = rows
        self._events = events
        self._teller = teller
        self._zone = zone
        self._rules = {rule: place for place, rule in enumerate(rules)}
        self._told = {event_of(row): row for row in rows.events}
        self._entries = {row["entry_id"]: row for row in rows.entries}
        self._lots = {row["lot_id"]: row for row in rows.lots}
        self._found: dict[tuple[datetime, str | None], Happening] = {}
        self._by_event: dict[str, Happening] = {}
        self._by_instant: dict[datetime, Happening] = {}
        self._dues: dict[datetime, dict[str, None]] = {}

    def happenings(self) -> list[Happening]:
        """All of them, in order, with running balances."""
        moved: dict[tuple[datetime, str | None], list[Row]] = {}
        for row in self._rows.entries:
            name = row["because_of"] or event_of(row)
            happening = self._happening(row["posted_at"], name)
            if row["event_id"] and name == event_of(row):
                self._by_instant.setdefault(row["occurred_at"], happening)
            moved.setdefault((row["posted_at"], name), []).append(row)
        for row in self._rows.events:
            name = event_of(row)
            if row["theirs"] and row["type"] in TOLD and name not in self._by_event:
                self._happening(row["known_at"], name)
        for note in notes(self._rows, self.day):
            happening = self._at(note.at, note.event)
            happening.notes.append(note.said)
            if happening.event is None:
                self._dues.setdefault(happening.at, {})[note.due] = None
        ordered = sorted(
            self._found.values(), key=lambda one: (one.at, one.event is None, one.event or "")
        )
        balances = dict.fromkeys(OWN, 0)
        for one in ordered:
            for rows in self._grouped(moved.get((one.at, one.event), [])):
                one.movements.append(self._movement(one, rows, balances))
            if one.event is None:
                one.what = self._due(one)
        return ordered

    def day(self, at: datetime) -> str:
        """A local day, for words; with its year, since a statement may span several."""
        return f"{at.astimezone(self._zone):%d %b %Y}"

    def _happening(self, at: datetime, name: str | None) -> Happening:
        key = (at, name)
        if key not in self._found:
            event = self._events.get(name or "")
            what = "" if name is None else self._title(name, event)
            happened = at
            if event is not None:
                happened = datetime.fromtimestamp(event.occurred_at / 1000, timezone.utc)
            made = Happening(at=at, what=what, event=name, happened_at=happened)
            self._found[key] = made
            self._by_instant.setdefault(at, made)
            if name is not None:
                self._by_event.setdefault(name, made)
                self._by_instant.setdefault(happened, made)
        return self._found[key]

    def _title(self, name: str, event: Event | None) -> str:
        row = self._told.get(name)
        if row is None:
            return name
        said = self._teller.tell(row["type"], event)
        own = row["theirs"] or row["type"] == "account_merged"
        return said if own else f"{said} (of somebody else)"

    def _at(self, at: datetime, event: str | None = None) -> Happening:
        """The happening of an event or, without one, the one of that instant."""
        if event is not None:
            return self._by_event.get(event) or self._happening(at, event)
        return self._by_instant.get(at) or self._happening(at, None)

    def _due(self, one: Happening) -> str:
        """What fell due by itself."""
        titles = list(self._dues.get(one.at, ()))
        titles += [DUE[kind] for kind in DUE if any(kind == m.kind for m in one.movements)]
        return "; ".join(dict.fromkeys(titles)) or "Fell due"

    def _grouped(self, rows: list[Row]) -> list[list[Row]]:
        """Entries that are told as one movement, in the order of telling."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            key = (
                KINDS.index(row["kind"]),
                self._rules.get(row["rule"] or "", len(self._rules)),
                row["rule"] or "",
                row["debit"],
                row["credit"],
                row["programme_version"],
                row["posting"],
                event_of(row) or "",
                self._whose(row),
            )
            groups.setdefault(key, []).append(row)
        return [groups[key] for key in sorted(groups)]

    def _whose(self, row: Row) -> str:
        """Of movements that name a lot's day or a corrected entry: which."""
        return self._what(row) if row["kind"] in ("activate", "expire", "correct") else ""

    def _movement(self, one: Happening, rows: list[Row], balances: dict[str, int]) -> Movement:
        first = rows[0]
        points = sum(row["points"] for row in rows)
        debit, credit = first["debit"], first["credit"]
        change = (points if credit in OWN else 0) - (points if debit in OWN else 0)
        if debit in OWN:
            balances[debit] -= points
        if credit in OWN:
            balances[credit] += points
        what = self._what(first)
        own = event_of(first)
        if own not in (None, one.event) and first["kind"] != "correct":
            what += f", of {self.day(first['occurred_at'])}"
        return Movement(
            what=what,
            kind=first["kind"],
            rule=first["rule"],
            version=first["programme_version"],
            points=points,
            change=change,
            debit=debit,
            credit=credit,
            entry_ids=[row["entry_id"] for row in rows],
            **balances,
        )

    def _what(self, row: Row) -> str:
        if row["kind"] == "correct" and row["corrects"] in self._entries:
            corrected = self._entries[row["corrects"]]
            return f"corrected: {self._what(corrected)}, of {self.day(corrected['posted_at'])}"
        lot = self._lots.get(row["lot_id"])
        return MOVED[row["kind"]](row, f" of {self.day(lot['earned_at'])}" if lot else "")
