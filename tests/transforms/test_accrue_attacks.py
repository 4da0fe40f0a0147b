"""What somebody tried to get for nothing, and what must stay of one piece when they do."""

from collections import Counter
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from accrue_till import HOUR, Till, accrue, adjust, day, line, order, redeem, return_, sale, terms
from challenge_till import challenge, contest_till
from earning_till import profile, step, till
from merged_tills import Tills
from msgspec.structs import replace
from privilege_till import grant

from schemas.earn_rules import BaseRate, Bonus, BonusRate, Multiply, When
from schemas.ledger import RedemptionAnswer
from schemas.rewards import CatalogueOffer, Prize, Reward

BASE = BaseRate(rate=Decimal(1))
BIRTHDAY = When(birthday="day")
OFFERED: dict[str, Any] = {"returns_days": 14, "offers": (CatalogueOffer(offer="treat"),)}


def is_one_piece(played: Till) -> bool:
    """The account is what its entries say, and no two of these have one id."""
    balances = played.state.current.balances
    ids = [one.entry_id for one in played.entries]
    said = {name: balances.get(name, 0) for name in played.balances()}
    return said == played.balances() and len(set(ids)) == len(ids)


@pytest.mark.parametrize(("policy", "spent"), [("floor_zero", 1000), ("refuse", 1)])
def test_a_prize_that_policy_forgives_is_won_once(policy: str, spent: int) -> None:
    """Bought, spent and returned again and again."""
    won = challenge(counts="spend", target=100, prize=Prize(points=1000))
    played = contest_till(won, negative_balance=policy)
    for round_ in range(4):
        name, at = f"s{round_}", day(3 * round_)
        played.play(sale(name, at, 10_000))
        if not round_:
            played.play(redeem("r", at + 1, spent))
        played.play(return_(f"b{round_}", at + HOUR, name, [line("1", 10_000)]))
    sums = played.balances()
    assert (sums["redeemed"], sums["available"]) == (spent, 1000 - spent)
    assert -sums["issued"] == 1000


def test_a_birthday_that_is_changed_isnt_one_this_year() -> None:
    played = till(BASE, Multiply(name="party", times=Decimal(10), when=BIRTHDAY))
    for number in range(5):
        at = day(number)
        today = datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%m-%d")
        played.play(profile(f"p{number}", at, birthday=today), sale(f"s{number}", at + HOUR, 1000))
    assert played.available == 10 * 5 + 90
    played.play(sale("next", day(365 + 4), 1000))
    assert played.available == 10 * 6 + 90 * 2 - expired(played)


def expired(played: Till) -> int:
    return played.balances()["expired"]


def test_a_retry_is_the_same_request_though_the_reward_was_repriced() -> None:
    def dearer(version: int, month: int, *rewards: Reward) -> Any:
        starts = datetime(2017, 3, month, tzinfo=timezone.utc)
        return terms(version=version, effective_from=starts, tiers=None, rewards=rewards)

    first = terms(tiers=None, rewards=(Reward(reward="mug", points=100),))
    second, third = dearer(2, 11, Reward(reward="mug", points=150)), dearer(3, 21)
    played = Till(accrue(first, second, third))
    played.play(adjust("x", day(0), 1000), redeem("r", day(1), "mug"))
    for number, at in enumerate((day(2), day(11), day(25))):
        played.play(redeem("r", at, "mug", event_id=f"again-{number}"))
    played.play(redeem("r", day(26), 7, event_id="other"))
    codes = [one.code for one in played.of(RedemptionAnswer)]
    assert codes == ["ok", "exists", "exists", "exists", "exists_with_different_points"]
    assert played.balances()["redeemed"] == 100


def test_two_rules_that_were_removed_are_taken_back_by_one_entry_a_line() -> None:
    extra = (BonusRate(rate=Decimal("0.5")), Bonus(points=4))
    played = till(BASE, *extra).play(sale("a", day(0), 1000))
    played.operator = till(BASE).operator
    played.play(return_("r", day(1), "a", [line("1", 1000)]))
    back = Counter((one.rule, one.points) for one in played.entries if one.kind == "reverse")
    assert back == {("base", 10): 1, ("edited", 9): 1}
    assert is_one_piece(played)


