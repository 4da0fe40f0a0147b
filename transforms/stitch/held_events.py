"""What an identifier keeps of events: those that wait for an owner, and purchases that found one.

In: climbs. Out: the same, once their time is over. Purchases are kept for as long as their owner
may still turn out to be somebody else; browsing that waits is bounded, the newest stays.
"""

import msgspec

from schemas.events import EVENT_TYPES
from schemas.flow import Climb
from schemas.ladder import DAY_MS
from transforms.stitch.packed import pack, unpack


class Waiting(msgspec.Struct, kw_only=True, frozen=True):
    """A climb without an owner, and until when it may find one, ms UTC."""

    climb: Climb
    until: int


class Passed(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A climb that went on, to whom, and until when that may change, ms UTC."""

    packed: bytes
    """See `packed`."""
    type: str
    as_of: int
    """Of the climb: what its owners are looked up by."""
    owners: tuple[str, ...] = ()
    until: int
    left: bool = False
    """It went nowhere: nobody claimed it in time."""

    @property
    def climb(self) -> Climb:
        """As it came."""
        return unpack(self.packed)


class Held(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`waiting` in the order of `until`; `passed` by the climb's event key."""

    waiting: list[Waiting] = []
    passed: dict[str, Passed] = {}
    ahead: list[Waiting] = []
    """Climbs taken back before they came: within an instant a retraction comes first."""
    tidy_at: int = 0
    """When climbs whose time is over are let go of, ms UTC; 0: there are none."""


def is_money(climb: Climb) -> bool:
    """Whether its owner may still change: commands were answered, browsing is left where it is."""
    return EVENT_TYPES[climb.event.type].money and climb.event.source != "command"


def wait(held: Held, climb: Climb, until: int, browsing_max: int) -> list[Waiting]:
    """Keep a climb that has no owner; what must leave for it."""
    waiting = held.waiting
    place = len(waiting)
    while place and waiting[place - 1].until > until:
        place -= 1
    waiting.insert(place, Waiting(climb=climb, until=until))
    if len(waiting) <= browsing_max or EVENT_TYPES[climb.event.type].money:
        return []
    browsing = [one for one in waiting if not EVENT_TYPES[one.climb.event.type].money]
    if len(browsing) <= browsing_max:
        return []
    oldest = min(browsing, key=lambda one: one.climb.event.occurred_at)
    waiting.remove(oldest)
    return [oldest]


def remember(held: Held, climb: Climb, owners: tuple[str, ...], until: int, now: int) -> None:
    """Keep a climb that went on to `owners`, if that may still change."""
    if until > now and is_money(climb):
        held.passed[climb.event_key] = Passed(
            packed=pack(climb),
            type=climb.event.type,
            as_of=climb.as_of,
            owners=owners,
            until=until,
            left=not owners and not climb.rest,
        )
        if not held.tidy_at:
            held.tidy_at = _next_day(until)


def forget(held: Held, climb: Climb, now: int) -> Passed | None:
    """Let go of a climb that is taken back; where it went, if it went on."""
    passed = held.passed.get(climb.event_key)
    if passed is not None and _same(passed.climb, climb):
        del held.passed[climb.event_key]
        return passed if passed.until > now else None
    for place, one in enumerate(held.waiting):
        if one.climb.event_key == climb.event_key and _same(one.climb, climb):
            del held.waiting[place]
            return None
    held.ahead = [*_of_instant(held, now), Waiting(climb=climb, until=now)]
    return None


def was_taken_back(held: Held, climb: Climb, now: int) -> bool:
    """Whether a climb that comes now was taken back at this same instant."""
    if not held.ahead:
        return False
    held.ahead = _of_instant(held, now)
    for place, one in enumerate(held.ahead):
        if one.climb.event_key == climb.event_key and _same(one.climb, climb):
            del held.ahead[place]
            return True
    return False


def _same(one: Climb, other: Climb) -> bool:
    """Whether two climbs of an event, that came to one key, are on the same way."""
    return (
        one.rest == other.rest
        and one.as_of == other.as_of
        and one.ambiguous == other.ambiguous
        and one.climbing == other.climbing
    )


def _of_instant(held: Held, now: int) -> list[Waiting]:
    return [one for one in held.ahead if one.until == now]


def given_up(held: Held, now: int) -> list[Waiting]:
    """Those whose wait is over, no longer kept."""
    over = [one for one in held.waiting if one.until <= now]
    if over:
        held.waiting = [one for one in held.waiting if one.until > now]
    return over


def tidy(held: Held, now: int) -> None:
    """Forget what went on and can't change any more."""
    held.passed = {key: one for key, one in held.passed.items() if one.until > now}
    held.tidy_at = 0
    if held.passed:
        held.tidy_at = _next_day(min(one.until for one in held.passed.values()))


def _next_day(at: int) -> int:
    """Rounded up, so that a busy key tidies up once a day."""
    return (at // DAY_MS + 1) * DAY_MS
