"""The archive: every event once and exactly, in files that the events alone decide."""

import io
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import bytewax.operators as op
import fastavro
import msgspec
import pytest
from archived_events import BEGIN, EVENTS, HOUR, LONGS, content, plain_event, read
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, run_main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.archive import archive_schema, payload_branches
from schemas.avro_files import Schema, event_schemas
from schemas.codec import ArchiveBatch
from schemas.events import EVENT_TYPES, Event
from sinks import archive
from sinks.archive import ArchiveLane, ArchivePosition, ArchiveSink, lane_files
from sinks.avro_encoding import EventEncoder, encode_long
from sinks.position import OutputBehind

Known = tuple[int, Event]
GOLDEN = Path(__file__).parent / "golden"
ROLL_BYTES = 4_000
SCHEMA = fastavro.parse_schema(archive_schema())


def traffic(count: int = 400) -> list[Known]:
    """Events of several hours, some at one instant, with a gap of a day."""
    events = []
    for number in range(count):
        at = BEGIN + number // 3 * 90_000 + (24 * HOUR if number > count // 2 else 0)
        events.append((at, plain_event(number)))
    return events


def write(lane: ArchiveLane, events: Sequence[Known], chance: random.Random) -> None:
    """In batches as they come: some together, some empty."""
    events = list(events)
    while events:
        sizes = [chance.randint(0, 30) for _ in range(chance.randint(1, 3))]
        batches = []
        for size in sizes:
            batches.append(ArchiveBatch(events[:size]))
            events = events[size:]
        lane.write_batch(batches)


def open_lane(folder: Path, at: ArchivePosition | None = None) -> ArchiveLane:
    return ArchiveLane(folder / "lane-00", at, roll_bytes=ROLL_BYTES, roll_ms=HOUR)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    lane = open_lane(folder)
    lane.write_batch([ArchiveBatch(traffic())])
    lane.snapshot()
    lane.close()
    return content(folder / "lane-00")


def as_fastavro_takes_it(known_at: int, event: Event) -> dict[str, Any]:
    (payloads,) = (f["type"] for f in archive_schema()["fields"] if f["name"] == "payload")
    branch = payloads[payload_branches()[event.type]]
    name = f"{branch['namespace']}.{branch['name']}"
    return {
        **msgspec.structs.asdict(event),
        "known_at": known_at,
        "payload": (name, msgspec.to_builtins(event.payload)),
    }


@given(known_at=LONGS, event=EVENTS)
@settings(deadline=None, max_examples=300)
def test_the_encoding_is_fastavros(known_at: int, event: Event) -> None:
    expected = io.BytesIO()
    fastavro.schemaless_writer(expected, SCHEMA, as_fastavro_takes_it(known_at, event))
    assert EventEncoder().encode(known_at, event) == expected.getvalue()


@given(st.integers(-(1 << 63), (1 << 63) - 1))
@settings(max_examples=500)
def test_longs_are_fastavros(value: int) -> None:
    expected = io.BytesIO()
    fastavro.schemaless_writer(expected, {"type": "long"}, value)
    assert encode_long(value) == expected.getvalue()


@pytest.mark.parametrize("bits", [7, 13, 14, 27, 28, 40, 41, 42, 63])
def test_longs_where_their_length_changes(bits: int) -> None:
    for value in {sign * (1 << bits) + step for sign in (1, -1) for step in (-2, -1, 0, 1)}:
        if -(1 << 63) <= value < 1 << 63:
            expected = io.BytesIO()
            fastavro.schemaless_writer(expected, {"type": "long"}, value)
            assert encode_long(value) == expected.getvalue()


def test_a_number_beyond_64_bits_is_refused() -> None:
    with pytest.raises(OverflowError, match="must fit in 64 bits"):
        encode_long(1 << 63)


@given(
    events=st.lists(st.tuples(st.integers(BEGIN, BEGIN + 5 * HOUR), EVENTS), min_size=1),
    block_bytes=st.sampled_from([1, 200, 1 << 16]),
)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_event_comes_back_exactly(
    events: list[Known], block_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    events.sort(key=lambda known: known[0])
    folder = tmp_path_factory.mktemp("exact")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "BLOCK_BYTES", block_bytes)
        lane = open_lane(folder)
        lane.write_batch([ArchiveBatch(events)])
        lane.snapshot()
        lane.close()
    assert [known for held in content(folder / "lane-00").values() for known in held] == events


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_type_has_its_contracts_payload(name: str) -> None:
    (payloads,) = (f["type"] for f in archive_schema()["fields"] if f["name"] == "payload")
    branch = payloads[payload_branches()[name]]
    (sent,) = (f["type"] for f in event_schemas()[name]["fields"] if f["name"] == "payload")
    assert branch["name"] == sent["name"]
    assert [f["name"] for f in branch["fields"]] == [f["name"] for f in sent["fields"]]


