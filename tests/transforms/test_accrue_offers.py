"""Offers: answered once, one open of a group, used anywhere and closed everywhere."""

from typing import Any

import pytest
from accrue_till import DAY, MINUTE, Till, accrue, cancel, day, message, order, return_, sale, terms
from msgspec.structs import replace
from privilege_till import grant, newest, offers, revoke

from schemas.earn_rules import BaseRate, Bonus, When
from schemas.events import Event
from schemas.flow import AccountChanged
from schemas.privileges import OfferGrant
from schemas.rewards import CatalogueOffer, Discount
from transforms.accrue.horizon import advance_base
from transforms.accrue.offers import OPEN_MAX

CATALOGUE = (
    CatalogueOffer(offer="five_off", group="basket", discount=Discount(amount=500)),
    CatalogueOffer(offer="tenth_off", group="basket", valid_days=10, discount=Discount(percent=10)),
    CatalogueOffer(offer="stars", valid_days=30),
)


def coffee(**changes: Any) -> Any:
    bonus = Bonus(name="star_offer", points=25, when=When(offers=("stars",)))
    usual: dict[str, Any] = {
        "earn": (BaseRate(rate=1), bonus),
        "offers": CATALOGUE,
        "tiers": None,
        "pending_days": 0,
        "rewards": (),
    }
    return terms(**{**usual, **changes})


def till(*events: Event) -> Till:
    return Till(accrue(coffee()), recode_state=True).play(*events)


def ordered(name: str, at: int, *used: str, type_: str = "order_placed") -> Event:
    one = order(name, at, 1000, type_)
    return replace(one, payload=replace(one.payload, offers=used))


def rows(one: Till) -> list[OfferGrant]:
    return list(newest(one, OfferGrant, ("grant_id",)).values())


CASES: list[tuple[str, list[Event], list[tuple[str, str, str]]]] = [
    ("granted", [grant("stars", day(0))], [("stars", "open", "ok")]),
    ("not in the catalogue", [grant("x", day(0))], [("x", "open", "ok")]),
    (
        "expired already",
        [grant("stars", day(0)), grant("stars", day(1), day(1))],
        [("stars", "open", "ok"), ("stars", "refused", "expired_already")],
    ),
    (
        "another of its group is open",
        [grant("five_off", day(0)), grant("tenth_off", day(1)), grant("stars", day(2))],
        [
            ("five_off", "open", "ok"),
            ("tenth_off", "refused", "group_has_open_offer"),
            ("stars", "open", "ok"),
        ],
    ),
    (
        "an offer is its own group",
        [grant("x", day(0)), grant("x", day(1)), grant("y", day(2))],
        [("x", "open", "ok"), ("x", "refused", "group_has_open_offer"), ("y", "open", "ok")],
    ),
    (
        "revoked makes room",
        [grant("five_off", day(0)), revoke("five_off", day(1)), grant("tenth_off", day(2))],
        [("five_off", "revoked", "ok"), ("tenth_off", "open", "ok")],
    ),
    ("nothing to revoke", [revoke("stars", day(0))], [("stars", "refused", "not_open")]),
    (
        "used makes room",
        [grant("five_off", day(0)), sale("t", day(1), 1, offers=("five_off",)), grant("x", day(2))],
        [("five_off", "used", "ok"), ("x", "open", "ok")],
    ),
    (
        "named by nobody who has it",
        [sale("t", day(0), 1, offers=("stars",)), grant("stars", day(1))],
        [("stars", "open", "ok")],
    ),
    (
        "a purchase closes all that it names",
        [
            grant("five_off", day(0)),
            grant("stars", day(1)),
            sale("t", day(2), 1, offers=("stars", "stars", "five_off")),
        ],
        [("five_off", "used", "ok"), ("stars", "used", "ok")],
    ),
]


