"""Files as partitions: records, resume, the stamp of known_at, alignment, and the journal."""

from pathlib import Path

import fastavro
import msgspec
import pytest

from pipelines.sources import journal
from pipelines.sources.alignment import AHEAD_MS, AHEAD_RECORDS, Ahead, Alignment
from pipelines.sources.file_stamps import InputOutOfOrder
from pipelines.sources.files import FilePartition, FilePosition
from pipelines.sources.journal import InputChanged, InputFile
from pipelines.sources.records import open_records

HOUR = 3_600_000
BOUND = 100 * HOUR


def read_all(records):
    found = []
    while batch := records.read():
        found += batch
    return found


def avro(path: Path, numbers, sync_interval=64) -> Path:
    schema = fastavro.parse_schema(
        {"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]}
    )
    with path.open("wb") as file:
        rows = ({"n": n} for n in numbers)
        fastavro.writer(file, schema, rows, sync_interval=sync_interval)
    return path


def test_lines_go_on_where_they_stopped(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n\n{"n":2}\n{"n":3}')
    first = open_records(path, batch_bytes=1)
    assert first.read() == [b'{"n":1}\n']
    again = open_records(path, first.position, first.count, batch_bytes=1)
    assert read_all(again) == [b"\n", b'{"n":2}\n', b'{"n":3}']
    assert again.count == 4


@pytest.mark.parametrize("stop", [0, 1, 7, 50, 99, 100])
def test_avro_goes_on_where_it_stopped(tmp_path, stop):
    path = avro(tmp_path / "a.avro", range(100))
    rest = read_all(open_records(path, stop, stop, batch_bytes=512))
    assert [record["n"] for record in rest] == list(range(stop, 100))


def test_a_truncated_container_ends_in_one_unreadable_record(tmp_path):
    path = avro(tmp_path / "a.avro", range(100))
    path.write_bytes(path.read_bytes()[:-20])
    records = read_all(open_records(path))
    assert isinstance(records[-1], bytes)
    whole = [record["n"] for record in records[:-1]]
    assert whole == list(range(len(whole)))
    assert len(whole) > 50


def partition(tmp_path, times, resume=None, ends_at=None, batch_bytes=1 << 20):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(b"%d\n" % at for at in times))
    slots = tmp_path / "slots"
    Alignment.reset(slots, ["p"])
    return FilePartition(
        InputFile(name="a.jsonl", path=str(path), size=path.stat().st_size),
        resume or FilePosition(),
        part="p",
        upstream="1/a.jsonl",
        alignment=Alignment(slots, ["p"]),
        received_at=lambda line: int(line) if line.strip().isdigit() else None,
        bound_at=BOUND,
        ends_at=ends_at,
        batch_bytes=batch_bytes,
    )


def stamps(part):
    batches = []
    while True:
        try:
            batches += part.next_batch()
        except StopIteration:
            return batches


def test_known_at_is_the_running_maximum(tmp_path):
    batches = stamps(partition(tmp_path, [5, 3, 9, 4, 9, 10]))
    assert [raw[2] for raw in batches[0].records] == [5, 5, 9, 9, 9, 10]
    assert [(batch.mark_at, batch.closed) for batch in batches] == [(10, False), (10, True)]


def test_a_clock_beyond_the_bound_moves_nothing(tmp_path):
    batches = stamps(partition(tmp_path, [5, BOUND + 1, 6]))
    assert [raw[2] for raw in batches[0].records] == [5, 5, 6]


def test_more_than_an_hour_out_of_order_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputOutOfOrder, match=r"record 2: .*1\.5 hours behind; run: kizuna sort"):
        stamps(partition(tmp_path, [3 * HOUR, 3 * HOUR // 2]))


def test_an_earlier_generations_end_stamps_and_refuses_nothing(tmp_path):
    late = FilePosition(known_at=50 * HOUR)
    batches = stamps(partition(tmp_path, [5, 6, 51 * HOUR], resume=late))
    assert [raw[2] for raw in batches[0].records] == [50 * HOUR, 50 * HOUR, 51 * HOUR]


def test_stamps_do_not_depend_on_where_it_was_resumed(tmp_path):
    times = [5, 3, 9, 4, 20, 11, 30]
    whole = stamps(partition(tmp_path, times))[0].records
    for stop in range(1, len(times)):
        first = partition(tmp_path, times, batch_bytes=1)
        before = [first.next_batch()[0].records[0] for _ in range(stop)]
        rest = stamps(partition(tmp_path, times, resume=first.snapshot()))
        assert before + [record for batch in rest for record in batch.records] == whole


def test_as_of_is_where_time_ends(tmp_path):
    assert stamps(partition(tmp_path, [5], ends_at=70))[-1].mark_at == 70


def test_whoever_is_far_ahead_waits_for_the_slowest():
    ahead = Ahead()
    ahead.add(10 * HOUR, AHEAD_RECORDS - 1)
    assert ahead.may_read(10 * HOUR, slowest=0), "few records may be ahead, however far"
    ahead.add(20 * HOUR, 1)
    assert not ahead.may_read(20 * HOUR, slowest=0)
    assert ahead.may_read(20 * HOUR, slowest=10 * HOUR), "what was passed no longer counts"
    assert ahead.may_read(20 * HOUR, slowest=20 * HOUR - AHEAD_MS)


def test_slots_work_across_handles(tmp_path):
    slots = tmp_path / "slots"
    Alignment.reset(slots, ["a", "b"])
    one, other = Alignment(slots, ["a", "b"]), Alignment(slots, ["a", "b"])
    one.publish("a", 7, records=3, bytes_read=30)
    assert other.slowest() == 0, "b has not started"
    other.publish("b", 9, records=1, bytes_read=10, finished=True)
    assert one.slowest() == 7, "who has finished holds up nobody"
    assert (one.greatest(), one.totals()) == (9, (4, 40))


def files(*names, size=1):
    return [InputFile(name=name, path=f"/x/{name}", size=size) for name in names]


def test_a_generation_is_frozen_and_the_next_one_starts_where_it_ended():
    book = journal.Journal(as_of=0)
    first = journal.next_generation(book, files("a", "b"))
    assert journal.next_generation(book, files("a", "b", "c")) is first
    first.ended_at = 100
    second = journal.next_generation(book, files("a", "b", "c"))
    assert ([file.name for file in second.files], second.floor) == (["c"], 100)
    second.ended_at = 200
    assert journal.next_generation(book, files("a", "b", "c")) is None


def test_files_that_changed_or_are_gone_are_refused():
    book = journal.Journal(as_of=0)
    first = journal.next_generation(book, files("a", "b"))
    with pytest.raises(InputChanged, match="b: must be there"):
        journal.next_generation(book, files("a"))
    with pytest.raises(
        InputChanged, match=r"a: must not change once it was read; got other content .2 bytes"
    ):
        journal.next_generation(book, files("a", size=2) + files("b"))
    first.ended_at = 100
    assert journal.next_generation(book, []) is None, "what was read may be put away"


def test_the_journal_keeps_the_first_starts_clock(tmp_path):
    path = tmp_path / "generations.json"
    journal.save(path, journal.load(path, first_start=5, as_of=None))
    assert journal.load(path, first_start=9, as_of=None).as_of == 5
    assert journal.load(path, first_start=9, as_of=7).as_of == 7


def test_inputs_are_named_by_their_place_below_the_folder(tmp_path):
    (tmp_path / "h1").mkdir()
    (tmp_path / "h1" / "pos.jsonl").write_bytes(b"{}\n")
    (tmp_path / "h1" / "notes.txt").write_bytes(b"no")
    assert [file.name for file in journal.find_inputs([tmp_path])] == ["h1/pos.jsonl"]
    (tmp_path / "pos.jsonl").write_bytes(b"{}\n")
    with pytest.raises(InputChanged, match=r"pos\.jsonl: must be given once"):
        journal.find_inputs([tmp_path / "pos.jsonl", tmp_path / "h1" / "pos.jsonl"])


def test_positions_survive_the_recovery_store():
    position = FilePosition(position=3, count=2, known_at=9, received_at=8)
    assert msgspec.json.decode(msgspec.json.encode(position), type=FilePosition) == position
