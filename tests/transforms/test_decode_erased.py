"""Husks: what is left of events of people who were erased, and what isn't touched."""

from typing import Any

import msgspec
import pytest

from schemas.erasure import ORPHAN, Erased, is_orphan
from schemas.events import EVENT_TYPES, Event
from schemas.payloads import Line, Merge, Nothing, Redeem, Sale, Searched, Transfer, Unlink
from transforms.accrue.closed_account import Closed, read
from transforms.accrue.state import Account
from transforms.decode.erased import Husks, is_husk
from transforms.decode.tombstones import Tombstones

KEY = b"a key of its own, 32 bytes long!"
AT = 1_500_000_000_000
THEIRS = ("cookie:cookie-of-ana", "email:v1.00aa", "card:7720", "member_id:member-ana")


def erased(at: int = AT, *identifiers: str) -> Erased:
    marks = Tombstones(KEY, ())
    return Erased(
        member_id=marks.orphan(THEIRS[-1], at).partition(":")[2],
        erased_at=at,
        tombstones=tuple(map(marks.tombstone, identifiers or THEIRS)),
    )


TOMBSTONES = Tombstones(KEY, [erased()])
HUSKS = Husks(TOMBSTONES)


def event(payload: Any = None, *identifiers: str, **more: Any) -> Event:
    fields = {
        "event_id": "e-1",
        "type": "sale",
        "source": "pos",
        "occurred_at": AT - 5,
        "received_at": AT,
        "market": "us",
        "identifiers": identifiers,
        "context": {"url": "https://shop.example/ana"},
        "payload": payload or Nothing(),
        "offset": 7,
    }
    return Event(**{**fields, **more})


SALE = Sale(
    transaction_id="receipt-1",
    order_id="order-1",
    currency="USD",
    lines=(Line(line_id="9", sku="book", amount=700), Line(line_id="8", sku="pen", amount=50)),
)


def test_nothing_is_left_but_orphans_times_receipts_and_amounts() -> None:
    was = event(SALE, "cookie:cookie-of-ana", "card:7720")
    left = HUSKS.husk(was)
    assert is_husk(left.identifiers)
    assert [one.partition(":")[0] for one in left.identifiers] == ["cookie", "card"]
    assert all(map(is_orphan, left.identifiers))
    assert left.context == {}
    assert left.payload == Sale(
        transaction_id="receipt-1",
        order_id="order-1",
        currency="USD",
        lines=(
            Line(line_id="9", sku="erased", amount=700),
            Line(line_id="8", sku="erased", amount=50),
        ),
    )
    same = ("event_id", "type", "source", "occurred_at", "received_at", "market", "offset")
    assert all(getattr(left, name) == getattr(was, name) for name in same)
    assert HUSKS.husk(left) is left


def test_orphans_are_a_renaming() -> None:
    """One for each, always the same, and another one under another key or in another life."""
    one, other = (TOMBSTONES.orphan(name, AT) for name in THEIRS[:2])
    assert one != other.replace("email", "cookie")
    assert TOMBSTONES.orphan(THEIRS[0], AT) == one
    assert TOMBSTONES.orphan(THEIRS[0], AT + 1) != one
    assert Tombstones(b"another key", ()).orphan(THEIRS[0], AT) != one
    assert "cookie-of-ana" not in str(erased())


@pytest.mark.parametrize(
    ("identifiers", "at"),
    [((), AT), (("cookie:another",), AT), (("card:7720",), AT + 1), (("member_id:7720",), AT)],
    ids=["nobody", "somebody", "a-new-life", "another-namespace"],
)
def test_what_stays_as_it_is(identifiers: tuple[str, ...], at: int) -> None:
    was = event(SALE, *identifiers, occurred_at=at)
    assert HUSKS.husk(was) is was


def test_each_life_has_its_own_orphans() -> None:
    husks = Husks(Tombstones(KEY, [erased(AT + 100), erased(AT)]))
    first, second, third = (
        husks.husk(event(SALE, "card:7720", occurred_at=at)).identifiers
        for at in (AT, AT + 1, AT + 101)
    )
    assert is_orphan(first[0])
    assert is_orphan(second[0])
    assert first != second
    assert third == ("card:7720",)


