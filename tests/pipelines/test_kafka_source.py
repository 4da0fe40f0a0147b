"""Lanes over a real broker: what they read, when they give up, and what they wait for."""

import json
import pickle
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pytest

pytest.importorskip("confluent_kafka")

from broker import running_broker
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from config.settings import load_settings
from pipelines.sources.alignment import AHEAD_RECORDS, Alignment
from pipelines.sources.kafka.lane import LanePosition
from pipelines.sources.kafka.lost import LogLost, TopicsMissing
from pipelines.sources.kafka.source import KafkaSource, consumer_options, lane_names, lane_of
from pipelines.sources.kafka.wire import Wire

PATIENCE = 20.0
TICK_MS = 50


def received_at(record):
    try:
        return json.loads(record).get("received_at")
    except (ValueError, AttributeError, TypeError):
        return None


@dataclass
class Run:
    """One life of all lanes, driven as Bytewax would."""

    source: KafkaSource
    resume: dict = field(default_factory=dict)
    records: list = field(default_factory=list)
    marks: dict = field(default_factory=dict)

    def __post_init__(self):
        self.lanes = {
            name: self.source.build_part("read", name, self.resume.get(name))
            for name in self.source.list_parts()
        }
        self.marks = {name: lane.snapshot().mark_at for name, lane in self.lanes.items()}

    def turn(self):
        for lane in self.lanes.values():
            for batch in lane.next_batch():
                before, self.marks[batch.upstream] = self.marks[batch.upstream], batch.mark_at
                stamps = [raw[2] for raw in batch.records]
                assert stamps == sorted(stamps)
                assert all(before <= stamp <= batch.mark_at for stamp in stamps)
                self.records += batch.records
        wakes = [lane.next_awake() for lane in self.lanes.values()]
        if all(wake is not None for wake in wakes):
            now = datetime.now(timezone.utc)
            time.sleep(min(0.05, max(0.0, (min(wakes) - now).total_seconds())))

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; {len(self.records)} records"
            self.turn()

    def during(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.turn()

    def save(self):
        return pickle.loads(pickle.dumps({n: lane.snapshot() for n, lane in self.lanes.items()}))

    def close(self):
        for lane in self.lanes.values():
            lane.close()


class Topics:
    """Two topics of its own on a broker, and runs over them."""

    def __init__(self, bootstrap, folder: Path, create=True):
        self.prefix = f"t{uuid.uuid4().hex[:10]}."
        self.bootstrap = bootstrap
        self.folder = folder
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1})
        self.runs = []
        self.stop = False
        if create:
            self.create("pos")
            self.create("web")

    def create(self, topic, partitions=2):
        name = self.prefix + topic
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result()

    def delete(self, topic):
        self.admin.delete_topics([self.prefix + topic])[self.prefix + topic].result()

    def send(self, topic, partition, *times, value=None):
        for at in times:
            value = json.dumps({"received_at": at}).encode()
            self.producer.produce(self.prefix + topic, value, partition=partition)
        self.producer.flush(PATIENCE)

    def run(self, resume=None, lanes=2, **kafka):
        settings = {
            "brokers": self.bootstrap,
            "topic_prefix": self.prefix,
            "lanes": lanes,
            "tick_ms": TICK_MS,
            "group_id": self.prefix + "group",
        }
        kafka = load_settings(options={"kafka": settings | kafka}).settings.kafka
        slots = self.folder / "slots"
        Alignment.reset(slots, lane_names(lanes))
        source = KafkaSource(
            kafka,
            {"bootstrap.servers": self.bootstrap},
            ["pos", "web"],
            alignment_path=slots,
            promises=self.folder / "promises",
            received_at=received_at,
            bound_minutes=5,
            stopping=lambda: self.stop,
        )
        self.runs.append(Run(source, resume or {}))
        return self.runs[-1]


@pytest.fixture
def topics(broker, tmp_path):
    made = Topics(broker, tmp_path)
    yield made
    for run in made.runs:
        run.close()


def places(records):
    return sorted((raw[0], raw[1], raw[2]) for raw in records)


def test_each_partition_belongs_to_one_lane_for_good():
    assert lane_names(3) == ["lane-00", "lane-01", "lane-02"]
    owners = {lane_of(f"events.web:{number}", 3) for number in range(40)}
    assert owners == set(lane_names(3))
    assert lane_of("events.web:0", 4) == "lane-01", "never another one: offsets are kept by lane"


def test_what_a_deployment_may_tune_and_what_not():
    kafka = load_settings().settings.kafka
    given = {"isolation.level": "read_uncommitted", "auto.offset.reset": "latest"}
    options = consumer_options(kafka, given)
    assert options["isolation.level"] == "read_uncommitted"
    assert options["auto.offset.reset"] == "error"
    assert consumer_options(kafka, {})["isolation.level"] == "read_committed"


