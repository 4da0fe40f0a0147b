"""The decode step: raw records in; climbs for the event rung, quarantine rows, the archive out."""

from collections.abc import Callable

from pipelines import metrics
from pipelines.key_groups import ARCHIVE, ROWS, Fanout, Routed, together
from pipelines.sources.raw import Raw, RawBatch
from schemas.codec import ArchiveBatch
from schemas.events import Event
from schemas.flow import Climb, Message, Row
from schemas.refusals import Quarantined
from sinks.row_batch import RowBatch
from transforms.decode import Decoder
from transforms.decode.repairs import repair
from transforms.stitch.enter import entry_key


def decode_records(
    decoder: Decoder, fanout: Fanout, archives: bool = False
) -> Callable[[list[RawBatch]], list[Routed]]:
    """A mapper of batches. `archives`: what was decoded is sent to the archive, too."""

    def decode(batches: list[RawBatch]) -> list[Routed]:
        routed: list[Routed] = []
        for batch in batches:
            events, rows = decode_all(decoder, batch.records)
            late = sum(known_at - event.occurred_at > metrics.LATE_MS for known_at, event in events)
            if late:
                metrics.LATE_RECORDS.labels("decode").inc(late)
            sends = [("event", enter(event, known_at)) for known_at, event in events]
            routed += fanout.packets(batch.upstream, sends, batch.mark_at, batch.closed)
            if rows:
                metrics.refused([row for row in rows if isinstance(row, Quarantined)])
                routed.append((ROWS, "", RowBatch([*rows])))
            if archives and events:
                routed.append((ARCHIVE, batch.upstream, ArchiveBatch(events)))
        return together(routed)

    return decode


def decode_all(decoder: Decoder, records: list[Raw]) -> tuple[list[tuple[int, Event]], list[Row]]:
    """Each record's event with its known_at, ms UTC, and the rows of those that were refused or
    repaired."""
    events: list[tuple[int, Event]] = []
    rows: list[Row] = []
    for partition, offset, known_at, received_default, bound_at, record in records:
        if isinstance(record, Event):
            events.append((known_at, record))
            continue
        decoded = decoder.decode(
            record,
            partition=partition,
            offset=offset,
            known_at=known_at,
            received_default=received_default,
            bound_at=bound_at,
        )
        if isinstance(decoded, Event) and decoded.type == "repair":
            decoded, row = repair(decoder, decoded, known_at, bound_at)
            rows.append(row)
        if isinstance(decoded, Quarantined):
            rows.append(decoded)
        else:
            events.append((known_at, decoded))
    return (events, rows) if decoder.husks is None else decoder.husks.apply(events, rows)


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
    key = entry_key(event)
    return Message(
        order=place, key=key, body=Climb(event=event, visit=key, as_of=event.occurred_at)
    )
