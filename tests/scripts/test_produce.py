"""The producer: traffic of the past as now, at a steady rate, acknowledged and counted."""

import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from scripts.live_events import (
    DeliveryFailed,
    NoEvents,
    Play,
    doer_of,
    plays,
    read_traffic,
    spread,
    topic_of,
)
from scripts.produce import (
    EventProducer,
    Pace,
    check_topics,
    key_of,
    produce,
)

NOW = 1_800_000_000_000


def event(number: int, source: str = "web", **fields: object) -> dict:
    return {
        "event_id": f"e-{number}",
        "type": "page_viewed",
        "source": source,
        "occurred_at": 1_000 * number,
        "received_at": 1_000 * number + 500,
        "market": "us",
        "identifiers": {"cookie": f"c-{number % 5}"},
        "payload": {"name": "home"},
    } | fields


def write(folder: Path, events: list[dict], half: str = "2017-H1") -> Path:
    for source in {one["source"] for one in events}:
        path = folder / half / f"{source}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(json.dumps(one) + "\n" for one in events if one["source"] == source)
    return folder


def test_traffic_comes_in_the_order_in_which_it_was_received(tmp_path: Path) -> None:
    write(tmp_path, [event(1), event(4), event(2, "pos"), event(3, "pos", received_at=4_600)])
    write(tmp_path, [event(9)], "2017-H2")
    assert [one["event_id"] for one in read_traffic(tmp_path)] == [
        "e-1",
        "e-2",
        "e-4",
        "e-3",
        "e-9",
    ]
    assert [one["event_id"] for one in read_traffic(tmp_path, ["pos"])] == ["e-2", "e-3"]


def test_nothing_to_send_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoEvents, match=r"must hold \.jsonl files; got none"):
        read_traffic(tmp_path)
    (tmp_path / "web.jsonl").write_text('{"occurred_at": "yesterday"}\n')
    with pytest.raises(NoEvents, match=r"web\.jsonl: record 0: must be an event"):
        next(read_traffic(tmp_path))


def test_an_event_of_the_past_happens_now() -> None:
    before = event(
        1, payload={"transaction_id": "t", "redemptions": ["r"], "lines": [], "expires_at": 4_000}
    )
    after = Play("p").happens(before, NOW)
    assert after["event_id"] == "p-e-1"
    assert NOW - 1_000 < after["occurred_at"] <= NOW
    assert "received_at" not in after
    assert after["payload"] == {
        "transaction_id": "p-t",
        "redemptions": ["p-r"],
        "lines": [],
        "expires_at": 4_000 - 1_000 + after["occurred_at"],
    }
    assert after["identifiers"] == {"cookie": "c-1"}, "people stay who they are"


def test_a_copy_keeps_the_time_of_the_first_one_as_long_as_that_is_remembered() -> None:
    play = Play("p", remember=2)
    first = play.happens(event(1), NOW)
    assert play.happens(event(1), NOW + 5_000) == first
    play.happens(event(2), NOW)
    play.happens(event(3), NOW)
    assert play.happens(event(1), NOW + 5_000) != first


def test_another_play_is_other_traffic_and_nobody_joins_twice(tmp_path: Path) -> None:
    write(tmp_path, [event(1, "profile"), event(2), event(3, "pos")])
    endless = plays(tmp_path, [], "p", again=True)
    ids = []
    for _, (play, one) in zip(range(7), endless, strict=False):
        ids.append(play.happens(one, NOW)["event_id"])
    assert ids == ["p-e-1", "p-e-2", "p-e-3", "p-1-e-2", "p-1-e-3", "p-2-e-2", "p-2-e-3"]


def test_only_profiles_again_and_again_end_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, [event(1, "profile")])
    assert len(list(plays(tmp_path, [], "p", again=True))) == 1


