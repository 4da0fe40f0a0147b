"""What operators order: commands that come back as input, each once.

An operator can't reach a key that lies before it in the flow, so it says what is to be done there
as a row. Over files the rows that a generation of input led to become a file of `OUT/commands`
once it has ended; live they go to the topic `commands`. A rebuild reads those commands and doesn't
order them again.
"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from schemas.flow import Row


class LoopCommand(Row, frozen=True, kw_only=True):
    """A command that the flow itself gave: an unlink over a limit, the transfer of a merge, an
    offer that a journey grants."""

    table: ClassVar[str] = "loop_commands"
    command_id: Annotated[str, Meta(description="of what it is about: the event_id it comes with")]
    type: Annotated[str, Meta(description="the type of the command: unlink, transfer, grant_offer")]
    market: Annotated[str, Meta(description="of the event behind it")]
    about: Annotated[str, Meta(description="the identifiers of the command, as a JSON object")]
    payload: Annotated[str, Meta(description="of the command, as a JSON object")]
    because_of: Annotated[str, Meta(description="the event behind it, source/event_id")]
    given_at: Annotated[int, Meta(description="when, ms UTC", extra={"ms": True})]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the source `command`, whoever gives it; `about`: its identifiers."""

    event_id: str
    type: str
    occurred_at: int
    market: str
    payload: dict[str, Any]
    about: dict[str, Any] = {}

    def as_event(self, received_at: int | None = None) -> dict[str, Any]:
        """The event as a source reads it. `received_at`: ms UTC; None: its log says when."""
        times = {"occurred_at": self.occurred_at}
        if received_at is not None:
            times["received_at"] = received_at
        return {
            "event_id": self.event_id,
            "type": self.type,
            "source": "command",
            **times,
            "market": self.market,
            "identifiers": self.about,
            "payload": self.payload,
        }


def command_of(given: LoopCommand) -> Command:
    """The command that a row orders. It occurred when it was given."""
    return Command(
        event_id=given.command_id,
        type=given.type,
        occurred_at=given.given_at,
        market=given.market,
        payload=msgspec.json.decode(given.payload),
        about=msgspec.json.decode(given.about),
    )
