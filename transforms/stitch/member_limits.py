"""How many identifiers a member may have: what is over is unlinked, through the loop.

In: the identifiers that a member was seen with lately, and an event that is theirs. Out: at most
one `unlink` command a namespace. Promised: what is kept is bounded by the limits themselves.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
import xxhash

from schemas.commands import LoopCommand
from schemas.flow import Climb
from schemas.ladder import PERIOD_MS, Ladder, MemberLimit
from transforms.stitch.path import Paths

_encode = msgspec.json.Encoder(order="sorted").encode


REFUSED_MAX: Final = 100
FAR_AWAY_MS: Final = 4_102_444_800_000
"""The year 2100: later than any time that decode takes."""


class LimitedIdentifiers(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of a member, those whose number is limited."""

    seen: dict[str, int] = {}
    """When each was last seen, ms UTC."""
    refused: dict[str, int] = {}
    """Until when each of the newest that were unlinked isn't theirs, ms UTC."""


class MemberLimits:
    """The limits of all namespaces."""

    def __init__(self, ladder: Ladder) -> None:
        self._limits = ladder.member_limits
        self._paths = Paths(ladder)

    def note(self, limited: LimitedIdentifiers, climb: Climb, now: int) -> Iterable[LoopCommand]:
        """Note the event's identifiers; what must be unlinked because of them."""
        at, seen = climb.event.occurred_at, limited.seen
        for identifier in climb.event.identifiers:
            namespace = identifier[: identifier.index(":")]
            limit = self._limits.get(namespace)
            if limit is None:
                continue
            last = seen.get(identifier)
            if last is not None:
                if last < at:
                    seen[identifier] = at
                continue
            if limited.refused.get(identifier, 0) > now:
                continue
            seen[identifier] = at
            over = _over(seen, namespace, limit, identifier, at)
            if over is not None:
                del seen[over]
                yield self._unlink(limited, climb, over, limit, now)

    def _unlink(
        self,
        limited: LimitedIdentifiers,
        climb: Climb,
        identifier: str,
        limit: MemberLimit,
        now: int,
    ) -> LoopCommand:
        event = climb.event
        namespace, _, value = identifier.partition(":")
        # An identifier that came with a stronger one of the same event was linked to that one.
        strongest = self._paths.of(event.identifiers).main[-1]
        beside = identifier in event.identifiers and strongest != identifier
        owner = strongest if beside else climb.visit
        until = now
        if limit.unlink == "newest":
            until = min(now + PERIOD_MS[limit.per], FAR_AWAY_MS)
            limited.refused = {one: at for one, at in limited.refused.items() if at > now}
            limited.refused[identifier] = until
            while len(limited.refused) > REFUSED_MAX:
                del limited.refused[next(iter(limited.refused))]
        reference = f"{event.source}/{event.event_id}"
        said = f"{climb.visit}\x1f{identifier}\x1f{reference}"
        return LoopCommand(
            command_id=f"unlink-{xxhash.xxh3_128_hexdigest(said.encode())}",
            type="unlink",
            market=event.market,
            about=_encode({namespace: value}).decode(),
            payload=_encode(
                {
                    "owner": owner,
                    "until": until,
                    "reason": f"more than {limit.max} of {namespace} within a {limit.per}",
                    "actor": "member_limits",
                }
            ).decode(),
            because_of=reference,
            given_at=now,
        )


def _over(
    seen: dict[str, int], namespace: str, limit: MemberLimit, newest: str, at: int
) -> str | None:
    """Which identifier must go, after one was added; what is out of the period is forgotten."""
    prefix = f"{namespace}:"
    ours = [one for one in seen if one.startswith(prefix)]
    if len(ours) <= limit.max:
        return None
    oldest = at - PERIOD_MS[limit.per]
    for one in [one for one in ours if seen[one] <= oldest and one != newest]:
        del seen[one]
        ours.remove(one)
    if len(ours) <= limit.max:
        return None
    if limit.unlink == "newest":
        return newest
    return min(ours, key=lambda one: (seen[one], one))
