"""An archive is input: a run over it ends with the tables of the run that wrote it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import fastavro
import msgspec
import pytest

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.decode_records import decode_records
from pipelines.key_groups import ARCHIVE, Fanout
from pipelines.launch import RunOptions, RunSummary, run
from pipelines.processes import RunRefused
from pipelines.sources.alignment import Alignment
from pipelines.sources.file_stamps import check_order
from pipelines.sources.files import FilePartition, FilePosition
from pipelines.sources.journal import InputFile, find_inputs
from pipelines.sources.raw import Raw, RawBatch
from schemas.codec import ArchiveBatch
from schemas.events import Event
from schemas.payloads import Searched
from scripts.generate import generate
from scripts.warehouse_hash import triggers_hash, warehouse_hash
from sinks.archive import ArchiveLane, ArchiveSink, lane_files
from transforms.decode import Decoder

CONFIG = Path(__file__).parent.parent.parent / "config"
BEGIN = 1_488_362_400_000
HOUR = 3_600_000


def part_of(file: InputFile, decoder: Decoder | None, slots: Path, **given: Any) -> FilePartition:
    alignment = given.get("alignment")
    if alignment is None:
        Alignment.reset(slots, [file.name])
        alignment = Alignment(slots, [file.name])
    return FilePartition(
        file,
        given.get("resume", FilePosition()),
        part=file.name,
        upstream=f"1/{file.name}",
        alignment=alignment,
        received_at=decoder.received_at if decoder else lambda record: None,
        bound_at=1 << 50,
        ends_at=given.get("ends_at"),
        batch_bytes=given.get("batch_bytes", 1 << 20),
    )


def batches_of(part: FilePartition) -> list[RawBatch]:
    batches: list[RawBatch] = []
    while not (batches and batches[-1].closed):
        batches += part.next_batch()
    return batches


def records_of(batches: list[RawBatch]) -> list[Raw]:
    return [raw for batch in batches for raw in batch.records]


def archive_of(inputs: Path, archive: Path, slots: Path) -> None:
    """What the decode step archives of a folder of files, a lane each."""
    deployment = read_configuration(CONFIG)
    decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
    decode = decode_records(decoder, Fanout(["event"], 1), archives=True)
    files = find_inputs([inputs])
    lanes = {f"1/{file.name}": f"lane-{number:02d}" for number, file in enumerate(files)}
    sink = ArchiveSink(archive, list(lanes.values()), roll_ms=15 * 24 * HOUR)
    for file in files:
        part = sink.build_part("archive", lanes[f"1/{file.name}"], None)
        for batch in batches_of(part_of(file, decoder, slots)):
            for to, upstream, items in decode([batch]):
                if to == ARCHIVE:
                    assert isinstance(items, ArchiveBatch)
                    assert upstream == f"1/{file.name}"
                    part.write_batch([items])
        part.snapshot()
        part.close()


def run_over(inputs: Path, output: Path, **options: Any) -> RunSummary:
    return run(RunOptions(inputs=[inputs], output=output, config=CONFIG, **options))


def hashes(output: Path) -> dict[str, str]:
    tables = warehouse_hash(output / "warehouse.duckdb").tables
    return {**tables, "trigger files": triggers_hash(output / "triggers")}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Traffic, the tables of a run over it, and its archive."""
    folder = tmp_path_factory.mktemp("written")
    generate(40, 40, 7, folder)
    archive_of(folder / "events", folder / "archive", folder / "slots")
    ran = run_over(folder / "events", folder / "out")
    return SimpleNamespace(
        events=folder / "events",
        archive=folder / "archive",
        records=ran.records,
        hashes=hashes(folder / "out"),
    )


