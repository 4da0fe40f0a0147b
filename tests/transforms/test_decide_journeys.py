"""The journeys that ship, each as the story that it was written for."""

from itertools import pairwise

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
    GuestStory,
    Story,
    journey_of,
    lines_of,
    policy_of,
    shipped_journeys,
)

from schemas.decisions import LEFT_BECAUSE
from schemas.payloads import Cart, Case, Consent, Feedback, Order, Profile, Sale, Visit

BASKET = Sale(transaction_id="t-1", currency="USD", lines=lines_of("a", "b"))


def member(*granted: str, devices: bool = True, journeys: list[str] | None = None) -> Story:
    """Enrolled ten days ago, settled; reachable everywhere, marketing allowed as said."""
    chosen = None if journeys is None else [shipped_journeys()[name] for name in journeys]
    story = Story(chosen, member="m-7")
    story.event(-10 * DAY, "enrolled", Profile(), identifiers=(EMAIL, PHONE))
    for channel in granted:
        yes = Consent(channel=channel, purpose="marketing", granted=True)
        story.event(-9 * DAY, "consent_changed", yes)
    if devices:
        story.event(-9 * DAY, "app_opened", identifiers=(PUSH, DEVICE), source="app")
        story.event(-9 * DAY, "signed_in", identifiers=(COOKIE,), source="web")
    story.until(-DAY)
    story.outputs.clear()
    return story


def report(story: Story, at: int, type: str, trigger: int = -1) -> Story:
    sent = story.triggers(action="send")[trigger]
    return story.event(at, type, Feedback(trigger_id=sent.trigger_id, channel=sent.channel))


# --- welcome ---


def test_welcome_greets_once_consents_are_known_and_flags_the_first_visit() -> None:
    story = Story()
    story.event(0, "enrolled", Profile(), identifiers=(EMAIL,))
    yes = Consent(channel="email", purpose="marketing", granted=True)
    story.event(MINUTE, "consent_changed", yes)
    story.until(HOUR)
    assert story.said(journey="welcome", channel="email") == [("email", "sent", "ok")]
    assert story.said(journey="welcome", channel="sms") == [("sms", "suppressed", "no_consent")]
    story.event(DAY, "store_visited", Visit(store_id="1"))
    assert story.said(journey="welcome", step="recognise") == [("pos", "shown", "ok")]
    assert [(row.state, row.left_because) for row in story.entries(journey="welcome")][-1] == (
        "left",
        "completed",
    )
    story.event(2 * DAY, "store_visited", Visit(store_id="1"))
    assert len(story.decisions(step="recognise")) == 1


def test_welcome_recognises_at_the_till_too() -> None:
    story = Story().event(0, "enrolled", Profile(), identifiers=(EMAIL,))
    story.event(DAY, "sale", BASKET)
    assert story.said(journey="welcome", step="recognise") == [("pos", "shown", "ok")]


def test_welcome_gives_up_on_a_visit_that_never_comes() -> None:
    story = Story().event(0, "enrolled", Profile(), identifiers=(EMAIL,)).until(100 * DAY)
    last = story.entries(journey="welcome")[-1]
    assert (last.step, last.left_because) == ("first_visit", "completed")
    assert story.decisions(step="recognise") == []


# --- real-time earn ---


def earn(story: Story, at: int, occurred: int | None = None, **sale: object) -> Story:
    story.event(at, "sale", BASKET, occurred=occurred, **sale)  # type: ignore[arg-type]
    story.account(at, 40, pending=10, earned=10, of_event=True, reference="t-1")
    return story.until(at)


