"""accrue, told one history at a time."""

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from accrue_till import (
    DAY,
    HOUR,
    MINUTE,
    START,
    Till,
    accrue,
    adjust,
    cancel,
    day,
    enrolled,
    event,
    line,
    message,
    order,
    redeem,
    return_,
    sale,
    settle,
    terms,
    viewed,
)

from schemas.earn_rules import BaseRate
from schemas.flow import AccountChanged
from schemas.ledger import LedgerEntry, RedemptionAnswer, RedemptionCode
from schemas.payloads import Adjust
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue.book import MOVEMENTS
from transforms.accrue.state import AccrueState


def of(till: Till, **wanted: Any) -> list[LedgerEntry]:
    return [
        one
        for one in till.entries
        if all(getattr(one, name) == value for name, value in wanted.items())
    ]


def points(till: Till, *names: str) -> tuple[int, ...]:
    sums = till.balances()
    return tuple(sums[name] for name in names)


# Earning


def test_a_sale_earns_once_a_receipt_and_shares_among_its_lines() -> None:
    till = Till().play(
        sale("t", day(0), [line("a", 199), line("b", 199), line("c", 602), line("d", 9)])
    )
    assert [(one.line_id, one.points) for one in till.entries] == [("a", 2), ("b", 2), ("c", 6)]
    assert {(one.debit, one.credit, one.kind, one.rule) for one in till.entries} == {
        ("issued", "pending", "earn", "base")
    }
    (lot,) = till.lots().values()
    assert (lot.points, lot.remaining, lot.available_at) == (10, 10, day(3))
    assert lot.entry_id == till.entries[0].entry_id
    assert {one.lot_id for one in till.entries} == {lot.lot_id}


def test_points_become_available_after_the_pending_period() -> None:
    till = Till().play(sale("t", day(0), 1000)).until(day(3))
    assert points(till, "pending", "available") == (10, 0)
    till.until(day(3) + 1)
    assert points(till, "pending", "available") == (0, 10)
    assert [(one.kind, one.points) for one in till.entries][1:] == [("activate", 10)]
    assert till.changes[-1].cause == "activate"


def test_without_pending_period_points_are_available_at_once() -> None:
    till = Till(accrue(terms(pending_days=0))).play(sale("t", day(0), 1000))
    assert points(till, "pending", "available") == (0, 10)


def test_tier_rate_is_an_entry_of_its_own() -> None:
    till = Till().play(sale("t", day(0), 100_000), sale("u", day(1), [line("1", 1050)]))
    assert till.tier_changes == [("basic", "silver", "qualified")]
    assert [(one.rule, one.points) for one in of(till, event_id="e-u")] == [
        ("base", 10),
        ("tier_rate", 3),
    ]
    assert till.changes[-1].earned == 13
    assert till.changes[-1].reference == "u"
    assert till.changes[-1].next_tier == "gold"
    assert till.changes[-1].to_next_tier == 3000 - 1013


def test_excluded_lines_earn_nothing() -> None:
    till = Till().play(sale("t", day(0), [line("1", 550), line("2", 5000, category="GIFT CARDS")]))
    assert [(one.line_id, one.points) for one in till.entries] == [("1", 5)]


def test_less_than_a_point_posts_nothing() -> None:
    till = Till().play(sale("t", day(0), 99))
    assert not till.entries and not till.lots()


def test_a_line_id_that_stands_twice_is_told_apart() -> None:
    till = Till().play(sale("t", day(0), [line("1", 500), line("1", 500)]))
    assert sorted(one.points for one in till.entries) == [5, 5]
    assert len({one.entry_id for one in till.entries}) == 2


def test_another_currency_or_before_the_programme_earns_nothing() -> None:
    foreign = sale("t", day(0), 1000)
    foreign = msgspec.structs.replace(
        foreign, payload=msgspec.structs.replace(foreign.payload, currency="EUR")
    )
    ancient = sale("u", day(-800), 1000)
    till = Till(accrue(horizon_days=2000)).play(ancient, foreign)
    assert not till.entries


