"""What sources give to decode: raw records, stamped, and how far their source is."""

from typing import Any

import msgspec

Record = Any
"""bytes: JSON; dict: an Avro record; Traced: one of these with its trace context; Event: one that
was decoded before, from an archive; anything else is refused by decode."""

Raw = tuple[str, int, int, int | None, int, Record]
"""partition, offset, known_at, received_at unless the record says another, the latest received_at
that is believed, record. All times in ms UTC."""


class RawBatch(msgspec.Struct, kw_only=True, gc=False):
    """Records of one upstream in order of known_at, and its watermark."""

    upstream: str
    """As the key groups of the event rung know it."""
    records: list[Raw]
    mark_at: int
    closed: bool = False
