"""The processes of a cluster: started, watched and ended together.

Comes in: programs, a name each. Goes out: a log each in the cluster's folder, and a record of
who they are. Promised: `stop` ends them and all that they started; another process can do it by
the record, and harms nobody who got one of their numbers later.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

STOP_SECONDS = 20.0
LOG_LINES_SHOWN = 20


class Ended(Exception):
    """A process ended that should go on; says which, with the end of its log."""


class Processes:
    """Those that this process started in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str]) -> None:
        """Start one; its command must carry `mark(folder)`."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: what it starts can be ended with it
            )
        pids = [process.pid for process in self._running.values()]
        _record(self._folder).write_text(json.dumps(pids))

    def demand_life(self) -> None:
        """Go on only if they all still run."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Ended(f"{name} ended:\n{self.log_end(name)}")

    def kill(self, name: str) -> None:
        """`kill -9` of one: what a crash does."""
        self._running[name].kill()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End them, with what they started. Killed if that takes too long."""
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + timeout
        for process in self._running.values():
            if process.returncode is not None:
                continue
            while not _has_ended(process.pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGKILL)  # the number is its own until it is waited for
            process.wait(STOP_SECONDS)
        self._running.clear()
        _record(self._folder).unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        """What one says."""
        return self._folder / f"{name}.log"

    def log_end(self, name: str) -> str:
        """The last of what one said, and where the rest is."""
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join([*lines[-LOG_LINES_SHOWN:], f"(all of it: {self.log(name)})"])


def mark(folder: Path) -> str:
    """What a command must carry, as an argument of its own."""
    return f"-Dkizuna.flink={folder.resolve()}"


def stop_recorded(folder: Path, timeout: float = STOP_SECONDS) -> bool:
    """Stop what another process started in this folder; False if none of it runs."""
    file = _record(folder)
    if not file.exists():
        return False
    pids = [pid for pid in json.loads(file.read_text()) if _is_ours(pid, folder)]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    for pid in pids:
        while _is_ours(pid, folder):
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                break
            time.sleep(0.1)
    file.unlink(missing_ok=True)
    return bool(pids)


def _record(folder: Path) -> Path:
    return folder.resolve() / "processes.json"


def _is_ours(pid: int, folder: Path) -> bool:
    """Whether a process is of this cluster: a number alone may be another's by now."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "state=,args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS,
        check=False,
    ).stdout
    return not shown.startswith("Z") and f"{mark(folder)} " in shown


def _has_ended(pid: int) -> bool:
    """Whether a child has, without taking note of it: its number stays its own."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
