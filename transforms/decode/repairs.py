"""A repaired record: unsealed and decoded as it would have been when it first came.

Comes in: a `repair` command, already decoded, and when it became known. Goes out: the event of
the record that it brings, or its quarantine row, and a row that links either to the record that
was refused first. Promised: the event is the one that decode would have made of the record; it
stands where the command stood in the log, so it is known now and occurred when it did; what was
sealed with another key is refused, so nobody without it can bring anything this way.
"""

import base64
import binascii

from schemas.events import Event
from schemas.payloads import Repair
from schemas.refusals import Quarantined, Repaired
from transforms.decode.decoder import Decoder
from transforms.decode.refusal import Refusal


def repair(
    decoder: Decoder, command: Event, known_at: int, bound_at: int | None
) -> tuple[Event | Quarantined, Repaired]:
    """What a repair brings, and what became of it; times in ms UTC."""
    brought = command.payload
    assert isinstance(brought, Repair)
    outcome = _decoded(decoder, command, brought, known_at, bound_at)
    refused = outcome if isinstance(outcome, Quarantined) else None
    return outcome, Repaired(
        position=brought.position,
        content_hash=brought.content_hash,
        repair_id=command.event_id,
        outcome="refused" if refused else "decoded",
        reason=refused.reason if refused else None,
        source=outcome.source,
        event_id=outcome.event_id,
        repaired_position=f"{command.partition}:{command.offset}",
        actor=brought.actor,
        known_at=known_at,
    )


def sealed_text(sealed: bytes) -> str:
    """Sealed bytes as a command carries them: letters that no rule takes for a phone or email."""
    return base64.urlsafe_b64encode(sealed).decode()


def _decoded(
    decoder: Decoder, command: Event, brought: Repair, known_at: int, bound_at: int | None
) -> Event | Quarantined:
    place = {"partition": command.partition, "offset": command.offset, "known_at": known_at}
    try:
        sealed = base64.urlsafe_b64decode(brought.sealed)
        raw = decoder.unseal(sealed)
    except (binascii.Error, ValueError):
        refusal = Refusal("unreadable", "payload.sealed: sealed with another key, or damaged")
        return decoder.refuse(brought.sealed.encode(), refusal=refusal, **place)  # type: ignore[arg-type]
    decoded = decoder.decode(
        raw,
        partition=command.partition,
        offset=command.offset,
        known_at=known_at,
        received_default=brought.quarantined_at,
        bound_at=bound_at,
    )
    if isinstance(decoded, Event) and decoded.type == command.type:
        refusal = Refusal("schema_mismatch", "type: a repair can't bring another")
        return decoder.refuse(raw, refusal=refusal, **place)  # type: ignore[arg-type]
    return decoded