def test_a_purchase_shows_one_number_on_every_surface() -> None:
    story = earn(member(), 0)
    triggers = story.triggers(journey="real_time_earn")
    assert [(row.action, row.channel) for row in triggers] == [
        ("show", "app"),
        ("show", "web"),
        ("show", "receipt"),
        ("send", "push"),
    ]
    assert {(row.data["available"], row.data["pending"]) for row in triggers} == {(40, 10)}
    assert {row.data["earned"] for row in triggers} == {10}
    assert {row.state_version for row in triggers} == {story.members()[-1].version}
    assert [row.handle for row in triggers] == [DEVICE, COOKIE, None, PUSH]
    assert triggers[-1].consent == "contract"
    assert [row.state for row in story.entries(journey="real_time_earn")] == ["left"]


def test_a_late_purchase_changes_surfaces_and_pushes_nothing() -> None:
    story = earn(member(), 0, occurred=-2 * DAY)
    assert story.said(journey="real_time_earn") == [
        ("app", "suppressed", "stale"),
        ("web", "suppressed", "stale"),
        ("receipt", "suppressed", "stale"),
        ("push", "suppressed", "stale"),
    ]
    assert story.said(journey="surfaces") == [("app", "shown", "ok"), ("web", "shown", "ok")]


def test_an_order_has_no_till_receipt() -> None:
    story = member().event(0, "order_placed", Order(order_id="o-1"), source="web")
    story.account(0, 40, pending=10, earned=10, of_event=True).until(0)
    channels = {channel for channel, _, _ in story.said(journey="real_time_earn")}
    assert "receipt" not in channels
    assert "app" in channels


def test_points_without_a_purchase_send_nothing() -> None:
    story = member().account(0, 40, earned=10, cause="adjust").until(DAY)
    assert story.decisions(journey="real_time_earn") == []
    assert {row.channel for row in story.triggers()} == {"app", "web"}


def test_the_same_purchase_twice_sends_once() -> None:
    story = earn(member(), 0, event_id="s-1")
    story.event(HOUR, "sale", BASKET, occurred=0, event_id="s-1", retract=True)
    story.account(HOUR, 30, earned=-10, cause="correct")
    earn(story, 2 * HOUR, occurred=0, event_id="s-1")
    assert len(story.triggers(action="send")) == 1
    assert story.said(reason="already_sent") == [("", "suppressed", "already_sent")]


# --- tier upgrade ---


def test_an_upgrade_is_everywhere_and_its_message_beats_the_points() -> None:
    story = member()
    story.event(0, "sale", BASKET)
    story.account(0, 1040, earned=10, of_event=True, tier="silver")
    story.tier(0).until(0)
    shown = [row.channel for row in story.triggers(journey="tier_upgrade", action="show")]
    assert shown == ["app", "web", "pos", "wallet"]
    (message,) = story.triggers(action="send")
    assert (message.channel, message.data["tier"], message.data["from_tier"]) == (
        "email",
        "silver",
        "basic",
    )
    assert story.said(journey="real_time_earn", channel="push") == [
        ("push", "suppressed", "lower_priority")
    ]


def test_the_same_upgrade_reported_twice_is_one() -> None:
    story = member().event(0, "sale", BASKET).account(0, 1040).tier(0).tier(0).until(0)
    assert len(story.triggers(action="send")) == 1
    assert story.said(reason="already_sent") == []


def test_a_downgrade_is_no_celebration() -> None:
    story = member().account(0, 10, tier="basic").tier(0, "basic", "silver").until(DAY)
    assert story.decisions(journey="tier_upgrade") == []


# --- win back ---


def test_win_back_asks_then_writes_then_texts() -> None:
    story = member("push", "email", "sms")
    story.event(-HOUR, "profile_updated", Profile(preferred_channel="push"))
    story.score(0).until(30 * DAY)
    sends = story.triggers(action="send")
    assert [row.channel for row in sends] == ["push", "email", "sms"]
    assert [row.step for row in sends] == ["ask", "write", "text"]
    hours = [(row.decided_at - NOON) / HOUR for row in sends]
    assert hours[0] == 0
    assert all(48 <= later - earlier < 72 for earlier, later in pairwise(hours))
    assert [row.channel for row in story.triggers(action="show")] == ["web", "app"]


