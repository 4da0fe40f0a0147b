"""kill -9 of workers at seeded moments, with a resume each time: nothing lost, nothing doubled."""

import os
import random

from killing import committed, hashes, kill_at, run

KILLS = int(os.environ.get("KIZUNA_TEST_KILLS", "25"))
SEED = int(os.environ.get("KIZUNA_TEST_SEED", "20170101"))


def test_kill_at_seeded_moments(traffic, undisturbed, tmp_path):
    print(f"KIZUNA_TEST_SEED={SEED} KIZUNA_TEST_KILLS={KILLS}")
    chance = random.Random(SEED)
    shares = sorted(0.05 + 0.9 * (n + chance.random()) / KILLS for n in range(KILLS))
    killed, between_commits = 0, 0
    for share in shares:
        workers = chance.choice([1, 2])
        if not kill_at([traffic], tmp_path, share, chance, workers=workers, epoch_ms=100):
            break
        killed += 1
        epoch, position = committed(tmp_path)
        between_commits += epoch > 1 and position > 0
    run([traffic], tmp_path)
    print(f"killed {killed} times, {between_commits} of them between the first and last commit")
    assert killed == KILLS, "the run ended before it was killed"
    assert between_commits >= KILLS * 0.8
    assert hashes(tmp_path) == undisturbed[1]
