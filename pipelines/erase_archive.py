"""An archive without those who are erased: each event of theirs is a husk.

In: lanes that nobody writes, and what is left of an event. Out: the same files, record by record,
under the same names; and where each lane ends now, for whoever goes on writing it. A file that
names nobody isn't touched; done again nothing changes.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from pipelines.processes import RunRefused
from pipelines.sources.records import Archived, open_records
from schemas.events import Event
from sinks.archive import BLOCK_BYTES, ArchivePosition, container_header, lane_files, sync_marker
from sinks.avro_encoding import EventEncoder, encode_block
from sinks.position import sync_directory

ASIDE: Final = ".erasing"


def erase_in_archive(
    folder: Path, positions: dict[str, ArchivePosition], husk: Callable[[Event], Event]
) -> dict[str, ArchivePosition]:
    """`positions`: of each lane, how much of it counts; what is beyond comes again and is dropped
    where a file is rewritten. Raises RunRefused where a file is damaged."""
    ends: dict[str, ArchivePosition] = {}
    for lane in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not lane.is_dir():
            continue
        at = positions.get(lane.name)
        for number, path in lane_files(lane).items():
            if at is not None and number > at.number:
                path.unlink()
                continue
            last = at is not None and number == at.number
            size, event_bytes = _rewrite(path, at.length if last and at else None, husk)
            if last and at is not None:
                ends[lane.name] = msgspec.structs.replace(at, length=size, event_bytes=event_bytes)
    return ends


def _rewrite(path: Path, length: int | None, husk: Callable[[Event], Event]) -> tuple[int, int]:
    """A file's length and its events' bytes afterwards."""
    encode = EventEncoder().encode
    aside = path.with_name(path.name + ASIDE)
    records = open_records(path, size=length)
    marker, event_bytes, changed = sync_marker(path), 0, False
    block: list[bytes] = []
    held = 0
    with aside.open("wb") as file:
        file.write(container_header(path))
        while batch := records.read():
            for record in batch:
                if not isinstance(record, Archived):
                    raise RunRefused(
                        f"{path}: must be readable to the end, so that everything of the erased "
                        "is found; it is damaged; bring back a copy, and run it again"
                    )
                event = husk(record.event)
                changed |= event is not record.event
                encoded = encode(record.known_at, event)
                event_bytes += len(encoded)
                held += len(encoded)
                block.append(encoded)
                if held >= BLOCK_BYTES:
                    file.write(encode_block(block, marker))
                    block.clear()
                    held = 0
        if block:
            file.write(encode_block(block, marker))
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
    if changed:
        aside.replace(path)
        sync_directory(path.parent)
        return size, event_bytes
    aside.unlink()
    return path.stat().st_size if length is None else length, event_bytes
