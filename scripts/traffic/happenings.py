"""An event about to be sent, together with who really caused it.

A `Diary` collects what one family (one or two members, and the strangers who use their
city's web shop in the same pages of the simulation) did. `Sent` is what goes into a file;
the rest of a `Happening` goes into the truth and is never sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from scripts.traffic.cases import PLAIN

MARKET: Final = "us"
SIMULATED: Final = {"simulated": "yes"}


class Sent(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One line of a file, as the event contract has it; times in ms UTC."""

    event_id: str
    type: str
    source: str
    occurred_at: int
    received_at: int
    market: str
    identifiers: dict[str, str]
    context: dict[str, str] = {}
    payload: dict[str, Any]


class Happening(msgspec.Struct, kw_only=True, gc=False):
    """An event and its truth. `person`: the member who did it; None: a stranger."""

    sent: Sent
    person: str | None
    household_id: str = ""
    copy: bool = False
    """The same event sent again; the first one counts."""
    case: str = PLAIN
    """Which difficulty it shows, of `cases.CASES`."""

    @property
    def simulated(self) -> bool:
        return self.sent.context.get("simulated") == "yes"


class Diary:
    """What one family did, in any order; gives out event ids. `case`: of what is added now."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.case = PLAIN
        self.happenings: list[Happening] = []
        self._ids = 0

    def name(self, prefix: str) -> str:
        """A fresh id, unique in the city."""
        self._ids += 1
        return f"{prefix}{self.number}-{self._ids}"

    def add(
        self,
        source: str,
        type: str,
        occurred_at: int,
        delay_ms: int,
        identifiers: dict[str, str],
        payload: dict[str, Any],
        person: str | None,
        context: dict[str, str] | None = None,
        event_id: str | None = None,
    ) -> Happening:
        """Note a simulated event that reaches the collector `delay_ms` after it happened."""
        happening = Happening(
            sent=Sent(
                event_id=event_id or self.name(source[0]),
                type=type,
                source=source,
                occurred_at=occurred_at,
                received_at=occurred_at + delay_ms,
                market=MARKET,
                identifiers=identifiers,
                context={**context, **SIMULATED} if context else SIMULATED,
                payload=payload,
            ),
            person=person,
            case=self.case,
        )
        self.happenings.append(happening)
        return happening

    @contextmanager
    def playing(self, case: str) -> Iterator[None]:
        """Whatever is added meanwhile shows this case."""
        before, self.case = self.case, case
        yield
        self.case = before
