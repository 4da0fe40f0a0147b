"""Paid membership: what is paid for, tried, in grace, over; and what it entitles to."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from accrue_till import DAY, Till, accrue, message, sale, terms
from msgspec.structs import replace
from privilege_till import benefit, member, memberships, newest, uses

from schemas.earn_rules import BaseRate, BonusRate, When
from schemas.events import Event
from schemas.membership import Entitlement, PaidPlan
from schemas.privileges import BenefitUsage, MembershipPeriod
from transforms.accrue.horizon import advance_base

NEW_YORK = ZoneInfo("America/New_York")
PLUS = PaidPlan(
    plan="plus",
    months=1,
    trial_days=30,
    grace_days=7,
    entitlements=(
        Entitlement(entitlement="delivery"),
        Entitlement(entitlement="fuel", limit=2, per="month"),
        Entitlement(entitlement="streaming", limit=1, per_days=90),
        Entitlement(entitlement="welcome_box", limit=1),
    ),
)
YEARLY = PaidPlan(plan="yearly", months=12, entitlements=(Entitlement(entitlement="delivery"),))


def till(**changes: Any) -> Till:
    usual: dict[str, Any] = {"plans": (PLUS, YEARLY), "tiers": None, "pending_days": 0}
    return Till(accrue(terms(**{**usual, **changes})), recode_state=True)


def there(year: int, month: int, day_: int, hour: int = 0) -> int:
    """An instant by New York's clocks."""
    return int(datetime(year, month, day_, hour, tzinfo=NEW_YORK).timestamp() * 1000)


def stands(one: Till) -> list[tuple[str, str, int, int | None, str]]:
    return [
        (row.plan, row.status, row.paid_until, row.ended_at, row.reason) for row in memberships(one)
    ]


@pytest.mark.parametrize(
    "renewed, until",
    [
        (0, there(2017, 3, 1)),
        (1, there(2017, 4, 1)),
        (2, there(2017, 5, 1)),
        (13, there(2018, 4, 1)),
    ],
)
def test_months_end_with_the_month(renewed: int, until: int) -> None:
    """Paid on 31 January: through 28 February, 31 March, 30 April."""
    one = till().play(member("started", there(2017, 1, 31, 15)))
    for nth in range(renewed):
        paid_until = memberships(one)[-1].paid_until
        one.play(member("renewed", paid_until - 9 * 3_600_000, event_id=f"e-renewed-{nth}"))
    assert stands(one) == [("plus", "active", until, None, "")]


START = there(2017, 1, 10, 15)
"""Paid on the 10th of January."""
UNTIL = there(2017, 2, 11)
LAST = there(2017, 2, 18)
"""The end of the grace."""

CASES: list[tuple[str, list[Event], int, list[tuple[str, str, int, int | None, str]]]] = [
    (
        "a trial",
        [member("started", START, trial=True)],
        START + 1,
        [("plus", "trial", UNTIL - 1 * DAY, None, "")],
    ),
    (
        "a trial that nobody pays for",
        [member("started", START, trial=True)],
        there(2017, 2, 17) + 1,
        [("plus", "ended", there(2017, 2, 10), there(2017, 2, 17), "trial_over")],
    ),
    (
        "a trial that is paid for early",
        [member("started", START, trial=True), member("renewed", START + DAY)],
        START + 2 * DAY,
        [("plus", "active", there(2017, 3, 10), None, "")],
    ),
    (
        "a trial that is paid for by beginning",
        [member("started", START, trial=True), member("started", START + DAY)],
        START + 2 * DAY,
        [("plus", "active", there(2017, 3, 10), None, "")],
    ),
    (
        "nobody pays",
        [member("started", START)],
        UNTIL + 1,
        [("plus", "grace", UNTIL, None, "")],
    ),
    (
        "nobody pays at all",
        [member("started", START)],
        LAST + 1,
        [("plus", "ended", UNTIL, LAST, "not_paid")],
    ),
    (
        "a payment fails early",
        [member("started", START), member("payment_failed", UNTIL - 2 * DAY)],
        UNTIL - DAY,
        [("plus", "grace", UNTIL, None, "")],
    ),
    (
        "payments go on failing",
        [
            member("started", START),
            member("payment_failed", UNTIL + 1),
            member("payment_failed", LAST - 1),
        ],
        LAST + 1,
        [("plus", "ended", UNTIL, LAST, "not_paid")],
    ),
    (
        "paid in the grace",
        [member("started", START), member("renewed", LAST - 1)],
        LAST + 1,
        [("plus", "active", there(2017, 3, 11), None, "")],
    ),
    (
        "it ends",
        [member("started", START), member("ended", START + DAY)],
        LAST + 1,
        [("plus", "ended", UNTIL, START + DAY, "ended")],
    ),
    (
        "it begins again",
        [member("started", START), member("ended", START + DAY), member("started", UNTIL)],
        UNTIL + 1,
        [
            ("plus", "ended", UNTIL, START + DAY, "ended"),
            ("plus", "active", there(2017, 3, 12), None, ""),
        ],
    ),
    (
        "told of twice",
        [member("started", START), member("started", START + DAY)],
        START + 2 * DAY,
        [("plus", "active", UNTIL, None, "")],
    ),
    (
        "nobody knew of it before",
        [member("renewed", START)],
        START + 1,
        [("plus", "active", UNTIL, None, "")],
    ),
    (
        "what isn't there can't end or fail",
        [member("ended", START), member("payment_failed", START + 1)],
        START + 2,
        [],
    ),
    (
        "another plan from the end of this one",
        [member("started", START), member("renewed", UNTIL - 1, plan="yearly")],
        UNTIL,
        [("yearly", "active", there(2018, 2, 11), None, "")],
    ),
    (
        "another plan at once; the end of the one before says nothing of it",
        [
            member("started", START),
            member("started", START + DAY, plan="yearly"),
            member("ended", START + DAY + 1),
            member("payment_failed", START + DAY + 2),
        ],
        UNTIL,
        [("yearly", "active", there(2018, 1, 12), None, "")],
    ),
    (
        "no grace",
        [member("started", START, plan="yearly")],
        there(2018, 1, 11) + 1,
        [("yearly", "ended", there(2018, 1, 11), there(2018, 1, 11), "not_paid")],
    ),
    (
        "a plan that the programme doesn't have",
        [member("started", START, plan="gold"), benefit("delivery", START + 1)],
        START + 2,
        [("gold", "active", UNTIL, None, "")],
    ),
]


