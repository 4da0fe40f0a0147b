"""Whose is an event? Answered from the whole history at once, slowly and obviously.

No state, no arrival order, no time at which anything became known (unlinks and merges aside, which
are orders and count from when they are given): all that was ever observed lies on the table, and
each question is answered by reading all of it again. The rule, in full:

1. An event that carries an identifier together with one of a higher rung is an *observation*: at
   its `occurred_at` the identifier was seen with the strongest identifier of the event, its owner
   then. A repetition of a purchase with other identifiers observes for all of them. Not so a
   `signed_out`.
2. An `unlink` revokes each observation of that identifier and owner that occurred until then,
   whenever it becomes known. What is revoked was never there: not for owners, not for limits.
3. With more than `owners.max` different owners observed within `owners.per`, an identifier is
   *shared* from the observation on that was one too many: that one and all later ones count for
   nothing, and what happens from then on is nobody's by this identifier. What happened before
   stays whose it was.
4. The owners of an identifier at an instant are, on a rung with `last_owner`: whoever was observed
   last until then, unless somebody signed out on it since. With `hold`: all who were observed
   within `owners.per` until then; if nobody was, all who ever were until then. With `refuse`: the
   first who ever was. If nobody was at all: whoever is observed next, within the waiting window
   of the event's class and, on a rung that ends by signing out, unless somebody signs out in
   between. Of two at one instant, the one whose name sorts behind is the later one.
5. An event belongs to its strongest identifier, climbs from owner to owner as of when it occurred,
   along all of them where there are several, and is a member's if every way ends at that member.
   A way that ends below makes it nobody's, as two members do.
6. All that names one order or sale goes by the first of its orders and sales that carries an
   identifier, as of then; one that carries nothing but an identifier at which no purchase waits
   says whose it is only if none carries more, and returns never do. A sale with an `order_id` is
   part of that order, and so is a return of it. If a receipt is known and none of it carries an
   identifier, it is nobody's.
7. What moves no points is never taken back. In the order in which it happens, it goes up by what is
   known by then, and where that leads nowhere it waits, for as long as its class may at that rung,
   for the first link that leads on; beside another way that goes on it doesn't wait. (Known in
   another order it may end elsewhere, and that is meant.)
8. A member who was merged is the survivor from when the merge is known. A merge of somebody who
   was merged before, or that closes a circle, is none.
"""

from collections.abc import Iterable

from schemas.events import EVENT_TYPES, Event
from schemas.ladder import HOUR_MS, PERIOD_MS, Ladder, Rung
from schemas.payloads import Merge, Order, Return, Sale, Unlink

MEMBER = "member_id:"


