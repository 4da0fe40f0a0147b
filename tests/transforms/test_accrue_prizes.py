"""Prizes: given once for each cause, and taken back as they were given."""

from typing import Any

import pytest
from accrue_till import DAY, day, programme, terms

from schemas.rewards import CatalogueOffer, Prize
from transforms.accrue.book import Book
from transforms.accrue.prizes import award, settle_access, take_back
from transforms.accrue.programmes import Plan
from transforms.accrue.state import Account
from transforms.accrue.timers import fire

OFFER = CatalogueOffer(offer="free_coffee", valid_days=30)


def book(at: int = day(0), account: Account | None = None, **changes: Any) -> Book:
    """A book on behalf of an event e-0 at an instant."""
    plan = Plan(programme(terms(**{"offers": (OFFER,), "tiers": None, **changes})))
    made = Book(account or Account(), "m-1", plan, {}, at)
    made.on_behalf_of(at, "pos", "e-0", at, False)
    return made


def entries(made: Book) -> list[tuple[str, str, str, int, str | None]]:
    return [(one.kind, one.debit, one.credit, one.points, one.rule) for one in made.entries]


def later(made: Book, at: int, event_id: str = "e-return") -> Book:
    """The same book, on behalf of something later."""
    fire(made, at)
    made.on_behalf_of(at, "pos", event_id, at, False)
    return made


def test_points_wait_like_those_of_a_purchase_if_asked() -> None:
    made = book()
    award(made, "card", Prize(points=50), pending=True)
    award(made, "card", Prize(points=50), pending=True, number=1)
    award(made, "birthday", Prize(points=7), pending=False)
    assert entries(made) == [
        ("bonus", "issued", "pending", 50, "card"),
        ("bonus", "issued", "pending", 50, "card"),
        ("bonus", "issued", "available", 7, "birthday"),
    ]
    assert len(made.account.lots) == 3
    assert len({one.entry_id for one in made.entries}) == 3
    later(made, day(4))
    assert made.account.balances == {"issued": -107, "pending": 0, "available": 107}
    assert {lot.expires_at for lot in made.account.lots.values()} == {
        made.terms.lot_expires_at(day(0))
    }


def test_what_is_taken_back_is_what_was_given_under_whatever_terms() -> None:
    made = book()
    award(made, "card", Prize(points=50), pending=True)
    award(made, "card", Prize(points=50), pending=True, number=1)
    later(made, day(4))
    take_back(made, "card", Prize(points=999), "pos/e-0", number=1)
    assert made.account.balances["available"] == 50
    assert entries(made)[-1] == ("reverse", "available", "reversed", 50, "card")
    take_back(made, "card", Prize(points=999), "pos/e-0", number=1)
    assert made.account.balances["available"] == 50, "once only"
    assert sorted(lot.points for lot in made.account.lots.values()) == [0, 50]


def test_points_that_were_spent_become_a_debt_unless_the_policy_forgives() -> None:
    for policy, available, debt in (("negative", -50, 50), ("floor_zero", 0, 0)):
        made = book(negative_balance=policy)
        award(made, "card", Prize(points=50), pending=False)
        (lot,) = made.account.lots.values()
        made.post("redeem", "available", "redeemed", 50, None)
        lot.remaining = 0
        made.account.expiring.clear()
        take_back(later(made, day(1)), "card", Prize(points=50), "pos/e-0")
        assert (made.account.balances["available"], made.account.debt) == (available, debt)


def test_an_offer_is_granted_once_and_revoked_if_it_is_open() -> None:
    made, prize = book(), Prize(offer="free_coffee")
    award(made, "card", prize, pending=True)
    award(made, "card", prize, pending=True)
    ((key, offer),) = made.account.offers.items()
    assert (offer.status, offer.reason, offer.expires_at) == ("open", "card", day(30))
    assert list(made.changed) == [("offers", key)]
    take_back(later(made, day(1)), "card", prize, "pos/e-0")
    assert (offer.status, offer.closed_at, offer.closed_by) == ("revoked", day(1), "pos/e-return")


def test_an_offer_that_is_closed_stays_as_it_is() -> None:
    made, prize = book(), Prize(offer="free_coffee")
    award(made, "card", prize, pending=True)
    take_back(later(made, day(31)), "card", prize, "pos/e-0")
    assert [one.status for one in made.account.offers.values()] == ["expired"]


def test_access_stays_as_long_as_one_of_its_causes_does() -> None:
    made, prize = book(), Prize(access="club")
    award(made, "miles", prize, pending=True)
    later(made, day(1), "e-1")
    award(made, "steps", prize, pending=True)
    take_back(later(made, day(2)), "miles", prize, "pos/e-0")
    club = made.account.access["club"]
    assert (club.since, club.ended_at) == (day(0), None)
    take_back(later(made, day(3)), "steps", prize, "pos/e-1")
    assert (club.since, club.ended_at) == (day(0), day(3))
    take_back(later(made, day(4)), "steps", prize, "pos/e-1")
    assert club.ended_at == day(3)
    award(later(made, day(5), "e-5"), "steps", prize, pending=True)
    club = made.account.access["club"]
    assert (club.since, club.by, club.ended_at) == (day(5), "steps", None)


@pytest.mark.parametrize("settled, ended_at", [(day(0), day(3)), (day(0) + 1, None)])
def test_access_that_can_no_longer_be_returned_is_for_good(
    settled: int, ended_at: int | None
) -> None:
    made, prize = book(), Prize(access="club")
    award(made, "miles", prize, pending=True)
    settle_access(made.account.access, settled)
    award(later(made, day(1), "e-1"), "steps", prize, pending=True)
    take_back(later(made, day(2)), "miles", prize, "pos/e-0")
    take_back(later(made, day(3)), "steps", prize, "pos/e-1")
    assert made.account.access["club"].ended_at == ended_at


def test_one_prize_may_be_all_three() -> None:
    made = book()
    award(made, "card", Prize(points=5, offer="free_coffee", access="club"), pending=False)
    assert len(made.account.lots) == len(made.account.offers) == len(made.account.access) == 1
    later(made, day(1) + DAY)
    take_back(made, "card", Prize(points=5, offer="free_coffee", access="club"), "pos/e-0")
    assert made.account.balances["available"] == 0
    assert [one.closed_at for one in made.account.offers.values()] == [made.at]
    assert made.account.access["club"].ended_at == made.at