@pytest.mark.parametrize("events, until, ends", [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_where_a_membership_stands(
    events: list[Event], until: int, ends: list[tuple[str, str, int, int | None, str]]
) -> None:
    assert stands(till().play(*events).until(until)) == ends


@pytest.mark.parametrize("case", range(len(CASES)), ids=[c[0] for c in CASES])
def test_in_whichever_order_it_becomes_known(case: int) -> None:
    """All of it becomes known backwards, within the horizon."""
    _, events, _, _ = CASES[case]
    if events[-1].occurred_at - events[0].occurred_at > 16 * DAY:
        events = [one for one in events if one.occurred_at - events[0].occurred_at < 16 * DAY]
    known = events[-1].occurred_at + 1
    late, in_order = till(), till().play(*events).until(known)
    for one in reversed(events):
        late.late(one, known)
    assert late.state.current == in_order.state.current
    standing = [row for row in memberships(late) if row.status != "withdrawn"]
    assert [row.since for row in standing] == [row.since for row in memberships(in_order)]
    assert [(s.status, s.paid_until) for s in standing] == [
        (s.status, s.paid_until) for s in memberships(in_order)
    ]


def test_the_plan_in_force_earns_what_its_rule_says() -> None:
    bonus = BonusRate(name="plus", rate=1, when=When(plans=("plus",)))
    one = till(earn=(BaseRate(rate=1), bonus)).play(
        sale("before", START - 1, 1000),
        member("started", START),
        sale("in_grace", UNTIL + DAY, 1000),
        sale("after", LAST + DAY, 1000),
    )
    assert [(e.event_id, e.points) for e in one.entries if e.rule == "plus"] == [("e-in_grace", 10)]


USES: list[tuple[str, list[Event], list[tuple[str, int, str, int | None]]]] = [
    ("no membership", [benefit("delivery", START)], [("delivery", START, "no_membership", None)]),
    (
        "over",
        [member("started", START), member("ended", START + 1), benefit("delivery", START + 2)],
        [("delivery", START + 2, "no_membership", None)],
    ),
    (
        "not of this plan",
        [member("started", START, plan="yearly"), benefit("fuel", START + 1)],
        [("fuel", START + 1, "not_entitled", None)],
    ),
    (
        "of a trial, and without limit",
        [
            member("started", START, trial=True),
            *(benefit("delivery", START + nth) for nth in (1, 2, 3)),
        ],
        [("delivery", START + nth, "ok", None) for nth in (1, 2, 3)],
    ),
    (
        "twice a month of the calendar",
        [
            member("started", START),
            *(benefit("fuel", START + nth) for nth in (1, 2, 3)),
            benefit("fuel", there(2017, 2, 1)),
        ],
        [
            ("fuel", START + 1, "ok", 1),
            ("fuel", START + 2, "ok", 0),
            ("fuel", START + 3, "limit_reached", 0),
            ("fuel", there(2017, 2, 1), "ok", 1),
        ],
    ),
    (
        "once in ninety days",
        [
            member("started", START),
            benefit("streaming", START + 1),
            member("renewed", UNTIL - 1),
            benefit("streaming", UNTIL),
            member("renewed", UNTIL + 27 * DAY),
            member("renewed", UNTIL + 58 * DAY),
            benefit("streaming", START + 90 * DAY),
            benefit("streaming", START + 90 * DAY + 1),
        ],
        [
            ("streaming", START + 1, "ok", 0),
            ("streaming", UNTIL, "limit_reached", 0),
            ("streaming", START + 90 * DAY, "limit_reached", 0),
            ("streaming", START + 90 * DAY + 1, "ok", 0),
        ],
    ),
    (
        "once a membership",
        [
            member("started", START),
            benefit("welcome_box", START + 1),
            benefit("welcome_box", START + 2),
            member("ended", START + 3),
            member("started", START + 4),
            benefit("welcome_box", START + 5),
        ],
        [
            ("welcome_box", START + 1, "ok", 0),
            ("welcome_box", START + 2, "limit_reached", 0),
            ("welcome_box", START + 5, "ok", 0),
        ],
    ),
    (
        "told of by two events",
        [
            member("started", START),
            benefit("fuel", START + 1, "pump-7"),
            benefit("fuel", START + 2, "pump-7"),
            benefit("delivery", START + 3, "pump-7"),
            benefit("fuel", START + 4, "pump-8"),
        ],
        [
            ("fuel", START + 1, "ok", 1),
            ("delivery", START + 3, "ok", None),
            ("fuel", START + 4, "ok", 0),
        ],
    ),
    (
        "what was refused may be tried again",
        [
            benefit("fuel", START, "pump-7"),
            member("started", START + 1),
            benefit("fuel", START + 2, "pump-7"),
        ],
        [("fuel", START, "no_membership", None), ("fuel", START + 2, "ok", 1)],
    ),
]


@pytest.mark.parametrize("events, ends", [c[1:] for c in USES], ids=[c[0] for c in USES])
def test_how_a_use_is_judged(
    events: list[Event], ends: list[tuple[str, int, str, int | None]]
) -> None:
    assert uses(till().play(*events)) == ends


def test_the_same_use_again_changes_nothing() -> None:
    used = benefit("fuel", START + 1)
    one = till().play(member("started", START), used)
    assert one.give(message(used, START + DAY)).last == []
    plan = one.operator.programmes.named("grocer")
    assert plan is not None
    advance_base(one.state, plan, START + 2 * DAY)
    assert one.late(used, START + 3 * DAY).last == []


def test_a_late_use_is_judged_in_its_place_and_those_after_it_again() -> None:
    first, second, third = (benefit("fuel", START + nth * DAY) for nth in (1, 2, 3))
    one = till().play(member("started", START), second, third).late(first, START + 4 * DAY)
    assert uses(one) == [
        ("fuel", START + DAY, "ok", 1),
        ("fuel", START + 2 * DAY, "ok", 0),
        ("fuel", START + 3 * DAY, "limit_reached", 0),
    ]
    one.late(second, START + 5 * DAY, retract=True)
    rows = newest(one, BenefitUsage, ("event_id",))
    assert [row.code for row in rows.values()] == ["withdrawn", "ok", "ok"]


def test_a_membership_that_becomes_known_late_entitles_to_what_was_used() -> None:
    one = till().play(benefit("delivery", START + DAY)).late(member("started", START), START + DAY)
    assert uses(one) == [("delivery", START + DAY, "ok", None)]
    one.late(member("started", START), START + 2 * DAY, retract=True)
    assert uses(one) == [("delivery", START + DAY, "no_membership", None)]
    assert [row.status for row in one.of(MembershipPeriod)] == ["active", "withdrawn"]


def test_an_older_membership_is_put_right_while_the_next_one_runs() -> None:
    """It ended earlier than was known when the member had begun again."""
    began, again = member("started", START), member("started", START + 4 * DAY)
    ends = member("ended", START + 3 * DAY, event_id="e-end")
    one = till().play(began, ends, again).late(member("ended", START + DAY), START + 5 * DAY)
    assert [(row.since, row.ended_at) for row in memberships(one)] == [
        (START, START + DAY),
        (START + 4 * DAY, None),
    ]


def test_what_no_limit_counts_is_forgotten_and_what_one_does_isn_t() -> None:
    one = till(plans=(replace(PLUS, months=12),)).play(
        member("started", START),
        *(benefit(name, START + 1) for name in ("delivery", "fuel", "streaming", "welcome_box")),
        benefit("lounge", START + 2),
    )
    plan = one.operator.programmes.named("grocer")
    assert plan is not None
    held = []
    for days in (89, 91, 113, 182):
        advance_base(one.state, plan, START + days * DAY)
        held.append(sorted(use.benefit for use in one.state.current.uses.values()))
    assert held == [
        ["delivery", "fuel", "lounge", "streaming", "welcome_box"],
        ["fuel", "streaming", "welcome_box"],
        ["streaming", "welcome_box"],
        ["welcome_box"],
    ]
    one.play(benefit("welcome_box", START + 185 * DAY))
    assert uses(one)[-1] == ("welcome_box", START + 185 * DAY, "limit_reached", 0)


def test_an_ended_membership_is_forgotten_with_the_returns_of_its_time() -> None:
    one = till().play(
        member("started", START),
        member("ended", START + DAY),
        member("started", START + 2 * DAY, plan="yearly"),
    )
    plan = one.operator.programmes.named("grocer")
    assert plan is not None
    assert len(one.state.current.ended) == 1
    advance_base(one.state, plan, START + 92 * DAY)
    assert not one.state.current.ended and one.state.current.membership is not None
