"""What operators order goes round by the topic `commands`: on two hosts, each once, whatever is
killed."""

import random
import time
from collections import Counter
from types import SimpleNamespace

import msgspec
import pytest
from confluent_kafka import Producer
from kafka_hosts import Hosts
from kafka_live import CONFIG, Lag, create_topics, environment
from kafka_seen import marks, read_topics, rows, tables
from orders import merge, sale

from pipelines.launch import RunOptions, run

PAIRS, KILL_AFTER = 16, 9
SECONDS_MAX = 90.0


@pytest.fixture
def shop(broker, tmp_path):
    prefix = "orders."
    create_topics(broker, prefix)
    env = environment(broker, prefix, lanes=2)
    hosts = Hosts(SimpleNamespace(output=tmp_path / "out", config=CONFIG, env=env))
    try:
        yield hosts, Lag(broker, prefix), Producer({"bootstrap.servers": broker}), prefix
    finally:
        hosts.end()


def send(producer, topic, event):
    """As of now."""
    del event["received_at"]
    event["occurred_at"] = time.time_ns() // 1_000_000
    producer.produce(topic, msgspec.json.encode(event))
    assert producer.flush(30) == 0


def wait_for_commands(hosts, lag, count):
    give_up_at = time.monotonic() + SECONDS_MAX
    while True:
        hosts.keep()
        ends = [end for (topic, _), end in lag.ends().items() if topic.endswith("commands")]
        if sum(ends) >= count:
            return
        assert time.monotonic() < give_up_at, f"{sum(ends)} of {count} commands:\n{hosts.said()}"
        time.sleep(0.1)


def test_orders_on_two_hosts(shop, broker, tmp_path):
    hosts, lag, producer, prefix = shop
    workers = hosts.start()
    chance = random.Random(8)
    for number in range(1, PAIRS + 1):
        loser, winner = f"loser-{number}", f"winner-{number}"
        send(producer, prefix + "events.pos", sale(number, 0, member_id=loser))
        send(producer, prefix + "events.profile", merge(loser, winner, 0))
        if number == KILL_AFTER:
            # Some of what was ordered is on the topic, and perhaps not in a snapshot.
            wait_for_commands(hosts, lag, number - 1)
            chance.choice(workers).kill()
            workers = [
                launcher.wait_for_worker(other_than=[worker.pid])
                for launcher, worker in zip(hosts.launchers, workers, strict=True)
            ]
    wait_for_commands(hosts, lag, PAIRS)
    lag.wait_until_none(hosts)
    time.sleep(1.0)
    assert hosts.stop(by=0) == [0, 0], hosts.said()

    output = hosts.launchers[0].output
    warehouse = output / "warehouse.duckdb"
    given = [one for (one,) in rows(warehouse, "SELECT command_id FROM loop_commands")]
    topic = prefix + "commands"
    on_topic = Counter(
        one.headers["record_id"].decode() for one in read_topics(broker, [topic])[topic]
    )
    assert on_topic == Counter(given)
    assert set(on_topic.values()) == {1} and len(given) >= PAIRS
    assert rows(
        warehouse,
        "SELECT member_id, available + pending FROM members WHERE available + pending > 0"
        " ORDER BY 2",
    ) == [(f"winner-{number}", number) for number in range(1, PAIRS + 1)]
    assert rows(warehouse, "SELECT * FROM identity_notices WHERE source = 'command'") == []
    assert not (output / "commands").exists(), "the topic has them"

    # Who reads the archive finds them there, and gives none of them again.
    (mark,) = set(marks(output).values())
    again = tmp_path / "again"
    run(RunOptions(inputs=[output / "archive"], output=again, config=CONFIG, as_of=mark - 1))
    assert tables(again / "warehouse.duckdb") == tables(warehouse)
    assert not (again / "commands").exists()
