"""The owners of a rung's identifiers, by the policy of the rung.

In: an identifier's state; signs of owners, sign-outs, revocations. Out: who owned it at an
instant; rows of the links that changed, and a notice when it becomes shared. What that means for
events is the rung's business (`identifier`).
"""

from collections.abc import Callable
from typing import Final, Protocol

from schemas.events import Event
from schemas.flow import Climb, Output
from schemas.identity import IdentityNotice
from schemas.ladder import PERIOD_MS, Rung
from schemas.payloads import Unlink
from transforms.stitch import link_rows
from transforms.stitch.owner_at import all_owners, first_owner, last_owner, too_many_since
from transforms.stitch.ownership import (
    SPANS_MAX,
    Ownership,
    confirms,
    confirms_beside,
    counts,
    observe,
    observe_beside,
    revoke,
    sign_out,
)

TWO_OWNERS: Final[dict[str, Callable[[Ownership, int, int, int], tuple[str, ...]]]] = {
    "last_owner": last_owner,
    "hold": all_owners,
    "refuse": first_owner,
}


class Owned(Protocol):
    """What of an identifier's state is about its owners."""

    identifier: str
    ownership: Ownership
    shared_from: int | None


class RungOwners:
    """`two_owners` and the limit of owners, applied."""

    def __init__(self, rung: Rung) -> None:
        self._rung = rung
        self._owners = TWO_OWNERS[rung.two_owners]
        self._alone = rung.two_owners == "last_owner"
        self._observe = observe if self._alone else observe_beside
        self._confirms = confirms if self._alone else confirms_beside
        self._period_ms = PERIOD_MS[rung.owners.per]

    def at(self, state: Owned, at: int, window_ms: int) -> tuple[str, ...]:
        """Whose the identifier was at an instant, or will have been within `window_ms`."""
        if state.shared_from is not None:
            if at >= state.shared_from:
                return ()
            window_ms = min(window_ms, state.shared_from - 1 - at)
        return self._owners(state.ownership, at, window_ms, self._period_ms)

    def link(self, state: Owned, climb: Climb, now: int) -> list[Output] | None:
        """Leave a link to the strongest identifier of the event; None: nothing changed."""
        event, owner, at = climb.event, climb.rest[-1], climb.event.occurred_at
        ownership, shared_from = state.ownership, state.shared_from
        if shared_from is not None and at >= shared_from and len(ownership.spans) >= SPANS_MAX:
            return None
        if not counts(ownership, owner, at) or self._confirms(ownership, owner, at):
            return None
        before = self._standing(state)
        reference = f"{event.source}/{event.event_id}"
        self._observe(ownership, owner, at, event.type, reference)
        outputs: list[Output] = []
        if self._share(state):
            outputs.append(self._shared(state, event, now))
        outputs += link_rows.changes(state.identifier, before, self._standing(state), now)
        # Once shared, what came before counts, and as much of the rest as an unlink may need.
        keep = slice(SPANS_MAX, None) if state.shared_from is not None else slice(-SPANS_MAX)
        del ownership.spans[keep]
        return outputs

    def sign_out(self, state: Owned, event: Event, now: int) -> list[Output] | None:
        """End the ownership where that is what a sign-out does; None: nothing changed."""
        if not self._rung.sign_out:
            return None
        before = self._standing(state)
        if not sign_out(state.ownership, event.occurred_at):
            return None
        return [*link_rows.changes(state.identifier, before, self._standing(state), now)]

    def unlink(self, state: Owned, event: Event, now: int) -> list[Output] | None:
        """Somebody said that a link is wrong: it never was, and isn't before `until`."""
        wanted = event.payload
        assert isinstance(wanted, Unlink)
        before = self._standing(state)
        until = event.occurred_at if wanted.until is None else wanted.until
        if not revoke(state.ownership, wanted.owner, until):
            return None
        state.shared_from = None
        self._share(state)
        return [*link_rows.changes(state.identifier, before, self._standing(state), now)]

    def _share(self, state: Owned) -> bool:
        """Note from when on the identifier has too many owners; whether it hadn't before."""
        limit, spans = self._rung.owners, state.ownership.spans
        if len(spans) <= limit.max:
            return False
        since = too_many_since(spans, limit.max, self._period_ms)
        was = state.shared_from
        if since is None or (was is not None and was <= since):
            return False
        state.shared_from = since
        return was is None

    def _standing(self, state: Owned) -> link_rows.Links:
        return link_rows.standing(state.ownership, self._alone, state.shared_from)

    def _shared(self, state: Owned, event: Event, now: int) -> IdentityNotice:
        limit = self._rung.owners
        within = "" if limit.per == "ever" else f" within a {limit.per}"
        return IdentityNotice(
            kind="shared",
            identifier=state.identifier,
            detail=f"more than {limit.max} owners{within}",
            source=event.source,
            event_id=event.event_id,
            known_at=now,
        )
