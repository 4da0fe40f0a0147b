"""Refused records again: which ones wait, what they would be today, and sending them back.

In: the output of a run, and the key that its quarantine is sealed with. Out: `Refused` records as
they came, each tried against today's configuration; a file of them to be edited; `repair`
commands. Promises: what was repaired once isn't offered again; a record leaves this process
readable only in the file that was asked for, which its owner alone can read, and sealed in
commands; nothing is sent that decode would refuse today.
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import xxhash

from config.deployment import Deployment
from config.secret_keys import decode_settings
from pipelines.processes import RunRefused
from schemas.commands import Command
from schemas.events import Event
from schemas.refusals import Quarantined
from scripts.command_log import is_live, journal_of, written_before
from scripts.sql import CantAsk, NoAnswer, ask
from transforms.decode import Decoder
from transforms.decode.repairs import sealed_text
from transforms.decode.seal import Seal

SECONDS: Final = 60.0
AFTER_DECODE: Final = frozenset(
    ("conflicting_duplicate", "too_old_to_deduplicate", "loop_of_merges")
)
"""Reasons of events that were decoded: as they are they would be refused again."""
COMMAND_SHARE: Final = 0.7
"""How large a record may be, of `event_bytes_max`: sealed and in text it is a third longer."""


class Refused(msgspec.Struct, kw_only=True):
    """A quarantined record. `raw`: as it came, or as it was put right; None: another key's."""

    position: str
    content_hash: str
    reason: str
    detail: str
    known_at: int
    raw: bytes | None
    edited: bool = False
    now: str = ""
    """What it would be refused for today; empty: for nothing."""
    now_detail: str = ""
    sent: bool = False
    """A command with it was written and isn't applied yet."""

    @property
    def key(self) -> tuple[str, str]:
        return self.position, self.content_hash


class ExportedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of the file to be edited: `record`, or `text` if it is no JSON object."""

    position: str
    content_hash: str
    reason: str = ""
    detail: str = ""
    record: dict[str, Any] | None = None
    text: str | None = None


def refused_of(
    output: Path, deployment: Deployment, *, reasons: Sequence[str] = (), since: int | None = None
) -> list[Refused]:
    """The quarantined records that were not repaired, in order, ms UTC; not tried yet."""
    where = ["true"]
    if reasons:
        where.append(f"reason IN ({', '.join(repr(one) for one in reasons)})")
    if since is not None:
        where.append(f"known_at >= make_timestamp_ms({since})")
    try:
        answer = ask(
            output,
            "SELECT position, content_hash, any_value(reason), any_value(detail), "
            "epoch_ms(max(known_at))::BIGINT, any_value(_raw) "
            "FROM quarantine AS q ANTI JOIN repairs AS r USING (position, content_hash) "
            f"WHERE {' AND '.join(where)} GROUP BY position, content_hash ORDER BY max(_seq)",
            limit=None,
            seconds=SECONDS,
        )
    except (CantAsk, NoAnswer) as error:
        raise RunRefused(f"{output}: {error}") from error
    seal = Seal(deployment.secrets.quarantine_key)
    sent = {(one["position"], one["content_hash"]) for one in written_before(output, "repair")}
    found = []
    for position, content_hash, reason, detail, known_at, sealed in answer.rows:
        try:
            raw = seal.unseal(bytes(sealed))
            if reason in AFTER_DECODE:
                raw = as_sent(raw)
        except ValueError:
            raw = None
        one = Refused(
            position=position,
            content_hash=content_hash,
            reason=reason,
            detail=detail,
            known_at=known_at,
            raw=raw,
        )
        one.sent = one.key in sent
        found.append(one)
    return found


def as_sent(raw: bytes) -> bytes:
    """An event that was decoded, as somebody could have sent it."""
    event = msgspec.json.decode(raw, type=dict[str, Any])
    identifiers: dict[str, list[str]] = {}
    for one in event.pop("identifiers", ()):
        namespace, _, value = one.partition(":")
        identifiers.setdefault(namespace, []).append(value)
    for name in ("partition", "offset", "clamped"):
        event.pop(name, None)
    event["payload"].pop("kind", None)
    return msgspec.json.encode({**event, "identifiers": identifiers})


def try_all(records: Iterable[Refused], output: Path, deployment: Deployment) -> None:
    """Note what each would be refused for by today's configuration."""
    decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
    journal = journal_of(output)
    bound_at = time.time_ns() // 1_000_000 + deployment.settings.clock_bound_minutes * 60_000
    if not is_live(journal):
        bound_at = journal.as_of
    largest = int(deployment.settings.event_bytes_max * COMMAND_SHARE)
    for one in records:
        one.now, one.now_detail = "", ""
        if one.raw is None:
            one.now, one.now_detail = "sealed", "sealed with another KIZUNA_QUARANTINE_KEY"
        elif one.reason in AFTER_DECODE and not one.edited:
            one.now, one.now_detail = one.reason, "as it is; export it and put it right"
        elif len(one.raw) > largest:
            one.now = "too_large"
            one.now_detail = f"{len(one.raw):,} bytes, at most {largest:,}: raise event_bytes_max"
        else:
            decoded = decoder.decode(
                one.raw,
                partition="",
                offset=0,
                known_at=one.known_at,
                received_default=one.known_at,
                bound_at=bound_at,
            )
            if isinstance(decoded, Quarantined):
                one.now, one.now_detail = decoded.reason, decoded.detail
            elif isinstance(decoded, Event) and decoded.type == "repair":
                one.now, one.now_detail = "schema_mismatch", "type: a repair can't bring another"


