"""`python tests/faults/kafka_fault_run.py`: the live run against a real broker that is maltreated.

Under steady traffic, workers are killed at random moments, the broker is stopped and killed, one
worker is suspended and resumed, another is left behind suspended by a launcher that was killed,
and all that was sent is sent again. Then nothing may be lost, doubled or different from a run of
files over the archive. The seed repeats the schedule. Sizes come from variables:

    KIZUNA_FAULTS_SEED, _KILLS (20), _BROKER_RESTARTS (3), _SUSPENDED_SECONDS (60), _MEMBERS (300),
    _RATE (150 records a second), _GAP_SECONDS (10: the most between two faults)
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))

from kafka_checks import some
from kafka_city import city
from kafka_live import declared_topics
from kafka_load import again
from kafka_seen import read_topics

from scripts.kafka_broker import Broker

VARIABLE = "KIZUNA_FAULTS_"
HOME = Path(__file__).parent.parent.parent / ".kafka"
ZOMBIE_SECONDS_MAX = 30.0
PROGRESS_SECONDS_MAX = 120.0
TIMERS_SECONDS = 4.0
"""Longer than journeys wait under `kafka_live.hasty_config`, so that no timer is left."""
SUSPECTS_SECONDS = 3.0
"""How long after a resume a launcher that took the suspended for dead would have shown it."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done. `gap_seconds`: the most between two faults."""

    seed: int
    kills: int = 20
    broker_restarts: int = 3
    suspended_seconds: float = 60.0
    members: int = 300
    rate: float = 150.0
    gap_seconds: float = 10.0


def sizes_from(environ):
    """Sizes by their variables; without a seed, one of this moment's."""
    given = {
        name.removeprefix(VARIABLE).lower(): value
        for name, value in environ.items()
        if name.startswith(VARIABLE)
    }
    given.setdefault("seed", str(time.time_ns() % 1_000_000))
    return msgspec.convert(given, Sizes, strict=False)