def test_terms_are_those_of_when_it_occurred() -> None:
    doubled = terms(
        version=2,
        effective_from=datetime(2017, 3, 3, tzinfo=timezone.utc),
        earn=(BaseRate(rate=Decimal(2)),),
    )
    till = Till(accrue(terms(), doubled)).play(sale("t", day(0), 1000), sale("u", day(2), 1000))
    till.late(sale("v", day(1), 1000), day(4))
    assert [(one.points, one.programme_version) for one in of(till, kind="earn")] == [
        (10, "grocer@1"),
        (20, "grocer@2"),
        (10, "grocer@1"),
    ]


def test_an_order_earns_once_whatever_comes_first() -> None:
    completing = sale("t", day(1), 1000, order_id="o")
    for first, second in (
        (order("o", day(0), 1000), completing),
        (completing, order("o", day(2), 1000, "order_collected")),
        (order("o", day(0), 1000), order("o", day(2), 1000, "order_delivered")),
    ):
        till = Till().play(first, second)
        assert [one.event_id for one in of(till, kind="earn")] == [first.event_id]


def test_the_same_event_again_is_a_no_op() -> None:
    for one in (
        sale("t", day(1), 1000),
        adjust("a", day(1), 10),
        return_("r", day(1), None, [line("1", 100)]),
        redeem("d", day(1), 5),
        enrolled(day(1)),
    ):
        till = Till().play(adjust("b", day(0), 50), one)
        before = msgspec.msgpack.encode(till.state)
        assert not till.late(one, day(2)).last
        assert msgspec.msgpack.encode(till.state) == before


# Being seen


def test_first_sight_and_enrolment_are_reported_and_nothing_else_is() -> None:
    till = Till().play(viewed(day(0)))
    assert [(one.cause, one.available, one.tier) for one in till.changes] == [
        ("page_viewed", 0, "basic")
    ]
    assert not till.operator.is_idle(till.state)
    till.play(viewed(day(1)))
    assert len(till.changes) == 1 and till.last == []
    till.play(enrolled(day(2)))
    assert till.changes[-1].enrolled_at == day(2)
    till.late(msgspec.structs.replace(enrolled(day(1)), event_id="other"), day(3))
    assert till.changes[-1].enrolled_at == day(1)


def test_a_market_without_programme_is_left_alone() -> None:
    till = Till()
    one = msgspec.structs.replace(sale("t", day(0), 1000), market="mars")
    till.play(one)
    assert not till.outputs and till.operator.is_idle(till.state)
    till.play(sale("u", day(0), 1000))
    till.play(msgspec.structs.replace(sale("v", day(0), 1000), market="mars"))
    assert len(till.changes) == 1


# Returns


@pytest.mark.parametrize(
    ("returned", "reversed_points", "kept"),
    [
        ([line("1", 525, quantity=1)], 6, "half of it: earned(5.25) is 5"),
        ([line("1", 1050, quantity=2)], 11, "all of it"),
        ([line("1", 0, quantity=1)], 6, "no amount: the quantity's part"),
        ([line("1", 0, quantity=2)], 11, "no amount, all units"),
        ([line("1", 100, quantity=2)], 11, "all units back: nothing is kept"),
        ([line("1", 9999, quantity=1)], 11, "more than was paid"),
        ([line("1", 50, quantity=0)], 1, "a price correction: earned(10.53) is 10"),
        ([line("1", 1, quantity=0)], 0, "a cent"),
        ([line("2", 53, sku="gum")], 1, "the other line: earned(10.50) is 10"),
        ([line("", 525, sku="sku-1")], 6, "known by its product"),
        ([line("7", 525, sku="unknown")], 0, "not on the receipt"),
    ],
)
def test_returns(returned: list[Any], reversed_points: int, kept: str) -> None:
    bought = sale("t", day(0), [line("1", 1050, quantity=2), line("2", 53, sku="gum")])
    for at in (1, 5):
        till = Till().play(bought, return_("r", day(at), "t", returned))
        assert till.balances()["reversed"] == reversed_points, kept
        assert points(till, "pending", "available") == (
            (11 - reversed_points, 0) if at == 1 else (0, 11 - reversed_points)
        )
        assert till.changes[-1].earned == (-reversed_points or till.changes[-1].earned)