def test_everything_is_read_and_time_goes_on_at_the_end(topics):
    topics.send("pos", 0, 10, 30, 20)
    topics.send("web", 1, 15)
    began = int(time.time() * 1000)
    run = topics.run()
    run.until(lambda: len(run.records) == 4 and min(run.marks.values()) > began)
    assert places(run.records) == [
        ("pos:0", 0, 10),
        ("pos:0", 1, 30),
        ("pos:0", 2, 30),
        ("web:1", 0, 15),
    ]
    raw = next(raw for raw in run.records if raw[0] == "web:1")
    assert raw[3] >= began - 60_000 and raw[4] == raw[3] + 5 * 60_000
    assert json.loads(raw[5]) == {"received_at": 15}


def test_a_resume_gives_what_was_not_emitted_stamped_as_before(topics):
    run = topics.run()
    run.until(lambda: min(run.marks.values()) > 0)
    saved = run.save()
    topics.send("pos", 0, 10, 20)
    topics.send("web", 0, 11)
    run.until(lambda: len(run.records) == 3)
    first = places(run.records)
    assert all(stamp > 1_000_000 for _, _, stamp in first), "promises were in force"
    run.close()
    topics.runs.clear()
    again = topics.run(saved)
    again.until(lambda: len(again.records) == 3)
    assert places(again.records) == first
    saved = again.save()
    again.during(0.3)
    topics.send("web", 1, 12)
    third = topics.run(saved)
    third.until(lambda: third.records)
    assert [raw[0] for raw in third.records] == ["web:1"], "nothing is read twice"


