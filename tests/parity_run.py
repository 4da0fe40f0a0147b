"""`python tests/parity_run.py`: the live flow and the rebuild must agree on every row, at size.

Generates a city, runs it with one and with three workers, rebuilds it, and reconciles. Then a
tenth as large a city is delivered as it was and disturbed: balances, lots and tiers must be the
same. Sizes come from variables:

    KIZUNA_PARITY_MEMBERS (20000), _DAYS (90), _EVENTS (2.1 a member and day), _SEED (42),
    _OUTPUT (a temporary folder), _INPUT (events that are there already, instead of a city)
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from disorder import differences, disturb

from scripts.generate import generate

VARIABLE = "KIZUNA_PARITY_"
ROOT = Path(__file__).parent.parent
AS_OF = "2018-01-01T00:00:00Z"
"""Where time ends for the undisturbed and the disturbed history alike."""


def size(name, default):
    return os.environ.get(VARIABLE + name, default)


def kizuna(*arguments):
    """A command of the command line, its output shown; its exit code."""
    began = time.monotonic()
    command = [sys.executable, "-m", "scripts.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL, check=False)
    print(f"  {arguments[0]}: exit {done.returncode}, {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode


def city(members, days, folder):
    """Generated traffic."""
    made = generate(members, days, int(size("SEED", 42)), folder, float(size("EVENTS", 2.1)))
    print(f"{made['events']:,} events of {members:,} members and {days} days", flush=True)


def main(folder):
    members, days = int(size("MEMBERS", 20_000)), int(size("DAYS", 90))
    events = Path(size("INPUT", folder / "city" / "events"))
    if not events.is_dir():
        city(members, days, folder / "city")
    failed = kizuna("rebuild", "--input", events, "--output", folder / "rebuilt", "--no-gate")
    for workers in (1, 3):
        run = folder / f"run-{workers}"
        failed += kizuna("run", "--input", events, "--output", run, "--workers", workers)
        failed += kizuna("reconcile", run, folder / "rebuilt")
    city(max(1, members // 10), days, folder / "smaller")
    smaller = folder / "smaller" / "events"
    print("disturbed:", disturb(smaller, folder / "disturbed", seed=1), flush=True)
    for name, source in (("calm", smaller), ("rough", folder / "disturbed")):
        until = ("--as-of", AS_OF, "--no-gate")
        failed += kizuna("rebuild", "--input", source, "--output", folder / name, *until)
    found = differences(*(folder / name / "warehouse.duckdb" for name in ("calm", "rough")))
    print("\n".join(found.lines()), flush=True)
    failed += found.count
    print("PARITY HOLDS" if not failed else "PARITY DOES NOT HOLD")
    return 1 if failed else 0


if __name__ == "__main__":
    if given := os.environ.get(VARIABLE + "OUTPUT"):
        sys.exit(main(Path(given)))
    with tempfile.TemporaryDirectory() as name:
        sys.exit(main(Path(name)))
