"""Java programs that development and tests use: which Java runs them, and their pinned jars.

Comes in: a pom.xml that says which jars. Goes out: a folder that has them. Promised: fetched once
by Maven, whoever asks at the same time, and again when the pom changes; what was broken off is
fetched again.
"""

import fcntl
import re
import shutil
import subprocess
from pathlib import Path
from typing import Literal

JAVA_VERSION_MIN = 17
FETCH_SECONDS = 600.0
ANSWER_SECONDS = 60.0
LINES_SHOWN = 15

Goal = Literal["copy-dependencies", "unpack"]


class NoJava(Exception):
    """A Java program can't run here; says why."""


def java() -> str:
    """The path of a Java that is new enough; NoJava if there is none."""
    found = shutil.which("java")
    if found is None:
        raise NoJava(f"needs Java {JAVA_VERSION_MIN} or newer; there is no `java`")
    said = subprocess.run(
        [found, "-version"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    ).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < JAVA_VERSION_MIN:
        raise NoJava(f"needs Java {JAVA_VERSION_MIN} or newer; got {said.strip()!r}")
    return found


def fetch(pom: Path, goal: Goal, folder: Path) -> Path:
    """The folder, with what the pom names in it; NoJava if Maven isn't there or can't get it.

    `copy-dependencies`: jars, with those that they need; `unpack`: the archives it lists.
    """
    folder = folder.resolve()
    stamp = folder / "pom.xml"
    folder.parent.mkdir(parents=True, exist_ok=True)
    (folder.parent / ".gitignore").write_text("*\n")
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
            shutil.rmtree(folder, ignore_errors=True)
            _run_maven(pom, goal, folder)
            shutil.copyfile(pom, stamp)
    return folder


def _run_maven(pom: Path, goal: Goal, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoJava("needs Maven, once, to fetch it; there is no `mvn`")
    command = [maven, "-q", "-B", "-ntp", "-f", str(pom), f"dependency:{goal}"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise NoJava(f"Maven had not fetched it after {FETCH_SECONDS:.0f} s") from late
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise NoJava("\n".join(["Maven couldn't fetch it:", *said[:LINES_SHOWN]]))
