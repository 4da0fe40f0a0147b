"""Commands that the flow gives itself are answers: given anew by other rules, never repeated."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from in_memory import event
from small_city import build_small_city

from pipelines.history import History, find_history
from pipelines.sources.records import open_records
from schemas.codec import ArchiveBatch
from schemas.commands import LoopCommand
from schemas.identity import EventOwner
from scripts.run import DEFAULT_CONFIG
from scripts.simulate.own_commands import ends_of, taken_out
from scripts.simulate.settle import Settled, commands_in, fold_settled
from sinks.archive import ArchiveLane, lane_files

START = 1_488_362_400_000
END = START + 5_000
Rule = Callable[[set[str]], list[str]]
"""Which commands are given, if these were read."""


def sent(name: str, type_: str, at: int, **more: object) -> dict[str, object]:
    record = {"event_id": name, "type": type_, "occurred_at": at, "received_at": at, "market": "us"}
    return {"source": "web", "identifiers": {}, "payload": {}, **record, **more}


def unlink(name: str, at: int, actor: str = "member_limits") -> dict[str, object]:
    payload = {"owner": "member_id:m1", "reason": "over", "actor": actor}
    about = {"cookie": f"c-{name}"}
    return sent(name, "unlink", at, source="command", identifiers=about, payload=payload)


@pytest.fixture
def history(tmp_path: Path) -> Callable[..., History]:
    """A visit, and commands: a file of each, as a run leaves them."""

    def make(*commands: dict[str, object]) -> History:
        folder = tmp_path / "events"
        folder.mkdir()
        (folder / "web.jsonl").write_text(json.dumps(sent("v1", "app_opened", END)) + "\n")
        if commands:
            lines = "".join(json.dumps(one) + "\n" for one in commands)
            (folder / "given.jsonl").write_text(lines)
        return find_history([folder], None)

    return make


@pytest.fixture
def folded(tmp_path: Path) -> Callable[[Rule], tuple[Callable[[History], Path], list[list[str]]]]:
    """A fold by a rule: a warehouse with the commands that were read and those that it gave."""

    def make(rule: Rule) -> tuple[Callable[[History], Path], list[list[str]]]:
        read: list[list[str]] = []

        def fold(history: History) -> Path:
            names = []
            for one in history.files:
                for line in Path(one.file.path).read_text().splitlines():
                    record = json.loads(line)
                    if record["source"] == "command":
                        names.append(f"{record['event_id']}@{record['received_at'] - START}")
            read.append(sorted(names))
            ids = {name.partition("@")[0] for name in names}
            answered = [
                EventOwner(
                    source="command",
                    event_id=name,
                    type="unlink",
                    member_id="m1",
                    rung="device",
                    reason="member_id",
                    known_at=END,
                )
                for name in ids
            ]
            given = [
                LoopCommand(
                    command_id=name,
                    type="unlink",
                    market="us",
                    about=json.dumps({"cookie": f"c-{name}"}),
                    payload=json.dumps(
                        {"owner": "member_id:m1", "reason": "over", "actor": "member_limits"}
                    ),
                    because_of="web/v1",
                    given_at=START + 100,
                )
                for name in rule(ids)
            ]
            path = tmp_path / f"fold-{len(read)}.duckdb"
            build_small_city(path, (*answered, *given))
            return path

        return fold, read

    return make


def settle(fold: Callable[[History], Path], history: History, known: object, at: Path) -> Settled:
    return fold_settled(fold, history, known, at / "aside", DEFAULT_CONFIG)  # type: ignore[arg-type]


def test_what_is_given_and_read_alike_takes_one_fold(history, folded, tmp_path: Path) -> None:
    fold, read = folded(lambda ids: ["u1"])
    past = history(unlink("u1", END + 1))
    base = settle(fold, past, None, tmp_path)
    again = settle(fold, past, base.given, tmp_path)
    assert read == [["u1@5001"], ["u1@5001"]]
    assert (again.changed, again.circling) == (0, False)


def test_events_alone_are_folded_with_the_commands_that_they_lead_to(
    history, folded, tmp_path: Path
) -> None:
    """They are read after the end of the input, as a run would."""
    fold, read = folded(lambda ids: ["u1", "u2"] if "u1" in ids else ["u1"])
    found = settle(fold, history(), None, tmp_path)
    assert read == [[], ["u1@5001"], ["u1@5001", "u2@5001"]]
    assert set(found.given) == {"u1", "u2"}
    assert not found.circling


def test_other_rules_give_other_commands_and_staff_stay_where_they_were(
    history, folded, tmp_path: Path
) -> None:
    past = history(unlink("by-staff", START + 7, "desk"), unlink("u1", END + 9))
    known = settle(folded(lambda ids: ["u1"])[0], past, None, tmp_path).given
    fold, read = folded(lambda ids: ["u2"])
    found = settle(fold, past, known, tmp_path)
    assert read == [["by-staff@7", "u1@5009"], ["by-staff@7", "u2@5001"]]
    assert (found.changed, found.circling) == (2, False)
    assert set(commands_in(found.warehouse)) == {"u2"}


def test_one_that_is_kept_comes_when_it_came(history, folded, tmp_path: Path) -> None:
    past = history(unlink("u1", END + 9), unlink("u3", END + 12))
    known = settle(folded(lambda ids: ["u1", "u3"])[0], past, None, tmp_path).given
    fold, read = folded(lambda ids: ["u1"])
    found = settle(fold, past, known, tmp_path)
    assert read[-1] == ["u1@5009"]
    assert found.changed == 1


def test_rules_that_go_in_circles_are_said_to(history, folded, tmp_path: Path) -> None:
    fold, read = folded(lambda ids: [] if ids else ["u1"])
    found = settle(fold, history(), None, tmp_path)
    assert found.circling
    assert len(read) < 10


def test_an_archive_is_left_without_them_and_all_else_is_as_it_was(tmp_path: Path) -> None:
    visit = event("v1", "app_opened", 0, "cookie:c1", known_at=50)
    ours = event(
        "u1", "unlink", 60, "cookie:c1", owner="member_id:m", reason="over", actor="member_limits"
    )
    staff = event("s1", "unlink", 70, "cookie:c1", owner="member_id:m", reason="x", actor="desk")
    told = [(one.received_at, one) for one in (visit, ours, staff)]
    lane = ArchiveLane(tmp_path / "archive" / "lane-0", None)
    lane.write_batch([ArchiveBatch(told)])
    lane.snapshot()
    lane.close()
    past = find_history([tmp_path / "archive"], None)
    facts, recorded = taken_out(past, {"u1"}, tmp_path / "facts")
    (one,) = facts.files
    left = open_records(Path(one.file.path), size=one.file.size).read()
    assert [(at, found.event_id) for at, found in left] == [
        (visit.received_at, "v1"),
        (staff.received_at, "s1"),
    ]
    (path,) = lane_files(tmp_path / "archive" / "lane-0").values()
    assert Path(one.file.path).name == path.name
    assert recorded["u1"]["identifiers"] == {"cookie": "c1"}
    assert recorded["u1"]["received_at"] == ours.received_at
    said = {"owner": "member_id:m", "reason": "over", "actor": "member_limits"}
    assert {name: value for name, value in recorded["u1"]["payload"].items() if value} == said
    assert taken_out(past, {"nobody"}, tmp_path / "none") == (past, {})
    assert ends_of(past, DEFAULT_CONFIG) == [staff.received_at + 1]
