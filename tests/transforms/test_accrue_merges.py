"""Merged accounts: what leaves one arrives in the other, and everything goes on there."""

from typing import Any

import msgspec
import pytest
from accrue_till import (
    DAY,
    HOUR,
    MINUTE,
    accrue,
    adjust,
    day,
    enrolled,
    event,
    line,
    order,
    programme,
    redeem,
    return_,
    sale,
    settle,
    terms,
)
from merged_tills import Tills, event_of

from schemas.commands import LoopCommand
from schemas.flow import AccountChanged
from schemas.ledger import AccountMerge, Correction, LedgerEntry, RedemptionAnswer
from schemas.payloads import Correct
from transforms.accrue import Accrue, Programmes

TWO = [line("1", 1000, "apple"), line("2", 2000, "bread")]


def merged(*happened: tuple[str, Any], at: float = 10, operator: Any = None) -> Tills:
    """Events of members `old` and `new`, then old is merged into new; the transfer waits."""
    tills = Tills(operator or accrue(terms(hold_minutes=3 * DAY // MINUTE)))
    for member, one in sorted(happened, key=lambda pair: pair[1].occurred_at):
        tills.give(one, member, one.occurred_at)
    tills.merge("old", "new", day(at))
    return tills


def codes(tills: Tills, member: str = "new") -> list[tuple[str, str]]:
    return [(row.request, row.code) for row in tills.till(member).of(RedemptionAnswer)]


def own(tills: Tills, member: str) -> tuple[int, int, int]:
    sums = tills.till(member).balances()
    return sums["pending"], sums["available"], sums["held"]


def moved(tills: Tills, member: str) -> list[tuple[str, str, str, int]]:
    return [
        (one.kind, one.debit, one.credit, one.points)
        for one in tills.till(member).of(LedgerEntry)
        if one.kind.startswith("transfer")
    ]


def test_pending_free_held_and_owed_points_leave_and_arrive() -> None:
    tills = merged(
        ("old", adjust("x", day(0), 100)),
        ("old", redeem("d", day(9), 40, hold=True)),
        ("old", sale("t", day(9.5), 700)),
    )
    assert moved(tills, "old") == [
        ("transfer_out", "available", "transferred", 60),
        ("transfer_out", "held", "transferred", 40),
        ("transfer_out", "pending", "transferred", 7),
    ]
    assert own(tills, "old") == own(tills, "new") == (0, 0, 0)
    (row,) = tills.till("old").of(AccountMerge)
    assert (row.status, row.points, row.lots, row.holds, row.debt) == ("in_transit", 107, 2, 1, 0)
    tills.deliver_all(day(10.5))
    assert own(tills, "new") == (7, 60, 40)
    assert [one[:3] for one in moved(tills, "new")] == [
        ("transfer_in", "transferred", "available"),
        ("transfer_in", "transferred", "held"),
        ("transfer_in", "transferred", "pending"),
    ]
    (row,) = tills.till("new").of(AccountMerge)
    assert (row.status, row.loser, row.survivor) == ("joined", "old", "new")
    assert row.joined_at == day(10.5)
    old, new = tills.till("old").lots(), tills.till("new").lots()
    assert old.keys() == new.keys()  # the same lots, with the same dates
    for name, lot in new.items():
        assert (lot.earned_at, lot.available_at, lot.expires_at, lot.entry_id) == (
            old[name].earned_at,
            old[name].available_at,
            old[name].expires_at,
            old[name].entry_id,
        )
        assert lot.version > old[name].version and not old[name].remaining


def test_a_debt_comes_along_and_is_paid() -> None:
    tills = merged(
        ("old", sale("t", day(0), 3000)),
        ("old", redeem("d", day(5), 30)),
        ("old", return_("r", day(6), "t", [line("1", 3000)])),
        ("new", adjust("x", day(0), 50)),
    )
    assert moved(tills, "old") == [("transfer_out", "transferred", "available", 30)]
    tills.deliver_all(day(11))
    assert own(tills, "new") == (0, 20, 0)
    assert tills.till("new").state.current.debt == 0
    assert [lot.remaining for lot in tills.till("new").lots().values() if lot.remaining] == [20]


def test_the_closed_account_says_who_goes_on_and_stays_closed() -> None:
    tills = merged(("old", sale("t", day(0), 3000)))
    told = tills.till("old").changes[-1]
    assert (told.merged_into, told.cause, told.available) == ("new", "account_merged", 0)
    state = tills.till("old").state
    assert tills.operator.next_timer(state) is None and not tills.operator.is_idle(state)
    for one in (sale("u", day(11), 900), adjust("y", day(11), 5), settle("capture", "d", day(11))):
        assert not tills.give(one, "old", day(11), follow=False)


def test_a_hold_is_captured_at_the_survivor() -> None:
    tills = merged(("old", adjust("x", day(0), 100)), ("old", redeem("d", day(9), 40, hold=True)))
    tills.deliver_all(day(10.5))
    tills.give(settle("capture", "d", day(11)), "new", day(11))
    assert own(tills, "new") == (0, 60, 0)
    assert codes(tills) == [("transfer", "ok"), ("capture", "ok")]
    assert tills.till("old").redemptions["d"] == ("transferred", "ok")
    assert tills.till("new").redemptions["d"] == ("captured", "ok")


@pytest.mark.parametrize(
    ("asked", "answered", "left"),
    [
        ("capture", "ok", (0, 60, 0)),
        ("release", "ok", (0, 100, 0)),
        ("late", "hold_expired", (0, 100, 0)),
        ("nobody", "hold_not_found", (0, 100, 0)),
    ],
)
def test_what_is_asked_on_the_way_is_answered_as_of_then(
    asked: str, answered: str, left: tuple[int, int, int]
) -> None:
    """The hold ends at day 12, the transfer comes at day 20; what was asked for at day 11 was in
    time."""
    tills = merged(("old", adjust("x", day(0), 100)), ("old", redeem("d", day(9), 40, hold=True)))
    at = day(13 if asked == "late" else 11)
    name = "other" if asked == "nobody" else "d"
    kind = "release" if asked == "release" else "capture"
    tills.give(settle(kind, name, at), "new", at)
    assert codes(tills) == []
    tills.deliver_all(day(20))
    assert (kind, answered) in codes(tills)
    assert own(tills, "new") == left
    # And folded again, by something earlier: the same answers, given once.
    told = len(codes(tills))
    tills.give(sale("t", day(8), 100), "new", day(21))
    assert len(codes(tills)) == told
    assert own(tills, "new") == (0, left[1] + 1, 0)


def test_who_asks_is_answered_though_nothing_ever_comes() -> None:
    tills = merged(("old", adjust("x", day(0), 100)))
    tills.give(settle("capture", "d", day(11)), "new", day(11))
    tills.until(day(99))
    assert codes(tills) == []
    tills.until(day(101))
    assert codes(tills) == [("capture", "hold_not_found")]
    tills.deliver_all(day(102))  # the points are taken all the same
    assert own(tills, "new") == (0, 100, 0)


def test_what_falls_due_on_the_way_happens_when_it_would_have() -> None:
    tills = merged(
        ("old", sale("t", day(9), 700)),
        ("old", adjust("x", day(0), 100)),
        ("old", redeem("d", day(9), 40, hold=True)),
    )
    tills.deliver_all(day(300))
    kinds = [(one.kind, one.occurred_at) for one in tills.till("new").entries]
    assert ("activate", day(12)) in kinds and ("release", day(12)) in kinds
    assert [one.points for one in tills.till("new").entries if one.kind == "expire"] == [100, 7]
    assert own(tills, "new") == (0, 0, 0)


@pytest.mark.parametrize("returned_at", [5, 10.2, 12], ids=["before", "on the way", "after"])
def test_a_return_takes_back_what_its_purchase_earned(returned_at: float) -> None:
    tills = merged(("old", sale("t", day(0), TWO))) if returned_at > 10 else Tills(accrue())
    back = return_("r", day(returned_at), "t", [line("2", 2000, "bread")])
    if returned_at < 10:
        tills.give(sale("t", day(0), TWO), "old", day(0))
        tills.give(back, "old", day(returned_at))
        tills.merge("old", "new", day(10))
    elif returned_at < 11:
        tills.give(back, "new", day(returned_at))
        assert own(tills, "new") == (0, 0, 0)
    tills.deliver_all(day(11))
    if returned_at > 11:
        tills.give(back, "new", day(returned_at))
    assert own(tills, "new") == (0, 10, 0)
    assert tills.till("new").balances()["reversed"] == (0 if returned_at < 10 else 20)


def test_a_return_that_waited_at_the_loser_finds_its_purchase_at_the_survivor() -> None:
    tills = merged(("old", return_("r", day(5), "t", [line("2", 2000, "bread")])))
    tills.give(sale("t", day(4), TWO), "new", day(10.1))
    assert own(tills, "new") == (0, 30, 0)
    tills.deliver_all(day(11))
    assert own(tills, "new") == (0, 10, 0)


@pytest.mark.parametrize("asked_at", [10.2, 12], ids=["on the way", "after"])
def test_a_purchase_of_the_loser_that_is_somebody_elses_goes(asked_at: float) -> None:
    tills = merged(("old", sale("t", day(0), TWO)), ("old", sale("u", day(1), 500)))
    bought = sale("t", day(0), TWO)
    if asked_at < 11:
        tills.give(bought, "old", day(asked_at), retract=True)
    tills.deliver_all(day(11))
    if asked_at > 11:
        tills.give(bought, "old", day(asked_at), retract=True)
    tills.give(bought, "third", day(asked_at) + DAY)
    assert own(tills, "new") == (0, 5, 0)
    assert own(tills, "third") == (0, 30, 0)
    # It comes back: it is there once.
    tills.give(bought, "third", day(14), retract=True)
    tills.give(bought, "old", day(14))
    assert own(tills, "new") == (0, 35, 0)
    assert own(tills, "third") == (0, 0, 0)


@pytest.mark.parametrize("first", [0, 1], ids=["the loser's first", "the other's first"])
def test_a_purchase_that_is_the_last_survivors_own_stays_there(first: int) -> None:
    """It went from a chain of merged accounts to the one in which that chain ends afterwards."""
    tills = merged(("old", sale("t", day(0), TWO)))
    bought = sale("t", day(0), TWO)
    tills.give(bought, "old", day(10.1), retract=True)
    tills.give(bought, "third", day(10.1))
    tills.merge("new", "third", day(10.2))
    orders = list(tills.waiting)
    for order_ in (orders[first], orders[1 - first]):
        tills.deliver(order_, day(11))
    assert own(tills, "third") == (0, 30, 0)
    assert tills.till("third").state.current.parked == []
    tills.give(bought, "third", day(12), retract=True)
    assert own(tills, "third") == (0, 0, 0)


def test_a_purchase_that_went_before_the_merge_can_come_back_after_it() -> None:
    """It was withdrawn when nothing could be folded again; then its account was merged."""
    operator = accrue(facts_max=1)
    tills = Tills(operator)
    bought = sale("t", day(0), TWO)
    tills.give(bought, "old", day(0))
    for number in range(3):
        tills.give(sale(f"u{number}", day(1 + number), 100), "old", day(1 + number))
    tills.give(bought, "old", day(5), retract=True)
    assert own(tills, "old")[0] + own(tills, "old")[1] == 3
    tills.give(bought, "old", day(6))  # back
    tills.give(bought, "old", day(7), retract=True)
    for number in range(3):
        tills.give(sale(f"v{number}", day(8) + number, 100), "old", day(8) + number)
    tills.give(bought, "old", day(9))  # back, though its withdrawal can't be folded again
    assert sum(own(tills, "old")) == 36
    tills.give(bought, "old", day(9.5), retract=True)
    assert sum(own(tills, "old")) == 6
    tills.merge("old", "new", day(10))
    tills.deliver_all(day(11))
    tills.give(bought, "old", day(12))
    assert sum(own(tills, "new")) == 36
    assert tills.till("new").state.current.receipts["t"].withdrawn is False


def test_a_purchase_that_both_sides_know_earns_once() -> None:
    """The order was placed by the one, its collection came to the other while it was on its way,
    and one line of it came back there."""
    tills = merged(("old", order("o", day(9), TWO)))
    collected = sale("t", day(10.2), TWO, order_id="o")
    tills.give(collected, "new", day(10.2))
    tills.give(return_("r", day(10.3), "t", [line("2", 2000, "bread")]), "new", day(10.3))
    assert own(tills, "new") == (10, 0, 0)
    tills.deliver_all(day(10.5))
    assert sum(own(tills, "new")) == 10
    assert tills.till("new").state.current.qualifying == 10
    tills.give(return_("q", day(11), "o", [line("1", 1000, "apple")]), "new", day(11))
    assert sum(own(tills, "new")) == 0


def test_what_came_back_of_the_later_of_two_receipts_stays_back() -> None:
    """The collection earned, and a line of it came back, before the order was known; that came to
    the survivor, while the collection was on its way there."""
    collected = sale("t", day(9.5), TWO, order_id="o")
    back = return_("r", day(9.6), "t", [line("2", 2000, "bread")])
    tills = merged(("old", collected), ("old", back))
    tills.give(order("o", day(9), TWO), "new", day(10.2))
    assert sum(own(tills, "new")) == 30
    tills.deliver_all(day(10.5))
    assert sum(own(tills, "new")) == 10


def test_qualifying_adds_up_and_the_better_tier_stays() -> None:
    tills = merged(
        ("old", enrolled(day(-5))),
        ("old", sale("t", day(0), 70_000)),
        ("new", sale("u", day(1), 60_000)),
    )
    assert tills.till("new").tier == "basic"
    tills.deliver_all(day(11))
    assert tills.till("new").tier_changes == [("basic", "silver", "merged")]
    assert tills.till("new").changes[-1].qualifying == 1300
    assert tills.till("new").changes[-1].enrolled_at == day(-5)


def test_a_tier_brought_along_stays_until_its_period_ends() -> None:
    tills = Tills(accrue())
    tills.give(sale("t", day(0), 120_000), "old", day(0))  # silver in 2017, so in 2018 too
    tills.give(sale("u", day(310), 100), "new", day(310))
    tills.until(day(310))
    tills.merge("old", "new", day(312))
    tills.deliver_all(day(313))
    assert tills.till("new").tier == "silver"
    tills.until(day(700))
    assert tills.till("new").tier == "silver"
    tills.until(day(703))
    assert tills.till("new").tier_changes == [
        ("basic", "silver", "merged"),
        ("silver", "basic", "grace_end"),
    ]


def test_a_chain_of_merges_ends_at_the_last() -> None:
    tills = Tills(accrue(terms(hold_minutes=3 * DAY // MINUTE)))
    tills.give(adjust("x", day(0), 100), "first", day(0))
    tills.give(redeem("d", day(0.5), 30, hold=True), "first", day(0.5))
    tills.give(sale("t", day(0.6), TWO), "first", day(0.6))
    tills.merge("first", "second", day(1))
    tills.give(settle("capture", "d", day(1.1)), "second", day(1.1))
    tills.give(sale("t", day(0.6), TWO), "first", day(1.2), retract=True)
    tills.merge("second", "third", day(1.5))
    (one, two) = tills.waiting
    for some in ([one, two], [two, one]):
        copied = msgspec.msgpack.decode(
            msgspec.msgpack.encode(tills.till("third").state), type=type(tills.till("third").state)
        )
        again = Tills(tills.operator)
        again.till("third").state, again.aliases, again.now = copied, tills.aliases, tills.now
        for number, order_ in enumerate(some):
            again.deliver(order_, day(2 + number))
        assert own(again, "third") == (0, 70, 0)
        assert ("capture", "ok") in codes(again, "third")
        assert again.till("third").balances()["redeemed"] == 30


def test_a_transfer_that_reaches_a_closed_account_goes_on() -> None:
    tills = Tills(accrue())
    tills.give(adjust("x", day(0), 100), "first", day(0))
    tills.merge("first", "second", day(1))
    tills.merge("second", "third", day(2))
    (one, _) = tills.waiting
    (passed,) = tills.give(event_of(one), "second", day(3), follow=False)
    assert isinstance(passed, LoopCommand)
    assert passed.command_id != one.command_id and passed.payload == one.payload
    assert msgspec.json.decode(passed.about) == {"member_id": "third"}
    tills.deliver_all(day(4))
    assert tills.till("third").available == 100


def test_an_id_that_was_used_on_both_sides_keeps_both_answers() -> None:
    tills = merged(
        ("old", adjust("x", day(0), 100)),
        ("old", redeem("d", day(9), 40, hold=True)),
        ("new", adjust("y", day(0), 100)),
        ("new", redeem("d", day(9.5), 25, hold=True, event_id="again")),
    )
    tills.deliver_all(day(10.5))
    assert own(tills, "new") == (0, 135, 65)
    tills.give(settle("capture", "d", day(11)), "new", day(11))
    assert own(tills, "new") == (0, 135, 40)
    tills.until(day(13))
    assert own(tills, "new") == (0, 175, 0)


def test_points_of_another_programme_stay_where_they_are() -> None:
    other = programme(programme="coffee", markets=("jp",), currency="JPY")
    tills = merged(
        ("old", adjust("x", day(0), 100)),
        ("new", msgspec.structs.replace(adjust("y", day(0), 9), market="jp")),
        operator=Accrue(Programmes([programme(), other])),
    )
    tills.deliver_all(day(11))
    assert own(tills, "new") == (0, 9, 0)
    (row,) = tills.till("new").of(AccountMerge)
    assert (row.status, row.points, row.joined_at) == ("other_programme", 100, None)
    assert tills.sums()["transferred"] == 100
    assert tills.till("new").state.current.joining == {}


def test_a_late_purchase_of_the_survivor_is_folded_before_the_transfer() -> None:
    tills = merged(("old", adjust("x", day(0), 100)), ("new", adjust("y", day(1), 10)))
    tills.deliver_all(day(11))
    tills.give(sale("late", day(9), 500), "new", day(12))
    assert own(tills, "new") == (5, 110, 0)
    assert len(moved(tills, "new")) == 1  # what came is no other


def test_a_correction_of_the_closed_account_isnt_one_of_the_survivors() -> None:
    tills = merged(("old", adjust("x", day(0), 100)))
    tills.deliver_all(day(11))
    wanted = Correct(reason="rates", actor="ada", compared_at=day(12), issued=-7, available=7)
    one = event("correct", "c-1", day(12), wanted, "command")
    tills.give(msgspec.structs.replace(one, identifiers=("member_id:old",)), "old", day(12) + 1)
    assert own(tills, "new") == (0, 100, 0)
    assert [row.status for row in tills.till("new").of(Correction)] == ["merged"]


def test_many_receipts_come_in_parts_in_any_order() -> None:
    operator = accrue(transfer_chars_max=1500)
    for turned in (False, True):
        tills = Tills(operator)
        for number in range(20):
            tills.give(sale(f"t{number}", day(number / 4), TWO), "old", day(number / 4))
        tills.merge("old", "new", day(10))
        assert len(tills.waiting) > 3
        assert max(len(event_of(one).payload.contents) for one in tills.waiting) < 3_000
        if turned:
            tills.waiting.reverse()
        tills.deliver_all(day(11))
        for number in range(20):
            back = return_(f"r{number}", day(12), f"t{number}", [line("1", 1000, "apple")])
            tills.give(back, "new", day(12) + number)
        assert own(tills, "new") == (0, 400, 0)


def test_a_member_of_whom_nothing_is_known_merges() -> None:
    tills = merged()
    tills.give(settle("capture", "d", day(10.2)), "new", day(10.2))
    tills.deliver_all(day(11))
    assert codes(tills) == [("capture", "hold_not_found")]
    assert [one.merged_into for one in tills.till("old").of(AccountChanged)] == ["new"]


def test_both_sides_are_told_of_a_merge_and_the_same_again_is_nothing() -> None:
    tills = merged(("old", adjust("x", day(0), 100)))
    (given,) = tills.given
    assert given.type == "transfer" and given.because_of == "profile/merge-old-new"
    before = {name: len(till.outputs) for name, till in tills.members.items()}
    tills.merge("old", "new", day(10), again=True)
    tills.deliver_all(day(11))
    tills.merge("old", "new", day(12), again=True)
    tills.deliver(given, day(12) + HOUR)
    assert len(tills.till("old").outputs) == before["old"]
    assert len(tills.till("new").entries) == 1


def test_a_capture_of_a_forgotten_redemption_waits_until_nothing_more_comes() -> None:
    tills = Tills(accrue(terms(returns_days=40)))
    tills.give(redeem("d", day(0), 3), "b", day(0))
    tills.merge("a", "b", day(9))
    tills.merge("c", "b", day(10))
    tills.give(settle("capture", "d", day(41)), "b", day(41))
    tills.deliver(tills.waiting.pop(0), day(42))
    assert codes(tills, "b")[1:] == []
    tills.deliver(tills.waiting.pop(0), day(43))
    assert codes(tills, "b")[1:] == [("capture", "hold_not_found")]
