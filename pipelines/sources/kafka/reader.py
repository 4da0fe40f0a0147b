"""One lane's consumer, in turns that never wait: ask, read, verify, emit.

A turn begins at each tick of the wall clock, or at once while there is more to read:

1. **ask** where the logs end now, after looking at the clock;
2. **read** up to there, or a batch;
3. **verify**, if anything was read, that the topics are still the ones that were adopted (a topic
   that was deleted and created again goes on under its name without an error). Nothing more is
   read until the broker has answered, so what is emitted is known to be of those logs;
4. **emit**: promise the time of 1 for what was read to its end, then give what the lane's
   watermark has passed, once other lanes and the flow are near enough.

While the broker is away there is no answer, so no promise; the lane asks again at each tick.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum, auto
from pathlib import Path

from bytewax.inputs import StatefulSourcePartition
from confluent_kafka import Consumer, KafkaError, TopicPartition

from pipelines import metrics
from pipelines.health import HEALTH
from pipelines.logs import Log
from pipelines.sources.alignment import Ahead, Alignment
from pipelines.sources.kafka.fetching import Fetching
from pipelines.sources.kafka.lane import Lane, LanePosition
from pipelines.sources.kafka.lost import Doubts, log_lost, refuse_other_topic
from pipelines.sources.kafka.promises import Promises, open_all, path_of
from pipelines.sources.kafka.stamped import Place
from pipelines.sources.kafka.watching import Asked, Watching
from pipelines.sources.kafka.wire import Wire
from pipelines.sources.raw import RawBatch, Record

REFRESH_SECONDS = 3.0
"""How often new partitions are looked for while nothing is read."""
READ_SECONDS = 0.05
"""How long a turn waits for records that the broker has and didn't send yet."""
SOON = timedelta(milliseconds=2)
PAUSE = timedelta(milliseconds=5)
SNAPSHOTS_KEPT = 256
"""A resume never goes back further: epochs end one at a time."""


class Phase(Enum):
    WAITING = auto()
    ASKED = auto()
    READING = auto()
    VERIFYING = auto()
    ADOPTING = auto()
    EMITTING = auto()


