"""Corrections put an account right, once, whatever happened to it.

The same history is told to two accounts: one is wrong (other rates and periods, or events that
it never heard of), the other right. The right one's books, as a warehouse would hold them, are
sent to the wrong one as a `correct` command.
"""

from collections import Counter
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from accrue_till import DAY, HOUR, Till, accrue, adjust, day, event, message, redeem, sale, settle
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ledger_properties import (
    BOUNDED,
    Told,
    check_books,
    histories,
    in_order,
    small_terms,
)

from schemas.earn_rules import BaseRate, TierRate
from schemas.events import Event
from schemas.flow import Message
from schemas.ledger import Correction
from schemas.payloads import Correct, CorrectedLot, Redeem, Settle
from schemas.tiers import Expiry

FEWER = settings(BOUNDED, max_examples=60)
ACCOUNTS = "issued pending available held redeemed expired reversed transferred".split()


def books_of(till: Till) -> dict[str, Any]:
    """The fields of a correction, from what the warehouse would hold of an account."""
    sums = till.balances()
    expired: Counter[str | None] = Counter()
    for one in till.entries:
        expired[one.lot_id] += one.points * ((one.credit == "expired") - (one.debit == "expired"))
    lots = [lot for lot in till.lots().values() if lot.remaining]
    in_lots = sum(lot.remaining for lot in lots)
    return {
        **sums,
        "debt": in_lots - sums["available"] - sums["pending"] - sums["held"],
        "qualifying": till.changes[-1].qualifying if till.changes else 0,
        "tier": till.changes[-1].tier if till.changes else "basic",
        "lots": tuple(
            CorrectedLot(
                lot_id=lot.lot_id,
                earned_at=lot.earned_at,
                available_at=lot.available_at,
                expires_at=lot.expires_at,
                points=lot.points,
                remaining=lot.remaining,
                expired=expired[lot.lot_id],
            )
            for lot in lots
        ),
    }


def correct(books: dict[str, Any], at: int, name: str = "1") -> Event:
    payload = Correct(reason="rates were wrong", actor="ada", compared_at=at, **books)
    return event("correct", f"correct-{name}", at, payload, "command")


def corrections(till: Till) -> list[Correction]:
    return till.of(Correction)


def lots_of(till: Till) -> dict[str, tuple[int, int, int | None, int]]:
    return {
        key: (lot.earned_at, lot.available_at, lot.expires_at, lot.remaining)
        for key, lot in till.lots().items()
        if lot.remaining
    }


def check_ids(till: Till) -> None:
    entries = Counter(one.entry_id for one in till.entries)
    assert max(entries.values(), default=1) == 1
    for lot in till.lots().values():
        assert lot.entry_id in entries


def wrong_terms(policy: str) -> Any:
    """Twice the rate, other pending days, other expiry."""
    return msgspec.structs.replace(
        small_terms(policy),
        earn=(BaseRate(rate=Decimal(2)), TierRate(rate_by_tier={"gold": Decimal(4)})),
        pending_days=5,
        expiry=Expiry(mode="fixed", months=2, round_up="month"),
    )


def played(operator: Any, messages: list[Message], end: int) -> Till:
    till = Till(operator, recode_state=True)
    for one in messages:
        till.give(one)
    return till.until(end)


def without_answers(messages: list[Message]) -> list[Message]:
    return [m for m in messages if not isinstance(m.body.event.payload, Redeem | Settle)]


@FEWER
@given(
    told=histories(),
    policy=st.sampled_from(["negative", "floor_zero", "refuse"]),
    switches=st.booleans(),
)
def test_a_corrected_account_is_the_right_one(
    told: list[Told], policy: str, switches: bool
) -> None:
    messages = in_order(told)
    end = max(one.known_at for one in messages)
    wrongly, rightly = accrue(wrong_terms(policy)), accrue(small_terms(policy))
    live, right = played(wrongly, messages, end + 1), played(rightly, messages, end + 1)
    if live.answers != right.answers:
        messages = without_answers(messages)
        live, right = played(wrongly, messages, end + 1), played(rightly, messages, end + 1)
    if switches:
        live.operator = rightly
    command = message(correct(books_of(right), end), end + 1)
    live.give(command)
    check_books(live)
    check_ids(live)
    assert live.balances() == right.balances()
    assert lots_of(live) == lots_of(right)
    assert live.state.current.debt == right.state.current.debt
    assert live.tier == right.tier
    assert live.changes[-1].qualifying == books_of(right)["qualifying"] or not right.changes
    (row,) = corrections(live)
    # The same books on the right account: nothing to do, and no entry.
    entries = len(right.entries)
    right.give(command)
    assert [one.status for one in corrections(right)] == ["right_already"]
    assert len(right.entries) == entries
    assert row.status == (
        "applied" if [one for one in live.entries if one.event_id == "correct-1"] else row.status
    )
    # Again, by another name: right already.
    live.give(message(correct(books_of(live), end + 1, "2"), end + 2))
    assert [one.status for one in corrections(live)][1:] == ["right_already"]
    # From there on both go the same way, as long as nobody buys.
    live.operator = rightly
    live.until(day(1500))
    right.until(day(1500))
    check_books(live)
    check_ids(live)
    if not right.state.current.redemptions:
        assert live.balances() == right.balances()


