"""A failure inside the process at each epoch of a small run, then a resume: the same result."""

import subprocess
import sys
from pathlib import Path

import pytest
from killing import hashes, run

from scripts.generate import generate

SCRIPT = Path(__file__).with_name("aborting.py")
EPOCHS_MAX = 60


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    generate(25, 20, 5, folder)
    output = tmp_path_factory.mktemp("few-undisturbed")
    run([folder / "events"], output)
    return folder / "events", hashes(output)


def test_abort_at_each_epoch(few, tmp_path):
    traffic, expected = few
    for epoch in range(1, EPOCHS_MAX):
        output = tmp_path / str(epoch)
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(traffic), str(output), str(epoch)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            break
        assert "Aborted" in done.stderr, done.stderr
        run([traffic], output)
        assert hashes(output) == expected, f"aborted at epoch {epoch}"
    print(f"aborted at each of {epoch - 1} epochs")
    assert epoch > 5, "the run is too small to show anything"
    assert epoch < EPOCHS_MAX - 1, "the run never ended"