def test_reversal_is_cumulative_and_never_exceeds_what_was_earned() -> None:
    till = Till().play(sale("t", day(0), [line("1", 1000, quantity=10)]))
    for number in range(12):
        till.play(return_(f"r{number}", day(1 + number / 24), "t", [line("1", 99, quantity=1)]))
        kept = 1000 - 99 * min(number + 1, 9) if number < 9 else 0
        assert till.balances()["pending"] == kept // 100
    assert till.balances()["reversed"] == 10


def test_a_return_is_rated_with_the_tier_recorded_on_its_receipt() -> None:
    till = Till().play(
        sale("t", day(0), [line("1", 800), line("2", 800)]),
        sale("u", day(1), 100_000),
        sale("v", day(2), [line("1", 800), line("2", 800)]),
        return_("r", day(3.5), "t", [line("1", 800)]),
        return_("s", day(3.5), "v", [line("1", 800)]),
    )
    assert [(one.rule, one.points) for one in of(till, kind="reverse")] == [
        ("base", 8),
        ("base", 8),
        ("tier_rate", 2),
    ]


def test_nothing_is_earned_by_returning() -> None:
    """At 1.25 a dollar, 3.00 earns 3 + 0 and 2.80 earns 2 + 1: the parts move, the sum doesn't."""
    till = Till().play(sale("t", day(0), 100_000), sale("u", day(1), [line("1", 300, quantity=30)]))
    assert sum(one.points for one in of(till, event_id="e-u")) == 3
    till.play(return_("r", day(2), "u", [line("1", 20, quantity=2)]))
    assert not of(till, kind="reverse")
    till.play(return_("s", day(2.1), "u", [line("1", 280, quantity=28)]))
    assert sum(one.points for one in of(till, kind="reverse")) == 3


def test_a_return_before_its_sale_waits_for_it() -> None:
    back = return_("r", day(0), "t", [line("1", 400)])
    till = Till().play(back)
    assert not till.entries
    till.play(sale("t", day(1), [line("1", 400), line("2", 600)]))
    assert till.balances()["pending"] == 6
    assert [one.event_id for one in of(till, kind="reverse")] == ["e-r"]


def test_a_return_waits_only_as_long_as_returns_are_accepted() -> None:
    back = return_("r", day(0), "t", [line("1", 400)])
    till = Till().play(back, sale("t", day(91), 400))
    assert till.balances()["reversed"] == 0
    till = Till().play(sale("t", day(0), 400), return_("r", day(91), "t", [line("1", 400)]))
    assert till.balances()["reversed"] == 0


def test_a_return_without_receipt_takes_the_latest_unreturned_lines() -> None:
    milk = line("1", 400, sku="milk", quantity=2)
    till = Till().play(sale("t", day(0), [milk]), sale("u", day(1), [milk]))
    till.play(return_("r", day(2), None, [line("x", 600, sku="milk", quantity=3)]))
    assert [(one.points, one.lot_id) for one in of(till, kind="reverse")] == [
        (4, of(till, event_id="e-u")[0].lot_id),
        (2, of(till, event_id="e-t")[0].lot_id),
    ]
    till.play(return_("s", day(3), None, [line("x", 400, sku="milk", quantity=2)]))
    assert till.balances()["reversed"] == 8
    till.play(sale("v", day(4), [line("1", 300, sku="milk", quantity=1)]))
    assert till.balances()["reversed"] == 8 + 3, "one unit was still waiting"


def test_a_cancelled_order_is_reversed_in_whole_or_by_line() -> None:
    bought = order("o", day(0), [line("1", 300), line("2", 700)])
    assert Till().play(bought, cancel("o", day(1))).balances()["reversed"] == 10
    assert Till().play(bought, cancel("o", day(1), [line("1", 300)])).balances()["reversed"] == 3


def test_an_order_is_returned_by_the_name_of_its_sale_too() -> None:
    till = Till().play(order("o", day(0), 1000), sale("t", day(1), 1000, order_id="o"))
    till.play(return_("r", day(2), "t", [line("1", 1000)]))
    assert till.balances()["reversed"] == 10


