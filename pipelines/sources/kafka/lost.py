"""What a lane can't go on from. Everything else, such as a broker that is away, it waits for.

What a broker says right after its start may be old, so some of it must be said several times.
"""

from collections.abc import Iterable, Mapping

MISSING_MAX = 4
"""A topic that is unknown this often, a tick apart, isn't there."""
SHORTER_MAX = 3
"""Likewise a log that ends before what was read."""


class LogLost(Exception):
    """A log is not the one that was read before: shorter, expired, or another of its name."""


class TopicsMissing(Exception):
    """An input topic that was never created."""


def log_lost(partition: str, must: str, got: str) -> LogLost:
    """Where it is, what must be, what was found, and what to do."""
    return LogLost(
        f"{partition}: {must}; got {got}; what this output was made from can't be read on: start "
        "with a fresh --output, over the archive if what it knew must be kept"
    )


def topics_missing(names: list[str]) -> TopicsMissing:
    return TopicsMissing(
        f"{', '.join(names)}: must exist before a run; got no such topic; run: kizuna topics apply"
    )


class Doubts:
    """What the broker said that can't be, and how often in a row."""

    def __init__(self) -> None:
        self._missing: dict[str, int] = {}
        self._shorter: dict[str, int] = {}

    def end(self, partition: str, end: int, reached: int) -> None:
        """A log ends at `end`. Raises LogLost if it once reached further, and it said so again."""
        if end >= reached:
            self._shorter.pop(partition, None)
            return
        self._shorter[partition] = self._shorter.get(partition, 0) + 1
        if self._shorter[partition] >= SHORTER_MAX:
            raise log_lost(partition, f"must reach to offset {reached}", f"one that ends at {end}")

    def unknown(
        self, topics: Mapping[str, str], unknown: Iterable[str], read: Iterable[str]
    ) -> None:
        """Some of `topics` are not known; `read` are the partitions that were read before.

        Raises TopicsMissing, or LogLost if one of them was read.
        """
        gone = set(unknown)
        self._missing = {name: self._missing.get(name, 0) + 1 for name in topics if name in gone}
        missing = [name for name, times in self._missing.items() if times >= MISSING_MAX]
        for partition in read:
            if any(topics[name] == partition.rpartition(":")[0] for name in missing):
                raise log_lost(partition, "must be there", "no such topic: it was deleted")
        if missing:
            raise topics_missing(missing)


def refuse_other_topic(partition: str, adopted: str, found: str) -> None:
    """A topic that was created again goes on under its name, without an error of the client."""
    if found != adopted:
        raise log_lost(
            partition,
            f"must be of the topic with id {adopted}",
            f"one with id {found}: it was deleted and created again",
        )