def test_nobody_does_two_things_at_once() -> None:
    """Else the order of a visit would be that of its ids."""
    play = Play("p")
    times = [play.happens(event(5 * i), NOW)["occurred_at"] for i in range(9)]
    assert times == list(range(times[0], times[0] + 9))
    assert play.happens(event(1), NOW)["occurred_at"] == times[0], "of somebody else"


def test_visits_are_spread_and_each_stays_in_order() -> None:
    """Ten visitors, one after the other, 20 events each, with 100 events held back."""
    visits = [
        event(20 * who + i, identifiers={"cookie": str(who)})
        for who in range(10)
        for i in range(20)
    ]
    play = Play("p")
    came = [one for _, one in spread(((play, one) for one in visits), 100)]
    assert Counter(one["event_id"] for one in came) == Counter(one["event_id"] for one in visits)
    longest = 0
    for who in range(10):
        places = [i for i, one in enumerate(came) if one["identifiers"]["cookie"] == str(who)]
        numbers = [int(came[i]["event_id"][2:]) for i in places]
        assert numbers == sorted(numbers)
        longest = max(longest, *(b - a for a, b in itertools.pairwise(places)))
    assert longest >= 4, "several take turns"
    assert doer_of(event(1)) == "cookie:c-1"
    assert doer_of(event(1, identifiers={"card": "7", "phone": "1"})) == "card:7"


def test_an_unknown_source_has_no_topic() -> None:
    with pytest.raises(NoEvents, match="source: must be one of web"):
        topic_of("fax")


def test_the_key_is_the_strongest_identifier_unreadable() -> None:
    weak, strong = {"cookie": "c"}, {"cookie": "c", "email": "ann@example.com", "member_id": "m"}
    assert key_of({"identifiers": strong}) == key_of({"identifiers": {"member_id": ["m", "n"]}})
    assert key_of({"identifiers": weak}) != key_of({"identifiers": strong})
    assert b"ann" not in key_of({"identifiers": {"email": "ann@example.com"}})
    assert key_of({"event_id": "1"}) != key_of({"event_id": "2"}), "nobody's events are spread"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pace_is_steady_and_catches_up_for_a_moment_only() -> None:
    clock = Clock()
    pace = Pace(1_000, catch_up_seconds=0.5, clock=clock)
    sent = 0
    for _ in range(1_000):
        clock.now += 0.0015
        sent += pace.due()
    assert sent == pytest.approx(1_500, abs=1)
    assert pace.behind_seconds == 0
    clock.now += 3.0
    assert pace.due() == pytest.approx(500, abs=1)
    assert pace.due() == 0
    assert pace.behind_seconds == pytest.approx(2.5, abs=0.01)


def test_a_slow_pace_still_sends() -> None:
    clock = Clock()
    pace = Pace(0.5, catch_up_seconds=0.5, clock=clock)
    sent = 0
    for _ in range(105):
        clock.now += 0.1
        sent += pace.due()
    assert sent == 5


def make_topics(broker: str, *names: str, partitions: int = 3) -> None:
    admin = AdminClient({"bootstrap.servers": broker})
    for future in admin.create_topics([NewTopic(name, partitions) for name in names]).values():
        future.result(20)


