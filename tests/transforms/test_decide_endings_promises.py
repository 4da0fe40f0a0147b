"""What holds wherever in a history an account ends; the oracle is a channel that reads triggers."""

from typing import Any

import msgspec
import pytest
from decide_story import (
    DAY,
    EMAIL,
    GUEST,
    HOUR,
    MEMBER,
    MINUTE,
    NOON,
    GuestStory,
    Story,
    journey_of,
    lines_of,
    shipped_journeys,
    shipped_policy,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decide_promises import apply, check_ids, check_replay, histories, start

from schemas.decisions import Trigger
from schemas.payloads import Cart, Consent, Feedback, Sale

PAPER = {"receipt", "email", "sms"}
"""What a channel can't take back."""


class Channels:
    """What people have before their eyes, by the four actions of the channel contract alone."""

    def __init__(self) -> None:
        self.before: dict[str, list[Trigger]] = {}

    def carry_out(self, trigger: Trigger) -> None:
        standing = self.before.setdefault(trigger.channel, [])
        if trigger.action in ("send", "show"):
            standing.append(trigger)
            return
        named = [one for one in standing if one.trigger_id == trigger.data["withdraws"]]
        assert len(named) == 1, "it names something that stands"
        if trigger.data.get("everything"):
            standing.clear()
        else:
            standing.remove(named[0])

    def opened(self, trigger_id: str) -> None:
        for standing in self.before.values():
            standing[:] = [one for one in standing if one.trigger_id != trigger_id]

    def seen(self, at: int) -> dict[str, str]:
        """The last thing on each channel that hasn't run out."""
        found = {}
        for channel, standing in self.before.items():
            for one in standing:
                if one.expires_at is None or one.expires_at > at:
                    found[channel] = one.trigger_id
        return found


def live(
    history: list[tuple[int, tuple[Any, ...]]], ends_after: int, how: str
) -> tuple[Story, int]:
    """The story, and how many rows there were before it ended; -1: it didn't."""
    story, at, before = start(), 0, -1
    for place, (gap, step) in enumerate(history):
        at += gap
        apply(story, at, step)
        if place == ends_after:
            story.until(at)
            before = len(story.outputs)
            if how == "goes on":
                continue
            if how == "merged":
                story.merge(at, MEMBER, "m-2")
            else:
                story.event(at, "erasure_requested")
    return story.until(at + 100 * DAY), before


def opened_before(story: Story, at: int) -> set[str]:
    """Messages that were opened, or that failed, so that nothing is there to take back."""
    found = set()
    for message in story.messages:
        event = getattr(message.body, "event", None)
        known = event is not None and message.known_at <= at
        if known and event.type in ("opened", "clicked", "failed"):
            found.add(event.payload.trigger_id)
    return found


@given(histories, st.integers(0, 29), st.sampled_from(["merged", "erased"]))
@settings(max_examples=80, deadline=None)
def test_wherever_it_ends(history: list[Any], ends_after: int, how: str) -> None:
    ends_after = min(ends_after, len(history) - 1)
    story, before = live(history, ends_after, how)
    ended_at = next(row.left_at for row in [*story.entries(left_because=how), Nobody])
    # Until then it is the story without the end.
    plain, _ = live(history, ends_after, "goes on")
    assert plain.outputs[:before] == story.outputs[:before]
    # Then all goes back at one instant, and nothing comes after it.
    last = story.members(closed=how)
    after = [row for row in story.outputs[before:] if isinstance(row, Trigger)]
    assert {row.action for row in after} <= {"withdraw", "hide"}
    assert len({row.decided_at for row in after}) <= 1
    assert all(
        row.outcome == "withdrawn" for row in story.decisions() if row in story.outputs[before:]
    )
    assert last
    assert {row.state for row in newest_entries(story).values()} <= {"left"}
    # Nobody has anything before their eyes but what can't be taken back.
    channels = Channels()
    for row in story.triggers():
        channels.carry_out(row)
    ends_at = NOON + sum(gap for gap, _ in history[: ends_after + 1])
    end = max(row.decided_at for row in after) if after else ends_at
    for trigger_id in opened_before(story, ended_at or end):
        channels.opened(trigger_id)
    left = {channel: seen for channel, seen in channels.seen(end).items() if channel not in PAPER}
    within = recent_pushes(story, end)
    assert {channel for channel in left if channel != "push" or left[channel] in within} == set()
    check_ids(story)
    check_replay(story, live(history, ends_after, how)[0])


class Nobody:
    left_at = None


def newest_entries(story: Story) -> dict[str, Any]:
    return {row.entry_id: row for row in story.entries()}


def recent_pushes(story: Story, at: int) -> set[str]:
    """The twelve messages of the last seven days are the ones whose fate is followed."""
    sends = story.triggers(action="send")
    recent = [row for row in sends if at - row.decided_at < 7 * DAY][-12:]
    return {row.trigger_id for row in recent}


def test_the_oracle_sees_what_stands() -> None:
    """Without an end, surfaces show something: the property above isn't idle."""
    history = [
        (HOUR, ("sale", 1, False)),
        (HOUR, ("visit", 0, False)),
        (HOUR, ("tier", True, False)),
    ]
    story, before = live(history, -1, "merged")
    channels = Channels()
    for row in story.triggers():
        channels.carry_out(row)
    assert {"app", "web", "pos", "wallet", "push"} <= set(channels.seen(NOON + 4 * HOUR))
    assert before == -1


# --- guests: consent as of then, and never after they joined ---

ANYTIME = [
    msgspec.structs.replace(shipped_journeys()["join_invitation"], reentry_hours=1.0),
    journey_of(
        """
journey: guest_cart
version: 1
audience: guests
purpose: service
priority: 60
entry: {event: cart_updated, max_age_hours: 1}
reentry_hours: 0
steps:
  - {step: pause, wait_hours: 3}
  - step: remind
    message: {channels: [sms, email], content: cart@1, data: [lines, spend]}
"""
    ),
]
GUEST_STEPS = st.one_of(
    st.tuples(st.just("subscribed"), st.just(True)),
    st.tuples(st.just("marketing"), st.booleans()),
    st.tuples(st.just("service"), st.booleans()),
    st.tuples(st.just("unsubscribed"), st.just(True)),
    st.tuples(st.just("sale"), st.just(True)),
    st.tuples(st.just("cart"), st.just(True)),
    st.tuples(st.just("join"), st.just(True)),
    st.tuples(st.just("erase"), st.just(True)),
)
GUEST_HISTORIES = st.lists(
    st.tuples(st.sampled_from([MINUTE, HOUR, 5 * HOUR, 3 * DAY]), GUEST_STEPS), max_size=20
)


def live_guest(history: list[Any], *, with_end: bool = True) -> GuestStory:
    story, at = GuestStory(ANYTIME, shipped_policy()), 0
    for gap, (what, granted) in history:
        at += gap
        if what in ("marketing", "service"):
            said = Consent(channel="email", purpose=what, granted=granted)
            story.event(at, "consent_changed", said)
        elif what == "unsubscribed":
            story.event(at, what, Feedback(trigger_id="t", channel="email"))
        elif what == "subscribed":
            story.event(at, what)
        elif what == "sale":
            basket = Sale(transaction_id=f"t-{at}", currency="USD", lines=lines_of("a"))
            story.event(at, what, basket)
        elif what == "cart":
            story.event(at, "cart_updated", Cart(cart_id="c", lines=lines_of("x")))
        elif what == "join":
            story.join(at)
        else:
            story.event(at, "erasure_requested")
    story.until(at + 400 * DAY)
    return story


def said_last(history: list[Any], purpose: str, at: int) -> bool:
    """Whether a guest may be written to: a walk over what they said, anew at joining."""
    now, answer = NOON, purpose == "service"
    for gap, (what, granted) in history:
        now += gap
        if now > at:
            break
        if what == "join":
            answer = purpose == "service"
        elif what == "subscribed" and purpose == "marketing":
            answer = True
        elif what == "unsubscribed" and purpose == "marketing":
            answer = False
        elif what == purpose:
            answer = granted
    return answer


@given(GUEST_HISTORIES)
@settings(max_examples=120, deadline=None)
def test_guests_hear_only_what_they_agreed_to(history: list[Any]) -> None:
    story = live_guest(history)
    ends, now, erased = [], NOON, None
    for gap, (what, _) in history:
        now += gap
        if what == "join":
            ends.append(now)
        elif what == "erase" and erased is None:
            erased = now
    for sent in story.triggers(action="send"):
        assert said_last(history, sent.purpose, sent.decided_at), sent.consent
        assert (sent.member_id, sent.handle, sent.channel) == (GUEST, EMAIL, "email")
        assert erased is None or sent.decided_at < erased
        # Nothing that began before they joined is sent after it.
        entered = next(row for row in story.entries() if row.entry_id == sent.entry_id).entered_at
        assert not [at for at in ends if entered <= at < sent.decided_at]
    assert {row.state for row in newest_entries(story).values()} <= {"left"}
    assert story.members() == story.states() == []
    assert story.decide.next_timer(story.state) is None
    refused = [said for said in story.state.consents.values() if not said.granted]
    assert len(refused) == len(story.state.consents)
    assert story.decide.is_idle(story.state) or refused
    check_ids(story)


@pytest.mark.parametrize("what", ["subscribed", "cart"])
def test_the_guests_property_isnt_idle(what: str) -> None:
    story = live_guest([(HOUR, (what, True)), (DAY, ("sale", True))])
    assert story.triggers(action="send")
