"""Posting one event: in order if it comes after everything known, else by rebooking.

In: a member's state, an event and the time at which it became known. Out: the state changed, and
in `rows` and `tier_moves` what is to be reported. Promises: the same event again changes nothing;
an event that is withdrawn leaves the account as if it had never been there.
"""

from typing import Final

from schemas.events import Event
from schemas.flow import Output
from transforms.accrue import report
from transforms.accrue.book import Book, TierMove, lot_id
from transforms.accrue.facts import (
    COMMANDS,
    Acted,
    AnyFact,
    Purchased,
    Returned,
    SettleAsked,
)
from transforms.accrue.fold import enter, place
from transforms.accrue.horizon import advance_base
from transforms.accrue.programmes import Plan
from transforms.accrue.read_fact import ACTED, READERS
from transforms.accrue.reading import Reading
from transforms.accrue.rebook import insert_place, rebook, renumber
from transforms.accrue.state import AccrueState, OpenLot
from transforms.accrue.timers import fire, next_due


class Posting:
    """One event on its way into a member's account."""

    def __init__(
        self, state: AccrueState, plan: Plan, event: Event, known_at: int, horizon_ms: int
    ) -> None:
        self.state: Final = state
        self.plan: Final = plan
        self.event: Final = event
        self.known_at: Final = known_at
        self.since: Final = max(known_at - horizon_ms, state.base_to)
        """What happened before is beyond the horizon: it can't be inserted or removed any more."""
        self.cause: Final = f"{event.source}/{event.event_id}"
        self.posted = 0
        """How often something was posted for the event."""
        self.rows: list[Output] = []
        self.tier_moves: list[TierMove] = []

    def enter(self) -> None:
        """Post what the event says."""
        state, event = self.state, self.event
        late = event.occurred_at < self.since
        if self._is_posted(late) and (self._restore() or not self._is_gone()):
            return
        parked = state.current.parked
        if parked and any(one.basket == self.cause for one in parked) and self._restore():
            return
        at = self.known_at if late else event.occurred_at
        facts, basket = READERS[event.type](Reading(event, at, self.known_at, late, self.plan))
        for fact in facts:
            if isinstance(fact, Purchased) and basket is not None:
                fact.again = self.known_at if late else 0
                while fact.basket in state.baskets:
                    fact.again += 1
                state.baskets[fact.basket] = basket
            if isinstance(fact, Returned | Acted) and self._restore():
                continue
            if isinstance(fact, Acted) and late and self._action_lot() is not None:
                continue
            if isinstance(fact, Purchased) or not self._is_known(fact):
                self.insert(fact)

    def withdraw(self) -> None:
        """Take the event back: it belongs to somebody else.

        Commands stay, since what was answered was answered. A purchase beyond the horizon is
        taken back like a return of all of it, today; so is one that was in an account which was
        merged into this one, once it is here, and so are the points of an action. Purchases too
        old to be returned, and returns beyond the horizon, are left to staff.
        """
        state = self.state
        self._move_base()
        mine = [fact for fact in state.facts if self._is_mine(fact)]
        if any(isinstance(fact, Returned) and fact.withdrawal for fact in mine):
            return
        if any(not isinstance(fact, COMMANDS) for fact in mine):
            self._rebook(
                [
                    fact
                    for fact in state.facts
                    if isinstance(fact, COMMANDS) or not self._is_mine(fact)
                ]
            )
            for fact in mine:
                if isinstance(fact, Purchased):
                    state.baskets.pop(fact.basket, None)
            return
        since = self.known_at - self.plan.remember_ms
        for name, receipt in state.current.receipts.items():
            if receipt.cause == self.cause:
                if receipt.at >= since and not receipt.withdrawn:
                    self.insert(self._withdrawal(name))
                return
        if self._action_lot() is not None:
            self.insert(self._withdrawal(None))
            return
        waits = any((one.source, one.event_id) == self.event.key for one in state.current.parked)
        if waits or state.current.joining:
            self.insert(self._withdrawal(None))

    def _withdrawal(self, receipt_id: str | None) -> Returned:
        return Returned(
            at=self.known_at,
            source=self.event.source,
            event_id=self.event.event_id,
            occurred_at=self.event.occurred_at,
            late=True,
            receipt_id=receipt_id,
            basket=self.cause,
            whole=True,
            withdrawal=True,
        )

    def _restore(self) -> bool:
        """A purchase that is here already: nothing, unless it was withdrawn when it was old."""
        self._move_base()
        facts = self.state.facts
        left = [
            fact
            for fact in facts
            if not (isinstance(fact, Returned) and fact.withdrawal and self._is_mine(fact))
        ]
        if len(left) < len(facts):
            self._rebook(left)
        return len(left) < len(facts)

    def _action_lot(self) -> OpenLot | None:
        """What an action brought before the horizon, if it wasn't taken back."""
        if self.event.type not in ACTED:
            return None
        lot = self.state.current.lots.get(lot_id(self.state.member_id, self.cause))
        return lot if lot is not None and lot.points else None

    def _is_posted(self, late: bool) -> bool:
        """Whether the purchase is here, perhaps taken back. What is late was late before."""
        baskets = self.state.baskets
        return self.cause in baskets or (
            late and any(key.partition("\x1e")[0] == self.cause for key in baskets)
        )

    def _is_gone(self) -> bool:
        """Whether the purchase was withdrawn, and so long ago that it can only be bought again."""
        receipts = self.state.current.receipts.values()
        mine = [one for one in receipts if one.cause == self.cause]
        return bool(mine) and all(one.withdrawn for one in mine)

    def _is_mine(self, fact: AnyFact) -> bool:
        return fact.event_id == self.event.event_id and fact.source == self.event.source

    def _is_known(self, fact: AnyFact) -> bool:
        """Whether the event put this fact among the facts before."""
        return any(
            self._is_mine(other)
            and type(other) is type(fact)
            and (
                not isinstance(fact, SettleAsked)
                or not isinstance(other, SettleAsked)
                or other.redemption_id == fact.redemption_id
            )
            for other in self.state.facts
        )

    def insert(self, fact: AnyFact) -> None:
        """Put a fact where it belongs."""
        state, facts, account = self.state, self.state.facts, self.state.current
        self.posted += 1
        last = not facts or place(facts[-1]) <= place(fact)
        if last and fact.at > account.fired_at:
            facts.append(fact)
            book = Book(account, state.member_id, self.plan, state.baskets, self.known_at)
            if state.timer is not None and state.timer < fact.at:
                fire(book, fact.at)
            enter(book, fact)
            state.timer = next_due(account)
            if state.timer is not None and state.timer < self.known_at:
                fire(book, self.known_at)
                state.timer = next_due(account)
            renumber(state, book.entries, self.known_at)
            self.rows += report.rows(state, book)
            self.tier_moves += book.tier_moves
        else:
            self._move_base()
            at = insert_place(state.facts, fact)
            self._rebook([*state.facts[:at], fact, *state.facts[at:]])

    def _move_base(self) -> None:
        """Fold what is beyond the horizon before folding the rest again."""
        state = self.state
        if state.facts and state.facts[0].at < self.since:
            advance_base(state, self.plan, self.since)

    def _rebook(self, facts: list[AnyFact]) -> None:
        state = self.state
        terms = self.plan.terms_at(self.known_at)
        before = state.current.tier or terms.levels[0]
        was, becomes = rebook(state, self.plan, self.known_at, facts, self.cause)
        state.timer = next_due(state.current)
        self.rows += report.rows(state, becomes, was=was.account)
        after = state.current.tier or terms.levels[0]
        if after != before:
            self.tier_moves.append((before, after, self.known_at, "rebooked"))
