"""Reading an event: when it counts, and the facts that are made of it.

In: an event, when it became known, the programme. Out: facts that carry the event's own name and
times.
"""

from typing import Any, NamedTuple, TypeVar

from schemas.events import Event
from transforms.accrue.conditions import Occasion
from transforms.accrue.facts import (
    AnyFact,
    Fact,
)
from transforms.accrue.programmes import Plan
from transforms.accrue.receipts import Basket

Read = tuple[list[AnyFact], Basket | None]
AFact = TypeVar("AFact", bound=Fact)


class Reading(NamedTuple):
    """An event, and when it counts: `at`, unless it is a command; then when it became known."""

    event: Event
    at: int
    known_at: int
    late: bool
    plan: Plan

    def happened(self, kind: type[AFact], **fields: Any) -> AFact:
        """A fact that counts when it occurred."""
        return self._fact(kind, at=self.at, late=self.late, **fields)

    def asked(self, kind: type[AFact], **fields: Any) -> AFact:
        """A fact that counts when it became known."""
        return self._fact(kind, at=self.known_at, **fields)

    def _fact(self, kind: type[AFact], **fields: Any) -> AFact:
        event = self.event
        return kind(
            source=event.source,
            event_id=event.event_id,
            occurred_at=event.occurred_at,
            **fields,
        )


def occasion_of(
    event: Event, fulfilment: str = "", tenders: dict[str, int] | None = None
) -> Occasion:
    """Where, how and when an event happened. `tenders`: amounts by method, minor units."""
    context = event.context
    return Occasion(
        at=event.occurred_at,
        source=event.source,
        store=context.get("store_id", ""),
        touchpoint=context.get("touchpoint", ""),
        fulfilment=fulfilment,
        tenders=tenders or {},
    )
