"""The loop's own files without those who are erased: their commands become husks.

In: `OUT/commands` of an output at rest, and a decoder that knows the tombstones. Out: the same
files, command by command, in which those of the erased name orphans and say nothing, sealed records
of repairs included; and the journal's fingerprints of the files as they are now.
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.command_files import COMMANDS, files_of
from pipelines.sources import journal as journals
from schemas.events import Event
from schemas.payloads import Repair
from schemas.refusals import Quarantined
from sinks.position import sync_directory
from transforms.decode import Decoder

NOTHING: Final = b"{}"
"""What is left of a record that was refused and is refused again."""


def erase_in_commands(
    output: Path, decoder: Decoder, seal: Callable[[bytes], bytes]
) -> list[journals.InputFile]:
    """The files as they are afterwards."""
    for path in files_of(output / COMMANDS):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [_left_of(line, decoder, seal) for line in lines]
        if kept != lines:
            aside = path.with_name(path.name + ".erasing")
            with aside.open("wb") as file:
                file.writelines(kept)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
            sync_directory(path.parent)
    folder = output / COMMANDS
    return journals.find_inputs([folder]) if folder.is_dir() else []


def note_files(journal: journals.Journal, files: list[journals.InputFile]) -> None:
    """The journal knows the rewritten files as those that were read."""
    found = {file.name: file for file in files}
    for generation in journal.generations:
        if generation.commands:
            generation.files = [found.get(file.name, file) for file in generation.files]


def _left_of(line: bytes, decoder: Decoder, seal: Callable[[bytes], bytes]) -> bytes:
    """A command as it stays; the line itself if nobody in it was erased."""
    husks = decoder.husks
    event = _decoded(line, decoder)
    if husks is None or not isinstance(event, Event):
        return line
    left = husks.husk(event)
    sent = msgspec.json.decode(line, type=dict[str, Any])
    if isinstance(event.payload, Repair):
        brought = _left_of_record(event.payload, decoder)
        if brought is None and left is event:
            return line
        payload = msgspec.to_builtins(event.payload)
        if brought is not None:
            payload["sealed"] = base64.urlsafe_b64encode(seal(brought)).decode()
    elif left is event:
        return line
    else:
        payload = msgspec.to_builtins(left.payload)
    payload.pop("kind", None)
    return msgspec.json.encode(as_sent(sent, left) | {"payload": payload}) + b"\n"


def _left_of_record(repair: Repair, decoder: Decoder) -> bytes | None:
    """What stays of a record that a repair brings; None: all of it."""
    assert decoder.husks is not None
    try:
        raw = decoder.unseal(base64.urlsafe_b64decode(repair.sealed))
    except ValueError:
        return None
    event = _decoded(raw, decoder, repair.quarantined_at)
    if isinstance(event, Event):
        left = decoder.husks.husk(event)
        if left is event:
            return None
        payload = msgspec.to_builtins(left.payload)
        payload.pop("kind", None)
        sent = msgspec.json.decode(raw, type=dict[str, Any])
        return msgspec.json.encode(as_sent(sent, left) | {"payload": payload})
    return NOTHING if decoder.husks.names_erased(raw) else None


def as_sent(sent: dict[str, Any], left: Event) -> dict[str, Any]:
    """An envelope with what is left in it."""
    identifiers: dict[str, list[str]] = {}
    for one in left.identifiers:
        namespace, _, value = one.partition(":")
        identifiers.setdefault(namespace, []).append(value)
    return {**sent, "event_id": left.event_id, "identifiers": identifiers, "context": left.context}


def _decoded(raw: bytes, decoder: Decoder, known_at: int = 0) -> Event | Quarantined:
    return decoder.decode(
        raw, partition="", offset=0, known_at=known_at, received_default=known_at or None
    )
