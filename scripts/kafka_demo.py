"""The live demo: a broker, steady traffic, the dataflow in processes, and a channel system.

In: a folder, a rate, a time. Out: `traffic`, `broker` and `run` in it, and an `Outcome` with all
that was measured. Promises: everything is a real process of its own, as in production; each wait
has an end; whatever happens, no process is left behind; the run is always a fresh one, and what
somebody else keeps in the folder is never deleted.
"""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from schemas.events import SOURCES
from scripts.demo import Bar, clear_run
from scripts.generate import generate
from scripts.kafka_broker import Broker, stop_recorded
from scripts.kafka_demo_checks import Checked, check
from scripts.kafka_demo_children import (
    GROUP,
    Child,
    DemoFailed,
    Usage,
    environment,
    usage_between,
)
from scripts.kafka_demo_listener import Listener
from scripts.lag import LagReader, Sample
from scripts.live_events import topic_of
from scripts.produce import Produced
from scripts.traffic.city import OutputExists

DAYS: Final = 20
EVENTS_A_MEMBER: Final = 80
WARM_UP_SECONDS: Final = 180.0
DRAIN_SECONDS: Final = 90.0
QUIET_SECONDS: Final = 3.0
"""So long nothing must have come before what was sent counts as all arrived."""
STOP_SECONDS: Final = 150.0
MARK: Final = "kafka-demo.json"

Say = Callable[[str], None]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; `rate` is events a second. `kafka-demo.json`: the mark of our folder."""

    rate: float
    seconds: float
    workers: int
    members: int | None = None
    seed: int = 2017


class Outcome(msgspec.Struct, kw_only=True):
    """What was seen."""

    events: int
    """Of the traffic on disk."""
    members: int
    warm_up_seconds: float
    produced: Produced
    profiles: Produced
    samples: list[Sample]
    """While traffic came steadily; `at` in seconds since it began."""
    drained_seconds: float | None
    """From the last event until all of it was read and saved; None: it never was."""
    usage: list[Usage]
    run_exit_code: int
    checked: Checked
    listener: Listener


def kafka_demo(output: Path, wanted: Wanted, say: Say, progress_bar: Bar) -> Outcome:
    """Do it all, telling each step. DemoFailed, NoBroker or OutputExists if it can't be done."""
    _make_room(output, wanted)
    members, events = _make_traffic(output / "traffic", wanted, progress_bar)
    say(f"traffic: {events:,} events of {members:,} members in {output / 'traffic'}")
    with ExitStack() as stack:
        broker = stack.enter_context(_broker(output / "broker"))
        say(f"broker: Apache Kafka serves {broker.bootstrap}")
        demo = _Demo(output, wanted, broker, stack, say)
        return demo.run(members, events, progress_bar)


