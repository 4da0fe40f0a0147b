"""The quarantine row of a refused record: who sent it, why it was refused, and its bytes.

Comes in: the bytes and the refusal. Goes out: the row, the bytes encrypted. Promised: nothing
of the record but its source and its redacted id can be read without the key.
"""

import msgspec
import xxhash

from schemas.events import SOURCES, Event
from schemas.field_rules import rules_of
from schemas.refusals import Quarantined, Reason
from schemas.settings import DecodeSettings
from transforms.decode.redact import CONTROL, Redact
from transforms.decode.refusal import Refusal
from transforms.decode.seal import Seal

EVENT_ID_MAX = rules_of(Event)["event_id"].length_max or 0
UNPARSED = frozenset(("too_large", "unreadable"))
"""Reasons of records that aren't parsed."""


class Quarantine:
    """Writes and opens quarantine rows of one deployment."""

    def __init__(self, settings: DecodeSettings, redact: Redact) -> None:
        self._bytes_max = settings.event_bytes_max
        self._seal = Seal(settings.quarantine_key)
        self._redact = redact

    def unseal(self, sealed: bytes) -> bytes:
        """The record of a row's `raw`; ValueError under another key."""
        return self._seal.unseal(sealed)

    def row(
        self, raw: bytes, partition: str, offset: int, known_at: int, refusal: Refusal
    ) -> Quarantined:
        """Of a record that is too large only the beginning is kept."""
        source, event_id = self._origin(raw, refusal.reason)
        return Quarantined(
            source=source,
            position=f"{partition}:{offset}",
            reason=refusal.reason,
            detail=refusal.detail,
            event_id=event_id,
            content_hash=xxhash.xxh3_128_hexdigest(raw),
            known_at=known_at,
            raw=self._seal.close(raw[: self._bytes_max]),
        )

    def _origin(self, raw: bytes, reason: Reason) -> tuple[str | None, str | None]:
        """Source and event id of a refused record, as far as they can be read and shown."""
        if reason in UNPARSED:
            return None, None
        sent = msgspec.json.decode(raw)
        if type(sent) is not dict:
            return None, None
        source, event_id = sent.get("source"), sent.get("event_id")
        if type(event_id) is str:
            event_id = self._redact.text(CONTROL.sub(" ", event_id))[:EVENT_ID_MAX]
        return (
            source if type(source) is str and source in SOURCES else None,
            event_id if type(event_id) is str else None,
        )
