"""What score remembers of purchases, against a slow count from scratch."""

import copy
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_cases import DAY_MS, SCORE, START, event, message

from schemas.events import Event
from schemas.flow import Message
from transforms.score import ScoreState
from transforms.score.purchases import HELD_MAX, History


def fold(*messages: Message) -> ScoreState:
    """The state after the messages in the order of what is known when; each step round-trips."""
    state = SCORE.initial("m")
    for one in sorted(messages, key=lambda one: one.order):
        SCORE.on_event(state, one)
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ScoreState)
    return state


def counted(history: History) -> tuple[int, float, float, int]:
    """Days, moment of the first and the last in days after the start, repeat spend."""
    return (
        history.days,
        (history.first_at - START) / DAY_MS,
        (history.last_at - START) / DAY_MS,
        history.repeat_spend,
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([("a", "sale", 0.5)], (1, 0.5, 0.5, 0), id="one purchase, no repeat"),
        pytest.param(
            [("a", "sale", 0.5), ("b", "sale", 3.5, 700)], (2, 0.5, 3.5, 700), id="a repeat"
        ),
        pytest.param(
            [("a", "sale", 0.5), ("b", "sale", 3.5, 700), ("c", "sale", 3.75, 40)],
            (2, 0.5, 3.5, 740),
            id="two receipts of a day are one purchase at the first",
        ),
        pytest.param(
            [("a", "sale", 0.99), ("b", "sale", 1.01)],
            (2, 0.99, 1.01, 1000),
            id="midnight in the market's zone parts days",
        ),
        pytest.param(
            [("a", "sale", 0.5), ("b", "sale", 2.5), ("r", "return", 4.5, 400)],
            (2, 0.5, 2.5, 600),
            id="a return takes spend away, not the purchase",
        ),
        pytest.param(
            [("a", "sale", 0.5), ("r", "return", 1.0, 400)],
            (1, 0.5, 0.5, -400),
            id="more returned than bought again",
        ),
        pytest.param(
            [("o", "order_placed", 0.5, 900, "o1"), ("s", "sale", 2.5, 950, "o1")],
            (1, 0.5, 0.5, 0),
            id="an order and the sale that completes it are one purchase",
        ),
        pytest.param(
            [("o", "order_placed", 0.5, 900, "o1"), ("s", "sale", 20.5, 950, "o1")],
            (2, 0.5, 20.5, 950),
            id="unless more than the horizon lies between",
        ),
        pytest.param(
            [
                ("a", "sale", 0.5),
                ("o", "order_placed", 3.5),
                ("c", "order_cancelled", 4, None, "o"),
            ],
            (1, 0.5, 0.5, 0),
            id="an order cancelled whole is no purchase",
        ),
        pytest.param(
            [("a", "sale", 0.5), ("o", "order_placed", 3.5), ("c", "order_cancelled", 4, 300, "o")],
            (2, 0.5, 3.5, 700),
            id="a line cancelled takes spend away",
        ),
    ],
)
def test_counts(events: list[tuple], expected: tuple) -> None:
    assert counted(fold(*[message(event(*one)) for one in events]).history) == expected


def test_the_same_purchase_twice_is_one() -> None:
    once = message(event("a", "sale", 0.5))
    again = message(event("a", "sale", 0.5), known_day=9)
    assert fold(once, again).history == fold(once).history
    assert SCORE.on_event(fold(once), again) == ()


def test_a_purchase_known_too_late_still_counts_once() -> None:
    late = message(event("late", "sale", 10.5, 300), known_day=90)
    early = message(event("a", "sale", 60.5, 500))
    history = fold(early, late).history
    assert counted(history) == (2, 10.5, 60.5, 500)


def test_a_purchase_older_than_all_that_is_settled_becomes_the_first() -> None:
    late = message(event("late", "sale", 10.5, 300), known_day=115)
    settled = [message(event("a", "sale", 60.5, 500)), message(event("b", "sale", 110, 70))]
    state = fold(*settled, late)
    assert counted(state.settled) == (1, 60.5, 60.5, 0)
    assert counted(state.history) == (3, 10.5, 110, 570)


def test_an_earlier_receipt_of_the_last_day_moves_its_moment() -> None:
    evening = message(event("b", "sale", 3.75))
    morning = message(event("c", "sale", 3.25), known_day=4)
    history = fold(message(event("a", "sale", 0.5)), evening, morning).history
    assert counted(history) == (2, 0.5, 3.25, 2000)


