"""A record as it was sent becomes an `Event`, or a quarantine row that says why not.

Comes in: one JSON line as bytes, or one Avro record as a dict (it is written as JSON first, so
that both encodings get the same answer), and where and when it was read. Goes out: an `Event`,
or `Quarantined` with a stable reason, the field without its value, and the bytes, encrypted.

Promised: no record raises; the same record at the same place gets the same answer, also the
same bytes; no email or phone is readable in an event, a reason or a count.

The first of these that holds is the reason:

* `too_large`: more bytes than `event_bytes_max`; nothing is parsed, the first bytes are kept.
* `unreadable`: no JSON, not UTF-8, NaN, nested deeper than 64.
* `missing_field`: type, source, event_id or market is not there, null or empty;
  `unknown_type`: the type is not in the contract; `schema_mismatch`: the record is no object,
  the source may not send this type, an id is too long or has control characters, the market
  isn't configured.
* `no_time`: `occurred_at` is missing, a time has no zone or is none between 2000 and 2100.
* `clock_beyond_bound`: `received_at` is later than the bound that the source gave.
* `schema_mismatch`: identifiers or context have the wrong shape or control characters;
  `two_unique_identifiers`: two values of a unique namespace.
* `schema_mismatch`, `missing_field`: the payload isn't what the contract says.
* `negative_amount`: an amount, a price, a quantity or points below 0.
* `unknown_currency`: not the market's.

A JSON key that stands twice in an object: the last one counts. `occurred_at` later than
`received_at` is set back to it and flagged. Context values that aren't text are left out and
counted, and so is a `traceparent` that is none; the one that the record came with goes before the
one in its context. Control characters in free text become spaces.
"""

from typing import Any

import msgspec

from schemas.events import EVENT_TYPES, NAMESPACES, TRACEPARENT, Event
from schemas.refusals import Quarantined
from schemas.settings import DecodeSettings
from transforms.decode.as_json import Record, as_json, as_text
from transforms.decode.clean import clean
from transforms.decode.counts import Counts
from transforms.decode.depth import is_deep, too_deep
from transforms.decode.erased import Husks
from transforms.decode.identifiers import Identifiers
from transforms.decode.moments import EXPECTED, moment
from transforms.decode.payloads import read_payload
from transforms.decode.pseudonyms import Pseudonyms
from transforms.decode.quarantine import EVENT_ID_MAX, UNPARSED, Quarantine
from transforms.decode.redact import CONTROL, Redact, may_hold_personal_data
from transforms.decode.refusal import Refusal
from transforms.decode.tombstones import Tombstones
from transforms.decode.trace_context import Traced, trace_context

_ENVELOPE = frozenset(Event.__struct_fields__) - {"partition", "offset", "clamped"}


class _Stamp(msgspec.Struct, kw_only=True):
    """The two times of a record, whatever they are."""

    received_at: Any = None
    occurred_at: Any = None


