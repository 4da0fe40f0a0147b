"""Duplicates of browsing, profile and service events, where they carry an identifier.

Money events are told apart at the event rung, for months; all others here, for an hour or
whatever `browse_duplicate_minutes` says, by their ids.
"""

from schemas.events import EVENT_TYPES, Event

MINUTE_MS = 60_000


def seen_before(seen: dict[str, int], event: Event, now: int, minutes: int) -> bool:
    """Whether the event was known lately; it is remembered in `seen`, what is older forgotten."""
    if EVENT_TYPES[event.type].money:
        return False
    oldest = now - minutes * MINUTE_MS
    if seen and next(iter(seen.values())) < oldest:
        for known in [known for known, at in seen.items() if at < oldest]:
            del seen[known]
    key = f"{event.source}/{event.event_id}"
    if key in seen:
        return True
    seen[key] = now
    return False
