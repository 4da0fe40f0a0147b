"""The ledger holds, whatever happens, and in whatever order it becomes known.

Two properties: conservation after every step, and that any arrival order within the horizon ends
like a slow and obvious account that is told everything in order.
"""

from collections import Counter
from typing import Any, NamedTuple

from accrue_till import (
    DAY,
    HOUR,
    MINUTE,
    Till,
    accrue,
    adjust,
    day,
    line,
    message,
    order,
    redeem,
    return_,
    sale,
    settle,
    terms,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_account import PlainAccount

from schemas.events import Event
from schemas.flow import AccountChanged, Message
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue import Accrue
from transforms.accrue.horizon import advance_base

AFTERWARDS = st.sampled_from([MINUTE, 14 * MINUTE, 16 * MINUTE, HOUR, DAY, 47 * HOUR, 49 * HOUR])
"""From asking for points to using them; holds last two days, or 15 minutes for a reward."""
SKUS = ["apple", "bread", "cheese"]


def small_terms(policy: str) -> Any:
    """Terms whose tiers, expiries and pending periods all come up within weeks."""
    return terms(
        pending_days=3,
        returns_days=40,
        expiry=Expiry(mode="fixed", months=1, round_up="month"),
        negative_balance=policy,
        hold_minutes=2 * DAY // MINUTE,
        tiers=Tiers(
            downgrade=Downgrade(mode="one_down", grace_days=5),
            levels=(
                TierLevel(tier="basic", threshold=0),
                TierLevel(tier="silver", threshold=30),
                TierLevel(tier="gold", threshold=80),
            ),
        ),
    )


class Told(NamedTuple):
    """An event, when it becomes known, and whether it is taken back then."""

    event: Event
    known_at: int
    retract: bool

    def __repr__(self) -> str:
        start = day(-80)
        payload = self.event.payload
        said = " ".join(
            f"{name}={getattr(payload, name)}"
            for name in payload.__struct_fields__
            if getattr(payload, name) not in (None, (), "USD", "")
        )
        sign = "-" if self.retract else "+"
        return (
            f"\n{sign}{self.event.event_id} at {(self.event.occurred_at - start) / DAY:.4f} "
            f"known {(self.known_at - start) / DAY:.4f} {said}"
        )


@st.composite
def histories(draw: Any) -> list[Told]:
    """Events of one member over two months around New Year, when they become known, retracted."""
    start = day(-80)  # 11 December 2016
    count = draw(st.integers(2, 14))
    told: list[Told] = []
    sales: list[Event] = []
    asked: dict[str, int] = {}
    if draw(st.booleans()):
        gift = adjust("gift", start - HOUR, draw(st.sampled_from([30, 120, 400])))
        told.append(Told(gift, gift.occurred_at, False))
    for number in range(count):
        at = start + draw(st.integers(0, 60 * 24 * 4)) * 15 * MINUTE + number
        delay = draw(st.sampled_from([0, 0, 0, 4000, HOUR, 2 * DAY, 9 * DAY, 17 * DAY]))
        kind = draw(
            st.sampled_from(
                "sale sale sale return return redeem redeem settle settle adjust order".split()
            )
        )
        if kind in ("sale", "order"):
            some = [
                line(
                    str(place),
                    draw(st.integers(0, 4000)),
                    draw(st.sampled_from(SKUS)),
                    draw(st.integers(1, 3)),
                    draw(st.sampled_from(["FOOD", "FOOD", "FOOD", "GIFT CARDS"])),
                )
                for place in range(draw(st.integers(1, 4)))
            ]
            named = draw(st.sampled_from(sorted(asked))) if asked and draw(st.booleans()) else None
            if named is not None:
                at = asked[named] + draw(AFTERWARDS) + number
                delay = draw(st.sampled_from([0, 4000, 10 * MINUTE]))
            if kind == "sale":
                one = sale(f"t{number}", at, some, redemptions=(named,) if named else ())
            else:
                one = order(f"o{number}", at, some)
            sales.append(one)
        elif kind == "return":
            if sales and draw(st.booleans()):
                of = draw(st.sampled_from(sales)).payload
                name = getattr(of, "transaction_id", None) or of.order_id
                some = draw(st.lists(st.sampled_from(of.lines), min_size=1, max_size=2))
                some = [
                    line(
                        one.line_id,
                        draw(st.integers(0, one.amount)),
                        one.sku,
                        draw(st.integers(1, one.quantity)),
                    )
                    for one in some
                ]
            else:
                name = draw(st.sampled_from([None, f"t{draw(st.integers(0, count))}"]))
                some = [line("9", draw(st.integers(0, 3000)), draw(st.sampled_from(SKUS)))]
            one = return_(f"r{number}", at, name, some)
        elif kind == "redeem":
            delay = 0
            name = draw(st.sampled_from([f"d{number}", *asked]))
            asked.setdefault(name, at)
            wanted = draw(st.sampled_from([5, 20, 20, 60, "lounge"]))
            one = redeem(name, at, wanted, hold=draw(st.booleans()), event_id=f"c{number}")
        elif kind == "settle":
            delay = 0
            name = draw(st.sampled_from([*asked, "nobody"]))
            if name in asked:  # soon afterwards, or it is always too late
                at = asked[name] + draw(AFTERWARDS) + number
            one = settle(draw(st.sampled_from(["capture", "release"])), name, at, f"c{number}")
        else:
            delay = 0
            one = adjust(f"a{number}", at, draw(st.sampled_from([-40, -5, 10, 50])))
        told.append(Told(one, at + delay, False))
        if kind in ("sale", "return") and draw(st.integers(0, 5)) == 0:
            gone = at + delay + draw(st.integers(0, 40)) * HOUR
            if gone - at <= 17 * DAY:
                told.append(Told(one, gone, True))
                if draw(st.booleans()) and gone + HOUR - at <= 17 * DAY:
                    told.append(Told(one, gone + HOUR, False))
    return told


def in_order(told: list[Told]) -> list[Message]:
    messages = [message(event, known_at, retract) for event, known_at, retract in told]
    return sorted(messages, key=lambda one: one.order)


def check_books(till: Till) -> None:
    """What must be true after every step."""
    account = till.state.current
    sums = till.balances()
    assert sum(sums.values()) == 0
    assert {name: points for name, points in account.balances.items() if points} == {
        name: points for name, points in sums.items() if points
    }
    left = sum(lot.remaining for lot in account.lots.values())
    assert left - account.debt == sums["available"] + sums["pending"] + sums["held"]
    assert account.debt >= 0 and account.unbacked >= 0
    free = 0
    for lot_id, lot in account.lots.items():
        assert 0 <= lot.held <= lot.remaining <= lot.points
        if lot_id not in account.pending:
            free += lot.free
    assert not (free and (account.debt or account.unbacked))
    assert free - account.debt - account.unbacked == sums["available"]
    expiring: Counter[int] = Counter()
    for lot in account.lots.values():
        if lot.expires_at is not None and lot.free:
            expiring[lot.expires_at] += lot.free
    assert dict(expiring) == account.expiring
    allocated: Counter[str] = Counter()
    for redemption in account.redemptions.values():
        allocated.update(redemption.allocation)
    assert allocated.pop("", 0) == account.unbacked
    assert allocated == {key: lot.held for key, lot in account.lots.items() if lot.held}
    for receipt in account.receipts.values():
        assert sum(receipt.reversed) <= sum(receipt.earned)
    warehouse = till.lots()
    for lot_id, lot in account.lots.items():
        assert (warehouse[lot_id].points, warehouse[lot_id].remaining) == (
            lot.points,
            lot.remaining,
        )
    for lot_id, row in warehouse.items():
        assert lot_id in account.lots or row.remaining == 0
    if till.changes:
        told = till.changes[-1]
        assert (told.available, told.pending, told.held) == (
            sums["available"],
            sums["pending"],
            sums["held"],
        )
        assert told.tier == till.tier and told.qualifying == account.qualifying


def check_entries(till: Till) -> None:
    """Ids are used once, corrections name what they correct and never exceed it."""
    ids = Counter(one.entry_id for one in till.entries)
    assert not [one for one, times in ids.items() if times > 1]
    left = {one.entry_id: one.points for one in till.entries if one.kind != "correct"}
    sides = {one.entry_id: (one.debit, one.credit) for one in till.entries}
    for one in till.entries:
        assert one.points > 0
        if one.kind == "correct":
            assert one.corrects is not None and one.because_of is not None
            left[one.corrects] -= one.points
            assert sides[one.corrects] == (one.credit, one.debit)
    assert all(points >= 0 for points in left.values())
    for lot in till.lots().values():
        assert lot.entry_id in sides


BOUNDED = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@BOUNDED
@given(told=histories(), policy=st.sampled_from(["negative", "floor_zero", "refuse"]))
def test_conservation(told: list[Told], policy: str) -> None:
    till = Till(accrue(small_terms(policy), horizon_days=17), recode_state=True)
    for one in in_order(told):
        posted = len(till.outputs)
        till.give(one)
        causes = [out for out in till.outputs[posted:] if isinstance(out, AccountChanged)]
        assert len({(out.cause, out.event_id) for out in causes}) <= len(causes)
        assert len([out for out in till.last if isinstance(out, AccountChanged)]) <= 1
        check_books(till)
        before = len(till.outputs)
        till.give(one)  # the same again
        assert not till.outputs[before:]
    check_entries(till)
    till.until(day(1500))
    check_books(till)
    check_entries(till)
    assert till.operator.next_timer(till.state) is None
    assert till.balances()["pending"] == till.balances()["held"] == 0


def end_of(till: Till) -> dict[str, Any]:
    account = till.state.current
    return {
        "balances": {name: points for name, points in account.balances.items() if points},
        "lots": {
            key: (lot.earned_at, lot.expires_at, lot.remaining, lot.held)
            for key, lot in account.lots.items()
            if lot.remaining
        },
        "debt": account.debt,
        "tier": till.tier,
        "qualifying": account.qualifying,
    }


def lived(
    till: Till, messages: list[Message]
) -> tuple[list[Event], dict[str, Event], dict[str, int], dict[tuple[str, str, str], str], int]:
    """Give a till all of it. What an oracle is told then: the events that stand in the end, all
    events, when each became known, the answers to redemptions, and until when."""
    standing: dict[str, Event] = {}
    events: dict[str, Event] = {}
    known: dict[str, int] = {}
    for one in messages:
        till.give(one)
        event = events[one.body.event.event_id] = one.body.event
        if one.body.retract:
            standing.pop(event.event_id, None)
        else:
            standing.setdefault(event.event_id, event)
            known.setdefault(event.event_id, one.known_at)
    end = max(one.known_at for one in messages) + 1
    till.until(end)
    answers = {
        (row.source, row.event_id, row.redemption_id): row.code
        for row in till.outputs
        if type(row).__name__ == "RedemptionAnswer" and row.source is not None
    }
    return list(standing.values()), events, known, answers, end


@BOUNDED
@given(
    told=histories(),
    policy=st.sampled_from(["negative", "floor_zero", "refuse"]),
    horizon_days=st.sampled_from([17, 17, 60]),
)
def test_any_order_within_the_horizon_ends_like_perfect_order(
    told: list[Told], policy: str, horizon_days: int
) -> None:
    rules = small_terms(policy)
    till = Till(accrue(rules, horizon_days=horizon_days))
    plain = PlainAccount(rules, "m-1")
    plain.tell(*lived(till, in_order(told)))
    assert plain.end() == end_of(till)


@BOUNDED
@given(told=histories(), seed=st.randoms(use_true_random=False))
def test_base_and_horizon_are_invisible(told: list[Told], seed: Any) -> None:
    """Moving the base at every chance, or never, posts the same entries."""
    rules = small_terms("negative")
    lazy = Till(accrue(rules, horizon_days=17))
    eager = Till(Eager(lazy.operator.programmes, horizon_days=17))
    for one in in_order(told):
        assert lazy.give(one).last == eager.give(one).last
    end = day(60)
    lazy.until(end)
    eager.until(end)
    assert lazy.entries == eager.entries
    assert end_of(lazy) == end_of(eager)


class Eager(Accrue):
    """Moves the base on at every event."""

    def _bound(self, state: Any, plan: Any, known_at: int) -> None:
        if known_at - self.horizon_ms > state.base_to:
            advance_base(state, plan, known_at - self.horizon_ms)
