"""One small city for all tests of expectations: its events, their archive and the warehouse."""

from pathlib import Path
from typing import NamedTuple

from config.deployment import load_deployment
from config.secret_keys import decode_settings
from pipelines.launch import RunOptions, run
from pipelines.sources.journal import find_inputs
from pipelines.sources.records import open_records
from schemas.codec import ArchiveBatch
from schemas.events import Event
from scripts.generate import generate
from scripts.quality.suites import OURS
from sinks.archive import ArchiveLane
from transforms.decode import Decoder

HOUR = 3_600_000
DEPLOYMENT = load_deployment(OURS, {})


class Ran(NamedTuple):
    events: Path
    archive: Path
    warehouse: Path


def run_a_city(folder: Path) -> Ran:
    """Generated traffic, what a run makes of it, and an archive of it."""
    generate(30, 60, 11, folder)
    archive(folder / "events", folder / "archive")
    run(RunOptions(inputs=[folder / "events"], output=folder / "out", config=OURS))
    return Ran(folder / "events", folder / "archive", folder / "out" / "warehouse.duckdb")


def archive(inputs: Path, folder: Path) -> None:
    """A lane a file, as decode would archive it."""
    decoder = Decoder(decode_settings(DEPLOYMENT.settings, DEPLOYMENT.secrets))
    for number, file in enumerate(find_inputs([inputs])):
        lane = ArchiveLane(folder / f"lane-{number:02d}", None, roll_ms=15 * 24 * HOUR)
        records, known_at, offset = open_records(Path(file.path)), 0, 0
        while batch := records.read():
            for raw in batch:
                assert isinstance(raw, bytes)
                event = decoder.decode(raw, partition=file.name, offset=offset, known_at=known_at)
                assert isinstance(event, Event)
                known_at, offset = max(known_at, event.received_at), offset + 1
                lane.write_batch([ArchiveBatch([(known_at, event)])])
        lane.snapshot()
        lane.close()