@pytest.mark.parametrize(
    ("policy", "after_return", "after_next"),
    [("negative", -300, -200), ("floor_zero", 0, 100), ("refuse", 200, 300)],
)
def test_points_that_were_spent_already(policy: str, after_return: int, after_next: int) -> None:
    till = Till(accrue(terms(negative_balance=policy))).play(
        sale("t", day(0), 50_000),
        sale("u", day(0.1), 20_000),
        redeem("d", day(4), "five_off"),
        return_("r", day(5), "t", [line("1", 50_000)]),
    )
    assert till.available == after_return
    till.play(sale("v", day(6), 10_000)).until(day(10))
    assert till.available == after_next
    if policy == "negative":
        assert till.lots()[of(till, event_id="e-v")[0].lot_id].remaining == 0


def test_expired_points_are_not_taken_twice() -> None:
    till = Till(accrue(terms(expiry=Expiry(mode="fixed", months=1)))).play(
        sale("t", day(0), 1000), redeem("d", day(10), 4)
    )
    till.until(day(50))
    assert points(till, "expired", "redeemed", "available") == (6, 4, 0)
    till.play(return_("r", day(60), "t", [line("1", 1000)]))
    assert points(till, "expired", "reversed", "available") == (0, 10, -4)


# Expiry


@pytest.mark.parametrize(
    ("earned", "months", "round_up", "expires"),
    [
        ("2017-01-31T12:00-05:00", 1, "day", "2017-03-01T00:00-05:00"),
        ("2017-01-25T12:00-05:00", 1, "day", "2017-02-26T00:00-05:00"),
        ("2017-01-25T12:00-05:00", 1, "month", "2017-03-01T00:00-05:00"),
        ("2017-02-28T23:59-05:00", 12, "month", "2018-03-01T00:00-05:00"),
        ("2017-03-01T03:00+00:00", 6, "month", "2017-09-01T00:00-04:00"),  # still February there
        ("2016-02-29T12:00-05:00", 12, "day", "2017-03-01T00:00-05:00"),
        ("2016-12-05T12:00-05:00", 3, "day", "2017-03-06T00:00-05:00"),
        ("2016-12-12T12:00-05:00", 3, "day", "2017-03-13T00:00-04:00"),  # the clocks went forward
    ],
)
def test_months_end_as_the_calendar_says(
    earned: str, months: int, round_up: Any, expires: str
) -> None:
    def instant(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp() * 1000)

    rules = terms(expiry=Expiry(mode="fixed", months=months, round_up=round_up))
    till = Till(accrue(rules)).play(sale("t", instant(earned), 1000))
    (lot,) = till.lots().values()
    assert lot.expires_at == instant(expires)
    till.until(instant(expires))
    assert till.balances()["expired"] == 0
    till.until(instant(expires) + 1)
    assert till.balances()["expired"] == 10
    assert till.changes[-1].cause == "expire"


def test_points_may_never_expire() -> None:
    till = Till(accrue(terms(expiry=Expiry(), tiers=None))).play(sale("t", day(0), 1000))
    till.until(day(4))
    assert till.operator.next_timer(till.state) is None
    assert till.changes[-1].tier == "" and till.changes[-1].next_expiry_at is None


def test_lots_are_spent_in_the_order_of_their_expiry() -> None:
    rules = terms(expiry=Expiry(mode="fixed", months=1))
    till = Till(accrue(rules)).play(
        sale("t", day(0), 1000), sale("u", day(1), 1000), adjust("a", day(2), 10)
    )
    assert till.changes[-1].next_expiry_points == 10
    till.play(redeem("d", day(5), 15))
    assert [(one.lot_id, one.points) for one in of(till, kind="redeem")] == [
        (of(till, event_id="e-t")[0].lot_id, 10),
        (of(till, event_id="e-u")[0].lot_id, 5),
    ]


def test_what_expires_first_is_spent_first_and_what_never_expires_last() -> None:
    def version(number: int, at: int, expiry: Expiry) -> Any:
        since = datetime.fromtimestamp(day(at) / 1000, timezone.utc)
        return terms(version=number, effective_from=since, expiry=expiry, pending_days=0)

    till = Till(
        accrue(
            version(1, -1, Expiry()),
            version(2, 1, Expiry(mode="fixed", months=6)),
            version(3, 2, Expiry(mode="fixed", months=1)),
        )
    ).play(sale("t", day(0), 1000), sale("u", day(1), 1000), sale("v", day(2), 1000))
    till.play(redeem("d", day(5), 25))
    lot_of = {one.lot_id: one.event_id for one in of(till, kind="earn")}
    assert [(lot_of[one.lot_id], one.points) for one in of(till, kind="redeem")] == [
        ("e-v", 10),
        ("e-u", 10),
        ("e-t", 5),
    ]


