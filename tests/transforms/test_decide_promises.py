"""What holds for every history: consent, caps, quiet hours, one row a candidate, equal replays.

The oracles read only what went in and the rows that came out; none of them asks the product's code.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from decide_story import (
    COOKIE,
    DAY,
    DEVICE,
    EMAIL,
    HOUR,
    MINUTE,
    NOON,
    PHONE,
    PUSH,
    Story,
    lines_of,
    shipped_journeys,
    shipped_policy,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.decisions import Trigger
from schemas.payloads import Cart, Case, Consent, Feedback, Order, Profile, Sale, Visit

ZONES = ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe"]
CHANNELS = ["push", "email", "sms"]
# From 2017-03-07 on: daylight saving begins in New York on the 12th and in Berlin on the 26th,
# and ends on Lord Howe Island (by half an hour) on April 2nd.

steps = st.one_of(
    st.tuples(st.just("consent"), st.sampled_from(CHANNELS), st.booleans()),
    st.tuples(st.just("opt_out"), st.sampled_from(CHANNELS), st.booleans()),
    st.tuples(st.just("cart"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("cart"), st.integers(1, 2), st.booleans()),
    st.tuples(st.just("risk"), st.booleans(), st.booleans()),
    st.tuples(st.just("sale"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("order"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("tier"), st.booleans(), st.booleans()),
    st.tuples(st.just("case"), st.booleans(), st.booleans()),
    st.tuples(st.just("zone"), st.sampled_from(ZONES), st.booleans()),
    st.tuples(st.just("visit"), st.just(0), st.booleans()),
    st.tuples(st.just("feedback"), st.integers(0, 6), st.integers(0, 5)),
)
gaps = st.sampled_from([0, 0, 1, MINUTE, HOUR, 5 * HOUR, 13 * HOUR, 2 * DAY, 5 * DAY])
histories = st.lists(st.tuples(gaps, steps), min_size=3, max_size=30)
FEEDBACK = ["delivered", "failed", "opened", "clicked", "dismissed", "unsubscribed", "shown"]


def hungry() -> list[Any]:
    """The shipped journeys, as often as possible and without control groups."""
    return [
        msgspec.structs.replace(
            journey,
            hold_out=0.0,
            reentry_hours=None if journey.journey == "welcome" else journey.reentry_hours and 1.0,
        )
        for journey in shipped_journeys().values()
    ]


def apply(story: Story, at: int, step: tuple[Any, ...]) -> None:
    what, first, second = step
    if what in ("consent", "opt_out"):
        purpose = "marketing" if what == "consent" else "transactional"
        payload = Consent(channel=first, purpose=purpose, granted=second)
        story.event(at, "consent_changed", payload)
    elif what == "cart":
        story.event(at, "cart_updated", Cart(cart_id="c", lines=lines_of("a", "b")[:first]))
    elif what == "risk":
        story.score(at, "high", "medium") if first else story.score(at, "medium", "high")
    elif what in ("sale", "order"):
        payload = (
            Sale(transaction_id=f"t-{story.count}", currency="USD", lines=lines_of("a")[:first])
            if what == "sale"
            else Order(order_id=f"o-{story.count}", cart_id="c", lines=lines_of("b")[:first])
        )
        type = "sale" if what == "sale" else "order_placed"
        story.event(at, type, payload, occurred=at - 2 * DAY if second else at)
        story.account(at, story.count, earned=first, of_event=True)
    elif what == "tier":
        story.tier(at) if first else story.tier(at, "basic", "silver")
    elif what == "case":
        story.event(at, "case_opened" if first else "case_closed", Case(case_id="k"))
    elif what == "zone":
        story.event(at, "profile_updated", Profile(time_zone=first))
    elif what == "visit":
        story.event(at, "store_visited", Visit(store_id="1"))
    elif what == "feedback":
        sends = story.triggers(action="send")
        if sends:
            sent = sends[second % len(sends)]
            told = Feedback(trigger_id=sent.trigger_id, channel=sent.channel)
            story.event(at, FEEDBACK[first], told)


def start() -> Story:
    """A member who can be reached everywhere and has agreed to everything."""
    story = Story(hungry(), shipped_policy())
    story.event(0, "enrolled", Profile(), identifiers=(EMAIL, PHONE))
    story.event(0, "app_opened", identifiers=(PUSH, DEVICE), source="app")
    story.event(0, "signed_in", identifiers=(COOKIE,), source="web")
    for channel in CHANNELS:
        yes = Consent(channel=channel, purpose="marketing", granted=True)
        story.event(0, "consent_changed", yes)
    return story


def live(history: list[tuple[int, tuple[Any, ...]]]) -> Story:
    story = start()
    at = 0
    for gap, step in history:
        at += gap
        apply(story, at, step)
    return story.until(at + 100 * DAY)


def events(story: Story, *types: str) -> list[Any]:
    found = [getattr(message.body, "event", None) for message in story.messages]
    return [event for event in found if event is not None and event.type in types]


def zone_at(story: Story, at: int) -> ZoneInfo:
    zone = "America/New_York"
    for event in events(story, "enrolled", "profile_updated"):
        if event.occurred_at <= at and event.payload.time_zone:
            zone = event.payload.time_zone
    return ZoneInfo(zone)


def wall_clock(story: Story, at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone_at(story, at))


def sends_of(story: Story) -> list[Trigger]:
    return story.triggers(action="send")


def check_consent(story: Story) -> None:
    """No event said yes: no marketing. Somebody said no: nothing, whatever the purpose."""
    for sent in sends_of(story):
        answers = [(0, True, sent.purpose != "marketing")]
        for event in events(story, "consent_changed", "unsubscribed"):
            payload = event.payload
            purpose = getattr(payload, "purpose", "marketing")
            if event.occurred_at <= sent.decided_at and (payload.channel, purpose) == (
                sent.channel,
                sent.purpose,
            ):
                granted = getattr(payload, "granted", False)
                answers.append((event.occurred_at, not granted, granted))
        assert max(answers)[2], (sent.channel, sent.purpose)
        assert sent.purpose != "marketing" or sent.consent.startswith("opt_in:")


def failed_by(story: Story, sent: Trigger, at: int) -> bool:
    return any(
        event.payload.trigger_id == sent.trigger_id and event.occurred_at <= at
        for event in events(story, "failed")
    )


def check_caps(story: Story) -> None:
    """Counted from scratch at each send: at most the limit, the send itself included."""
    sends = sends_of(story)
    for last in sends:
        now = last.decided_at
        local = wall_clock(story, now)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        week = midnight - timedelta(days=local.weekday())
        starts = {"day": midnight, "week": week, "month": midnight.replace(day=1)}
        for cap in shipped_policy().caps:
            mine = [
                sent
                for sent in sends
                if sent.decided_at <= now
                and (not cap.channels or sent.channel in cap.channels)
                and (not cap.purposes or sent.purpose in cap.purposes)
                and not failed_by(story, sent, now)
            ]
            if last not in mine:
                continue
            if cap.calendar is None:
                inside = [sent for sent in mine if now - sent.decided_at < cap.hours * HOUR]
            else:
                first = starts[cap.calendar].timestamp() * 1000
                inside = [sent for sent in mine if sent.decided_at >= first]
            assert len(inside) <= cap.limit, cap.cap


def check_quiet_hours(story: Story) -> None:
    for sent in sends_of(story):
        clock = wall_clock(story, sent.decided_at).strftime("%H:%M")
        if sent.purpose != "transactional" and sent.channel in ("push", "sms"):
            assert "08:00" <= clock < "21:00", (sent.channel, clock)
        if sent.purpose == "marketing" and sent.channel == "email":
            assert "07:00" <= clock < "22:00", clock


def check_one_row_a_candidate(story: Story) -> None:
    """An attempt decides on each of its channels once; whatever is queued ends by one more row."""
    attempts: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    fates: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in story.decisions():
        took_back = row.outcome == "withdrawn" and row.trigger_id is not None
        attempts[row.entry_id, row.step, row.decided_at, took_back][row.channel] += 1
        if not took_back:
            fates[row.entry_id, row.step].append((row.outcome, row.channel))
    assert all(count == 1 for counts in attempts.values() for count in counts.values())
    assert len({row.decision_id for row in story.decisions()}) == len(story.decisions())
    for fate in fates.values():
        queued = [place for place, (outcome, _) in enumerate(fate) if outcome == "queued"]
        if queued:
            channel = fate[queued[-1]][1]
            after = [outcome for outcome, name in fate[queued[-1] + 1 :] if name == channel]
            assert len(after) == 1
            assert after[0] != "queued"


def check_triggers_follow_decisions(story: Story) -> None:
    """Each trigger names what a decision let out, and the other way round."""
    actions = {"sent": {"send"}, "shown": {"show"}, "withdrawn": {"hide", "withdraw"}}
    triggers = {row.trigger_id: row for row in story.triggers()}
    let_out = [row for row in story.decisions() if row.trigger_id is not None]
    assert sorted(triggers) == sorted(row.trigger_id or "" for row in let_out)
    for row in let_out:
        trigger = triggers[row.trigger_id or ""]
        assert trigger.action in actions[row.outcome]
        same = ("journey", "step", "channel", "entry_id", "decided_at")
        assert all(getattr(row, name) == getattr(trigger, name) for name in same)


def check_ids(story: Story) -> None:
    ids = [row.trigger_id for row in story.triggers()]
    assert len(ids) == len(set(ids))


def check_one_message_a_purpose(story: Story) -> None:
    """Of one purpose at one instant one message goes out."""
    spoken = Counter((sent.purpose, sent.decided_at) for sent in sends_of(story))
    assert all(count == 1 for count in spoken.values())


def check_nothing_after_leaving(story: Story) -> None:
    """Everybody leaves in the end, and nothing is said for a passage that ended."""
    left = {row.entry_id: row.left_at for row in story.entries(state="left")}
    assert set(left) == {row.entry_id for row in story.entries()}
    for sent in story.triggers():
        assert sent.journey == "surfaces" or sent.decided_at <= left[sent.entry_id]


def check_replay(story: Story, again: Story) -> None:
    assert story.outputs == again.outputs
    encode = msgspec.msgpack.encode
    assert encode(story.state) == encode(again.state)


@given(histories)
@settings(max_examples=100, deadline=None)
def test_promises(history: list[tuple[int, tuple[Any, ...]]]) -> None:
    story = live(history)
    check_consent(story)
    check_caps(story)
    check_quiet_hours(story)
    check_one_row_a_candidate(story)
    check_triggers_follow_decisions(story)
    check_ids(story)
    check_one_message_a_purpose(story)
    check_nothing_after_leaving(story)
    check_replay(story, live(history))


def test_the_histories_reach_what_they_are_for() -> None:
    """The generator isn't idle: a plain history sends, queues, caps, escalates and withdraws."""
    history = []
    for _ in range(12):
        history.append((5 * HOUR, ("cart", 2, True)))
        history.append((13 * HOUR, ("risk", True, True)))
        history.append((HOUR, ("sale", 1, False)))
        history.append((HOUR, ("risk", False, True)))
    story = live(history)
    outcomes = {(row.outcome, row.reason) for row in story.decisions()}
    assert {
        ("sent", "ok"),
        ("queued", "quiet_hours"),
        ("suppressed", "cap_reached"),
        ("withdrawn", "goal_met"),
    } <= outcomes
    assert sends_of(story)[0].decided_at > NOON
