"""Gifts: on a member's own days, each at most once a calendar year."""

from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from accrue_till import Till, accrue, day, enrolled, event, message, programme, sale, terms
from msgspec.structs import replace
from privilege_till import newest, offers, profile

from schemas.events import Event
from schemas.payloads import Merge, Profile
from schemas.privileges import OfferGrant, Unlocked
from schemas.rewards import CatalogueOffer, Gift, Prize
from transforms.accrue import Accrue, Programmes

NEW_YORK = ZoneInfo("America/New_York")
BIRTHDAY = Gift(gift="birthday", on="birthday", prize=Prize(points=100))
YEARLY = Gift(gift="year", on="anniversary", prize=Prize(offer="thanks"))


def with_gifts(*gifts: Gift, **changes: Any) -> Any:
    usual: dict[str, Any] = {
        "gifts": gifts,
        "offers": (CatalogueOffer(offer="thanks", valid_days=60),),
        "tiers": None,
    }
    return terms(**{**usual, **changes})


def till(*gifts: Gift) -> Till:
    return Till(accrue(with_gifts(*gifts or (BIRTHDAY, YEARLY))), recode_state=True)


def there(year: int, month: int, day_: int, hour: int = 0, minute: int = 0) -> int:
    """An instant by New York's clocks."""
    return int(datetime(year, month, day_, hour, minute, tzinfo=NEW_YORK).timestamp() * 1000)


def given(one: Till) -> list[tuple[str, int, int]]:
    return [(e.rule, e.points, e.occurred_at) for e in one.entries if e.kind == "bonus"]


def offers_rows(one: Till) -> list[OfferGrant]:
    return list(newest(one, OfferGrant, ("grant_id",)).values())


def _utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]


def test_a_birthday_brings_points_at_the_first_instant_of_the_day() -> None:
    one = till().play(profile(day(0), "06-05")).until(there(2019, 6, 6))
    assert given(one) == [
        ("birthday", 100, there(2017, 6, 5)),
        ("birthday", 100, there(2018, 6, 5)),
        ("birthday", 100, there(2019, 6, 5)),
    ]
    first = one.entries[0]
    assert (first.debit, first.credit, first.source) == ("issued", "available", None)
    assert one.available == 100, "those of the years before expired meanwhile"
    assert "birthday" in [change.cause for change in one.changes]


def test_an_anniversary_comes_a_year_after_the_enrolment() -> None:
    one = till().play(enrolled(there(2017, 3, 1, 23, 30))).until(there(2019, 3, 1, 1))
    granted = [(row.granted_at, row.reason) for row in offers_rows(one)]
    assert granted == [(there(2018, 3, 1), "year"), (there(2019, 3, 1), "year")]
    assert [status for _, status, _ in offers(one)] == ["expired", "open"]


@pytest.mark.parametrize(
    "birthday, days",
    [
        ("02-29", [(2018, 2, 28), (2019, 2, 28), (2020, 2, 29), (2021, 2, 28)]),
        ("12-31", [(2017, 12, 31), (2018, 12, 31), (2019, 12, 31), (2020, 12, 31)]),
        ("01-01", [(2018, 1, 1), (2019, 1, 1), (2020, 1, 1), (2021, 1, 1)]),
        ("03-12", [(2017, 3, 12), (2018, 3, 12), (2019, 3, 12), (2020, 3, 12), (2021, 3, 12)]),
    ],
)
def test_the_day_of_each_year(birthday: str, days: list[tuple[int, int, int]]) -> None:
    one = till().play(profile(day(0), birthday)).until(there(2021, 3, 13))
    assert [at for _, _, at in given(one)] == [there(*one_day) for one_day in days]


def test_a_birthday_learnt_on_the_day_itself_gives_at_once() -> None:
    one = till().play(profile(there(2017, 6, 5, 18), "06-05"))
    assert given(one) == [("birthday", 100, there(2017, 6, 5, 18))]
    assert one.entries[0].source == "profile"
    one.until(there(2018, 6, 6))
    assert [at for _, _, at in given(one)][1:] == [there(2018, 6, 5)]


def test_a_birthday_learnt_after_the_day_gives_nothing_before_next_year() -> None:
    one = till().play(profile(there(2017, 6, 6), "06-05")).until(there(2018, 6, 6))
    assert [at for _, _, at in given(one)] == [there(2018, 6, 5)]


def test_however_often_the_birthday_changes_it_is_once_a_year() -> None:
    one = till().play(
        profile(there(2017, 6, 1), "06-05"),
        profile(there(2017, 6, 10), "06-20"),
        profile(there(2017, 6, 25), "06-25"),
        profile(there(2017, 12, 31), "12-31"),
    )
    one.until(there(2018, 1, 2))
    assert [at for _, _, at in given(one)] == [there(2017, 6, 5)]
    one.play(profile(there(2018, 1, 3), "01-03"), profile(there(2018, 1, 4), "01-05"))
    one.until(there(2018, 12, 31))
    assert [at for _, _, at in given(one)][1:] == [there(2018, 1, 3)]


def test_a_birthday_that_is_put_right_in_time_counts() -> None:
    one = till().play(profile(there(2017, 6, 1), "06-05"), profile(there(2017, 6, 2), "06-20"))
    assert [at for _, _, at in given(one.until(there(2017, 12, 31)))] == [there(2017, 6, 20)]
    evening = till().play(profile(there(2017, 6, 4, 23, 59), "06-05")).until(there(2017, 6, 6))
    assert [at for _, _, at in given(evening)] == [there(2017, 6, 5)]