def slow_history(events: list[Event]) -> tuple[int, float, float, int]:
    """Sales and returns counted by day from scratch: the definition, without any state."""
    days: dict[int, list[Event]] = {}
    for one in events:
        if one.type == "sale":  # no daylight saving in the span: local midnights are 24 h apart
            days.setdefault((one.occurred_at - START) // DAY_MS, []).append(one)
    moments = [min(one.occurred_at for one in days[day]) for day in sorted(days)]
    spend = sum(one.payload.lines[0].amount for day in sorted(days)[1:] for one in days[day]) - sum(
        one.payload.lines[0].amount for one in events if one.type == "return"
    )
    return len(days), (moments[0] - START) / DAY_MS, (moments[-1] - START) / DAY_MS, spend


histories = st.lists(
    st.tuples(
        st.sampled_from(["sale", "sale", "sale", "return"]),
        st.floats(0, 65).map(lambda day: round(day, 3)),
        st.integers(1, 5000),
        st.floats(0, 16.9).map(lambda days: round(days, 3)),
    ),
    min_size=1,
    max_size=40,
).filter(lambda ones: any(one[0] == "sale" for one in ones))


@settings(max_examples=80, deadline=None)
@given(histories, st.booleans())
def test_any_order_within_the_horizon_counts_the_same(ones: list[tuple], orderly: bool) -> None:
    events = [event(str(n), kind, day, amount) for n, (kind, day, amount, _) in enumerate(ones)]
    late = [0.0 if orderly else one[3] for one in ones]
    state = fold(
        *[message(one, ones[n][1] + late[n]) for n, one in enumerate(events)],
        message(event("end", "return", 82, 0)),
    )
    assert counted(state.history) == slow_history(events)


orders = st.lists(
    st.tuples(
        st.sampled_from(["order_placed", "sale", "order_cancelled", "return"]),
        st.floats(0, 60).map(lambda day: round(day, 2)),
        st.integers(1, 4).map(lambda amount: amount * 500),
        st.sampled_from(["o1", "o2", None]),
        st.floats(0, 16.9).map(lambda days: round(days, 2)),
    ),
    min_size=1,
    max_size=16,
)


@settings(max_examples=80, deadline=None)
@given(orders)
def test_orders_count_the_same_in_any_order_of_arrival(ones: list[tuple]) -> None:
    events = [event(str(n), *one[:4]) for n, one in enumerate(ones)]
    end = message(event("end", "return", 99, 0))
    prompt = fold(*[message(one) for one in events], end)
    late = fold(*[message(one, ones[n][1] + ones[n][4]) for n, one in enumerate(events)], end)
    assert late.history == prompt.history


@settings(max_examples=80, deadline=None)
@given(orders, st.floats(0.001, 17), st.integers(0, 16))
def test_taking_out_undoes_putting_in(ones: list[tuple], after: float, which: int) -> None:
    events = [event(str(n), *one[:4]) for n, one in enumerate(ones)]
    kept = [one for n, one in enumerate(events) if n != which % len(events)]
    gone = events[which % len(events)]
    gone_day = (gone.occurred_at - START) / DAY_MS
    end = message(event("end", "return", 99, 0))
    undone = fold(
        *[message(one) for one in events], message(gone, gone_day + after, retract=True), end
    )
    never = fold(*[message(one) for one in kept], end)
    assert undone.history == never.history


def test_undoing_at_once_restores_the_whole_state() -> None:
    state = fold(message(event("a", "sale", 0.5)), message(event("b", "sale", 3.5)))
    before = copy.deepcopy(state)
    extra = event("c", "sale", 3.9)
    SCORE.on_event(state, message(extra))
    assert state != before
    SCORE.on_event(state, message(extra, retract=True))
    assert state == before
    fresh = SCORE.initial("m")
    SCORE.on_event(fresh, message(extra))
    SCORE.on_event(fresh, message(extra, retract=True))
    assert fresh == SCORE.initial("m")
    assert SCORE.is_idle(fresh)


def test_state_is_bounded() -> None:
    """A card that buys every minute: what is held stays small, and nothing is lost."""
    state = SCORE.initial("m")
    for n in range(3000):
        SCORE.on_event(state, message(event(str(n), "sale", n / 1440, 10)))
    assert len(state.held) <= HELD_MAX + 1
    assert state.history.days == 3
    assert state.history.repeat_spend == (3000 - 1440) * 10
    year = SCORE.initial("m")
    dice = random.Random(1)
    for n in range(1000):
        SCORE.on_event(year, message(event(str(n), "sale", n * 0.4 + dice.random() * 0.1)))
    assert len(year.held) < (2 * 17 + 7 + 2) / 0.4
