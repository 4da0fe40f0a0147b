"""The loop's log: the one place from which an output's own commands are written, each once.

In: the folder of an output, and commands whose ids say what they are about. Out: over files, one
more file in `OUT/commands`, which the next run applies; live, records on the topic `commands`,
with a copy of the file beside them. Promises: a command that was written before isn't written
again; over files its `received_at` is where the output's time has come to, never earlier, so that
time doesn't go back, and never the wall clock, which would let a history of last year expire;
live it is the topic's. A file has its name only once it is whole, and never changes afterwards.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import xxhash

from config.deployment import Deployment
from pipelines.foundation import KAFKA
from pipelines.launch import COMMANDS
from pipelines.processes import RunRefused, exclusive
from pipelines.sources import journal as journals
from pipelines.sources.journal import Journal

UNSENT: Final = ".unsent"
"""The ending, while the broker may not have all of it yet."""
TOPIC: Final = "commands"


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the source `command`; `about`: its identifiers."""

    event_id: str
    type: str
    occurred_at: int
    market: str
    payload: dict[str, Any]
    about: dict[str, str] = {}


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What came of writing. `known`: commands that had been written before."""

    written: int
    known: int
    to: Literal["file", "topic"]
    place: str


def journal_of(output: Path) -> Journal:
    """What an output was made from; RunRefused if it is none."""
    path = output / "journal" / "generations.json"
    if not path.is_file():
        raise RunRefused(f"{output}: must be the output folder of kizuna run; got no {path}")
    return journals.load(path, 0, None)


def is_live(journal: Journal) -> bool:
    """Whether an output reads Kafka."""
    return journal.foundation.get("input", "").startswith(KAFKA)


def reached(output: Path, journal: Journal) -> int:
    """Where the time of an output over files has come to, ms UTC: nothing earlier can follow."""
    ended = [generation.ended_at for generation in journal.generations]
    if not ended or None in ended:
        raise RunRefused(
            f"{output}: must be the output of a run that has ended; it was left in the middle of "
            "its input; run the same kizuna run again, it resumes"
        )
    return max(one for one in ended if one is not None)


def write_commands(
    output: Path, commands: Sequence[Command], deployment: Deployment, kind: str
) -> Written:
    """Write those commands that weren't yet. `kind` becomes part of the file's name.

    Raises RunRefused (in use, or no output) and, live, `scripts.live_events.DeliveryFailed`.
    """
    journal = journal_of(output)
    folder = output / COMMANDS
    if is_live(journal):
        return _send(folder, commands, deployment, kind)
    with exclusive(output):
        received_at = reached(output, journal_of(output))
        fresh = _fresh(folder, commands)
        path = folder / _name(kind, fresh, received_at)
        if fresh:
            _write(path, fresh, received_at)
    return _written(commands, fresh, "file", path)


def written_before(output: Path, type_: str) -> Iterator[dict[str, Any]]:
    """The payloads of all commands of a type that were ever written for an output."""
    for path in _files(output / COMMANDS):
        for event in _events(path):
            if event["type"] == type_:
                yield event["payload"]


def _send(folder: Path, commands: Sequence[Command], deployment: Deployment, kind: str) -> Written:
    """Written down first, so that what a crash left unsent is sent the next time; twice is once,
    since whoever reads the topic knows the ids."""
    fresh = _fresh(folder, commands)
    name = _name(kind, fresh, max((one.occurred_at for one in fresh), default=0))
    unsent = sorted(folder.glob(f"*{UNSENT}")) if folder.is_dir() else []
    if fresh:
        path = folder / (name + UNSENT)
        _write(path, fresh, None)
        unsent.append(path)
    for path in unsent:
        _produce(path, deployment)
        path.replace(path.with_suffix(""))
    topic = deployment.settings.kafka.topic_prefix + TOPIC
    return _written(commands, fresh, "topic", f"{topic} at {deployment.settings.kafka.brokers}")


def _produce(path: Path, deployment: Deployment) -> None:
    try:
        from config.kafka_clients import client_options  # noqa: PLC0415  # of the extra `live`
        from scripts.produce import EventProducer, check_topics  # noqa: PLC0415
    except ImportError as missing:
        raise RunRefused(
            f"Kafka: must have the extra `live`; got no {missing.name}; pip install kizuna[live]"
        ) from missing
    from scripts.live_events import DeliveryFailed  # noqa: PLC0415

    kafka = deployment.settings.kafka
    options = client_options(kafka, deployment.secrets) | {"log_level": 3}
    check_topics(options, [kafka.topic_prefix + TOPIC])
    producer = EventProducer(options, kafka.topic_prefix)
    for event in _events(path):
        producer.send(event)
    producer.close()
    if producer.produced.failed:
        raise DeliveryFailed(
            f"the broker must acknowledge every command; {producer.produced.failed:,} failed, the "
            f"first one with: {producer.produced.first_error}; the same command tries again"
        )


def _fresh(folder: Path, commands: Sequence[Command]) -> list[Command]:
    known = {event["event_id"] for path in _files(folder) for event in _events(path)}
    fresh = {one.event_id: one for one in commands if one.event_id not in known}
    return list(fresh.values())


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted([*folder.glob("*.jsonl"), *folder.glob(f"*.jsonl{UNSENT}")])


def _events(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        yield msgspec.json.decode(line, type=dict[str, Any])


def _name(kind: str, commands: Sequence[Command], at: int) -> str:
    """Of when and what: the same commands always, and no others ever, in any folder."""
    digest = xxhash.xxh3_64_hexdigest("\n".join(one.event_id for one in commands).encode())
    moment = datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y%m%dT%H%M%S")
    return f"{moment}-{kind}-{digest}.jsonl"


def _write(path: Path, commands: Sequence[Command], received_at: int | None) -> None:
    path.parent.mkdir(exist_ok=True)
    aside = path.with_name(path.name + ".new")
    with aside.open("wb") as file:
        for one in commands:
            file.write(msgspec.json.encode(_event(one, received_at)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _event(command: Command, received_at: int | None) -> dict[str, Any]:
    times = {"occurred_at": command.occurred_at}
    if received_at is not None:
        times["received_at"] = received_at
    return {
        "event_id": command.event_id,
        "type": command.type,
        "source": "command",
        **times,
        "market": command.market,
        "identifiers": command.about,
        "payload": command.payload,
    }


def _written(
    commands: Sequence[Command], fresh: Sequence[Command], to: Literal["file", "topic"], place: Any
) -> Written:
    return Written(written=len(fresh), known=len(commands) - len(fresh), to=to, place=str(place))
