"""`kill -9` at seeded moments while a sink writes; the resumed runs end as an undisturbed one."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sink_cases import CASES, SinkCase

SCRIPT = Path(__file__).parent / "write_until_killed.py"
ROOT = Path(__file__).parents[2]
KILLS = 4
EPOCHS, ROWS_AN_EPOCH = 5, 800
BATCHES = EPOCHS * ROWS_AN_EPOCH // 25
"""About how many batches a whole run writes: their size is 1 to 50 rows."""


def writer(case: SinkCase, directory: Path, seed: int) -> subprocess.Popen[str]:
    directory.mkdir(exist_ok=True)
    arguments = [case.name, str(directory), str(seed), str(EPOCHS), str(ROWS_AN_EPOCH)]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )


def finish(process: subprocess.Popen[str]) -> None:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "done"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_again_and_again(case: SinkCase, tmp_path: Path) -> None:
    finish(writer(case, tmp_path / "undisturbed", seed=0))
    moments = random.Random(7)
    for attempt in range(KILLS):
        process = writer(case, tmp_path / "killed", seed=attempt)
        assert process.stdout is not None
        for _ in range(moments.randrange(1, BATCHES // (KILLS + 2))):
            assert process.stdout.readline() == "wrote\n"
        time.sleep(moments.uniform(0, 0.01))
        process.kill()
        process.communicate()
        assert process.returncode == -9
    finish(writer(case, tmp_path / "killed", seed=99))
    assert case.content(tmp_path / "killed") == case.content(tmp_path / "undisturbed")