class Oracle:
    """`events`: all of a history, copies included, in any order."""

    def __init__(self, events: Iterable[Event], ladder: Ladder) -> None:
        self._copies: dict[tuple[str, str], list[Event]] = {}
        for event in sorted(events, key=lambda e: e.received_at):
            self._copies.setdefault(event.key, []).append(event)
        self._events = [copies[0] for copies in self._copies.values()]
        self._rungs = list(ladder.rungs)

    # What an event says.

    def _strength(self, identifier: str) -> tuple[int, int, str]:
        namespace = identifier.split(":", maxsplit=1)[0]
        if namespace == "member_id":
            return len(self._rungs), 0, identifier
        for height, rung in enumerate(self._rungs):
            if namespace in rung.namespaces:
                return height, rung.namespaces.index(namespace), identifier
        return -1, 0, identifier

    def height(self, identifier: str) -> int:
        return self._strength(identifier)[0]

    def rung(self, identifier: str) -> Rung:
        return self._rungs[self.height(identifier)]

    def strongest(self, event: Event) -> str | None:
        on_the_ladder = [one for one in event.identifiers if self.height(one) >= 0]
        return max(on_the_ladder, key=self._strength, default=None)

    def receipt(self, event: Event) -> Event | None:
        """The event by which another one goes: itself, or the first on its receipt. None: the
        receipt is known and carries nothing."""
        named = self._named(event)
        receipt = [
            e
            for e in self._events
            if named and isinstance(e.payload, Order | Sale) and self._named(e) == named
        ]
        if not receipt:
            return event
        says = [e for e in receipt if self.strongest(e) is not None]
        return min(
            says,
            key=lambda e: (self._only_weak(e), e.occurred_at, e.source, e.event_id),
            default=None,
        )

    def _only_weak(self, event: Event) -> bool:
        strongest = self.strongest(event)
        height = self.height(strongest) if strongest else -1
        return height < len(self._rungs) and not self._rungs[height].waits.purchase

    def _named(self, event: Event) -> str | None:
        """The order or sale to which an event belongs."""
        payload = event.payload
        if isinstance(payload, Order):
            return payload.order_id
        if isinstance(payload, Sale):
            return payload.order_id or payload.transaction_id
        if isinstance(payload, Return):
            sales = [e.payload for e in self._events if isinstance(e.payload, Sale)]
            for sale in sales:
                if sale.transaction_id == payload.transaction_id and sale.order_id:
                    return sale.order_id
            return payload.transaction_id
        return None

    # What was observed of an identifier.

    def observed(self, identifier: str) -> list[tuple[int, str]]:
        """(when, owner), in order of business time, less what was revoked."""
        found = []
        for event in self._events:
            if event.type == "signed_out":
                continue
            for copy in self._copies[event.key]:
                owner = self.strongest(copy)
                if owner is None or identifier not in copy.identifiers:
                    continue
                if self.height(owner) > self.height(identifier):
                    found.append((event.occurred_at, owner))
        return sorted(one for one in found if not self._revoked(identifier, *one))

    def _revoked(self, identifier: str, at: int, owner: str) -> bool:
        return any(
            isinstance(e.payload, Unlink)
            and e.payload.owner == owner
            and identifier in e.identifiers
            and at <= e.occurred_at
            for e in self._events
        )

    def shared_from(self, identifier: str) -> int | None:
        limit = self.rung(identifier).owners
        observed = self.observed(identifier)
        for now, _ in observed:
            near = {owner for at, owner in observed if now - PERIOD_MS[limit.per] < at <= now}
            if len(near) > limit.max:
                return now
        return None

    def signed_out(self, identifier: str, start: int, end: int) -> bool:
        """Somebody signed out on it in [start, end)."""
        return self.rung(identifier).sign_out and any(
            e.type == "signed_out" and identifier in e.identifiers and start <= e.occurred_at < end
            for e in self._events
        )

    # Whose it is.

    def owners(self, identifier: str, at: int, event_type: str) -> list[str]:
        rung = self.rung(identifier)
        window = getattr(rung.waits, EVENT_TYPES[event_type].event_class) * HOUR_MS
        shared_from = self.shared_from(identifier)
        observed = self.observed(identifier)
        if shared_from is not None:
            if at >= shared_from:
                return []
            observed = [one for one in observed if one[0] < shared_from]
        before = [one for one in observed if one[0] <= at]
        if before and rung.two_owners == "refuse":
            return [before[0][1]]
        if before and rung.two_owners == "hold":
            lately = [one for one in before if one[0] > at - PERIOD_MS[rung.owners.per]]
            return [owner for _, owner in lately or before]
        if before and not self.signed_out(identifier, before[-1][0], at):
            return [before[-1][1]]
        after = [one for one in observed if at < one[0] <= at + window]
        if after and not self.signed_out(identifier, at, after[0][0]):
            if rung.two_owners == "hold":
                return [owner for then, owner in after if then == after[0][0]]
            return [after[0][1]]
        return []

    def ends(self, identifier: str, at: int, event_type: str) -> set[str | None]:
        """The members at the ends of all ways up; None: one that ends below."""
        if identifier.startswith(MEMBER):
            return {identifier[len(MEMBER) :]}
        owners = self.owners(identifier, at, event_type)
        if not owners:
            return {None}
        return {end for owner in owners for end in self.ends(owner, at, event_type)}

    def ends_of(self, event: Event) -> set[str | None]:
        by = self.receipt(event)
        strongest = by and self.strongest(by)
        if by is None or strongest is None:
            return {None}
        return self.ends(strongest, by.occurred_at, event.type)

    def member(self, event: Event) -> str | None:
        """Whose a purchase is in the end, merges aside; None: nobody's."""
        ends = self.ends_of(event)
        return next(iter(ends)) if len(ends) == 1 else None

    def members(self) -> dict[str, str]:
        """The member of each purchase that has one, by event id."""
        money = [e for e in self._events if EVENT_TYPES[e.type].money and not _is_order(e)]
        found = {event.event_id: self.member(event) for event in money}
        return {event_id: member for event_id, member in found.items() if member is not None}

    # Merges.

    def survivors(self, until: int | None = None) -> dict[str, str]:
        """Who was merged, and who goes on, by the merges known until then (exclusive)."""
        merged: dict[str, str] = {}
        for event in sorted(self._events, key=lambda e: (e.received_at, e.occurred_at, *e.key)):
            if isinstance(event.payload, Merge) and (until is None or event.received_at < until):
                loser, winner = event.payload.loser, event.payload.winner
                if loser not in merged and follow(merged, winner) != loser:
                    merged[loser] = winner
        return {loser: follow(merged, loser) for loser in merged}


