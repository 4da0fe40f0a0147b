"""Percentiles of latency and the verdict on lag: figures that a report must not get wrong."""

import doctest
import random
import time
import uuid
from types import ModuleType

import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition
from test_produce import event, make_topics

from scripts import lag, latency, live_events
from scripts.lag import LagReader, Sample, growth, is_flat, plot
from scripts.latency import LONGEST_MS, PERCENTS, Latencies
from scripts.live_events import Play
from scripts.produce import EventProducer


@pytest.mark.parametrize("module", [lag, latency, live_events])
def test_examples_in_docstrings(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted
    assert outcome.failed == 0


@pytest.mark.parametrize("many", [1, 2, 99, 100, 101, 5_000])
def test_percentiles_are_those_that_sorting_finds(many: int) -> None:
    rng = random.Random(many)
    times = {channel: [int(rng.expovariate(0.005)) for _ in range(many)] for channel in ("a", "b")}
    latencies = Latencies()
    for channel, every in times.items():
        for ms in every:
            latencies.add(channel, ms)
    rows = {row.channel: row for row in latencies.rows()}
    for channel, every in {**times, "all": times["a"] + times["b"]}.items():
        expected = np.percentile(every, PERCENTS, method="inverted_cdf")
        assert rows[channel].percentiles == tuple(int(one) for one in expected)
        assert rows[channel].longest == max(every)
        assert rows[channel].triggers == len(every)


def test_clocks_that_disagree_and_endless_waits_stay_in_bounds() -> None:
    latencies = Latencies()
    latencies.add("push", -5)
    latencies.add("push", 10 * LONGEST_MS)
    assert latencies.overall().percentiles == (0, LONGEST_MS, LONGEST_MS)
    assert Latencies().rows() == []


def samples(*behind: int) -> list[Sample]:
    return [Sample(at=float(at), produced=0, behind=one) for at, one in enumerate(behind)]


def test_a_saw_is_flat_and_a_slope_is_not() -> None:
    saw = samples(*(1_000 + 1_000 * (at % 2) for at in range(60)))
    assert is_flat(saw, 1_000)
    falling_behind = samples(*(1_000 * (at % 2) + 100 * at for at in range(60)))
    assert growth(falling_behind) == pytest.approx(100, abs=2)
    assert not is_flat(falling_behind, 1_000)
    assert is_flat(samples(9_000, 5_000, 1_000), 1_000), "catching up is keeping up"
    assert is_flat([], 1_000)


def test_a_plot_keeps_its_peaks_within_its_width() -> None:
    numbers = [0.0] * 1_000
    numbers[777] = 8
    drawn = plot(numbers, width=50)
    assert len(drawn) == 50
    assert drawn.count("█") == 1
    assert drawn.index("█") == 777 * 50 // 1_000
    assert plot([]) == ""


def test_lag_is_what_was_produced_and_not_committed(broker: str) -> None:
    prefix = f"t{uuid.uuid4().hex[:10]}."
    make_topics(broker, f"{prefix}events.web", f"{prefix}events.pos")
    options = {"bootstrap.servers": broker}
    producer = EventProducer(options, prefix)
    for number in range(100):
        producer.send(Play("p").happens(event(number, ("web", "pos")[number % 2]), 10**12))
    producer.close()
    topics = [f"{prefix}events.web", f"{prefix}events.pos"]
    reader = LagReader(options, f"{prefix}group", topics)
    found = reader.read(1.0)
    assert found == Sample(at=1.0, produced=100, behind=100), "a group that never came"

    consumer = Consumer({**options, "group.id": f"{prefix}group"})
    read = 0
    for number in range(3):
        place = TopicPartition(topics[0], number)
        end = consumer.get_watermark_offsets(place, timeout=10)[1]
        if end:
            place.offset = end - 1
            consumer.commit(offsets=[place], asynchronous=False)
            read += end - 1
    consumer.close()
    assert read > 0
    found = reader.read(2.0)
    assert found is not None
    assert (found.produced, found.behind) == (100, 100 - read)


def test_a_broker_that_does_not_answer_gives_no_sample() -> None:
    began = time.monotonic()
    reader = LagReader({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "g", ["t"], 1.0)
    assert reader.read(0.0) is None
    assert time.monotonic() - began < 10