def test_somebody_elses_event_keeps_what_it_says() -> None:
    """It carries their cookie and a stronger identifier that isn't theirs."""
    was = event(SALE, "cookie:cookie-of-ana", "card:of-ben")
    left = HUSKS.husk(was)
    assert (left.payload, left.identifiers[1]) == (SALE, "card:of-ben")
    assert is_orphan(left.identifiers[0])


def test_names_in_text_go_where_they_stand_alone() -> None:
    was = event(
        Searched(query="x"),
        "member_id:member-ana",
        "cookie:cookie-of-ana",
        event_id="web-cookie-of-ana-12",
        type="searched",
        source="web",
    )
    assert "cookie-of-ana" not in HUSKS.husk(was).event_id
    longer = msgspec.structs.replace(was, event_id="web-cookie-of-anabel")
    assert HUSKS.husk(longer).event_id == "web-cookie-of-anabel"


def test_who_a_payload_names() -> None:
    merged = HUSKS.husk(
        event(Merge(loser="member-ana", winner="member-ben"), type="account_merged")
    )
    assert isinstance(merged.payload, Merge)
    assert merged.payload.loser.startswith(ORPHAN)
    assert merged.payload.winner == "member-ben"
    said = Unlink(owner="member_id:member-ana", reason="wrong", actor="ben", until=AT)
    unlinked = HUSKS.husk(event(said, "cookie:tablet", type="unlink", source="command"))
    assert unlinked.payload == msgspec.structs.replace(
        said, owner=TOMBSTONES.orphan("member_id:member-ana", AT)
    )


def test_every_payload_can_be_emptied_and_sent_again() -> None:
    """Of each type of the contract, with what it must have."""
    for type_, kind in EVENT_TYPES.items():
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind.payload):
            if field.required:
                values[field.name] = 946_684_800_001 if field.name.endswith("_at") else None
        for name in values.keys() - {name for name, value in values.items() if value}:
            values[name] = _something(kind.payload, name)
        was = event(kind.payload(**values), "member_id:member-ana", type=type_)
        left = HUSKS.husk(was).payload
        assert msgspec.convert(msgspec.to_builtins(left), kind.payload) == left
        assert b"secret" not in msgspec.json.encode(left), type_


def _something(payload: type[msgspec.Struct], name: str) -> Any:
    if name.endswith("_id") or name in ("currency", "loser", "winner", "owner"):
        return "some-id"
    for value in ("secret", 3, True, ()):
        try:
            msgspec.convert(value, {f.name: f.type for f in msgspec.structs.fields(payload)}[name])
        except msgspec.ValidationError:
            continue
        return value
    raise AssertionError(name)


def test_husks_of_commands_are_taken_by_decode() -> None:
    redeem = HUSKS.husk(event(Redeem(redemption_id="r", reward_id="mug"), "card:7720")).payload
    assert redeem == Redeem(redemption_id="r", points=0)
    transfer = HUSKS.husk(
        event(
            Transfer(loser="member-ana", merge="a/b", merged_at=AT, part="account", contents="x"),
            "member_id:member-ana",
        )
    ).payload
    assert isinstance(transfer, Transfer)
    assert transfer.part == "account"
    assert read(transfer.contents) == Closed(account=Account())


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b'{"occurred_at":1499999999000,"identifiers":{"card":"7720"}}', True),
        (b'{"identifiers":{"card":["x","7720"]}}', True),
        (b'{"occurred_at":1500000000001,"identifiers":{"card":"7720"}}', False),
        (b'{"identifiers":{"card":"77201"}}', False),
        (b'["email:v1.00aa"]', True),
        (b"\xff half a line, cookie-of-ana, and more", True),
        (b"", False),
    ],
)
def test_refused_records_that_name_them(raw: bytes, names: bool) -> None:
    assert HUSKS.names_erased(raw) is names


def test_without_tombstones_there_is_nothing_to_do() -> None:
    assert not Tombstones(KEY, ())
    assert Tombstones(KEY, ()).erased("card:7720", AT) == ""
