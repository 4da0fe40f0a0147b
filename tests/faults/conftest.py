"""Traffic for the fault tests: small, with everything in it, and what comes of it undisturbed."""

import random
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from killing import hashes, run

from scripts.generate import generate

SEED = 11
MINUTE_MS = 60_000


@pytest.fixture(scope="session")
def traffic(tmp_path_factory):
    """A folder of events of 100 members over 60 days, whose collectors' clocks jump back."""
    folder = tmp_path_factory.mktemp("traffic")
    generate(100, 60, SEED, folder)
    for number, file in enumerate(sorted((folder / "events").rglob("*.jsonl"))):
        make_clocks_jump(file, random.Random(SEED + number))
    return folder / "events"


def make_clocks_jump(file, chance):
    """Set `received_at` back by up to 50 minutes, for single records and for whole stretches."""
    setback, lines = 0, []
    for line in file.read_bytes().splitlines():
        if chance.random() < 0.02:
            setback = chance.choice([0, chance.randrange(50 * MINUTE_MS)])
        record = msgspec.json.decode(line)
        record["received_at"] -= max(setback, chance.choice([0, 0, chance.randrange(MINUTE_MS)]))
        lines.append(msgspec.json.encode(record))
    file.write_bytes(b"\n".join(lines) + b"\n")


@pytest.fixture(scope="session")
def undisturbed(traffic, tmp_path_factory):
    """(output folder, hashes) of a run by one process that nothing happened to."""
    output = tmp_path_factory.mktemp("undisturbed")
    run([traffic], output)
    return output, hashes(output)