@FEWER
@given(told=histories(), policy=st.sampled_from(["negative", "floor_zero", "refuse"]))
def test_what_becomes_known_after_a_correction_counts_beside_it(
    told: list[Told], policy: str
) -> None:
    """Conservation, and ids used once, with late events folded before the correction."""
    messages = in_order(told)
    half = messages[len(messages) // 2].known_at
    before = [one for one in messages if one.known_at <= half]
    after = [one for one in messages if one.known_at > half]
    live = played(accrue(wrong_terms(policy)), before, half + 1)
    right = played(accrue(small_terms(policy)), without_answers(before), half + 1)
    live.give(message(correct(books_of(right), half), half + 1))
    check_books(live)
    for one in after:
        if one.known_at > half + 1:
            live.give(one)
            check_books(live)
    live.until(day(1500))
    check_books(live)
    check_ids(live)
    assert live.balances()["pending"] == live.balances()["held"] == 0


@FEWER
@given(data=st.data())
def test_a_late_purchase_and_a_correction_in_either_order(data: Any) -> None:
    """The account misses some purchases; a purchase that is known late adds what it earns."""
    rules = small_terms("negative")
    rules = msgspec.structs.replace(rules, earn=(BaseRate(rate=Decimal(1)),))
    bought = [
        sale(f"t{number}", day(number), data.draw(st.integers(0, 9000)))
        for number in range(data.draw(st.integers(2, 8)))
    ]
    missed = set(data.draw(st.lists(st.sampled_from(range(len(bought))), unique=True)))
    late = sale("late", day(data.draw(st.integers(0, 8))) + HOUR, data.draw(st.integers(0, 9000)))
    known_at, compared = day(12), day(10)

    def tell(till: Till, some: list[Event]) -> Till:
        return till.play(*some)

    heard = [one for number, one in enumerate(bought) if number not in missed]
    live = tell(Till(accrue(rules)), heard).until(compared + 1)
    right = tell(Till(accrue(rules)), bought).until(compared + 1)
    live.give(message(correct(books_of(right), compared), compared + 1))
    live.late(late, known_at)
    perfect = tell(Till(accrue(rules)), sorted([*bought, late], key=lambda one: one.occurred_at))
    perfect.until(known_at)
    check_books(live)
    assert live.balances() == perfect.balances()
    assert lots_of(live) == lots_of(perfect)
    live.until(day(400))
    perfect.until(day(400))
    assert live.balances() == perfect.balances()


def test_what_moved_on_is_left_for_the_next_time() -> None:
    live = Till().play(sale("t", day(0), 1000), sale("u", day(2), 1000))
    right = Till().play(sale("t", day(0), 3000)).until(day(1))
    live.give(message(correct(books_of(right), day(1)), day(2) + 1))
    assert [one.status for one in corrections(live)] == ["moved_on"]
    assert live.balances()["pending"] == 20


def test_entries_name_what_they_correct_and_who_ordered_it() -> None:
    live = Till().play(sale("t", day(0), 1000))
    right = Till(accrue(wrong_terms("negative"))).play(sale("t", day(0), 1000))
    (wrong,) = live.entries
    books = books_of(right)
    (lot,) = books["lots"]
    books["lots"] = (msgspec.structs.replace(lot, corrects=wrong.entry_id),)
    live.give(message(correct(books, day(1)), day(1) + 1))
    (entry,) = live.entries[1:]
    assert (entry.kind, entry.debit, entry.credit, entry.points) == (
        "correct",
        "issued",
        "pending",
        10,
    )
    assert (entry.corrects, entry.note) == (wrong.entry_id, "rates were wrong (ada)")
    assert (entry.source, entry.event_id) == ("command", "correct-1")
    (row,) = corrections(live)
    assert (row.gained, row.lost, row.status) == (10, 0, "applied")


def test_a_hold_stays_what_was_answered() -> None:
    live = Till().play(adjust("x", day(0), 100), redeem("d", day(1), 60, hold=True))
    right = Till().play(adjust("x", day(0), 20))
    books = books_of(right)
    live.give(message(correct(books, day(1) + 5), day(1) + 6))
    check_books(live)
    assert live.balances()["held"] == 60
    assert live.balances()["available"] == -40
    live.play(settle("capture", "d", day(1) + HOUR // 10))
    check_books(live)
    assert live.balances()["redeemed"] == 60


def test_a_tier_is_put_right_both_ways() -> None:
    bought = sale("t", day(0), 100_000)
    for live, right, moves in (
        (Till(), Till().play(bought), [("basic", "silver", "corrected")]),
        (
            Till().play(bought),
            Till().play(sale("u", day(0), 100)),
            [("basic", "silver", "qualified"), ("silver", "basic", "corrected")],
        ),
    ):
        live.give(message(correct(books_of(right), day(1)), day(1) + 1))
        assert live.tier == right.tier
        assert live.tier_changes == moves
        assert live.state.current.qualifying == right.state.current.qualifying


@pytest.mark.parametrize("effective", ["the same version", "a further version"])
def test_facts_of_other_rules_are_never_folded_again(effective: str) -> None:
    """A programme file that was put right: what was posted stands, until it is corrected."""
    first, late = sale("t", day(0), 1000), sale("u", day(1), 1000)
    wrong, fixed = small_terms("negative"), wrong_terms("negative")
    if effective == "a further version":
        begins = datetime.fromtimestamp(day(3) / 1000, timezone.utc)
        versions = [wrong, msgspec.structs.replace(fixed, version=2, effective_from=begins)]
    else:
        versions = [fixed]
    till = Till(accrue(wrong)).play(first)
    till.operator = accrue(*versions)
    till.play(sale("v", day(4), 1000))
    till.late(late, day(4) + DAY)
    check_books(till)
    posting = {one.event_id: one.posting for one in till.entries if one.kind == "earn"}
    assert posting["e-u"] == ("rebooked" if effective == "a further version" else "late")
