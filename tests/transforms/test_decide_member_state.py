"""A member's state as topics tell it: what is in it, when it is told; it changes nothing else."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from decide_story import (
    COOKIE,
    DAY,
    DEVICE,
    EMAIL,
    HOUR,
    MEMBER,
    MINUTE,
    NOON,
    PHONE,
    PUSH,
    Story,
    journey_of,
    lines_of,
    policy_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decide_promises import apply, histories, hungry

from schemas.member_state import MemberState
from schemas.payloads import (
    Adjust,
    Cart,
    Case,
    Consent,
    Feedback,
    Line,
    Order,
    ProductViewed,
    Profile,
    Sale,
    Searched,
    Viewed,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def told(story: Story) -> MemberState:
    """The member's state after everything that has come in."""
    return story.until(10_000 * DAY).states()[-1]


def story_of(*journeys: Any) -> Story:
    return Story(list(journeys), policy_of(), tells_state=True)


def lines_in(*categories: str) -> tuple[Line, ...]:
    return tuple(
        Line(line_id=str(place), sku=f"sku-{name}", category=name, amount=100)
        for place, name in enumerate(categories)
    )


def test_a_visit_and_a_purchase_as_a_surface_sees_them() -> None:
    story = story_of()
    story.event(0, "enrolled", Profile(locale="en", preferred_channel="email"))
    story.account(0, 0)
    story.event(MINUTE, "product_viewed", ProductViewed(sku="s-1", category="PASTA"), source="web")
    cart = Cart(cart_id="c-1", lines=lines_in("PASTA", "WINE"))
    story.event(2 * MINUTE, "cart_updated", cart, source="web")
    state = told(story)
    assert state.cart is not None
    assert (state.cart.cart_id, state.cart.at) == ("c-1", NOON + 2 * MINUTE)
    assert [line.sku for line in state.cart.lines] == ["sku-PASTA", "sku-WINE"]
    assert [(each.category, each.share) for each in state.interests] == [
        ("PASTA", 0.6),
        ("WINE", 0.4),
    ]
    order = Order(order_id="o-1", cart_id="c-1", lines=lines_in("PASTA"))
    story = story_of().event(0, "enrolled", Profile()).event(1, "cart_updated", cart, source="web")
    story.event(2, "order_placed", order, source="web")
    story.account(2, 0, pending=30, qualifying=250, to_next_tier=750, of_event=True)
    state = told(story)
    assert state.cart is None
    assert (state.available, state.pending, state.progress) == (0, 30, 0.25)
    assert [(action.type, action.about) for action in state.actions] == [
        ("order_placed", "o-1"),
        ("cart_updated", "c-1"),
        ("enrolled", ""),
    ]
    assert state.state_version == story.members()[-1].version


def test_what_one_instant_brings_is_one_record() -> None:
    story = story_of().event(0, "enrolled", Profile())
    sale = Sale(transaction_id="t-1", currency="USD", lines=lines_of("a"))
    story.event(1, "sale", sale).account(1, 50, of_event=True).tier(1).score(1)
    story.until(DAY)
    assert [(row.revision, row.as_of) for row in story.states()] == [(1, NOON), (2, NOON + 1)]
    last = story.states()[-1]
    assert (last.available, last.tier, last.risk_band) == (50, "silver", "high")


def test_looks_are_told_together_and_everything_else_at_once() -> None:
    story = story_of().event(0, "enrolled", Profile())
    for second in range(1, 61):
        story.event(second * 1_000, "page_viewed", Viewed(name=f"page-{second}"), source="web")
    story.event(61_000, "signed_in", identifiers=(COOKIE,), source="web")
    story.event(62_000, "page_viewed", Viewed(name="last"), source="web")
    story.account(62_000, 7).event(63_000, "page_viewed", Viewed(name="very last"), source="web")
    story.until(DAY)
    assert [row.as_of - NOON for row in story.states()] == [
        0,
        30_000,
        60_000,
        61_000,
        62_000,
        92_000,
    ]
    assert [row.actions[0].about for row in story.states()] == [
        "", "page-30", "page-60", "", "last", "very last"
    ]  # fmt: skip


