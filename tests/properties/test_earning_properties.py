"""Whatever the rules, conditions and caps: entries are what a slow and obvious oracle says, in
whichever order things become known."""

from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

from accrue_till import DAY, HOUR, MINUTE, Till, accrue, line, return_
from earning_oracle import Bought, EarningOracle
from earning_till import activity, earned, local, plain_terms, receipt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.earn_rules import (
    Action,
    BaseRate,
    Bonus,
    BonusRate,
    Cap,
    Hours,
    Multiply,
    TierRate,
    When,
)
from schemas.events import Event
from schemas.payloads import Line
from schemas.tiers import TierLevel, Tiers

BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
START = local("2017-03-09 20:00")
"""A Thursday evening; clocks change on Sunday."""
FOREVER = 10**9
TIERS = Tiers(
    metric="visits",
    levels=(TierLevel(tier="basic", threshold=0), TierLevel(tier="gold", threshold=FOREVER)),
)
SKUS = ["apple", "bread", "cheese"]
CATEGORIES = ["FRUIT", "BAKERY", "GIFT CARDS"]
WAYS = ["card", "cash"]
CAPPED = ["receipt", "day", "week", "month", "year", "ever"]


def some(values: list[str], most: int = 2) -> Any:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


RATES = st.integers(1, 800).map(lambda hundredths: Decimal(hundredths) / 100)
ROUNDINGS = st.sampled_from(["floor", "half_up", "ceil"])
HOURS = st.sampled_from(
    [None, None, Hours(start="22:00", end="04:00"), Hours(start="08:00", end="21:30")]
)


@st.composite
def conditions(draw: Any, of: str) -> When:
    """Some of what a rule of this kind may ask."""
    asks: dict[str, Any] = {}
    if draw(st.booleans()):
        return When()
    if of not in ("multiply", "action"):
        asks |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "categories": some(CATEGORIES),
                    "skus": some(SKUS),
                    "except_skus": some(SKUS, 1),
                    "except_categories": some(CATEGORIES, 1),
                    "tenders": some(WAYS, 1),
                },
            )
        )
    if of != "action":
        asks |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "stores": some(["s-1", "s-2"]),
                    "spend_at_least": st.integers(0, 1500),
                    "units_at_least": st.integers(0, 5),
                    "first_purchase": st.booleans(),
                    "tiers": some(["basic", "gold"]),
                },
            )
        )
    optional = {"weekdays": some(["thu", "fri", "sat", "sun"], 3), "hours": HOURS}
    return When(**asks, **draw(st.fixed_dictionaries({}, optional=optional)))


@st.composite
def rule_caps(draw: Any) -> Cap | None:
    per = draw(st.sampled_from([None, None, *CAPPED]))
    if per is None:
        return None
    points = draw(st.none() | st.integers(1, 40))
    times = draw(st.none() | st.integers(1, 3)) if per != "receipt" else None
    if points is None and times is None:
        points = 10
    return Cap(points=points, times=times, per=per)


@st.composite
def rule_lists(draw: Any) -> list[Any]:
    """Base first, so that what multiplies and betters has something above it."""
    rules: list[Any] = []
    kinds = ["base"]
    kinds += draw(
        st.lists(
            st.sampled_from(
                "base tier_rate tier_rate bonus_rate multiply multiply bonus bonus action".split()
            ),
            max_size=5,
        )
    )
    for at, kind in enumerate(kinds):
        common = {
            "name": f"r{at}",
            "when": draw(conditions(kind)),
            "cap": draw(rule_caps()),
            "rounding": draw(ROUNDINGS),
        }
        if kind == "base":
            rules.append(BaseRate(rate=draw(RATES), **common))
        elif kind == "tier_rate":
            tier = draw(st.sampled_from(["basic", "basic", "gold"]))
            rules.append(TierRate(rate_by_tier={tier: draw(RATES)}, **common))
        elif kind == "bonus_rate":
            rules.append(BonusRate(rate=draw(RATES), **common))
        elif kind == "multiply":
            of = tuple(
                draw(st.lists(st.sampled_from([r.name for r in rules]), max_size=2, unique=True))
            )
            times = draw(st.sampled_from(["1.5", "2", "3", "1.15"]))
            rules.append(Multiply(times=Decimal(times), of=of, **common))
        elif kind == "bonus":
            per = draw(st.sampled_from(["receipt", "unit"]))
            rules.append(Bonus(points=draw(st.integers(1, 30)), per=per, **common))
        else:
            per_many = draw(st.integers(1, 4))
            points = draw(st.integers(1, 30))
            rules.append(Action(on="activity_completed", points=points, per=per_many, **common))
    return rules


class Story(NamedTuple):
    terms: Any
    happened: list[Bought]
    returns: list[tuple[str, int, str, Line]]
    """Name, when, of which purchase, which line."""
    order: list[int]