def test_a_return_that_came_too_late_isnt_let_in_by_a_name() -> None:
    """Cancelled after returns were accepted; then the till says what the order is called."""
    bought = [line("1", 500)]
    played = till(BASE, returns_days=14, orders_earn_on=("order_placed",))
    played.play(step("order_placed", "o", day(0), bought))
    played.play(step("order_cancelled", "o", day(20), bought))
    played.play(sale("t", day(21), bought, order_id="o"))
    assert played.available == 5
    played.late(sale("x", day(20.5), 100), day(22))
    assert is_one_piece(played)


def test_a_name_of_before_goes_to_its_own_order_though_it_was_used_long_ago() -> None:
    """A till's number comes again after returns, before its order is known; and all of it once
    more, folded from a base that has forgotten the first."""
    bought = [line("1", 500)]
    played = till(BASE, returns_days=14, orders_earn_on=("order_placed",))
    played.play(step("order_placed", "old", day(0), bought))
    played.play(sale("t", day(1), bought, order_id="old"))
    again = replace(sale("t", day(50), bought, order_id="new"), event_id="e-t-again")
    played.play(again)
    played.play(step("order_placed", "new", day(52), bought))
    played.play(return_("r", day(53), "t", bought))
    assert played.available == 5
    played.late(sale("x", day(52.5), 100), day(54))
    assert is_one_piece(played)
    assert played.available == 6


def test_a_receipt_that_may_be_forgotten_isnt_joined_with_one_that_comes() -> None:
    tills = Tills(accrue(terms(tiers=None, pending_days=0, returns_days=40)))
    tills.give(order("o", day(0), 500), "new", day(0))
    tills.give(order("o", day(38), 500, "order_delivered"), "old", day(38))
    tills.give(sale("a", day(40), 100), "new", day(40))
    tills.give(sale("b", day(58), 100), "new", day(58))
    tills.merge("old", "new", day(59))
    tills.deliver_all(day(60))
    tills.give(sale("c", day(57), 100), "new", day(61))
    assert is_one_piece(tills.till("new"))


def test_a_return_that_comes_back_with_a_merged_account_is_another_posting() -> None:
    tills = Tills(accrue(terms(tiers=None, pending_days=0)))
    back = return_("r", day(2), "t", [line("1", 500)])
    tills.give(sale("t", day(0), 500), "new", day(0))
    tills.give(back, "new", day(2))
    tills.give(back, "new", day(3), retract=True)
    tills.give(back, "old", day(3))
    for number in range(8):
        tills.give(sale(f"s{number}", day(10 + 5 * number), 100), "new", day(10 + 5 * number))
    tills.merge("old", "new", day(50))
    tills.deliver_all(day(51))
    played = tills.till("new")
    assert sum(one.points for one in played.entries if one.kind == "reverse") == 10
    assert is_one_piece(played)


def test_a_birthday_that_was_changed_isnt_asked_for_after_a_merge_either() -> None:
    tills = Tills(till(BASE, Multiply(name="party", times=Decimal(10), when=BIRTHDAY)).operator)
    tills.give(profile("one", day(0), birthday="12-24"), "old", day(0))
    tills.give(profile("two", day(1), birthday="03-15"), "old", day(1))
    tills.give(sale("a", day(2), 100), "new", day(2))
    tills.merge("old", "new", day(10))
    tills.deliver_all(day(11))
    tills.give(sale("b", day(14), 1000), "new", day(14))
    assert tills.till("new").balances()["available"] == 11


def test_an_offer_is_used_once_by_an_order_that_takes_longer_than_returns() -> None:
    played = till(BASE, Bonus(points=50, when=When(offers=("treat",))), **OFFERED)
    played.play(grant("treat", day(0)), step("order_placed", "o", day(1), 100, offers=("treat",)))
    played.play(grant("treat", day(20), event_id="again"))
    played.play(step("order_delivered", "o", day(30), 100, offers=("treat",)))
    assert [one.status for one in played.state.current.offers.values()] == ["used", "open"]