@pytest.mark.parametrize("of", ["delivered", "shown", "failed"])
def test_what_changes_nothing_that_is_shown_isnt_told(of: str) -> None:
    story = story_of().event(0, "enrolled", Profile()).account(0, 10)
    before = len(story.until(1).states())
    story.event(2, of, Feedback(trigger_id="t", channel="push")).account(3, 10).until(4)
    assert len(story.states()) == before == 1


def test_open_cases_and_the_way_to_the_next_tier() -> None:
    story = story_of().event(0, "case_opened", Case(case_id="k-2"))
    story.event(1, "case_opened", Case(case_id="k-1")).event(2, "case_opened", Case(case_id="k-3"))
    story.event(3, "case_closed", Case(case_id="k-1"))
    story.account(4, 5, qualifying=-3, to_next_tier=1003, next_expiry_at=NOON, next_expiry_points=2)
    state = told(story)
    assert [(case.case_id, case.opened_at) for case in state.cases] == [
        ("k-2", NOON),
        ("k-3", NOON + 2),
    ]
    assert (state.progress, state.to_next_tier) == (0.0, 1003)
    assert (state.next_expiry_at, state.next_expiry_points) == (NOON, 2)
    assert told(story.account(5, 5, next_tier=None, to_next_tier=0)).progress is None


def test_what_others_do_about_a_member_is_no_action_of_theirs() -> None:
    story = story_of().event(0, "searched", Searched(query="oat milk"), source="web")
    story.event(1, "adjust", Adjust(points=5, reason="gift", actor="staff"))
    story.event(2, "shown", Feedback(trigger_id="t-1", channel="web"))
    story.event(3, "clicked", Feedback(trigger_id="t-1", channel="web"))
    assert [(a.type, a.about) for a in told(story).actions] == [
        ("clicked", "t-1"),
        ("searched", "oat milk"),
    ]


def test_reading_a_topic_again_changes_no_interest() -> None:
    story = story_of().event(0, "enrolled", Profile())
    for at in (0, HOUR + 1, DAY, 30 * DAY):
        viewed = ProductViewed(sku="s", category="TEA")
        story.event(at, "product_viewed", viewed, source="web", occurred=0, event_id="same")
    story.event(31 * DAY, "product_viewed", ProductViewed(sku="x", category="RICE"), source="web")
    state = told(story)
    assert {each.category: each.last_at for each in state.interests} == {
        "TEA": NOON,
        "RICE": NOON + 31 * DAY,
    }
    # One view then, halved by 31 days, and one now.
    half = 2 ** (-31 / 30)
    assert state.interests[0].share == pytest.approx(1 / (1 + half), abs=0.001)
    assert [action.type for action in state.actions].count("product_viewed") == 2


def test_a_purchase_that_was_somebody_elses_leaves_nothing() -> None:
    sale = Sale(transaction_id="t-1", currency="USD", lines=lines_in("WINE"))
    story = story_of().event(0, "enrolled", Profile()).event(1, "sale", sale, event_id="s-1")
    assert [each.category for each in told(story).interests] == ["WINE"]
    story.event(DAY, "sale", sale, event_id="s-1", occurred=1, retract=True)
    state = told(story)
    assert state.interests == ()
    assert [action.type for action in state.actions] == ["enrolled"]


WELCOME = """
journey: hello
version: 1
purpose: marketing
priority: 50
entry: {event: enrolled}
steps:
  - {step: settle, wait_hours: 1}
  - {step: which, experiment: {experiment: x, arms: {a: {share: 1.0, then: greet}}}}
  - {step: never, message: {channels: [sms], content: never@1}}
  - {step: greet, message: {channels: [push, email], content: hello@1}}
"""
URGENT = """
journey: urgent
version: 1
purpose: service
priority: 90
entry: {event: case_opened}
steps:
  - {step: note, show: {surfaces: [service], content: note@1}}
  - {step: wait, wait_hours: 10}
  - {step: tell, message: {channels: [email], content: told@1}}
  - {step: calm, wait_hours: 10}
"""


