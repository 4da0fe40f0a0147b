"""Events in what a run read: its files as its journal names them, and its archive.

In: the output of a run, and the ids of events or an identifier. Out: decoded, pseudonymised events.
Promised: nothing is read beyond `limit_bytes`, files that are gone are named, and people who were
erased stay so.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from config.deployment import Deployment
from config.secret_keys import decode_settings
from pipelines.sources import journal as journals
from pipelines.sources.records import Archived, open_records
from pipelines.tombstones import erased_of, tombstones
from schemas.events import Event
from transforms.decode import Decoder

LIMIT_BYTES: Final = 256 << 20
"""What is read without being asked for: some seconds."""
HIDDEN: Final = frozenset(("email", "phone", "login"))
"""Namespaces whose values may stand otherwise in a record than in the warehouse."""

Keep = Callable[[Event], bool]


class Found(msgspec.Struct, kw_only=True):
    """`missing`: why not all that was read could be searched; empty: it could."""

    events: list[Event]
    missing: str = ""


class SourceEvents:
    """What the run of an output read."""

    def __init__(self, output: Path, deployment: Deployment, limit_bytes: int) -> None:
        self._output = output
        self._limit_bytes = limit_bytes
        settings = decode_settings(deployment.settings, deployment.secrets)
        self._decoder = Decoder(settings, tombstones(erased_of(output), deployment.secrets))
        self._paths = [path for path in _paths(output)]

    def named(self, wanted: Collection[tuple[str, str]]) -> Found:
        """The events with these (source, event_id)."""
        ids = [event_id.encode() for _, event_id in wanted]
        left = set(wanted)

        def keep(event: Event) -> bool:
            taken = event.key in left
            left.discard(event.key)
            return taken

        return self._search(lambda line: any(one in line for one in ids), keep, lambda: not left)

    def carrying(self, identifier: str) -> Found:
        """All events that carry an identifier, by when they happened."""
        namespace, _, value = identifier.partition(":")
        text = value.encode()
        maybe = (lambda _: True) if namespace in HIDDEN else (lambda line: text in line)
        seen: set[tuple[str, str]] = set()

        def keep(event: Event) -> bool:
            taken = identifier in event.identifiers and event.key not in seen
            seen.add(event.key)
            return taken

        found = self._search(maybe, keep, lambda: False)
        found.events.sort(key=lambda event: event.occurred_at)
        return found

    def _search(
        self, maybe: Callable[[bytes], bool], keep: Keep, done: Callable[[], bool]
    ) -> Found:
        there = [path for path in self._paths if path.is_file()]
        size = sum(path.stat().st_size for path in there)
        if size > self._limit_bytes:
            megabytes = size >> 20
            return Found(events=[], missing=f"what was read has {megabytes:,} MB: add --read-all")
        gone = len(self._paths) - len(there)
        missing = f"{gone} of {len(self._paths)} files that were read are gone" if gone else ""
        if not self._paths:
            missing = "what was read isn't in files here, and there is no archive"
        found = Found(events=[], missing=missing)
        for path in there:
            for event in self._events(path, maybe):
                if keep(event):
                    found.events.append(event)
            if done():
                break
        return found

    def _events(self, path: Path, maybe: Callable[[bytes], bool]) -> Iterator[Event]:
        records = open_records(path)
        while raw := records.read():
            first = records.count - len(raw)
            for number, record in enumerate(raw, first):
                event = self._event(record, path.name, number, maybe)
                if event is not None:
                    yield event

    def _event(
        self, record: Any, partition: str, offset: int, maybe: Callable[[bytes], bool]
    ) -> Event | None:
        if isinstance(record, Archived):
            return record.event
        if isinstance(record, bytes) and (not maybe(record) or not record.strip()):
            return None
        decoded = self._decoder.decode(record, partition=partition, offset=offset, known_at=0)
        return decoded if isinstance(decoded, Event) else None


def _paths(output: Path) -> Iterator[Path]:
    """The files of all generations, else the archive."""
    journal = journals.load(output / "journal" / "generations.json", 0, 0)
    if journal.generations:
        yield from dict.fromkeys(
            Path(file.path) for one in journal.generations for file in one.files
        )
    else:
        yield from sorted((output / "archive").rglob("*.avro"))
