"""The decode step: raw records in, climbs for the event rung and quarantine rows out."""

from collections.abc import Callable

from pipelines.key_groups import ROWS, Fanout, Routed
from pipelines.sources.files import RawBatch
from schemas.events import Event
from schemas.flow import Climb, Message, Row
from schemas.refusals import Quarantined
from sinks.row_batch import RowBatch
from transforms.decode import Decoder


def decode_records(
    decoder: Decoder, fanout: Fanout, *, bound_at: int, upstream: Callable[[str], str]
) -> Callable[[list[RawBatch]], list[Routed]]:
    """A mapper of batches. `upstream` names a partition as the event rung knows it."""

    def decode(batches: list[RawBatch]) -> list[Routed]:
        routed: list[Routed] = []
        for batch in batches:
            rows: list[Row] = []
            sends: list[tuple[str, Message]] = []
            for offset, known_at, record in batch.records:
                decoded = decoder.decode(
                    record,
                    partition=batch.partition,
                    offset=offset,
                    known_at=known_at,
                    received_default=None,
                    bound_at=bound_at,
                )
                if isinstance(decoded, Quarantined):
                    rows.append(decoded)
                else:
                    sends.append(("event", enter(decoded, known_at)))
            name = upstream(batch.partition)
            routed += fanout.packets(name, sends, batch.mark_at, batch.closed)
            if rows:
                routed.append((ROWS, "", RowBatch(rows)))
        return routed

    return decode


def enter(event: Event, known_at: int) -> Message:
    """An event at the foot of the ladder."""
    place = (
        known_at,
        event.occurred_at,
        event.source,
        event.event_id,
        1,
        -1,
        "",
        0,
        event.partition,
        event.offset,
    )
    key = f"event:{event.source}/{event.event_id}"
    return Message(
        order=place, key=key, body=Climb(event=event, visit=key, as_of=event.occurred_at)
    )
