"""The second auditor's account by hand, on stories that a person can check with a pencil."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scripts.audit import CONFIG
from scripts.audit_fold import readable_programme
from scripts.plain_fold.account import NEVER, last_moment
from scripts.plain_fold.compare import differences
from scripts.plain_fold.happenings import Happening, Statement, Story
from scripts.plain_fold.merging import NotFolded
from scripts.plain_fold.read_story import Given, Told, add
from scripts.plain_fold.tell import statement, tell
from scripts.plain_fold.terms import PlainTerms, read_terms

ZONE = ZoneInfo("America/New_York")
HOUR = 3_600_000
DAY = 24 * HOUR


def day(number, year=2017):
    """Noon of a day of the year in New York, counted from 0."""
    start = datetime(year, 1, 1, 12, tzinfo=ZONE)
    return round(start.timestamp() * 1000) + number * DAY


TERMS = PlainTerms(
    zone=ZONE,
    base=Fraction(1, 100),
    by_tier={"silver": Fraction(125, 10_000)},
    excluded=frozenset({"GIFT CARDS"}),
    pending_days=3,
    months=6,
    to_month_end=True,
    levels=[("basic", 0), ("silver", 100), ("gold", 300)],
    grace_days=30,
    rewards={"five_off": (50, 15)},
)


def line(name, amount, quantity=1, sku="apple", category="FRUIT"):
    return {
        "line_id": name,
        "sku": sku,
        "category": category,
        "quantity": quantity,
        "amount": amount,
    }


def happening(at, name, kind, turn=None, **said):
    return Happening(at=at, source="pos", event_id=name, kind=kind, turn=turn, said=said)


def bought(at, name, *lines, order=None):
    names = [name, order] if order else [name]
    return happening(at, name, "buy", names=names, lines=[*lines], currency="USD")


def ordered(at, name, *lines):
    return happening(at, f"w{name}", "buy", names=[name], lines=[*lines], currency=None)


def back(at, name, receipt, *lines):
    return happening(at, name, "back", receipt=receipt, lines=[*lines])


def given(at, points, turn=0):
    return happening(at, f"a{at}", "adjust", turn=turn, points=points)


def asked(at, name, points, hold=False, code="ok", turn=0):
    said = {"redemption": name, "reward": None, "points": points, "hold": hold, "code": code}
    return happening(at, f"c{name}{at}", "ask", turn=turn, **said)


def settled(at, name, capture=True, code="ok"):
    said = {"redemption": name, "capture": capture, "code": code, "waited": False}
    return happening(at, f"s{name}{at}", "settle", turn=0, **said)


def account(until, *happenings, terms=TERMS):
    return tell(terms, {"ada": Story(member="ada", happenings=[*happenings])}, until)["ada"]


def points(until, *happenings):
    """pending, available, held, expired, reversed, redeemed."""
    sums = account(until, *happenings).sums
    return tuple(sums[name] for name in "pending available held expired reversed redeemed".split())


@pytest.mark.parametrize(
    ("happened", "until", "expected"),
    [
        pytest.param([bought(day(0), "t", line("1", 1099))], day(1), (10, 0, 0, 0, 0, 0), id="buy"),
        pytest.param(
            [bought(day(0), "t", line("1", 199), line("2", 199))],
            day(1),
            (3, 0, 0, 0, 0, 0),
            id="rounded once a receipt",
        ),
        pytest.param(
            [bought(day(0), "t", line("1", 999), line("2", 5000, category="GIFT CARDS"))],
            day(1),
            (9, 0, 0, 0, 0, 0),
            id="gift cards don't count",
        ),
        pytest.param(
            [bought(day(0), "t", line("1", 1000))], day(3), (0, 10, 0, 0, 0, 0), id="activated"
        ),
        pytest.param(
            [bought(day(0), "t", line("1", 1000))], day(250), (0, 0, 0, 10, 0, 0), id="expired"
        ),
        pytest.param(
            [
                ordered(day(0), "o", line("1", 1000)),
                bought(day(1), "t", line("1", 1000), order="o"),
                back(day(2), "r", "t", line("1", 1000)),
            ],
            day(2),
            (0, 0, 0, 0, 10, 0),
            id="an order and its sale earn once, and come back once",
        ),
        pytest.param(
            [bought(day(0), "t", line("1", 1050, 2)), back(day(1), "r", "t", line("1", 50))],
            day(1),
            (10, 0, 0, 0, 0, 0),
            id="a return within the rounding takes nothing",
        ),
        pytest.param(
            [
                bought(day(0), "t", line("1", 1050, 3)),
                back(day(1), "r", "t", line("1", 0)),
                back(day(2), "s", "t", line("1", 0)),
            ],
            day(2),
            (3, 0, 0, 0, 7, 0),
            id="by units, cumulatively",
        ),
        pytest.param(
            [
                bought(day(0), "t", line("1", 1000)),
                back(day(1), "r", "t", line("1", 1000)),
                back(day(2), "s", "t", line("1", 1000)),
            ],
            day(2),
            (0, 0, 0, 0, 10, 0),
            id="what came back can't come back again",
        ),
        pytest.param(
            [back(day(0), "r", "t", line("1", 400)), bought(day(1), "t", line("1", 1000, 2))],
            day(1),
            (6, 0, 0, 0, 4, 0),
            id="a return waits for its purchase",
        ),
        pytest.param(
            [back(day(0), "r", "t", line("1", 400)), bought(day(91), "t", line("1", 1000))],
            day(91),
            (10, 0, 0, 0, 0, 0),
            id="but not for ever",
        ),
        pytest.param(
            [
                bought(day(0), "t", line("1", 1000, 2)),
                bought(day(1), "u", line("1", 2000, 2)),
                back(day(2), "r", None, line("9", 1500, 3)),
            ],
            day(2),
            (5, 0, 0, 0, 25, 0),
            id="without a receipt the latest units of the product come back",
        ),
        pytest.param(
            [ordered(day(0), "o", line("1", 1000)), back(day(1), "x", "o", None)],
            day(1),
            (0, 0, 0, 0, 10, 0),
            id="cancelled whole",
        ),
        pytest.param(
            [given(day(0), 60), asked(day(1), "d", 50)], day(1), (0, 10, 0, 0, 0, 50), id="spent"
        ),
        pytest.param(
            [given(day(0), 60), asked(day(1), "d", 50, hold=True)],
            day(1),
            (0, 10, 50, 0, 0, 0),
            id="held",
        ),
        pytest.param(
            [given(day(0), 60), asked(day(1), "d", 50, hold=True)],
            day(1) + HOUR,
            (0, 60, 0, 0, 0, 0),
            id="timed out",
        ),
        pytest.param(
            [
                given(day(0), 60),
                asked(day(1), "d", 50, hold=True),
                settled(day(1) + 1, "d"),
            ],
            day(2),
            (0, 10, 0, 0, 0, 50),
            id="captured",
        ),
        pytest.param(
            [given(day(0), 40), asked(day(1), "d", 50, code="insufficient_points")],
            day(1),
            (0, 40, 0, 0, 0, 0),
            id="refused",
        ),
        pytest.param(
            [
                given(day(0), 60),
                asked(day(1), "d", 50),
                asked(day(1) + 1, "d", 50, code="exists"),
            ],
            day(1) + 2,
            (0, 10, 0, 0, 0, 50),
            id="asked for twice, spent once",
        ),
        pytest.param(
            [
                bought(day(0), "t", line("1", 10_000, 2)),
                asked(day(4), "d", 100),
                back(day(5), "r", "t", line("1", 3000)),
                bought(day(6), "u", line("1", 2000, sku="pear")),
            ],
            day(10),
            (0, -10, 0, 0, 30, 100),
            id="what was spent and came back is owed, and repaid",
        ),
        pytest.param(
            [
                bought(day(0), "t", line("1", 1000)),
                back(day(230), "r", "t", line("1", 1000)),
            ],
            day(230),
            (0, 0, 0, 10, 0, 0),
            id="after the time for returns nothing comes back",
        ),
    ],
)
def test_points(happened, until, expected):
    assert points(until, *happened) == expected
    assert points(until, *reversed(happened)) == expected  # it puts them in order itself


def test_expired_points_come_back_first():
    late = [bought(day(140), "t", line("1", 1000, 2)), back(day(210), "r", "t", line("1", 400))]
    terms = PlainTerms(**{**vars(TERMS), "months": 1})
    sums = account(day(210), *late, terms=terms).sums
    assert (sums["expired"], sums["reversed"]) == (6, 4)


def test_lots_are_spent_in_the_order_in_which_they_expire():
    gifts = [given(day(59), 30), given(day(0), 30), asked(day(60), "d", 40)]
    assert sorted((heap.earned_at, heap.remaining) for heap in account(day(60), *gifts).heaps) == [
        (day(0), 0),
        (day(59), 20),
    ]


def test_a_hold_keeps_expired_points_until_it_is_let_go():
    held = asked(last_moment(TERMS, day(0)) - HOUR // 6, "d", 30, hold=True)
    end = held.at + HOUR
    assert points(held.at + HOUR // 5, given(day(0), 30), held)[2:4] == (30, 0)
    assert points(end, given(day(0), 30), held)[2:4] == (0, 30)


@pytest.mark.parametrize(
    ("until", "tier", "qualifying"),
    [
        (day(10), "silver", 150),  # at once, also while pending
        (day(1, 2018), "silver", 0),  # safe at the year's end: the year reached it
        (day(1, 2019), "silver", 0),  # that year didn't: 30 days of grace
        (day(35, 2019), "basic", 0),
    ],
)
def test_tiers(until, tier, qualifying):
    said = statement(account(until, bought(day(5), "t", line("1", 15_000))))
    assert (said.tier, said.qualifying) == (tier, qualifying)


def test_a_better_tier_earns_more_and_a_return_takes_it_back_at_the_same_rate():
    happened = [
        bought(day(0), "t", line("1", 10_000)),
        bought(day(1), "u", line("1", 1050)),
        back(day(2), "r", "u", line("1", 1050)),
    ]
    assert account(day(1), *happened[:2]).sums["pending"] == 100 + 13
    assert account(day(2), *happened).sums["reversed"] == 13


@pytest.mark.parametrize(
    ("earned", "months", "to_month_end", "expected"),
    [
        ("2017-01-31T23:30", 1, False, "2017-03-01"),  # clamped to 28 February, to the day's end
        ("2017-01-15T00:00", 6, True, "2017-08-01"),
        ("2016-12-31T23:59", 2, False, "2017-03-01"),
        ("2017-12-05T12:00", 1, False, "2018-01-06"),
    ],
)
def test_last_moment(earned, months, to_month_end, expected):
    terms = PlainTerms(**{**vars(TERMS), "months": months, "to_month_end": to_month_end})
    at = datetime.fromisoformat(earned).replace(tzinfo=ZONE).timestamp() * 1000
    after = datetime.fromisoformat(expected).replace(tzinfo=ZONE).timestamp() * 1000
    assert last_moment(terms, round(at)) == after
    assert last_moment(PlainTerms(**{**vars(TERMS), "months": None}), round(at)) == NEVER


def merged(until, ada, bob):
    """Bob's account is merged into Ada's on day 10 and taken over on day 12."""
    join = happening(day(12), "m", "join", turn=0, loser="bob")
    stories = {
        "ada": Story(member="ada", happenings=[*ada, join]),
        "bob": Story(member="bob", happenings=[*bob], closed_at=day(10)),
    }
    return tell(TERMS, stories, until)


def test_two_accounts_become_one():
    accounts = merged(
        day(20),
        [given(day(0), 10), asked(day(1), "d", 10), given(day(2), -5)],
        [bought(day(8), "t", line("1", 12_000)), asked(day(9), "e", 5, code="insufficient_points")],
    )
    ada, bob = accounts["ada"], accounts["bob"]
    assert (bob.sums["transferred"], bob.sums["pending"]) == (120, 0)
    assert (ada.sums["transferred"], ada.sums["available"], ada.debt) == (-120, 115, 0)
    assert (ada.tier, bob.tier) == ("silver", "silver")
    assert sum(ada.sums.values()) == sum(bob.sums.values()) == 0
    assert [one[0] for one in statement(bob).redemptions] == ["e"]
    assert [one[0] for one in statement(ada).redemptions] == ["d"]


def test_a_return_finds_what_the_other_account_bought():
    accounts = merged(
        day(20),
        [back(day(11), "r", "t", line("1", 400))],
        [bought(day(8), "t", line("1", 1000, 2))],
    )
    assert accounts["ada"].sums["reversed"] == 4


def test_one_purchase_in_both_accounts_isnt_worked_out():
    both = [bought(day(8), "t", line("1", 1000))]
    with pytest.raises(NotFolded, match="t was bought in both accounts"):
        merged(day(20), both, both)


def test_an_account_that_came_from_nowhere_isnt_worked_out():
    join = happening(day(12), "m", "join", turn=0, loser="bob")
    with pytest.raises(NotFolded, match="what was in the account of bob isn't known"):
        account(day(20), join)


@pytest.mark.parametrize(
    ("told", "problem", "why_not"),
    [
        (
            Told("pos", "x", "sale", None, None, [Given(day(1), True, 1)]),
            ["pos/x is not in the input"],
            [],
        ),
        (
            Told("command", "x", "correct", day(1), "{}", [Given(day(1), True, 1)]),
            [],
            ["the account was corrected by command/x"],
        ),
        (
            Told("pos", "x", "sale", day(1), "{}", [Given(day(11), False, 1)]),
            [],
            ["pos/x changed its owner after the merge"],
        ),
        (
            Told(
                "command",
                "x",
                "capture",
                day(1),
                '{"redemption_id": "d"}',
                [Given(day(1), True, 1)],
            ),
            ["command/x: d has no answer"],
            [],
        ),
    ],
)
def test_what_is_missing_and_what_it_cant_tell_is_said(told, problem, why_not):
    story = Story(member="ada", closed_at=day(10))
    add(story, told, {}, 17 * DAY)
    assert (story.problems, story.why_not) == (problem, why_not)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([(1, True)], [("buy", 0)]),
        ([(17, True)], [("buy", 0)]),
        ([(18, True)], [("buy", 18)]),  # too late: it counts from then on
        ([(1, True), (2, False)], []),
        ([(1, True), (2, False), (3, True)], [("buy", 0)]),
        ([(1, True), (2, False), (18, True)], [("buy", 18)]),
        ([(1, True), (18, False)], [("buy", 0), ("withdraw", 18)]),
    ],
)
def test_when_a_purchase_counts(said, expected):
    story = Story(member="ada")
    payload = '{"transaction_id": "t", "currency": "USD", "lines": []}'
    told = [Given(day(at), theirs, turn) for turn, (at, theirs) in enumerate(said)]
    add(story, Told("pos", "t", "sale", day(0), payload, told), {}, 17 * DAY)
    assert [(one.kind, one.at) for one in story.happenings] == [(k, day(at)) for k, at in expected]


def test_differences_are_said():
    theirs = Statement(accounts={"pending": 3}, lots=[("t", "a", "b", "c", 3, 3)], tier="basic")
    ours = Statement(accounts={"pending": 4}, shown={"pending": 4}, tier="basic")
    assert differences(theirs, ours) == [
        "entries of pending: 3 in the warehouse, 4 by hand",
        "pending: None in the warehouse, 4 by hand",
        "lot only in the warehouse: t, a, b, c, 3, 3",
    ]
    assert differences(ours, ours) == []


def test_the_demos_terms():
    terms = read_terms(readable_programme(Path(CONFIG)))
    assert terms.base == Fraction(1, 100)
    assert terms.by_tier == {"silver": Fraction(1, 80), "gold": Fraction(3, 200)}
    assert terms.levels == [("basic", 0), ("silver", 1000), ("gold", 3000)]
    assert terms.rewards["free_delivery"] == (300, 60)
    assert (terms.months, terms.to_month_end, terms.grace_days) == (6, True, 30)
