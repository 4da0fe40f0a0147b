"""One, three, two processes after each other on one output: as a run of files over its archive."""

import random

from kafka_city import city

RECORDS = 700


def test_rescale(broker, tmp_path):
    chance = random.Random(5)
    with city(broker, tmp_path, "rescale.", chance, members=40, rate=400.0) as town:
        for workers in (1, 3, 2):
            town.begin_load(most=RECORDS)
            town.live.start(workers)
            town.settle_load()
            town.drain()
            town.stop()
        figures = town.check()
    print(figures)
    assert figures["records"] == 3 * RECORDS
    assert figures["ledger_entries"] > 0
    assert figures["triggers"] > 0
