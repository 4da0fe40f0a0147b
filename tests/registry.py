"""A real schema registry for tests, by Confluent's interface: Apicurio, state in memory."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker import HOME, demanded

from scripts.jars import fetch, java
from scripts.kafka_broker import TEMPLATES
from scripts.ports import free_ports

READY_SECONDS = 90.0
STOP_SECONDS = 30.0


@contextmanager
def running_registry(log: Path) -> Iterator[str]:
    """The URL of an empty registry of one's own, which lives as long as the block.

    It demands no compatibility, as it comes. The test is skipped where it can't run.
    """
    with demanded("the schema registry"):
        program = java()
        folder = fetch(TEMPLATES / "registry" / "pom.xml", "unpack", HOME / "registry")
    (jar,) = folder.glob("*-runner.jar")
    (port,) = free_ports(1)
    flags = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    flags += ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}"]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [program, *flags, "-jar", str(jar)], stdout=said, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        _wait(process, url, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/subjects", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the schema registry serves nobody:\n{log.read_text()[-3000:]}")
