"""What a launcher of a live run does while others are busy: its workers, or other hosts."""

import time
from collections.abc import Callable

from pipelines.processes import POLL_SECONDS, Worker, WorkerFailed
from pipelines.stopping import Stopping

PATIENCE_SECONDS = 3.0
"""Waiting for other hosts is told of after this."""


class Patience:
    """Called while workers run: says that one is suspended, and gives up on a stop that hangs."""

    def __init__(
        self,
        stopping: Stopping,
        seconds: float,
        workers: list[Worker],
        said: Callable[[str], None],
        watch_others: Callable[[], None],
    ) -> None:
        self._stopping = stopping
        self._seconds = seconds
        self._workers = workers
        self._said = said
        self._watch_others = watch_others
        self._asked_at: float | None = None
        self._suspended: set[int] = set()

    def __call__(self) -> None:
        self._watch_others()
        suspended = {worker.number for worker in self._workers if worker.suspended}
        for number in sorted(suspended - self._suspended):
            self._said(f"worker {number} is suspended; the others wait until it goes on")
        self._suspended = suspended
        if not self._stopping.asked():
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._said("asked to stop: finishing what is on its way")
        elif time.monotonic() - self._asked_at > self._seconds:
            raise WorkerFailed(
                f"workers must end within {self._seconds:g} s of being asked to; they did not and "
                "were killed; run the same command again: it resumes from the last snapshot"
            )


class Waiting:
    """For other hosts, however long it takes; a person is told of whom."""

    def __init__(self, said: Callable[[str], None]) -> None:
        self._said = said
        self.begin()

    def begin(self) -> None:
        self._whom: str | None = None
        self._since = time.monotonic()

    def go_on(self, whom: str) -> None:
        """Until it is time to look again. What is said is said again when it changes."""
        if self._whom != whom and time.monotonic() - self._since > PATIENCE_SECONDS:
            self._whom = whom
            self._said(
                f"waiting for {whom}: it must be started with the same --output, which all hosts "
                "share, and its workers of an earlier start must have ended"
            )
        time.sleep(POLL_SECONDS)
