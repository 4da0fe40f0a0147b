"""Purchases that are somebody else's after all, and those that come to their owner late."""

from typing import Any

import msgspec
import pytest
from decide_story import (
    COOKIE,
    DAY,
    DEVICE,
    EMAIL,
    HOUR,
    MINUTE,
    NOON,
    PUSH,
    Story,
    journey_of,
    lines_of,
    policy_of,
    shipped_journeys,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.payloads import Cart, Consent, Order, Profile, Sale, Unlink

BASKET = Sale(transaction_id="t-1", currency="USD", lines=lines_of("a", "b"))
THANKS = """
journey: thanks
version: 1
purpose: transactional
priority: 10
entry: {event: sale}
reentry_hours: 0
steps:
  - {step: pause, wait_hours: 2}
  - step: thank
    message: {channels: [push], content: thanks@1}
  - {step: rest, wait_hours: 100}
"""


def reachable(*journeys: str, shipped: tuple[str, ...] = (), **policy: Any) -> Story:
    chosen = [journey_of(text) for text in journeys] + [shipped_journeys()[it] for it in shipped]
    story = Story(chosen, policy_of(**policy) if policy or journeys else None, tells_state=True)
    story.event(-9 * DAY, "enrolled", Profile(), identifiers=(EMAIL,))
    story.event(-9 * DAY, "app_opened", identifiers=(PUSH, DEVICE), source="app")
    story.event(-9 * DAY, "signed_in", identifiers=(COOKIE,), source="web")
    for channel in ("push", "email", "sms"):
        yes = Consent(channel=channel, purpose="marketing", granted=True)
        story.event(-9 * DAY, "consent_changed", yes)
    return story.until(-1)


def take_back(story: Story, at: int, event_id: str = "s-1", happened: int = 0) -> Story:
    story.event(at, "sale", BASKET, event_id=event_id, occurred=happened, retract=True)
    return story


# --- journeys that it began ---


def test_a_message_that_wasnt_sent_yet_is_withdrawn() -> None:
    story = reachable(THANKS).event(0, "sale", BASKET, event_id="s-1")
    take_back(story, HOUR).until(9 * DAY)
    assert story.triggers() == []
    assert story.entries()[-1].left_because == "retracted"


def test_what_was_sent_stays_sent_but_for_a_push_nobody_opened() -> None:
    story = reachable(THANKS).event(0, "sale", BASKET, event_id="s-1").until(3 * HOUR)
    take_back(story, DAY).until(9 * DAY)
    assert [row.action for row in story.triggers()] == ["send", "withdraw"]
    assert story.entries()[-1].left_because == "retracted"


def test_journeys_that_another_event_began_go_on() -> None:
    story = reachable(THANKS).event(0, "sale", BASKET, event_id="s-1")
    story.event(1, "sale", BASKET, event_id="s-2")
    take_back(story, 2).until(9 * DAY)
    assert [row.entry_id for row in story.triggers()] == [
        row.entry_id for row in story.entries(left_because="completed")
    ]
    assert len(story.triggers(action="send")) == 1


def test_a_purchase_that_comes_back_to_the_same_member_begins_nothing_twice() -> None:
    story = reachable(THANKS).event(0, "sale", BASKET, event_id="s-1").until(3 * HOUR)
    take_back(story, DAY)
    story.event(2 * DAY, "sale", BASKET, event_id="s-1", occurred=0).until(9 * DAY)
    assert len(story.triggers(action="send")) == 1
    assert [row.reason for row in story.decisions()][-1] == "already_sent"


def test_what_points_or_a_tier_began_goes_with_the_purchase_behind_them() -> None:
    story = reachable(shipped=("tier_upgrade", "real_time_earn"))
    slow = msgspec.structs.replace(
        shipped_journeys()["tier_upgrade"],
        steps=(
            msgspec.convert({"step": "pause", "wait_hours": 5.0}, type=type(STEP)),
            *shipped_journeys()["tier_upgrade"].steps,
        ),
    )
    story.decide = Story([slow]).decide
    story.event(0, "sale", BASKET, event_id="s-1")
    story.account(0, 500, earned=500, of_event=True).tier(0)
    take_back(story, HOUR).until(9 * DAY)
    assert story.triggers(journey="tier_upgrade") == []
    assert story.entries(journey="tier_upgrade")[-1].left_because == "retracted"


STEP = shipped_journeys()["tier_upgrade"].steps[0]


# --- goals that it met ---


def test_whom_a_purchase_of_somebody_else_won_back_can_be_asked_again() -> None:
    story = reachable(shipped=("win_back",)).score(0).until(HOUR)
    story.event(DAY, "sale", BASKET, event_id="s-1").score(DAY, "low", "high")
    assert story.entries()[-1].left_because == "goal_met"
    take_back(story, 2 * DAY, happened=DAY).score(2 * DAY, "high", "low").until(3 * DAY)
    last = story.entries()[-1]
    assert last.entered_at == NOON + 2 * DAY
    assert story.triggers(action="send")[-1].entry_id == last.entry_id


def test_without_the_retraction_they_arent_asked_again() -> None:
    story = reachable(shipped=("win_back",)).score(0).until(HOUR)
    story.event(DAY, "sale", BASKET, event_id="s-1").score(DAY, "low", "high")
    story.score(2 * DAY, "high", "low").until(3 * DAY)
    assert {row.entered_at for row in story.entries()} == {NOON}


def test_only_the_purchase_that_met_the_goal_opens_it_again() -> None:
    story = reachable(shipped=("win_back",)).score(0).until(HOUR)
    story.event(DAY, "sale", BASKET, event_id="s-0")
    story.event(DAY + 1, "sale", BASKET, event_id="s-1").score(DAY + 1, "low", "high")
    take_back(story, 2 * DAY, happened=DAY + 1).score(2 * DAY, "high", "low").until(3 * DAY)
    assert {row.entered_at for row in story.entries()} == {NOON}


# --- addresses that it proved ---


def order(event_id: str, email: str, at: int, story: Story, *, retract: bool = False) -> Story:
    what = Order(order_id=event_id, lines=lines_of("a"))
    return story.event(
        at,
        "order_placed",
        what,
        source="web",
        event_id=event_id,
        identifiers=(email,),
        occurred=0,
        retract=retract,
    )


def test_an_address_that_only_somebody_elses_order_proved_isnt_used() -> None:
    story = reachable(THANKS.replace("push", "email").replace("sale", "searched"))
    order("o-1", "email:other", 0, story)
    assert story.state.handles["email"].value == "other"
    order("o-1", "email:other", 1, story, retract=True)
    story.event(2, "searched").until(9 * DAY)
    assert [row.reason for row in story.decisions()] == ["unreachable"]


def test_an_address_that_was_known_before_stays() -> None:
    story = reachable()
    order("o-1", EMAIL, 0, story)
    order("o-1", EMAIL, 1, story, retract=True)
    assert story.state.handles["email"].value == EMAIL.partition(":")[2]


def test_an_address_that_is_unlinked_isnt_used() -> None:
    story = reachable(THANKS.replace("sale", "searched"))
    revoked = Unlink(owner="member_id:m-1", reason="lost", actor="ops")
    story.event(0, "unlink", revoked, identifiers=(PUSH,))
    story.event(1, "searched").until(9 * DAY)
    assert [row.reason for row in story.decisions()] == ["unreachable"]
    assert story.members()[-1].last_seen_at == NOON + 1


# --- purchases that come to their owner late ---


@pytest.mark.parametrize("days", [2, 10, 16])
def test_an_old_purchase_is_no_news(days: int) -> None:
    """It was somebody else's: the balance is right at once, and nobody is told that they bought."""
    story = reachable(shipped=("real_time_earn",))
    story.event(0, "sale", BASKET, occurred=-days * DAY)
    story.account(0, 40, earned=40, of_event=True).until(9 * DAY)
    assert story.triggers(action="send") == []
    assert {(row.channel, row.content) for row in story.triggers()} == {
        ("app", "balance@1"),
        ("web", "balance@1"),
    }
    assert {row.data["available"] for row in story.triggers()} == {40}
    assert {(row.channel, row.reason) for row in story.decisions(outcome="suppressed")} == {
        ("app", "stale"),
        ("web", "stale"),
        ("receipt", "stale"),
        ("push", "stale"),
    }


def test_a_purchase_of_an_hour_ago_is_still_news() -> None:
    story = reachable(shipped=("real_time_earn",))
    story.event(0, "sale", BASKET, occurred=-HOUR)
    story.account(0, 40, earned=40, of_event=True).until(MINUTE)
    assert {row.content for row in story.triggers(action="send")} == {"points_earned@1"}


def test_an_old_purchase_meets_no_goal_of_a_journey_that_began_later() -> None:
    story = reachable(shipped=("cart_reminder",))
    story.event(0, "cart_updated", Cart(cart_id="c", lines=lines_of("x")), source="web")
    story.event(1, "sale", BASKET, occurred=-3 * DAY).until(DAY)
    assert len(story.triggers(action="send", step="remind")) == 1


# --- a property: what is taken back is as if it had never been ---

HISTORIES = st.lists(
    st.tuples(st.sampled_from([1, HOUR, 5 * HOUR, DAY]), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=12,
)


def live(history: list[tuple[int, bool, int]], *, with_wrong: bool) -> Story:
    """Purchases; some are somebody else's and are taken back up to three hours later."""
    story = reachable(THANKS)
    at = 0
    for number, (gap, wrong, hours) in enumerate(history):
        at += gap
        name = f"s-{number}"
        basket = Sale(transaction_id=name, currency="USD", lines=lines_of(f"sku-{name}"))
        if not wrong:
            story.event(at, "sale", basket, event_id=name)
        elif with_wrong:
            story.event(at, "sale", basket, event_id=name)
            back_at = at + hours * MINUTE
            story.event(back_at, "sale", basket, event_id=name, occurred=at, retract=True)
        at += 3 * MINUTE
    return story.until(at + 30 * DAY)


@given(HISTORIES)
@settings(max_examples=60, deadline=None)
def test_purchases_that_are_taken_back_in_time_leave_no_trace(
    history: list[tuple[int, bool, int]],
) -> None:
    """The oracle never had them: the same messages go out, and the same is remembered."""
    story, oracle = live(history, with_wrong=True), live(history, with_wrong=False)
    sent = [(row.channel, row.step, row.entry_id, row.decided_at) for row in story.triggers()]
    assert sent == [
        (row.channel, row.step, row.entry_id, row.decided_at) for row in oracle.triggers()
    ]
    wrong = {f"sku-s-{number}" for number, (_, is_wrong, _) in enumerate(history) if is_wrong}
    assert not wrong & set(story.state.bought)
    assert story.state.bought == oracle.state.bought
    assert story.state.told is not None
    assert oracle.state.told is not None
    # What was taken back may have pushed the oldest out.
    kept = story.state.told.actions
    assert kept == oracle.state.told.actions[: len(kept)]
    assert len(kept) >= min(10 - len(wrong), len(oracle.state.told.actions))
    assert story.state.passages == oracle.state.passages == []
    retracted = story.entries(left_because="retracted")
    assert len(retracted) == len(wrong)
