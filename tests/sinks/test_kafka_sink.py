"""The output topics on a real broker: whatever crashes, each record stands there once."""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.testing import TestingSource, run_main
from confluent_kafka import Producer
from sample_rows import RowMaker
from topic_cases import SECONDS, Found, Topics, answer, entry, ids, shuffled, trigger

from pipelines.recovery import prepare
from schemas.commands import LoopCommand
from schemas.flow import Row
from schemas.identity import IdentityLink
from schemas.member_state import MemberState
from sinks.kafka import to_topics
from sinks.kafka.recorded import Positions
from sinks.kafka.records import record_of
from sinks.row_batch import RowBatch

LEDGER = "loyalty.ledger"
STATE = "loyalty.member-state"
LINKS = "identity.links"
COMMANDS = "commands"
PARTITIONS = 3
RUNS = 24
EPOCHS, ROWS_AN_EPOCH = 4, 60
NOW = 1_515_193_200_000


def build(topics: Topics, topic: str, state: Positions | None = None, **options: Any) -> Any:
    return topics.sink(options).build_part("topics", topic, state)


def write(part: Any, rows: Sequence[Row], size: int = 50) -> None:
    for at in range(0, len(rows), size):
        part.write_batch([RowBatch(list(rows[at : at + size]))])


def values(found: Sequence[Found]) -> Counter[bytes]:
    return Counter(msgspec.json.encode(one.value) for one in found)


def expected(rows: Sequence[Row]) -> Counter[bytes]:
    return Counter(msgspec.json.encode(row) for row in rows)


def test_a_record_as_a_consumer_gets_it(broker: str) -> None:
    topics = Topics(broker, LEDGER, "loyalty.redemptions", "triggers.push")
    rows: list[Row] = [entry(1, member=4), answer(2, member=4), trigger(3, NOW)]
    sink, parts = topics.sink(), {}
    began = time.time() * 1000
    for topic, batch in to_topics(("", RowBatch(rows))):
        parts[topic] = sink.build_part("topics", topic, None)
        parts[topic].write_batch([batch])
    for part in parts.values():
        part.snapshot()
        part.close()
    ended = time.time() * 1000
    assert set(parts) == {LEDGER, "loyalty.redemptions", "triggers.push"}
    (pushed,) = topics.read("triggers.push")
    record = record_of(rows[2])
    assert pushed.key == b"m-3"
    assert msgspec.json.encode(pushed.value) == record.value
    assert pushed.headers == record.headers
    assert began - 1 <= pushed.at <= ended + 1
    (answered,) = topics.read("loyalty.redemptions")
    assert answered.value["redemption_id"] == "r-2"
    on_ledger = {
        dict(one.headers)["schema"]: one.value for one in topics.read(LEDGER) if one.key == b"m-4"
    }
    assert on_ledger[b"redemption_answer/1"] == answered.value
    assert on_ledger[b"ledger_entry/1"]["entry_id"] == "entry-1"


def test_members_have_the_partition_that_javas_clients_give_them(broker: str) -> None:
    topics = Topics(broker, LEDGER, partitions=7)
    part = build(topics, LEDGER)
    write(part, [entry(number, member=number) for number in range(60)])
    part.snapshot()
    found = topics.read(LEDGER)
    assert len(found) == 60
    for one in found:
        assert one.key is not None
        assert one.partition == (murmur2(one.key) & 0x7FFFFFFF) % 7
    # From Kafka's own tests of its hash.
    assert murmur2(b"foobar") & 0xFFFFFFFF == (-790332482) & 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash of Kafka's Java client, as its source has it."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def history(pick: random.Random) -> list[list[Row]]:
    """Epochs of rows, some of them equal in every field."""
    made, epochs = 0, []
    for _ in range(EPOCHS):
        rows: list[Row] = []
        while len(rows) < ROWS_AN_EPOCH:
            made += 1
            row = pick.choice([entry, answer])(made, pick.randrange(8))
            rows += [row] * pick.choice([1, 1, 1, 1, 2, 3])
        epochs.append(rows)
    return epochs


@pytest.fixture(scope="module")
def many(broker: str) -> list[Topics]:
    """Topics for all runs."""
    return [Topics(broker, LEDGER, partitions=PARTITIONS) for _ in range(RUNS)]


