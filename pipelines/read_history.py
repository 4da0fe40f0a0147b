"""The first step of a rebuild: a file of events in, runs of messages for the event rung out.

A file is read from its beginning to its end by one worker, since a record's known_at depends on
those before it. Out also go, each under a tag of its own, the file's greatest known_at and how
many records it had; rows of quarantine are written to a part file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.decode_records import decode_all, enter
from pipelines.history import HistoryFile
from pipelines.keyed_beam import Outbox
from pipelines.sources.file_stamps import FileStamps
from pipelines.sources.records import open_records
from pipelines.tombstones import tombstones
from schemas.erasure import Erased
from schemas.refusals import Quarantined
from sinks.archive import begins_at
from sinks.row_parts import RowParts
from transforms.decode import Decoder

ENDS = "ends"
FIRST_STEP = "event"


class ReadHistory(beam.DoFn):  # type: ignore[misc]
    """Files to runs. `config`: the folder; secrets come from the environment where this runs."""

    def __init__(
        self,
        *,
        config: str,
        bound_at: int,
        ends_at: int | None,
        groups: int,
        parts: str,
        erased: list[Erased],
    ) -> None:
        self._config = config
        self._bound_at = bound_at
        self._ends_at = ends_at
        self._groups = groups
        self._parts = parts
        self._erased = erased
        self._records = Metrics.counter("kizuna", "records")
        self._refused = Metrics.counter("kizuna", "refused")

    def setup(self) -> None:
        deployment = read_configuration(Path(self._config))
        self._decoder = Decoder(
            decode_settings(deployment.settings, deployment.secrets),
            tombstones(self._erased, deployment.secrets),
        )

    def process(self, element: tuple[int, HistoryFile]) -> Iterator[Any]:
        number, history = element
        path = Path(history.file.path)
        first_at = begins_at(path)
        stamps = FileStamps(
            history.file.name,
            self._decoder.received_at,
            self._bound_at,
            known_at=max(history.floor, first_at),
            latest=first_at,
        )
        records = open_records(path, size=history.file.size)
        outbox = Outbox(self._groups)
        rows = RowParts(Path(self._parts), f"00-decode-{number:06d}")
        while raw := records.read():
            first = records.count - len(raw)
            events, told = decode_all(self._decoder, stamps.stamped(raw, first))
            self._records.inc(len(raw))
            if told:
                self._refused.inc(sum(isinstance(row, Quarantined) for row in told))
                rows.write(told)
            yield from outbox.put((FIRST_STEP, enter(event, at)) for at, event in events)
        yield from outbox.rest()
        rows.finish()
        yield TaggedOutput(ENDS, max(stamps.known_at, self._ends_at or 0))
