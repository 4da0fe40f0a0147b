"""A lane without a broker: whatever the interleaving, batches and crashes, the same records."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sources.kafka.lane import LANE_BATCHES, PARTITION_RECORDS_MIN, Lane, LanePosition
from pipelines.sources.kafka.promises import Promises
from pipelines.sources.kafka.stamped import Place, Stamped

MINUTE = 60_000


class Kept:
    """Promises in memory, as the file keeps them."""

    def __init__(self, *promises):
        self.all = dict(promises)

    def after(self, offset):
        return sorted((at, time) for at, time in self.all.items() if at >= offset)

    def add(self, offset, known_at):
        self.all[offset] = known_at


def stamped(*promises, offset=0, known_at=0):
    return Stamped("t:0", Place(offset=offset, known_at=known_at), Kept(*promises), 5)


def read(part, *records):
    """(offset, timestamp, received_at) each; what was stamped."""
    for offset, timestamp, received_at in records:
        part.read(offset, timestamp, received_at, b"", 1)
    return [raw[2] for raw, _, _ in part.held]


def test_known_at_is_the_running_maximum_of_received_at():
    assert read(stamped(), (0, 9, 5), (1, 9, 3), (2, 9, 8)) == [5, 5, 8]


def test_kafkas_timestamp_stands_in_for_a_received_at_that_is_not_there():
    assert read(stamped(), (0, 7, None), (1, None, None), (2, 9, None)) == [7, 7, 9]


def test_a_clock_beyond_the_records_time_moves_nothing_and_passes_with_its_bound():
    part = stamped()
    assert read(part, (0, 100, 5), (1, 100, 101 + 5 * MINUTE), (2, 100, 100 + 5 * MINUTE)) == [
        5,
        5,
        100 + 5 * MINUTE,
    ]
    assert [raw[4] for raw, _, _ in part.held] == [100 + 5 * MINUTE] * 3


def test_a_promise_is_in_force_before_the_record_of_its_offset():
    assert read(stamped((1, 50), (3, 60)), *((n, 9, 9) for n in range(4))) == [9, 50, 50, 60]


def test_a_promise_in_a_gap_of_the_log_holds_for_what_follows():
    assert read(stamped((5, 50)), (0, 9, 9), (8, 9, 9)) == [9, 50]


def test_a_promise_is_journalled_at_the_offset_that_is_read_next():
    journal = Kept()
    part = Stamped("t:0", Place(offset=0, known_at=0), journal, 5)
    read(part, (0, 9, 9))
    part.reach(3)
    part.promise(20)
    part.promise(15)
    part.promise(30)
    assert journal.all == {3: 30}


def test_what_was_read_before_is_not_read_again():
    part = stamped(offset=4)
    assert not part.read(3, 9, 9, b"", 1)
    assert part.read(4, 9, 9, b"", 1)
    assert not part.read(4, 9, 9, b"", 1)


def test_a_place_is_the_oldest_record_that_was_not_emitted():
    part = stamped(offset=2, known_at=7)
    read(part, (2, 9, 9), (4, 12, 12))
    part.reach(6)
    assert part.place() == Place(offset=2, known_at=7)
    part.release(1)
    assert part.place() == Place(offset=4, known_at=9)
    part.release(1)
    assert part.place() == Place(offset=6, known_at=12)
    assert part.held_bytes == 0


def lane_of(logs, batch_records=100):
    lane = Lane("lane-00", bound_minutes=5, batch_records=batch_records)
    for name in logs:
        lane.adopt(name, Place(offset=0, known_at=0), Kept())
    return lane


def test_a_lane_emits_up_to_its_slowest_partition_and_never_holds_that_ones_records():
    lane = lane_of(["a:0", "b:0"])
    for offset, at in enumerate([5, 6, 7]):
        lane.partitions["a:0"].read(offset, at, at, b"", 1)
    assert lane.take() is None, "b may still bring anything"
    lane.partitions["b:0"].read(0, 6, 6, b"", 1)
    batch = lane.take()
    assert [(raw[0], raw[2]) for raw in batch.records] == [("a:0", 5), ("a:0", 6), ("b:0", 6)]
    assert batch.mark_at == 6
    assert not lane.partitions["b:0"].held
    assert lane.take() is None


def test_only_a_partition_at_its_logs_end_promises_time():
    lane = lane_of(["a:0", "b:0"])
    assert lane.confirm(50, {"a:0": 0, "b:0": 1}) == ["a:0"]
    assert (lane.partitions["a:0"].known_at, lane.partitions["b:0"].known_at) == (50, 0)
    lane.partitions["b:0"].read(0, 9, 9, b"", 1)
    assert lane.confirm(50, {"b:0": 1}) == ["b:0"]
    assert lane.take().mark_at == 50


def test_a_partition_that_was_not_heard_of_holds_the_lane():
    lane = lane_of(["a:0", "b:0"])
    lane.confirm(50, {"a:0": 0})
    assert lane.take() is None


def test_a_lane_without_partitions_holds_nobody_up():
    lane = lane_of([])
    lane.alone(40)
    assert lane.take().mark_at == 40
    lane.alone(30)
    assert lane.take() is None, "a clock that was set back"
    lane.adopt("a:0", Place(offset=0, known_at=0), Kept())
    lane.partitions["a:0"].read(0, 9, 9, b"", 1)
    assert [raw[2] for raw in lane.take().records] == [40]


def test_a_partition_that_is_far_ahead_fills_its_share_and_the_slowest_never_does():
    lane = lane_of(["a:0", "b:0"], batch_records=10)
    share = PARTITION_RECORDS_MIN
    assert share > LANE_BATCHES * 10, "the least share"
    for offset in range(share):
        lane.partitions["a:0"].read(offset, 9, 9 + offset, b"", 1)
        lane.partitions["b:0"].read(offset, 9, 9, b"", 1)
    assert lane.fullness(lane.partitions["a:0"]) >= 1
    while lane.take():
        pass
    assert lane.fullness(lane.partitions["b:0"]) == 0


def test_large_records_fill_a_share_as_many_records_do():
    lane = lane_of(["a:0", "b:0"])
    lane.partitions["a:0"].read(0, 9, 9, b"", 40 << 20)
    assert lane.fullness(lane.partitions["a:0"]) >= 1


def test_a_batch_is_bounded_and_its_mark_is_no_further_than_its_records():
    lane = lane_of(["a:0"], batch_records=3)
    for offset, at in enumerate([1, 2, 2, 2, 5, 6, 7]):
        lane.partitions["a:0"].read(offset, at, at, b"", 1)
    batches = [lane.take() for _ in range(3)]
    assert [[raw[2] for raw in batch.records] for batch in batches] == [[1, 2, 2], [2, 5, 6], [7]]
    assert [batch.mark_at for batch in batches] == [2, 6, 7]


# A broker's logs that grow, and lives of one lane over them that end anywhere.

RECORD = st.tuples(st.integers(1, 60), st.sampled_from([1, 1, 1, 2, 3]))
"""received_at, and how far the offset is from the one before: logs have gaps."""
STEP = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 4)),
    st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 4)),
    st.tuples(st.just("ask"), st.integers(0, 0), st.integers(0, 9)),
    st.tuples(st.just("confirm"), st.integers(0, 0), st.integers(0, 0)),
    st.tuples(st.just("append"), st.integers(0, 2), st.integers(1, 3)),
    st.tuples(st.just("take"), st.integers(0, 0), st.integers(0, 0)),
    st.tuples(st.just("save"), st.integers(0, 0), st.integers(0, 0)),
    st.tuples(st.just("crash"), st.integers(0, 0), st.integers(0, 0)),
    st.tuples(st.just("adopt"), st.integers(0, 2), st.integers(0, 0)),
)


class World:
    """Logs, their journals on disk, and one lane at a time, checked at every emission."""

    def __init__(self, folder, logs, batch_records):
        self.folder = Path(folder)
        self.logs = [self._offsets(log) for log in logs]
        self.lengths = [0 for _ in logs]
        self.batch_records = batch_records
        self.clock = 1
        self.ever = {}
        self.saved = LanePosition()
        self.emitted_before_save = []
        self.journals = {}
        self.asked = None
        self.begin()

    @staticmethod
    def _offsets(log):
        found, offset = [], -1
        for received_at, gap in log:
            offset += gap
            found.append((offset, received_at))
        return found

    def begin(self):
        for journal in self.journals.values():
            journal.close()
        self.lane = Lane("lane-00", bound_minutes=5, batch_records=self.batch_records)
        self.journals = {p.name.replace("-", ":"): Promises(p) for p in self.folder.iterdir()}
        self.lane.resume(self.saved, {n: (j, j.begins_at) for n, j in self.journals.items()})
        self.emitted = list(self.emitted_before_save)
        self.mark = self.saved.mark_at
        self.asked = None

    def adopt(self, number):
        name = f"t:{number}"
        if name in self.lane.partitions:
            return
        path = self.folder / f"t-{number}"
        Promises.create(path, "id", 0, self.lane.mark_at)
        self.journals[name] = Promises(path)
        self.lane.adopt(name, Place(offset=0, known_at=0), self.journals[name])

    def end(self, number):
        log = self.logs[number][: self.lengths[number]]
        return log[-1][0] + 1 if log else 0

    def read(self, number, count):
        part = self.lane.partitions.get(f"t:{number}")
        if part is None:
            return
        log = self.logs[number][: self.lengths[number]]
        for offset, received_at in [r for r in log if r[0] >= part.next][:count]:
            part.read(offset, 1000, received_at, b"", 1)

    def ask(self, later):
        self.clock += later
        ends = {name: self.end(int(name[2:])) for name in self.lane.partitions}
        self.asked = self.clock, ends

    def confirm(self):
        if self.asked is not None:
            self.lane.confirm(*self.asked)

    def take(self):
        batch = self.lane.take()
        if batch is None:
            return False
        stamps = [raw[2] for raw in batch.records]
        assert stamps == sorted(stamps)
        assert all(self.mark <= stamp <= batch.mark_at for stamp in stamps)
        assert batch.mark_at >= self.mark
        self.mark = batch.mark_at
        for raw in batch.records:
            known = self.ever.setdefault(raw[:2], raw[2])
            assert known == raw[2], f"{raw[:2]} was known at {known}, now at {raw[2]}"
        self.emitted += [raw[:2] for raw in batch.records]
        return True

    def save(self):
        self.saved = self.lane.position()
        self.emitted_before_save = list(self.emitted)

    def append(self, number, count):
        self.lengths[number] = min(len(self.logs[number]), self.lengths[number] + count)

    def finish(self):
        """Read everything to its end, and look at what came out."""
        for number in range(len(self.logs)):
            self.adopt(number)
            self.append(number, 100)
            self.read(number, 100)
        self.ask(1000)
        self.confirm()
        while self.take():
            pass
        wanted = [(f"t:{n}", offset) for n, log in enumerate(self.logs) for offset, _ in log]
        assert sorted(self.emitted) == sorted(wanted), "each record once"
        for number in range(len(self.logs)):
            own = [offset for name, offset in self.emitted if name == f"t:{number}"]
            assert own == sorted(own)


@settings(max_examples=250, deadline=None)
@given(
    logs=st.lists(st.lists(RECORD, max_size=8), min_size=3, max_size=3),
    steps=st.lists(STEP, max_size=50),
    batch_records=st.integers(1, 5),
)
def test_any_interleaving_and_any_crash_give_the_same_records(logs, steps, batch_records):
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, logs, batch_records)
        for what, number, count in steps:
            if what == "read":
                world.read(number, count)
            elif what == "ask":
                world.ask(count)
            elif what == "append":
                world.append(number, count)
            elif what == "adopt":
                world.adopt(number)
            elif what == "crash":
                world.begin()
            else:
                getattr(world, what)()
        world.finish()
        world.begin()
        world.finish()


def test_reading_is_a_function_of_log_and_journal_alone():
    """The stamps that a lane gave are those of a plain loop over the log and its promises."""
    log = [(0, 10), (1, 7), (2, 40), (5, 41), (6, 20)]
    promises = [(0, 5), (3, 90), (6, 95)]
    plain, known_at = [], 0
    for offset, received_at in log:
        known_at = max([known_at, received_at] + [at for o, at in promises if o <= offset])
        plain.append(known_at)
    for stop in range(len(log) + 1):
        first = Stamped("t:0", Place(offset=0, known_at=0), Kept(*promises), 5)
        before = read(first, *((o, 1000, at) for o, at in log[:stop]))
        first.release(stop)
        again = Stamped("t:0", first.place(), Kept(*promises), 5)
        after = read(again, *((o, 1000, at) for o, at in log))
        assert before + after == plain
