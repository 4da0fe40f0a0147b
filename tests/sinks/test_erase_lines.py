"""Lines of people who were erased: blank where they stood, and skipped by whoever follows."""

from pathlib import Path

import msgspec
import pytest

from scripts.consume import Consumer, Trigger
from sinks.erase_lines import HUSK, erase_lines, is_erased


def line(number: int, member_id: str) -> bytes:
    told = {
        "trigger_id": f"t-{number}",
        "action": "send",
        "member_id": member_id,
        "content": "welcome@1",
        "data": {"number": number},
        "handle": None,
        "decided_at": number,
    }
    return msgspec.json.encode(told) + b"\n"


LINES = [line(number, "ana" if number % 3 == 0 else "ben") for number in range(10)]


def is_anas(one: bytes) -> bool:
    return bool(msgspec.json.decode(one)["member_id"] == "ana")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "push.jsonl"
    path.write_bytes(b"".join(LINES))
    return path


def test_lines_keep_their_place_and_length(path: Path) -> None:
    inode = path.stat().st_ino
    assert erase_lines(path, is_anas) == 4
    left = path.read_bytes().splitlines(keepends=True)
    assert path.stat().st_ino == inode
    assert [len(one) for one in left] == [len(one) for one in LINES]
    for number, (one, was) in enumerate(zip(left, LINES, strict=True)):
        assert one == was if number % 3 else msgspec.json.decode(one) == {"erased": True}
    assert erase_lines(path, is_anas) == 0


@pytest.mark.parametrize("written", [1, 7, len(HUSK), len(HUSK) + 20])
def test_a_line_that_was_left_half_written_is_finished(written: int, path: Path) -> None:
    blank = HUSK.ljust(len(LINES[3]))
    path.write_bytes(b"".join(LINES[:3]) + blank[:written] + LINES[3][written:] + LINES[4])
    erase_lines(path, is_anas)
    left = path.read_bytes().splitlines(keepends=True)
    assert [is_erased(one) for one in left] == [True, False, False, True, False]
    assert b"ana" not in path.read_bytes()


def test_who_follows_the_file_applies_the_rest_once(path: Path, tmp_path: Path) -> None:
    """Also where the line at which it would go on is blank now."""
    applied: list[str] = []

    def apply(trigger: Trigger) -> None:
        applied.append(trigger.trigger_id)

    state = tmp_path / "state.json"
    for _ in range(3):  # so that it goes on at a line of hers
        Consumer(path, state, remember=8).look(apply)
    seen = list(applied)
    assert seen == [f"t-{number}" for number in range(10)]
    erase_lines(path, is_anas)
    with path.open("ab") as file:
        file.write(line(11, "ben"))
    Consumer(path, state, remember=8).look(apply)
    assert applied == [*seen, "t-11"]
    fresh: list[str] = []
    Consumer(path, None).look(lambda trigger: fresh.append(trigger.member_id))
    assert fresh == ["ben"] * 7