class Decoder:
    """Decodes the records of one worker; `counts` grows with them. `husks`: what is made of events
    of people who were erased; None: nobody was."""

    def __init__(self, settings: DecodeSettings, tombstones: Tombstones | None = None) -> None:
        self._markets = settings.markets
        self._bytes_max = settings.event_bytes_max
        pseudonyms = Pseudonyms(settings.peppers)
        self.counts = Counts()
        self._identifiers = Identifiers(settings, pseudonyms, self.counts)
        self._redact = Redact(pseudonyms)
        self._quarantine = Quarantine(settings, self._redact)
        self.husks = Husks(tombstones, self._redact, self.unseal) if tombstones else None
        self._stamp = msgspec.json.Decoder(_Stamp)
        self._json = msgspec.json.Decoder()

    def received_at(self, record: Record | Traced) -> int | None:
        """When the collector got it, ms UTC: what a source needs before it decodes.

        `occurred_at` where there is no `received_at`; None if the record can't be read or the
        time can't: such a record is quarantined and moves no clock.
        """
        stamp = self._times_of(record)
        if stamp is None:
            return None
        return moment(stamp.occurred_at if stamp.received_at is None else stamp.received_at)

    def own_received_at(self, record: Record | Traced) -> int | None:
        """The same for a source whose log has a time for each record: None if it says none."""
        stamp = self._times_of(record)
        return None if stamp is None else moment(stamp.received_at)

    def _times_of(self, record: Record | Traced) -> _Stamp | None:
        _, raw = _apart(record)
        if type(raw) is dict:
            return _Stamp(received_at=raw.get("received_at"), occurred_at=raw.get("occurred_at"))
        if not isinstance(raw, bytes):
            return None
        if len(raw) > self._bytes_max:
            return None
        try:
            return self._stamp.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def decode(
        self,
        record: Record | Traced,
        *,
        partition: str,
        offset: int,
        known_at: int,
        received_default: int | None = None,
        bound_at: int | None = None,
    ) -> Event | Quarantined:
        """The event of a record, or its quarantine row.

        `received_default` is `received_at` where the record has none (else `occurred_at` is);
        `bound_at` is the latest `received_at` that is believed; `known_at` is the quarantine
        row's time. All in ms UTC.
        """
        raw = b""
        header, plain = _apart(record)
        unknown = self.counts.unknown
        try:
            raw = plain if isinstance(plain, bytes) else as_json(plain)
            event = self._event(raw, partition, offset, received_default, bound_at, header)
            if self.counts.unknown == unknown or not is_deep(raw):
                self.counts.decoded += 1
                return event
            refusal = too_deep()
        except RecursionError:
            refusal = too_deep()
        except Refusal as said:
            refusal = too_deep() if said.reason not in UNPARSED and is_deep(raw) else said
        self.counts.quarantined[refusal.reason] += 1
        return self._quarantine.row(raw or as_text(plain), partition, offset, known_at, refusal)

    def refuse(
        self, raw: bytes, *, partition: str, offset: int, known_at: int, refusal: Refusal
    ) -> Quarantined:
        """The quarantine row of a record that somebody else refuses."""
        self.counts.quarantined[refusal.reason] += 1
        return self._quarantine.row(raw, partition, offset, known_at, refusal)

    def unseal(self, sealed: bytes) -> bytes:
        """The record of a quarantine row's `raw`."""
        return self._quarantine.unseal(sealed)

    def _event(
        self,
        raw: bytes,
        partition: str,
        offset: int,
        received_default: int | None,
        bound_at: int | None,
        header: str | None,
    ) -> Event:
        size = len(raw)
        if size > self._bytes_max:
            raise Refusal("too_large", f"record: {size} bytes, at most {self._bytes_max}")
        sent = self._parse(raw)
        get = sent.get
        type_name = get("type")
        if type(type_name) is not str or not type_name:
            raise _absent("type", type_name)
        kind = EVENT_TYPES.get(type_name)
        if kind is None:
            raise Refusal("unknown_type", "type: not in the contract")
        source = get("source")
        if type(source) is not str or not source:
            raise _absent("source", source)
        if source not in kind.sources:
            raise Refusal("schema_mismatch", f"source: may not send {type_name}")
        event_id = get("event_id")
        if type(event_id) is not str or not event_id:
            raise _absent("event_id", event_id)
        if len(event_id) > EVENT_ID_MAX:
            raise Refusal("schema_mismatch", f"event_id: longer than {EVENT_ID_MAX} characters")
        is_suspect = may_hold_personal_data(raw)
        if is_suspect and CONTROL.search(event_id):
            raise Refusal("schema_mismatch", "event_id: control character")
        market_name = get("market")
        if type(market_name) is not str or not market_name:
            raise _absent("market", market_name)
        market = self._markets.get(market_name)
        if market is None:
            raise Refusal("schema_mismatch", "market: not configured")
        occurred_at, received_at = _times(sent, received_default, bound_at)
        identifiers = self._identifiers.read(get("identifiers"), market.region)
        if type_name == "unlink" and (
            len(identifiers) != 1 or identifiers[0].startswith("member_id:")
        ):
            raise Refusal("schema_mismatch", "identifiers: must be the one that is unlinked")
        context = self._context(get("context"))
        payload = get("payload")
        given = context.pop(TRACEPARENT, None)
        if is_suspect:
            event_id = self._redact.text(event_id)
            context = {
                self._redact.text(name): self._redact.text(CONTROL.sub(" ", value))
                for name, value in context.items()
            }
            payload = clean(payload, "", self._redact)
        if header is not None or given is not None:
            self._trace(context, header, given)
        if not _ENVELOPE.issuperset(sent):
            for name in sent.keys() - _ENVELOPE:
                self.counts.unknown_field(name)
        clamped = occurred_at > received_at
        return Event(
            event_id=event_id,
            type=type_name,
            source=source,
            occurred_at=received_at if clamped else occurred_at,
            received_at=received_at,
            market=market_name,
            identifiers=identifiers,
            context=context,
            payload=read_payload(payload, kind, market, self.counts, self.identifier),
            partition=partition,
            offset=offset,
            clamped=clamped,
        )

    def _parse(self, raw: bytes) -> dict[str, Any]:
        try:
            sent = self._json.decode(raw)
        except UnicodeDecodeError:
            raise Refusal("unreadable", "record: not UTF-8") from None
        except msgspec.DecodeError as error:
            raise Refusal("unreadable", f"record: {error}".replace("`", "")) from None
        if type(sent) is not dict:
            raise Refusal("schema_mismatch", "record: must be an object")
        return sent

    def _context(self, sent: object) -> dict[str, str]:
        if sent is None:
            return {}
        if type(sent) is not dict:
            raise Refusal("schema_mismatch", "context: must be a map")
        for value in sent.values():
            if type(value) is not str:
                break
        else:
            return sent
        for name, value in sent.items():
            if type(value) is not str and value is not None:
                self.counts.unknown_field(f"context.{name}")
        return {name: value for name, value in sent.items() if type(value) is str}

    def _trace(self, context: dict[str, str], header: str | None, given: str | None) -> None:
        """Keep the first of the two that is a trace context; what isn't one is counted."""
        for name, value in ((f"header.{TRACEPARENT}", header), (f"context.{TRACEPARENT}", given)):
            if value is None:
                continue
            trace = trace_context(value)
            if trace is not None:
                context[TRACEPARENT] = trace
                return
            self.counts.unknown_field(name)

    def identifier(self, said: str, region: str) -> str:
        """What namespace:value is in identifiers, emails and phones pseudonymised; `region`: of
        phones without a country code. Refusal for what can't be one."""
        namespace, _, value = said.partition(":")
        if namespace not in NAMESPACES or not value:
            raise Refusal("schema_mismatch", "payload: who is named must be namespace:value")
        key = self._identifiers.handle(namespace, value, region)
        if not isinstance(key, str):
            raise Refusal("schema_mismatch", f"payload: a {namespace} that can't be one")
        return key


def _apart(record: Record | Traced) -> tuple[str | None, Record]:
    """The trace context that a record came with, and the record."""
    return (record.traceparent, record.record) if isinstance(record, Traced) else (None, record)


def _times(
    sent: dict[str, Any], received_default: int | None, bound_at: int | None
) -> tuple[int, int]:
    occurred_at = moment(sent.get("occurred_at"))
    if occurred_at is None:
        said = "missing" if sent.get("occurred_at") is None else EXPECTED
        raise Refusal("no_time", f"occurred_at: {said}")
    received_at = occurred_at if received_default is None else received_default
    if sent.get("received_at") is not None:
        given = moment(sent["received_at"])
        if given is None:
            raise Refusal("no_time", f"received_at: {EXPECTED}")
        received_at = given
    if bound_at is not None and received_at > bound_at:
        raise Refusal("clock_beyond_bound", "received_at: later than the source's clock allows")
    return occurred_at, received_at


def _absent(field: str, value: object) -> Refusal:
    if value is None or value == "":
        return Refusal("missing_field", f"{field}: missing")
    return Refusal("schema_mismatch", f"{field}: must be a string")
