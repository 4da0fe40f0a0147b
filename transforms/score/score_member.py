"""The operator: purchases and signs of engagement in, risk, value and band crossings out.

Comes in: `Attributed` messages of one member. Goes out: a `ScoreChanged` for decide at each
purchase, return and band change; a `ChurnScore` row at the first score and each band change.
Promises: nobody is polled. Between events risk only rises, so the moment at which a member enters
the next band is solved when something happens, and is their one timer.

Engagement: a silent day up to the last sign of engagement counts as `1 − weight` of a day.
Risk is 1 − P(alive) at that softened time. So more recent engagement never raises risk, risk
never goes below that of somebody who has just bought, and both edges of a band are two numbers
on the softened time axis that browsing doesn't change.
"""

from collections.abc import Iterable, Mapping

from schemas.churn_model import ChurnModel
from schemas.events import EVENT_TYPES, Event
from schemas.flow import Attributed, Message, Output, ScoreChanged
from schemas.payloads import Line, Merge, Order, Return, Sale, Transfer
from schemas.scoring import ChurnScore
from transforms.score.alive import expected_purchases, p_alive
from transforms.score.bands import UNSCORED
from transforms.score.crossing import DAY_MS, NEVER, crossing_of, days_of, moment_of, risk_at
from transforms.score.market import Market
from transforms.score.merge_members import expect, hand_over, note_merge, read, receive
from transforms.score.purchases import (
    CANCELLATION,
    HELD_MAX,
    PURCHASE,
    RETURN,
    Held,
    count_next,
    history_of,
    is_unsettled,
    settle,
)
from transforms.score.segment import segment
from transforms.score.spend import expected_spend
from transforms.score.state import ScoreState
from transforms.transfer import SCORE

SETTLE_EVERY_MS = 7 * DAY_MS
"""Settling costs a recount, so it waits until there is about a week's worth."""

ENGAGEMENT = frozenset(
    name for name, kind in EVENT_TYPES.items() if kind.event_class in {"browse", "cart"}
) - {"signed_out", "store_left"} | {"activity_completed", "opened", "clicked"}
"""Types that show that a member still cares. Leaving is no such sign."""

PARTS: Mapping[str, int] = {
    "sale": PURCHASE,
    "order_placed": PURCHASE,
    "order_cancelled": CANCELLATION,
    "return": RETURN,
}
MERGING = frozenset(("account_merged", "transfer"))
WITH_LINES = (Sale, Order, Return)
WITH_ORDER = (Sale, Order)
REASONS = {PURCHASE: "purchase", RETURN: "return", CANCELLATION: "cancellation"}