@pytest.mark.parametrize("seed", range(RUNS))
def test_crashes_anywhere(seed: int, many: list[Topics]) -> None:
    """Crashes while an epoch is written, after it, after its snapshot, and while it is replayed.

    An epoch may also be cut in two by a snapshot, in another place each time.
    """
    topics, pick = many[seed], random.Random(seed)
    rows = [row for epoch in history(pick) for row in epoch]
    saved, state = 0, None
    skipped = 0
    for crashes_left in range(pick.randrange(3, 6), -1, -1):
        part = build(topics, LEDGER, state, **{"linger.ms": pick.choice([0, 5])})
        skipped += len(part._recorded)
        at = saved
        # What comes between two snapshots is the same rows each time, so a cut isn't moved.
        while at < len(rows):
            until = min(len(rows), at + pick.randrange(20, 120))
            due = shuffled(rows[at:until], pick)
            if crashes_left and pick.random() < 0.5:
                write(part, due[: pick.randrange(len(due) + 1)], pick.randrange(1, 40))
                if pick.random() < 0.7:
                    part._deliveries.settle()
                break
            write(part, due, pick.randrange(1, 40))
            positions = part.snapshot()
            if crashes_left and pick.random() < 0.3:
                break
            saved, state, at = until, positions, until
        part.close()
    assert saved == len(rows)
    assert values(topics.read(LEDGER)) == expected(rows)
    assert state is not None
    assert all(waiting == () for _, waiting in state.values()), "nothing is waited for any more"
    assert skipped > 0, f"seed {seed}: no crash left anything behind"


def test_a_crash_while_a_crash_is_repaired(broker: str) -> None:
    """A snapshot amid the replay counts what was replayed, and what still has to come."""
    topics = Topics(broker, LEDGER)
    rows = [entry(number, member=number % 4) for number in range(100)]
    first = build(topics, LEDGER)
    write(first, rows[:20])
    state = first.snapshot()
    write(first, rows[20:80])
    first.snapshot()
    first.close()
    replayed = 20
    for until in (35, 50, 77):
        part = build(topics, LEDGER, state)
        assert len(part._recorded) == 80 - replayed
        write(part, rows[replayed:until])
        state, replayed = part.snapshot(), until
        part.close()
    last = build(topics, LEDGER, state)
    write(last, rows[replayed:])
    last.snapshot()
    last.close()
    assert values(topics.read(LEDGER)) == expected(rows)


def test_a_first_start_writes_nothing_that_is_there(broker: str) -> None:
    topics = Topics(broker, LEDGER)
    rows = [entry(number, member=number % 9) for number in range(300)]
    for upto in (100, 250, 300):
        part = build(topics, LEDGER)
        write(part, rows[:upto], 7)
        part.snapshot()
        part.close()
        assert values(topics.read(LEDGER)) == expected(rows[:upto])


def test_a_snapshot_answers_what_it_was_resumed_with(broker: str) -> None:
    topics = Topics(broker, LEDGER)
    part = build(topics, LEDGER)
    write(part, [entry(number, member=number) for number in range(50)])
    state = part.snapshot()
    part.close()
    assert sum(end for end, _ in state.values()) == 50
    assert set(state) == set(range(PARTITIONS))
    again = build(topics, LEDGER, state)
    assert again.snapshot() == state
    again.close()


def test_links_that_are_equal_are_counted(broker: str) -> None:
    topics = Topics(broker, LINKS)
    link = RowMaker(1).row(IdentityLink)
    other = msgspec.structs.replace(link, until_at=5)
    part = build(topics, LINKS)
    state = part.snapshot()
    write(part, [link, link, other, link])
    part.snapshot()
    part.close()
    part = build(topics, LINKS, state)
    write(part, [link, link, other, link, link], 2)
    part.snapshot()
    assert values(topics.read(LINKS)) == expected([link] * 4 + [other])


def members(*revisions: int, tier: str = "gold", member: str = "m-1") -> list[Row]:
    one = RowMaker(1).row(MemberState)
    return [
        msgspec.structs.replace(one, member_id=member, revision=revision, tier=tier)
        for revision in revisions
    ]


def newest(found: Sequence[Found]) -> dict[bytes | None, tuple[int, str]]:
    return {one.key: (one.value["revision"], one.value["tier"]) for one in found}


def revisions(found: Sequence[Found], key: bytes) -> list[int]:
    return [one.value["revision"] for one in found if one.key == key]