class FaultRun:
    """One run and what happens to it. `said` is told what is done, a line each."""

    def __init__(self, broker, town, sizes, chance, said):
        self._broker = broker
        self._town = town
        self._sizes = sizes
        self._chance = chance
        self._said = said
        self._read = 0

    def go(self):
        """All faults, in an order that the seed decides; figures of what was checked."""
        town, live = self._town, self._town.live
        live.start()
        town.begin_load()
        for fault in self._schedule():
            time.sleep(self._chance.uniform(0.2, self._sizes.gap_seconds))
            live.wait_for_workers()
            fault()
            if town.load.broken is not None:
                raise town.load.broken
        live.wait_for_workers()
        time.sleep(self._sizes.gap_seconds)
        town.end_load()
        problems = self._replay()
        town.stop()
        self._said("stopped; now everything is compared")
        figures = town.check(problems)
        for name in ("ledger_entries", "triggers", "decisions", "identity_links", "quarantine"):
            assert figures[name] > 0, f"no {name}: the traffic is too little to show anything"
        return figures | {"launchers": live.starts, "gave up": live.fell}

    def _schedule(self):
        """Kills everywhere, the broker's restarts and suspensions somewhere in the middle."""
        faults = [self._kill] * self._sizes.kills
        special = [self._restart_broker] * self._sizes.broker_restarts
        special += [self._suspend, self._leave_a_zombie]
        self._chance.shuffle(special)
        for number, fault in enumerate(special, 1):
            faults.insert(round(number * (len(faults) - number + 1) / (len(special) + 1)), fault)
        return faults

    def _kill(self):
        """One of the workers: half of the time while they start, else after they have saved."""
        town = self._town
        if self._chance.random() < 0.5:
            self._wait_for_progress()
            time.sleep(self._chance.random())
        while not town.live.kill_one(self._chance):
            town.live.wait_for_workers()
        self._said(f"killed a worker; records read and saved by then: {self._read}")
        time.sleep(0.3)  # until the launcher has noticed

    def _wait_for_progress(self):
        give_up_at = time.monotonic() + PROGRESS_SECONDS_MAX
        while (read := self._town.lag.read() or 0) <= self._read:
            self._town.live.keep()
            assert time.monotonic() < give_up_at, f"nothing is read:\n{self._town.live.said()}"
            time.sleep(0.1)
        self._read = read

    def _restart_broker(self):
        how = self._chance.choice(("stop", "kill"))
        self._broker.stop() if how == "stop" else self._broker.kill()
        away = self._chance.uniform(0.0, 3.0)
        time.sleep(away)
        self._broker.start()
        self._said(f"{how} of the broker, which was away for a little more than {away:.1f} s")

    def _suspend(self):
        """The others wait for it, a second start is refused, and then all goes on as before."""
        live = self._town.live
        before = {process.pid for process in live.processes()}
        suspended = live.suspend_one(self._chance)
        began = time.monotonic()
        self._refused("a worker is suspended")
        time.sleep(max(0.0, self._sizes.suspended_seconds - (time.monotonic() - began)))
        live.resume(suspended)
        self._said(f"resumed a worker after {time.monotonic() - began:.0f} s")
        time.sleep(SUSPECTS_SECONDS)
        after = {process.pid for process in live.processes()}
        assert after == before, f"a suspended worker was taken for a dead one:\n{live.said()}"

    def _leave_a_zombie(self):
        """A launcher dies while its worker is suspended: nobody starts until that is gone too."""
        live = self._town.live
        suspended = live.suspend_one(self._chance)
        live.kill_launcher()
        self._refused("only a suspended worker is left")
        live.resume(suspended)
        began = time.monotonic()
        while suspended.is_running() and suspended.status() != "zombie":
            assert time.monotonic() - began < ZOMBIE_SECONDS_MAX, "it lives on without a launcher"
            time.sleep(0.05)
        self._said(f"what a launcher left behind ended {time.monotonic() - began:.1f} s later")
        live.start()

    def _refused(self, when):
        town = self._town
        second = town.live.second_start()
        said = second.stdout + second.stderr
        assert second.returncode == 2, (
            f"a second start got {second.returncode} while {when}: {said}"
        )
        assert str(town.output) in said.replace("\n", ""), f"must name {town.output}: {said}"
        self._said(f"a second start was refused while {when}")

    def _replay(self):
        """Every record once more, while the run goes on; what was posted or sent because of it."""
        town = self._town
        town.drain(TIMERS_SECONDS)
        before = posted(town)
        records = list(again(town.receipts))
        town.begin_load(iter(records), most=len(records), rate=max(1000.0, self._sizes.rate))
        town.settle_load()
        town.drain(TIMERS_SECONDS)
        self._said(f"sent {len(records):,} records once more")
        return some(posted(town) - before, "came of a replay")


def posted(town):
    """What has left for good, as consumers see it: (topic, partition, offset, record id)."""
    topics = [
        town.prefix + topic
        for topic in declared_topics("out")
        if topic == "loyalty.ledger" or topic.startswith("triggers.")
    ]
    seen = read_topics(town.broker, topics)
    return {
        (topic, one.partition, one.offset, one.headers["record_id"].decode())
        for topic in topics
        for one in seen[topic]
    }


def fault_run(broker, folder, sizes, said=print):
    """Run it on a `scripts.kafka_broker.Broker`; figures of what was checked."""
    said(f"{VARIABLE}SEED={sizes.seed} of {sizes}")
    # The traffic is made by a thread, so each draws for itself, or no seed would repeat a schedule.
    traffic, faults = (random.Random(f"{sizes.seed}/{name}") for name in ("traffic", "faults"))
    options = {"members": sizes.members, "rate": sizes.rate}
    with city(broker.bootstrap, folder, f"f{sizes.seed}.", traffic, **options) as town:
        return FaultRun(broker, town, sizes, faults, said).go()


def main():
    sizes = sizes_from(os.environ)
    began = time.monotonic()

    def said(line):
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="kizuna-faults-"))
    broker = Broker(folder / "broker", home=HOME)
    broker.start()
    try:
        said(f"all right: {fault_run(broker, folder, sizes, said)}")
    finally:
        broker.stop()
        said(f"what is left is in {folder}")


if __name__ == "__main__":
    main()
