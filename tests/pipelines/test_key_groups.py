"""How key groups spread over the workers of a real cluster."""

import threading
from collections import Counter

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import TestingSink, TestingSource, cluster_main

from pipelines.key_groups import group_key, group_of

GROUPS = 16


def groups_by_worker(workers):
    """How many of the default groups each worker gets, fewest first."""
    where = {}

    class Where(StatefulBatchLogic):
        def on_batch(self, values):
            where[values[0]] = threading.get_ident()
            return [], StatefulBatchLogic.RETAIN

        def snapshot(self):
            return None

    flow = Dataflow("spread")
    keys = [(group_key(group), group) for group in range(GROUPS)]
    stream = op.stateful_batch(
        "where", op.input("in", flow, TestingSource(keys)), lambda _: Where()
    )
    op.output("out", stream, TestingSink([]))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    return sorted(Counter(where.values()).values())


@pytest.mark.parametrize(("workers", "spread"), [(2, [7, 9]), (3, [4, 6, 6]), (4, [3, 4, 4, 5])])
def test_the_default_groups_spread_evenly(workers, spread):
    assert groups_by_worker(workers) == spread


def test_the_group_of_a_key_is_the_same_for_ever():
    """State is found by it: these numbers must not change between releases."""
    keys = ("ana", "card:4000900", "event:pos/p-1")
    assert [group_of(key, GROUPS) for key in keys] == [10, 0, 9]
