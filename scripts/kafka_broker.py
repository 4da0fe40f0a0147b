"""A real Kafka on loopback for development and tests: one KRaft node, without containers.

Comes in: Java and, once, Maven, which fetches the jars that `config/kafka/pom.xml` pins. Goes
out: a broker on 127.0.0.1 whose data is in one folder. Promised: `start` returns when clients are
served, and starts again after `stop` or `kill` with the same port and the same data; nothing
listens beyond loopback. One copy of everything and no passwords: not for production.

    python -m scripts.kafka_broker fetch | start [--background] | stop
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from scripts.jars import NoJava, java
from scripts.jars import fetch as fetch_jars
from scripts.ports import free_ports, is_open

TEMPLATES = Path(__file__).resolve().parents[1] / "config" / "kafka"
HOME = Path(".kafka")
"""Of the working folder: jars that are fetched once, and the data of `make kafka`."""
PORT = 9092
READY_SECONDS = 90.0
STOP_SECONDS = 30.0
LOG_LINES_SHOWN = 15

CLUSTER_ID = "kizuna-on-one-machine0"
"""22 characters of base 64, as Kafka wants them."""


class NoBroker(Exception):
    """There is no broker; says why."""


class Broker:
    """A Kafka node that this process started, or will."""

    def __init__(
        self,
        data: Path,
        *,
        home: Path = HOME,
        port: int | None = None,
        heap_mib: int = 384,
        quick: bool = True,
    ) -> None:
        """Nothing runs yet. Without a port, a free one is taken and kept.

        Quick: up sooner, by less compilation; slower under a steady load.
        """
        self.data = Path(data).resolve()
        self.log = self.data / "broker.log"
        self._pid_file = self.data / "broker.pid"
        self._home = home
        self._flags = [f"-Xmx{heap_mib}m", "-XX:+UseSerialGC"]
        self._flags += ["-XX:TieredStopAtLevel=1"] if quick else []
        self._process: subprocess.Popen[bytes] | None = None
        free = free_ports(2)
        self.port = port or free[0]
        self._controller_port = free[1]

    def own_properties(self) -> dict[str, str]:
        """What this node has beside config/kafka/server.properties, or instead."""
        return {}

    @property
    def bootstrap(self) -> str:
        """What clients are told: `bootstrap.servers`."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running node."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout: float = READY_SECONDS) -> None:
        """Start, and wait until a client is served; NoBroker with the log's end if it isn't."""
        if self.pid is not None:
            return
        if is_open(self.port):
            raise NoBroker(f"port {self.port} of 127.0.0.1 is taken; is a broker running already?")
        jars = fetch(self._home)
        self._format(jars)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java(jars, "kafka.Kafka", str(self._properties)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for whoever uses the broker, and then stops it
            )
        self._pid_file.write_text(str(self._process.pid))
        try:
            self._wait(timeout)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Stop as an operator would: everything is on disk. Killed if that takes too long."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """`kill -9`: what a crash does."""
        self._end(signal.SIGKILL, STOP_SECONDS)

    def wait(self) -> None:
        """Until the node ends by itself; NoBroker with the log's end then."""
        if self._process is not None:
            self._process.wait()
            raise NoBroker(f"Kafka ended:\n{self._log_end()}")

    def _end(self, how: signal.Signals, timeout: float) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    def _format(self, jars: Path) -> None:
        """Give an empty data folder its identity; one that has data is left as it is."""
        logs = self.data / "log"
        logs.mkdir(parents=True, exist_ok=True)
        template = (TEMPLATES / "server.properties").read_text()
        filled = template.format(port=self.port, controller_port=self._controller_port, logs=logs)
        own = "".join(f"{name}={value}\n" for name, value in self.own_properties().items())
        self._properties.write_text(filled + own)  # of two that set the same, the last one counts
        if (logs / "meta.properties").exists():
            return
        command = ["format", "--cluster-id", CLUSTER_ID, "--config", str(self._properties)]
        done = subprocess.run(
            self._java(jars, "kafka.tools.StorageTool", *command),
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )
        if done.returncode:
            raise NoBroker(f"Kafka can't use {logs}: {(done.stderr or done.stdout).strip()}")

    def _java(self, jars: Path, main: str, *arguments: str) -> list[str]:
        return [
            java(),
            *self._flags,
            f"-Dlog4j2.configurationFile={TEMPLATES / 'log4j2.properties'}",
            "-cp",
            f"{jars}/*",
            main,
            *arguments,
        ]

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.pid is None:
                raise NoBroker(f"Kafka ended as it started:\n{self._log_end()}")
            if is_open(self.port) and _serves(self.bootstrap):
                return
            time.sleep(0.1)
        raise NoBroker(f"Kafka serves nobody after {timeout:.0f} s:\n{self._log_end()}")

    def _log_end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([*lines[-LOG_LINES_SHOWN:], f"(all of it: {self.log})"])


def fetch(home: Path = HOME) -> Path:
    """The folder of the pinned jars, which Maven fetches once."""
    return fetch_jars(TEMPLATES / "pom.xml", "copy-dependencies", Path(home) / "jars")


def stop_recorded(data: Path, timeout: float = STOP_SECONDS) -> bool:
    """Stop the broker that another process started on this data; False if none runs."""
    file = Path(data) / "broker.pid"
    if not file.exists():
        return False
    pid = int(file.read_text())
    deadline = time.monotonic() + timeout
    was_running = _is_broker(pid, data)
    if was_running:
        os.kill(pid, signal.SIGTERM)
    while _is_broker(pid, data):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    file.unlink(missing_ok=True)
    return was_running


def _is_broker(pid: int, data: Path) -> bool:
    """Whether a process is the broker of this data: a number alone may be another's by now."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "state=,args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=STOP_SECONDS,
        check=False,
    ).stdout
    return not shown.startswith("Z") and str(Path(data).resolve() / "server.properties") in shown


def _serves(bootstrap: str) -> bool:
    """Whether metadata name a broker: an open port alone may belong to one that's still fenced."""
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    try:
        client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        return bool(client.list_topics(timeout=5).brokers)
    except KafkaException:
        return False


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 there is no broker, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.kafka_broker", description="A Kafka node on loopback."
    )
    parser.add_argument("--home", type=Path, default=HOME, help="Folder of jars and data.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="Fetch the jars, once.")
    start = commands.add_parser("start", help="Start, and stay until Ctrl-C.")
    start.add_argument("--port", type=int, default=PORT)
    start.add_argument("--background", action="store_true", help="Return once it serves.")
    commands.add_parser("stop", help="Stop what `start --background` started.")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "fetch":
            print(f"Kafka's jars: {fetch(asked.home)}")
        elif asked.command == "stop":
            stopped = stop_recorded(asked.home / "data")
            print("Stopped; the data are kept" if stopped else "No broker runs")
        else:
            _run(asked.home, asked.port, asked.background)
    except KeyboardInterrupt:  # before it served
        return 130
    except (NoBroker, NoJava) as none:
        print(f"Kafka {none}" if isinstance(none, NoJava) else none, file=sys.stderr)
        return 1
    return 0


def _run(home: Path, port: int, background: bool) -> None:
    broker = Broker(home / "data", home=home, port=port, heap_mib=512, quick=False)
    broker.start()
    print(f"Kafka serves {broker.bootstrap}; its data and log are in {broker.data}", flush=True)
    if background:
        print("Stop it: python -m scripts.kafka_broker stop")
        return
    print("Stop it: Ctrl-C", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        broker.wait()
    except KeyboardInterrupt:
        broker.stop()
        print("Stopped; the data are kept")


if __name__ == "__main__":
    sys.exit(main())
