"""The sample channel system: once each, whatever happens to the file or to itself."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decisions import Trigger as Written
from scripts.consume import SAVE_EVERY, Consumer, NotATrigger, Trigger
from sinks.files import JsonLinesFile
from sinks.row_batch import RowBatch

ROOT = Path(__file__).parents[2]


def written(number: int) -> Written:
    """A trigger as decide writes it; all lines are equally long, so that none is told by length."""
    return Written(
        trigger_id=f"t-{number:06}",
        action="send",
        member_id=f"m-{number % 7}",
        channel="push",
        journey="welcome",
        step="greet",
        purpose="marketing",
        content="welcome@1",
        data={"available": 100},
        not_before=0,
        expires_at=None,
        consent="opt_in",
        handle="push_token:x",
        state_version=1,
        decided_at=number,
    )


def lines(*numbers: int) -> bytes:
    return msgspec.json.Encoder().encode_lines([written(number) for number in numbers])


class Seen(list[str]):
    """Effects, in order."""

    def apply(self, trigger: Trigger) -> None:
        self.append(trigger.trigger_id)

    def numbers(self) -> list[int]:
        return [int(one[2:]) for one in self]


def test_each_trigger_once_also_when_lines_repeat(tmp_path: Path) -> None:
    path, seen = tmp_path / "push.jsonl", Seen()
    path.write_bytes(lines(1, 2, 2, 1, 3))
    consumer = Consumer(path, None)
    assert consumer.look(seen.apply) == 3
    with path.open("ab") as file:
        file.write(lines(3, 4))
    assert consumer.look(seen.apply) == 1
    assert consumer.look(seen.apply) == 0
    assert seen.numbers() == [1, 2, 3, 4]


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    path, seen = tmp_path / "push.jsonl", Seen()
    path.write_bytes(lines(1, 2)[:-10])
    consumer = Consumer(path, None)
    consumer.look(seen.apply)
    assert seen.numbers() == [1]
    path.write_bytes(lines(1, 2))
    consumer.look(seen.apply)
    assert seen.numbers() == [1, 2]


def test_cut_off_and_written_again_in_another_order(tmp_path: Path) -> None:
    """The line at which it stopped is the same as before; what is new stands before it."""
    path, state, seen = tmp_path / "push.jsonl", tmp_path / "state", Seen()
    path.write_bytes(lines(1, 2, 3))
    Consumer(path, state).look(seen.apply)
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(lines(1, 4, 3, 2))
    Consumer(path, state).look(seen.apply)
    assert seen.numbers() == [1, 2, 3, 4]


def test_a_new_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path, state, seen = tmp_path / "push.jsonl", tmp_path / "state", Seen()
    path.write_bytes(lines(*range(20)))
    Consumer(path, state, remember=10).look(seen.apply)
    other = tmp_path / "other"
    other.write_bytes(lines(*range(100, 140)))
    other.replace(path)
    Consumer(path, state, remember=10).look(seen.apply)
    assert seen.numbers() == [*range(20), *range(100, 140)]


def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    path, state, seen = tmp_path / "push.jsonl", tmp_path / "state", Seen()
    path.write_bytes(lines(*range(1000)))
    Consumer(path, state, remember=50).look(seen.apply)
    saved = json.loads(state.read_bytes())
    assert len(saved["applied"]) == 50
    assert saved["start"] == len(lines(*range(975)))
    assert Consumer(path, state, remember=50).look(seen.apply) == 0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.lists(st.sampled_from(["write", "save", "crash", "look", "restart"]), max_size=40),
)
def test_a_producer_that_crashes_and_resumes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[str]
) -> None:
    """The real file sink: a resume cuts the file to its snapshot and writes on, reordered."""
    folder = tmp_path_factory.mktemp("consume")
    path, state, seen = folder / "push.jsonl", folder / "state", Seen()
    rng = random.Random(seed)
    sink = JsonLinesFile(path, None)
    snapshot, since, number = 0, list[int](), 0
    consumer = Consumer(path, state, remember=60)
    for step in steps:
        if step == "write" and len(since) < 24:
            fresh = list(range(number, number + rng.randint(1, 6)))
            number += len(fresh)
            since += fresh
            sink.write_batch([RowBatch([written(one) for one in fresh])])
        elif step == "save":
            snapshot, since = sink.snapshot(), []
        elif step == "crash":
            sink.close()
            sink = JsonLinesFile(path, snapshot)
            rng.shuffle(since)
            again, later = since[: rng.randint(0, len(since))], []
            later = since[len(again) :]
            sink.write_batch([RowBatch([written(one) for one in again])])
            if rng.random() < 0.5:
                consumer.look(seen.apply)
            sink.write_batch([RowBatch([written(one) for one in later])])
        elif step == "look":
            consumer.look(seen.apply)
        else:
            consumer = Consumer(path, state, remember=60)
    consumer.look(seen.apply)
    sink.close()
    assert sorted(seen.numbers()) == list(range(number))


def test_a_crash_between_effect_and_save_repeats_and_never_leaves_out(tmp_path: Path) -> None:
    path, state, seen = tmp_path / "push.jsonl", tmp_path / "state", Seen()
    count = 3 * SAVE_EVERY
    path.write_bytes(lines(*range(count)))
    dies_at = 2 * SAVE_EVERY + SAVE_EVERY // 2

    def dying(trigger: Trigger) -> None:
        seen.apply(trigger)
        if len(seen) == dies_at:
            disk.append(state.read_bytes())
            raise RuntimeError("power cut")

    disk: list[bytes] = []
    with pytest.raises(RuntimeError):
        Consumer(path, state).look(dying)
    state.write_bytes(disk[0])
    Consumer(path, state).look(seen.apply)
    times = Counter(seen.numbers())
    assert set(times) == set(range(count))
    twice = [number for number, often in times.items() if often == 2]
    assert twice == list(range(2 * SAVE_EVERY, dies_at))


def test_an_effect_that_fails_is_tried_again(tmp_path: Path) -> None:
    path, state, seen = tmp_path / "push.jsonl", tmp_path / "state", Seen()
    path.write_bytes(lines(1, 2, 3))

    def refusing(trigger: Trigger) -> None:
        if trigger.trigger_id.endswith("2"):
            raise ConnectionError("the provider is away")
        seen.apply(trigger)

    with pytest.raises(ConnectionError):
        Consumer(path, state).look(refusing)
    Consumer(path, state).look(seen.apply)
    assert seen.numbers() == [1, 2, 3]


def test_kill_9_while_following(tmp_path: Path) -> None:
    folder, state = tmp_path / "triggers", tmp_path / "state"
    folder.mkdir()
    command = [sys.executable, "-m", "scripts.cli", "consume", "--triggers", str(folder)]
    command += ["--channel", "push", "--follow", "--state", str(state)]
    effects: list[bytes] = []
    there = 0
    for wanted, written in ((150, 700), (777, 1900), (2000, 2000)):
        # What a reader has printed before the signal reaches it is never all that is wanted next.
        with (folder / "push.jsonl").open("ab") as file:
            file.write(lines(*range(there, written)))
        there = written
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        late = threading.Timer(90, process.kill)
        late.start()
        assert process.stdout is not None
        for line in process.stdout:
            effects.append(line.split()[0])
            if len(set(effects)) == wanted == 2000:
                while b"t-001999" not in state.read_bytes() and process.poll() is None:
                    time.sleep(0.02)
            if len(set(effects)) == wanted:
                process.send_signal(signal.SIGINT if wanted == 2000 else signal.SIGKILL)
                break
        effects += [line.split()[0] for line in process.stdout if line.endswith(b"\n")]
        late.cancel()
        process.stdout.close()
        assert process.wait(10) == (0 if wanted == 2000 else -signal.SIGKILL)
    assert len(set(effects)) == 2000
    assert len(effects) <= 2000 + 2 * SAVE_EVERY
    assert set(json.loads(state.read_bytes())["applied"]) == {one.decode() for one in effects}


def test_what_is_no_trigger_is_refused(tmp_path: Path) -> None:
    """At the second look: at the first it might have been written anew while it was read."""
    path, seen = tmp_path / "push.jsonl", Seen()
    path.write_bytes(lines(1) + b'{"trigger_id": 7}\n')
    consumer = Consumer(path, None)
    consumer.look(seen.apply)
    with pytest.raises(NotATrigger, match=r"push\.jsonl, byte \d+: must be a trigger"):
        consumer.look(seen.apply)
    assert seen.numbers() == [1]
