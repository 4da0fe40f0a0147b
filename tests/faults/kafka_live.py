"""A live run as its operators see it: started by the command line, killed, suspended, stopped.

Whatever ends the launcher but a stop, it is started again, as a supervisor of services would.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

CONFIG = Path(__file__).parent.parent.parent / "config"
GROUP = "faults"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 120.0
ANSWER_SECONDS = 5.0
PARTITIONS_MAX = 2


HASTE = (
    ("journeys/welcome.yaml", "wait_hours: 0.25", "wait_hours: 0.0005"),
    ("journeys/cart_reminder.yaml", "wait_hours: 4", "wait_hours: 0.0005"),
    ("conversation.yaml", 'from: "21:00", until: "08:00"', 'from: "04:00", until: "04:01"'),
    ("conversation.yaml", 'from: "22:00", until: "07:00"', 'from: "04:00", until: "04:01"'),
)
"""(file, what it says, what it says here): what takes people hours takes less than 2 s."""


def hasty_config(folder):
    """Our configuration, but journeys wait for a moment only and hardly any hour is quiet: so
    timers fire and messages go out within a test."""
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    for name, was, becomes in HASTE:
        text = (folder / name).read_text()
        assert was in text, f"{name} no longer says {was}"
        (folder / name).write_text(text.replace(was, becomes))
    return folder


def declared_topics(direction):
    """Names without prefix, as the configuration declares them for this direction."""
    declared = yaml.safe_load((CONFIG / "topics.yaml").read_text())["topics"]
    return [topic["name"] for topic in declared if topic["direction"] == direction]


def create_topics(bootstrap, prefix):
    """All of them, with at most two partitions."""
    declared = yaml.safe_load((CONFIG / "topics.yaml").read_text())["topics"]
    wanted = [
        NewTopic(
            prefix + topic["name"],
            min(PARTITIONS_MAX, topic["partitions"]),
            1,
            config={"cleanup.policy": "delete"},  # what is compacted can't be counted
        )
        for topic in declared
    ]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics(wanted).values():
        future.result(30.0)


def environment(bootstrap, prefix, **settings):
    """Of a live run whose ticks and epochs are short; `settings` are Kafka's."""
    given = {
        "brokers": bootstrap,
        "topic_prefix": prefix,
        "group_id": prefix + GROUP,
        "lanes": 3,
        "tick_ms": 100,
        "epoch_ms": 500,
        **settings,
    }
    kafka = {f"KIZUNA_KAFKA__{name.upper()}": str(value) for name, value in given.items()}
    return {**os.environ, **kafka}


