"""A real Flink on loopback that takes Beam pipelines, for development and tests.

Comes in: Java and, once, Maven, which fetches the jars that `config/flink/pom.xml` pins. Goes
out: a session cluster of several processes, a job manager and task managers, with Beam's job
server before it; and the options that send a rebuild there. Promised: `start` returns when jobs
are taken; `stop` leaves no process, not even a worker's. Flink listens on loopback only; Beam's
job server can't be told where to and listens on all addresses: not for a machine in the open.

    python -m scripts.flink_cluster fetch | start [--background] | stop
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from scripts.flink_processes import Ended, Processes, mark, stop_recorded
from scripts.jars import NoJava, java
from scripts.jars import fetch as fetch_jars
from scripts.ports import free_ports

TEMPLATES = Path(__file__).resolve().parents[1] / "config" / "flink"
HOME = Path(".flink")
"""Of the working folder: jars that are fetched once, and the logs of a cluster by hand."""
READY_SECONDS = 120.0
ANSWER_SECONDS = 10.0

JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
FRAMEWORK_HEAP_MIB = 64
"""As config.yaml says."""
SENT = ("beam-runners-flink-", "beam-runners-java-job-service-", "flink-clients-", "flink-java-")
SENT += ("flink-optimizer-", "flink-streaming-java-", "slf4j-jdk14-")
"""The jars that hand a job to Flink; see `_classes`."""
OPENED = ("lang", "net", "io", "nio", "util", "util.concurrent")
"""What Flink looks into of Java's own packages, and Java would otherwise keep shut."""


class NoCluster(Exception):
    """There is no cluster; says why."""


