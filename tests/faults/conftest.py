"""Traffic for the fault tests: small, with everything in it, and what comes of it undisturbed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from killing import hashes, run

from scripts.generate import generate

SEED = 11


@pytest.fixture(scope="session")
def traffic(tmp_path_factory):
    """A folder of events of 100 members over 60 days."""
    folder = tmp_path_factory.mktemp("traffic")
    generate(100, 60, SEED, folder)
    return folder / "events"


@pytest.fixture(scope="session")
def undisturbed(traffic, tmp_path_factory):
    """(output folder, hashes) of a run by one process that nothing happened to."""
    output = tmp_path_factory.mktemp("undisturbed")
    run([traffic], output)
    return output, hashes(output)
