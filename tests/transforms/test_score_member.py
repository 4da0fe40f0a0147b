"""The operator: bands, timers, engagement and what it tells, against polling every hour."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from score_cases import DAY_MS, HOUR_MS, MODEL, START, event, message

from schemas.churn_model import Band
from schemas.events import Event
from schemas.flow import AccountChanged, Message, ScoreChanged
from schemas.payloads import Feedback, Nothing
from schemas.scoring import ChurnScore
from transforms.score import Score, ScoreState
from transforms.score.alive import p_alive
from transforms.score.bands import Bands
from transforms.score.purchases import History

BANDED = msgspec.structs.replace(
    MODEL,
    bands=tuple(
        type(MODEL.bands[0])(band=name, starts_at=start)
        for name, start in (("low", 0.0), ("medium", 0.3), ("high", 0.6), ("lost", 0.9))
    ),
)
SCORE = Score([BANDED])


def browse(event_id: str, day: float, kind: str = "page_viewed", known_day: float | None = None):
    at = START + round(day * DAY_MS)
    payload = Feedback(trigger_id="t", channel="push") if kind == "opened" else Nothing()
    one = Event(
        event_id=event_id,
        type=kind,
        source="delivery" if kind == "opened" else "web",
        occurred_at=at,
        received_at=at,
        market="us",
        payload=payload,
    )
    return message(one, known_day)


def run(*messages: Message, until_day: float = 0.0, score: Score = SCORE):
    """Messages in order with due timers between, as any engine does: [(ms, output)], state."""
    state, told = score.initial("m"), []

    def fire(before: int) -> None:
        while (due := score.next_timer(state)) is not None and due < before:
            told.extend((due, one) for one in score.on_timer(state, due))
            after = score.next_timer(state)
            assert after is None or after > due

    for one in sorted(messages, key=lambda one: one.order):
        fire(one.known_at)
        told.extend((one.known_at, out) for out in score.on_event(state, one))
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ScoreState) == state
    fire(START + round(until_day * DAY_MS))
    return told, state


def rows(told) -> list[tuple[str, str, str]]:
    return [(one.from_band, one.band, one.why) for _, one in told if isinstance(one, ChurnScore)]


def signals(told) -> list[ScoreChanged]:
    return [one for _, one in told if isinstance(one, ScoreChanged)]


SALES = [message(event(str(n), "sale", n * 4 + 0.5)) for n in range(10)]


@pytest.mark.parametrize(
    ("messages", "until_day", "expected"),
    [
        pytest.param(SALES[:1], 1, [("none", "low", "first")], id="first"),
        pytest.param(SALES, 37, [("none", "low", "first")], id="steady purchases, nothing to tell"),
        pytest.param(
            SALES,
            400,
            [
                ("none", "low", "first"),
                ("low", "medium", "time"),
                ("medium", "high", "time"),
                ("high", "lost", "time"),
            ],
            id="silence climbs every band",
        ),
        pytest.param(
            [*SALES, message(event("back", "sale", 100))],
            101,
            [
                ("none", "low", "first"),
                ("low", "medium", "time"),
                ("medium", "high", "time"),
                ("high", "lost", "time"),
                ("lost", "low", "purchase"),
            ],
            id="a purchase brings them back",
        ),
        pytest.param(
            [*SALES[:1], message(event("0", "sale", 0.5), 2, retract=True)],
            100,
            [("none", "low", "first"), ("low", "none", "retraction")],
            id="somebody else's purchase leaves no score",
        ),
        pytest.param([browse("w", 1.0)], 400, [], id="browsing alone is no score"),
    ],
)
def test_rows(messages, until_day, expected) -> None:
    assert rows(run(*messages, until_day=until_day)[0]) == expected


def test_rows_and_signals_say_the_same() -> None:
    told, _ = run(*SALES, until_day=400)
    pairs = [
        (row, signal) for (_, row), (_, signal) in pairwise(told) if isinstance(row, ChurnScore)
    ]
    assert len(pairs) == 4
    for row, signal in pairs:
        assert signal.band_changed
        fields = ("member_id", "p_alive", "band", "from_band", "why")
        assert [getattr(row, f) for f in fields] == [getattr(signal, f) for f in fields]


def test_a_signal_at_every_purchase_and_return() -> None:
    told, _ = run(*SALES, message(event("r", "return", 36.6, 500)))
    assert [one.why for one in signals(told)] == ["first"] + ["purchase"] * 9 + ["return"]
    before, after = signals(told)[-2:]
    assert after.expected_value < before.expected_value


def test_value_is_in_minor_units_and_grows_with_spend() -> None:
    cheap = [message(event(str(n), "sale", n * 4, 1000)) for n in range(10)]
    dear = [message(event(str(n), "sale", n * 4, 9000)) for n in range(10)]
    low, high = (signals(run(*ones)[0])[-1].expected_value for ones in (cheap, dear))
    assert 365 / 4 * 1000 / 3 < low < 365 / 4 * 1500
    assert low < high < 365 / 4 * 9500


def test_only_attributed_events_count() -> None:
    state = SCORE.initial("m")
    changed = AccountChanged(
        member_id="m",
        programme="p",
        available=1,
        pending=0,
        held=0,
        qualifying=1,
        tier="basic",
        cause="sale",
    )
    assert SCORE.on_event(state, msgspec.structs.replace(SALES[0], body=changed)) == ()
    elsewhere = msgspec.structs.replace(event("x", "sale", 1.0), market="jp")
    assert SCORE.on_event(state, message(elsewhere)) == ()
    assert state == SCORE.initial("m")


@pytest.mark.parametrize(
    ("kind", "known_day", "counts"),
    [
        ("page_viewed", None, True),
        ("app_opened", None, True),
        ("opened", None, True),
        ("cart_updated", None, True),
        ("signed_out", None, False),
        ("store_left", None, False),
        ("page_viewed", 40.0 + 0.5 / 24, True),
        ("page_viewed", 40.0 + 1.5 / 24, False),
    ],
)
def test_what_counts_as_engagement(kind: str, known_day: float | None, counts: bool) -> None:
    _, state = run(*SALES, browse("w", 40.0, kind, known_day))
    assert (state.engaged_at > 0) is counts


def test_engagement_softens_risk_by_its_weight_in_days() -> None:
    """After 20 silent days with a sign of life on the 16th: half of 16 days do not count."""
    purchase_day = 36.5
    told, _ = run(*SALES, browse("w", purchase_day + 16), message(event("r", "return", 56.5, 0)))
    last = signals(told)[-1]
    alive = BANDED.alive
    assert last.p_alive == pytest.approx(p_alive(alive, 9, 36.0, 56.0))
    assert last.risk == pytest.approx(1 - p_alive(alive, 9, 36.0, 56.0 - 8.0), abs=1e-9)


def test_engagement_tells_only_when_it_changes_the_band() -> None:
    told, state = run(*SALES, until_day=60)
    assert state.band in {"medium", "high"}
    crossed = next(at for at, one in told if isinstance(one, ChurnScore) and one.why == "time")
    day = (crossed - START) / DAY_MS
    told, state = run(*SALES, browse("w1", day - 3), browse("w2", day - 2), until_day=day + 0.001)
    assert rows(told) == [("none", "low", "first")]
    assert len(signals(told)) == len(SALES)
    told, _ = run(*SALES, browse("w", day + 0.1), until_day=day + 0.2)
    assert rows(told)[-1] == ("medium", "low", "engagement")


def test_old_engagement_changes_nothing() -> None:
    _, state = run(*SALES, browse("w2", 40.0), browse("w1", 39.99, known_day=40.01))
    assert state.engaged_at == START + 40 * DAY_MS


def test_hysteresis_keeps_a_member_who_sits_on_an_edge() -> None:
    bands = Bands(BANDED)
    assert [bands.move(0, risk) for risk in (0.29, 0.3, 0.61, 0.95)] == [0, 1, 2, 3]
    assert [bands.move(1, risk) for risk in (0.3, 0.26, 0.25, 0.24, 0.0)] == [1, 1, 1, 0, 0]
    assert [bands.move(3, risk) for risk in (0.86, 0.84, 0.5, 0.1)] == [3, 2, 1, 0]


histories = st.tuples(
    st.lists(st.floats(0, 40), min_size=1, max_size=12),
    st.lists(st.floats(0, 80), max_size=8),
)


def softened_risk(sales: list[float], signs: list[float], day: float) -> float:
    """Risk as the docstring of the operator says it, from scratch."""
    by_day: dict[int, float] = {}
    for at in sorted(one for one in sales if one <= day):
        by_day.setdefault(int(at), at)
    first, last = min(by_day.values()), max(by_day.values())
    engaged = max([one for one in signs if one <= day], default=0.0)
    counted = day - BANDED.engagement.weight * max(engaged - last, 0.0)
    return 1 - p_alive(BANDED.alive, len(by_day) - 1, last - first, counted - first)


@settings(max_examples=80, deadline=None)
@given(histories)
def test_timers_find_what_polling_every_hour_finds(history) -> None:
    sales, signs = ([round(one * 1440) / 1440 for one in ones] for ones in history)
    messages = [message(event(f"s{n}", "sale", day)) for n, day in enumerate(sales)]
    messages += [browse(f"w{n}", day) for n, day in enumerate(signs)]
    told, _ = run(*messages, until_day=160)
    changes = [(at, one.band) for at, one in told if isinstance(one, ChurnScore)]
    bands, place, polled = Bands(BANDED), None, {}
    start = min(sales)
    hours = [(hour / 24) for hour in range(160 * 24)]
    just_before = {one - 1 / DAY_MS for one in (*sales, *signs)}  # or hysteresis hides a crossing
    for day in sorted({*hours, *sales, *signs, *just_before}):
        if day < start:
            continue
        place = bands.move(place or 0, softened_risk(sales, signs, day))
        polled[START + round(day * DAY_MS)] = bands.names[place]
    for at, band in polled.items():
        answer = [name for moment, name in changes if moment <= at]
        near = {name for moment, name in changes if abs(moment - at) <= HOUR_MS}
        assert answer[-1] == band or near, f"day {(at - START) / DAY_MS}"
    assert len(changes) >= len(
        [1 for a, b in zip([None, *polled.values()], polled.values(), strict=False) if a != b]
    )


@settings(max_examples=80, deadline=None)
@given(histories)
def test_at_the_timer_the_band_really_is_crossed(history) -> None:
    sales, signs = history
    messages = [message(event(f"s{n}", "sale", day)) for n, day in enumerate(sales)]
    messages += [browse(f"w{n}", day) for n, day in enumerate(signs)]
    told, state = run(*messages, until_day=5000)
    starts = {band.band: band.starts_at for band in BANDED.bands}
    by_time = [one for one in signals(told) if one.why == "time"]
    assert all(one.risk >= starts[one.band] and one.band_changed for one in by_time)
    assert state.band == "lost" and SCORE.next_timer(state) is None


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 60), st.integers(1, 300), st.floats(0.5, 300))
def test_rounding_leaves_no_timer_a_hair_before_its_band(days: int, last: int, silent: float):
    """A band that starts just above the risk of a whole millisecond, where rounding decides."""
    history = History(days=days, first_at=START, last_at=START + last * DAY_MS)
    moment = history.last_at + round(silent * DAY_MS)
    elapsed = (moment - START) / DAY_MS
    risk = 1 - p_alive(BANDED.alive, days - 1, float(last), elapsed)
    level = math.nextafter(risk, 1.0)
    assume(0.01 < level < 0.99)
    model = msgspec.structs.replace(
        BANDED, bands=(BANDED.bands[0], Band(band="lost", starts_at=level)), hysteresis=0.001
    )
    score = Score([model])
    state = score.initial("m")
    state.market, state.history, state.band = "us", history, "low"
    told = list(score.on_timer(state, moment))
    due = score.next_timer(state)
    if due is not None:
        assert due > moment
        assert [one.band for one in score.on_timer(state, due)] == ["lost", "lost"]
    else:
        assert told[0].band == "lost"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(41, 60), min_size=2, max_size=6))
def test_more_recent_engagement_never_raises_risk(signs: list[float]) -> None:
    def risk_on_day_61(ones: list[float]) -> float:
        messages = [browse(f"w{n}", day) for n, day in enumerate(ones)]
        return signals(run(*SALES, *messages, message(event("r", "return", 61, 0)))[0])[-1].risk

    risks = [risk_on_day_61(sorted(signs)[:n]) for n in range(len(signs) + 1)]
    assert risks == sorted(risks, reverse=True)
    assert risks[-1] >= 1 - p_alive(BANDED.alive, 9, 36.0, 36.0)


def test_a_band_that_the_model_no_longer_has_counts_as_the_lowest() -> None:
    _, state = run(*SALES, until_day=400)
    assert state.band == "lost"
    (told,) = Score([MODEL]).on_event(state, message(event("n", "sale", 400)))[1:]
    assert isinstance(told, ScoreChanged)
    assert (told.from_band, told.band) == ("lost", "low")