def test_of_what_is_written_at_once_only_a_members_newest_state_becomes_a_record(
    broker: str,
) -> None:
    topics = Topics(broker, STATE)
    part = build(topics, STATE)
    write(part, [*members(1, 2, 3), *members(1, member="m-2"), *members(4)])
    write(part, members(5, 6))
    part.snapshot()
    found = topics.read(STATE)
    assert revisions(found, b"m-1") == [4, 6]
    assert revisions(found, b"m-2") == [1]


def test_a_state_that_was_left_out_isnt_written_after_a_newer_one(broker: str) -> None:
    """Batches are others after a resume, and after the next one, too."""
    topics = Topics(broker, STATE)
    part = build(topics, STATE)
    state = part.snapshot()
    write(part, members(1, 2, 3, 4), 2)
    part.snapshot()
    part.close()
    part = build(topics, STATE, state)
    write(part, members(1, 2, 3), 3)
    ends = part.snapshot()
    assert [high - low for _, waiting in ends.values() for low, high in waiting] == [1]
    part.close()
    part = build(topics, STATE, ends)
    write(part, members(4, 5))
    part.snapshot()
    assert revisions(topics.read(STATE), b"m-1") == [2, 4, 5]


def test_a_member_ends_with_the_newest_state_though_older_ones_are_compacted_away(
    broker: str,
) -> None:
    topics = Topics(broker, STATE, **{"cleanup.policy": "compact"})
    part = build(topics, STATE)
    state = part.snapshot()
    write(part, [*members(4, 5), *members(1, member="m-2")])  # 1 to 3 of m-1 are gone
    part.snapshot()
    part.close()
    part = build(topics, STATE, state)
    write(part, [*members(1, 2, 3, 4, 5), *members(1, 2, member="m-2")], 2)
    assert all(waiting == () for _, waiting in part.snapshot().values())
    part.close()
    found = topics.read(STATE)
    assert newest(found) == {b"m-1": (5, "gold"), b"m-2": (2, "gold")}
    assert revisions(found, b"m-2") == [1, 2]


def test_another_histories_versions_dont_stand_in_for_this_ones(broker: str) -> None:
    topics = Topics(broker, STATE)
    part = build(topics, STATE)
    write(part, members(1, 2, 3, tier="gold"))
    part.snapshot()
    part.close()
    part = build(topics, STATE)
    write(part, members(1, 2, tier="basic"))
    part.snapshot()
    part.close()
    assert newest(topics.read(STATE)) == {b"m-1": (2, "basic")}


def test_more_than_the_producer_holds_is_waited_for(broker: str) -> None:
    topics = Topics(broker, LEDGER)
    part = build(topics, LEDGER, **{"queue.buffering.max.messages": 50})
    rows = [entry(number, member=number) for number in range(2_000)]
    write(part, rows, 1_000)
    part.snapshot()
    part.close()
    assert values(topics.read(LEDGER)) == expected(rows)


def test_latency_is_observed_once_a_trigger(broker: str) -> None:
    topics = Topics(broker, "triggers.push", LEDGER)
    observed: list[float] = []
    confirmed: Counter[str] = Counter()

    def count(topic: str, number: int) -> None:
        confirmed[topic] += number

    sink = topics.sink(observe_latency=observed.append, confirmed=count)
    pushed = sink.build_part("topics", "triggers.push", None)
    ledger = sink.build_part("topics", LEDGER, None)
    decided_at = int(time.time() * 1000) - 2_000
    pushed.write_batch([RowBatch([trigger(number, decided_at) for number in range(20)])])
    ledger.write_batch([RowBatch([entry(1)])])
    pushed.snapshot()
    ledger.snapshot()
    assert len(observed) == 20
    assert all(2.0 <= seconds < 12.0 for seconds in observed)
    assert confirmed == {topics.prefix + "triggers.push": 20, topics.prefix + LEDGER: 1}
    pushed.close()
    ledger.close()


def test_an_acknowledgement_without_an_offset_is_placed(broker: str) -> None:
    """What the client reports when its retry finds the record there already."""

    class Unplaced:
        def partition(self) -> int:
            return 0

        def offset(self) -> None:
            return None

    topics = Topics(broker, LEDGER)
    part = build(topics, LEDGER)
    write(part, [entry(number, member=number) for number in range(30)])
    state = part.snapshot()
    part._ends = dict.fromkeys(part._ends, 0)
    part._report(None, Unplaced())
    assert part.snapshot() == state