def test_win_back_uses_the_preferred_channel_within_consent() -> None:
    story = member("email", "sms")
    story.event(-HOUR, "profile_updated", Profile(preferred_channel="sms"))
    story.score(0).until(0)
    asked = story.said(journey="win_back", step="ask")
    assert asked[0] == ("sms", "sent", "ok")
    assert sorted(asked[1:]) == [
        ("email", "suppressed", "other_channel"),
        ("push", "suppressed", "no_consent"),
    ]


def test_win_back_stops_when_the_member_buys() -> None:
    story = member("push", "email", "sms").score(0).until(HOUR)
    story.event(DAY, "sale", BASKET).until(30 * DAY)
    assert len(story.triggers(action="send")) == 1
    assert {row.channel for row in story.triggers(action="hide")} == {"web", "app"}
    assert {row.outcome for row in story.decisions(reason="goal_met")} == {"withdrawn"}
    assert story.entries()[-1].left_because == "goal_met"


def test_win_back_ends_when_the_risk_falls() -> None:
    story = member("push").score(0).until(HOUR).score(DAY, "medium", "high").until(30 * DAY)
    assert len(story.triggers(action="send")) == 1
    assert story.entries()[-1].left_because == "exit"


def test_win_back_goes_on_when_the_risk_rises_further() -> None:
    story = member("push", "email")
    story.event(-HOUR, "profile_updated", Profile(preferred_channel="push"))
    story.score(0).until(HOUR).score(DAY, "lost", "high")
    assert len(story.triggers(action="send")) == 1
    assert len(story.until(30 * DAY).triggers(action="send")) == 2


@pytest.mark.parametrize("from_band", ["none", "lost"])
def test_win_back_is_for_those_who_just_became_a_risk(from_band: str) -> None:
    story = member("push").score(0, "high", from_band).until(30 * DAY)
    assert story.entries() == []


def test_win_back_doesnt_escalate_what_was_opened() -> None:
    story = member("push", "email", "sms").score(0).until(HOUR)
    report(story, 2 * HOUR, "opened").until(30 * DAY)
    assert len(story.triggers(action="send")) == 1


def test_win_back_leaves_the_control_group_alone() -> None:
    plan = Story().decide.rules.plans["win_back"]
    held = next(f"c-{number}" for number in range(100) if plan.holds_out(f"c-{number}"))
    story = Story(member=held).event(-DAY, "app_opened", identifiers=(PUSH, DEVICE))
    yes = Consent(channel="push", purpose="marketing", granted=True)
    story.event(-DAY, "consent_changed", yes).score(0).until(30 * DAY)
    assert story.triggers() == []
    assert ("push", "suppressed", "held_out") in story.said()
    assert story.entries()[-1].left_because == "completed"


def test_win_back_comes_again_after_ninety_days_only() -> None:
    story = member("push").score(0).until(30 * DAY)
    story.score(31 * DAY, "low", "high").score(60 * DAY).until(80 * DAY)
    assert len(story.triggers(action="send")) == 1
    story.score(81 * DAY, "low", "high").score(90 * DAY).until(120 * DAY)
    assert len(story.triggers(action="send")) == 2


# --- cart reminder ---


def cart(story: Story, at: int, *skus: str, occurred: int | None = None) -> Story:
    payload = Cart(cart_id="c-1", lines=lines_of(*skus))
    return story.event(at, "cart_updated", payload, occurred=occurred)


def reminders(story: Story) -> list[tuple[str, str, str]]:
    return story.said(journey="cart_reminder", step="remind")


def test_a_left_cart_is_reminded_of_four_hours_later() -> None:
    story = cart(member("push"), 0, "x").until(DAY)
    (message,) = story.triggers(action="send")
    assert message.decided_at == NOON + 4 * HOUR
    assert message.data["lines"][0]["sku"] == "x"
    assert message.data["cart_id"] == "c-1"


