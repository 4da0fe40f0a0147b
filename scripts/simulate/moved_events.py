"""What stood on the events that change their owner: read from the history once more.

In: (source, event_id) of events, and the history's files. Out: of each when it happened, what it
moved, and which identifiers it carried, as they are kept: emails and phones pseudonymised. The
warehouse doesn't hold these, and an owner of identities wants to see them.
"""

from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import NamedTuple

from config.secret_keys import decode_settings
from pipelines.assemble import read_configuration
from pipelines.history import History
from pipelines.sources.records import Archived, open_records
from schemas.events import Event
from transforms.decode import Decoder
from transforms.stitch.guests import spend

SHOWN_OF_A_VALUE = 12


class Detail(NamedTuple):
    """`occurred_at`: ms UTC. `amount`: minor units, less than nothing for a return."""

    source: str
    event_id: str
    occurred_at: int
    amount: int
    identifiers: str


Details = Callable[[Set[tuple[str, str]]], Iterator[Detail]]


def details_from(history: History, config: Path) -> Details:
    """A reader of this history; `config` says how to decode it."""

    def read(wanted: Set[tuple[str, str]]) -> Iterator[Detail]:
        if not wanted:
            return
        deployment = read_configuration(config)
        decoder = Decoder(decode_settings(deployment.settings, deployment.secrets))
        told: set[tuple[str, str]] = set()
        for one in history.files:
            records = open_records(Path(one.file.path), size=one.file.size)
            while raw := records.read():
                for record in raw:
                    event = (
                        record.event
                        if type(record) is Archived
                        else decoder.decode(
                            record,
                            partition=one.file.name,
                            offset=0,
                            known_at=0,
                            bound_at=history.bound_at,
                        )
                    )
                    if not isinstance(event, Event) or event.key not in wanted:
                        continue
                    if event.key not in told:  # a copy may carry something else
                        told.add(event.key)
                        yield Detail(
                            *event.key, event.occurred_at, spend(event), _said(event.identifiers)
                        )

    return read


def _said(identifiers: tuple[str, ...]) -> str:
    """Identifiers as people read them; long values are cut."""
    said = []
    for identifier in identifiers:
        namespace, _, value = identifier.partition(":")
        if len(value) > SHOWN_OF_A_VALUE:
            value = value[:SHOWN_OF_A_VALUE] + "…"
        said.append(f"{namespace} {value}")
    return ", ".join(said)
