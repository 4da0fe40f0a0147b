"""What two members had besides points is one member's after a merge."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accrue_till import DAY, HOUR, Till, accrue, day, enrolled, sale, terms
from merged_tills import Tills
from msgspec.structs import replace
from privilege_till import benefit, grant, member, newest, profile

from schemas.membership import Entitlement, PaidPlan
from schemas.privileges import BenefitUsage, MembershipPeriod, OfferGrant, Unlocked
from schemas.rewards import CatalogueOffer, Gift, Prize

FUEL = Entitlement(entitlement="fuel", limit=1, per="year")


def tills(**changes: Any) -> Tills:
    usual: dict[str, Any] = {
        "tiers": None,
        "pending_days": 0,
        "offers": (
            CatalogueOffer(offer="five_off", group="basket", valid_days=60),
            CatalogueOffer(offer="tenth_off", group="basket", valid_days=90),
        ),
        "gifts": (
            Gift(gift="cake", on="birthday", prize=Prize(points=50, access="club")),
            Gift(gift="thanks", on="anniversary", prize=Prize(points=9)),
        ),
        "plans": (PaidPlan(plan="plus", months=1, grace_days=5, entitlements=(FUEL,)),),
    }
    return Tills(accrue(terms(**{**usual, **changes})))


def told(both: Tills, one: str, *events: Any) -> None:
    for each in events:
        both.give(each, one, each.occurred_at)


def merged(both: Tills, at: int) -> Till:
    """`a` goes on in `b`."""
    both.merge("a", "b", at)
    both.deliver_all(at + HOUR)
    return both.till("b")


def rows(one: Till, kind: type, key: str) -> list[Any]:
    return list(newest(one, kind, (key,)).values())


def test_of_two_open_offers_of_a_group_one_waits() -> None:
    both = tills()
    told(both, "a", grant("five_off", day(0)), grant("x", day(0)))
    told(both, "b", grant("tenth_off", day(1)))
    b = merged(both, day(2))
    found = rows(b, OfferGrant, "grant_id")
    assert {row.offer_id: (row.member_id, row.status) for row in found} == {
        "tenth_off": ("b", "open"),
        "five_off": ("b", "waiting"),
        "x": ("b", "open"),
    }
    told(both, "b", sale("t", day(3), 100, offers=("tenth_off", "x")))
    after = {row.offer_id: row.status for row in rows(b, OfferGrant, "grant_id")}
    assert after == {"tenth_off": "used", "five_off": "open", "x": "used"}
    b.until(day(61))
    after = {row.offer_id: row.status for row in rows(b, OfferGrant, "grant_id")}
    assert after["five_off"] == "expired", "it lasts no longer than it was told to"


def test_a_gift_that_either_got_isn_t_given_again() -> None:
    both, zone = tills(), ZoneInfo("America/New_York")
    told(both, "a", enrolled(day(-30)))
    told(both, "b", replace(enrolled(day(-20)), event_id="e-b"))
    told(both, "a", profile(day(0), "03-03"))
    told(both, "b", profile(day(4), "03-08"))
    both.until(day(5))
    assert both.till("a").available == 50
    b = merged(both, day(5))
    assert b.available == 50
    b.until(day(9))
    assert b.available == 50, "the cake of this year was given"
    b.until(day(364))
    assert [
        (one.rule, datetime.fromtimestamp(one.occurred_at / 1000, zone).date().isoformat())
        for one in b.entries
        if one.kind == "bonus"
    ] == [("thanks", "2018-01-30")]
    b.until(day(372))
    assert [one.rule for one in b.entries if one.kind == "bonus"] == ["thanks", "cake"]


def test_a_membership_goes_on_and_its_uses_count() -> None:
    both = tills()
    told(both, "b", member("started", day(-3)), member("ended", day(-2)))
    told(both, "a", member("started", day(0)), benefit("fuel", day(1)))
    b = merged(both, day(5))
    told(both, "b", benefit("fuel", day(6)))
    assert [(row.code, row.left) for row in rows(b, BenefitUsage, "event_id")] == [
        ("limit_reached", 0)
    ]
    told(both, "b", member("renewed", day(20)))
    assert [(row.since, row.status) for row in rows(b, MembershipPeriod, "since")] == [
        (day(-3), "ended"),
        (day(0), "active"),
    ]
    assert [row.status for row in rows(both.till("a"), MembershipPeriod, "since")] == [
        "transferred"
    ]
    b.until(day(90))
    assert rows(b, MembershipPeriod, "since")[1].status == "ended"


def test_of_two_memberships_in_force_the_survivor_s_goes_on() -> None:
    both = tills()
    told(both, "a", member("started", day(0)))
    told(both, "b", member("started", day(1)))
    b = merged(both, day(5))
    assert [(row.since, row.status) for row in rows(b, MembershipPeriod, "since")] == [
        (day(1), "active")
    ]


def test_access_of_either_stays() -> None:
    both = tills()
    told(both, "a", profile(day(0) + DAY, "03-03"))
    both.until(day(5))
    b = merged(both, day(5))
    (row,) = rows(b, Unlocked, "access")
    assert row.until is None and row.unlocked_by == "cake"
