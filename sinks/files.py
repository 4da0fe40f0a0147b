"""Triggers and refused input as JSON Lines: one file a channel, and one for the quarantine.

What comes in: `(file key, RowBatch)`, the key being a channel or `quarantine`.
What goes out: one JSON object a row, its fields named and ordered as in `schemas`,
times in integer milliseconds UTC, bytes as base64.
Promise: after any crash and resume a file holds every line once. Its position is its
length in bytes; a resume truncates to the snapshot's.

A reader that follows a file live may see a line again after a crash, so it keeps the
last `trigger_id`s; it never sees two different lines with one id.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from schemas.decisions import CHANNELS, Trigger
from schemas.flow import Row
from schemas.refusals import Quarantined
from sinks.parts import own_part
from sinks.position import refuse_if_behind, sync_directory
from sinks.row_batch import RowBatch

QUARANTINE: Final = "quarantine"
_ENCODER: Final = msgspec.json.Encoder()


def output_paths(directory: Path) -> dict[str, Path]:
    """Where each file key is written under an output directory."""
    paths = {channel: directory / "triggers" / f"{channel}.jsonl" for channel in CHANNELS}
    paths[QUARANTINE] = directory / "quarantine.jsonl"
    return paths


def create_files(directory: Path) -> None:
    """Make the files that aren't there yet, so that readers can follow them from the start."""
    for path in output_paths(directory).values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def output_files(directory: Path) -> "JsonLinesSink":
    """The sink of everything that goes to files under an output directory."""
    return JsonLinesSink(output_paths(directory))


def split_for_files(batch: RowBatch) -> list[tuple[str, RowBatch]]:
    """The rows of a batch that belong in files, by file key; order is kept within each."""
    by_class = batch.by_class()
    found: dict[str, list[Row]] = {}
    for trigger in by_class.get(Trigger, ()):
        found.setdefault(trigger.channel, []).append(trigger)  # type: ignore[attr-defined]
    if refused := by_class.get(Quarantined):
        found[QUARANTINE] = refused
    return [(key, RowBatch(rows)) for key, rows in found.items()]


class JsonLinesSink(FixedPartitionedSink[RowBatch, int]):
    """Files by key, each a partition of its own."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(sorted(paths.items()))
        self._index = {key: index for index, key in enumerate(self._paths)}

    def list_parts(self) -> list[str]:
        return list(self._paths)

    def part_fn(self, item_key: str) -> int:
        return own_part(self._index, item_key, "a file key")

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "JsonLinesFile":
        return JsonLinesFile(self._paths[for_part], resume_state)


class JsonLinesFile(StatefulSinkPartition[RowBatch, int]):
    """One file, written to by one worker."""

    def __init__(self, path: Path, resume_at: int | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        size = os.fstat(self._file.fileno()).st_size
        refuse_if_behind(str(path), found=size, needed=resume_at or 0)
        self._file.truncate(resume_at or 0)
        self._file.seek(0, os.SEEK_END)
        self._durable_at: int | None = None
        sync_directory(path.parent)

    def write_batch(self, values: list[RowBatch]) -> None:
        """Hand the lines to the operating system at once: whoever follows the file sees them."""
        for batch in values:
            self._file.write(_ENCODER.encode_lines(batch.rows))
        self._file.flush()

    def snapshot(self) -> int:
        position = self._file.tell()
        if position != self._durable_at:
            os.fsync(self._file.fileno())
            self._durable_at = position
        return position

    def close(self) -> None:
        self._file.close()