def test_each_change_starts_the_pause_anew() -> None:
    story = cart(cart(member("push"), 0, "x"), 3 * HOUR, "x", "y").until(DAY)
    (message,) = story.triggers(action="send")
    assert message.decided_at == NOON + 7 * HOUR
    assert [line["sku"] for line in message.data["lines"]] == ["x", "y"]
    assert len({row.entry_id for row in story.entries()}) == 1


@pytest.mark.parametrize("bought", ["sale", "order_placed"])
def test_nobody_is_reminded_of_what_they_bought(bought: str) -> None:
    story = cart(member("push"), 0, "x")
    payload = BASKET if bought == "sale" else Order(order_id="o", cart_id="c-1")
    story.event(HOUR, bought, payload).until(DAY)
    assert reminders(story) == []
    assert story.entries()[-1].left_because == "goal_met"


def test_an_emptied_cart_is_forgotten() -> None:
    story = cart(cart(member("push"), 0, "x"), HOUR).until(DAY)
    assert story.triggers(action="send") == []
    assert story.entries()[-1].left_because == "exit"


def test_a_cart_known_late_is_no_reason() -> None:
    story = cart(member("push"), 0, "x", occurred=-2 * HOUR).until(DAY)
    assert story.said() == [("", "suppressed", "stale")]
    assert story.entries() == []


def test_a_failed_push_escalates_at_once() -> None:
    story = cart(member("push", "email"), 0, "x")
    story.event(1, "profile_updated", Profile(preferred_channel="push")).until(4 * HOUR)
    report(story, 4 * HOUR + MINUTE, "failed").until(4 * HOUR + MINUTE)
    channels = [(row.channel, row.decided_at - NOON) for row in story.triggers(action="send")]
    assert channels == [("push", 4 * HOUR), ("email", 4 * HOUR + MINUTE)]


def test_an_ignored_push_escalates_in_the_morning() -> None:
    story = cart(member("push", "email"), 0, "x")
    story.event(1, "profile_updated", Profile(preferred_channel="push")).until(3 * DAY)
    second = story.triggers(action="send")[1]
    # Sent at 16:00; ignored by 04:00, silence until 07:00; New York.
    assert second.decided_at == NOON + 19 * HOUR
    assert (second.step, second.channel) == ("follow_up", "email")


# --- what ends a passage, and kinds of steps that the shipped journeys don't use ---

SPLIT = """
journey: split
version: 3
purpose: service
priority: 1
entry: {event: searched}
goal: {events: [sale]}
reentry_hours: 0
steps:
  - step: fork
    branch:
      when: {tiers: [gold], available_min: 100}
      then: night
      otherwise: dice
  - step: dice
    experiment:
      experiment: wording
      arms: {a: {share: 0.5, then: leave}, b: {share: 0.5, then: night}}
  - step: night
    wait_until: {at: "09:30"}
  - step: tell
    message: {channels: [push], content: hello@1, data: [tier]}
"""


OF_GUESTS = """
journey: of_guests
version: 1
audience: guests
purpose: service
priority: 1
entry: {event: searched}
steps:
  - {step: wait, wait_hours: 1}
"""


def test_a_branch_asks_about_the_member_now() -> None:
    rich = Story([journey_of(SPLIT)], policy_of()).account(0, 100, tier="gold")
    rich.event(1, "searched")
    assert rich.entries()[-1].step == "night"
    assert rich.entries()[-1].journey_version == 3


def test_wait_until_is_by_the_clock_where_the_member_lives() -> None:
    story = Story([journey_of(SPLIT)], policy_of()).account(0, 100, tier="gold")
    story.event(1, "profile_updated", Profile(time_zone="Asia/Tokyo"), identifiers=(PUSH,))
    story.event(2, "searched").until(DAY)
    # Noon in New York is two in the morning in Tokyo.
    assert story.triggers()[0].decided_at == NOON + 7 * HOUR + 30 * MINUTE


