"""What happens to a member besides movements of points, in words.

In: a member's rows. Out: notes, each at the event or instant that brought it. Of what the warehouse
keeps only the newest state of (challenges, access), the last time is told.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from scripts.statement.collect import Collected, Row, event_of
from scripts.statement.tell import counted

Day = Callable[[datetime], str]
"""A local day, in words."""
TIMED_OUT: Final = "A reservation timed out"
_WITHOUT_EFFECT: Final = {
    "waiting": "waits until another of its kind is closed",
    "withdrawn": "withdrawn: what brought it was undone",
}
"""Offers that can't be used, by where they stand."""


class Note(NamedTuple):
    """Something that a happening brought."""

    at: datetime
    event: str | None
    """The event behind it, source/event_id; None: whatever happened at that instant."""
    said: str
    due: str
    """What to call the happening, if nothing but a timer was behind it."""


def notes(rows: Collected, day: Day) -> Iterator[Note]:
    """All there is to say, part by part."""
    for row in rows.answers:
        yield Note(row["answered_at"], event_of(row), _answer(row), TIMED_OUT)
    for row in rows.tier_changes:
        said = f"tier: {row['from_tier'] or 'none'} → {row['tier']} ({_words(row['reason'])})"
        yield Note(row["at"], None, said, "The tier was reviewed")
    for row in rows.offers:
        yield from _offer(row, day)
    for row in rows.challenges:
        if row["met_at"] is not None:
            times = f", {counted(row['met'], 'time')} by now" if row["met"] > 1 else ""
            said = f"challenge {row['challenge']} met{times}"
            yield Note(row["met_at"], None, said, "A challenge was met")
    for row in rows.access:
        by, access = row["unlocked_by"], row["access"]
        yield Note(row["since"], None, f"unlocked: {access} (by {by})", f"A gift: {by}")
        if row["until"] is not None:
            yield Note(row["until"], None, f"locked again: {access}", "An access ended")
    for row in rows.benefit_uses:
        said = f"{row['benefit']} {_use(row)}"
        yield Note(row["used_at"], event_of(row), said, "A benefit was used")
    yield from _memberships(rows.memberships)


def _memberships(rows: Iterable[Row]) -> Iterator[Note]:
    for row in rows:
        if row["ended_at"] is not None:
            because = row["reason"] if row["reason"] != "ended" else "by the member"
            said = f"membership {row['plan']} ended: {_words(because)}"
            yield Note(row["ended_at"], None, said, "The membership ended")


def _offer(row: Row, day: Day) -> Iterator[Note]:
    offer, at, reason, status = row["offer_id"], row["granted_at"], row["reason"], row["status"]
    due = f"A gift: {reason}"
    if status == "refused":
        yield Note(at, None, f"offer {offer} refused: {row['code']}", due)
    elif status in _WITHOUT_EFFECT:
        yield Note(at, None, f"offer {offer} {_WITHOUT_EFFECT[status]}", due)
    else:
        until = f", until {day(row['expires_at'])}" if row["expires_at"] else ""
        because = f" (by {reason})" if reason else ""
        yield Note(at, None, f"offer {offer} granted{until}{because}", due)
        if row["closed_at"] is not None:
            said = f"offer {offer} {status}"
            yield Note(row["closed_at"], row["closed_by"] or None, said, "An offer's time is over")


def _use(row: Row) -> str:
    if row["code"] == "withdrawn":
        return "withdrawn: its report was taken back"
    if row["code"] != "ok":
        return f"refused: {row['code']}"
    return "granted" if row["left"] is None else f"granted, {row['left']} left"


def _answer(row: Row) -> str:
    """The answer to a wish, with what was wished for where it isn't told by a movement."""
    if row["code"] == "ok":
        return "answer: ok"
    wanted = f" ({row['reward_id']}, {counted(row['points'], 'point')})"
    if row["reward_id"] is None:
        wanted = f" ({counted(row['points'], 'point')})"
    verb = "timed out" if row["request"] == "time_out" else "refused"
    return f"{verb}: {row['code']}{wanted if row['points'] else ''}"


def _words(name: str) -> str:
    return name.replace("_", " ")