def kizuna(*arguments, env, timeout=300):
    """A command of the command line, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *map(str, arguments)],
        env=env,
        cwd=CONFIG.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Live:
    """`kizuna run --kafka` over one output. `starts`: of launchers; `fell`: those that gave up."""

    def __init__(self, output, config, env, workers=2):
        self.output = output
        self.workers = workers
        self._config = config
        self._env = env
        self._tree = CONFIG.parent
        self._launcher = None
        self.log = output.parent / f"{output.name}.log"
        self.starts = 0
        self.fell = 0

    def start(self, workers=None):
        """Start the launcher, and wait until it has its workers."""
        self.workers = workers or self.workers
        self.starts += 1
        with self.log.open("ab") as log:
            self._launcher = subprocess.Popen(
                self.command(), env=self._env, cwd=self._tree, stdout=log, stderr=log
            )
        self.wait_for_workers()

    def install(self, tree, config):
        """What the next start runs: a source tree and its configuration."""
        self._tree, self._config = tree, config

    def command(self):
        run = [sys.executable, "-m", "scripts.cli", "run", "--kafka", "--output", self.output]
        return [*map(str, [*run, "--config", self._config, "--workers", self.workers])]

    def wait_for_workers(self):
        """Until all worker processes are there, starting the launcher again if it gave up."""
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while len(self.processes()) < self.workers:
            self.keep()
            assert time.monotonic() < give_up_at, f"no workers:\n{self.said()}"
            time.sleep(0.05)

    def keep(self):
        """Start the launcher again if it ended; what it must not do is refuse."""
        code = self._launcher.poll()
        if code is None:
            return
        assert code not in (0, 2), f"the launcher ended with {code}:\n{self.said()}"
        self.fell += 1
        self.starts += 1
        with self.log.open("ab") as log:
            self._launcher = subprocess.Popen(
                self.command(), env=self._env, cwd=self._tree, stdout=log, stderr=log
            )

    def processes(self):
        """Workers that live."""
        try:
            children = psutil.Process(self._launcher.pid).children()
            return [each for each in children if "pipelines.worker" in " ".join(each.cmdline())]
        except psutil.NoSuchProcess:
            return []

    def kill_one(self, chance):
        """`kill -9` of one of the workers; False if none was there."""
        return self._signal_one(chance, signal.SIGKILL) is not None

    def suspend_one(self, chance):
        """A worker that stands still from now on, for `resume`."""
        process = self._signal_one(chance, signal.SIGSTOP)
        assert process is not None
        return process

    @staticmethod
    def resume(process):
        process.send_signal(signal.SIGCONT)

    def kill_launcher(self):
        """`kill -9` of the launcher; its workers end by themselves, unless they are suspended."""
        self._launcher.kill()
        self._launcher.wait(30)

    def second_start(self):
        """What another start on the same output says."""
        return subprocess.run(
            self.command(),
            env=self._env,
            cwd=self._tree,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def stop(self):
        """SIGTERM, as an operator would; the exit code."""
        self._launcher.send_signal(signal.SIGTERM)
        code = self._launcher.wait(STOP_SECONDS_MAX)
        return code

    def wait(self, seconds=STOP_SECONDS_MAX):
        """The exit code of a launcher that ends by itself."""
        return self._launcher.wait(seconds)

    def end(self):
        """Leave nothing running, whatever happened."""
        if self._launcher is None:
            return
        left = self.processes()
        if self._launcher.poll() is None:
            self._launcher.kill()
            self._launcher.wait(30)
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def said(self, lines=25):
        """The end of what launchers and workers printed."""
        parts = [self.log, *sorted((self.output / "journal").glob("worker-*.log"))]
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in parts
            if path.exists()
        )

    def _signal_one(self, chance, number):
        workers = sorted(self.processes(), key=lambda each: each.pid)
        if not workers:
            return None
        chosen = chance.choice(workers)
        try:
            chosen.send_signal(number)
        except psutil.NoSuchProcess:
            return None
        return chosen


class Lag:
    """How many records of the input topics the run has not committed to its group."""

    def __init__(self, bootstrap, prefix):
        # Asks as one of the group without ever joining it.
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": prefix + GROUP, "log_level": 2}
        )
        self._topics = [prefix + name for name in declared_topics("in")]

    def ends(self):
        """(topic, partition) → the offset after its last record."""
        return {
            (one.topic, one.partition): self._consumer.get_watermark_offsets(
                one, timeout=ANSWER_SECONDS
            )[1]
            for one in self._partitions()
        }

    def committed(self):
        """(topic, partition) → the offset that the group has committed, 0 before the first."""
        found = self._consumer.committed(self._partitions(), timeout=ANSWER_SECONDS)
        return {(one.topic, one.partition): max(0, one.offset) for one in found}

    def _partitions(self):
        known = self._consumer.list_topics(timeout=ANSWER_SECONDS).topics
        return [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in known[topic].partitions
        ]

    def read(self):
        """Records that were read and saved; None while the broker doesn't answer."""
        try:
            return sum(self.committed().values())
        except (KafkaException, KeyError):
            return None

    def behind(self):
        """Records; None while the broker doesn't answer."""
        try:
            committed = self.committed()
            return sum(max(0, end - committed.get(one, 0)) for one, end in self.ends().items())
        except (KafkaException, KeyError):
            return None

    def wait_until_none(self, live, seconds=180.0):
        """Until all that was produced is read and saved."""
        give_up_at = time.monotonic() + seconds
        while (behind := self.behind()) != 0:
            live.keep()
            assert time.monotonic() < give_up_at, f"{behind} records are left:\n{live.said()}"
            time.sleep(0.2)
