"""Whom a command names: what was typed becomes what events carry, and nothing of it stays readable.

>>> pseudonym_of("email:Ana.Person@Example.org") == pseudonym_of("email:ana.person@example.org")
True
"""

import json
from typing import Any

import pytest

from config.deployment import HERE, load_deployment
from config.secret_keys import decode_settings
from schemas.events import Event
from schemas.payloads import Merge, Unlink
from schemas.refusals import Quarantined
from transforms.decode import Decoder

DEPLOYMENT = load_deployment(HERE, {})
AT = 1_488_362_400_000


def decoded(owner: str, identifiers: dict[str, Any] | None = None, **more: Any) -> Any:
    record = {
        "event_id": "u-1",
        "type": "unlink",
        "source": "command",
        "occurred_at": AT,
        "market": "us",
        "identifiers": {"cookie": "c-1"} if identifiers is None else identifiers,
        "payload": {"owner": owner, "reason": "wrong", "actor": "ada", **more},
    }
    decoder = Decoder(decode_settings(DEPLOYMENT.settings, DEPLOYMENT.secrets))
    raw = json.dumps(record).encode()
    return decoder.decode(raw, partition="p", offset=0, known_at=AT)


def pseudonym_of(owner: str) -> str:
    event = decoded(owner)
    assert isinstance(event, Event) and isinstance(event.payload, Unlink), event
    return event.payload.owner


HEX = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("owner", "is_named"),
    [
        ("member_id:m-1", "member_id:m-1"),
        ("card:4000 1234", "card:4000 1234"),
        # What looks like a phone or an email within another identifier is part of it, as in events.
        ("card:12+491701234567", "card:12+491701234567"),
        (f"email:v1.{HEX}", f"email:v1.{HEX}"),
        (f"phone:v2.{HEX}", f"phone:v2.{HEX}"),
    ],
)
def test_what_is_no_address_stays_as_it_is(owner: str, is_named: str) -> None:
    assert pseudonym_of(owner) == is_named


@pytest.mark.parametrize(
    ("owner", "identifiers"),
    [
        ("email:ana.person@example.org", {"email": "ANA.person@example.org"}),
        ("phone:(212) 555-0100", {"phone": "+12125550100"}),
        ("login:ana.person@example.org", {"login": "ana.person@example.org"}),
        ("card:12+491701234567", {"card": "12+491701234567"}),
    ],
)
def test_an_owner_is_named_as_events_carry_it(owner: str, identifiers: dict[str, str]) -> None:
    event = decoded("member_id:m-1", identifiers)
    assert (pseudonym_of(owner),) == event.identifiers
    assert "ana" not in pseudonym_of(owner) and "555" not in pseudonym_of(owner)


@pytest.mark.parametrize(
    ("owner", "more", "reason", "detail"),
    [
        ("m-1", {}, "schema_mismatch", "payload: who is named must be namespace:value"),
        ("pet:rex", {}, "schema_mismatch", "payload: who is named must be namespace:value"),
        ("card:", {}, "schema_mismatch", "payload: who is named must be namespace:value"),
        ("", {}, "missing_field", "payload.owner: must not be empty"),
        ("phone:12", {}, "schema_mismatch", "payload: a phone that can't be one"),
        ("member_id:0000", {}, "schema_mismatch", "payload: a member_id that can't be one"),
        ("card:1", {"until": -1}, "schema_mismatch", "payload.until: must be at least 9466848000"),
        ("card:1", {"until": 10**30}, "schema_mismatch", "payload.until"),
        (
            "card:1",
            {"identifiers": {"member_id": "m-1"}},
            "schema_mismatch",
            "identifiers: must be the one that is unlinked",
        ),
        (
            "card:1",
            {"identifiers": {}},
            "schema_mismatch",
            "identifiers: must be the one that is unlinked",
        ),
        (
            "card:1",
            {"identifiers": {"cookie": "c", "email": "a@example.org"}},
            "schema_mismatch",
            "identifiers: must be the one that is unlinked",
        ),
    ],
)
def test_what_names_nobody_is_refused(
    owner: str, more: dict[str, Any], reason: str, detail: str
) -> None:
    refused = decoded(owner, **more)
    assert isinstance(refused, Quarantined), refused
    assert refused.reason == reason and refused.detail.startswith(detail)


def test_a_merge_names_members_as_events_do() -> None:
    """A member id may be an email address where a programme made it so."""
    decoder = Decoder(decode_settings(DEPLOYMENT.settings, DEPLOYMENT.secrets))
    address = "ana.person@example.org"
    sent = {
        "event_id": "e",
        "type": "account_merged",
        "source": "profile",
        "market": "us",
        "occurred_at": AT,
        "payload": {"loser": address, "winner": address.upper()},
    }
    event = decoder.decode(json.dumps(sent).encode(), partition="p", offset=0, known_at=AT)
    assert isinstance(event, Event) and isinstance(event.payload, Merge), event
    named = {f"member_id:{event.payload.loser}", f"member_id:{event.payload.winner}"}
    assert named == {decoder.identifier(f"member_id:{address}", "")}
    assert "ana" not in named.pop()
