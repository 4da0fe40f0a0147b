"""The loop's log: the one place from which people's commands to an output are written, each once.

In: the folder of an output, and commands whose ids say what they are about. Out: over files, one
more file in `OUT/commands`, which the next run applies (`pipelines.command_files`); live, records
on the topic `commands`, with a copy of the file beside them. Promises: a command that was written
before isn't written again; over files its time is the output's, live it is the topic's.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from config.deployment import Deployment
from pipelines.command_files import (
    COMMANDS,
    UNSENT,
    events_of,
    files_of,
    fresh_commands,
    name_of,
    reached,
    write_file,
)
from pipelines.foundation import KAFKA
from pipelines.processes import RunRefused, exclusive
from pipelines.sources import journal as journals
from pipelines.sources.journal import Journal
from schemas.commands import Command

TOPIC: Final = "commands"


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
        fresh = fresh_commands(folder, commands)
        path = folder / name_of(kind, fresh, received_at)
        if fresh:
            write_file(folder, fresh, kind, received_at)
    return _written(commands, fresh, "file", path)


def written_before(output: Path, type_: str) -> Iterator[dict[str, Any]]:
    """The payloads of all commands of a type that were ever written for an output."""
    for path in files_of(output / COMMANDS):
        for event in events_of(path):
            if event["type"] == type_:
                yield event["payload"]


def _send(folder: Path, commands: Sequence[Command], deployment: Deployment, kind: str) -> Written:
    """Written down first, so that what a crash left unsent is sent the next time; twice is once,
    since whoever reads the topic knows the ids."""
    fresh = fresh_commands(folder, commands)
    unsent = sorted(folder.glob(f"*{UNSENT}")) if folder.is_dir() else []
    if fresh:
        at = max(one.occurred_at for one in fresh)
        unsent.append(write_file(folder, fresh, kind, at, received_at=False, ending=UNSENT))
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
    for event in events_of(path):
        producer.send(event)
    producer.close()
    if producer.produced.failed:
        raise DeliveryFailed(
            f"the broker must acknowledge every command; {producer.produced.failed:,} failed, the "
            f"first one with: {producer.produced.first_error}; the same command tries again"
        )


def _written(
    commands: Sequence[Command], fresh: Sequence[Command], to: Literal["file", "topic"], place: Any
) -> Written:
    return Written(written=len(fresh), known=len(commands) - len(fresh), to=to, place=str(place))
