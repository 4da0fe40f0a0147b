"""Events of the past as if they happened now: the same people do the same, in the same order.

In: a folder of JSON Lines files by source, as `kizuna generate` writes them. Out: events in order
of when they were received, without their old times. Promises: what happened before something else
still does; a copy of an event stays a copy, with its time; ids of this play belong to no other, so
the same folder can be played again and is new traffic of the same people.
"""

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.events import NAMESPACES, SOURCES

Event = dict[str, Any]

IDS: Final = (
    "transaction_id",
    "order_id",
    "cart_id",
    "return_id",
    "redemption_id",
    "case_id",
)
"""Of a payload: what names an occasion, not a person or a thing, and happens once."""
OCCURRED_BEFORE_MS: Final = 10
"""How long before it is sent an event happened: till and browser need a moment."""
REMEMBER: Final = 200_000
"""Events whose copies may still come, and people whose last event is known."""
DEVICES: Final = ("cookie", "device_id")
STRONGEST_FIRST: Final = tuple(reversed(NAMESPACES))


class NoEvents(Exception):
    """The folder holds nothing to send."""


class DeliveryFailed(Exception):
    """The broker did not take every event."""


class _Order(msgspec.Struct):
    """What decides when an event is sent."""

    occurred_at: int
    received_at: int | None = None

    @property
    def at(self) -> int:
        return self.occurred_at if self.received_at is None else self.received_at


def read_traffic(folder: Path, sources: Collection[str] = ()) -> Iterator[Event]:
    """All events below `folder` by `received_at`; of `sources` only, if any are named.

    Times are integers of milliseconds, and each file is in order. NoEvents if there are no files.
    """
    paths = sorted(folder.rglob("*.jsonl")) if folder.is_dir() else [folder]
    paths = [path for path in paths if not sources or path.stem in sources]
    if not paths:
        wanted = " or ".join(f"{source}.jsonl" for source in sources) or ".jsonl files"
        raise NoEvents(
            f"{folder}: must hold {wanted}; got none; `kizuna generate --output DIR` makes some"
        )
    ordered = heapq.merge(*map(_lines, paths), key=lambda one: one[0])
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    return (decode(line) for _, line in ordered)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    when = msgspec.json.Decoder(_Order).decode
    with path.open("rb", buffering=1 << 20) as file:
        for number, line in enumerate(file):
            try:
                yield when(line).at, line
            except msgspec.DecodeError as error:
                raise NoEvents(f"{path}: record {number}: must be an event; {error}") from error


class Play:
    """One play of some traffic. `name` comes before every id that must happen once."""

    def __init__(self, name: str, remember: int = REMEMBER) -> None:
        self._before = f"{name}-"
        self._remember = remember
        self._sent: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def happens(self, event: Event, now: int) -> Event:
        """The event, changed in place, as it happens at `now` (ms UTC)."""
        event_id = self._before + event["event_id"]
        key = f"{event['source']}/{event_id}"
        at = self._sent.get(key)
        if at is None:
            at = self._sent[key] = self._time_for(doer_of(event), now - OCCURRED_BEFORE_MS)
            if len(self._sent) > self._remember:
                del self._sent[next(iter(self._sent))]
        moved_ms = at - event["occurred_at"]
        event["event_id"] = event_id
        event["occurred_at"] = at
        event.pop("received_at", None)  # the broker's own time counts
        payload = event.get("payload") or {}
        for name in IDS:
            if payload.get(name) is not None:
                payload[name] = self._before + payload[name]
        if payload.get("redemptions"):
            payload["redemptions"] = [self._before + one for one in payload["redemptions"]]
        if isinstance(payload.get("expires_at"), int):
            payload["expires_at"] += moved_ms
        return event

    def _time_for(self, who: str, at: int) -> int:
        """Nobody does two things at the same millisecond: their order would be lost."""
        at = max(at, self._last.pop(who, 0) + 1)
        self._last[who] = at
        if len(self._last) > self._remember:
            del self._last[next(iter(self._last))]
        return at


def identifier_of(event: Mapping[str, Any], namespaces: Iterable[str]) -> str | None:
    """`namespace:value` of the first of `namespaces` that an event carries.

    >>> identifier_of({"identifiers": {"cookie": "c", "card": ["1", "2"]}}, ["card", "cookie"])
    'card:1'
    """
    identifiers = event.get("identifiers") or {}
    for namespace in namespaces:
        value = identifiers.get(namespace)
        if value:
            return f"{namespace}:{value if isinstance(value, str) else value[0]}"
    return None


def doer_of(event: Mapping[str, Any]) -> str:
    """What acts: a device if there is one, else whoever is named, else nobody else ever."""
    found = identifier_of(event, DEVICES) or identifier_of(event, STRONGEST_FIRST)
    return found or f"event:{event['source']}/{event['event_id']}"


def spread(played: Iterable[tuple["Play", Event]], waiting: int) -> Iterator[tuple["Play", Event]]:
    """The same, with many people at a time: each does one thing when it is their turn.

    Days that pass in a minute would else press everybody's visit into a few milliseconds. What one
    device, or a person without one, does stays in order. `waiting`: events that are held back.
    """
    queues: dict[str, deque[tuple[Play, Event]]] = {}
    held = 0

    def turn() -> tuple[Play, Event]:
        who = next(iter(queues))
        queue = queues.pop(who)
        one = queue.popleft()
        if queue:
            queues[who] = queue  # at the end of the row
        return one

    for play, event in played:
        queues.setdefault(doer_of(event), deque()).append((play, event))
        held += 1
        if held > waiting:
            held -= 1
            yield turn()
    while queues:
        yield turn()


def plays(
    folder: Path, sources: Collection[str], name: str, *, again: bool
) -> Iterable[tuple[Play, Event]]:
    """Each event with the play that it belongs to; `again`: from the beginning, without end.

    Who has joined doesn't join again: profile events are part of the first play only.
    """
    number, some = 0, True
    while some and (number == 0 or again):
        play, some = Play(f"{name}-{number}" if number else name), False
        for event in read_traffic(folder, sources):
            if number == 0 or event["source"] != "profile":
                some = True
                yield play, event
        number += 1


def topic_of(source: str, prefix: str = "") -> str:
    """The topic on which a source's events arrive.

    >>> topic_of("pos"), topic_of("command"), topic_of("reference", "eu.")
    ('events.pos', 'commands', 'eu.reference')
    """
    if source not in SOURCES:
        raise NoEvents(f"source: must be one of {', '.join(SOURCES)}; got {source!r}")
    return prefix + {"command": "commands", "reference": "reference"}.get(
        source, f"events.{source}"
    )
