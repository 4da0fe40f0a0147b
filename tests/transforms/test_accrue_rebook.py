"""Late, withdrawn and restored events: what was posted is corrected, never edited."""

from collections import Counter
from typing import Any

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
    redeem,
    return_,
    sale,
    settle,
    terms,
)

from schemas.tiers import Expiry


def same_end(one: Till, other: Till) -> None:
    assert one.balances() == other.balances()
    assert one.tier == other.tier
    assert {key: (lot.points, lot.remaining) for key, lot in one.lots().items() if lot.points} == {
        key: (lot.points, lot.remaining) for key, lot in other.lots().items() if lot.points
    }
    assert one.state.current == other.state.current


def corrections(till: Till) -> list[tuple[str, str, int]]:
    return [(one.debit, one.credit, one.points) for one in till.entries if one.kind == "correct"]


def test_a_late_sale_is_posted_as_if_it_had_been_in_time() -> None:
    first, second = sale("t", day(0), 1000), sale("u", day(5), 2000)
    late = Till().play(second).late(first, day(6)).until(day(10))
    same_end(late, Till().play(first, second).until(day(10)))
    posted = [one for one in late.entries if one.event_id == "e-t"]
    assert [(one.kind, one.posting, one.posted_at) for one in posted] == [
        ("earn", "rebooked", day(6))
    ]
    assert posted[0].because_of == "pos/e-t" and posted[0].corrects is None
    activated = [one for one in late.entries if one.kind == "activate"]
    assert [(one.occurred_at, one.posted_at) for one in activated] == [
        (day(3), day(6)),
        (day(8), day(8)),
    ]
    assert corrections(late) == []


def test_a_late_sale_lifts_the_tier_of_those_after_it() -> None:
    first, second = sale("t", day(0), 100_000), sale("u", day(1), [line("1", 1050)])
    late = Till().play(second).late(first, day(2))
    same_end(late, Till().play(first, second).until(day(2)))
    assert late.tier_changes == [("basic", "silver", "rebooked")]
    extra = [one for one in late.entries if one.rule == "tier_rate"]
    assert [(one.event_id, one.points, one.because_of) for one in extra] == [("e-u", 3, "pos/e-t")]
    assert late.changes[-1].earned == 1003


def test_a_withdrawn_sale_leaves_nothing_behind() -> None:
    first, second = sale("t", day(0), 100_000), sale("u", day(1), [line("1", 1050)])
    till = Till().play(first, second).late(first, day(5), retract=True)
    same_end(till, Till().play(second).until(day(5)))
    assert till.tier_changes[-1] == ("silver", "basic", "rebooked")
    assert corrections(till) == [
        ("pending", "issued", 1000),
        ("pending", "issued", 3),
        ("available", "pending", 1003 - 3),
        ("available", "pending", 13),
    ] or Counter(corrections(till)) == Counter(
        {
            ("pending", "issued", 1000): 1,
            ("available", "pending", 1000): 1,
            ("pending", "issued", 3): 1,
            ("available", "pending", 3): 1,
        }
    )
    for one in till.entries:
        if one.kind == "correct":
            assert one.because_of == "pos/e-t" and one.posting == "rebooked"
            assert one.corrects in {other.entry_id for other in till.entries}
    (gone,) = [lot for lot in till.lots().values() if lot.points == 0]
    assert gone.remaining == 0
    assert till.changes[-1].earned == -1003


def test_withdrawn_and_restored_again_and_again() -> None:
    one = sale("t", day(0), 1000)
    till = Till().play(one)
    for number in range(1, 6):
        till.late(one, day(number), retract=True)
        assert till.balances()["issued"] == 0
        assert not till.late(one, day(number), retract=True).last
        till.late(one, day(number) + HOUR)
    same_end(till, Till().play(one).until(day(5) + HOUR))
    ids = [entry.entry_id for entry in till.entries]
    assert len(ids) == len(set(ids))
    till.until(day(400))
    assert till.balances()["expired"] == 10
    ids = [entry.entry_id for entry in till.entries]
    assert len(ids) == len(set(ids))


def test_a_movement_that_grows_is_topped_up() -> None:
    """Expiry of a lot takes what a late return to another lot left over."""
    rules = terms(pending_days=0, expiry=Expiry(mode="fixed", months=1))
    first, second = sale("t", day(0), 1000), sale("u", day(0.5), 1000)
    spent = redeem("d", day(25), 10)
    till = Till(accrue(rules)).play(first, second, spent).until(day(32))
    till.late(return_("r", day(20), "t", [line("1", 300)]), day(33))
    perfect = Till(accrue(rules)).play(
        first, second, return_("r", day(20), "t", [line("1", 300)]), spent
    )
    same_end(till, perfect.until(day(33)))


