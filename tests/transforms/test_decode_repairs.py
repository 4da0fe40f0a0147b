"""Repairs: what was sealed is decoded as it would have been; nothing else comes in this way."""

import json
from typing import Any

import pytest

from config.secret_keys import decode_settings, load_secrets
from config.settings import load_settings
from pipelines.decode_records import decode_all
from schemas.events import Event
from schemas.refusals import Quarantined, Repaired
from transforms.decode import Decoder
from transforms.decode.repairs import sealed_text
from transforms.decode.seal import Seal

SECRETS = load_secrets({})
SETTINGS = decode_settings(load_settings(None, {}).settings, SECRETS)
SEAL = Seal(SECRETS.quarantine_key)
AT = 1_488_362_400_000
LATER = AT + 86_400_000
SALE = {
    "event_id": "e1",
    "type": "sale",
    "source": "pos",
    "occurred_at": AT,
    "market": "us",
    "identifiers": {"email": "Ana@Example.org"},
    "payload": {
        "transaction_id": "t1",
        "currency": "USD",
        "lines": [{"line_id": "1", "sku": "s", "amount": 100}],
    },
}


def command(type_: str, payload: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "event_id": "c1",
            "type": type_,
            "source": "command",
            "occurred_at": LATER,
            "market": "us",
            "identifiers": {},
            "payload": payload,
        }
    ).encode()


def repair(raw: bytes | None, sealed: str = "") -> bytes:
    return command(
        "repair",
        {
            "position": "pos:7",
            "content_hash": "h",
            "quarantined_at": AT + 5,
            "sealed": sealed if raw is None else sealed_text(SEAL.close(raw)),
            "actor": "ada",
        },
    )


def decoded(raw: bytes) -> tuple[list[tuple[int, Event]], list[Any]]:
    return decode_all(Decoder(SETTINGS), [("commands:0", 3, LATER, None, LATER, raw)])


def test_a_repaired_record_is_the_event_that_it_would_have_been() -> None:
    ((known_at, event),), (row,) = decoded(repair(json.dumps(SALE).encode()))
    direct = Decoder(SETTINGS).decode(
        json.dumps(SALE).encode(),
        partition="commands:0",
        offset=3,
        known_at=AT,
        received_default=AT + 5,
    )
    assert event == direct
    assert (known_at, event.occurred_at, event.received_at) == (LATER, AT, AT + 5)
    assert row == Repaired(
        position="pos:7",
        content_hash="h",
        repair_id="c1",
        outcome="decoded",
        reason=None,
        source="pos",
        event_id="e1",
        repaired_position="commands:0:3",
        actor="ada",
        known_at=LATER,
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (json.dumps({**SALE, "type": "bought"}).encode(), "unknown_type"),
        (b"{", "unreadable"),
        (repair(json.dumps(SALE).encode()), "schema_mismatch"),
    ],
)
def test_what_is_still_wrong_is_refused_again(raw: bytes, reason: str) -> None:
    """Also a repair in a repair, which could go on for ever."""
    events, rows = decoded(repair(raw))
    assert events == []
    link, refused = rows
    assert isinstance(refused, Quarantined) and refused.reason == reason
    assert (link.outcome, link.reason, link.repaired_position) == (
        "refused",
        reason,
        refused.position,
    )
    assert Decoder(SETTINGS).unseal(refused.raw) == raw, "the record, and not its command"


@pytest.mark.parametrize(
    "sealed",
    ["", "no base64: é", sealed_text(Seal(bytes(64)).close(b"{}")), sealed_text(bytes(40))],
)
def test_nobody_without_the_key_brings_anything(sealed: str) -> None:
    events, (link, refused) = decoded(repair(None, sealed))
    assert events == [] and link.outcome == "refused" and refused.reason == "unreadable"


def test_no_rule_for_personal_data_touches_what_is_sealed() -> None:
    """Redaction looks for + and @ in everything that is sent."""
    for number in range(300):
        raw = json.dumps({**SALE, "event_id": f"e{number}", "context": {"n": "+@" * number}})
        events, _ = decoded(repair(raw.encode()))
        assert [event.event_id for _, event in events] == [f"e{number}"]


LOT = {"lot_id": "a", "earned_at": AT, "available_at": "2017-03-01T10:00:00Z", "remaining": 10}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"issued": -10, "available": 10, "lots": [LOT]}, None),
        ({"issued": -7, "available": 7, "debt": 3, "lots": [LOT]}, None),
        ({"issued": -9, "available": 10, "lots": [LOT]}, "schema_mismatch"),
        ({"issued": -10, "available": 10}, "schema_mismatch"),
        ({"issued": -20, "available": 20, "lots": [LOT, LOT]}, "schema_mismatch"),
        ({"issued": -10, "available": 10, "debt": -1, "lots": [LOT]}, "negative_amount"),
        ({"lots": [{**LOT, "earned_at": "yesterday"}]}, "schema_mismatch"),
    ],
)
def test_a_correction_that_no_ledger_could_show_is_refused(
    payload: dict[str, Any], reason: str | None
) -> None:
    whole = {"reason": "r", "actor": "a", "compared_at": AT, **payload}
    events, rows = decoded(command("correct", whole))
    assert [row.reason for row in rows] == ([reason] if reason else [])
    assert bool(events) == (reason is None)
    if events:
        assert events[0][1].payload.lots[0].available_at == AT  # type: ignore[union-attr]