# Redemptions


def rich() -> Till:
    return Till().play(adjust("rich", day(0), 1000))


REDEMPTIONS: list[tuple[str, list[Any], list[tuple[str, str, str]], tuple[int, int, int]]] = [
    (
        "a reward, taken at once",
        [redeem("d", day(1), "five_off")],
        [("redeem", "d", "ok")],
        (500, 0, 500),
    ),
    (
        "held, captured",
        [redeem("d", day(1), "five_off", hold=True), settle("capture", "d", day(1) + MINUTE)],
        [("redeem", "d", "ok"), ("capture", "d", "ok")],
        (500, 0, 500),
    ),
    (
        "held, released, released again",
        [
            redeem("d", day(1), 70, hold=True),
            settle("release", "d", day(1) + MINUTE),
            settle("release", "d", day(1) + 2 * MINUTE, "again"),
        ],
        [("redeem", "d", "ok"), ("release", "d", "ok"), ("release", "d", "exists")],
        (1000, 0, 0),
    ),
    (
        "held, timed out, too late",
        [
            redeem("d", day(1), 70, hold=True),
            settle("capture", "d", day(1) + 16 * MINUTE),
            settle("release", "d", day(1) + 17 * MINUTE),
        ],
        [
            ("redeem", "d", "ok"),
            ("time_out", "d", "hold_expired"),
            ("capture", "d", "hold_expired"),
            ("release", "d", "hold_expired"),
        ],
        (1000, 0, 0),
    ),
    (
        "captured at the very instant of the time-out",
        [redeem("d", day(1), 70, hold=True), settle("capture", "d", day(1) + 15 * MINUTE)],
        [("redeem", "d", "ok"), ("capture", "d", "ok")],
        (930, 0, 70),
    ),
    (
        "captured twice, then released",
        [
            redeem("d", day(1), 70, hold=True),
            settle("capture", "d", day(1) + MINUTE),
            settle("capture", "d", day(1) + 2 * MINUTE, "again"),
            settle("release", "d", day(1) + 3 * MINUTE),
        ],
        [
            ("redeem", "d", "ok"),
            ("capture", "d", "ok"),
            ("capture", "d", "already_captured"),
            ("release", "d", "already_captured"),
        ],
        (930, 0, 70),
    ),
    (
        "nothing to capture or release",
        [settle("capture", "d", day(1)), settle("release", "d", day(1), "other")],
        [("capture", "d", "hold_not_found"), ("release", "d", "hold_not_found")],
        (1000, 0, 0),
    ),
    (
        "the same wish again, and another under its name",
        [
            redeem("d", day(1), 70),
            redeem("d", day(2), 70, event_id="again"),
            redeem("d", day(2), 80, event_id="other points"),
            redeem("d", day(2), "five_off", event_id="other reward"),
        ],
        [
            ("redeem", "d", "ok"),
            ("redeem", "d", "exists"),
            ("redeem", "d", "exists_with_different_points"),
            ("redeem", "d", "exists_with_different_points"),
        ],
        (930, 0, 70),
    ),
    (
        "refusals, each before those that follow it",
        [
            redeem("a", day(1), "nothing_like_it"),
            redeem("b", day(1), 0),
            redeem("c", day(1), "lounge"),
            redeem("d", day(1), 1001),
            redeem("d", day(1), 1001, event_id="again"),
            settle("capture", "d", day(1)),
        ],
        [
            ("redeem", "a", "unknown_reward"),
            ("redeem", "b", "unknown_reward"),
            ("redeem", "c", "tier_too_low"),
            ("redeem", "d", "insufficient_points"),
            ("redeem", "d", "exists"),
            ("capture", "d", "hold_not_found"),
        ],
        (1000, 0, 0),
    ),
    (
        "a sale that names it captures its hold",
        [
            redeem("d", day(1), 70, hold=True),
            sale("t", day(1) + MINUTE, 99, redemptions=("d",)),
            sale("u", day(1) + 2 * MINUTE, 99, redemptions=("d",)),
        ],
        [("redeem", "d", "ok"), ("sale", "d", "ok"), ("sale", "d", "already_captured")],
        (930, 0, 70),
    ),
    (
        "a sale that names one without a hold doesn't spend it again",
        [redeem("d", day(1), 70), sale("t", day(1) + MINUTE, 99, redemptions=("d", "e"))],
        [("redeem", "d", "ok"), ("sale", "d", "exists"), ("sale", "e", "hold_not_found")],
        (930, 0, 70),
    ),
]