def test_each_topic_is_a_partition_of_the_sink(broker: str) -> None:
    sink = Topics(broker).sink()
    names = sorted(sink.list_parts())
    assert len(names) == 18
    for name in names:
        assert names[sink.part_fn(name) % len(names)] == name
    with pytest.raises(KeyError, match="must be an output topic"):
        sink.part_fn("triggers.pigeon")


def batches() -> list[Any]:
    """Rows of all kinds, with ids as operators give them."""
    maker, made = RowMaker(4), []
    for number in range(4):
        rows = [row for row in maker.rows(40) if not hasattr(row, "entry_id")]
        made.append(RowBatch([*rows, *(entry(100 * number + i, i % 7) for i in range(20))]))
    return made


@pytest.mark.parametrize("position", [1, 3])
def test_in_a_real_dataflow_that_aborts(broker: str, position: int, tmp_path: Path) -> None:
    """One abort only: the engine's source for tests doesn't count those that it passed."""
    topics = Topics(broker)
    wanted = {topic for batch in batches() for topic, _ in to_topics(("", batch))}
    topics.make(*wanted, partitions=2)
    recovery = RecoveryConfig(str(tmp_path / "recovery"))
    items = batches()
    items.insert(position, TestingSource.ABORT())
    for _ in range(2):
        prepare(tmp_path / "recovery", "rows.rows", ["iterable"])
        flow = Dataflow("rows")
        rows = op.map("keyed", op.input("rows", flow, TestingSource(items)), lambda b: ("", b))
        op.output("topics", op.flat_map("to_topics", rows, to_topics), topics.sink())
        run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)
    due: dict[str, list[Row]] = {}
    for batch in batches():
        for topic, routed in to_topics(("", batch)):
            due.setdefault(topic, []).extend(routed.rows)
    for topic, rows_there in due.items():
        found = topics.read(topic)
        assert Counter(ids(found)) == Counter(record_of(row).record_id for row in rows_there), topic
        if topic != COMMANDS:
            assert values(found) == expected(rows_there), topic


def test_killed_again_and_again(broker: str, tmp_path: Path) -> None:
    """`kill -9` of a process that writes; what it had under way may still arrive."""
    topics, moments = Topics(broker, LEDGER), random.Random(5)
    script = Path(__file__).parent / "write_topic_until_killed.py"
    command = [sys.executable, str(script), broker, topics.prefix, str(tmp_path / "saved.json")]
    root = str(Path(__file__).parents[2])
    for attempt in range(4):
        process = subprocess.Popen(
            [*command, str(attempt)],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": root},
        )
        assert process.stdout is not None
        if attempt == 3:
            out, _ = process.communicate(timeout=60)
            assert out.splitlines()[-1] == "done"
            break
        for _ in range(moments.randrange(10, 60)):
            assert process.stdout.readline() == "wrote\n"
        process.kill()
        process.communicate(timeout=60)
    found = topics.read(LEDGER)
    assert sorted(ids(found)) == sorted(b"entry-%d" % number for number in range(6_000))


def command(number: int) -> LoopCommand:
    return LoopCommand(
        command_id=f"c-{number}",
        type="adjust",
        market="us",
        about=f'{{"member_id":"m-{number % 5}"}}',
        payload="{}",
        because_of="pos/e-1",
        given_at=NOW + number,
    )


def test_commands_stand_once_on_a_topic_to_which_others_never_stop_writing(broker: str) -> None:
    topics, pick, ended = Topics(broker, COMMANDS), random.Random(3), threading.Event()
    others = Producer({"bootstrap.servers": broker, "linger.ms": 0})

    def redeem() -> None:
        while not ended.is_set():
            others.produce(topics.prefix + COMMANDS, b'{"type": "redeem"}', key=b"somebody")
            others.flush(SECONDS)

    service = threading.Thread(target=redeem)
    service.start()
    try:
        rows, saved, state, waited = [command(number) for number in range(120)], 0, None, 0
        for until in (20, 45, 70, 100, 120):
            part = build(topics, COMMANDS, state)
            waited += len(part._recorded)
            write(part, rows[saved:until], pick.randrange(1, 9))
            if until in (45, 100):  # a crash: what was written comes again
                part._deliveries.settle()
            else:
                state, saved = part.snapshot(), until
            part.close()
    finally:
        ended.set()
        service.join()
    found = topics.read(COMMANDS)
    own = [one for one in found if one.headers]
    assert sorted(ids(own)) == sorted(f"c-{number}".encode() for number in range(120))
    assert waited == 25 + 30
    assert len(found) > len(own) + 20, "somebody else wrote all the while"
