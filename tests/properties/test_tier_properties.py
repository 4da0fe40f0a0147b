"""Tiers in every window, mode and metric end like a slow keeper's who adds up every day anew."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple

from accrue_till import DAY, HOUR, Till, accrue, day, enrolled, line, message, return_, sale, terms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merged_tills import Tills
from slow_tiers import SlowTiers
from test_ledger_properties import Eager

from schemas.earn_rules import BaseRate
from schemas.events import Event
from schemas.ledger import TierChange
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue.tiers import next_review

METRICS = {"points": 1, "spend": 1, "visits": 10}
"""How many of its thresholds' units a threshold in points is divided by."""


@st.composite
def rules(draw: Any) -> Tiers:
    window = draw(st.sampled_from(["calendar_year", "anniversary", "rolling", "rolling"]))
    metric = draw(st.sampled_from(sorted(METRICS)))
    return Tiers(
        metric=metric,
        window=window,
        months=draw(st.sampled_from([1, 3, 12])) if window == "rolling" else 12,
        rollover="none" if window == "rolling" else draw(st.sampled_from(["none", "surplus"])),
        downgrade=Downgrade(
            mode=draw(st.sampled_from(["one_down", "to_qualified", "never"])),
            grace_days=draw(st.sampled_from([0, 0, 20, 45])),
        ),
        levels=tuple(
            TierLevel(tier=name, threshold=threshold // METRICS[metric])
            for name, threshold in (("basic", 0), ("silver", 30), ("gold", 60), ("onyx", 100))
        ),
    )


class Told(NamedTuple):
    event: Event
    known_at: int
    retract: bool


@st.composite
def histories(draw: Any) -> list[Told]:
    """Purchases of whole dollars with their returns over three years around 29 February 2016."""
    start = day(-500)
    told: list[Told] = []
    sales: list[Event] = []
    at = start
    for number in range(draw(st.integers(1, 14))):
        at += draw(st.sampled_from([HOUR, DAY, 10 * DAY, 28 * DAY, 90 * DAY, 200 * DAY]))
        at += draw(st.integers(0, 23)) * HOUR + 1
        delay = draw(st.sampled_from([0, 0, 0, HOUR, 3 * DAY, 17 * DAY]))
        kind = draw(st.sampled_from("sale sale sale return enrol".split()))
        if kind == "return" and sales:
            of = draw(st.sampled_from(sales)).payload
            one = return_(f"r{number}", at, of.transaction_id, [draw(st.sampled_from(of.lines))])
        elif kind == "enrol":
            if any(known.event.type == "enrolled" for known in told):
                continue
            one = enrolled(at)
        else:
            some = [
                line(str(place), 100 * draw(st.sampled_from([0, 5, 10, 35, 70, 130])))
                for place in range(draw(st.integers(1, 2)))
            ]
            one = sale(f"t{number}", at, some)
            sales.append(one)
        told.append(Told(one, at + delay, False))
        if one.type == "sale" and draw(st.integers(0, 7)) == 0:
            told.append(Told(one, min(at + 17 * DAY, at + delay + DAY), True))
    return sorted(told, key=lambda one: (one.known_at, one.event.event_id, one.retract))


def tiered(tiers: Tiers) -> Any:
    return terms(
        effective_from=datetime(2015, 1, 1, tzinfo=timezone.utc),
        earn=(BaseRate(rate=Decimal(1)),),
        pending_days=0,
        returns_days=400,
        expiry=Expiry(),
        tiers=tiers,
        rewards=(),
    )


def happenings(events: list[Event], metric: str) -> list[tuple[int, str, Any, Any]]:
    """What the slow keeper is told: purchases and returns in the units of the metric."""
    told: list[tuple[int, str, Any, Any]] = []
    left: dict[str, dict[str, int]] = {}
    for event in sorted(events, key=lambda one: (one.occurred_at, one.source, one.event_id)):
        payload: Any = event.payload
        if event.type == "enrolled":
            told.append((event.occurred_at, "enrol", "", 0))
            continue
        name = payload.transaction_id
        some = {one.line_id: one.amount // 100 for one in payload.lines}
        if event.type == "sale":
            left[name] = some
            spent = sum(some.values())
            told.append((event.occurred_at, "buy", name, in_units(metric, spent, spent > 0)))
        elif name in left and event.occurred_at - sold_at(events, name) <= 400 * DAY:
            before = sum(left[name].values())
            for line_id in some:
                left[name][line_id] = 0
            after = sum(left[name].values())
            gone = before > 0 and after == 0
            told.append((event.occurred_at, "back", name, in_units(metric, before - after, gone)))
    return told


def in_units(metric: str, spent: int, visit: bool) -> int:
    return int(visit) if metric == "visits" else spent


def sold_at(events: list[Event], name: str) -> int:
    return next(
        one.occurred_at
        for one in events
        if one.type == "sale" and one.payload.transaction_id == name  # type: ignore[union-attr]
    )


def units_of(till: Till, tiers: Tiers) -> int:
    """The qualifying amount in the units of the thresholds."""
    qualifying = till.state.current.qualifying
    return qualifying // 100 if tiers.metric == "spend" else qualifying


BOUNDED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@BOUNDED
@given(told=histories(), tiers=rules(), days_after=st.sampled_from([0, 40, 500, 900]))
def test_in_order_every_move_is_the_slow_keepers(
    told: list[Told], tiers: Tiers, days_after: int
) -> None:
    events = list({one.event.event_id: one.event for one in told}.values())
    events.sort(key=lambda one: (one.occurred_at, one.source, one.event_id))
    till = Till(accrue(tiered(tiers)), recode_state=True)
    till.play(*events)
    end = events[-1].occurred_at + days_after * DAY + 1
    till.until(end)
    slow = SlowTiers(tiers)
    slow.tell(happenings(events, tiers.metric), end)
    moves = [(one.from_tier, one.tier, one.at, one.reason) for one in till.of(TierChange)]
    assert moves == slow.moves
    assert till.tier == slow.names[slow.rank]
    counts = till.state.current.counted or till.state.current.period_end > end
    slow.now = end - 1
    assert units_of(till, tiers) == (slow.amount() if counts else 0)
    if tiers.window == "rolling":
        account = till.state.current
        assert account.qualifying == sum(account.counted.values())
        assert len(account.counted) <= 31 * tiers.months


@BOUNDED
@given(told=histories(), tiers=rules())
def test_any_order_within_the_horizon_ends_like_the_slow_keeper(
    told: list[Told], tiers: Tiers
) -> None:
    till = Till(accrue(tiered(tiers)), recode_state=True)
    standing: dict[str, Event] = {}
    for one in told:
        till.give(message(one.event, one.known_at, one.retract))
        standing.pop(one.event.event_id, None)
        if not one.retract:
            standing[one.event.event_id] = one.event
    end = told[-1].known_at + 1
    till.until(end)
    slow = SlowTiers(tiers)
    slow.tell(happenings(list(standing.values()), tiers.metric), end)
    assert till.tier == slow.names[slow.rank]
    slow.now = end - 1
    counts = till.state.current.counted or till.state.current.period_end > end
    assert units_of(till, tiers) == (slow.amount() if counts else 0)


@BOUNDED
@given(told=histories(), tiers=rules())
def test_base_and_horizon_are_invisible(told: list[Told], tiers: Tiers) -> None:
    lazy = Till(accrue(tiered(tiers)))
    eager = Till(Eager(lazy.operator.programmes))
    for one in told:
        again = message(one.event, one.known_at, one.retract)
        assert lazy.give(again).last == eager.give(again).last
    end = told[-1].known_at + 900 * DAY
    assert lazy.until(end).outputs == eager.until(end).outputs


@BOUNDED
@given(told=histories(), tiers=rules())
def test_the_next_review_comes_true(told: list[Told], tiers: Tiers) -> None:
    events = sorted({one.event.event_id: one.event for one in told}.values(), key=str)
    events.sort(key=lambda one: (one.occurred_at, one.source, one.event_id))
    till = Till(accrue(tiered(tiers)))
    till.play(*events)
    now = events[-1].occurred_at + 1
    till.until(now)
    plan = till.operator.programmes.named("grocer")
    said = next_review(till.state.current, plan.terms_at(now))
    tier, so_far = till.tier, len(till.tier_changes)
    till.until(now + 3000 * DAY)
    moves = till.of(TierChange)[so_far:]
    if said is None:
        assert not moves
    elif said.falls_to == tier:
        assert not [one for one in moves if one.at <= said.at]
    else:
        assert said.at > now
        assert (moves[0].tier, moves[0].from_tier) == (said.falls_to, tier)
        assert moves[0].at in (said.lapses_at, said.lapses_at - 1)


@BOUNDED
@given(told=histories(), tiers=rules(), seed=st.integers(0, 2**14))
def test_what_two_members_count_is_added_up(told: list[Told], tiers: Tiers, seed: int) -> None:
    """Purchases shared out among two members who become one count like one member's."""
    rules = tiered(tiers)
    events = list({one.event.event_id: one.event for one in told}.values())
    events.sort(key=lambda one: (one.occurred_at, one.source, one.event_id))
    names = [f"m-{seed >> place & 1}" for place in range(len(events))]
    owner = {
        one.payload.transaction_id: name  # type: ignore[union-attr]
        for one, name in zip(events, names, strict=True)
        if one.type == "sale"
    }
    tills, together = Tills(accrue(rules)), Till(accrue(rules))
    for one, name in zip(events, names, strict=True):
        of = owner.get(getattr(one.payload, "transaction_id", None), name)
        tills.give(one, of, one.occurred_at)
        together.play(one)
    merged_at = events[-1].occurred_at + HOUR
    tills.merge("m-0", "m-1", merged_at)
    tills.deliver_all(merged_at + HOUR)
    together.until(merged_at + HOUR)
    account, one = tills.till("m-1").state.current, together.state.current
    if tiers.window == "rolling":
        assert account.counted == one.counted
        assert account.qualifying == one.qualifying
        leaves = "tier:window"
        assert account.timetable.get(leaves) == one.timetable.get(leaves)
    elif tiers.window == "calendar_year" and tiers.rollover == "none":
        now = merged_at + HOUR
        sums = [each.qualifying if now < each.period_end else 0 for each in (account, one)]
        assert sums[0] == sums[1]
    else:
        assert account.enrolled_at == one.enrolled_at
        assert account.counts_from == one.counts_from
