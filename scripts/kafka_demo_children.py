"""The demo's processes: started with a log of their own, watched, ended by their id, measured."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

MACHINE: Final = "everything on this machine"
GROUP: Final = "kizuna"
"""Of the dataflow's own offsets, the default of `kafka.group_id`."""
LOG_LINES_SHOWN: Final = 12
END_SECONDS: Final = 20.0


class DemoFailed(Exception):
    """A part of the demo did not do what it must; the message says which, and where its log is."""


class Child:
    """A `kizuna` command in a process of its own; what it says goes to `log`."""

    def __init__(
        self, name: str, words: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.cli", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is for the demo, which then ends its children
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def expect_alive(self) -> None:
        """DemoFailed with the end of its log if it has ended."""
        if self._process.poll() is not None:
            raise DemoFailed(
                f"{self.name}: must run on; ended with exit code {self._process.returncode}:\n"
                f"{self.log_end()}"
            )

    def has_ended(self, expected: int) -> bool:
        """DemoFailed if with another exit code."""
        if self._process.poll() is None:
            return False
        if self._process.returncode != expected:
            raise DemoFailed(
                f"{self.name}: must end with exit code {expected}; got "
                f"{self._process.returncode}:\n{self.log_end()}"
            )
        return True

    def expect_exit(self, code: int, seconds: float) -> None:
        self.wait(seconds)
        self.has_ended(code)

    def wait(self, seconds: float) -> int:
        """Its exit code; DemoFailed if it takes longer."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise DemoFailed(
                f"{self.name}: must end within {seconds:.0f} s; see {self.log}"
            ) from None

    def send(self, what: signal.Signals) -> None:
        self._process.send_signal(what)

    def end(self) -> None:
        """End it whatever it does: asked first, then killed with the processes that it started."""
        if self._process.poll() is not None:
            return
        family = psutil.Process(self.pid).children(recursive=True)
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_SECONDS)
        for one in family:
            if one.is_running():
                one.kill()

    def log_end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([*lines[-LOG_LINES_SHOWN:], f"(all of it: {self.log})"])


def environment(bootstrap: str) -> dict[str, str]:
    """Of children: nobody's own broker is meant, and none of its passwords."""
    kept = {name: value for name, value in os.environ.items() if "KIZUNA_KAFKA" not in name}
    return {**kept, "KIZUNA_KAFKA__BROKERS": bootstrap, "KIZUNA_KAFKA__GROUP_ID": GROUP}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """CPU seconds that a process had used at `at` (seconds), or between two moments."""

    name: str
    pid: int
    cpu_seconds: float
    at: float
    mib: float
    """Of memory, resident."""

    @property
    def share(self) -> float:
        """Of one core; only of a span."""
        return self.cpu_seconds / self.at if self.at else 0.0

    @staticmethod
    def now(run: int, producer: int | None, broker: int | None) -> "dict[str, Usage]":
        """Of the dataflow's workers, its launcher, the producer, the broker, this process, and the
        machine (`MACHINE`)."""
        named = {"the channel system and this report": os.getpid()}
        if broker is not None:
            named["broker"] = broker
        if producer is not None:
            named["producer"] = producer
        named["launcher"] = run
        try:
            workers = psutil.Process(run).children(recursive=True)
        except psutil.NoSuchProcess:
            workers = []
        workers.sort(key=lambda one: one.pid)
        named |= {f"worker {number}": one.pid for number, one in enumerate(workers)}
        found = (_usage(name, pid) for name, pid in named.items())
        return {MACHINE: _machine()} | {
            f"{one.name}/{one.pid}": one for one in found if one is not None
        }


def _machine() -> Usage:
    times, memory = psutil.cpu_times(), psutil.virtual_memory()
    return Usage(
        name=MACHINE,
        pid=0,
        cpu_seconds=times.user + times.nice + times.system,
        at=time.monotonic(),
        mib=memory.used / (1 << 20),
    )


def _usage(name: str, pid: int) -> Usage | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        times, memory = process.cpu_times(), process.memory_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return Usage(
        name=name,
        pid=pid,
        cpu_seconds=times.user + times.system,
        at=time.monotonic(),
        mib=memory.rss / (1 << 20),
    )


def usage_between(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> list[Usage]:
    """What each process used from `before` to `after`, the greediest first.

    One that wasn't there before began in between.
    """
    began = min((one.at for one in before.values()), default=0.0)
    spans = [
        msgspec.structs.replace(
            now,
            cpu_seconds=now.cpu_seconds - (before[key].cpu_seconds if key in before else 0.0),
            at=now.at - began,
        )
        for key, now in after.items()
    ]
    return sorted(spans, key=lambda one: -one.cpu_seconds)