class Cluster:
    """A Flink that this process started, or will."""

    def __init__(
        self,
        data: Path,
        *,
        home: Path = HOME,
        task_managers: int = 2,
        task_heap_mib: int = 384,
    ) -> None:
        """Nothing runs yet. `data`: logs and temporary files, of one start at a time."""
        self.data = Path(data).resolve()
        self.task_managers = task_managers
        self._home = home
        self._task_heap_mib = task_heap_mib
        self._processes = Processes(self.data)
        self._rpc_port, self._rest_port = free_ports(2)
        self._job_endpoint = ""

    @property
    def beam_options(self) -> list[str]:
        """What to give to `kizuna rebuild`."""
        return [
            "--runner=FlinkRunner",
            f"--job_endpoint={self._job_endpoint}",
            "--environment_type=PROCESS",
            f"--environment_config={json.dumps({'command': str(self._worker)})}",
            "--environment_cache_millis=60000",  # a worker stays from one stage to the next
            f"--parallelism={self.task_managers}",
        ]

    @property
    def rest(self) -> str:
        """Where Flink shows what it does."""
        return f"http://127.0.0.1:{self._rest_port}"

    def ask(self, path: str) -> Any:
        """What Flink says of itself at a path of its REST interface."""
        with urllib.request.urlopen(f"{self.rest}/{path}", timeout=ANSWER_SECONDS) as answer:
            return json.load(answer)

    def start(self, timeout: float = READY_SECONDS) -> None:
        """Start, and wait until jobs are taken; NoCluster with the end of a log if they aren't."""
        jars = fetch(self._home)
        if stop_recorded(self.data):
            raise NoCluster(f"a cluster ran already in {self.data}; it was stopped: start again")
        shutil.rmtree(self.data, ignore_errors=True)
        self._lay_out()
        configured = ["--configDir", str(self.data)]
        classes = ["-cp", f"{jars}/*"]
        heap_mib = self._task_heap_mib + FRAMEWORK_HEAP_MIB
        try:
            self._run("job-manager", 256, [*classes, JOB_MANAGER, *configured])
            for number in range(1, self.task_managers + 1):
                name = f"task-manager-{number}"
                self._run(name, heap_mib, [*classes, TASK_MANAGER, *configured])
            self._run("job-server", 384, [*_classes(jars), JOB_SERVER, *self._taking_jobs()])
            self._wait(time.monotonic() + timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all processes, workers too. Killed if that takes too long."""
        self._processes.stop()

    def kill(self, name: str) -> None:
        """`kill -9` of `task-manager-` and a number from 1, say: what a crash does."""
        self._processes.kill(name)

    def wait(self) -> None:
        """Until a process ends by itself; NoCluster with the end of its log then."""
        while True:
            self._demand_life()
            time.sleep(0.5)

    @property
    def _worker(self) -> Path:
        return self.data / "worker"

    def _lay_out(self) -> None:
        """The folder: Flink's configuration and the program that task managers run as a worker."""
        temporary = self.data / "temporary"
        temporary.mkdir(parents=True)
        template = (TEMPLATES / "config.yaml").read_text()
        (self.data / "config.yaml").write_text(
            template.format(
                rpc_port=self._rpc_port,
                rest_port=self._rest_port,
                temporary=temporary,
                task_heap_mib=self._task_heap_mib,
            )
        )
        program = [sys.executable, "-m", "scripts.flink_worker", "--cluster", str(self.data)]
        log = shlex.quote(str(self.data / "worker.log"))
        self._worker.write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@" >> {log} 2>&1\n')
        self._worker.chmod(0o755)

    def _taking_jobs(self) -> list[str]:
        """The job server's options; with port 0 it chooses, and says what it chose."""
        return [
            *["--flink-master", f"127.0.0.1:{self._rest_port}"],
            *["--job-port", "0", "--artifact-port", "0", "--expansion-port", "-1"],
            *["--artifacts-dir", str(self.data / "staged")],
        ]

    def _run(self, name: str, heap_mib: int, program: list[str]) -> None:
        command = [java(), mark(self.data), f"-Xmx{heap_mib}m", "-XX:+UseSerialGC"]
        command += ["-XX:TieredStopAtLevel=1"]  # up sooner; the work itself is Python's
        command += [f"--add-opens=java.base/java.{part}=ALL-UNNAMED" for part in OPENED]
        command += [f"-Djava.util.logging.config.file={TEMPLATES / 'logging.properties'}"]
        command += [f"-Djava.io.tmpdir={self.data / 'temporary'}"]
        self._processes.start(name, [*command, *program])

    def _wait(self, deadline: float) -> None:
        job_server = self._processes.log("job-server")
        while time.monotonic() < deadline:
            self._demand_life()
            said = re.search(r"JobService started on (\S+)", job_server.read_text())
            if said and self._task_managers_known() == self.task_managers:
                self._job_endpoint = said[1]
                return
            time.sleep(0.2)
        raise NoCluster(f"no jobs are taken in time:\n{self._processes.log_end('job-manager')}")

    def _task_managers_known(self) -> int:
        try:
            return int(self.ask("overview")["taskmanagers"])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0

    def _demand_life(self) -> None:
        try:
            self._processes.demand_life()
        except Ended as ended:
            raise NoCluster(str(ended)) from ended


def fetch(home: Path = HOME) -> Path:
    """The folder of the pinned jars, which Maven fetches once."""
    return fetch_jars(TEMPLATES / "pom.xml", "copy-dependencies", Path(home) / "jars")


def _classes(jars: Path) -> list[str]:
    """The job server's classes. What is on its class path it sends along with each job: 157 MB,
    and the cluster has these jars already. So only those are on it that must be."""
    sent = sorted(str(jar) for jar in jars.glob("*.jar") if jar.name.startswith(SENT))
    rest = sorted(str(jar) for jar in jars.glob("*.jar") if not jar.name.startswith(SENT))
    return [f"-Xbootclasspath/a:{os.pathsep.join(rest)}", "-cp", os.pathsep.join(sent)]


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 done, 1 there is no cluster, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.flink_cluster", description="A Flink cluster on loopback."
    )
    parser.add_argument("--home", type=Path, default=HOME, help="Folder of jars and logs.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="Fetch the jars, once.")
    start = commands.add_parser("start", help="Start, and stay until Ctrl-C.")
    start.add_argument("--task-managers", type=int, default=2)
    start.add_argument("--background", action="store_true", help="Return once it takes jobs.")
    commands.add_parser("stop", help="Stop what `start --background` started.")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "fetch":
            print(f"Flink's jars: {fetch(asked.home)}")
        elif asked.command == "stop":
            print("Stopped" if stop_recorded(asked.home / "data") else "No cluster runs")
        else:
            _run(asked.home, asked.task_managers, asked.background)
    except KeyboardInterrupt:  # before it took jobs
        return 130
    except (NoCluster, NoJava) as none:
        print(f"Flink {none}" if isinstance(none, NoJava) else none, file=sys.stderr)
        return 1
    return 0


def _run(home: Path, task_managers: int, background: bool) -> None:
    cluster = Cluster(home / "data", home=home, task_managers=task_managers, task_heap_mib=1024)
    cluster.start()
    print(f"Flink shows its jobs at {cluster.rest}/jobs/overview; its logs are in {cluster.data}")
    print("Send a rebuild there:\n  kizuna rebuild --input … --output … \\")
    print("    " + " \\\n    ".join(map(shlex.quote, cluster.beam_options)), flush=True)
    if background:
        print("Stop it: python -m scripts.flink_cluster stop")
        return
    print("Stop it: Ctrl-C", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cluster.wait()
    except KeyboardInterrupt:
        print("Stopped")
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
