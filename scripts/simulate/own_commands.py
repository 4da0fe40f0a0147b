"""A history without the commands that its own flow gave.

In: the files of a history and the ids of those commands. Out: the same history with other files in
place of those that hold one of them, and the commands as events, as they were received. Nobody
else's command is touched: what staff ordered is a fact.
"""

from collections.abc import Set
from pathlib import Path
from typing import Any

import msgspec

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.history import History, HistoryFile
from pipelines.sources.file_stamps import FileStamps
from pipelines.sources.records import Archived, open_records
from schemas.codec import ArchiveBatch
from schemas.events import Event
from sinks.archive import ArchiveLane, begins_at, lane_files
from transforms.decode import Decoder

COMMAND = "command"
MAYBE = (b'"transfer"', b'"unlink"')
"""A file of lines without any of these holds none of ours."""

Recorded = dict[str, dict[str, Any]]
"""Commands by id, as events that a source reads."""


def taken_out(history: History, ids: Set[str], folder: Path) -> tuple[History, Recorded]:
    """The history without commands of these ids; new files are put under `folder`."""
    if not ids:
        return history, {}
    recorded: Recorded = {}
    files = []
    for number, one in enumerate(history.files):
        path = Path(one.file.path)
        place = folder / str(number) / path.name
        split = _split_archive if path.suffix == ".avro" else _split_lines
        kept = split(one, ids, place, recorded)
        if kept is None:
            files.append(one)
        elif kept:
            file = msgspec.structs.replace(one.file, path=str(place), size=place.stat().st_size)
            files.append(msgspec.structs.replace(one, file=file))
    return msgspec.structs.replace(history, files=files), recorded


def _split_lines(one: HistoryFile, ids: Set[str], place: Path, recorded: Recorded) -> int | None:
    """Write what is left of a file; how many lines that is. None: all of it, nothing is written."""
    data = Path(one.file.path).read_bytes()
    if not any(word in data for word in MAYBE):
        return None
    kept = []
    found = False
    for line in data.splitlines(keepends=True):
        event = _command(line)
        if event is not None and event["event_id"] in ids:
            recorded[event["event_id"]] = event
            found = True
        else:
            kept.append(line)
    if not found:
        return None
    if kept:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"".join(kept))
    return len(kept)


def _command(line: bytes) -> dict[str, Any] | None:
    if not any(word in line for word in MAYBE):
        return None
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    ours = isinstance(event, dict) and event.get("source") == COMMAND and "event_id" in event
    return event if ours else None


def _split_archive(one: HistoryFile, ids: Set[str], place: Path, recorded: Recorded) -> int | None:
    """The same for a file of the archive."""
    events: list[tuple[int, Event]] = []
    found = False
    records = open_records(Path(one.file.path), size=one.file.size)
    while batch := records.read():
        for record in batch:
            if type(record) is not Archived:
                return None
            event = record.event
            if event.source == COMMAND and event.event_id in ids:
                recorded[event.event_id] = _as_sent(event)
                found = True
            else:
                events.append(record)
    if not found:
        return None
    if events:
        lane = ArchiveLane(place.parent, None, roll_bytes=1 << 62, roll_ms=1 << 62)
        lane.write_batch([ArchiveBatch(events)])
        lane.snapshot()
        lane.close()
        (written,) = lane_files(place.parent).values()
        written.rename(place)
    return len(events)


def _as_sent(event: Event) -> dict[str, Any]:
    """An archived command as its sender wrote it, and when it was received."""
    identifiers = dict(each.split(":", 1) for each in event.identifiers)
    payload = msgspec.to_builtins(event.payload)
    payload.pop("kind", None)
    return {
        "event_id": event.event_id,
        "type": event.type,
        "source": event.source,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "market": event.market,
        "identifiers": identifiers,
        "payload": payload,
    }


def ends_of(history: History, config: Path) -> list[int]:
    """When each generation of a history ended, ms UTC, in order: commands that were given in one
    are read after it. `config` says how to read times."""
    ends = {one.floor for one in history.files if one.floor}
    if history.ends_at is not None:
        return sorted({*ends, history.ends_at + 1})
    deployment = read_configuration(config)
    decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
    last = max(_greatest(one, history.bound_at, decoder) for one in history.files)
    return sorted({*ends, last + 1})


def _greatest(one: HistoryFile, bound_at: int, decoder: Decoder) -> int:
    """The last known_at of a file."""
    path = Path(one.file.path)
    first_at = begins_at(path)
    known_at = max(one.floor, first_at)
    stamps = FileStamps(
        one.file.name, decoder.received_at, bound_at, known_at=known_at, latest=first_at
    )
    records = open_records(path, size=one.file.size)
    while batch := records.read():
        stamps.stamped(batch, records.count - len(batch))
    return stamps.known_at
