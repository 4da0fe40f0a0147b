"""Conditions of rules and challenges, made ready to ask.

In: a `When`. Out: three questions, each left out where nothing is asked: of the occasion (where,
how and when something was bought or done), of a line, of the member. Promises: the first two are
answered by the event alone, once, when it is read; the third when it is folded.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.earn_rules import Hours, When
from transforms.accrue.local_time import month_end
from transforms.accrue.state import Account

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WHOLE: Final = (1, 1)


class Occasion(NamedTuple):
    """What an event says of where, how and when."""

    at: int
    source: str
    store: str = ""
    touchpoint: str = ""
    fulfilment: str = ""
    tenders: Mapping[str, int] = {}
    """Amounts by method, minor units."""


class Asked(NamedTuple):
    """What is known of the member when the question is asked."""

    account: Account
    tier: str
    at: int
    zone: ZoneInfo
    offers: frozenset[str]
    """Open offers that the purchase uses."""
    plan: str
    """The paid membership in force; empty: none."""


OccasionTest = Callable[[Occasion], bool]
LineTest = Callable[[str, str], bool]
MemberTest = Callable[[Asked], bool]


def occasion_test(when: When, zone: ZoneInfo) -> OccasionTest | None:
    """Whether an occasion fits; None: every one does."""
    tests: list[OccasionTest] = []
    if when.stores:
        stores = frozenset(when.stores)
        tests.append(lambda one: one.store in stores)
    if when.touchpoints:
        touchpoints = frozenset(when.touchpoints)
        tests.append(lambda one: one.touchpoint in touchpoints)
    if when.sources:
        sources = frozenset(when.sources)
        tests.append(lambda one: one.source in sources)
    if when.fulfilment:
        fulfilment = frozenset(when.fulfilment)
        tests.append(lambda one: one.fulfilment in fulfilment)
    if when.tenders:
        tenders = when.tenders
        tests.append(lambda one: portion(tenders, one)[0] > 0)
    if when.start is not None:
        start = round(when.start.timestamp() * 1000)
        tests.append(lambda one: one.at >= start)
    if when.end is not None:
        end = round(when.end.timestamp() * 1000)
        tests.append(lambda one: one.at < end)
    if when.weekdays or when.dates or when.hours:
        tests.append(_clock_test(when, zone))
    if not tests:
        return None
    return lambda one: all(test(one) for test in tests)


def _clock_test(when: When, zone: ZoneInfo) -> OccasionTest:
    weekdays = frozenset(WEEKDAYS.index(day) for day in when.weekdays)
    dates = frozenset(when.dates)
    hours = when.hours

    def holds(one: Occasion) -> bool:
        there = datetime.fromtimestamp(one.at / 1000, zone)
        return (
            (not weekdays or there.weekday() in weekdays)
            and (not dates or there.date() in dates)
            and (hours is None or _within(hours, f"{there:%H:%M}"))
        )

    return holds


def _within(hours: Hours, clock: str) -> bool:
    if hours.start <= hours.end:
        return hours.start <= clock < hours.end
    return clock >= hours.start or clock < hours.end


def line_test(when: When) -> LineTest | None:
    """Whether a line, by its sku and category, counts; None: every one does."""
    skus, categories = frozenset(when.skus), frozenset(when.categories)
    not_skus, not_categories = frozenset(when.except_skus), frozenset(when.except_categories)
    if not (skus or categories or not_skus or not_categories):
        return None
    return lambda sku, category: (
        (not (skus or categories) or sku in skus or category in categories)
        and sku not in not_skus
        and category not in not_categories
    )


def portion(tenders: tuple[str, ...], occasion: Occasion) -> tuple[int, int]:
    """Which part of a purchase was paid by these methods, as (part, whole)."""
    paid = sum(occasion.tenders.get(method, 0) for method in tenders)
    whole = sum(occasion.tenders.values())
    if paid <= 0 or whole <= 0:
        return 0, 1
    return WHOLE if paid >= whole else (paid, whole)


def member_test(when: When) -> MemberTest | None:
    """Whether the member fits; None: everybody does."""
    tests: list[MemberTest] = []
    if when.tiers:
        tiers = frozenset(when.tiers)
        tests.append(lambda asked: asked.tier in tiers)
    if when.plans:
        plans = frozenset(when.plans)
        tests.append(lambda asked: asked.plan in plans)
    if when.offers:
        offers = frozenset(when.offers)
        tests.append(lambda asked: not offers.isdisjoint(asked.offers))
    if when.first_purchase:
        tests.append(lambda asked: not asked.account.purchases)
    if when.birthday is not None:
        whole_month = when.birthday == "month"
        tests.append(lambda asked: _is_birthday(asked, whole_month))
    if not tests:
        return None
    return lambda asked: all(test(asked) for test in tests)


def _is_birthday(asked: Asked, whole_month: bool) -> bool:
    birthday = asked.account.birthday
    if not birthday:
        return False
    today = datetime.fromtimestamp(asked.at / 1000, asked.zone).date()
    if today.year < asked.account.birthday_from:
        return False
    return (
        int(birthday[:2]) == today.month if whole_month else on_day(birthday, today.year) == today
    )


def on_day(month_day: str, year: int) -> date:
    """The day of a year on which a month-day is celebrated: 29 February on the 28th, if need be."""
    month, day = int(month_day[:2]), int(month_day[3:])
    return date(year, month, min(day, month_end(year, month)))