@st.composite
def stories(draw: Any) -> Story:
    periods = draw(st.lists(st.sampled_from(CAPPED), max_size=2, unique=True))
    caps = tuple(Cap(points=draw(st.integers(5, 60)), per=per) for per in periods)
    terms = plain_terms(*draw(rule_lists()), caps=caps, tiers=TIERS)
    happened: list[Bought] = []
    returns: list[tuple[str, int, str, Line]] = []
    for number in range(draw(st.integers(1, 5))):
        at = START + draw(st.integers(0, 6 * 24)) * HOUR + number * MINUTE
        if draw(st.integers(0, 4)) == 0:
            quantity = draw(st.integers(1, 9))
            happened.append(Bought(f"n{number}", at, did="activity_completed", quantity=quantity))
            continue
        bought = tuple(
            line(
                str(nth),
                draw(st.integers(0, 1200)),
                sku=draw(st.sampled_from(SKUS)),
                quantity=draw(st.integers(1, 3)),
                category=draw(st.sampled_from(CATEGORIES)),
            )
            for nth in range(draw(st.integers(1, 3)))
        )
        tenders = draw(st.dictionaries(st.sampled_from(WAYS), st.integers(0, 900)))
        store = draw(st.sampled_from(["s-1", "s-2", "s-3"]))
        happened.append(Bought(f"n{number}", at, bought, store, tenders))
        for nth in range(draw(st.integers(0, 2))):
            meant = draw(st.sampled_from(bought))
            units = draw(st.integers(1, meant.quantity))
            back = line(meant.line_id, draw(st.integers(1, 900)), meant.sku, units)
            later = at + HOUR + nth * MINUTE + 30_000
            returns.append((f"b{number}{nth}", later, f"n{number}", back))
    count = len(happened) + len(returns)
    return Story(terms, happened, returns, draw(st.permutations(range(count))))


def events_of(story: Story) -> list[Event]:
    events = [
        activity(one.name, one.at, quantity=one.quantity)
        if one.did
        else receipt(one.name, one.at, one.lines, store=one.store, tenders=one.tenders)
        for one in story.happened
    ]
    return events + [return_(name, at, of, [back]) for name, at, of, back in story.returns]


def oracle_of(story: Story) -> EarningOracle:
    oracle = EarningOracle(story.terms, "America/New_York", "basic")
    for one in sorted(story.happened, key=lambda one: one.at):
        oracle.tell(one)
    for _, _, of, back in sorted(story.returns, key=lambda one: one[1]):
        oracle.give_back(of, back.line_id, back.quantity, back.amount)
    return oracle


def hold(played: Till, oracle: EarningOracle) -> None:
    """Entries by rule, reversals by receipt, and conservation."""
    assert earned(played) == {(gain.name, gain.rule): gain.points for gain in oracle.gains}
    taken: Counter[str] = Counter()
    by_rule: Counter[tuple[str, str]] = Counter()
    opened = {
        entry.lot_id: str(entry.event_id)[2:]
        for entry in played.entries
        if entry.kind in ("earn", "bonus")
    }
    for entry in played.entries:
        sign = {"reverse": 1, "correct": -1}.get(entry.kind, 0) * (
            "reversed" in (entry.debit, entry.credit)
        )
        taken[opened[entry.lot_id]] += sign * entry.points
        by_rule[opened[entry.lot_id], str(entry.rule)] += sign * entry.points
    assert +taken == +Counter(oracle.reversed)
    gains = {(gain.name, gain.rule): gain.points for gain in oracle.gains}
    assert all(0 <= points <= gains.get(key, 0) for key, points in by_rule.items())
    balances = played.balances()
    assert sum(balances.values()) == 0
    assert played.state.current.balances.get("available", 0) == balances["available"]
    assert balances["available"] == sum(lot.remaining for lot in played.lots().values())
    assert balances["available"] == sum(gains.values()) - sum(oracle.reversed.values())


@BOUNDED
@given(stories())
def test_entries_are_what_the_oracle_says(story: Story) -> None:
    played = Till(accrue(story.terms), recode_state=True)
    hold(played.play(*sorted(events_of(story), key=lambda one: one.occurred_at)), oracle_of(story))


@BOUNDED
@given(stories())
def test_any_order_of_arrival_ends_the_same(story: Story) -> None:
    events = events_of(story)
    played = Till(accrue(story.terms))
    for nth, at in enumerate(story.order):
        played.late(events[at], START + 8 * DAY + nth * HOUR)
    hold(played, oracle_of(story))
    straight = Till(accrue(story.terms)).play(*sorted(events, key=lambda one: one.occurred_at))
    lots = [
        {key: (lot.points, lot.remaining) for key, lot in one.lots().items() if lot.points}
        for one in (played, straight)
    ]
    assert lots[0] == lots[1]
    assert played.state.current.used == straight.state.current.used


@BOUNDED
@given(stories(), st.data())
def test_what_is_taken_away_again_was_never_there(story: Story, data: Any) -> None:
    """A purchase or action turns out to be somebody else's, with its returns."""
    gone = data.draw(st.sampled_from(story.happened)).name
    events = events_of(story)
    played = Till(accrue(story.terms))
    for nth, at in enumerate(story.order):
        played.late(events[at], START + 8 * DAY + nth * HOUR)
    theirs = [gone] + [name for name, _, of, _ in story.returns if of == gone]
    for nth, one in enumerate(one for one in events if one.event_id[2:] in theirs):
        played.late(one, START + 11 * DAY + nth * HOUR, retract=True)
    happened = [one for one in story.happened if one.name != gone]
    returns = [one for one in story.returns if one[2] != gone]
    hold(played, oracle_of(story._replace(happened=happened, returns=returns)))
