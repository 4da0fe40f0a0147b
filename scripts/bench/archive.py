"""What an event costs on its way into the archive and back.

Prints µs of CPU an event: decoding it as it was sent, encoding it (as Kizuna does, and with
fastavro), writing it to files with its share of compression and snapshots, reading it back; and
its bytes. The traffic is `kizuna generate`'s, decoded with the configuration that comes along.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fastavro
import msgspec

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.sources.records import open_records
from schemas.archive import archive_schema, payload_branches
from schemas.codec import ArchiveBatch
from schemas.events import Event
from scripts.generate import generate
from sinks.archive import ArchiveLane, lane_files
from sinks.avro_encoding import EventEncoder
from transforms.decode import Decoder

CONFIG = Path(__file__).parent.parent.parent / "config"
MEMBERS, DAYS, SEED = 300, 60, 5
EVENTS_A_BATCH = 1_000
BATCHES_A_SNAPSHOT = 5
REPEATS = 3


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(MEMBERS, DAYS, SEED, folder)
        lines = [
            line for file in folder.rglob("*.jsonl") for line in file.read_bytes().splitlines()
        ]
        deployment = read_configuration(CONFIG)
        decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
        events = [event for line in lines if isinstance(event := _decode(decoder, line), Event)]
        known = [(event.received_at, event) for event in events]
        known.sort(key=lambda pair: pair[0])
        encoder = EventEncoder()
        show = _shower(len(known))
        print(f"{len(known):,} events; µs of CPU each, the best of {REPEATS}")
        show("decode as sent", lambda: [_decode(decoder, line) for line in lines])
        show("encode", lambda: [encoder.encode(at, event) for at, event in known])
        show("encode with fastavro", lambda: _with_fastavro(known))
        show("write to files", lambda: _write(folder / "lane", known))
        paths = list(lane_files(folder / "lane").values())
        show("read back", lambda: [_read(path) for path in paths])
        plain = sum(len(encoder.encode(at, event)) for at, event in known)
        held = sum(path.stat().st_size for path in paths)
        print(f"bytes: {plain / len(known):.0f} encoded, {held / len(known):.0f} in the files")
    return 0


def _decode(decoder: Decoder, line: bytes) -> object:
    return decoder.decode(line, partition="events.web:3", offset=1, known_at=0)


def _with_fastavro(known: list[tuple[int, Event]]) -> None:
    schema = fastavro.parse_schema(archive_schema())
    (payloads,) = (f["type"] for f in archive_schema()["fields"] if f["name"] == "payload")
    names = {
        name: f"{payloads[branch]['namespace']}.{payloads[branch]['name']}"
        for name, branch in payload_branches().items()
    }
    written = io.BytesIO()
    for known_at, event in known:
        record = msgspec.structs.asdict(event)
        record["known_at"] = known_at
        record["payload"] = (names[event.type], msgspec.to_builtins(event.payload))
        fastavro.schemaless_writer(written, schema, record)


def _write(folder: Path, known: list[tuple[int, Event]]) -> None:
    lane = ArchiveLane(folder, None, roll_ms=1 << 40)
    for number, start in enumerate(range(0, len(known), EVENTS_A_BATCH), 1):
        lane.write_batch([ArchiveBatch(known[start : start + EVENTS_A_BATCH])])
        if number % BATCHES_A_SNAPSHOT == 0:
            lane.snapshot()
    lane.snapshot()
    lane.close()


def _read(path: Path) -> None:
    records = open_records(path)
    while records.read():
        pass


def _shower(events: int) -> Callable[[str, Callable[[], object]], None]:
    def show(what: str, run: Callable[[], object]) -> None:
        spent = []
        for _ in range(REPEATS):
            began = time.process_time()
            run()
            spent.append(time.process_time() - began)
        print(f"{what:>22}: {min(spent) / events * 1e6:5.1f}")

    return show


if __name__ == "__main__":
    sys.exit(main())
