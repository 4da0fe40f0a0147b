"""The ladder of identifiers as config: rungs, waiting windows and policies of stitch.

Identifiers climb from the weakest rung to the strongest; a link always points up.
The rungs `event`, `receipt` and `order` before them and `member` and `person` after them are fixed.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Hours = Annotated[int, Meta(ge=0, le=24 * 400)]


class Waits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an event without an owner waits for a link, by event class, in hours."""

    browse: Hours = 24
    cart: Hours = 24
    purchase: Hours = 14 * 24
    service: Hours = 14 * 24
    profile: Hours = 14 * 24


Period = Literal["ever", "year", "month", "week"]

PERIOD_MS: Final[dict[Period, int]] = {
    "ever": 1 << 62,
    "year": 365 * DAY_MS,
    "month": 30 * DAY_MS,
    "week": 7 * DAY_MS,
}
"""How long each period of a limit is: it slides, and follows no calendar."""

OWNERS_MAX: Final = 24
"""Owners that an identifier remembers at most, so no limit can be higher."""


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `max` different ones within any `per`."""

    max: Annotated[int, Meta(ge=1, le=1000)]
    per: Period


class MemberLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many identifiers of a namespace a member may have, and which one gives way."""

    max: Annotated[int, Meta(ge=1, le=1000)]
    per: Period
    unlink: Literal["newest", "oldest"] = "newest"
    """newest: what comes on top isn't theirs. oldest: it is, and what was longest unseen goes."""


class Guests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those who are known by identifiers alone."""

    reachable: tuple[str, ...] = ("phone", "email")
    """Namespaces by which a guest can be written to: what they do reaches decide."""
    keep_days: Annotated[int, Meta(ge=1, le=3660)] = 90
    """How long a guest's totals are kept after the last event."""


class Rung(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class of namespaces. `namespaces`: weakest first; the last one present resolves."""

    rung: str
    namespaces: tuple[str, ...]
    two_owners: Literal["last_owner", "hold", "refuse"]
    """last_owner: from the newest sign of an owner on it is theirs. hold: several owners must
    lead to one member, otherwise money is not guessed. refuse: the first owner keeps it."""
    waits: Waits = Waits()
    sign_out: bool = False
    """A `signed_out` event ends the ownership of this rung's identifier."""
    owners: Limit = Limit(max=4, per="year")
    """With more owners than this the identifier is shared from then on, and links nobody."""
    forget_days: Annotated[int, Meta(ge=1, le=3660)] = 400
    """A link that nothing confirmed for so long is forgotten."""


class Ladder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole ladder, weakest rung first."""

    deduplicate_days: Annotated[int, Meta(ge=1, le=3660)] = 90
    """How long the id of a money event is remembered; older ones are quarantined."""
    receipt_days: Annotated[int, Meta(ge=1, le=3660)] = 97
    """How long a receipt remembers whose identifiers were on it."""
    receipt_wait_days: Annotated[int, Meta(ge=1, le=400)] = 14
    """How long a return waits for the sale that it names."""
    late_days: Annotated[int, Meta(ge=0, le=400)] = 3
    """How much longer a purchase waits, for a link that was made in time and became known late."""
    browse_waiting_max: Annotated[int, Meta(ge=1, le=1000)] = 50
    """Browsing events that wait at one identifier; older ones leave as guest activity."""
    browse_duplicate_minutes: Annotated[int, Meta(ge=1, le=1440)] = 60
    """How long the id of a browsing event is remembered."""
    guests: Guests = Guests()
    member_limits: dict[str, MemberLimit] = {}
    """By namespace, how many identifiers a member may have."""
    rungs: tuple[Rung, ...]

    @property
    def horizon_ms(self) -> int:
        """How long after it happened a purchase may still find, or change, its owner."""
        longest = max((rung.waits.purchase for rung in self.rungs), default=0) * HOUR_MS
        return max(longest, self.receipt_wait_days * DAY_MS) + self.late_days * DAY_MS

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of all rungs in the order in which they are climbed."""
        return (
            "event",
            "receipt",
            "order",
            *(rung.rung for rung in self.rungs),
            "member",
            "person",
        )


FIXED: Final = ("event", "receipt", "order", "member", "person")
"""Rungs that every ladder has."""


def check_ladder(ladder: Ladder) -> list[str]:
    """What is wrong with a ladder that its types can't say; empty if nothing is."""
    problems: list[str] = []
    seen: dict[str, str] = {"member_id": "member"}
    for number, rung in enumerate(ladder.rungs):
        where = f"$.rungs[{number}]"
        if rung.rung in FIXED:
            problems.append(f"{where}.rung: {rung.rung!r} is a fixed rung and can't be listed")
        if not rung.namespaces:
            problems.append(f"{where}.namespaces: must name at least one namespace")
        for namespace in rung.namespaces:
            if namespace in seen:
                problems.append(
                    f"{where}.namespaces: {namespace!r} stands at rung {seen[namespace]!r} already"
                )
            seen[namespace] = rung.rung
        if rung.owners.max > OWNERS_MAX:
            problems.append(
                f"{where}.owners.max: must be at most {OWNERS_MAX}; got {rung.owners.max}"
            )
    for namespace in ladder.member_limits:
        if namespace not in seen or namespace == "member_id":
            problems.append(f"$.member_limits.{namespace}: must be a namespace of a rung")
    for number, namespace in enumerate(ladder.guests.reachable):
        if namespace not in seen or namespace == "member_id":
            problems.append(
                f"$.guests.reachable[{number}]: must be a namespace of a rung; got {namespace!r}"
            )
    names = [rung.rung for rung in ladder.rungs]
    if len(set(names)) < len(names):
        problems.append("$.rungs: each rung must have a name of its own")
    return problems
