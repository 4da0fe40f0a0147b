"""Decode: what becomes an event, and each reason why something doesn't."""

import doctest
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import EVENT_TYPES, Event
from schemas.field_rules import MONEY_MAX, QUANTITY_MAX
from schemas.payloads import Line, Return, Sale, Tender
from schemas.refusals import REASONS, Quarantined
from schemas.settings import Blocked, DecodeSettings, Market, Pepper
from transforms.decode import Decoder, moments, pseudonyms

AT = 1_488_362_400_000
SETTINGS = DecodeSettings(
    markets={
        "us": Market(currency="USD", time_zone="America/New_York", region="US", programme="grocer"),
        "uk": Market(currency="GBP", time_zone="Europe/London", region="GB", programme="grocer"),
    },
    unique_namespaces=("member_id", "login"),
    blocked=Blocked(values=("", "null", "anonymous", "-1"), patterns=("[0-]*", "test@.*")),
    identifiers_max=5,
    event_bytes_max=20_000,
    peppers=(Pepper(version="v2", key=b"pepper two" * 2), Pepper(version="v1", key=b"x" * 16)),
    quarantine_key=bytes(range(64)),
)
WEB = {
    "event_id": "w-1",
    "type": "signed_in",
    "source": "web",
    "occurred_at": AT,
    "received_at": AT + 350,
    "market": "us",
    "identifiers": {"cookie": "c-77", "email": "Ana@Example.com", "member_id": "m-900"},
    "context": {"session_id": "s-1"},
    "payload": {},
}
LINE = {"line_id": "1", "sku": "a", "category": "DRINKS", "quantity": 2, "amount": 1050}
SALE = {
    "event_id": "p-1",
    "type": "sale",
    "source": "pos",
    "occurred_at": "2017-03-01T11:00:00+01:00",
    "received_at": "2017-03-01T10:00:04.123456Z",
    "market": "us",
    "identifiers": {"card": "4000900", "payment_token": "t-5"},
    "context": {"store_id": "330"},
    "payload": {
        "transaction_id": "330-1",
        "currency": "USD",
        "lines": [LINE, {**LINE, "line_id": "2", "discount": 5}],
        "tenders": [{"method": "card", "amount": 2100}],
    },
}