def test_transactions_are_read_once_they_are_committed_and_hold_no_time_up(topics):
    producer = Producer({"bootstrap.servers": topics.bootstrap, "transactional.id": topics.prefix})
    producer.init_transactions(PATIENCE)
    for value, ends in (
        ("aborted", producer.abort_transaction),
        ("b", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(topics.prefix + "pos", value.encode(), partition=0)
        producer.flush(PATIENCE)
        ends(PATIENCE)
    run = topics.run()
    run.until(lambda: run.records)
    assert [raw[5] for raw in run.records] == [b"b"]
    now = int(time.time() * 1000)
    run.until(lambda: min(run.marks.values()) > now)
    saved = {}
    for position in run.save().values():
        saved |= position.partitions
    assert saved["pos:0"].offset == 4, "past the marker that ends the log"


def test_a_new_partition_is_read_from_its_beginning(topics):
    run = topics.run()
    run.until(lambda: min(run.marks.values()) > 0)
    name = topics.prefix + "web"
    topics.admin.create_partitions([NewPartitions(name, 6)])[name].result()
    topics.send("web", 5, 10, 11)
    topics.send("web", 2, 12)
    run.until(lambda: len(run.records) == 3)
    assert sorted((raw[0], raw[1]) for raw in run.records) == [
        ("web:2", 0),
        ("web:5", 0),
        ("web:5", 1),
    ]
    again = topics.run()
    again.until(lambda: len(again.records) == 3)
    assert places(again.records) == places(run.records), "its journal knows when it came"


def test_a_topic_that_was_never_created_is_refused_with_the_remedy(broker, tmp_path):
    topics = Topics(broker, tmp_path, create=False)
    topics.create("pos")
    run = topics.run()
    with pytest.raises(TopicsMissing, match=r"\.web: must exist .* run: kizuna topics apply"):
        run.until(lambda: False)
    run.close()


def test_a_topic_that_is_deleted_and_created_again_stops_the_run_before_it_is_taken_for_the_old(
    topics,
):
    topics.send("pos", 0, 10)
    run = topics.run()
    run.until(lambda: run.records)
    topics.delete("pos")
    time.sleep(0.3)
    topics.create("pos")
    topics.send("pos", 0, *range(20, 30))
    with pytest.raises(LogLost, match=r"pos:\d: must be of the topic with id .*--output"):
        run.until(lambda: False)
    assert len(run.records) == 1


def test_a_topic_that_was_created_again_while_nothing_ran_is_noticed(topics):
    topics.send("pos", 0, 10)
    run = topics.run()
    run.until(lambda: run.records)
    saved = run.save()
    topics.delete("pos")
    time.sleep(0.3)
    topics.create("pos")
    topics.send("pos", 0, 20, 21, 22)
    again = topics.run(saved)
    with pytest.raises(LogLost, match="deleted and created again"):
        again.until(lambda: again.records)
    assert not again.records


def test_a_deleted_topic_stops_the_run(topics):
    run = topics.run()
    run.until(lambda: min(run.marks.values()) > 0)
    topics.delete("web")
    with pytest.raises(LogLost, match=r"web:\d: must be there; got no such topic"):
        run.until(lambda: False)


def test_records_that_expired_before_they_were_read_stop_the_run(topics):
    topics.send("pos", 0, 10)
    run = topics.run()
    run.until(lambda: run.records)
    saved = run.save()
    topics.send("pos", 0, *range(20, 40))
    gone = TopicPartition(topics.prefix + "pos", 0, 10)
    topics.admin.delete_records([gone])[gone].result()
    again = topics.run(saved)
    with pytest.raises(LogLost, match="pos:0: must still hold offset 1, which is read next"):
        again.until(lambda: again.records)


def test_a_position_without_its_journal_is_refused(topics):
    run = topics.run()
    run.until(lambda: min(run.marks.values()) > 0)
    saved = run.save()
    (topics.folder / "promises" / "web-0").unlink()
    with pytest.raises(LogLost, match="web:0: must have its journal of promises"):
        topics.run(saved)


def test_a_stop_takes_nothing_more_in_and_what_is_unread_is_read_later(topics):
    run = topics.run()
    run.until(lambda: min(run.marks.values()) > 0)
    topics.stop = True
    topics.send("pos", 0, 10)
    for lane in run.lanes.values():
        with pytest.raises(StopIteration):
            lane.next_batch()
    saved = run.save()
    topics.stop = False
    again = topics.run(saved)
    again.until(lambda: again.records)
    assert [raw[:2] for raw in again.records] == [("pos:0", 0)]


def test_offsets_are_committed_for_tools_that_show_lag(topics):
    topics.send("pos", 1, 10, 11)
    run = topics.run()
    run.until(lambda: len(run.records) == 2)
    reader = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": topics.prefix + "group"})

    def committed():
        run.save()
        at = reader.committed([TopicPartition(topics.prefix + "pos", 1)], timeout=PATIENCE)
        return at[0].offset == 2

    run.until(committed)
    reader.close()


def test_a_partition_that_is_far_ahead_is_paused_and_loses_nothing(topics):
    count = 1_500
    topics.send("pos", 0, *range(1_000, 1_000 + count))
    for number in (0, 1):
        topics.send("web", number, *range(1, 60))
    topics.send("pos", 1, *range(1, 60))
    run = topics.run(lanes=1, batch_records=20)
    held = []

    def all_read():
        partitions = run.lanes["lane-00"]._lane.partitions
        held.append(sum(len(part.held) for part in partitions.values()))
        return len(run.records) == count + 3 * 59

    run.until(all_read)
    assert max(held) <= 4 * (100 + 2 * 20), "what a lane holds is bounded"
    offsets = [raw[1] for raw in run.records if raw[0] == "pos:0"]
    assert offsets == list(range(count))


def test_a_lane_waits_for_a_slower_one_and_for_the_flow(topics):
    topics.send("pos", 0, 10)
    run = topics.run(lanes=1)
    lane = run.lanes["lane-00"]
    lane._ahead.add(2**62, AHEAD_RECORDS)
    lane._alignment.slowest = lambda: -(2**62)
    run.during(0.5)
    assert not run.records
    del lane._alignment.slowest
    run.until(lambda: run.records)


class Away:
    """A registry that can't be reached at first."""

    def __init__(self, registry):
        self.registry = registry
        self.is_back = False

    def get_schema(self, number):
        if not self.is_back:
            raise ConnectionError("nobody there")
        return self.registry.get_schema(number)


def test_a_lane_whose_registry_is_away_stands_still_and_goes_on(topics):
    registry = pytest.importorskip("confluent_kafka.schema_registry", exc_type=ImportError)
    client = registry.SchemaRegistryClient.new_client({"url": "mock://lane"})
    number = client.register_schema(
        "pos-value", registry.Schema('{"type": "map", "values": "int"}')
    )
    run = topics.run(lanes=1)
    away = Away(client)
    run.lanes["lane-00"]._fetching._wire = Wire(away)
    run.until(lambda: min(run.marks.values()) > 0)
    value = b"\0" + number.to_bytes(4, "big") + b"\2\2n\x0e\0"
    topics.producer.produce(topics.prefix + "pos", value, partition=0)
    topics.send("pos", 0, 10)
    sent = int(time.time() * 1000)
    run.during(0.6)
    assert not run.records and max(run.marks.values()) <= sent, "nothing is promised past it"
    away.is_back = True
    run.until(lambda: len(run.records) == 2 and min(run.marks.values()) > sent)
    assert [raw[1] for raw in run.records] == [0, 1]
    assert run.records[0][5] == {"n": 7}


def test_a_broker_that_is_away_is_waited_for_and_nothing_is_promised(tmp_path):
    with running_broker() as own:
        topics = Topics(own.bootstrap, tmp_path)
        topics.send("pos", 0, 10)
        run = topics.run()
        run.until(lambda: len(run.records) == 1 and min(run.marks.values()) > 10)
        own.kill()
        run.during(0.5)
        marks = dict(run.marks)
        away = int(time.time() * 1000)
        run.during(1.0)
        assert run.marks == marks and max(marks.values()) <= away
        own.start()
        run.until(lambda: min(run.marks.values()) > away)
        topics.send("pos", 0, 11)
        run.until(lambda: len(run.records) == 2)
        run.close()


def test_a_start_while_the_broker_is_away_waits_too(tmp_path):
    topics = Topics("127.0.0.1:1", tmp_path, create=False)
    run = topics.run()
    run.during(0.5)
    assert run.marks == dict.fromkeys(run.marks, 0)
    assert run.save() == dict.fromkeys(run.marks, LanePosition())
    run.close()