@pytest.mark.parametrize("events, ends", [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_becomes_of_an_offer(events: list[Event], ends: list[tuple[str, str, str]]) -> None:
    assert offers(till(*events)) == ends


def test_a_member_has_only_so_many_open_offers() -> None:
    one = till(*(grant(f"x{number}", day(0) + number) for number in range(OPEN_MAX + 1)))
    assert [status for _, status, _ in offers(one)] == ["open"] * OPEN_MAX + ["refused"]
    assert offers(one)[-1][2] == "too_many_open"


def test_the_codes_stand_in_their_order() -> None:
    asked = [grant(f"x{number}", day(0) + number) for number in range(OPEN_MAX)]
    one = till(*asked, grant("x1", day(1)), grant("x2", day(2), day(1)))
    assert [code for _, _, code in offers(one)[-2:]] == ["group_has_open_offer", "expired_already"]


def test_a_wish_that_comes_again_changes_nothing() -> None:
    asked = grant("stars", day(0))
    one = till(asked)
    assert one.give(message(asked, day(0))).last == []
    one.play(sale("t", day(1), 1, offers=("stars",)))
    advance_base(one.state, one.operator.programmes.named("grocer"), day(2))
    assert one.give(message(asked, day(3))).last == []
    assert offers(one) == [("stars", "used", "ok")]


def test_it_expires_by_itself_and_every_surface_is_told() -> None:
    one = till(grant("stars", day(0))).until(day(30) + 1)
    (row,) = rows(one)
    assert (row.status, row.expires_at, row.closed_at, row.closed_by) == (
        "expired",
        day(30),
        day(30),
        None,
    )
    assert [change.cause for change in one.of(AccountChanged)] == ["grant_offer", "offer_expired"]


def test_the_grant_may_say_until_when() -> None:
    (row,) = rows(till(grant("stars", day(0), day(2), "sorry")).until(day(3)))
    assert (row.status, row.closed_at, row.reason) == ("expired", day(2), "sorry")


def test_it_is_no_longer_valid_at_the_instant_at_which_it_expires() -> None:
    granted = grant("stars", day(0), day(1))
    assert offers(till(granted, sale("t", day(1), 1, offers=("stars",))).until(day(2))) == [
        ("stars", "expired", "ok")
    ]
    assert offers(till(granted, sale("t", day(1) - 1, 1, offers=("stars",)))) == [
        ("stars", "used", "ok")
    ]


def test_using_it_earns_what_a_rule_gives_for_it_once() -> None:
    one = till(
        grant("stars", day(0)),
        sale("t", day(1), 1000, offers=("stars",)),
        sale("u", day(2), 1000, offers=("stars",)),
    )
    assert [(e.rule, e.points) for e in one.entries] == [
        ("base", 10),
        ("star_offer", 25),
        ("base", 10),
    ]
    (row,) = rows(one.until(day(40)))
    assert (row.status, row.closed_at, row.closed_by) == ("used", day(1), "pos/e-t")
    assert "offer_expired" not in [change.cause for change in one.changes]


def test_an_order_that_a_sale_completes_uses_it_once() -> None:
    one = till(
        grant("x", day(0)),
        ordered("o", day(1), "x"),
        grant("x", day(2)),
        sale("t", day(3), 1000, order_id="o", offers=("x",)),
        ordered("o", day(4), "x", type_="order_delivered"),
    )
    assert offers(one) == [("x", "used", "ok"), ("x", "open", "ok")]


def test_one_that_only_the_completing_sale_names_is_closed_too() -> None:
    one = till(
        grant("x", day(0)),
        ordered("o", day(1)),
        sale("t", day(2), 1000, order_id="o", offers=("x",)),
    )
    (row,) = rows(one)
    assert (row.status, row.closed_at, row.closed_by) == ("used", day(2), "pos/e-t")
    assert one.last and isinstance(one.last[-1], AccountChanged)


def test_an_order_that_earns_later_uses_it_when_it_is_placed() -> None:
    """So nobody uses it twice meanwhile; what it earns comes with the rest of the order."""
    one = Till(accrue(coffee(orders_earn_on=("order_collected",))), recode_state=True).play(
        grant("stars", day(0)),
        ordered("o", day(1), "stars"),
        sale("t", day(2), 1000, offers=("stars",)),
        grant("stars", day(3)),
        ordered("o", day(4), "stars", type_="order_collected"),
        sale("c", day(5), 1000, order_id="o", offers=("stars",)),
    )
    assert offers(one) == [("stars", "used", "ok"), ("stars", "open", "ok")]
    assert [(e.event_id, e.rule) for e in one.entries] == [
        ("e-t", "base"),
        ("e-order_collected-o", "base"),
        ("e-order_collected-o", "star_offer"),
    ]
    placed = ordered("o", day(1), "stars")
    late = Till(accrue(coffee(orders_earn_on=("order_collected",)))).play(
        grant("stars", day(0)), sale("t", day(2), 1000, offers=("stars",))
    )
    assert [(row.closed_by) for row in rows(late.late(placed, day(3)))] == ["web/e-order_placed-o"]
    assert late.available == 10
    late.late(placed, day(4), retract=True)
    assert late.available == 35


def test_a_purchase_that_earns_nothing_uses_it_too() -> None:
    foreign = sale("t", day(1), 1000, offers=("stars",))
    foreign = replace(foreign, payload=replace(foreign.payload, currency="EUR"))
    one = till(grant("stars", day(0)), foreign, sale("u", day(2), 1000, offers=("stars",)))
    assert [(row.status, row.closed_by) for row in rows(one)] == [("used", "pos/e-t")]
    assert one.available == 10


def test_it_stays_used_when_the_purchase_comes_back() -> None:
    bought = sale("t", day(1), 1000, offers=("stars",))
    back = return_("r", day(2), "t", bought.payload.lines)
    one = till(grant("stars", day(0)), bought, back)
    assert one.available == 0
    assert offers(one) == [("stars", "used", "ok")]
    cancelled = till(grant("x", day(0)), ordered("o", day(1), "x"), cancel("o", day(2)))
    assert offers(cancelled) == [("x", "used", "ok")]


def test_a_late_sale_that_used_it_earlier_takes_it_from_the_one_after() -> None:
    first = sale("t", day(1), 1000, offers=("stars",))
    second = sale("u", day(2), 1000, offers=("stars",))
    granted = grant("stars", day(0))
    in_order, late = till(granted, first, second), till(granted, second).late(first, day(3))
    assert late.state.current == in_order.state.current
    assert late.balances() == in_order.balances()
    assert [(row.closed_at, row.closed_by) for row in rows(late)] == [(day(1), "pos/e-t")]
    assert [row.version for row in late.of(OfferGrant)] == [1, 2, 3]


def test_a_sale_that_is_taken_back_leaves_the_offer_open() -> None:
    used = sale("t", day(1), 1000, offers=("stars",))
    one = till(grant("stars", day(0)), used).late(used, day(2), retract=True)
    assert offers(one) == [("stars", "open", "ok")]
    assert one.play(sale("u", day(3), 1000, offers=("stars",))).available == 35
    gone = till(grant("stars", day(0)), used)
    gone.until(day(16)).late(used, day(16), retract=True).until(day(31))
    assert offers(gone) == [("stars", "expired", "ok")]


def test_an_answer_stands_whatever_becomes_known_later() -> None:
    """A grant was refused, for the sale that had closed the other offer came late; another was
    accepted after a sale that is then taken back: of the two that are open now one waits."""
    used = sale("t", day(1), 1000, offers=("five_off",))
    refused = till(grant("five_off", day(0)), grant("tenth_off", day(2))).late(used, day(3))
    assert offers(refused) == [
        ("five_off", "used", "ok"),
        ("tenth_off", "refused", "group_has_open_offer"),
    ]
    accepted = till(grant("five_off", day(0)), used, grant("tenth_off", day(2)))
    accepted.late(used, day(3), retract=True)
    assert offers(accepted) == [("five_off", "open", "ok"), ("tenth_off", "waiting", "ok")]
    accepted.play(sale("u", day(5), 1000, offers=("tenth_off", "five_off")))
    assert offers(accepted) == [("five_off", "used", "ok"), ("tenth_off", "open", "ok")]
    assert rows(accepted)[1].expires_at == day(15)
    accepted.until(day(16))
    assert offers(accepted)[1] == ("tenth_off", "expired", "ok")


def test_one_that_waits_may_be_revoked_or_expire() -> None:
    used = sale("t", day(1), 1000, offers=("five_off",))
    one = till(grant("five_off", day(0)), used, grant("tenth_off", day(2), day(6)))
    one.late(used, day(3), retract=True)
    waiting = offers(one)[1]
    assert waiting == ("tenth_off", "waiting", "ok")
    assert offers(one.until(day(7)))[1] == ("tenth_off", "expired", "ok")
    other = till(grant("five_off", day(0)), used, grant("tenth_off", day(2), day(6)))
    other.late(used, day(3), retract=True).play(revoke("tenth_off", day(4)))
    assert offers(other) == [("five_off", "open", "ok"), ("tenth_off", "revoked", "ok")]


def test_revoking_one_that_a_late_sale_had_used_changes_nothing() -> None:
    used = sale("t", day(1), 1000, offers=("stars",))
    late = till(grant("stars", day(0)), revoke("stars", day(2))).late(used, day(3))
    assert [(row.status, row.closed_by) for row in rows(late)] == [("used", "pos/e-t")]


def test_a_closed_offer_is_forgotten_with_the_returns_of_its_time() -> None:
    one = till(grant("five_off", day(0)), grant("x", day(0)), sale("t", day(1), 1, offers=("x",)))
    plan = one.operator.programmes.named("grocer")
    advance_base(one.state, plan, day(91))
    assert sorted(o.status for o in one.state.current.offers.values()) == ["open", "used"]
    advance_base(one.state, plan, day(91) + 1)
    assert sorted(o.status for o in one.state.current.offers.values()) == ["open"]
    one.play(sale("u", day(92), 1, offers=("five_off",)))
    assert offers(one)[0] == ("five_off", "used", "ok")


def test_a_grant_beyond_the_horizon_is_a_grant_of_its_day() -> None:
    """Commands count when they become known: a late one is valid from then on."""
    one = till(sale("t", day(1), 1000, offers=("stars",))).late(grant("stars", day(0)), day(40))
    (row,) = rows(one)
    assert (row.granted_at, row.expires_at) == (day(40), day(40) + 30 * DAY)
    assert row.expires_at is not None and row.expires_at - row.granted_at > MINUTE
