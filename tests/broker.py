"""A real Kafka for tests: one that all of a test run share, and ones that a test may break."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.jars import NoJava, java
from scripts.kafka_broker import Broker, fetch, stop_recorded

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".kafka"


@contextmanager
def running_broker(**options) -> Iterator[Broker]:
    """A broker of one's own, with `.bootstrap`, `.stop()`, `.kill()` and `.start()` again.

    Port and data outlast a stop; both end with the block.
    """
    demand_broker()
    with tempfile.TemporaryDirectory(prefix="kizuna-broker-", ignore_cleanup_errors=True) as folder:
        broker = Broker(Path(folder) / "data", home=HOME, **options)
        watcher = stop_after(os.getpid(), Path(folder))
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()
            watcher.terminate()
            watcher.wait(30)


def shared_broker(folder: Path, owner: int) -> str:
    """The bootstrap string of the broker in a folder that the processes of a test run share.

    Whoever comes first starts it; `end_shared_broker` ends it, or the end of the process `owner`.
    """
    demand_broker()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = folder / "address"
        if not address.exists():
            broker = Broker(folder / "data", home=HOME)
            stop_after(owner, folder)
            broker.start()
            address.write_text(broker.bootstrap)
        return address.read_text()


def end_shared_broker(folder: Path) -> None:
    """Stop it, if anybody started it. Its data go with the folder."""
    stop_recorded(folder / "data")


def stop_after(owner: int, folder: Path) -> subprocess.Popen[bytes]:
    """A process that stops the broker of `folder` once its owner has ended, even by a kill."""
    wait = 'while kill -0 "$0" 2>/dev/null; do sleep 1; done; exec "$@"'
    stop = [sys.executable, "-m", "scripts.kafka_broker", "--home", str(folder), "stop"]
    return subprocess.Popen(
        ["/bin/sh", "-c", wait, str(owner), *stop],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def demand_broker() -> None:
    """Go on only where a broker can run."""
    with demanded("Kafka"):
        java()
        fetch(HOME)


@contextmanager
def demanded(what: str) -> Iterator[None]:
    """Where a Java program can't be had the test is skipped, or fails if it must not be."""
    try:
        yield
    except NoJava as none:
        if os.environ.get("KIZUNA_TEST_NEEDS_BROKER") == "1":
            pytest.fail(f"KIZUNA_TEST_NEEDS_BROKER=1, but {what} {none}", pytrace=False)
        pytest.skip(f"{what} {none}")