@pytest.mark.parametrize(
    ("events", "answers", "balance"),
    [row[1:] for row in REDEMPTIONS],
    ids=[row[0] for row in REDEMPTIONS],
)
def test_redemptions(events: list[Any], answers: list[Any], balance: tuple[int, int, int]) -> None:
    till = rich().play(*events)
    assert till.answers == answers
    assert points(till, "available", "held", "redeemed") == balance


def test_every_code_is_answered_somewhere_above() -> None:
    given = {code for _, _, answers, _ in REDEMPTIONS for _, _, code in answers}
    assert given == set(get_args(RedemptionCode))


def test_redemption_rows_say_where_each_stands() -> None:
    till = rich().play(
        redeem("a", day(1), 10),
        redeem("b", day(1), 10, hold=True),
        redeem("c", day(1), 10, hold=True),
        redeem("d", day(1), 5000),
        settle("release", "b", day(1) + MINUTE),
        redeem("a", day(1) + MINUTE, 10, event_id="again"),
    )
    assert till.redemptions == {
        "a": ("captured", "ok"),
        "b": ("released", "ok"),
        "c": ("held", "ok"),
        "d": ("refused", "insufficient_points"),
    }
    till.until(day(2))
    assert till.redemptions["c"] == ("released", "hold_expired")
    assert till.changes[-1].cause == "hold_expired"


def test_pending_and_held_points_cannot_be_spent() -> None:
    till = Till().play(sale("t", day(0), 10_000), redeem("a", day(1), 1), adjust("x", day(1), 10))
    till.play(redeem("b", day(1), 6, hold=True), redeem("c", day(1) + MINUTE, 6))
    assert [code for _, _, code in till.answers] == [
        "insufficient_points",
        "ok",
        "insufficient_points",
    ]


def test_a_hold_released_after_its_lot_expired_expires() -> None:
    rules = terms(pending_days=0, expiry=Expiry(mode="fixed", months=1), hold_minutes=60 * 24 * 60)
    till = Till(accrue(rules)).play(sale("t", day(0), 1000), redeem("d", day(1), 4, hold=True))
    till.until(day(40))
    assert points(till, "held", "expired", "available") == (4, 6, 0)
    till.play(settle("release", "d", day(41)))
    assert points(till, "held", "expired", "available") == (0, 10, 0)
    assert [(one.points, one.occurred_at) for one in of(till, kind="expire")][1] == (4, day(41))
    assert len({one.entry_id for one in till.entries}) == len(till.entries)


def test_adjustments_carry_their_reason() -> None:
    till = rich().play(adjust("less", day(1), -1200))
    assert till.available == -200
    assert {(one.kind, one.note) for one in till.entries} == {("adjust", "goodwill (ada)")}
    assert of(till, event_id="e-adjust-less")[-1].lot_id is None
    till.play(adjust("more", day(2), 250))
    assert till.available == 50
    assert [lot.remaining for lot in till.lots().values()] == [0, 50]
    one = event("adjust", "nothing", day(3), Adjust(points=0, reason="", actor=""), "command")
    assert not till.play(one).last


# Tiers


def new_year(days: float) -> int:
    eve = datetime(2018, 1, 1, 5, tzinfo=timezone.utc)  # midnight in New York
    return int(eve.timestamp() * 1000) + round(days * DAY)


