"""Which rows go to which topic, and what a row looks like there. No broker is needed."""

import re
from collections import Counter

import msgspec
import pytest
from sample_rows import RowMaker
from topic_cases import answer, entry, trigger

from schemas.commands import LoopCommand
from schemas.decisions import CHANNELS, Decision, Delivery, JourneyEntry, Member, Trigger
from schemas.erasure import Erasure, ErasureRequest
from schemas.flow import Row
from schemas.identity import EventOwner, Guest, IdentityLink, IdentityNotice
from schemas.ledger import (
    AccountMerge,
    Correction,
    LedgerEntry,
    Lot,
    Redemption,
    RedemptionAnswer,
    TierChange,
)
from schemas.member_state import MemberErased, MemberState
from schemas.privileges import (
    BenefitUsage,
    ChallengeProgress,
    MembershipPeriod,
    OfferGrant,
    Unlocked,
)
from schemas.refusals import Quarantined, Repaired
from schemas.scoring import ChurnScore
from scripts.produce import key_of
from sinks.kafka import to_topics
from sinks.kafka.recorded import Recorded
from sinks.kafka.records import RAW_BYTES_MAX, record_of
from sinks.kafka.routes import OUTPUT_TOPICS, topics_of
from sinks.row_batch import ROW_CLASSES, TOLD_CLASSES, RowBatch

ROUTED: dict[type[Row], tuple[str, ...]] = {
    LedgerEntry: ("loyalty.ledger",),
    RedemptionAnswer: ("loyalty.redemptions", "loyalty.ledger"),
    MemberState: ("loyalty.member-state",),
    MemberErased: ("loyalty.member-state",),
    IdentityLink: ("identity.links",),
    Decision: ("loyalty.decisions",),
    Quarantined: ("quarantine",),
    LoopCommand: ("commands",),
}
WAREHOUSE_ONLY = {
    AccountMerge,
    BenefitUsage,
    ChallengeProgress,
    Erasure,
    ErasureRequest,
    Correction,
    Member,
    MembershipPeriod,
    OfferGrant,
    Repaired,
    EventOwner,
    IdentityNotice,
    Guest,
    Lot,
    Redemption,
    TierChange,
    Unlocked,
    ChurnScore,
    JourneyEntry,
    Delivery,
}
SCHEMAS = {
    LedgerEntry: b"ledger_entry/1",
    RedemptionAnswer: b"redemption_answer/1",
    MemberState: b"member_state/1",
    IdentityLink: b"identity_link/1",
    Decision: b"decision/1",
    Trigger: b"trigger/1",
    Quarantined: b"quarantined/1",
}


def test_every_kind_of_row_has_its_topics_or_none() -> None:
    assert {*ROUTED, *WAREHOUSE_ONLY, Trigger} == {*ROW_CLASSES, *TOLD_CLASSES}
    maker = RowMaker(1)
    for row_class, topics in ROUTED.items():
        assert topics_of(maker.row(row_class)) == topics
    for row_class in WAREHOUSE_ONLY:
        assert topics_of(maker.row(row_class)) == ()
    for channel in CHANNELS:
        assert topics_of(trigger(1, 0, channel)) == (f"triggers.{channel}",)


def test_rows_are_split_by_topic_in_their_order() -> None:
    rows = [entry(1), answer(2), trigger(3, 0, "sms"), entry(4), RowMaker(1).row(Lot)]
    split = dict(to_topics(("any", RowBatch(rows))))
    assert {topic: batch.rows for topic, batch in split.items()} == {
        "loyalty.ledger": [rows[0], rows[1], rows[3]],
        "loyalty.redemptions": [rows[1]],
        "triggers.sms": [rows[2]],
    }
    assert set(split) < set(OUTPUT_TOPICS)


@pytest.mark.parametrize("row_class", SCHEMAS, ids=lambda kind: kind.__name__)
def test_a_record_says_what_it_is(row_class: type[Row]) -> None:
    row = RowMaker(2).row(row_class)
    record = record_of(row)
    headers = dict(record.headers)
    assert headers["schema"] == SCHEMAS[row_class]
    assert headers["content-type"] == b"application/json"
    assert headers["record_id"] == record.record_id
    value = msgspec.json.decode(record.value)
    assert tuple(value) == row_class.__struct_fields__
    assert msgspec.json.decode(record.value, type=row_class) == row
    if hasattr(row, "member_id"):
        assert record.key == row.member_id.encode()
    elif isinstance(row, IdentityLink):
        assert record.key == f"{row.namespace}:{row.value}".encode()
    else:
        assert record.key is None


@pytest.mark.parametrize("row_class", SCHEMAS, ids=lambda kind: kind.__name__)
def test_two_rows_share_an_id_only_if_they_are_equal(row_class: type[Row]) -> None:
    """Ids of entries, decisions and triggers are the operators'; here each gets one of its own."""
    maker = RowMaker(3)
    rows = [maker.row(row_class) for _ in range(500)]
    own = {LedgerEntry: "entry_id", Decision: "decision_id", Trigger: "trigger_id"}.get(row_class)
    if own is not None:
        rows = [msgspec.structs.replace(row, **{own: str(i)}) for i, row in enumerate(rows)]
    assert len({record_of(row).record_id for row in rows}) == len(rows)
    again = [msgspec.json.decode(msgspec.json.encode(row), type=row_class) for row in rows]
    assert [record_of(row) for row in again] == [record_of(row) for row in rows]