def with_(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The record with fields changed, `payload__x` in its payload; `...` leaves a field out."""
    changed = {**record, "payload": dict(record["payload"])}
    for name, value in changes.items():
        target, field = changed, name
        if name.startswith("payload__"):
            target, field = changed["payload"], name.removeprefix("payload__")
        if value is ...:
            target.pop(field, None)
        else:
            target[field] = value
    return changed


def sale_line(**changes: Any) -> dict[str, Any]:
    line = {name: value for name, value in {**LINE, **changes}.items() if value is not ...}
    return with_(SALE, payload__lines=[line])


def of_type(name: str, source: str, **payload: Any) -> dict[str, Any]:
    return {**WEB, "type": name, "source": source, "payload": payload}


def deep(depth: int, field: str) -> bytes:
    """A search with an address in it, so that its texts are walked, and a deep list."""
    nest = b"[" * depth + b"]" * depth
    payload = b'{"query":"a@b.org","' + field.encode() + b'":' + nest + b"}"
    rest = {**WEB, "type": "searched", "payload": None}
    return msgspec.json.encode(rest).replace(b'"payload":null', b'"payload":' + payload)


def decode(record: Any, **where: Any) -> Event | Quarantined:
    """As a source calls it; a dict goes in as a JSON line."""
    raw = record if isinstance(record, bytes) else msgspec.json.encode(record)
    place = {"partition": "f", "offset": 7, "known_at": AT} | where
    return Decoder(SETTINGS).decode(raw, **place)


def event_of(record: Any, **where: Any) -> Event:
    decoded = decode(record, **where)
    assert isinstance(decoded, Event), decoded
    return decoded


def test_documented_examples() -> None:
    for module in (moments, pseudonyms):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0


def test_a_sale_becomes_an_event() -> None:
    assert event_of(SALE) == Event(
        event_id="p-1",
        type="sale",
        source="pos",
        occurred_at=AT,
        received_at=AT + 4_123,
        market="us",
        identifiers=("payment_token:t-5", "card:4000900"),
        context={"store_id": "330"},
        payload=Sale(
            transaction_id="330-1",
            currency="USD",
            lines=(
                Line(line_id="1", sku="a", category="DRINKS", quantity=2, amount=1050),
                Line(line_id="2", sku="a", category="DRINKS", quantity=2, amount=1050, discount=5),
            ),
            tenders=(Tender(method="card", amount=2100),),
        ),
        partition="f",
        offset=7,
    )


REFUSED: list[tuple[str, Any, str, str]] = [
    # name, record, reason, the beginning of the detail
    ("no JSON", b"hello", "unreadable", "record: JSON is malformed"),
    ("nothing", b"", "unreadable", "record: "),
    ("half a line", msgspec.json.encode(SALE)[:200], "unreadable", "record: "),
    ("two records in a line", b"{} {}", "unreadable", "record: JSON is malformed"),
    ("not UTF-8", b'{"type": "\xff"}', "unreadable", "record: not UTF-8"),
    ("NaN", b'{"type": NaN}', "unreadable", "record: JSON is malformed"),
    ("1e400", b'{"type": 1e400}', "unreadable", "record: "),
    ("lone surrogate", b'{"type": "\\ud800"}', "unreadable", "record: "),
    ("depth 10,000", b"[" * 9_000 + b"]" * 9_000, "unreadable", "record: nested deeper"),
    (
        "depth 100",
        b'{"x":' + b"[" * 100 + b"]" * 100 + b"," + msgspec.json.encode(SALE)[1:],
        "unreadable",
        "record: nested deeper",
    ),
    *(
        (f"depth {depth} in {field}", deep(depth, field), "unreadable", "record: nested deeper")
        for depth in (65, 500, 900, 3_000)
        for field in ("query", "mood")
    ),
    ("too many bytes", b"[" * 20_001, "too_large", "record: 20001 bytes, at most 20000"),
    ("no object", b"[1]", "schema_mismatch", "record: must be an object"),
    ("no type", with_(WEB, type=...), "missing_field", "type: missing"),
    ("type null", with_(WEB, type=None), "missing_field", "type: missing"),
    ("type a number", with_(WEB, type=3), "schema_mismatch", "type: must be a string"),
    ("unknown type", with_(WEB, type="danced"), "unknown_type", "type: not in"),
    ("no source", with_(WEB, source=...), "missing_field", "source: missing"),
    ("source may not", with_(WEB, source="pos"), "schema_mismatch", "source: may not send"),
    ("no event id", with_(WEB, event_id=...), "missing_field", "event_id: missing"),
    ("empty event id", with_(WEB, event_id=""), "missing_field", "event_id: missing"),
    ("event id a float", with_(WEB, event_id=1.0), "schema_mismatch", "event_id: must be"),
    ("long event id", with_(WEB, event_id="x" * 129), "schema_mismatch", "event_id: longer"),
    ("NUL in event id", with_(WEB, event_id="a\0"), "schema_mismatch", "event_id: control"),
    ("DEL in event id", with_(WEB, event_id="a\x7f"), "schema_mismatch", "event_id: control"),
    ("C1 in event id", with_(WEB, event_id="a\x85"), "schema_mismatch", "event_id: control"),
    ("no market", with_(WEB, market=...), "missing_field", "market: missing"),
    ("unknown market", with_(WEB, market="mars"), "schema_mismatch", "market: not configured"),
    ("no time", with_(WEB, occurred_at=...), "no_time", "occurred_at: missing"),
    ("no zone", with_(WEB, occurred_at="2017-03-01T11:00:00"), "no_time", "occurred_at: must"),
    ("a date", with_(WEB, occurred_at="2017-03-01"), "no_time", "occurred_at: must be"),
    ("seconds", with_(WEB, occurred_at=AT // 1000), "no_time", "occurred_at: must be"),
    ("microseconds", with_(WEB, received_at=AT * 1000), "no_time", "received_at: must be"),
    ("time a float", with_(WEB, occurred_at=float(AT)), "no_time", "occurred_at: must be"),
    ("time a truth", with_(WEB, occurred_at=True), "no_time", "occurred_at: must be"),
    ("received nonsense", with_(WEB, received_at="soon"), "no_time", "received_at: must be"),
    (
        "ten years ahead",
        with_(WEB, received_at=AT + 3_650 * 86_400_000),
        "clock_beyond_bound",
        "received_at: later",
    ),
    ("identifiers a list", with_(WEB, identifiers=[]), "schema_mismatch", "identifiers: must"),
    (
        "identifier a number",
        with_(WEB, identifiers={"card": 4000900}),
        "schema_mismatch",
        "identifiers.card: must be",
    ),
    (
        "identifiers of numbers",
        with_(WEB, identifiers={"card": ["1", 2]}),
        "schema_mismatch",
        "identifiers.card: must be",
    ),
    (
        "NUL in an identifier",
        with_(WEB, identifiers={"cookie": "a\0b"}),
        "schema_mismatch",
        "identifiers.cookie: control",
    ),
    (
        "endless identifier",
        with_(WEB, identifiers={"cookie": "x" * 1_025}),
        "schema_mismatch",
        "identifiers.cookie: longer",
    ),
    (
        "many identifiers",
        with_(WEB, identifiers={"cookie": list("abcdef")}),
        "schema_mismatch",
        "identifiers: more than 5",
    ),
    (
        "two members",
        with_(WEB, identifiers={"member_id": ["m-1", "m-2"]}),
        "two_unique_identifiers",
        "identifiers.member_id: two",
    ),
    (
        "two logins",
        with_(WEB, identifiers={"login": ["a@b.org", "c@b.org"]}),
        "two_unique_identifiers",
        "identifiers.login: two",
    ),
    ("context a list", with_(WEB, context=[]), "schema_mismatch", "context: must be a map"),
    ("payload a list", with_(SALE, payload=[1]), "schema_mismatch", "payload: must be"),
    ("no payload", with_(SALE, payload=None), "missing_field", "payload.transaction_id"),
    (
        "no transaction",
        with_(SALE, payload__transaction_id=...),
        "missing_field",
        "payload.transaction_id: missing",
    ),
    (
        "transaction null",
        with_(SALE, payload__transaction_id=None),
        "missing_field",
        "payload.transaction_id: missing",
    ),
    (
        "transaction empty",
        with_(SALE, payload__transaction_id=""),
        "missing_field",
        "payload.transaction_id: must not be empty",
    ),
    (
        "NUL in transaction",
        with_(SALE, payload__transaction_id="a\0"),
        "schema_mismatch",
        "payload: control character in transaction_id",
    ),
    ("no sku", sale_line(sku=...), "missing_field", "payload.lines[0].sku: missing"),
    ("no line id", sale_line(line_id=""), "missing_field", "payload.lines.line_id: must not"),
    (
        "a line id twice",
        with_(SALE, payload__lines=[LINE, LINE]),
        "schema_mismatch",
        "payload.lines.line_id: the same",
    ),
    (
        "amount with a point",
        sale_line(amount=10.5),
        "schema_mismatch",
        "payload.lines[0].amount: Expected int, got float",
    ),
    (
        "amount as text",
        sale_line(amount="1050"),
        "schema_mismatch",
        "payload.lines[0].amount: Expected int, got str",
    ),
    (
        "amount without end",
        sale_line(amount=MONEY_MAX + 1),
        "schema_mismatch",
        "payload.lines.amount: must be at most",
    ),
    (
        "amount beyond 64 bits",
        sale_line(amount=2**70),
        "schema_mismatch",
        "payload.lines.amount: must be at most",
    ),
    (
        "quantity without end",
        sale_line(quantity=QUANTITY_MAX + 1),
        "schema_mismatch",
        "payload.lines.quantity: must be at most",
    ),
    ("negative amount", sale_line(amount=-1), "negative_amount", "payload.lines.amount"),
    ("negative quantity", sale_line(quantity=-1), "negative_amount", "payload.lines.quantity"),
    ("negative discount", sale_line(discount=-1), "negative_amount", "payload.lines.discount"),
    (
        "negative tender",
        with_(SALE, payload__tenders=[{"method": "cash", "amount": -1}]),
        "negative_amount",
        "payload.tenders.amount",
    ),
    (
        "negative price",
        of_type("product_viewed", "web", sku="a", price=-1),
        "negative_amount",
        "payload.price",
    ),
    (
        "negative points",
        of_type("redeem", "command", redemption_id="r", points=-5),
        "negative_amount",
        "payload.points",
    ),
    (
        "nothing to redeem",
        of_type("redeem", "command", redemption_id="r"),
        "missing_field",
        "payload.reward_id: this or points",
    ),
    (
        "endless adjustment",
        of_type("adjust", "command", points=-(2**63), reason="r", actor="a"),
        "schema_mismatch",
        "payload.points: must be at least",
    ),
    (
        "endless workout",
        of_type("activity_completed", "app", activity="run", quantity=2**31),
        "schema_mismatch",
        "payload.quantity: must be at most",
    ),
    (
        "another currency",
        with_(SALE, payload__currency="EUR"),
        "unknown_currency",
        "payload.currency",
    ),
    ("no currency", with_(SALE, payload__currency=...), "missing_field", "payload.currency"),
    (
        "unknown fulfilment",
        of_type("order_placed", "web", order_id="o", fulfilment="drone"),
        "schema_mismatch",
        "payload.fulfilment: not one of the allowed values",
    ),
    (
        "an offer that ends never",
        of_type("grant_offer", "command", offer_id="o", expires_at="never"),
        "schema_mismatch",
        "payload.expires_at: must be RFC 3339",
    ),
    (
        "a merge of nobody",
        of_type("account_merged", "profile", loser="0000", winner="m-1"),
        "schema_mismatch",
        "payload: a member_id that can't be one",
    ),
]


@pytest.mark.parametrize(
    ("record", "reason", "detail"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
def test_refused(record: Any, reason: str, detail: str) -> None:
    decoded = decode(record, bound_at=AT + 300_000)
    assert isinstance(decoded, Quarantined)
    assert decoded.reason == reason
    assert decoded.detail.startswith(detail)
    assert decoded.position == "f:7"
    assert decoded.known_at == AT


def test_every_reason_of_decode_is_in_the_table() -> None:
    of_stitch = {"conflicting_duplicate", "too_old_to_deduplicate", "loop_of_merges"}
    assert {case[2] for case in REFUSED} == set(REASONS) - of_stitch


def test_quarantine_keeps_the_bytes_encrypted_and_says_whose_they_are() -> None:
    raw = msgspec.json.encode(with_(WEB, type="danced", event_id="for ana@example.com"))
    first, second = decode(raw), decode(raw)
    assert isinstance(first, Quarantined)
    assert first == second, "the same bytes are the same ciphertext"
    assert (first.source, first.event_id[:4]) == ("web", "for ")
    assert "ana" not in first.event_id
    assert b"Ana@Example.com" not in first.raw
    assert Decoder(SETTINGS).unseal(first.raw) == raw
    other = msgspec.structs.replace(SETTINGS, quarantine_key=bytes(64))
    with pytest.raises(ValueError, match="another key"):
        Decoder(other).unseal(first.raw)


def test_of_a_record_that_is_too_large_the_beginning_is_kept() -> None:
    decoded = decode(b"x" * 30_000)
    assert isinstance(decoded, Quarantined)
    assert Decoder(SETTINGS).unseal(decoded.raw) == b"x" * 20_000
    assert (decoded.source, decoded.event_id) == (None, None)


ACCEPTED: list[tuple[str, Any, Callable[[Event], Any], Any]] = [
    # name, record, what is looked at, what it must be
    ("payload left out", with_(WEB, payload=None), lambda e: e.payload, event_of(WEB).payload),
    ("no identifiers", with_(WEB, identifiers=...), lambda e: e.identifiers, ()),
    ("no received_at", with_(WEB, received_at=...), lambda e: e.received_at, AT),
    ("received null", with_(WEB, received_at=None), lambda e: e.received_at, AT),
    (
        "clamped",
        with_(WEB, occurred_at=AT + 999),
        lambda e: (e.occurred_at, e.clamped),
        (AT + 350, True),
    ),
    ("not clamped", WEB, lambda e: (e.occurred_at, e.clamped), (AT, False)),
    (
        "lower bound",
        with_(WEB, occurred_at="2000-01-01T00:00:00Z"),
        lambda e: e.occurred_at,
        946_684_800_000,
    ),
    ("free goods", sale_line(amount=0, quantity=0), lambda e: e.payload.lines[0].quantity, 0),
    (
        "much",
        sale_line(amount=MONEY_MAX, quantity=QUANTITY_MAX),
        lambda e: e.payload.lines[0].amount,
        MONEY_MAX,
    ),
    ("no lines", with_(SALE, payload__lines=[]), lambda e: e.payload.lines, ()),
    ("null category", sale_line(category=None), lambda e: e.payload.lines[0].category, ""),
    ("empty order id", with_(SALE, payload__order_id=""), lambda e: e.payload.order_id, None),
    (
        "unknown field",
        with_(SALE, payload__kind="x", mood="good"),
        lambda e: e.payload,
        event_of(SALE).payload,
    ),
    (
        "context numbers",
        with_(WEB, context={"till_id": 2, "a": "b", "c": None}),
        lambda e: e.context,
        {"a": "b"},
    ),
    ("no context", with_(WEB, context=None), lambda e: e.context, {}),
    (
        "a key twice, the last counts",
        msgspec.json.encode(WEB)[:-1] + b',"event_id":"w-2"}',
        lambda e: e.event_id,
        "w-2",
    ),
    (
        "newline in a query",
        of_type("searched", "web", query="a\nb"),
        lambda e: e.payload.query,
        "a b",
    ),
    ("newline in the context", with_(WEB, context={"a": "b\0"}), lambda e: e.context, {"a": "b "}),
    ("quoted event id", with_(WEB, event_id='a"\\b'), lambda e: e.event_id, 'a"\\b'),
    ("formula and SQL", with_(WEB, event_id="=1+1;'--"), lambda e: e.event_id, "=1+1;'--"),
    (
        "an offer's end",
        of_type("grant_offer", "command", offer_id="o", expires_at="2017-03-01T10:00:00Z"),
        lambda e: e.payload.expires_at,
        AT,
    ),
    (
        "year of birth",
        of_type("enrolled", "profile", birthday="1980-02-29"),
        lambda e: e.payload.birthday,
        "02-29",
    ),
    (
        "odd birthday",
        of_type("enrolled", "profile", birthday="118"),
        lambda e: e.payload.birthday,
        None,
    ),
    (
        "odd time zone",
        of_type("enrolled", "profile", time_zone="Mars/Base"),
        lambda e: e.payload.time_zone,
        None,
    ),
    (
        "time zone",
        of_type("enrolled", "profile", time_zone="Asia/Tokyo"),
        lambda e: e.payload.time_zone,
        "Asia/Tokyo",
    ),
    (
        "minus",
        of_type("adjust", "command", points=-5, reason="r", actor="a"),
        lambda e: e.payload.points,
        -5,
    ),
    (
        "order without currency",
        of_type("order_placed", "web", order_id="o"),
        lambda e: e.payload.currency,
        None,
    ),
    (
        "return of an unknown line",
        of_type("return", "web", return_id="r", lines=[{"sku": "a", "amount": 5}]),
        lambda e: e.payload,
        Return(return_id="r", lines=(Line(line_id="", sku="a", amount=5),)),
    ),
    (
        "return of one line in two",
        of_type("return", "web", return_id="r", lines=[LINE, LINE]),
        lambda e: len(e.payload.lines),
        2,
    ),
]


@pytest.mark.parametrize(
    ("record", "look", "expected"),
    [case[1:] for case in ACCEPTED],
    ids=[case[0] for case in ACCEPTED],
)
def test_accepted(record: Any, look: Callable[[Event], Any], expected: Any) -> None:
    assert look(event_of(record)) == expected


def test_the_logs_time_stands_in_for_received_at() -> None:
    late = AT + 86_400_000
    assert event_of(with_(WEB, received_at=...), received_default=late).received_at == late
    assert event_of(WEB, received_default=late).received_at == AT + 350


def test_the_bound_itself_is_believed() -> None:
    assert event_of(WEB, bound_at=AT + 350).received_at == AT + 350
    assert isinstance(decode(WEB, bound_at=AT + 349), Quarantined)


def test_counts() -> None:
    decoder = Decoder(SETTINGS)
    place = {"partition": "f", "offset": 0, "known_at": AT}
    sale = with_(SALE, payload__mood=1, mood=1, context={"n": 1})
    sale["payload"]["lines"] = [{**LINE, "colour": "red"}]
    sale["identifiers"] = {
        "card": "0000",
        "phone": "12",
        "email": "nobody",
        "face": "x",
        "login": None,
    }
    for record in (WEB, sale, with_(WEB, type="danced"), {"a@b.org": 1, **WEB}):
        decoder.decode(msgspec.json.encode(record), **place)
    counts = decoder.counts
    assert counts.decoded == 3
    assert counts.quarantined == {"unknown_type": 1}
    assert counts.unknown_fields == {
        "mood": 1,
        "payload.mood": 1,
        "payload.lines.colour": 1,
        "context.n": 1,
        "identifiers.face": 1,
        "other": 1,
    }
    assert counts.dropped_identifiers == {
        "card.blocked": 1,
        "phone.invalid": 1,
        "email.invalid": 1,
        "login.blocked": 1,
    }


def test_received_at_is_what_the_event_will_say() -> None:
    decoder = Decoder(SETTINGS)
    for record in (WEB, SALE, with_(WEB, received_at=...), with_(WEB, received_at=None)):
        raw = msgspec.json.encode(record)
        assert decoder.received_at(raw) == decoder.received_at(record) == event_of(raw).received_at


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1]",
        b"x" * 30_000,
        b'{"received_at":"soon","occurred_at":1488362400000}',
        b"{}",
    ],
)
def test_what_cannot_be_read_moves_no_clock(raw: bytes) -> None:
    assert Decoder(SETTINGS).received_at(raw) is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    decoder = Decoder(SETTINGS)
    decoder.received_at(raw)
    decoded = decoder.decode(raw, partition="f", offset=0, known_at=AT)
    assert isinstance(decoded, Quarantined)
    assert decoder.unseal(decoded.raw) == raw


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([WEB, SALE]), st.data())
def test_no_damaged_record_raises(record: dict[str, Any], data: st.DataObject) -> None:
    """A bit of a good line is changed, or a field holds anything at all."""
    raw = bytearray(msgspec.json.encode(record))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(decode(bytes(raw)), Event | Quarantined)
    field = data.draw(
        st.sampled_from([*record, *(f"payload__{name}" for name in record["payload"])])
    )
    broken = with_(record, **{field: data.draw(JSON_VALUES)})
    decoded = Decoder(SETTINGS).decode(broken, partition="f", offset=0, known_at=AT)
    assert isinstance(decoded, Event | Quarantined)
    if isinstance(decoded, Event):
        msgspec.msgpack.encode(decoded)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_payload_of_any_type_decodes_or_is_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(EVENT_TYPES)))
    kind = EVENT_TYPES[name]
    fields = kind.payload.__struct_fields__
    payload = {field: data.draw(JSON_VALUES) for field in fields if data.draw(st.booleans())}
    decoded = decode({**WEB, "type": name, "source": min(kind.sources), "payload": payload})
    if isinstance(decoded, Event):
        assert type(decoded.payload) is kind.payload
        msgspec.msgpack.encode(decoded)


def test_the_published_check_of_normalised_emails() -> None:
    normal = pseudonyms.normal_email("  John_Smith@Gmail.com\n")
    assert hashlib.sha256(str(normal).encode()).hexdigest() == (
        "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
    )
