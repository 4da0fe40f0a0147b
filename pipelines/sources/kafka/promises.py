"""The journal of promises: wall-clock time as part of a Kafka partition's input.

A promise (offset, time) says that the record at `offset`, and all after it, are known no
earlier than `time`. It is written before anything relies on it and replayed on resume, so that
every life of a lane stamps a record alike. One file a partition; it also says which log it is
about (the topic's id) and, by its first promise, where reading began.

It survives the death of the process; nothing is claimed about power cuts.
"""

import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import xxhash

from pipelines.sources.kafka.lost import log_lost

_TOPIC_ID = struct.Struct("<32s")
_PROMISE = struct.Struct("<qq")
_CHECKED = struct.Struct("<qqQ")
PRUNE_PROMISES = 4_096
"""A journal shorter than this isn't worth writing anew."""


class PromisesDamaged(Exception):
    """A journal without which records can't be stamped as they were."""


def path_of(folder: Path, partition: str) -> Path:
    """Where the journal of a partition, `topic:number`, is."""
    topic, _, number = partition.rpartition(":")
    return folder / f"{topic}-{number}"


def open_all(
    folder: Path, mine: Callable[[str], bool], needed: Iterable[str]
) -> "dict[str, Promises]":
    """The journals of all partitions of a lane; LogLost if a needed one isn't there."""
    found = {}
    for path in sorted(folder.iterdir()):
        topic, _, number = path.name.rpartition("-")
        partition = f"{topic}:{number}"
        if number.isdigit() and mine(partition):
            found[partition] = Promises(path)
    for partition in needed:
        if partition not in found:
            raise log_lost(
                partition,
                f"must have its journal of promises, {path_of(folder, partition)}",
                "no such file",
            )
    return found


class Promises:
    """The promises of one partition, in order of offset, of which each has one."""

    def __init__(self, path: Path) -> None:
        """Open a journal that `create` wrote. An append that a crash cut off never counted."""
        self._path = path
        content = path.read_bytes()
        body = content[_TOPIC_ID.size :]
        self.topic_id = content[: _TOPIC_ID.size].rstrip(b"\0").decode(errors="replace")
        self._all = [
            self._checked(body[at : at + _CHECKED.size])
            for at in range(0, len(body) - len(body) % _CHECKED.size, _CHECKED.size)
        ]
        if not self._all:
            raise self._damaged("an empty one")
        self._open()

    @staticmethod
    def create(path: Path, topic_id: str, offset: int, known_at: int) -> None:
        """Begin to read a partition at `offset`, where nothing is known before `known_at`."""
        _write_aside(path, topic_id, [(offset, known_at)])

    @property
    def begins_at(self) -> int:
        """The least offset that anything is known about."""
        return self._all[0][0]

    @property
    def reaches_to(self) -> int:
        """The log was once at least this long."""
        return self._all[-1][0]

    def after(self, offset: int) -> list[tuple[int, int]]:
        """Promises (offset, time) of that offset and later ones, in order."""
        return [promise for promise in self._all if promise[0] >= offset]

    def add(self, offset: int, known_at: int) -> None:
        """Write down a promise; a later one of the same offset takes the former's place."""
        last = self._all[-1][0]
        assert offset >= last, f"{self._path}: promised {last} before {offset}"
        if offset == last:
            self._all[-1] = offset, known_at
        else:
            self._all.append((offset, known_at))
        place = _TOPIC_ID.size + (len(self._all) - 1) * _CHECKED.size
        os.pwrite(self._file, _check(offset, known_at), place)

    def prune(self, offset: int) -> None:
        """Forget promises of offsets below `offset`, from which no resume will ever begin again."""
        if len(self._all) < PRUNE_PROMISES:
            return
        kept = self.after(offset) or self._all[-1:]
        if len(kept) > len(self._all) // 2:
            return
        self._all = kept
        _write_aside(self._path, self.topic_id, kept)
        self.close()
        self._open()

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR)
        os.ftruncate(self._file, _TOPIC_ID.size + len(self._all) * _CHECKED.size)

    def _checked(self, data: bytes) -> tuple[int, int]:
        offset, known_at, check = _CHECKED.unpack(data)
        if check != xxhash.xxh3_64_intdigest(data[: _PROMISE.size]):
            raise self._damaged("other bytes")
        return offset, known_at

    def _damaged(self, got: str) -> PromisesDamaged:
        return PromisesDamaged(
            f"{self._path}: must be the journal as it was written; got {got}; bring it back, or "
            "start with a fresh --output"
        )


def _check(offset: int, known_at: int) -> bytes:
    data = _PROMISE.pack(offset, known_at)
    return _CHECKED.pack(offset, known_at, xxhash.xxh3_64_intdigest(data))


def _write_aside(path: Path, topic_id: str, promises: list[tuple[int, int]]) -> None:
    """Moved into place, so that a crash leaves the old or the new one."""
    aside = path.with_name(path.name + ".new")
    aside.write_bytes(
        _TOPIC_ID.pack(topic_id.encode()) + b"".join(_check(*promise) for promise in promises)
    )
    aside.replace(path)