class _Demo:
    def __init__(
        self, output: Path, wanted: Wanted, broker: Broker, stack: ExitStack, say: Say
    ) -> None:
        self._output = output
        self._wanted = wanted
        self._broker = broker
        self._stack = stack
        self._say = say
        self._options = {"bootstrap.servers": broker.bootstrap, "log_level": 2}
        self._environment = environment(broker.bootstrap)
        self._lag = LagReader(self._options, GROUP, [topic_of(source) for source in SOURCES])

    def run(self, members: int, events: int, progress_bar: Bar) -> Outcome:
        self._start("topics", "topics", "apply").expect_exit(0, 120.0)
        self._say("topics: applied")
        workers = ["--workers", str(self._wanted.workers)]
        run = self._start("run", "run", "--kafka", "--output", str(self._output / "run"), *workers)
        self._say(f"dataflow: kizuna run --kafka {' '.join(workers)}, process {run.pid}")
        listener = Listener(self._options, self._broker.bootstrap)
        self._stack.callback(listener.stop)
        listener.start()

        began = time.monotonic()
        profiles = self._produce("profiles", [*_sources("profile")], seconds=None)
        self._wait_until_read(run, profiles, WARM_UP_SECONDS, "the members' profiles")
        enrolled = self._counts("profiles")
        warm_up_seconds = time.monotonic() - began
        self._say(
            f"warm-up: {enrolled.acknowledged:,} enrolments and consents read and saved after "
            f"{warm_up_seconds:.0f} s"
        )

        listener.measure_from(time.time_ns() // 1_000_000)
        others = [source for source in SOURCES if source != "profile"]
        before = self._usage(run, None)
        traffic = self._produce("traffic", _sources(*others), seconds=self._wanted.seconds)
        samples, at_end = self._watch(run, traffic, listener, progress_bar)
        produced = self._counts("traffic")
        drained = self._drain(run, listener)
        self._say("stopping: SIGTERM to the dataflow")
        run.send(signal.SIGTERM)
        exit_code = run.wait(STOP_SECONDS)
        listener.wait_until_quiet(QUIET_SECONDS, DRAIN_SECONDS)
        listener.stop()
        return Outcome(
            events=events,
            members=members,
            warm_up_seconds=warm_up_seconds,
            produced=produced,
            profiles=enrolled,
            samples=samples,
            drained_seconds=drained,
            usage=usage_between(before, at_end),
            run_exit_code=exit_code,
            checked=check(self._options, self._output / "run" / "warehouse.duckdb", listener),
            listener=listener,
        )

    def _start(self, name: str, *words: str) -> Child:
        child = Child(name, words, self._output / f"{name}.log", self._environment)
        self._stack.callback(child.end)
        return child

    def _produce(self, name: str, more: list[str], seconds: float | None) -> Child:
        words = ["produce", "--input", str(self._output / "traffic" / "events"), "--name", name]
        words += ["--rate", str(self._wanted.rate), "--summary", str(self._summary(name))]
        words += more if seconds is None else [*more, "--again", "--seconds", str(seconds)]
        return self._start(name, *words)

    def _summary(self, name: str) -> Path:
        return self._output / f"{name}.json"

    def _counts(self, name: str) -> Produced:
        return msgspec.json.decode(self._summary(name).read_bytes(), type=Produced)

    def _usage(self, run: Child, producer: Child | None) -> dict[str, Usage]:
        return Usage.now(run.pid, producer.pid if producer else None, self._broker.pid)

    def _wait_until_read(self, run: Child, producer: Child, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            run.expect_alive()
            if producer.has_ended(expected=0):
                sample = self._lag.read(0.0)
                if sample is not None and sample.behind == 0:
                    return
            time.sleep(0.5)
        raise DemoFailed(f"{what} must be read and saved within {seconds:.0f} s; they were not")

    def _watch(
        self, run: Child, producer: Child, listener: Listener, progress_bar: Bar
    ) -> tuple[list[Sample], dict[str, Usage]]:
        """Look once a second until the producer has ended."""
        samples: list[Sample] = []
        began = time.monotonic()
        at_end = self._usage(run, producer)
        deadline = began + self._wanted.seconds + STOP_SECONDS
        with progress_bar(f"{self._wanted.rate:,.0f} events/s") as progress:
            while not producer.has_ended(expected=0):
                if time.monotonic() > deadline:
                    raise DemoFailed(f"the producer must end by itself; see {producer.log}")
                run.expect_alive()
                listener.expect_alive()
                at_end |= self._usage(run, producer)  # one that has just ended stays as it was
                sample = self._lag.read(time.monotonic() - began)
                if sample is not None:
                    samples.append(sample)
                elapsed = time.monotonic() - began
                progress(int(elapsed), int(self._wanted.seconds))
                time.sleep(max(0.0, 1.0 - elapsed % 1.0))
        return samples, at_end

    def _drain(self, run: Child, listener: Listener) -> float | None:
        """Seconds until everything sent, feedback included, was read and saved."""
        began = time.monotonic()
        while time.monotonic() - began < DRAIN_SECONDS:
            run.expect_alive()
            sample = self._lag.read(0.0)
            if sample is not None and sample.behind == 0:
                drained = time.monotonic() - began
                listener.wait_until_quiet(QUIET_SECONDS, DRAIN_SECONDS)
                return drained
            time.sleep(0.5)
        return None


def _sources(*names: str) -> list[str]:
    return [word for name in names for word in ("--source", name)]


def _make_room(output: Path, wanted: Wanted) -> None:
    """Delete an earlier demo's broker, run and logs; OutputExists if they are nobody's we know."""
    mark = output / MARK
    ours = ("broker", "run", "traffic")
    if not mark.exists() and any((output / name).exists() for name in ours):
        raise OutputExists(
            f"{output}: must be an earlier demo's folder or have no {', '.join(ours)}; got one "
            "that the demo didn't make; choose another --output"
        )
    output.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(msgspec.json.encode(wanted) + b"\n")
    stop_recorded(output / "broker")  # of a demo that was killed
    clear_run(output)
    shutil.rmtree(output / "broker", ignore_errors=True)


def _make_traffic(folder: Path, wanted: Wanted, progress_bar: Bar) -> tuple[int, int]:
    """Enough for the whole time: members and events."""
    needed = int(wanted.rate * wanted.seconds) + 1
    members = wanted.members or max(50, -(-needed // EVENTS_A_MEMBER))
    each = max(1.0, 1.1 * needed / members / DAYS)
    with progress_bar("members") as progress:
        summary = generate(members, DAYS, wanted.seed, folder, each, progress)
    return members, summary["events"]


@contextmanager
def _broker(data: Path) -> Iterator[Broker]:
    broker = Broker(data, heap_mib=512, quick=False)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()