@pytest.mark.parametrize(
    "options", [{}, {"workers": 2, "batch_bytes": 65_536, "epoch_ms": 500}], ids=["one", "two"]
)
def test_the_tables_are_those_of_the_run_that_wrote_it(
    options: dict[str, Any],
    written: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(find_inputs([written.archive])) > 2 * len(find_inputs([written.events]))
    ran = run_over(written.archive, tmp_path / "out", **options)
    assert ran.records == written.records > 1_000
    assert hashes(tmp_path / "out") == written.hashes


def test_as_of_is_where_time_ends(written: SimpleNamespace, tmp_path: Path) -> None:
    as_of = BEGIN + 20 * 24 * HOUR
    run_over(written.events, tmp_path / "sent", as_of=as_of)
    run_over(written.archive, tmp_path / "archived", as_of=as_of)
    sent = hashes(tmp_path / "sent")
    assert hashes(tmp_path / "archived") == sent != written.hashes


def event(number: int, known_at: int) -> tuple[int, Event]:
    return known_at, Event(
        event_id=f"e-{number}",
        type="searched",
        source="web",
        occurred_at=known_at - 7,
        received_at=known_at - 5,
        market="us",
        payload=Searched(query="tea"),
        partition="events.web:3",
        offset=100 + number,
    )


def lane_of(folder: Path, times: list[int], blocks: int = 3) -> InputFile:
    lane = ArchiveLane(folder / "lane-00", None)
    known = [event(number, at) for number, at in enumerate(times)]
    for start in range(0, len(known), blocks):
        lane.write_batch([ArchiveBatch(known[start : start + blocks])])
        lane.snapshot()
    lane.close()
    return find_inputs([folder])[0]


TIMES = [BEGIN, BEGIN, BEGIN + 4, BEGIN + 4, BEGIN + 4, BEGIN + 9, BEGIN + 9, BEGIN + 50]


def test_records_keep_their_place_and_time(tmp_path: Path) -> None:
    file = lane_of(tmp_path / "archive", TIMES)
    batches = batches_of(part_of(file, None, tmp_path / "slots"))
    assert [raw[:3] for raw in records_of(batches)] == [
        ("events.web:3", 100 + number, at) for number, at in enumerate(TIMES)
    ]
    assert [raw[5] for raw in records_of(batches)] == [
        event(number, at)[1] for number, at in enumerate(TIMES)
    ]
    assert (batches[-1].mark_at, batches[-1].records) == (TIMES[-1], [])
    closed = batches_of(part_of(file, None, tmp_path / "slots", ends_at=TIMES[-1] + 1))[-1]
    assert closed.mark_at == TIMES[-1] + 1


@pytest.mark.parametrize("stop", range(1, len(TIMES)))
def test_a_lane_goes_on_where_it_stopped(stop: int, tmp_path: Path) -> None:
    file = lane_of(tmp_path / "archive", TIMES)
    whole = records_of(batches_of(part_of(file, None, tmp_path / "slots")))
    first = part_of(file, None, tmp_path / "slots", batch_bytes=1)
    before: list[Raw] = []
    while len(before) < stop:
        before += records_of(first.next_batch())
    rest = part_of(file, None, tmp_path / "slots", resume=first.snapshot())
    assert before + records_of(batches_of(rest)) == whole


def test_a_file_whose_hour_has_not_come_is_not_read(tmp_path: Path) -> None:
    """It says when it begins, so that nobody waits for it, and keeps its records until then."""
    lane_of(tmp_path / "archive", [BEGIN, BEGIN + 3 * HOUR])
    files = find_inputs([tmp_path / "archive"])
    Alignment.reset(tmp_path / "slots", names := [file.name for file in files])
    alignment = Alignment(tmp_path / "slots", names)
    first, second = (part_of(file, None, tmp_path / "slots", alignment=alignment) for file in files)
    for part, at in ((first, BEGIN), (second, BEGIN + 3 * HOUR)):
        assert [(batch.records, batch.mark_at) for batch in part.next_batch()] == [([], at)]
    assert (second.next_batch(), second.next_awake() is None) == ([], False)
    assert len(records_of(batches_of(first))) == 1
    assert len(records_of(batches_of(second))) == 1


def test_a_file_that_is_named_later_than_it_begins_is_refused(tmp_path: Path) -> None:
    """What it said before it was read would not have been true."""
    path = Path(lane_of(tmp_path / "archive", TIMES).path)
    path.rename(path.with_name("000001-20180301T100000000Z.avro"))
    with pytest.raises(
        RunRefused, match=r"record 1: must be in order .* than the file's name says"
    ):
        run_over(tmp_path / "archive", tmp_path / "out")


def test_an_earlier_generation_holds_time_back(tmp_path: Path) -> None:
    file = lane_of(tmp_path / "archive", TIMES)
    late = FilePosition(known_at=BEGIN + 8)
    records = records_of(batches_of(part_of(file, None, tmp_path / "slots", resume=late)))
    assert [raw[2] for raw in records] == [max(at, BEGIN + 8) for at in TIMES]


def test_a_record_out_of_order_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    file = lane_of(tmp_path / "archive", [BEGIN, BEGIN + 5, BEGIN + 4])
    said = r"lane-00/000001-.*avro: record 3: must be in order of known_at"
    assert "record 3" in str(check_order(file, lambda record: None, 0))
    with pytest.raises(RunRefused, match=said):
        run_over(tmp_path / "archive", tmp_path / "out")
    assert not (tmp_path / "out" / "warehouse.duckdb").exists()


def test_a_damaged_block_ends_in_quarantine(written: SimpleNamespace, tmp_path: Path) -> None:
    """The blocks before it are applied; what follows is one record that can't be read."""
    file = lane_of(tmp_path / "archive", TIMES)
    path = Path(file.path)
    content = bytearray(path.read_bytes())
    with path.open("rb") as opened:
        second = list(fastavro.block_reader(opened))[1]
    content[second.offset + 6] ^= 0xFF
    path.write_bytes(content)
    ran = run_over(tmp_path / "archive", tmp_path / "out")
    assert ran.records == 3 + 1
    with duckdb.connect(str(tmp_path / "out" / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT position, reason FROM quarantine").fetchall()
    assert rows == [(f"lane-00/{path.name}:3", "unreadable")]


def test_a_lane_that_grows_is_read_as_far_as_it_was(tmp_path: Path) -> None:
    """Found at one moment, written to afterwards: the same records, also after a resume."""
    lane = ArchiveLane(tmp_path / "archive" / "lane-00", None)
    known = [event(number, at) for number, at in enumerate(TIMES)]
    lane.write_batch([ArchiveBatch(known[:3])])
    lane.snapshot()
    (file,) = find_inputs([tmp_path / "archive"])
    torn = msgspec.structs.replace(file, size=file.size + 9)
    lane.write_batch([ArchiveBatch(known[3:])])
    lane.write_batch([ArchiveBatch([event(99, BEGIN + HOUR)])])
    lane.snapshot()
    lane.close()
    assert len(lane_files(tmp_path / "archive" / "lane-00")) == 2
    for frozen in (file, torn):
        assert check_order(frozen, lambda record: None, 0) is None
        part = part_of(frozen, None, tmp_path / "slots", batch_bytes=1)
        first = records_of(part.next_batch() + part.next_batch())
        rest = part_of(frozen, None, tmp_path / "slots", resume=part.snapshot())
        records = first + records_of(batches_of(rest))
        assert [raw[5] for raw in records] == [event for _, event in known[:3]]