def test_the_next_action_is_the_most_important_that_may_be_said() -> None:
    story = story_of(journey_of(WELCOME), journey_of(URGENT))
    story.event(0, "enrolled", Profile(), identifiers=(EMAIL,)).until(1)
    assert story.states()[-1].next_action is None  # no consent
    yes = Consent(channel="email", purpose="marketing", granted=True)
    story.event(2, "consent_changed", yes).until(3)
    action = story.states()[-1].next_action
    assert action is not None
    assert (action.journey, action.step, action.content) == ("hello", "greet", "hello@1")
    assert (action.channels, action.due) == (("email",), NOON + HOUR)
    story.event(4, "case_opened", Case(case_id="k")).until(5)
    action = story.states()[-1].next_action
    assert action is not None
    assert (action.journey, action.content, action.due) == (
        "urgent",
        "told@1",
        NOON + 4 + 10 * HOUR,
    )
    story.until(2 * DAY)
    assert story.states()[-1].next_action is None
    assert [row.content for row in story.triggers(action="send")] == ["told@1"]


def test_what_surfaces_show_is_the_action_while_nothing_more_is_planned() -> None:
    shows = """
journey: module
version: 1
purpose: marketing
priority: 10
entry: {event: enrolled}
goal: {events: [sale]}
steps:
  - {step: show, show: {surfaces: [web, app], content: module@1}}
  - {step: hope, wait_hours: 48}
"""
    story = story_of(journey_of(shows))
    story.event(0, "signed_in", identifiers=(COOKIE,), source="web")
    story.event(1, "enrolled", Profile()).until(2)
    action = story.states()[-1].next_action
    assert action is not None
    assert (action.step, action.channels, action.due) == ("show", ("web",), None)
    story.event(3, "sale", Sale(transaction_id="t", currency="USD", lines=lines_of("a"))).until(4)
    assert story.states()[-1].next_action is None


def test_a_state_carries_the_trace_of_the_event_behind_it() -> None:
    story = story_of(journey_of(WELCOME))
    story.event(0, "enrolled", Profile(), identifiers=(EMAIL,), context={"traceparent": TRACE})
    yes = Consent(channel="email", purpose="marketing", granted=True)
    story.event(1, "consent_changed", yes).until(2 * DAY)
    assert [state.traceparent for state in story.states()] == [TRACE, None, None]
    (sent,) = story.triggers(action="send")
    assert (sent.traceparent, sent.market) == (None, "us")  # an hour of waiting sent it


def live(history: list[tuple[int, tuple[Any, ...]]], tells_state: bool) -> Story:
    story = Story(hungry(), tells_state=tells_state)
    story.event(0, "enrolled", Profile(), identifiers=(EMAIL, PHONE, PUSH, DEVICE, COOKIE))
    at = 0
    for gap, step in history:
        at += gap
        apply(story, at, step)
    return story.until(at + 100 * DAY)


@given(histories)
@settings(max_examples=60, deadline=None)
def test_telling_states_changes_no_other_row(history: list[tuple[int, tuple[Any, ...]]]) -> None:
    silent, telling = live(history, False), live(history, True)
    states = telling.states()
    assert silent.outputs == [row for row in telling.outputs if not isinstance(row, MemberState)]
    left = msgspec.structs.asdict(telling.state) | {"told": None}
    assert left == msgspec.structs.asdict(silent.state)
    assert silent.states() == []
    assert [state.revision for state in states] == list(range(1, len(states) + 1))
    instants = [state.as_of for state in states]
    assert instants == sorted(set(instants))
    plain = [msgspec.structs.replace(s, revision=0, as_of=0, traceparent=None) for s in states]
    assert all(one != other for one, other in pairwise(plain))
    by_version = {row.version: row for row in telling.members()}
    shared = ("available", "pending", "held", "tier", "qualifying", "risk", "segment", "market")
    for state in states:
        row = by_version[state.state_version]
        assert all(getattr(state, name) == getattr(row, name) for name in shared)
    assert states[-1].state_version == telling.members()[-1].version
    assert states[-1].next_action is None  # all journeys have ended