def test_an_experiment_splits_members_and_never_a_member() -> None:
    arms = []
    for number in range(200):
        story = Story([journey_of(SPLIT)], policy_of(), member=f"m-{number}")
        for at in (0, HOUR):
            story.event(at, "searched")
        steps = {row.step for row in story.entries()}
        assert len(steps) == 1
        arms.append(steps.pop())
    assert 70 < arms.count("night") < 130


@pytest.mark.parametrize("because", LEFT_BECAUSE)
def test_every_way_to_leave(because: str) -> None:
    story = Story([journey_of(SPLIT)], policy_of()).account(0, 100, tier="gold")
    story.event(1, "searched", identifiers=(PUSH,))
    if because == "goal_met":
        story.event(2, "sale", BASKET)
    elif because == "exit":
        exiting = journey_of(SPLIT + "exit: {account: spent}\n")
        story.decide = Story([exiting], policy_of()).decide
        story.account(2, 10, spent=90)
    elif because == "completed":
        story.until(2 * DAY)
    elif because == "crowded_out":
        for at in range(2, 15):
            story.event(at, "searched")
    elif because == "retired":
        story.decide = Story([], policy_of()).decide
        story.until(2 * DAY)
    elif because == "retracted":
        story.event(2, "searched", event_id="e-2", occurred=1, retract=True)
    elif because == "joined":
        story = GuestStory([journey_of(OF_GUESTS)], policy_of())
        story.event(1, "searched").join(2)
    elif because == "merged":
        story.merge(2, MEMBER, "m-2")
    elif because == "erased":
        story.event(2, "erasure_requested")
    left = [row for row in story.entries() if row.state == "left"]
    assert {row.left_because for row in left} == {because}
    assert all(row.left_at is not None and row.left_at >= row.entered_at for row in left)


def test_a_step_that_is_gone_retires_its_passages() -> None:
    story = Story([journey_of(SPLIT)], policy_of()).account(0, 100, tier="gold")
    story.event(1, "searched")
    renamed = journey_of(SPLIT.replace("night", "dusk"))
    story.decide = Story([renamed], policy_of()).decide
    story.event(2, "sale", BASKET, occurred=-HOUR).until(2 * DAY)
    assert story.entries()[-1].left_because == "retired"


def test_rows_of_an_entry_carry_growing_versions() -> None:
    story = member("push", "email", "sms").score(0).until(30 * DAY)
    versions = [row.version for row in story.entries()]
    assert versions == sorted(set(versions))


def test_an_open_case_silences_marketing_and_tells_the_call_centre() -> None:
    story = member("push").account(-HOUR, 40).event(-1, "case_opened", Case(case_id="k"))
    (note,) = story.triggers(channel="service")
    assert note.data["available"] == 40
    assert note.data["open_cases"] == 1
    story.score(0).until(HOUR)
    assert {row.reason for row in story.decisions(journey="win_back")} == {
        "open_case",
        "no_consent",
    }


def test_state_keeps_within_its_bounds() -> None:
    story = member("push", "email", "sms")
    for day in range(120):
        at = day * DAY
        basket = Sale(
            transaction_id=f"t-{day}",
            currency="USD",
            lines=lines_of(*[f"{day}-{line}" for line in range(9)]),
        )
        story.event(at, "sale", basket)
        story.account(at, day, earned=10, of_event=True)
        cart(story, at + HOUR, "x", f"y-{day}")
        story.event(at + 2 * HOUR, "case_opened", Case(case_id=f"k-{day}"))
        story.event(at + 3 * HOUR, "case_closed", Case(case_id=f"k-{day}"))
    assert len(msgspec.msgpack.encode(story.state)) < 6_000


def test_members_differ_in_their_trigger_ids() -> None:
    first = earn(member(), 0).triggers()
    other = Story(member="m-8")
    other.event(-9 * DAY, "app_opened", identifiers=(PUSH, DEVICE), source="app")
    second = earn(other, 0).triggers()
    assert not {row.trigger_id for row in first} & {row.trigger_id for row in second}
    assert MEMBER not in {row.member_id for row in first}