def test_a_return_known_before_its_sale_and_after_it() -> None:
    bought, back = sale("t", day(0), 1000), return_("r", day(2), "t", [line("1", 1000)])
    till = Till().play(back).late(bought, day(4))
    same_end(till, Till().play(bought, back).until(day(4)))


def test_answers_are_facts() -> None:
    """Accepted stays accepted when the points turn out to be missing, refused stays refused."""
    bought = sale("t", day(0), 50_000)
    till = Till().play(bought, redeem("d", day(4), "five_off")).late(bought, day(5), retract=True)
    assert till.available == -500 and till.redemptions == {"d": ("captured", "ok")}
    till = Till().play(redeem("d", day(4), "five_off")).late(bought, day(5))
    assert till.available == 500 and till.redemptions["d"] == ("refused", "insufficient_points")
    assert len(till.answers) == 1


def test_a_hold_whose_points_are_withdrawn_is_backed_by_the_next_ones() -> None:
    rules = terms(pending_days=0, hold_minutes=3 * 24 * 60)
    bought = sale("t", day(0), 10_000)
    till = Till(accrue(rules)).play(bought, redeem("d", day(1), 80, hold=True))
    till.late(bought, day(1.5), retract=True)
    account = till.state.current
    assert (till.available, till.balances()["held"], account.unbacked) == (-80, 80, 80)
    till.play(adjust("x", day(2), 50))
    assert (till.available, account.debt, till.state.current.unbacked) == (-30, 0, 30)
    (lot,) = till.state.current.lots.values()
    assert (lot.remaining, lot.held) == (50, 50)
    captured = Till(till.operator)
    captured.state = till.state
    till.play(settle("capture", "d", day(3)))
    assert (till.available, till.balances()["held"], till.state.current.debt) == (-30, 0, 30)
    till.play(adjust("y", day(4), 40))
    assert till.available == 10


def test_a_hold_is_backed_twice_by_one_lot() -> None:
    rules = terms(pending_days=0, hold_minutes=3 * 24 * 60)
    bought = sale("t", day(0), 2000)
    till = Till(accrue(rules)).play(adjust("x", day(0.1), 50), bought)
    till.play(redeem("b", day(1), 30, hold=True), redeem("a", day(1), 40, hold=True))
    till.late(bought, day(1.1), retract=True)
    assert till.state.current.unbacked == 20
    till.play(settle("release", "b", day(1.2)))
    (lot,) = till.state.current.lots.values()
    assert (lot.remaining, lot.held, till.state.current.unbacked) == (50, 40, 0)
    till.play(settle("capture", "a", day(1.3)))
    assert till.balances()["redeemed"] == 40 and till.available == 10


def test_a_hold_that_was_never_backed_is_released_without_trace() -> None:
    rules = terms(pending_days=0, hold_minutes=3 * 24 * 60)
    bought = sale("t", day(0), 10_000)
    till = Till(accrue(rules)).play(bought, redeem("d", day(1), 80, hold=True))
    till.late(bought, day(1.5), retract=True).play(adjust("x", day(2), 50))
    till.play(settle("release", "d", day(3)))
    assert (till.available, till.balances()["held"]) == (50, 0)
    assert till.state.current.unbacked == till.state.current.debt == 0


def test_a_sale_captures_when_it_becomes_known() -> None:
    """The till's clock may be behind: the hold was there when the sale was told."""
    till = Till().play(adjust("x", day(0), 100), redeem("d", day(1), 60, hold=True))
    till.late(sale("t", day(1) - MINUTE, 500, redemptions=("d",)), day(1) + MINUTE)
    assert till.redemptions == {"d": ("captured", "ok")}
    till.late(sale("t", day(1) - MINUTE, 500, redemptions=("d",)), day(1) + HOUR, retract=True)
    assert till.redemptions == {"d": ("captured", "ok")} and till.balances()["pending"] == 0
    till.late(sale("t", day(1) - MINUTE, 500, redemptions=("d",)), day(1) + 2 * HOUR)
    assert till.balances()["pending"] == 5 and len(till.answers) == 2


