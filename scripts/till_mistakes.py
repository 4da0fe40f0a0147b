"""A dozen records as broken systems send them, one for each way to be refused.

Made for the demo, so that the quarantine shows something; no record of them reaches a member.
Each is a till's sale with one thing wrong, but for those that are no event at all.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.refusals import Reason

FIRST_AT: Final = datetime(2017, 11, 24, 15, 0, tzinfo=timezone.utc)
"""A busy Friday; one record a minute from then on."""
NOTE_BYTES: Final = 1_000_001


def _sale(number: int, **wrong: Any) -> bytes:
    """A sale; `wrong` replaces fields, of the payload too, and None takes one away."""
    at = f"{FIRST_AT.replace(minute=number):%Y-%m-%dT%H:%M:%SZ}"
    payload = {
        "transaction_id": f"mistake-{number}",
        "currency": "USD",
        "lines": [{"line_id": "1", "sku": "4011", "category": "TROPICAL FRUIT", "amount": 129}],
    }
    event = {
        "event_id": f"mistake-{number}",
        "type": "sale",
        "source": "pos",
        "occurred_at": at,
        "received_at": at,
        "market": "us",
        "identifiers": {"payment_token": "mistake"},
        "context": {"simulated": "yes", "store_id": "367", "till_id": "9"},
        "payload": payload,
    }
    for name, value in wrong.items():
        place = payload if name in payload else event
        place[name] = value
    return msgspec.json.encode({name: value for name, value in event.items() if value is not None})


def mistakes() -> list[tuple[Reason, bytes]]:
    """The records in order of `received_at`, with the reason that each is refused for."""
    line = {"line_id": "1", "sku": "4011", "amount": 129}
    return [
        ("unreadable", _sale(0)[:-40]),
        ("unreadable", bytes(80)),
        ("unknown_type", _sale(2, type="sail")),
        ("missing_field", _sale(3, event_id=None)),
        ("schema_mismatch", _sale(4, lines=[{**line, "amount": "1.29"}])),
        ("negative_amount", _sale(5, lines=[{**line, "amount": -129}])),
        ("two_unique_identifiers", _sale(6, identifiers={"member_id": ["m-1", "m-2"]})),
        ("no_time", _sale(7, occurred_at="2017-11-24 15:07")),
        ("clock_beyond_bound", _sale(8, received_at="2097-11-24T15:08:00Z")),
        ("unknown_currency", _sale(9, currency="EUR")),
        ("schema_mismatch", _sale(10, market="atlantis")),
        ("too_large", _sale(11, note="?" * NOTE_BYTES)),
    ]


def write_mistakes(path: Path) -> None:
    """The records as a file of events."""
    path.write_bytes(b"".join(record + b"\n" for _, record in mistakes()))
