"""Challenges against a slow oracle: what is won is what the kept purchases are enough for.

The oracle knows nothing of facts, timers, parts or prizes taken back. It looks at what was kept in
the end, by local calendar days, and says how often each target is met; the code under test has
seen purchases, returns, cancellations and actions late, twice, in any order, and some withdrawn.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from accrue_till import DAY, START, Till, accrue, day, line, return_, sale
from challenge_till import activity, challenge, contest_terms, progress
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from privilege_till import offers

from schemas.challenges import Challenge
from schemas.earn_rules import When
from schemas.events import Event
from schemas.rewards import Prize
from transforms.accrue.standing import standings

ZONE = ZoneInfo("America/New_York")
PRICES = {"COFFEE": 300, "FOOD": 120}
COFFEE = When(categories=("COFFEE",))
CONTESTS = (
    challenge("visits_a_week", within="week", target=2, prize=Prize(points=1)),
    challenge("spend_a_month", within="month", counts="spend", target=12, prize=Prize(points=10)),
    challenge("card", counts="units", when=COFFEE, target=4, repeat=True, prize=Prize(points=100)),
    challenge("days", in_a_row="day", target=2, repeat=True, prize=Prize(points=1_000)),
    challenge("weeks", in_a_row="week", target=3, prize=Prize(points=10_000)),
    challenge("large", when=When(spend_at_least=600), target=2, prize=Prize(points=100_000)),
    challenge(
        "km",
        counts="quantity",
        on="activity_completed",
        target=7,
        repeat=True,
        prize=Prize(points=1_000_000),
    ),
)


class Bought(NamedTuple):
    """A purchase, what came back of it, and how late which of its events were."""

    at: int
    units: dict[str, int]
    back: list[tuple[str, int]]
    delay: int
    withdrawn: bool
    twice: bool


class Done(NamedTuple):
    at: int
    quantity: int
    delay: int


units = st.dictionaries(st.sampled_from(sorted(PRICES)), st.integers(1, 3), min_size=1)
instants = st.integers(0, 40 * 8).map(lambda eighth: START + eighth * DAY // 8)
delays = st.sampled_from([0, 0, 0, 1, 5, 12]).map(lambda days: days * DAY)
bought = st.builds(
    Bought,
    instants,
    units,
    st.lists(st.tuples(st.sampled_from(sorted(PRICES)), st.integers(1, 3)), max_size=2),
    delays,
    st.sampled_from([False, False, False, False, True]),
    st.booleans(),
)
done = st.builds(Done, instants, st.integers(1, 9), delays)
Story = list[Bought | Done]
stories = st.lists(st.one_of(bought, bought, bought, done), min_size=1, max_size=14)


def lines_of(counted: dict[str, int]) -> list[Any]:
    return [
        line(name, PRICES[name] * count, quantity=count, category=name)
        for name, count in sorted(counted.items())
    ]


def deliveries(story: Story) -> list[tuple[int, int, Event, bool]]:
    """When each event is known, in that order; of each also whether it is withdrawn by then."""
    known: list[tuple[int, int, Event, bool]] = []
    for place, one in enumerate(story):
        if isinstance(one, Done):
            done_at = one.at + place
            known.append(
                (done_at + one.delay, place, activity("run", done_at, one.quantity), False)
            )
            continue
        at = one.at + place
        first = sale(f"s{place}", at, lines_of(one.units))
        known.append((at + one.delay, place, first, False))
        if one.twice:
            known.append((at + one.delay + DAY, place, first, False))
        if one.withdrawn:
            known.append((at + one.delay + 2 * DAY, place, first, True))
        for nth, (name, count) in enumerate(one.back):
            back_at = at + (nth + 1) * DAY
            lines = lines_of({name: count})
            late = return_(f"r{place}-{nth}", back_at, f"s{place}", lines)
            known.append((back_at + (one.delay * 7 // 5) % (13 * DAY), place, late, False))
    return sorted(known, key=lambda one: one[:2])


# The oracle


def kept_of(one: Bought) -> dict[str, int]:
    left = dict(one.units)
    for name, count in one.back:
        if name in left:
            left[name] = max(0, left[name] - count)
    return {} if one.withdrawn else {name: count for name, count in left.items() if count}


def local_day(at: int) -> date:
    return datetime.fromtimestamp(at / 1000, ZONE).date()


def worth(contest: Challenge, kept: dict[str, int]) -> int:
    """What kept items are worth for a challenge."""
    wanted = [name for name in kept if not contest.when.categories or name == "COFFEE"]
    cents = sum(kept[name] * PRICES[name] for name in wanted)
    if not wanted or cents < contest.when.spend_at_least:
        return 0
    return {"visits": 1, "spend": cents, "units": sum(kept[name] for name in wanted)}[
        contest.counts
    ]


def bucket(contest: Challenge, at: int) -> Any:
    there = local_day(at)
    if contest.within == "week":
        return there.isocalendar()[:2]
    return (there.year, there.month) if contest.within == "month" else None


def longest_runs(days: set[date], step: int) -> list[int]:
    """Lengths of the runs of days that are `step` apart."""
    return [
        next(n for n in range(1, len(days) + 2) if first + timedelta(days=step * n) not in days)
        for first in days
        if first - timedelta(days=step) not in days
    ]


def wins(contest: Challenge, story: Story) -> int:
    """How often the target is met by what was kept."""
    found = [
        (at, value)
        for place, one in enumerate(story)
        for at in [one.at + place]
        for value in [
            (one.quantity if contest.on else 0)
            if isinstance(one, Done)
            else (0 if contest.on else worth(contest, kept_of(one)))
        ]
        if value
    ]
    if contest.in_a_row is not None:
        days = {local_day(at) for at, _ in found}
        if contest.in_a_row == "week":
            days = {one - timedelta(days=one.isoweekday() - 1) for one in days}
        met = sum(
            run // contest.target
            for run in longest_runs(days, 7 if contest.in_a_row == "week" else 1)
        )
        return met if contest.repeat else min(1, met)
    sums: dict[Any, int] = defaultdict(int)
    for at, value in found:
        sums[bucket(contest, at)] += value
    scale = 100 if contest.counts == "spend" else 1
    times = [total // (contest.target * scale) for total in sums.values()]
    return sum(times if contest.repeat else (min(1, one) for one in times))


# Properties


def played(story: Story, contests: tuple[Challenge, ...], **changes: Any) -> Till:
    till = Till(accrue(contest_terms(*contests, **changes)), recode_state=True)
    for known_at, _, one, withdrawn in deliveries(story):
        till.late(one, known_at, withdrawn)
    till.until(day(60))
    return till


@settings(max_examples=150, deadline=None)
@given(stories, st.lists(st.sampled_from(CONTESTS), min_size=1, max_size=7, unique=True))
def test_prizes_are_what_was_kept_is_enough_for(story: Story, contests: list[Challenge]) -> None:
    till = played(story, tuple(contests), pending_days=2)
    expected = sum(wins(one, story) * (one.prize.points or 0) for one in contests)
    balances = till.balances()
    assert balances["available"] + balances["pending"] == expected
    assert sum(balances.values()) == 0
    assert sum(lot.remaining for lot in till.lots().values()) == expected
    by_name: dict[str, int] = defaultdict(int)
    for (name, _), (_, met) in progress(till).items():
        by_name[name] += met
    assert dict(by_name) == {
        one.challenge: wins(one, story) for one in contests if one.challenge in by_name
    }
    assert all(wins(one, story) == 0 for one in contests if one.challenge not in by_name)


FREE_CARD = challenge(
    "card", counts="units", when=COFFEE, target=4, repeat=True, prize=Prize(offer="free_coffee")
)
FREE_WEEKS = challenge(
    "weeks", in_a_row="week", target=2, repeat=True, prize=Prize(offer="free_coffee", points=3)
)


def uses_offer(one: Event) -> Event:
    """The same sale, using the free coffee if there is one."""
    if one.type != "sale":
        return one
    return replace(one, payload=replace(one.payload, offers=("free_coffee",)))


def told(till: Till) -> tuple[Any, ...]:
    """What a member ends with; rows of what never happened left out."""
    rows = {key: row for key, row in progress(till).items() if row != (0, 0)}
    granted = sorted(one for one in offers(till) if one[1] != "withdrawn")
    return rows, granted, till.balances()


@settings(max_examples=120, deadline=None)
@given(stories, st.integers(0, 3))
def test_the_order_of_arrival_does_not_matter_even_if_prizes_are_used(
    story: Story, every: int
) -> None:
    contests = (FREE_CARD, FREE_WEEKS, CONTESTS[0])
    events = [
        (known_at, uses_offer(one) if every and place % (every + 1) == 0 else one, withdrawn)
        for known_at, place, one, withdrawn in deliveries(story)
    ]
    ends = []
    for in_order in (False, True):
        till = Till(accrue(contest_terms(*contests)))
        if in_order:
            gone = {one.event_id for _, one, withdrawn in events if withdrawn}
            left = {one.event_id: one for _, one, _ in events if one.event_id not in gone}
            till.play(*sorted(left.values(), key=lambda one: (one.occurred_at, one.source)))
        else:
            for known_at, one, withdrawn in events:
                till.late(one, known_at, withdrawn)
        till.until(day(60))
        rows, granted, balances = told(till)
        ends.append((rows, granted, balances["available"], balances["pending"]))
    assert ends[0] == ends[1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 12),
            units,
            st.none() | st.integers(1, 35),
            st.sampled_from("COFFEE FOOD".split()),
        ),
        min_size=5,
        max_size=30,
    ),
    st.booleans(),
)
def test_forgetting_is_invisible(
    steps: list[tuple[int, dict[str, int], int | None, str]], uses: bool
) -> None:
    """A short horizon forgets all the time, a long one never."""
    events: list[Event] = []
    at = START
    for place, (gap, counted, back_after, name) in enumerate(steps):
        at += gap * DAY
        bought_at = sale(f"s{place}", at, lines_of(counted))
        events.append(uses_offer(bought_at) if uses and place % 3 == 0 else bought_at)
        if back_after is not None:
            some = lines_of({name: 2})
            events.append(return_(f"r{place}", at + back_after * DAY + 1, f"s{place}", some))
    events.sort(key=lambda one: one.occurred_at)
    contests = (FREE_CARD, FREE_WEEKS, *CONTESTS[:6])
    contests = tuple(one for one in {one.challenge: one for one in reversed(contests)}.values())
    ends = []
    for horizon_days in (1, 10_000):
        rules = contest_terms(*contests, returns_days=30)
        till = Till(accrue(rules, horizon_days=horizon_days))
        shown = []
        plan = till.operator.programmes.named("grocer")
        assert plan is not None
        for one in events:
            till.play(one)
            shown.append(standings(till.state.current, plan.versions[0], one.occurred_at))
        till.until(at + 80 * DAY)
        ends.append((told(till), shown))
        assert horizon_days > 1 or all(
            len(one.periods) <= 34 and len(one.met) <= 34
            for one in till.state.current.challenges.values()
        )
    assert ends[0] == ends[1]
