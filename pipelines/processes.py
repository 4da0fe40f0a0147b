"""Worker processes: started together, watched, ended together; and the lock on their output."""

import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

REFUSED = 2
"""A worker's exit code when the input or configuration is wrong; its log says what."""
LOCK_WAIT_SECONDS = 5.0
POLL_SECONDS = 0.1
LAST_WORDS_SECONDS = 3.0
LOG_LINES_SHOWN = 12


class RunRefused(Exception):
    """The run can't start as asked; the message says what must be, what was got, what to do."""


class WorkerFailed(Exception):
    """A worker process ended early; the same run can be started again and resumes."""


class Worker:
    """One worker process; what it prints goes to a log beside the journal."""

    def __init__(self, plan_file: Path, number: int, lock: IO[bytes]) -> None:
        self.number = number
        self.log = plan_file.parent / f"worker-{number}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipelines.worker", str(plan_file), str(number)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock.fileno()],
            )

    @property
    def code(self) -> int | None:
        return self.process.poll()

    @property
    def suspended(self) -> bool:
        """The process was stopped by a signal (where there is /proc)."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[:1] == ["T"]


def watch(workers: list[Worker], tick: Callable[[], None]) -> None:
    """Wait for all of them; if one fails, end the others and say why."""
    try:
        while any(worker.code is None for worker in workers):
            tick()
            if any(worker.code not in (None, 0) for worker in workers):
                _let_end(workers)
                break
            time.sleep(POLL_SECONDS)
        tick()
        failed = [worker for worker in workers if worker.code not in (None, 0)]
    finally:
        for worker in workers:
            if worker.code is None:
                worker.process.kill()
            worker.process.wait()
    if not failed:
        return
    refused = [worker for worker in failed if worker.code == REFUSED]
    if refused:
        raise RunRefused(_last_words(refused[0].log, 1))
    said = "\n".join(f"worker {w.number}: {_last_words(w.log, LOG_LINES_SHOWN)}" for w in failed)
    raise WorkerFailed(
        f"a worker process must end with exit code 0; got {failed[0].code}; run the same command "
        f"again: it resumes from the last snapshot\n{said}"
    )


def _let_end(workers: list[Worker]) -> None:
    """Whoever lost a peer fails too; who failed first knows why, and may still be saying it."""
    give_up_at = time.monotonic() + LAST_WORDS_SECONDS
    while any(worker.code is None for worker in workers) and time.monotonic() < give_up_at:
        time.sleep(POLL_SECONDS)


def _last_words(log: Path, lines: int) -> str:
    return "\n".join(log.read_text(errors="replace").strip().splitlines()[-lines:])


@contextmanager
def exclusive(output: Path, host: int = 0, hosts: int = 1) -> Iterator[IO[bytes]]:
    """Hold a host's place at the output folder; its workers hold it too, so that a zombie can't be
    overtaken. Each host has a lock of its own. The first one also sees to it that nobody lives on
    beyond the number of `hosts`: one, unless said otherwise.
    """
    with _held(output, ".lock" if host == 0 else f".lock-{host}") as lock:
        for other in output.glob(".lock-*") if host == 0 else ():
            if int(other.name.rpartition("-")[2]) >= hosts:
                with _held(output, other.name):
                    pass
        yield lock


@contextmanager
def _held(output: Path, name: str) -> Iterator[IO[bytes]]:
    with (output / name).open("ab") as lock:
        give_up_at = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise RunRefused(
                        f"--output: must not be in use; another run still holds {output}; wait "
                        "until it ends, or end it"
                    ) from None
                time.sleep(POLL_SECONDS)
        yield lock


def free_addresses(count: int) -> list[str]:
    """Loopback addresses that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()