CATEGORIES = [f"c-{number}" for number in range(16)]
walks = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 50, 40 * MINUTE, 3 * DAY, 20 * DAY]),
        st.sampled_from(["view", "cart", "buy"]),
        st.sampled_from(CATEGORIES),
        st.sampled_from([0, 0, 10, 30 * MINUTE, 2 * HOUR]),
    ),
    min_size=1,
    max_size=60,
)


@given(walks)
@settings(max_examples=60, deadline=None)
def test_actions_and_interests_are_what_a_plain_count_says(
    walk: list[tuple[int, str, str, int]],
) -> None:
    """The oracle sums over all events at the end; it knows no state and no bound but the last."""
    story, at = story_of(), 0
    story.event(0, "enrolled", Profile())
    seen: list[tuple[int, str, str]] = [(0, "enrolled", "")]
    weights: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, (gap, what, category, late) in enumerate(walk):
        at += gap
        happened = max(0, at - late)
        if what == "view":
            payload: Any = ProductViewed(sku=f"s-{number}", category=category)
            type, about, weight = "product_viewed", f"s-{number}", 1.0
        elif what == "cart":
            payload = Cart(cart_id=f"k-{number}", lines=lines_in(category, category))
            type, about, weight = "cart_updated", f"k-{number}", 2.0
        else:
            payload = Sale(transaction_id=f"t-{number}", currency="USD", lines=lines_in(category))
            type, about, weight = "sale", f"t-{number}", 3.0
        source = "pos" if what == "buy" else "web"
        story.event(at, type, payload, source=source, occurred=happened)
        if what == "buy" or at - happened <= HOUR:
            seen.append((happened, type, about))
            weights[category].append((happened, weight))
    state = told(story)
    newest = sorted(seen, key=lambda each: -each[0])[:10]
    assert Counter(a.at - NOON for a in state.actions) == Counter(each[0] for each in newest)
    assert {(a.at - NOON, a.type, a.about) for a in state.actions} <= set(seen)
    assert [a.at for a in state.actions] == sorted((a.at for a in state.actions), reverse=True)
    assert len(state.interests) == min(5, len(weights))
    if len(weights) <= 12:  # nothing had to give way
        worth = {
            name: sum(weight * 2 ** ((when - at) / (30 * DAY)) for when, weight in each)
            for name, each in weights.items()
        }
        total = sum(worth.values())
        shares = {each.category: each.share for each in state.interests}
        for name, share in shares.items():
            assert share == pytest.approx(worth[name] / total, abs=0.0011)
        weakest = min((worth[name] for name in shares), default=0.0)
        assert all(worth[name] <= weakest + 1e-9 for name in worth if name not in shares)


def test_every_list_is_bounded() -> None:
    story = story_of()
    for number in range(300):
        cart = Cart(cart_id=f"c-{number}", lines=lines_in(*(f"{number}-{n}" for n in range(50))))
        story.event(number, "cart_updated", cart, source="web")
        story.event(number, "case_opened", Case(case_id=f"k-{number}"))
        search = Searched(query="long " * 1000)
        story.event(number, "searched", search, source="web")
    state = told(story)
    assert state.cart is not None
    sizes = (len(state.cart.lines), len(state.cases), len(state.interests), len(state.actions))
    assert sizes == (20, 20, 5, 10)
    assert len(msgspec.json.encode(state)) < 6_000
    assert len(msgspec.msgpack.encode(story.state.told)) < 3_000
    assert story.member == MEMBER