def test_a_trigger_carries_its_id_apart_from_the_record() -> None:
    headers = dict(record_of(trigger(7, 5)).headers)
    assert headers["trigger_id"] == b"t-7"
    assert headers["record_id"] == b"t-7:send:3"


def test_what_one_instant_brought_a_member_is_one_trace() -> None:
    at = 1_515_193_200_000
    message, because = trigger(2, at), entry(0, member=2, posted_at=at)
    other = entry(1, member=2, posted_at=at + 1)
    parents = [dict(record_of(row).headers)["traceparent"] for row in (message, because, other)]
    for parent in parents:
        assert isinstance(parent, bytes)
        assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", parent)
    traces = [parent.split(b"-")[1] for parent in parents]
    assert traces[0] == traces[1] != traces[2]
    assert len(set(parents)) == 3


def test_a_long_refused_record_is_announced_without_its_bytes() -> None:
    short = msgspec.structs.replace(RowMaker(1).row(Quarantined), raw=b"x" * RAW_BYTES_MAX)
    long = msgspec.structs.replace(short, raw=b"x" * (RAW_BYTES_MAX + 1))
    assert len(msgspec.json.decode(record_of(short).value)["raw"]) == RAW_BYTES_MAX * 4 // 3
    value = msgspec.json.decode(record_of(long).value)
    assert value["raw"] == ""
    assert value["content_hash"] == long.content_hash
    assert len(record_of(short).value) < 1_000_000


def test_what_waits_is_counted_and_placed() -> None:
    recorded = Recorded()
    stands = [(b"a", 0, 5), (b"a", 0, 6), (b"b", 0, 7), (b"c", 2, 0), (b"a", 0, 9)]
    for record_id, partition, offset in stands:
        recorded.add(record_id, b"key", partition, offset)
    assert len(recorded) == 5
    assert recorded.waiting(0) == ((5, 8), (9, 10))
    assert recorded.waiting(1) == ()
    assert recorded.take(b"a")
    assert recorded.waiting(0) == ((6, 8), (9, 10))
    assert recorded.take(b"b")
    assert recorded.waiting(0) == ((6, 7), (9, 10))
    assert not recorded.take(b"b")
    taken = Counter(recorded.take(b"a") for _ in range(3))
    assert taken == {True: 2, False: 1}
    assert not recorded.overtaken(b"key", b"d")
    assert recorded.waiting(2) == ((0, 1),)
    assert recorded.take(b"c")
    assert not recorded


def test_of_a_compacted_topic_older_records_are_overtaken() -> None:
    recorded = Recorded(newest_counts=True)
    recorded.add(b"m@7:aa", b"m", 0, 1)
    recorded.add(b"m@9:bb", b"m", 0, 2)
    recorded.add(b"n@9@1:cc", b"n@9", 0, 3)
    assert recorded.overtaken(b"m", b"m@6:dd")
    assert recorded.take(b"m@7:aa")
    assert recorded.overtaken(b"m", b"m@8:dd")
    assert recorded.waiting(0) == ((2, 4),)
    assert recorded.take(b"m@9:bb")
    assert not recorded.overtaken(b"m", b"m@10:dd")
    assert not recorded.overtaken(b"other", b"other@1:ee")
    assert recorded.waiting(0) == ((3, 4),)


def test_what_another_history_left_on_a_compacted_topic_is_not_waited_for_for_ever() -> None:
    recorded = Recorded(newest_counts=True)
    recorded.add(b"m@4:aa", b"m", 0, 1)
    assert not recorded.take(b"m@4:bb")
    assert recorded.overtaken(b"m", b"m@4:bb")
    assert not recorded.overtaken(b"m", b"m@5:bb")
    assert not recorded
    assert not recorded.overtaken(b"m", b"m@6:bb")


def ordered(**values: object) -> LoopCommand:
    given = {
        "command_id": "unlink-7",
        "type": "unlink",
        "market": "us",
        "about": '{"cookie":"c","card":"4"}',
        "payload": '{"owner":"member_id:m","reason":"limit","actor":"kizuna"}',
        "because_of": "pos/e-1",
        "given_at": 1_515_193_200_000,
    }
    return LoopCommand(**{**given, **values})  # type: ignore[arg-type]


def test_a_command_is_the_event_that_comes_back() -> None:
    record = record_of(ordered())
    assert record.record_id == b"unlink-7"
    event = msgspec.json.decode(record.value)
    assert event == {
        "event_id": "unlink-7",
        "type": "unlink",
        "source": "command",
        "occurred_at": 1_515_193_200_000,
        "market": "us",
        "identifiers": {"cookie": "c", "card": "4"},
        "payload": {"owner": "member_id:m", "reason": "limit", "actor": "kizuna"},
    }
    # Beside what people do with the same card, as whoever else sends commands has it.
    assert record.key == key_of(event) == key_of(event | {"identifiers": {"card": "4"}})
    nobody = record_of(ordered(about="{}"))
    assert nobody.key == key_of(msgspec.json.decode(nobody.value))