def test_upgrades_come_at_once_also_two_at_a_time() -> None:
    till = Till().play(
        sale("t", day(0), 99_900), sale("u", day(1), 200), sale("v", day(2), 300_000)
    )
    assert till.tier_changes == [("basic", "silver", "qualified"), ("silver", "gold", "qualified")]
    assert Till().play(sale("t", day(0), 300_000)).tier_changes == [("basic", "gold", "qualified")]


@pytest.mark.parametrize(
    ("mode", "grace_days", "moves"),
    [
        ("one_down", 30, [("gold", "silver", "grace_end"), ("silver", "basic", "grace_end")]),
        ("one_down", 0, [("gold", "silver", "period_end"), ("silver", "basic", "period_end")]),
        ("to_qualified", 0, [("gold", "basic", "period_end")]),
        ("to_qualified", 30, [("gold", "basic", "grace_end")]),
        ("never", 0, []),
    ],
)
def test_downgrades(mode: Any, grace_days: int, moves: list[Any]) -> None:
    tiers = Tiers(
        downgrade=Downgrade(mode=mode, grace_days=grace_days), levels=terms().tiers.levels
    )
    till = Till(accrue(terms(tiers=tiers))).play(sale("t", day(0), 300_000))
    till.until(new_year(364))
    assert till.tier == "gold", "a tier lasts through the year after the one that earned it"
    till.until(new_year(365 * 4))
    assert till.tier_changes == [("basic", "gold", "qualified"), *moves]


def test_a_tier_that_is_earned_again_stays() -> None:
    till = Till().play(sale("t", day(0), 100_000), sale("u", new_year(200), 100_000))
    till.until(new_year(365 + 40))
    assert till.tier_changes == [("basic", "silver", "qualified")]


def test_grace_is_time_to_reach_the_tier() -> None:
    till = Till().play(sale("t", day(0), 100_000)).until(new_year(365))
    till.play(sale("u", new_year(365 + 10), 100_000)).until(new_year(365 + 60))
    assert till.tier == "silver"
    assert till.tier_changes == [("basic", "silver", "qualified")]


def test_progress_starts_anew_with_the_year() -> None:
    till = Till().play(sale("t", day(0), 50_000)).until(new_year(0) + 1)
    assert till.changes[-1].cause == "tier_review"
    assert (till.changes[-1].qualifying, till.changes[-1].to_next_tier) == (0, 1000)


def test_a_return_takes_back_a_tier_that_only_it_had_reached() -> None:
    till = Till().play(
        sale("t", day(0), 90_000),
        sale("u", day(1), [line("1", 10_000), line("2", 10_000)]),
        return_("r", day(2), "u", [line("1", 10_000)]),
    )
    assert till.tier == "silver"
    till.play(return_("s", day(3), "u", [line("2", 10_000)]))
    assert till.tier_changes == [("basic", "silver", "qualified"), ("silver", "basic", "returned")]


def test_a_tier_of_last_year_is_safe_from_returns() -> None:
    till = Till().play(sale("t", new_year(-10), 100_000))
    till.play(return_("r", new_year(10), "t", [line("1", 100_000)]))
    assert till.tier == "silver" and till.changes[-1].qualifying == 0


@pytest.mark.parametrize(("metric", "reached"), [("spend", "silver"), ("visits", "basic")])
def test_other_metrics(metric: Any, reached: str) -> None:
    levels = (TierLevel(tier="basic", threshold=0), TierLevel(tier="silver", threshold=3))
    till = Till(accrue(terms(tiers=Tiers(metric=metric, levels=levels))))
    till.play(sale("t", day(0), [line("1", 299), line("2", 99, category="GIFT CARDS")]))
    assert till.tier == "basic"
    till.play(sale("u", day(1), 1))
    assert till.tier == reached
    till.play(sale("v", day(2), 50))
    assert till.tier == "silver"
    till.play(return_("r", day(3), "v", [line("1", 50)]), return_("s", day(3), "u", [line("1", 1)]))
    assert till.tier == "basic"


# The ledger