def test_the_envelope_is_the_events() -> None:
    fields = [field["name"] for field in archive_schema()["fields"]]
    assert fields == ["known_at", *Event.__struct_fields__]


def test_any_avro_reader_reads_it(tmp_path: Path) -> None:
    lane = open_lane(tmp_path)
    lane.write_batch([ArchiveBatch([(BEGIN, plain_event(3))])])
    lane.snapshot()
    (path,) = lane_files(tmp_path / "lane-00").values()
    assert path.name == "000001-20170301T100000000Z.avro"
    with path.open("rb") as file:
        records: list[Any] = list(fastavro.reader(file))
    (record,) = records
    assert record["known_at"].isoformat() == "2017-03-01T10:00:00+00:00"
    assert (record["type"], record["payload"]) == ("searched", {"query": "tea " * 3})


def test_files_end_with_their_hour_or_their_size(undisturbed: dict[str, list[Any]]) -> None:
    assert [known for held in undisturbed.values() for known in held] == traffic()
    encode = EventEncoder().encode
    files = list(undisturbed.values())
    for held, following in zip(files, [*files[1:], None], strict=True):
        assert len({known_at // HOUR for known_at, _ in held}) == 1
        sizes = [len(encode(*known)) for known in held]
        assert sum(sizes[:-1]) < ROLL_BYTES
        if following is not None and following[0][0] // HOUR == held[0][0] // HOUR:
            assert sum(sizes) >= ROLL_BYTES
    assert len(files) > 10


@pytest.mark.parametrize("seed", range(4))
def test_batches_and_snapshots_move_no_event(
    seed: int, undisturbed: dict[str, list[Any]], tmp_path: Path
) -> None:
    chance, lane, events = random.Random(seed), open_lane(tmp_path), traffic()
    while events:
        size = chance.randint(1, 60)
        write(lane, events[:size], chance)
        lane.snapshot()
        events = events[size:]
    lane.close()
    assert content(tmp_path / "lane-00") == undisturbed


CrashPoint = Literal["writing", "written", "snapshotted", "recorded"]
CRASH_POINTS: tuple[CrashPoint, ...] = ("writing", "written", "snapshotted", "recorded")
EPOCHS = [traffic()[start : start + 50] for start in range(0, 400, 50)]


class Run:
    """Epochs into a lane; what the recovery store holds survives a crash, and so do files."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.recorded: ArchivePosition | None = None
        self.epoch = 0
        self._chance = random.Random(seed)

    def run(self, crash: tuple[int, CrashPoint] | None = None) -> None:
        lane = open_lane(self.folder, self.recorded)
        try:
            for number in range(self.epoch, len(EPOCHS)):
                point = crash[1] if crash is not None and crash[0] == number else None
                events = EPOCHS[number]
                write(
                    lane, events[: len(events) // 2] if point == "writing" else events, self._chance
                )
                if point in ("writing", "written"):
                    return
                position = lane.snapshot()
                if point == "snapshotted":
                    return
                self.recorded, self.epoch = position, number + 1
                if point == "recorded":
                    return
        finally:
            lane.close()


@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("epoch", range(len(EPOCHS)))
def test_one_crash(
    epoch: int, point: CrashPoint, undisturbed: dict[str, list[Any]], tmp_path: Path
) -> None:
    run = Run(tmp_path)
    run.run(crash=(epoch, point))
    run.run()
    assert content(tmp_path / "lane-00") == undisturbed


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    crashes=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(CRASH_POINTS)), max_size=6),
    seed=st.integers(0, 1000),
)
def test_any_crashes_in_any_order(
    crashes: list[tuple[int, CrashPoint]],
    seed: int,
    undisturbed: dict[str, list[Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    run = Run(tmp_path_factory.mktemp("crashes"), seed)
    for crash in crashes:
        run.run(crash=crash)
    run.run()
    assert content(run.folder / "lane-00") == undisturbed


def test_a_file_is_whole_after_each_of_many_truncations(tmp_path: Path) -> None:
    """Back to each earlier snapshot in turn, on with other blocks, and read to the end."""
    events = [(BEGIN + number, plain_event(number)) for number in range(120)]
    lane = ArchiveLane(tmp_path, None)
    positions = []
    for start in range(0, 120, 4):
        lane.write_batch([ArchiveBatch(events[start : start + 4])])
        positions.append(lane.snapshot())
    lane.close()
    for number, position in reversed(list(enumerate(positions, 1))):
        lane = ArchiveLane(tmp_path, position)
        (path,) = lane_files(tmp_path).values()
        assert (path.stat().st_size, len(read(path))) == (position.length, number * 4)
        for event in events[number * 4 :][:3]:
            lane.write_batch([ArchiveBatch([event])])
            lane.snapshot()
        lane.close()
        with path.open("rb") as file:
            whole: list[Any] = list(fastavro.reader(file))
        assert [record["offset"] for record in whole] == list(range(len(whole)))
        assert len(whole) == min(number * 4 + 3, 120)


def test_a_torn_tail_is_not_there_yet(tmp_path: Path) -> None:
    """Wherever the last block of the last file ends, the blocks before it are read, no more."""
    lane = ArchiveLane(tmp_path, None)
    lane.write_batch([ArchiveBatch(traffic(6)[:3])])
    first = lane.snapshot().length
    lane.write_batch([ArchiveBatch([(BEGIN, plain_event(9))])])
    end = lane.snapshot().length
    lane.close()
    (path,) = lane_files(tmp_path).values()
    whole = path.read_bytes()
    for size in range(first, end):
        path.write_bytes(whole[:size])
        assert read(path) == traffic(6)[:3], f"{size} of {first}..{end}"
    path.write_bytes(whole)
    assert read(path, size=end - 1) == traffic(6)[:3], "what was added since isn't read"
    assert len(read(path)) == 4


def test_a_torn_file_that_another_follows_is_damaged(tmp_path: Path) -> None:
    lane = ArchiveLane(tmp_path, None)
    lane.write_batch([ArchiveBatch([(BEGIN, plain_event(1)), (BEGIN + HOUR, plain_event(2))])])
    lane.snapshot()
    lane.close()
    path, _ = lane_files(tmp_path).values()
    path.write_bytes(path.read_bytes()[:-3])
    (record,) = read(path)
    assert record.startswith(b"\x00not readable as Avro: ")


def test_a_damaged_block_is_not_a_torn_one(tmp_path: Path) -> None:
    lane = ArchiveLane(tmp_path, None)
    for number in range(3):
        lane.write_batch([ArchiveBatch([(BEGIN, plain_event(number))])])
        middle = lane.snapshot().length
    lane.close()
    (path,) = lane_files(tmp_path).values()
    whole = bytearray(path.read_bytes())
    whole[middle - 20] ^= 0xFF
    path.write_bytes(whole)
    records = read(path)
    assert [record[1].offset for record in records[:-1]] == [0, 1]
    assert records[-1].startswith(b"\x00not readable as Avro: ")


def test_a_file_shorter_than_its_snapshot_is_refused(tmp_path: Path) -> None:
    lane = open_lane(tmp_path)
    lane.write_batch([ArchiveBatch(traffic())])
    position = lane.snapshot()
    lane.close()
    path = list(lane_files(tmp_path / "lane-00").values())[-1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(OutputBehind, match=r"avro: must hold at least position .* got \d+"):
        open_lane(tmp_path, position)
    path.unlink()
    with pytest.raises(OutputBehind, match="got 0"):
        open_lane(tmp_path, position)


def test_without_a_position_the_lane_is_emptied_and_no_other(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path, ["lane-01", "lane-00"])
    for name in sink.list_parts():
        part = sink.build_part("archive", name, None)
        part.write_batch([ArchiveBatch(traffic())])
        part.snapshot()
        part.close()
    (tmp_path / "lane-00" / "000099-20170301T110000000Z.new").write_bytes(b"half a head")
    sink.build_part("archive", "lane-00", None).close()
    assert list((tmp_path / "lane-00").iterdir()) == []
    assert [known for held in content(tmp_path / "lane-01").values() for known in held] == traffic()


def test_a_snapshot_answers_what_it_was_resumed_with(tmp_path: Path) -> None:
    assert open_lane(tmp_path).snapshot() == ArchivePosition()
    lane = open_lane(tmp_path)
    write(lane, traffic()[:77], random.Random(1))
    position = lane.snapshot()
    lane.close()
    again = open_lane(tmp_path, position)
    assert again.snapshot() == position
    again.close()


def test_other_code_goes_on_in_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of another schema must not follow a header that doesn't describe them."""
    lane = ArchiveLane(tmp_path, None)
    lane.write_batch([ArchiveBatch([(BEGIN, plain_event(1))])])
    position = lane.snapshot()
    lane.close()
    monkeypatch.setattr(archive, "archive_schema", lambda: {**archive_schema(), "doc": "Newer."})
    lane = ArchiveLane(tmp_path, position)
    assert lane.snapshot() == position
    lane.write_batch([ArchiveBatch([(BEGIN + 1, plain_event(2))])])
    assert lane.snapshot().number == 2
    lane.close()
    assert list(content(tmp_path).values()) == [
        [(BEGIN, plain_event(1))],
        [(BEGIN + 1, plain_event(2))],
    ]


def test_each_lane_has_the_partition_of_its_name(tmp_path: Path) -> None:
    lanes = [f"lane-{number:02d}" for number in (10, 2, 0, 7)]
    sink = ArchiveSink(tmp_path, lanes)
    parts = sorted(sink.list_parts())
    assert [parts[sink.part_fn(lane) % len(parts)] for lane in lanes] == lanes
    with pytest.raises(KeyError, match=r"lane-99.*: must be a lane"):
        sink.part_fn("lane-99")


BATCHES = [("lane-00", ArchiveBatch(traffic()[start : start + 80])) for start in range(0, 400, 80)]


@pytest.mark.parametrize("position", range(1, len(BATCHES) + 1))
def test_an_abort_of_the_engine_at_each_batch(
    position: int, undisturbed: dict[str, list[Any]], tmp_path: Path
) -> None:
    items: list[Any] = list(BATCHES)
    items.insert(position, TestingSource.ABORT())
    (tmp_path / "recovery").mkdir()
    init_db_dir(tmp_path / "recovery", 1)
    sink = ArchiveSink(tmp_path, ["lane-00"], roll_bytes=ROLL_BYTES, roll_ms=HOUR)
    dataflow = Dataflow("archived")
    op.output("archive", op.input("events", dataflow, TestingSource(items)), sink)
    for _ in range(2):
        run_main(
            dataflow,
            epoch_interval=timedelta(0),
            recovery_config=RecoveryConfig(str(tmp_path / "recovery")),
        )
    assert content(tmp_path / "lane-00") == undisturbed


def rewritten(path: Path, schema: Schema, records: list[dict[str, Any]]) -> list[Any]:
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), records)
    return read(path)


