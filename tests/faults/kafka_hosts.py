"""A live run on two hosts, as far as one machine has them: two launchers with addresses of their
own on loopback, which share nothing but the output folder and the broker."""

import os
import signal
import subprocess
import sys
import time

import psutil
from kafka_live import CONFIG, START_SECONDS_MAX, STOP_SECONDS_MAX

PORTS_FROM = 21_000


def addresses(hosts):
    """One a host. Processes of a test run don't choose the same."""
    port = PORTS_FROM + os.getpid() % 9_000
    return [f"127.0.0.{2 + number}:{port}" for number in range(hosts)]


class HostLauncher:
    """`kizuna run --kafka --addresses … --host N`: one of several."""

    def __init__(self, number, output, config, env, given):
        self.number = number
        self.output = output
        self.log = output.parent / f"{output.name}-host-{number}.log"
        self._config = config
        self._env = env
        self._given = given
        self._process = None

    def start(self, *more, env=None):
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(*more),
                env=env or self._env,
                cwd=CONFIG.parent,
                stdout=log,
                stderr=log,
            )

    def command(self, *more):
        run = [sys.executable, "-m", "scripts.cli", "run", "--kafka", "--output", self.output]
        place = ["--addresses", ",".join(self._given), "--host", self.number]
        return [*map(str, [*run, "--config", self._config, *place, *more])]

    def attempt(self, *more, env=None):
        """Another start, for `refusal`."""
        return subprocess.Popen(
            self.command(*more),
            env=env or self._env,
            cwd=CONFIG.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def lives(self):
        return self._process is not None and self._process.poll() is None

    def keep(self):
        """What must not happen without being asked for."""
        assert self.lives, f"host {self.number} ended with {self._process.poll()}:\n{self.said()}"

    def workers(self):
        try:
            children = psutil.Process(self._process.pid).children()
            return [each for each in children if "pipelines.worker" in " ".join(each.cmdline())]
        except psutil.NoSuchProcess:
            return []

    def wait_for_worker(self, other_than=()):
        """Its worker, once it has one."""
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while True:
            found = [each for each in self.workers() if each.pid not in other_than]
            if found:
                return found[0]
            assert time.monotonic() < give_up_at, f"no worker:\n{self.said()}"
            time.sleep(0.05)

    def kill(self):
        """`kill -9` of the launcher."""
        self._process.kill()
        self._process.wait(30)

    def ask_to_stop(self):
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds=STOP_SECONDS_MAX):
        return self._process.wait(seconds)

    def end(self):
        """Leave nothing running."""
        if self._process is None:
            return
        left = self.workers()
        if self.lives:
            self.kill()
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def said(self, lines=25):
        """The end of what it and its worker printed."""
        paths = [self.log, self.output / "journal" / f"worker-{self.number}.log"]
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in paths
            if path.exists()
        )


def refusal(attempt):
    """What it says when it ends, which must be with exit code 2."""
    try:
        _, said = attempt.communicate(timeout=60)
    finally:
        attempt.kill()
    assert attempt.returncode == 2, f"must refuse with 2; got {attempt.returncode}: {said}"
    return " ".join(said.split())


class Hosts:
    """All launchers of a cluster; has of `kafka_live.Live` what a `Lag` needs."""

    def __init__(self, town, hosts=2):
        given = addresses(hosts)
        self.launchers = [
            HostLauncher(number, town.output, town.config, town.env, given)
            for number in range(hosts)
        ]

    def start(self):
        for launcher in self.launchers:
            launcher.start()
        return [launcher.wait_for_worker() for launcher in self.launchers]

    def keep(self):
        for launcher in self.launchers:
            launcher.keep()

    def said(self):
        return "\n".join(launcher.said() for launcher in self.launchers)

    def stop(self, by):
        """SIGTERM to one of them; every exit code."""
        self.launchers[by].ask_to_stop()
        return [launcher.wait() for launcher in self.launchers]

    def end(self):
        for launcher in self.launchers:
            launcher.end()
