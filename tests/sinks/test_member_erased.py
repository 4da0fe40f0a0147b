"""The end of a member's state on its topic: a record without a value, the last of its key."""

import pickle
from typing import Any

import msgspec
from sample_rows import RowMaker
from topic_cases import Topics

from schemas.flow import Row
from schemas.member_state import MemberErased, MemberState
from sinks.kafka.records import record_of, revision_of
from sinks.row_batch import RowBatch

STATE = "loyalty.member-state"


def state(revision: int, member: str = "m-1") -> MemberState:
    one = RowMaker(1).row(MemberState)
    return msgspec.structs.replace(one, member_id=member, revision=revision)


def end(revision: int, member: str = "m-1") -> MemberErased:
    return MemberErased(member_id=member, revision=revision, as_of=9)


def latest(topics: Topics) -> dict[bytes | None, Any]:
    """A table by key, as a consumer of a compacted topic keeps it."""
    return {one.key: one.value and one.value["revision"] for one in topics.read(STATE)}


def test_it_has_a_key_headers_and_no_value() -> None:
    record = record_of(end(7))
    headers = dict(record.headers)
    assert (record.key, record.value) == (b"m-1", None)
    assert headers["schema"] == b"member_erased/1"
    assert headers["record_id"] == record.record_id
    assert revision_of(record.record_id) == 7
    assert record.record_id != record_of(end(8)).record_id


def test_the_topic_holds_nothing_of_who_was_erased(broker: str) -> None:
    topics = Topics(broker, STATE)
    part = topics.sink().build_part("topics", STATE, None)
    part.write_batch([RowBatch([state(1), state(1, "m-2")])])
    part.write_batch([RowBatch([state(2), end(3)])])
    part.snapshot()
    part.close()
    assert latest(topics) == {b"m-1": None, b"m-2": 1}


def test_whoever_begins_anew_in_the_same_batch_is_there(broker: str) -> None:
    """Rows travel between processes by class, so an end may stand behind what came after it."""
    topics = Topics(broker, STATE)
    part = topics.sink().build_part("topics", STATE, None)
    rows: list[Row] = [end(2), state(3), state(1, "m-2"), end(2, "m-2")]
    part.write_batch([pickle.loads(pickle.dumps(RowBatch(rows)))])
    part.snapshot()
    part.close()
    assert latest(topics) == {b"m-1": 3, b"m-2": None}


def test_after_a_crash_the_end_is_written_once(broker: str) -> None:
    topics = Topics(broker, STATE)
    part = topics.sink().build_part("topics", STATE, None)
    part.write_batch([RowBatch([state(1)])])
    saved = part.snapshot()
    part.write_batch([RowBatch([state(2)]), RowBatch([end(3)])])
    part.snapshot()
    part.close()
    again = topics.sink().build_part("topics", STATE, saved)
    for row in (state(2), end(3)):
        again.write_batch([RowBatch([row])])
    again.snapshot()
    again.close()
    found = topics.read(STATE)
    assert [one.value is None for one in found].count(True) == 1
    assert found[-1].value is None
