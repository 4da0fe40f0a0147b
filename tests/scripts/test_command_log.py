"""The loop's log: each command written once, at the output's own time, whole or not at all."""

import json
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from pipelines.assemble import read_configuration
from pipelines.processes import RunRefused
from pipelines.sources.journal import Generation, Journal, find_inputs, load, next_generation, save
from schemas.commands import Command
from scripts.command_log import write_commands
from scripts.run import DEFAULT_CONFIG


def command(number: int) -> Command:
    return Command(
        event_id=f"c-{number}",
        type="adjust",
        occurred_at=1_000_000,
        market="us",
        about={"member_id": "m"},
        payload={"points": number, "reason": "test", "actor": "ada"},
    )


def output_of(folder: Path, journal: Journal) -> Path:
    (folder / "journal").mkdir(parents=True)
    save(folder / "journal" / "generations.json", journal)
    return folder


def ended(at: int | None, **more: object) -> Journal:
    one = Generation(number=1, files=[], floor=0, ended_at=at)
    return Journal(as_of=at or 0, generations=[one], **more)  # type: ignore[arg-type]


def test_over_files_each_is_written_once_at_the_time_of_the_output(tmp_path: Path) -> None:
    deployment = read_configuration(DEFAULT_CONFIG)
    out = output_of(tmp_path / "out", ended(5_000_000))
    first = write_commands(out, [command(1), command(2), command(1)], deployment, "test")
    assert (first.written, first.to) == (2, "file")
    again = write_commands(out, [command(2), command(3)], deployment, "test")
    assert (again.written, again.known) == (1, 1)
    nothing = write_commands(out, [command(3)], deployment, "test")
    assert nothing.written == 0
    files = sorted((out / "commands").iterdir())
    events = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert {one["event_id"] for one in events} == {"c-1", "c-2", "c-3"} and len(events) == 3
    assert {one["received_at"] for one in events} == {5_000_000}
    # The same commands have the same name in any output, others never.
    other = output_of(tmp_path / "other", ended(5_000_000))
    write_commands(other, [command(1), command(2)], deployment, "test")
    (same,) = (other / "commands").iterdir()
    assert same.name in {file.name for file in files} and len(files) == 2


@pytest.mark.parametrize("journal", [ended(None), Journal(as_of=1)])
def test_an_output_in_the_middle_of_its_input_gets_none(tmp_path: Path, journal: Journal) -> None:
    out = output_of(tmp_path / "out", journal)
    with pytest.raises(RunRefused, match="must be the output of a run that has ended"):
        write_commands(out, [command(1)], read_configuration(DEFAULT_CONFIG), "test")
    assert not (out / "commands").exists()


def test_commands_go_before_input_that_is_new_since(tmp_path: Path) -> None:
    """And the bound on clocks lets them pass, whatever later runs are told."""
    for name in ("in/new.jsonl", "commands/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}\n")
    journal = ended(7_001)
    journal.as_of = 7_000
    inputs, commands = (find_inputs([tmp_path / name]) for name in ("in", "commands"))
    told = []
    while one := next_generation(journal, inputs, commands):
        told.append(([file.name for file in one.files], one.commands, one.more, one.floor))
        one.ended_at = one.floor + 10
    assert told == [(["c.jsonl"], True, True, 7_001), (["new.jsonl"], False, False, 7_011)]
    path = tmp_path / "journal.json"
    save(path, journal)
    assert journal.as_of == load(path, 0, 7_000).as_of == 7_001
    assert load(path, 0, 9_000).as_of == 9_000


def test_live_they_go_to_the_topic_and_what_was_left_unsent_too(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "command-log."
    monkeypatch.setenv("KIZUNA_KAFKA__BROKERS", broker)
    monkeypatch.setenv("KIZUNA_KAFKA__TOPIC_PREFIX", prefix)
    deployment = read_configuration(DEFAULT_CONFIG)
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(f"{prefix}commands", 1, 1)])[f"{prefix}commands"].result(30)
    out = output_of(tmp_path / "out", Journal(as_of=0, foundation={"input": "kafka, 4 lanes"}))
    assert write_commands(out, [command(1)], deployment, "test").to == "topic"
    (file,) = (out / "commands").iterdir()
    # As a crash leaves it between sending and noting that.
    file.rename(file.with_name(file.name + ".unsent"))
    assert write_commands(out, [command(1), command(2)], deployment, "test").written == 1
    assert {one.suffix for one in (out / "commands").iterdir()} == {".jsonl"}
    consumer = Consumer(
        {"bootstrap.servers": broker, "group.id": prefix, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([f"{prefix}commands"])
    found = consumer.consume(3, 30.0)
    consumer.close()
    sent = [msgspec.json.decode(one.value() or b"") for one in found]
    assert [one["event_id"] for one in sent] == ["c-1", "c-1", "c-2"]
    assert all("received_at" not in one for one in sent), "the topic says when"