def test_another_release_may_have_fields_more_and_less(tmp_path: Path) -> None:
    """A field that the file lacks has its default, and one that only it has is left out."""
    schema = msgspec.json.decode(msgspec.json.encode(archive_schema()))
    schema["fields"] = [f for f in schema["fields"] if f["name"] != "clamped"]
    schema["fields"].append({"name": "mood", "type": "string"})
    for field in schema["fields"]:
        for branch in field["type"] if field["name"] == "payload" else ():
            if branch["name"] == "ProductViewedPayload":
                branch["fields"] = [f for f in branch["fields"] if f["name"] != "category"]
                branch["fields"].append({"name": "colour", "type": "string"})
    event = plain_event(1, "product_viewed", sku="a", price=7)
    record = as_fastavro_takes_it(BEGIN, event) | {"mood": "good"}
    record["payload"][1]["colour"] = "red"
    assert rewritten(tmp_path / "a.avro", schema, [record]) == [(BEGIN, event)]


def test_a_type_that_this_release_does_not_know_is_refused_alone(tmp_path: Path) -> None:
    records = [as_fastavro_takes_it(BEGIN, plain_event(number)) for number in range(3)]
    records[1]["type"] = "teleported"
    known, unknown, also_known = rewritten(tmp_path / "a.avro", archive_schema(), records)
    assert (known[1], also_known[1]) == (plain_event(0), plain_event(2))
    assert unknown.startswith(b"\x00not readable as Avro: KeyError: 'teleported'")


def test_the_first_releases_archive_stays_readable() -> None:
    """`golden/archive-1.avro` was written by the first release, one event of each type; never
    write it again: a contract that can't read it can't be released."""
    expected = msgspec.json.decode((GOLDEN / "archive-1.json").read_bytes(), type=list[Known])
    assert read(GOLDEN / "archive-1.avro") == expected
    assert len({event.type for _, event in expected}) > 40
