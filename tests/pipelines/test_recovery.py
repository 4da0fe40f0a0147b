"""Snapshots that a crashed run left at or after its resume epoch are gone before the next start."""

import pickle
import sqlite3
from datetime import timedelta

import bytewax.operators as op
import pytest
from bytewax._bytewax import cli_main
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.testing import TestingSink, TestingSource

from pipelines.recovery import StoreIncomplete, prepare, resume_epoch, share

FIRST = [("a", 1), ("b", 2)]
STEP = "sums.add.stateful_flat_map.stateful.stateful_batch"


def sums(items):
    """Running sums a key, one epoch an item."""
    out = []
    flow = Dataflow("sums")
    stream = op.input("read", flow, TestingSource(items))
    stream = op.stateful_map("add", stream, lambda state, n: ((state or 0) + n, (state or 0) + n))
    op.output("out", stream, TestingSink(out))
    return flow, out


def run(store, items):
    flow, out = sums(items)
    cli_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(store))
    return out


def opened(store):
    return [sqlite3.connect(file) for file in sorted(store.glob("*.sqlite3"))]


def plant(store, key, value):
    """A snapshot as a crashed run leaves it: at the epoch at which the next run begins."""
    databases = opened(store)
    epoch = resume_epoch(databases)
    for database in databases:
        held = database.execute("SELECT 1 FROM snaps WHERE state_key = ?", [key]).fetchone()
        if held:
            row = [STEP, key, epoch, pickle.dumps(value)]
            database.execute(
                "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?,?,?,?)",
                row,
            )
            database.commit()
    for database in databases:
        database.close()


@pytest.fixture
def store(tmp_path):
    """A store after a first run that summed a to 1 and b to 2."""
    folder = tmp_path / "recovery"
    prepare(folder, "sums.read", ["iterable"])
    assert run(folder, FIRST) == FIRST
    return folder


def test_a_planted_stale_snapshot_is_purged_and_harmless(store):
    plant(store, "a", 1000)
    assert prepare(store, "sums.read", ["iterable"]) == 1
    run(store, [*FIRST, *[("b", 1)] * 5, TestingSource.ABORT(), ("b", 1)])
    prepare(store, "sums.read", ["iterable"])
    assert run(store, [*FIRST, *[("b", 1)] * 6, ("a", 1)])[-1] == ("a", 2)


def test_without_the_purge_it_corrupts_the_state(store):
    """What the purge is for. If this fails, Bytewax has mended it and the purge can go."""
    plant(store, "a", 1000)
    run(store, [*FIRST, *[("b", 1)] * 5, TestingSource.ABORT(), ("b", 1)])
    assert run(store, [*FIRST, *[("b", 1)] * 6, ("a", 1)])[-1] == ("a", 1001)


def test_what_is_still_needed_survives_the_purge(store):
    assert prepare(store, "sums.read", ["iterable"]) == 0
    assert run(store, [("a", 1), ("b", 2), ("a", 5), ("b", 5)]) == [("a", 6), ("b", 7)]


def test_source_partitions_of_an_earlier_generation_are_dropped(store):
    prepare(store, "sums.read", ["another"])
    kept = [
        row for db in opened(store) for row in db.execute("SELECT step_id, state_key FROM snaps")
    ]
    assert ("sums.read", "iterable") not in kept
    assert (STEP, "a") in kept


def test_a_missing_partition_of_the_store_is_refused(store):
    (store / "part-1.sqlite3").unlink()
    with pytest.raises(StoreIncomplete, match="must hold all 2 partitions"):
        prepare(store, "sums.read", ["iterable"])


@pytest.mark.parametrize("hosts", [1, 2, 3])
def test_each_partition_of_the_store_belongs_to_one_host(store, hosts):
    there = {file.resolve() for file in store.glob("*.sqlite3")}
    shares = [sorted(share(store, host, hosts).glob("*.sqlite3")) for host in range(hosts)]
    assert sorted(file.resolve() for files in shares for file in files) == sorted(there)
    again = share(store, 0, 1)
    assert {file.resolve() for file in again.glob("*.sqlite3")} == there, "and alone, all of them"


def test_a_share_follows_the_number_of_hosts(store):
    share(store, 1, 2)
    assert not list(share(store, 1, 3).glob("part-0*"))
    (mine,) = share(store, 1, 2).glob("*.sqlite3")
    assert mine.is_symlink()
    assert not mine.readlink().is_absolute(), "hosts may have the folder at different places"
    assert prepare(store, "sums.read", ["iterable"]) == 0, "links are none of its partitions"