def read_all(broker: str, *topics: str) -> list:
    """Every record that these topics hold now, in the order of each partition."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "none"})
    known = consumer.list_topics(timeout=10).topics
    records = []
    for topic in topics:
        for number in known[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
            consumer.assign([TopicPartition(topic, number, 0)])
            deadline, at = time.monotonic() + 10, 0
            while at < end:
                assert time.monotonic() < deadline, f"{topic}: {at} of {end} came"
                message = consumer.poll(1)
                if message is not None:
                    records.append(message)
                    at = message.offset() + 1
    consumer.close()
    return records


@pytest.fixture
def prefix(broker: str) -> str:
    made = f"t{uuid.uuid4().hex[:10]}."
    make_topics(broker, f"{made}events.web", f"{made}events.pos", f"{made}commands")
    return made


def test_what_was_acknowledged_is_what_the_broker_has(
    broker: str, prefix: str, tmp_path: Path
) -> None:
    events = [event(i, ("web", "pos", "command")[i % 3]) for i in range(600)]
    write(tmp_path / "in", events)
    options = {"bootstrap.servers": broker}
    producer = EventProducer(options, prefix, tmp_path / "acknowledged.jsonl")
    began = int(time.time() * 1_000)
    done = produce(plays(tmp_path / "in", [], "p", again=False), producer, rate=400)
    assert (done.sent, done.acknowledged, done.failed) == (600, 600, 0)
    assert done.by_source == {"web": 200, "pos": 200, "command": 200}
    assert 1.3 < done.seconds < 10, "600 events at 400 a second"

    records = read_all(broker, f"{prefix}events.web", f"{prefix}events.pos", f"{prefix}commands")
    decoded = [json.loads(one.value()) for one in records]
    kept = [tuple(json.loads(line)) for line in (tmp_path / "acknowledged.jsonl").open()]
    assert Counter(kept) == Counter((one["source"], one["event_id"]) for one in decoded)
    assert len(set(kept)) == 600
    for record, one in zip(records, decoded, strict=True):
        assert record.topic() == topic_of(one["source"], prefix)
        # Two clocks of one machine, read one after the other, may be a millisecond apart.
        assert began - 1_000 < one["occurred_at"] <= record.timestamp()[1] + 1


def test_one_persons_events_stay_in_order(broker: str, prefix: str, tmp_path: Path) -> None:
    write(tmp_path, [event(i, identifiers={"cookie": f"c-{i % 40}"}) for i in range(500)])
    producer = EventProducer({"bootstrap.servers": broker}, prefix)
    produce(plays(tmp_path, [], "p", again=False), producer, rate=5_000)
    partitions, numbers = {}, {}
    for record in read_all(broker, f"{prefix}events.web"):
        one = json.loads(record.value())
        who = one["identifiers"]["cookie"]
        assert partitions.setdefault(who, record.partition()) == record.partition()
        numbers.setdefault(who, []).append(int(one["event_id"].rsplit("-", 1)[1]))
    assert len(set(partitions.values())) > 1, "people are spread over partitions"
    assert all(of_one == sorted(of_one) for of_one in numbers.values())
    assert sum(map(len, numbers.values())) == 500


def test_it_ends_in_time_and_when_asked(broker: str, prefix: str, tmp_path: Path) -> None:
    write(tmp_path, [event(i) for i in range(100)])
    options = {"bootstrap.servers": broker}
    endless = plays(tmp_path, [], "p", again=True)
    done = produce(endless, EventProducer(options, prefix), rate=300, seconds=1.0)
    assert 200 < done.sent <= 300
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    done = produce(endless, EventProducer(options, prefix), rate=300, seconds=30, stop=stop)
    assert done.seconds < 10
    assert 0 < done.acknowledged == done.sent < 900


def test_a_refused_event_fails_the_producer(broker: str, prefix: str, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(1_500_000).hex()
    write(tmp_path, [event(1), event(2, payload={"name": noise}), event(3)])
    producer = EventProducer({"bootstrap.servers": broker, "message.max.bytes": 9_000_000}, prefix)
    with pytest.raises(DeliveryFailed, match=r"1 of 3 failed, the first one with: .*[Ss]ize"):
        produce(plays(tmp_path, [], "p", again=False), producer, rate=100)
    assert producer.produced.acknowledged == 2


def test_missing_topics_and_brokers_are_named(broker: str, prefix: str) -> None:
    check_topics({"bootstrap.servers": broker}, [f"{prefix}events.web"])
    with pytest.raises(
        DeliveryFailed, match=rf"{prefix}events\.app, {prefix}reference are missing"
    ):
        check_topics(
            {"bootstrap.servers": broker},
            [f"{prefix}{name}" for name in ("reference", "events.web", "events.app")],
        )
    with pytest.raises(DeliveryFailed, match="the broker must answer"):
        check_topics({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, [], timeout=1)
