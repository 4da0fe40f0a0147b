"""`kizuna doctor`: what a run needs, looked at before or beside it; each line says the remedy.

In: a configuration folder, the environment, and an output folder if one is named. Out: findings,
one a thing looked at. Promised: nothing is changed, no secret is shown, every look ends within
seconds. A thing that isn't used or can't be seen is skipped, and says why.
"""

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from config.deployment import Deployment
from config.problems import ConfigError
from pipelines.assemble import read_configuration
from scripts import doctor_kafka
from scripts.doctor_findings import Finding, right, skipped, wrong
from scripts.holders import Holder, holders

PYTHONS = ((3, 10), (3, 13))
FREE_BYTES_MIN = 1 << 30
FREE_SHARE_MIN = 0.05
EPOCHS_WITHOUT_SNAPSHOT = 10
SNAPSHOT_AGE_SECONDS_MIN = 60.0
WEB_SERVER = "BYTEWAX_DATAFLOW_API_ENABLED"


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is looked at. `deployment` is None where the configuration is wrong."""

    config: Path
    output: Path | None
    deployment: Deployment | None


def examine(config: Path, output: Path | None = None) -> Iterator[Finding]:
    """All findings, in the order in which one would put things right."""
    yield from _python()
    yield from _packages()
    deployment = None
    try:
        deployment = read_configuration(config)
    except ConfigError as error:
        for problem in error.problems:
            yield wrong("config", str(problem), "correct it; nothing runs before")
    patient = Patient(config=config, output=output, deployment=deployment)
    for look in LOOKS:
        yield from look(patient)


def _python() -> Iterator[Finding]:
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        yield right("python", said)
    else:
        yield wrong("python", said, "use Python 3.10, 3.11 or 3.12")


def _packages() -> Iterator[Finding]:
    """What `pip install kizuna` and each of its extras would bring."""
    groups: dict[str, list[tuple[str, str]]] = {"": []}
    for line in metadata.requires("kizuna") or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*[\"']([\w-]+)", marker)
        name = re.sub(r"[^\w.-].*", "", requirement.strip())
        pin = requirement.partition("==")[2].strip()
        groups.setdefault(extra[1] if extra else "", []).append((name, pin))
    for group, needed in groups.items():
        there, missing, other = [], [], []
        for name, pin in needed:
            found = _version(name)
            if found is None:
                missing.append(name)
            elif pin and found != pin:
                other.append(f"{name} must be {pin}; got {found}")
            else:
                there.append(f"{name} {found}")
        title = f"extra {group}" if group else "packages"
        asked = f"kizuna[{group}]" if group else "kizuna"
        if other or (missing and not group):
            said = "; ".join([*other, *(f"{name} is missing" for name in missing)])
            yield wrong(title, said, f"pip install '{asked}'")
        elif missing:
            said = f"without {', '.join(missing)}"
            yield skipped(title, said, f"pip install '{asked}', if you want what it brings")
        else:
            yield right(title, ", ".join(there))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _config(patient: Patient) -> Iterator[Finding]:
    deployment = patient.deployment
    if deployment is None:
        return
    said = (
        f"{patient.config}: {len(deployment.programmes)} programmes, {len(deployment.journeys)} "
        f"journeys, {len(deployment.ladder.steps)} rungs"
    )
    yield right("config", said)
    for warning in deployment.warnings:
        remedy = "set it before anybody's real data come in" if "development" in warning else ""
        yield skipped("config", warning, remedy)


def _web_server(_: Patient) -> Iterator[Finding]:
    if WEB_SERVER in os.environ:
        yield wrong(
            "engine's server",
            f"{WEB_SERVER} is set: Bytewax serves the dataflow to every network, port 3030",
            f"unset {WEB_SERVER}; any value turns it on, also 0 and none",
        )


def _output(patient: Patient) -> Iterator[Finding]:
    output = patient.output
    if output is None:
        yield skipped("output", "none named", "kizuna doctor --output OUT looks at a run's folder")
        return
    if not output.is_dir():
        yield skipped("output", f"{output} isn't there yet", "the first run makes it")
        return
    # A worker has its lock from the launcher, so all that have the file open hold it. Each host of
    # a cluster has a file of its own; processes of other hosts can't be seen from here.
    runs = [one for lock in sorted(output.glob(".lock*")) for one in holders(lock) if one.locks]
    yield from _lock(output, runs)
    yield from _warehouse(output, runs)
    yield from _snapshot(output, runs, patient.deployment)


def _lock(output: Path, runs: list[Holder]) -> Iterator[Finding]:
    suspended = [one for one in runs if one.suspended]
    if suspended:
        pids = " ".join(str(one.pid) for one in suspended)
        yield wrong(
            "lock",
            f"{output} is held by {_named(runs)}",
            f"let it go on (kill -CONT {pids}) or end it (kill -9 {pids}); both are safe",
        )
    elif runs:
        yield right("lock", f"a run lives: {_named(runs)}")
    else:
        yield right("lock", "free: no run lives")


def _warehouse(output: Path, runs: list[Holder]) -> Iterator[Finding]:
    path = output / "warehouse.duckdb"
    if not path.exists():
        yield skipped("warehouse", "isn't there yet", "the first run makes it")
        return
    writers = {one.pid for one in runs}
    others = [one for one in holders(path) if one.pid not in writers]
    if others and not runs:
        yield wrong(
            "warehouse",
            f"{path} is open in {_named(others)}; no run could write it",
            "close it there before the next run",
        )
    else:
        size = path.stat().st_size / (1 << 20)
        yield right("warehouse", f"{size:,.0f} MiB, {'written by the run' if runs else 'free'}")


def _snapshot(output: Path, runs: list[Holder], deployment: Deployment | None) -> Iterator[Finding]:
    files = [*(output / "recovery").glob("*.sqlite3*")]
    if not files:
        yield skipped("snapshot", "none yet", "the first run takes one every few seconds")
        return
    age = max(0.0, time.time() - max(file.stat().st_mtime for file in files))
    epoch = deployment.settings.kafka.epoch_ms / 1000 if deployment else 0.0
    limit = max(SNAPSHOT_AGE_SECONDS_MIN, EPOCHS_WITHOUT_SNAPSHOT * epoch)
    said = f"the last one was taken {_duration(age)} ago"
    if runs and age > limit:
        yield wrong(
            "snapshot",
            f"{said}, though a run lives",
            "look at /livez and OUT/journal/worker-*.log; docs/operations.md, No snapshot lately",
        )
    else:
        yield right("snapshot", said)


def _disk(patient: Patient) -> Iterator[Finding]:
    folder = patient.output or Path.cwd()
    while not folder.is_dir():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    said = f"{usage.free / (1 << 30):,.1f} GiB free of {usage.total / (1 << 30):,.1f} at {folder}"
    if usage.free < FREE_BYTES_MIN or usage.free < FREE_SHARE_MIN * usage.total:
        remedy = "make room: a full disk stops the run, which then goes on from its last snapshot"
        yield wrong("disk", said, remedy)
    else:
        yield right("disk", said)


def _kafka(patient: Patient) -> Iterator[Finding]:
    if patient.deployment is None:
        yield skipped("broker", "not asked: the configuration is wrong", "")
        return
    yield from doctor_kafka.examine(patient.deployment, patient.config)


LOOKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    _config,
    _web_server,
    _disk,
    _output,
    _kafka,
)


def _named(found: list[Holder]) -> str:
    return ", ".join(map(str, found))


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