def test_known_after_the_horizon_it_is_posted_today_and_flagged() -> None:
    till = Till().play(sale("u", day(19), 1000)).late(sale("t", day(0), 100_000), day(20))
    posted = [one for one in till.entries if one.event_id == "e-t"]
    assert {(one.posting, one.occurred_at, one.posted_at) for one in posted} == {
        ("late", day(0), day(20))
    }
    lot = till.lots()[posted[0].lot_id or ""]
    assert (lot.earned_at, lot.available_at) == (day(20), day(23))
    on_time = Till().play(sale("u", day(19), 1000)).late(sale("t", day(3), 100_000), day(20))
    assert on_time.entries[-1].posting == "rebooked"


def test_a_purchase_older_than_the_facts_is_taken_back_today() -> None:
    old = sale("t", day(0), 1000)
    till = Till().play(old, *[sale(f"u{number}", day(number), 100) for number in range(20, 70, 5)])
    assert not any(fact.event_id == "e-t" for fact in till.state.facts)
    assert till.balances()["available"] == 10 + 9
    till.late(old, day(66), retract=True)
    taken = [one for one in till.entries if one.kind == "reverse"]
    assert [(one.event_id, one.points, one.posting) for one in taken] == [("e-t", 10, "late")]
    assert not till.late(old, day(66), retract=True).last
    till.late(old, day(67))
    assert till.balances()["reversed"] == 0
    till.late(old, day(68), retract=True)
    assert till.balances()["reversed"] == 10
    ids = [entry.entry_id for entry in till.entries]
    assert len(ids) == len(set(ids))


def test_what_happened_before_a_timer_that_fired_is_rebooked() -> None:
    """A return before the end of the pending period, known after it."""
    bought = sale("t", day(0), 1000)
    back = return_("r", day(3) - 1000, "t", [line("1", 1000)])
    till = Till().play(bought).late(back, day(3) + 4000)
    same_end(till, Till().play(bought, back).until(day(3) + 4000))
    assert ("available", "pending", 10) in corrections(till)


def test_an_event_at_the_instant_of_a_timer_goes_before_it() -> None:
    bought = sale("t", day(0), 1000)
    back = return_("r", day(3), "t", [line("1", 1000)])
    for till in (Till().play(bought, back), Till().play(bought).late(back, day(3) + 4000)):
        till.until(day(4))
        reversed_from = {
            one.debit for one in till.entries if one.kind == "reverse" and one.points == 10
        }
        assert reversed_from == {"pending"}


def test_nothing_changes_nothing_is_said() -> None:
    till = Till().play(sale("t", day(0), 1000))
    before = till.state.version
    assert not till.late(sale("other", day(0), 10), day(1), retract=True).last
    assert till.state.version == before


def play_with_delays(events: list[Any], delays: list[int]) -> Till:
    till = Till()
    known = sorted(
        (message(one, one.occurred_at + delay) for one, delay in zip(events, delays, strict=True)),
        key=lambda one: one.order,
    )
    for one in known:
        till.give(one)
    return till


def test_a_year_of_purchases_in_any_delay_within_the_horizon() -> None:
    """The base moves on many times while events come up to 16 days late."""
    events = [sale(f"t{number}", day(number * 3), 900 + 317 * number) for number in range(100)]
    delays = [(number * 7919) % 16 * DAY + number % 5 * HOUR for number in range(100)]
    end = day(300) + 17 * DAY
    late = play_with_delays(events, delays).until(end)
    perfect = play_with_delays(events, [0] * 100).until(end)
    assert late.balances() == perfect.balances()
    assert late.tier == perfect.tier
    assert late.state.current.qualifying == perfect.state.current.qualifying
    open_lots = [
        {key: lot.remaining for key, lot in one.state.current.lots.items() if lot.remaining}
        for one in (late, perfect)
    ]
    assert open_lots[0] == open_lots[1] and open_lots[0]
    ids = [entry.entry_id for entry in late.entries]
    assert len(ids) == len(set(ids))


def test_a_purchase_too_old_to_be_returned_is_left_to_staff() -> None:
    till = Till(accrue(terms(returns_days=40)))
    bought, other = sale("t", day(0), 199), sale("u", day(50), 0)
    till.play(bought, sale("v", day(38), 0))
    till.late(bought, day(45), retract=True)
    till.play(other)
    till.late(other, day(58), retract=True)  # folds again, when the receipt is forgotten
    assert Counter(till.state.current.balances) == Counter(till.balances())  # as its entries say