class AsItHappens:
    """Whose browsing is, of a history that is known as it happens; no two events at one instant."""

    def __init__(self, events: Iterable[Event], ladder: Ladder) -> None:
        self._events = sorted(events, key=lambda e: e.occurred_at)
        self._ladder = ladder
        self._whole = Oracle(self._events, ladder)
        self._by_then: dict[int, Oracle] = {}

    def member(self, event: Event) -> str | None:
        strongest = self._whole.strongest(event)
        if strongest is None:
            return None
        ends = self._ends({strongest}, event, event.occurred_at)
        return next(iter(ends)) if len(ends) == 1 else None

    def _known(self, now: int) -> Oracle:
        if now not in self._by_then:
            happened = [event for event in self._events if event.occurred_at <= now]
            self._by_then[now] = Oracle(happened, self._ladder)
        return self._by_then[now]

    def _ends(self, visits: set[str], event: Event, now: int) -> set[str | None]:
        """From the weakest rung of those to visit, all together, up."""
        height = self._whole.height
        lowest = min(map(height, visits))
        if lowest == len(self._ladder.rungs):
            return {one[len(MEMBER) :] for one in visits}
        rest = {one for one in visits if height(one) > lowest}
        ends: set[str | None] = set()
        for one in visits - rest:
            owners = self._known(now).owners(one, event.occurred_at, event.type)
            if owners:
                ends |= self._ends({*owners, *rest}, event, now)
            elif rest:
                ends |= {None, *self._ends(rest, event, now)}
            else:
                ends |= self._wait(one, event, now)
        return ends

    def _wait(self, identifier: str, event: Event, now: int) -> set[str | None]:
        shared_from = self._known(now).shared_from(identifier)
        if shared_from is not None and event.occurred_at >= shared_from:
            return {None}
        waits = self._whole.rung(identifier).waits
        until = now + getattr(waits, EVENT_TYPES[event.type].event_class) * HOUR_MS
        for later in (e.occurred_at for e in self._events if now < e.occurred_at <= until):
            owners = self._known(later).owners(identifier, event.occurred_at, event.type)
            if owners:
                return self._ends({*owners}, event, later)
        return {None}


def follow(merged: dict[str, str], member: str) -> str:
    while member in merged:
        member = merged[member]
    return member


def _is_order(event: Event) -> bool:
    """An order about identity itself, which is nobody's purchase."""
    return isinstance(event.payload, Unlink | Merge)