def export(records: Iterable[Refused], path: Path) -> int:
    """Write records to a new file that only its owner can read; how many."""
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for one in records:
            if one.raw is None:
                continue
            line = ExportedLine(
                position=one.position,
                content_hash=one.content_hash,
                reason=one.reason,
                detail=one.detail,
            )
            try:
                line.record = msgspec.json.decode(one.raw, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError):
                line.text = one.raw.decode("utf-8", "backslashreplace")
            file.write(msgspec.json.encode(line) + b"\n")
            count += 1
    return count


def repaired(records: Sequence[Refused], path: Path) -> list[Refused]:
    """The records of an edited file, as edited. RunRefused if a line isn't one of `records`."""
    waiting = {one.key: one for one in records}
    found: list[Refused] = []
    decoder = msgspec.json.Decoder(ExportedLine)
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        try:
            line = decoder.decode(text)
        except msgspec.DecodeError as error:
            raise RunRefused(
                f"--repaired: {path}:{number}: must be a line of --export; {error}"
            ) from None
        one = waiting.get((line.position, line.content_hash))
        if one is None or (line.record is None) == (line.text is None):
            raise RunRefused(
                f"--repaired: {path}:{number}: must be a record that waits in quarantine, with "
                f"record or text; got {line.position}, {line.content_hash}; it was repaired, or "
                "comes from another output"
            )
        raw = msgspec.json.encode(line.record) if line.text is None else line.text.encode()
        edited = one.raw is None or not _same(raw, one.raw)
        found.append(msgspec.structs.replace(one, raw=raw if edited else one.raw, edited=edited))
    done = {one.key for one in found}
    if len(done) < len(found):
        raise RunRefused(f"--repaired: {path}: must hold each record once; one stands twice")
    return found


def commands_of(records: Iterable[Refused], deployment: Deployment, actor: str) -> list[Command]:
    """Those that decode takes today, as commands."""
    seal = Seal(deployment.secrets.quarantine_key)
    market = next(iter(deployment.settings.markets))
    return [
        Command(
            event_id=repair_id(one),
            type="repair",
            occurred_at=one.known_at,
            market=market,
            payload={
                "position": one.position,
                "content_hash": one.content_hash,
                "quarantined_at": one.known_at,
                "sealed": sealed_text(seal.close(one.raw)),
                "actor": actor,
            },
        )
        for one in records
        if one.raw is not None and not one.now
    ]


def repair_id(one: Refused) -> str:
    """Of what was refused and what is sent instead."""
    said = f"{one.position}\x1f{one.content_hash}\x1f".encode() + (one.raw or b"")
    return f"repair-{xxhash.xxh3_128_hexdigest(said)}"


def _same(one: bytes, other: bytes) -> bool:
    """Whether two records say the same, however they are written."""
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return one == other