class Score:
    """Scores members by the model of their market; a market without a model isn't scored."""

    name = "score"
    state = ScoreState

    def __init__(self, models: Iterable[ChurnModel], horizon_days: int = 17) -> None:
        self.markets = {
            name: market for market in map(Market, models) for name in market.model.markets
        }
        self.horizon_ms = horizon_days * DAY_MS

    def initial(self, key: str) -> ScoreState:
        return ScoreState(member_id=key)

    def on_event(self, state: ScoreState, message: Message) -> Iterable[Output]:
        body = message.body
        if type(body) is not Attributed:
            return ()
        event = body.event
        if state.merged:
            return ()
        if event.type in ENGAGEMENT:
            return () if body.retract else self._engage(state, event, message.known_at)
        part = PARTS.get(event.type)
        if part is None:
            return self._merge(state, body, message.known_at) if event.type in MERGING else ()
        market = self.markets.get(state.market or event.market)
        if market is None:
            return ()
        if not self._remember(state, market, body, part, message.known_at):
            return ()
        why = "retraction" if body.retract else REASONS[part]
        return self._score(state, market, message.known_at, why)

    def next_timer(self, state: ScoreState) -> int | None:
        market = self.markets.get(state.market)
        if state.rises_at is None or market is None:
            return None
        due = state.rises_at + self._softening(state, market)
        return due if due < NEVER else None

    def on_timer(self, state: ScoreState, due: int) -> Iterable[Output]:
        return self._score(state, self.markets[state.market], due, "time")

    def is_idle(self, state: ScoreState) -> bool:
        known = state.held or state.settled.days or state.engaged_at
        return not (known or state.joining or state.merged)

    def _merge(self, state: ScoreState, body: Attributed, now: int) -> Iterable[Output]:
        """Tell the survivor of a merge what was bought; there, wait for it and count it."""
        event, payload = body.event, body.event.payload
        if body.retract:
            return ()
        if isinstance(payload, Merge):
            if body.survivor == state.member_id:
                expect(state, payload.loser)
            elif body.survivor:
                told = hand_over(state, body.survivor, event, now)
                return told, *self._forget(state, now, "merged")
        elif isinstance(payload, Transfer) and payload.part == SCORE:
            return self._join(state, event, payload, now)
        return ()

    def _join(
        self, state: ScoreState, event: Event, payload: Transfer, now: int
    ) -> Iterable[Output]:
        """Count the purchases of a member who was merged into this one; of another model's never,
        and each merge's once."""
        if not note_merge(state, payload):
            return ()
        purchases = read(payload.contents)
        market = self.markets.get(state.market or purchases.market or event.market)
        if market is None or market is not self.markets.get(purchases.market, market):
            return ()
        receive(state, purchases, self.horizon_ms)
        return self._score(state, market, now, "merged") if state.history.days else ()

    def _remember(
        self, state: ScoreState, market: Market, body: Attributed, part: int, now: int
    ) -> bool:
        """Put a purchase, return or cancellation in, or take it out; False: nothing changed."""
        event = body.event
        key = f"{event.source}/{event.event_id}"
        undoable = now - 2 * self.horizon_ms
        if is_unsettled(state.held, undoable - SETTLE_EVERY_MS):
            settle(state.settled, state.held, market.day(undoable), self.horizon_ms)
        if (key in state.held) is not body.retract:
            if body.retract and state.joining:
                state.withdrawn = (*state.withdrawn, key)[-HELD_MAX:]
            return False
        if key in state.withdrawn:
            state.withdrawn = tuple(one for one in state.withdrawn if one != key)
        if body.retract:
            del state.held[key]
        else:
            state.market = state.market or event.market
            held = state.held[key] = _held(part, event, market.day(event.occurred_at))
            if count_next(state.history, held):
                return True
        state.history = history_of(state.settled, state.held, self.horizon_ms)
        return True

    def _engage(self, state: ScoreState, event: Event, now: int) -> Iterable[Output]:
        """Note a sign of engagement; rescore only if it takes the member out of their band."""
        at = event.occurred_at
        if at <= state.engaged_at:
            return ()
        market = self.markets.get(state.market or event.market)
        if market is None or now - at > market.stale_ms:
            return ()
        state.engaged_at = at
        if now - self._softening(state, market) >= state.falls_before:
            return ()
        before = state.band
        outputs = self._score(state, market, now, "engagement")
        return outputs if state.band != before else ()

    def _softening(self, state: ScoreState, market: Market) -> int:
        """By how much engagement after the last purchase sets time back, ms."""
        engaged = state.engaged_at - state.history.last_at
        return int(market.weight * engaged) if engaged > 0 else 0

    def _score(self, state: ScoreState, market: Market, now: int, why: str) -> tuple[Output, ...]:
        """Score a member as of `now`: band, edges of the band, and what to tell."""
        history, from_band = state.history, state.band
        if history.days == 0:
            return self._forget(state, now, why)
        model, bands = market.model, market.bands
        repeats = history.days - 1
        last, days = days_of(history, now)
        alive = p_alive(model.alive, repeats, last, days)
        softened = now - self._softening(state, market)
        risk = 1.0 - alive if softened == now else risk_at(model, history, softened)
        place = bands.move(bands.place(from_band), risk)
        band = state.band = bands.names[place]
        state.rises_at = crossing_of(model, history, bands.rise(place))
        state.falls_before = moment_of(model, history, bands.fall(place)) or 0
        spend = float(max(history.repeat_spend, 0))
        value = alive * expected_purchases(model.alive, repeats, days, model.value_days)
        mean = spend / repeats if repeats else float(history.first_spend)
        changed = ScoreChanged(
            member_id=state.member_id,
            p_alive=alive,
            risk=risk,
            band=band,
            from_band=from_band,
            band_changed=band != from_band,
            expected_value=round(value * expected_spend(model.spend, repeats, spend)),
            segment=segment(model.rfm, days - last, history.days, mean),
            why="first" if from_band == UNSCORED else why,
        )
        return (_row(changed, now), changed) if changed.band_changed else (changed,)

    def _forget(self, state: ScoreState, now: int, why: str) -> tuple[Output, ...]:
        """A member whose only purchases were taken away has no score."""
        from_band, state.band = state.band, UNSCORED
        state.rises_at, state.falls_before = None, 0
        if not state.held:
            state.market = ""
        if from_band == UNSCORED:
            return ()
        changed = ScoreChanged(
            member_id=state.member_id,
            p_alive=1.0,
            risk=0.0,
            band=UNSCORED,
            from_band=from_band,
            band_changed=True,
            expected_value=0,
            segment=UNSCORED,
            why=why,
        )
        return _row(changed, now), changed


def _held(part: int, event: Event, day: int) -> Held:
    payload = event.payload
    lines: tuple[Line, ...] = payload.lines if isinstance(payload, WITH_LINES) else ()
    return Held(
        part=part,
        at=event.occurred_at,
        day=day,
        amount=sum([line.amount for line in lines]),
        order=payload.order_id if isinstance(payload, WITH_ORDER) else None,
        whole=part == CANCELLATION and not lines,
    )


def _row(changed: ScoreChanged, at: int) -> ChurnScore:
    return ChurnScore(
        member_id=changed.member_id,
        at=at,
        p_alive=changed.p_alive,
        band=changed.band,
        from_band=changed.from_band,
        why=changed.why,
    )
