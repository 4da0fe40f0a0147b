"""Duplicates of browsing, profile and service events, where they carry an identifier.

Money events are told apart at the event rung, for months; all others here, for an hour or
whatever `browse_duplicate_minutes` says, by their ids; of a flood the newest `SEEN_MAX`.
"""

from itertools import takewhile
from typing import Final

from schemas.events import EVENT_TYPES, Event
from schemas.identity import IdentityNotice

MINUTE_MS = 60_000
SEEN_MAX: Final = 1_000


def seen_before(seen: dict[str, int], event: Event, now: int, minutes: int) -> bool:
    """Whether the event was known lately; it is remembered in `seen`, what is older forgotten."""
    if EVENT_TYPES[event.type].money:
        return False
    oldest = now - minutes * MINUTE_MS
    if seen and next(iter(seen.values())) < oldest:
        # In the order in which they became known: what is over stands in front.
        for known in list(takewhile(lambda known: seen[known] < oldest, seen)):
            del seen[known]
    key = f"{event.source}/{event.event_id}"
    if key in seen:
        return True
    seen[key] = now
    if len(seen) > SEEN_MAX:
        del seen[next(iter(seen))]
    return False


def seen_lately(event: Event, identifier: str, now: int) -> IdentityNotice:
    """The notice that an event is a duplicate."""
    return IdentityNotice(
        kind="duplicate",
        identifier=identifier,
        detail="seen within the hour",
        source=event.source,
        event_id=event.event_id,
        known_at=now,
    )
