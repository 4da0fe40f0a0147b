"""The accrue operator: a member's purchases, returns and redemptions become points.

In: `Attributed` events of one member, in the order in which they became known, and timers. Out:
ledger entries, lots, redemptions and their answers, tier changes; for the next steps one
`AccountChanged` for each message or timer that changed anything (also when a member is first
seen) and a `TierChanged` for each move.

Promises: the balance is the sum of the entries. An event posts once. Purchases and returns count
when they occurred, commands when they became known; what becomes known in another order, within
the horizon, ends in the same balance, lots and tier, given the same answers to redemptions. Known
later than that, it is posted on the day it became known, and flagged.
"""

from collections.abc import Iterable
from typing import Final

from schemas.events import Event
from schemas.flow import Attributed, Message, Output
from schemas.payloads import Correct, Merge, Order, Redeem, Return, Sale, Settle, Transfer
from transforms.accrue import report
from transforms.accrue.book import Book
from transforms.accrue.close_account import close, pass_on
from transforms.accrue.horizon import advance_base, keep_to_rules
from transforms.accrue.local_time import DAY_MS
from transforms.accrue.posting import Posting
from transforms.accrue.programmes import Plan, Programmes
from transforms.accrue.put_right import put_right
from transforms.accrue.read_fact import ACTIONS, READERS
from transforms.accrue.rebook import renumber
from transforms.accrue.receive_account import expect_account, receive_account
from transforms.accrue.state import AccrueState
from transforms.accrue.timers import fire, next_due
from transforms.transfer import SCORE

HORIZON_DAYS: Final = 17
FACTS_MAX: Final = 2_000
"""Facts kept of a member at most; more of them, and the horizon of that member shrinks."""
TRANSFER_CHARS_MAX: Final = 600_000
"""Contents of one part of a closed account, which a command must have room for."""
TYPES: Final = frozenset((*READERS, "account_merged", "transfer"))
"""What changes an account that is known."""


