"""What a history says about identifiers, in columns: all that an ID-stitcher looks at.

In: the files of a history. Out: events in the order in which they became known, decoded by our own
decode (so that emails compare and blocked values are gone for everybody alike), and the same as
arrays: which identifiers stand on which event. Duplicates are events like others.
"""

from array import array
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.decode_records import decode_all
from pipelines.history import History, HistoryFile
from pipelines.sources.file_stamps import FileStamps
from pipelines.sources.records import open_records
from schemas.events import Event
from schemas.payloads import Merge, Order, Return, Sale
from sinks.archive import begins_at
from transforms.decode import Decoder
from transforms.stitch.guests import spend

MEMBER = "member_id"


def events_of(history: History, config: Path) -> Iterator[tuple[int, Event]]:
    """Every event of a history with its known_at, ms UTC, in that order; what is refused is not
    among them."""
    deployment = read_configuration(config)
    decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
    files = [_events(one, history.bound_at, decoder) for one in history.files]
    return merge(*files, key=itemgetter(0))


def _events(one: HistoryFile, bound_at: int, decoder: Decoder) -> Iterator[tuple[int, Event]]:
    path = Path(one.file.path)
    first_at = begins_at(path)
    stamps = FileStamps(
        one.file.name,
        decoder.received_at,
        bound_at,
        known_at=max(one.floor, first_at),
        latest=first_at,
    )
    records = open_records(path, size=one.file.size)
    while raw := records.read():
        events, _ = decode_all(decoder, stamps.stamped(raw, records.count - len(raw)))
        yield from events


class Observed(NamedTuple):
    """Events by number, and the identifiers on them by number: `of[n]` stands on event `on[n]`."""

    sources: list[str]
    event_ids: list[str]
    types: list[str]
    money: Any
    """Minor units that the event moves, without sign."""
    identifiers: list[str]
    on: Any
    of: Any
    """Weakest first within an event."""
    members: list[str]
    """Member ids by number."""
    is_member: Any
    """Of each identifier: the number of the member whom it names; -1: it is no member id."""
    named: Any
    """Of each event: the member whom it names, -1: none."""
    receipt_event: Any
    """Of each event: the sale or order that it is about, as an event; -1: none, or itself."""
    merges: list[tuple[str, str]]
    """(loser, winner) of each `account_merged`."""


class Collector:
    """Takes events one by one and becomes `Observed`."""

    def __init__(self, ranks: dict[str, int]) -> None:
        """`ranks`: the height of each namespace that counts; member_id is the highest."""
        self._ranks = ranks
        self._numbers: dict[str, int] = {}
        self._member_of: array[int] = array("i")
        self._members: list[str] = []
        self._on: array[int] = array("i")
        self._of: array[int] = array("i")
        self._sources: list[str] = []
        self._event_ids: list[str] = []
        self._types: list[str] = []
        self._money: array[int] = array("q")
        self._named: array[int] = array("i")
        self._receipts: dict[str, int] = {}
        self._receipt_of: list[str] = []
        self._merges: list[tuple[str, str]] = []

    def add(self, event: Event) -> None:
        """The next event."""
        number = len(self._types)
        self._sources.append(event.source)
        self._event_ids.append(event.event_id)
        self._types.append(event.type)
        self._money.append(abs(spend(event)))
        ranked = []
        for identifier in event.identifiers:
            rank = self._ranks.get(identifier[: identifier.index(":")])
            if rank is not None:
                ranked.append((rank, identifier))
        ranked.sort()
        named = -1
        for _, identifier in ranked:
            of = self._number(identifier)
            self._on.append(number)
            self._of.append(of)
            named = self._member_of[of]
        self._named.append(named)
        self._receipt_of.append(self._receipt(event, number))
        if isinstance(event.payload, Merge):
            self._merges.append((event.payload.loser, event.payload.winner))

    def done(self) -> Observed:
        """All of it."""
        receipts = self._receipts
        return Observed(
            sources=self._sources,
            event_ids=self._event_ids,
            types=self._types,
            money=np.array(self._money, dtype=np.int64),
            identifiers=list(self._numbers),
            on=np.array(self._on, dtype=np.int64),
            of=np.array(self._of, dtype=np.int64),
            members=self._members,
            is_member=np.array(self._member_of, dtype=np.int64),
            named=np.array(self._named, dtype=np.int64),
            receipt_event=np.array(
                [receipts.get(each, -1) if each else -1 for each in self._receipt_of],
                dtype=np.int64,
            ),
            merges=self._merges,
        )

    def _number(self, identifier: str) -> int:
        number = self._numbers.get(identifier)
        if number is None:
            number = self._numbers[identifier] = len(self._numbers)
            namespace, _, value = identifier.partition(":")
            self._member_of.append(len(self._members) if namespace == MEMBER else -1)
            if namespace == MEMBER:
                self._members.append(value)
        return number

    def _receipt(self, event: Event, number: int) -> str:
        """What a return or a later step of an order refers to; a sale or order is noted."""
        payload = event.payload
        if isinstance(payload, Sale):
            self._receipts.setdefault(payload.transaction_id, number)
            return payload.order_id or ""
        if isinstance(payload, Order):
            if event.type == "order_placed":
                self._receipts.setdefault(payload.order_id, number)
                return ""
            return payload.order_id
        if isinstance(payload, Return):
            return payload.transaction_id or ""
        return ""