def test_entries_move_points_only_as_the_table_says() -> None:
    till = Till(accrue(terms(expiry=Expiry(mode="fixed", months=1)))).play(
        sale("t", START, [line("1", 100_000, quantity=10)]),
        redeem("a", day(4), "five_off", hold=True),
        settle("capture", "a", day(4) + MINUTE),
        redeem("b", day(5), 50, hold=True),
        settle("release", "b", day(5) + MINUTE),
        redeem("c", day(5) + HOUR, 50),
        adjust("d", day(6), 10),
        adjust("e", day(6) + MINUTE, -20),
        return_("r", day(7), "t", [line("1", 10_000)]),
    )
    till.until(day(60))
    used = {(one.kind, (one.debit, one.credit)) for one in till.entries}
    assert {kind for kind, _ in used} >= {"earn", "activate", "hold", "release", "redeem"}
    assert {kind for kind, _ in used} >= {"adjust", "reverse", "expire"}
    for kind, accounts in used:
        assert accounts in MOVEMENTS[kind]
    assert all(one.points > 0 for one in till.entries)
    assert len({one.entry_id for one in till.entries}) == len(till.entries)


def test_each_cause_is_told_once_and_with_what_it_did() -> None:
    till = Till().play(adjust("x", day(0), 600), redeem("d", day(1), "five_off"))
    assert [(one.cause, one.earned, one.spent, one.reference) for one in till.changes] == [
        ("adjust", 600, 0, None),
        ("redeem", 0, 500, "d"),
    ]
    for outputs in (till.last,):
        assert sum(isinstance(one, AccountChanged) for one in outputs) == 1


def test_a_year_of_a_member_is_a_few_kilobytes_and_survives_encoding() -> None:
    till = Till()
    for number in range(63):
        at = START + number * 365 * DAY // 63
        some = [line(str(place), 100 + 37 * place, f"{1_000_000 + place}") for place in range(10)]
        till.play(sale(f"330-{31198570044 + number}", at, some))
    encoded = msgspec.msgpack.encode(till.state)
    assert len(encoded) < 16_000
    assert msgspec.msgpack.decode(encoded, type=AccrueState) == till.state
    assert len(till.state.facts) < 12 and len(till.state.baskets) < 30
    assert len(till.state.current.receipts) < 30


def test_what_a_retired_member_leaves_is_bounded() -> None:
    till = Till()
    for number in range(40):
        till.play(sale(f"t{number}", day(number), 1000)).play(adjust(f"a{number}", day(number), 1))
    till.until(day(1000))
    till.play(redeem("late", day(1001), 1), sale("z", day(1040), 100), sale("y", day(1100), 100))
    account = till.state.current
    assert len(account.lots) < 4 and len(account.receipts) < 3 and len(till.state.baskets) < 3
    assert not account.parked and len(account.redemptions) < 2 and len(till.state.facts) < 4


def test_facts_are_bounded_however_busy_a_member_is() -> None:
    till = Till(accrue(terms(tiers=None), facts_max=50))
    for number in range(400):
        till.play(sale(f"t{number}", day(number / 400), 1000))
    assert len(till.state.facts) <= 50
    assert till.balances()["pending"] == 4000
    till.late(sale("late", day(0), 1000), day(1))
    assert [one.posting for one in till.last if isinstance(one, LedgerEntry)] == ["late"]


def test_messages_of_other_kinds_pass() -> None:
    till = Till().play(sale("t", day(0), 1000))
    signal = msgspec.structs.replace(message(viewed(day(1))), body=till.changes[-1])
    assert not till.give(signal).last


# Traces


def test_what_an_event_posts_belongs_to_its_trace_and_what_time_posts_to_none() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    plain, traced = sale("t", day(0), 1000), sale("u", day(1), 1000)
    traced = msgspec.structs.replace(traced, context={"traceparent": trace})
    till = Till().play(plain, traced).until(day(5))
    found = {(one.kind, one.event_id, one.traceparent) for one in till.entries}
    assert found == {
        ("earn", "e-t", None),
        ("earn", "e-u", trace),
        ("activate", None, None),
    }
    asked = msgspec.structs.replace(redeem("r", day(6), 5), context={"traceparent": trace})
    till.play(asked)
    assert {one.traceparent for one in of(till, kind="redeem")} == {trace}
    answers = till.of(RedemptionAnswer)
    assert [one.traceparent for one in answers] == [trace]