class Accrue:
    """Points of one member."""

    name = "accrue"
    state = AccrueState

    def __init__(
        self,
        programmes: Programmes,
        horizon_days: int = HORIZON_DAYS,
        facts_max: int = FACTS_MAX,
        transfer_chars_max: int = TRANSFER_CHARS_MAX,
        shows_view: bool = True,
    ) -> None:
        """`shows_view`: tell what members have besides points with each balance; left out where
        nothing asks for it, since it costs time."""
        self.programmes: Final = programmes
        self.horizon_ms: Final = horizon_days * DAY_MS
        self.facts_max: Final = facts_max
        self.transfer_chars_max: Final = transfer_chars_max
        self.shows_view: Final = shows_view

    def initial(self, key: str) -> AccrueState:
        """Nothing is known of a member yet."""
        return AccrueState(member_id=key)

    def is_idle(self, state: AccrueState) -> bool:
        """Whoever was seen once is remembered, or they would be new again."""
        return not state.version

    def next_timer(self, state: AccrueState) -> int | None:
        """When points become available or expire, a hold times out or a tier is reviewed."""
        return state.timer

    def on_event(self, state: AccrueState, message: Message) -> Iterable[Output]:
        """Apply an event that was attributed to the member, or no longer is."""
        body = message.body
        if not isinstance(body, Attributed):
            return ()
        event = body.event
        if state.version and event.type not in TYPES:
            return ()
        if state.merged_into:
            if isinstance(event.payload, Transfer):
                return pass_on(state, event, message.order[0])
            return ()
        plan = self._plan(state, event)
        if plan is None:
            return ()
        if state.version and event.type in ACTIONS and event.type not in plan.action_types:
            return ()
        if body.survivor not in ("", state.member_id):
            return self._close(state, plan, body, message.order[0])
        outputs = self._receive(state, plan, body, message.order[0])
        return outputs if event.traceparent is None else report.traced(outputs, event.traceparent)

    def on_timer(self, state: AccrueState, due: int) -> Iterable[Output]:
        """Fire what is due."""
        plan = self.programmes.named(state.programme)
        assert plan is not None, f"programme {state.programme} of {state.member_id} is missing"
        before = report.totals(state.current)
        book = Book(state.current, state.member_id, plan, state.baskets, due)
        fired = fire(book, due + 1)
        state.timer = next_due(state.current)
        if not fired:
            return ()
        state.version += 1
        state.changed_at = due
        renumber(state, book.entries, due)
        terms = plan.terms_at(due)
        return [
            *report.rows(state, book),
            report.balance(state, terms, before, fired[0], shows_view=self.shows_view),
            *report.tier_moves(state, terms, book.tier_moves),
        ]

    def _plan(self, state: AccrueState, event: Event) -> Plan | None:
        """The programme of the account; of a new one: of the account that it takes over, or of the
        market."""
        if not state.programme and isinstance(event.payload, Transfer):
            return self.programmes.named(event.payload.programme)
        return self.programmes.named(state.programme) or self.programmes.of_market(event.market)

    def _close(
        self, state: AccrueState, plan: Plan, body: Attributed, known_at: int
    ) -> Iterable[Output]:
        if body.retract:
            return ()
        if not state.version:
            state.programme = plan.name
        keep_to_rules(state, plan, known_at)
        return close(state, plan, body.event, body.survivor, known_at, self.transfer_chars_max)

    def _receive(
        self, state: AccrueState, plan: Plan, body: Attributed, known_at: int
    ) -> Iterable[Output]:
        event = body.event
        before = report.totals(state.current)
        enrolled, qualifying = state.enrolled_at, state.current.qualifying
        new = not state.version
        if new:
            state.member_id = body.member_id
            state.programme = plan.name
        keep_to_rules(state, plan, known_at)
        version, payload = state.version, event.payload
        state.version += 1
        if event.type == "enrolled" and not body.retract:
            state.enrolled_at = min(event.occurred_at, enrolled or event.occurred_at)
        posting = Posting(state, plan, event, known_at, self.horizon_ms)
        if event.type in READERS and event.market in plan.markets:
            if body.retract:
                posting.withdraw()
            elif isinstance(payload, Correct):
                put_right(posting, payload)
            else:
                posting.enter()
        elif isinstance(payload, Merge) and body.survivor and not body.retract:
            expect_account(posting, payload)
        elif isinstance(payload, Transfer) and payload.part != SCORE and not body.retract:
            state.version = max(version, payload.version) + 1
            receive_account(posting, payload)
        self._bound(state, plan, known_at)
        if not (
            new
            or posting.rows
            or posting.tier_moves
            or enrolled != state.enrolled_at
            or qualifying != state.current.qualifying
        ):
            state.version = version
            return ()
        state.changed_at = known_at
        terms = plan.terms_at(known_at)
        return [
            *(report.last_of_each(posting.rows) if posting.posted > 1 else posting.rows),
            report.balance(
                state,
                terms,
                before,
                event.type,
                event,
                _reference(event),
                shows_view=self.shows_view,
            ),
            *report.tier_moves(state, terms, posting.tier_moves),
        ]

    def _bound(self, state: AccrueState, plan: Plan, known_at: int) -> None:
        """Move the base on, now and then, so that its cost is spread over many events."""
        facts = state.facts
        if not facts:
            return
        if facts[0].at < known_at - 2 * self.horizon_ms:
            advance_base(state, plan, known_at - self.horizon_ms)
        elif len(facts) > self.facts_max:
            advance_base(state, plan, facts[len(facts) // 2].at)


def _reference(event: Event) -> str | None:
    """What a person would name the event by: its transaction, order or redemption."""
    payload = event.payload
    if isinstance(payload, Sale):
        return payload.transaction_id
    if isinstance(payload, Order):
        return payload.order_id
    if isinstance(payload, Return):
        return payload.transaction_id or payload.return_id
    if isinstance(payload, Redeem | Settle):
        return payload.redemption_id
    return None
