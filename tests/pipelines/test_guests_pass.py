"""What guests do reaches decide through accrue and score and moves nothing there; folded, too."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.assemble import member_operators, read_configuration
from pipelines.fold_group import FoldGroup
from pipelines.sorted_runs import SortedRuns, encode_run
from schemas.codec import Packet
from schemas.decisions import Decision, JourneyEntry, Trigger
from schemas.events import EVENT_TYPES, Event
from schemas.flow import AnyBody, GuestActed, GuestJoined, Message, Row
from transforms.key_group import KeyGroup, Mark
from transforms.operator import Operator

CONFIG = Path(__file__).parents[2] / "config"
GUEST = "guest:email:v1.0f"
NOON = 1_488_906_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
END = 1 << 50


def message(at: int, type: str, **payload: Any) -> Message:
    kind = EVENT_TYPES[type]
    event = Event(
        event_id=f"e-{at}",
        type=type,
        source=sorted(kind.sources)[0],
        occurred_at=NOON + at,
        received_at=NOON + at,
        market="us",
        identifiers=("email:v1.0f",),
        payload=msgspec.convert(payload, kind.payload),
    )
    body: AnyBody = GuestActed(event=event, guest_id=GUEST)
    if type == "enrolled":
        body = GuestJoined(event=event, guest_id=GUEST, owner="member_id:m-1")
    place = (NOON + at, NOON + at, event.source, event.event_id, 1, 6, GUEST, 0, "", 0)
    return Message(order=place, key=GUEST, body=body)


def invited() -> list[Message]:
    """A guest who subscribes, buys, and joins four days later."""
    line = {"line_id": "1", "sku": "s", "amount": 700}
    return [
        message(0, "subscribed"),
        message(HOUR, "sale", transaction_id="t", currency="USD", lines=[line]),
        message(4 * DAY, "enrolled"),
    ]


def member_steps() -> list[Operator[Any]]:
    return [*member_operators(read_configuration(CONFIG), tells_state=True)]


def run_live(messages: list[Message]) -> tuple[list[Row], list[list[Message]], list[int]]:
    """Rows, what each step handed on, and how many states each keeps at the end."""
    rows: list[Row] = []
    onward, handed, kept = messages, [], []
    for place, operator in enumerate(member_steps()):
        group: KeyGroup[Any] = KeyGroup(
            operator, group=0, rung=7 + place, upstreams=["above"], passes_on=True
        )
        group.receive("above", Mark(at=END), onward)
        outcome = group.advance()
        assert outcome is not None
        rows += outcome.rows
        onward = outcome.onward
        handed.append(onward)
        kept.append(len(group.snapshot().states))
    return rows, handed, kept


def test_accrue_and_score_pass_them_on_untouched_and_keep_nothing() -> None:
    messages = invited()
    rows, (accrued, scored, _), kept = run_live(messages)
    assert accrued == scored == messages
    assert {type(row) for row in rows} == {Decision, JourneyEntry, Trigger}
    assert {row.member_id for row in rows} == {GUEST}  # type: ignore[attr-defined]
    assert kept == [0, 0, 0], "decide forgets a guest, too, in the end"


def test_a_fold_says_the_same() -> None:
    runs = SortedRuns()
    runs.add(encode_run(invited()))
    folded = [
        row for outcome in FoldGroup(member_steps(), 7).fold(runs, END) for row in outcome.rows
    ]
    runs.close()
    rows, _, _ = run_live(invited())
    assert folded == rows
    assert any(isinstance(row, Trigger) for row in folded)


@pytest.mark.parametrize("kind", [GuestActed, GuestJoined])
def test_they_travel_between_workers(kind: type[Any]) -> None:
    messages = [message for message in invited() if isinstance(message.body, kind)]
    assert messages
    packet = Packet("person/3", 3, messages, 5)
    make, parts = packet.__reduce__()[:2]
    assert make(*parts).messages == messages
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(messages), type=list[Message]) == messages