class LaneReader(StatefulSourcePartition[RawBatch, LanePosition]):
    """A lane as Bytewax sees it."""

    def __init__(
        self,
        lane: Lane,
        resume: LanePosition,
        *,
        consumer: Consumer,
        watching: Watching,
        wire: Wire,
        topics: Mapping[str, str],
        mine: Callable[[str], bool],
        promises: Path,
        alignment: Alignment,
        received_at: Callable[[Record], int | None],
        stopping: Callable[[], bool],
        tick_ms: int,
        sleep_ms: int,
        batch_records: int,
    ) -> None:
        """`topics`: what each is called here, by what the broker calls it; `mine`: whether a
        partition, `topic:number`, belongs to the lane; `sleep_ms`: the longest it may sleep."""
        self._lane = lane
        self._watching = watching
        self._topics = topics
        self._mine = mine
        self._folder = promises
        self._alignment = alignment
        self._stopping = stopping
        self._tick_ms = tick_ms
        self._sleep = timedelta(milliseconds=sleep_ms)
        self._batch_records = batch_records

        self._log = Log("read")
        self._ahead = Ahead()
        self._journals = open_all(promises, mine, resume.partitions)
        lane.resume(resume, {name: (j, j.begins_at) for name, j in self._journals.items()})
        self._parts: dict[str, TopicPartition] = {}
        self._fetching = Fetching(
            lane,
            consumer,
            wire,
            topics=topics,
            parts=self._parts,
            received_at=received_at,
            batch_records=batch_records,
            trouble=self._note_trouble,
        )
        self._doubts = Doubts()
        self._prune_at: deque[dict[str, int]] = deque()
        self._snapshots = 0
        self._troubled = False
        self._assigned = False

        HEALTH.assigned(lane.name, None)
        self._phase = Phase.WAITING
        self._asked = Asked(0, {})
        self._asked_at = 0
        self._ends: dict[str, int] = {}
        self._new: dict[str, str] = {}
        self._read_count = 0
        self._read_until = 0.0
        self._verified_at = -REFRESH_SECONDS
        self._turn_at = 0
        self._awake_at: datetime | None = None
        self._publish()

    # Bytewax

    def next_batch(self) -> list[RawBatch]:
        HEALTH.ticked()
        if self._stopping():
            raise StopIteration
        self._awake_at = None
        steps = {
            Phase.WAITING: self._wait,
            Phase.ASKED: self._hear_ends,
            Phase.READING: self._read,
            Phase.VERIFYING: self._verify,
            Phase.ADOPTING: self._adopt_new,
        }
        # Each phase comes once in a turn, so that this ends.
        for _ in Phase:
            if self._phase is Phase.EMITTING:
                return self._emit()
            before = self._phase
            steps[before]()
            if self._phase is before:
                break
        return []

    def next_awake(self) -> datetime | None:
        return self._awake_at

    def snapshot(self) -> LanePosition:
        position = self._lane.position()
        self._fetching.commit(position)
        self._snapshots += 1
        if self._snapshots % SNAPSHOTS_KEPT == 0:
            self._prune_at.append({name: at.offset for name, at in position.partitions.items()})
            if len(self._prune_at) > 1:
                for name, offset in self._prune_at.popleft().items():
                    self._journals[name].prune(offset)
        return position

    def close(self) -> None:
        self._fetching.close()
        for journal in self._journals.values():
            journal.close()

    # A turn

    def _wait(self) -> None:
        """Until the next tick; ticks are at the same moments for all lanes."""
        now = _now()
        if now < self._turn_at <= now + self._tick_ms:
            self._awake_at = min(_moment(self._turn_at), _moment(now) + self._sleep)
            return
        self._turn_at = (now // self._tick_ms + 1) * self._tick_ms
        self._read_count = 0
        self._asked_at = now
        if self._assigned:
            self._asked = self._watching.ends(now, self._parts)
            self._phase = Phase.ASKED
        else:
            self._ask_topics()

    def _hear_ends(self) -> None:
        if not self._asked.done():
            self._awake_at = _soon(SOON)
            return
        found, failed = self._asked.answers()
        self._ends = {name: answer.offset for name, answer in found.items()}
        self._note_trouble(failed)
        for name, end in self._ends.items():
            reached = max(self._lane.partitions[name].next, self._journals[name].reaches_to)
            self._doubts.end(name, end, reached)
        self._read_until = time.monotonic() + READ_SECONDS
        self._phase = Phase.READING

    def _read(self) -> None:
        """Up to the ends, or a batch, or what comes within READ_SECONDS."""
        came = self._fetching.take_in()
        self._read_count += came
        self._fetching.pause_or_resume()
        partitions = self._lane.partitions
        waits = not self._fetching.is_stalled and any(
            partitions[name].next < end and name not in self._fetching.paused
            for name, end in self._ends.items()
        )
        waits = waits and self._read_count < self._batch_records
        if waits and time.monotonic() < self._read_until:
            self._awake_at = None if came else _soon(SOON)
            return
        if self._read_count or time.monotonic() - self._verified_at > REFRESH_SECONDS:
            self._ask_topics()
        else:
            self._phase = Phase.EMITTING

    def _ask_topics(self) -> None:
        self._asked = self._watching.topics(_now(), list(self._topics))
        self._phase = Phase.VERIFYING

    def _verify(self) -> None:
        """The topics are the ones that were adopted, and these are all of their partitions."""
        if not self._asked.done():
            self._awake_at = _soon(SOON)
            return
        found, failed = self._asked.answers()
        self._note_trouble(failed)
        unknown = KafkaError.UNKNOWN_TOPIC_OR_PART
        self._doubts.unknown(
            self._topics,
            (name for name, error in failed.items() if error.code() == unknown),
            self._journals,
        )
        if failed:
            self._phase = Phase.WAITING
            return
        self._new = {}
        for broker_name, described in found.items():
            topic, topic_id = self._topics[broker_name], str(described.topic_id)
            names = {f"{topic}:{part.id}": part.id for part in described.partitions}
            for name, number in names.items():
                if not self._mine(name):
                    continue
                if name not in self._parts:
                    self._parts[name] = TopicPartition(broker_name, number)
                if name not in self._journals:
                    self._new[name] = topic_id
                else:
                    refuse_other_topic(name, self._journals[name].topic_id, topic_id)
            for name in self._journals:
                if name.rpartition(":")[0] == topic and name not in names:
                    raise log_lost(name, "must be a partition of its topic", "none of that number")
        self._verified_at = time.monotonic()
        if self._new:
            self._asked = self._watching.begins(
                _now(), {name: self._parts[name] for name in self._new}
            )
            self._phase = Phase.ADOPTING
        else:
            self._begin_to_read()

    def _adopt_new(self) -> None:
        """New partitions are read from their beginnings; their time begins at the lane's."""
        if not self._asked.done():
            self._awake_at = _soon(SOON)
            return
        found, failed = self._asked.answers()
        if failed:
            self._note_trouble(failed)
            for name in self._new:
                self._parts.pop(name, None)
            self._phase = Phase.WAITING
            return
        for name, answer in sorted(found.items()):
            path = path_of(self._folder, name)
            Promises.create(path, self._new[name], answer.offset, self._lane.mark_at)
            self._journals[name] = journal = Promises(path)
            self._lane.adopt(name, Place(offset=answer.offset, known_at=0), journal)
            self._fetching.assign([name])
        self._begin_to_read()

    def _begin_to_read(self) -> None:
        HEALTH.assigned(self._lane.name, len(self._lane.partitions))
        if self._assigned:
            self._phase = Phase.EMITTING
            return
        old = [name for name in self._lane.partitions if name not in self._new]
        self._fetching.assign(old)
        self._assigned = True
        self._turn_at = 0
        self._phase = Phase.WAITING

    def _emit(self) -> list[RawBatch]:
        """What may be emitted; the phase ends when that was all."""
        reached = self._lane.confirm(self._asked_at, self._ends)
        self._show_lag()
        for name in reached:
            del self._ends[name]
        if not self._parts:
            self._lane.alone(self._asked_at)
        slowest, finished = self._alignment.slowest(), self._alignment.finished()
        if not self._ahead.may_read(self._lane.mark_at, slowest, finished):
            self._awake_at = _soon(PAUSE)
            return []
        batch = self._lane.take()
        if batch is None or len(batch.records) < self._batch_records:
            self._phase = Phase.WAITING
            if self._read_count and self._ends and not self._fetching.is_stalled:
                self._turn_at = 0
        if batch is None:
            return []
        self._ahead.add(batch.mark_at, len(batch.records))
        self._publish()
        return [batch]

    # What is said

    def _note_trouble(self, failed: Mapping[str, KafkaError]) -> None:
        """Said once when it begins, and once when it is over; it ends no run."""
        if failed and not self._troubled:
            name, error = next(iter(failed.items()))
            self._log.warning(
                "broker_trouble", lane=self._lane.name, partition=name, error=error.str()
            )
        elif not failed and self._troubled:
            self._log.info("broker_answers_again", lane=self._lane.name)
        self._troubled = bool(failed)

    def _show_lag(self) -> None:
        for name, end in self._ends.items():
            topic, _, number = name.rpartition(":")
            part = self._lane.partitions[name]
            metrics.CONSUMER_LAG.labels(topic, number).set(max(0, end - part.next))
            metrics.EVENT_TIME_LAG.reached(topic, number, part.known_at)

    def _publish(self) -> None:
        lane = self._lane
        self._alignment.publish(
            lane.name, lane.mark_at, self._fetching.records, self._fetching.bytes
        )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, timezone.utc)


def _soon(pause: timedelta) -> datetime:
    return datetime.now(timezone.utc) + pause
