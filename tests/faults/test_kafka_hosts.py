"""Two hosts that share an output: kills, a zombie, disagreement, a stop; as one process over the
archive."""

import random
import time
from contextlib import contextmanager

import psutil
from kafka_city import QUIET_SECONDS, city
from kafka_hosts import Hosts, refusal
from kafka_live import environment, kizuna

RATE = 40.0
HELD = "another run still holds"


@contextmanager
def two_hosts(broker, folder, prefix, seed):
    with city(broker, folder, prefix, random.Random(seed), members=15, rate=RATE) as town:
        hosts = Hosts(town)
        try:
            yield town, hosts
        finally:
            hosts.end()


def wait_until(holds, hosts, seconds=60.0):
    give_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up_at, hosts.said()
        time.sleep(0.05)


def wait_for_progress(town, hosts):
    before = town.lag.read() or 0
    wait_until(lambda: (town.lag.read() or 0) > before, hosts)


def ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def opened(process):
    """Names of the recovery store's partitions that a process has open."""
    names = [file.path.rpartition("/")[2] for file in process.open_files()]
    return {name for name in names if name.endswith(".sqlite3")}


def test_two_hosts(broker, tmp_path):
    with two_hosts(broker, tmp_path, "hosts.", 21) as (town, hosts):
        first, second = hosts.launchers
        town.begin_load()
        workers = hosts.start()
        wait_for_progress(town, hosts)
        stores = [opened(worker) for worker in workers]
        assert all(stores), f"each host writes a part of the recovery store; got {stores}"
        assert not stores[0] & stores[1], f"and no two hosts the same; got {stores}"

        workers[1].kill()
        workers = [
            launcher.wait_for_worker(other_than=[worker.pid])
            for launcher, worker in zip(hosts.launchers, workers, strict=True)
        ]
        wait_for_progress(town, hosts)

        # What both launchers left behind, suspended, is overtaken by nobody.
        zombie = workers[1]
        zombie.suspend()
        second.kill()
        first.kill()
        wait_until(lambda: ended(workers[0]), hosts)
        again = second.attempt()
        first.start()
        assert HELD in refusal(again)
        wait_until(lambda: "waiting for host 1" in first.said(), hosts)
        assert not first.workers()
        assert not ended(zombie)
        zombie.resume()
        second.start()
        wait_until(lambda: ended(zombie), hosts)
        for launcher in hosts.launchers:
            launcher.wait_for_worker()
        wait_for_progress(town, hosts)

        town.end_load()
        town.lag.wait_until_none(hosts)
        time.sleep(QUIET_SECONDS)
        assert hosts.stop(by=1) == [0, 0], hosts.said()
        figures = town.check(by_beam=False)
    print(figures)
    assert figures["ledger_entries"] > 0
    assert figures["triggers"] > 0


def test_hosts_that_disagree(broker, tmp_path):
    with two_hosts(broker, tmp_path, "disagree.", 22) as (town, hosts):
        first, second = hosts.launchers
        first.start()
        refused = refusal(second.attempt(env={**town.env, "KIZUNA_KAFKA__TICK_MS": "200"}))
        assert "the setting kafka: here" in refused
        assert "make them alike" in refused
        assert first.wait(30) == 2
        assert "the setting kafka: here" in " ".join(first.said().split())
        assert not (town.output / "warehouse.duckdb").exists(), "nothing was begun"


def test_addresses_without_a_host(tmp_path):
    env = environment("127.0.0.1:1", "none.")
    given = ("--addresses", "a:1,b:2")
    done = kizuna("run", "--kafka", "--output", tmp_path / "out", *given, env=env)
    assert done.returncode == 2
    assert "--host: must say which of the 2 addresses" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()