def test_the_same_birthday_again_changes_nothing() -> None:
    one = till().play(
        profile(there(2017, 6, 5, 1), "06-05"), profile(there(2017, 6, 5, 2), "06-05")
    )
    assert len(given(one)) == 1
    assert one.play(profile(day(200))).until(there(2017, 12, 31)) and len(given(one)) == 1


def test_a_birthday_that_becomes_known_late_gives_what_was_due() -> None:
    told = profile(there(2017, 6, 1), "06-05")
    late = till().late(told, there(2017, 6, 10)).until(there(2017, 6, 12))
    in_order = till().play(told).until(there(2017, 6, 12))
    assert late.balances() == in_order.balances()
    assert late.state.current == in_order.state.current
    assert [(e.points, e.occurred_at, e.posted_at) for e in late.entries] == [
        (100, there(2017, 6, 5), there(2017, 6, 10))
    ]


def test_a_birthday_that_is_taken_back_takes_its_gift_along() -> None:
    told = profile(there(2017, 6, 1), "06-05")
    one = till().play(told).until(there(2017, 6, 7)).late(told, there(2017, 6, 8), retract=True)
    assert one.available == 0 and not one.state.current.given
    assert one.state.timer is None
    access = Gift(gift="club", on="birthday", prize=Prize(access="club"))
    two = till(access).play(told).until(there(2017, 6, 7)).late(told, there(2017, 6, 8), True)
    (row,) = newest(two, Unlocked, ("access",)).values()
    assert (row.since, row.until) == (there(2017, 6, 5), there(2017, 6, 5))


def test_a_version_that_brings_gifts_reaches_members_whose_birthday_is_known() -> None:
    plain = with_gifts()
    newer = with_gifts(BIRTHDAY, version=2, effective_from=_utc(2017, 9, 1))
    one = Till(accrue(plain)).play(profile(day(0), "06-05")).until(there(2017, 7, 1))
    assert one.state.timer is None and not given(one)
    one.operator = accrue(plain, newer)
    one.play(sale("t", there(2018, 1, 1), 1000)).until(there(2018, 6, 6))
    assert [at for _, _, at in given(one)] == [there(2018, 6, 5)]


def test_a_version_known_beforehand_gives_from_its_first_day() -> None:
    plain = with_gifts()
    newer = with_gifts(BIRTHDAY, version=2, effective_from=_utc(2018, 6, 5, 4))
    one = Till(accrue(plain, newer)).play(profile(day(0), "06-05")).until(there(2018, 6, 6))
    assert [at for _, _, at in given(one)] == [there(2018, 6, 5)]


def test_gifts_that_a_version_no_longer_has_end() -> None:
    newer = with_gifts(version=2, effective_from=_utc(2018, 1, 1))
    one = Till(accrue(with_gifts(BIRTHDAY), newer)).play(profile(day(0), "06-05"))
    one.until(there(2019, 6, 6))
    assert [at for _, _, at in given(one)] == [there(2017, 6, 5)]


def test_nothing_before_the_programme_begins() -> None:
    begins = with_gifts(BIRTHDAY, effective_from=_utc(2018, 1, 1))
    one = Till(accrue(begins)).play(profile(day(0), "06-05")).until(there(2018, 6, 6))
    assert [at for _, _, at in given(one)] == [there(2018, 6, 5)]


def test_a_programme_without_gifts_has_no_timers_of_them() -> None:
    one = Till(accrue()).play(enrolled(day(0)), profile(day(0), "06-05"))
    assert one.state.current.timetable == {} and one.state.timer is None
    assert one.state.current.birthday == "06-05"
    plan = one.operator.programmes.named("grocer")
    assert plan is not None and not plan.gift_days


def test_nothing_once_the_account_is_closed() -> None:
    one = till().play(profile(day(0), "06-05"))
    merge = event("account_merged", "e-merge", day(1), Merge(loser="m-1", winner="m-2"), "profile")
    told = message(merge)
    one.give(replace(told, body=replace(told.body, survivor="m-2")))
    assert one.state.merged_into == "m-2" and one.state.timer is None
    assert given(one.until(there(2018, 6, 6))) == []


def test_an_enrolment_that_turns_out_to_be_older_moves_the_anniversary() -> None:
    later = event("enrolled", "e-2", day(5), Profile(), "profile")
    in_order = till().play(enrolled(day(0)), later).until(there(2018, 4, 1))
    late = till().play(later).late(enrolled(day(0)), day(9)).until(there(2018, 4, 1))
    assert late.state.current == in_order.state.current
    assert [row.granted_at for row in offers_rows(late)] == [there(2018, 3, 1)]


def test_the_gift_of_an_open_offer_waits_for_it() -> None:
    forever = (CatalogueOffer(offer="thanks"),)
    one = Till(accrue(with_gifts(YEARLY, offers=forever)))
    one.play(enrolled(there(2017, 3, 1))).until(there(2020, 3, 2))
    assert [status for _, status, _ in offers(one)] == ["open", "waiting", "waiting"]
    bought: Event = sale("t", there(2020, 3, 3), 100, offers=("thanks",))
    assert [status for _, status, _ in offers(one.play(bought))] == ["used", "open", "waiting"]


def test_programmes_of_other_zones_have_other_days() -> None:
    tokyo = programme(with_gifts(BIRTHDAY), time_zone="Asia/Tokyo")
    one = Till(Accrue(Programmes([tokyo]))).play(profile(day(0), "06-05"))
    one.until(there(2017, 6, 6))
    first = datetime(2017, 6, 5, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp() * 1000
    assert [at for _, _, at in given(one)] == [first]
