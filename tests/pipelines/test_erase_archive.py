"""An archive and a recovery store of a live output, without those who were erased."""

from pathlib import Path

import msgspec
import pytest
from erasure_city import ANA, TABLET, city
from search_bytes import found_in

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.erase_archive import erase_in_archive
from pipelines.processes import RunRefused
from pipelines.sources.records import Archived, open_records
from schemas.codec import ArchiveBatch
from schemas.erasure import Erased
from schemas.events import Event
from schemas.refusals import Quarantined
from sinks.archive import ArchiveLane, ArchivePosition, lane_files
from sinks.duckdb.erased_totals import total_rows
from transforms.decode import Decoder
from transforms.decode.erased import Husks
from transforms.decode.tombstones import Tombstones

CONFIG = Path(__file__).parents[2] / "config"
DEPLOYMENT = read_configuration(CONFIG)
KEY = DEPLOYMENT.secrets.erasure_key
DAY = 86_400_000


def decoded() -> list[tuple[int, Event]]:
    decoder = Decoder(decode_settings(DEPLOYMENT.settings, DEPLOYMENT.secrets))
    events = []
    for number, sent in enumerate(sorted(city().events, key=lambda one: one["occurred_at"])):
        event = decoder.decode(
            msgspec.json.encode(sent), partition="events.web:1", offset=number, known_at=0
        )
        if not isinstance(event, Quarantined):
            events.append((event.received_at, event))
    return sorted(events, key=lambda one: one[0])


EVENTS = decoded()
THEIRS = ("cookie", "card", "payment_token", "device_id", "member_id")
MARKS = Tombstones(KEY, ())
ERASED = Erased(
    member_id="erased.00",
    erased_at=EVENTS[-1][0],
    tombstones=tuple(MARKS.tombstone(f"{name}:{ANA[name]}") for name in THEIRS),
)
HUSKS = Husks(Tombstones(KEY, [ERASED]))
SECRETS = [ANA[name] for name in THEIRS]


def lane(folder: Path, resume: ArchivePosition | None = None) -> ArchiveLane:
    return ArchiveLane(folder / "lane-00", resume, roll_ms=2 * DAY)


def written(folder: Path) -> ArchivePosition:
    sink = lane(folder)
    sink.write_batch([ArchiveBatch(EVENTS[:30])])
    sink.snapshot()
    sink.write_batch([ArchiveBatch(EVENTS[30:])])
    at = sink.snapshot()
    sink.close()
    return at


def records(folder: Path) -> list[tuple[int, Event]]:
    found: list[tuple[int, Event]] = []
    for path in lane_files(folder / "lane-00").values():
        reader = open_records(path)
        while batch := reader.read():
            for record in batch:
                assert isinstance(record, Archived)
                found.append((record.known_at, record.event))
    return found


def test_the_same_files_with_husks_in_them(tmp_path: Path) -> None:
    at = written(tmp_path / "archive")
    names = [path.name for path in lane_files(tmp_path / "archive" / "lane-00").values()]
    assert len(names) > 2
    assert {text for _, text in found_in(tmp_path, SECRETS)} == set(SECRETS)
    ends = erase_in_archive(tmp_path / "archive", {"lane-00": at}, HUSKS.husk)
    assert found_in(tmp_path, SECRETS) == []
    assert found_in(tmp_path, [TABLET]) != []
    assert [path.name for path in lane_files(tmp_path / "archive" / "lane-00").values()] == names
    assert records(tmp_path / "archive") == [(known, HUSKS.husk(one)) for known, one in EVENTS]
    last = tmp_path / "archive" / "lane-00" / names[-1]
    assert ends["lane-00"].length == last.stat().st_size
    again = erase_in_archive(tmp_path / "archive", ends, HUSKS.husk)
    assert again == ends


def test_the_sink_goes_on_behind_it(tmp_path: Path) -> None:
    at = written(tmp_path / "archive")
    ends = erase_in_archive(tmp_path / "archive", {"lane-00": at}, HUSKS.husk)
    later = EVENTS[-1][0] + 1, msgspec.structs.replace(EVENTS[-1][1], event_id="later")
    sink = lane(tmp_path / "archive", ends["lane-00"])
    sink.write_batch([ArchiveBatch([later])])
    sink.snapshot()
    sink.close()
    assert records(tmp_path / "archive") == [
        *((known, HUSKS.husk(one)) for known, one in EVENTS),
        later,
    ]


def test_what_a_snapshot_does_not_stand_for_goes(tmp_path: Path) -> None:
    """It comes again, from the topic, and is a husk then."""
    sink = lane(tmp_path / "archive")
    sink.write_batch([ArchiveBatch(EVENTS[:20])])
    at = sink.snapshot()
    sink.write_batch([ArchiveBatch(EVENTS[20:])])
    sink.snapshot()
    sink.close()
    ends = erase_in_archive(tmp_path / "archive", {"lane-00": at}, HUSKS.husk)
    assert found_in(tmp_path, SECRETS) == []
    resumed = lane(tmp_path / "archive", ends["lane-00"])
    resumed.write_batch([ArchiveBatch([(known, HUSKS.husk(one)) for known, one in EVENTS[20:]])])
    resumed.snapshot()
    resumed.close()
    assert records(tmp_path / "archive") == [(known, HUSKS.husk(one)) for known, one in EVENTS]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    at = written(tmp_path / "archive")
    first = next(iter(lane_files(tmp_path / "archive" / "lane-00").values()))
    content = bytearray(first.read_bytes())
    content[-40] ^= 0xFF
    first.write_bytes(content)
    with pytest.raises(RunRefused, match="must be readable to the end"):
        erase_in_archive(tmp_path / "archive", {"lane-00": at}, HUSKS.husk)
    assert first.read_bytes() == bytes(content)


def test_totals_are_entries_of_nobody() -> None:
    assert [row.table for row in total_rows([ERASED])] == ["erasures"]
