"""A deploy of the next release and the way back, live, while producers go on.

The run stops, the other release goes on from its state, and in the end everything is as one
undisturbed run over the archive has it.
"""

import math
import random
import time

import msgspec
from confluent_kafka import Consumer, TopicPartition
from kafka_city import city
from kafka_live import ANSWER_SECONDS, CONFIG, declared_topics
from kafka_seen import rows, saved
from next_release import FIELD, next_config, next_tree

from transforms.key_group import GroupSnapshot
from transforms.score import Score

RATE = 40.0
OUTPUT_SECONDS_MAX = 90.0


class Outputs:
    """How much the run has written to its topics."""

    def __init__(self, town):
        self._consumer = Consumer(
            {"bootstrap.servers": town.broker, "group.id": "deploy", "log_level": 2}
        )
        names = [town.prefix + name for name in declared_topics("out")]
        known = self._consumer.list_topics(timeout=ANSWER_SECONDS).topics
        self._all = [TopicPartition(name, n) for name in names for n in known[name].partitions]

    def count(self):
        ends = (
            self._consumer.get_watermark_offsets(one, timeout=ANSWER_SECONDS) for one in self._all
        )
        return sum(end for _, end in ends)

    def wait_for_more(self, live):
        """Until something is written that wasn't there."""
        before, give_up_at = self.count(), time.monotonic() + OUTPUT_SECONDS_MAX
        while self.count() == before:
            live.keep()
            assert time.monotonic() < give_up_at, f"nothing is written:\n{live.said()}"
            time.sleep(0.05)


def deploy(town, outputs, tree, make_config):
    """Stop what runs, and start that; (seconds until it had stopped, until the next wrote)."""
    began = time.monotonic()
    town.stop()
    stopped = time.monotonic() - began
    town.config = make_config()
    town.live.install(tree, town.config)
    town.live.start()
    outputs.wait_for_more(town.live)
    return stopped, time.monotonic() - began


def wait_for_progress(town):
    before, give_up_at = town.lag.read() or 0, time.monotonic() + OUTPUT_SECONDS_MAX
    while (town.lag.read() or 0) <= before + RATE:
        town.live.keep()
        assert time.monotonic() < give_up_at, town.live.said()
        time.sleep(0.1)


def score_states(output):
    """What score remembers of each member, as bytes."""
    groups = [
        msgspec.msgpack.decode(state, type=GroupSnapshot)
        for state in saved(output, "loyalty.score").values()
    ]
    return {member: state for group in groups for member, (_, state) in group.states.items()}


def heard(output):
    """Members in whose saved state the next release has written its new field."""
    states = score_states(output)
    return {one for one, state in states.items() if msgspec.msgpack.decode(state).get(FIELD, 0)}


def test_the_next_release_and_back(broker, tmp_path):
    chance = random.Random(31)
    with city(broker, tmp_path, "deploy.", chance, members=15, rate=RATE, workers=1) as town:
        this, following = CONFIG.parent, next_tree(tmp_path / "next")
        outputs = Outputs(town)
        town.begin_load()
        town.live.start()
        wait_for_progress(town)

        # Both never run at a time: the next one is refused while this one lives.
        town.live.install(following, town.config)
        refused = town.live.second_start()
        assert refused.returncode == 2
        assert "another run still holds" in " ".join(refused.stderr.split())

        there = deploy(
            town,
            outputs,
            following,
            lambda: next_config(town.config, tmp_path / "next-config", math.ceil(time.time()) + 1),
        )
        wait_for_progress(town)

        give_up_at = time.monotonic() + OUTPUT_SECONDS_MAX
        while not heard(town.output):
            assert time.monotonic() < give_up_at, town.live.said()
            time.sleep(0.2)

        # Back, with the programme as it is now: what was earned by it stays.
        town.stop()
        unknown = heard(town.output)
        for state in score_states(town.output).values():
            msgspec.msgpack.decode(state, type=Score.state)
        town.live.install(this, town.config)
        town.live.start()
        outputs.wait_for_more(town.live)
        wait_for_progress(town)

        town.end_load()
        town.drain()
        town.stop()
        assert unknown - heard(town.output), "this release wrote nothing over what the next one had"
        figures = town.check(by_beam=False)
    print(figures)
    print(f"deploy: stopped after {there[0]:.1f} s, the first output after {there[1]:.1f} s")
    versions = rows(
        town.output / "warehouse.duckdb",
        "SELECT programme_version, count(*) FROM ledger_entries GROUP BY 1 ORDER BY 1",
    )
    print(versions)
    assert {name for name, _ in versions} >= {"grocer@1", "grocer@2"}
