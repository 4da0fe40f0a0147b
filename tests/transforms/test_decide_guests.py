"""Guests: invited by what they agreed to, silent once they joined, forgotten when nothing comes."""

from typing import Any

import msgspec
import pytest
import yaml
from decide_story import (
    CONFIG,
    DAY,
    EMAIL,
    GUEST,
    HOUR,
    MINUTE,
    NOON,
    PHONE,
    PUSH,
    GuestStory,
    journey_of,
    lines_of,
    policy_of,
    shipped_journeys,
    shipped_policy,
)

from schemas.decisions import Member
from schemas.flow import Attributed
from schemas.journeys import GuestPolicy
from schemas.ladder import Ladder
from schemas.member_state import MemberState
from schemas.payloads import Cart, Consent, Feedback, Order, Return, Sale
from transforms.decide import check_journeys


def yes(channel: str = "email", granted: bool = True) -> Consent:
    return Consent(channel=channel, purpose="marketing", granted=granted)


def bought(number: int, *skus: str, order: str | None = None) -> Sale:
    lines = lines_of(*skus or ("a", "b"))
    return Sale(transaction_id=f"t-{number}", order_id=order, currency="USD", lines=lines)


def subscriber() -> GuestStory:
    """Asked for the newsletter at noon, and is a customer since an hour later."""
    story = GuestStory()
    story.event(0, "subscribed").event(HOUR, "sale", bought(1))
    return story


# --- the invitation that ships ---


def test_a_guest_who_bought_and_subscribed_is_invited_to_claim_what_they_bought() -> None:
    story = subscriber().until(3 * HOUR)
    (invitation,) = story.triggers()
    assert (invitation.action, invitation.channel, invitation.member_id) == ("send", "email", GUEST)
    assert (invitation.journey, invitation.step) == ("join_invitation", "invite")
    assert invitation.handle == EMAIL
    assert invitation.consent == "opt_in:web/e-1"
    assert invitation.data == {"purchases": 1, "spend": 1000, "claim_days_left": 13}
    assert invitation.market == "us"
    assert invitation.decided_at == NOON + 2 * HOUR


def test_they_are_reminded_once_before_it_is_too_late() -> None:
    story = subscriber().until(100 * DAY)
    sent = story.triggers(action="send")
    assert [trigger.step for trigger in sent] == ["invite", "remind"]
    assert sent[1].data == {"purchases": 1, "spend": 1000, "claim_days_left": 3}
    assert story.entries()[-1].left_because == "completed"


def test_nobody_is_invited_who_didnt_say_that_they_may_be_written_to() -> None:
    story = GuestStory().event(0, "sale", bought(1))
    story.until(5 * HOUR)
    assert story.triggers() == []
    assert story.said() == [
        ("email", "suppressed", "no_consent"),
        ("sms", "suppressed", "no_consent"),
    ]
    assert {row.member_id for row in story.decisions()} == {GUEST}


def test_whoever_subscribes_meanwhile_gets_the_reminder() -> None:
    story = GuestStory().event(0, "sale", bought(1))
    story.event(DAY, "consent_changed", yes()).until(20 * DAY)
    assert [trigger.step for trigger in story.triggers(action="send")] == ["remind"]


def test_consent_is_as_of_now() -> None:
    story = subscriber()
    story.event(HOUR + MINUTE, "consent_changed", yes(granted=False)).until(20 * DAY)
    assert story.triggers() == []
    assert {row.reason for row in story.decisions(channel="email")} == {"no_consent"}


def test_a_text_message_reaches_whoever_is_known_by_their_phone() -> None:
    story = GuestStory(guest=f"guest:{PHONE}")
    story.event(0, "consent_changed", yes("sms")).event(1, "sale", bought(1))
    story.until(3 * HOUR)
    (invitation,) = story.triggers()
    assert (invitation.channel, invitation.handle) == ("sms", PHONE)


def test_the_night_is_quiet_by_the_clock_of_the_market() -> None:
    story = GuestStory()
    story.event(0, "subscribed", market="jp")
    story.until(DAY)
    (invitation,) = story.triggers()
    assert [row.reason for row in story.decisions(channel="email")] == ["quiet_hours", "ok"]
    # 19:00 UTC, two hours after noon in New York, is 04:00 in Tokyo.
    assert invitation.decided_at == NOON + 5 * HOUR
    assert '"local_time":"2017-03-08T07:00+09:00"' in story.decisions(outcome="sent")[0].inputs


def test_an_old_purchase_that_is_known_late_invites_nobody() -> None:
    story = GuestStory().event(0, "consent_changed", yes())
    story.event(1, "sale", bought(1), occurred=-2 * DAY).until(20 * DAY)
    assert story.said() == [("", "suppressed", "stale")]


def test_the_shipped_claim_days_are_what_the_ladder_waits() -> None:
    ladder = msgspec.convert(yaml.safe_load((CONFIG / "ladder.yaml").read_text()), Ladder)
    reachable = set(ladder.guests.reachable)
    waits = {rung.waits.purchase for rung in ladder.rungs if reachable & set(rung.namespaces)}
    assert waits == {shipped_policy().guests.claim_days * 24}
    assert set(shipped_journeys()["join_invitation"].steps[1].message.channels) <= {  # type: ignore[union-attr]
        {"email": "email", "phone": "sms"}[namespace] for namespace in reachable
    }


# --- what counts ---

PURCHASES: list[tuple[str, list[tuple[int, str, Any]], dict[str, int]]] = [
    ("nothing", [], {"purchases": 0, "spend": 0, "claim_days_left": 0}),
    (
        "two_receipts",
        [(-3 * DAY, "sale", bought(1, "a")), (-DAY, "sale", bought(2, "a", "b"))],
        {"purchases": 2, "spend": 1500, "claim_days_left": 10},
    ),
    (
        "an_order_and_its_sale_are_one",
        [
            (-2 * DAY, "order_placed", Order(order_id="o", lines=lines_of("a"))),
            (-DAY, "sale", bought(1, "a", order="o")),
        ],
        {"purchases": 1, "spend": 500, "claim_days_left": 11},
    ),
    (
        "the_same_receipt_twice",
        [(-2 * DAY, "sale", bought(1)), (-DAY, "sale", bought(1))],
        {"purchases": 1, "spend": 1000, "claim_days_left": 11},
    ),
    (
        "what_came_back",
        [
            (-2 * DAY, "sale", bought(1, "a", "b")),
            (-DAY, "return", Return(return_id="r", transaction_id="t-1", lines=lines_of("a"))),
        ],
        {"purchases": 1, "spend": 500, "claim_days_left": 11},
    ),
    (
        "what_is_too_old_to_claim",
        [(-14 * DAY, "sale", bought(1)), (-DAY, "sale", bought(2, "a"))],
        {"purchases": 1, "spend": 500, "claim_days_left": 12},
    ),
    (
        "a_cart_is_no_purchase",
        [(-DAY, "cart_updated", Cart(cart_id="c", lines=lines_of("a")))],
        {"purchases": 0, "spend": 0, "claim_days_left": 0},
    ),
]


@pytest.mark.parametrize(("name", "history", "expected"), PURCHASES, ids=lambda it: str(it)[:30])
def test_what_can_be_claimed(
    name: str, history: list[tuple[int, str, Any]], expected: dict[str, int]
) -> None:
    ask = shipped_journeys()["join_invitation"]
    only = msgspec.structs.replace(
        ask, entry=msgspec.structs.replace(ask.entry, event="subscribed")
    )
    story = GuestStory([only])
    for at, type, payload in history:
        story.event(at, type, payload)
    story.event(0, "subscribed").until(3 * HOUR)
    assert story.triggers()[0].data == expected


# --- joining ---


def test_joining_ends_it_and_the_member_is_somebody_of_their_own() -> None:
    story = subscriber().until(3 * HOUR)
    story.join(DAY).until(200 * DAY)
    assert story.entries()[-1].left_because == "goal_met"
    assert len(story.triggers(action="send")) == 1


def test_what_is_queued_is_withdrawn_when_they_join() -> None:
    story = GuestStory().event(10 * HOUR, "subscribed").until(13 * HOUR)
    assert story.said() == [
        ("email", "queued", "quiet_hours"),
        ("sms", "suppressed", "no_consent"),
    ]
    story.join(13 * HOUR + 1).until(20 * DAY)
    assert story.said()[2:] == [("email", "withdrawn", "goal_met")]
    assert story.triggers() == []


def test_nothing_is_kept_of_a_guest_who_joined() -> None:
    story = subscriber().until(3 * HOUR)
    story.join(DAY)
    state = story.state
    assert (state.consents, state.passages, state.awaited, state.counted) == ({}, [], [], {})
    assert state.guest is not None
    assert state.guest.claims == []
    story.until(200 * DAY)
    assert story.decide.is_idle(story.state)
    assert story.decide.next_timer(story.state) is None


def test_joining_of_somebody_unknown_leaves_no_state() -> None:
    story = GuestStory().join(0)
    assert story.decide.is_idle(story.state)
    assert story.decide.next_timer(story.state) is None
    assert story.outputs == []


def test_a_guest_nobody_spoke_to_is_forgotten_as_soon_as_they_join() -> None:
    story = GuestStory().event(0, "searched").join(1)  # type: ignore[attr-defined]
    assert story.decide.is_idle(story.state)


def test_whoever_is_a_guest_again_is_told_nothing_twice() -> None:
    """Joined by mistake: the link is revoked, and what waited for it comes again."""
    story = GuestStory().event(0, "subscribed", event_id="s").until(3 * HOUR)
    story.join(4 * HOUR)  # type: ignore[attr-defined]
    story.event(5 * HOUR, "subscribed", event_id="s", occurred=0).until(30 * DAY)
    assert len(story.triggers(action="send")) == 1
    assert story.decisions()[-1].reason == "already_sent"
    story.event(31 * DAY, "subscribed", event_id="s-2").until(32 * DAY)
    assert len(story.triggers(action="send")) == 2
    ids = [row.trigger_id for row in story.triggers()]
    assert len(set(ids)) == len(ids)


# --- what channels report, caps, erasure, forgetting ---


def test_feedback_of_a_guests_message_is_theirs() -> None:
    story = subscriber().until(3 * HOUR)
    sent = story.triggers()[0]
    told = Feedback(trigger_id=sent.trigger_id, channel="email")
    story.event(4 * HOUR, "opened", told).event(5 * HOUR, "unsubscribed", told)
    assert [(row.state, row.member_id) for row in story.deliveries()] == [
        ("opened", GUEST),
        ("unsubscribed", GUEST),
    ]
    story.until(20 * DAY)
    assert len(story.triggers(action="send")) == 1
    assert {row.reason for row in story.decisions(step="remind", channel="email")} == {"no_consent"}


def test_feedback_after_they_joined_brings_no_guest_back() -> None:
    story = subscriber().until(3 * HOUR)
    sent = story.triggers()[0]
    story.join(DAY)
    told = Feedback(trigger_id=sent.trigger_id, channel="email")
    story.event(2 * DAY, "opened", told)
    assert [row.state for row in story.deliveries()] == ["opened"]
    assert story.state.ended is not None
    assert story.state.consents == {}


def test_feedback_that_comes_as_a_members_is_the_guests() -> None:
    """Channels echo the trigger's member_id; no account comes of it."""
    story = subscriber().until(3 * HOUR)
    body = Attributed(
        event=msgspec.structs.replace(
            story.last_event,  # type: ignore[arg-type]
            event_id="d-1",
            type="opened",
            source="delivery",
            payload=Feedback(trigger_id=story.triggers()[0].trigger_id, channel="email"),
        ),
        member_id=GUEST,
        reason="member_id",
        rung="member",
    )
    story.tell(4 * HOUR, body)
    story.account(4 * HOUR, 0)
    assert [row.state for row in story.deliveries()] == ["opened"]
    assert story.members() == []


def test_guests_are_neither_members_nor_told_as_such() -> None:
    story = subscriber().until(30 * DAY)
    assert not [row for row in story.outputs if isinstance(row, Member | MemberState)]
    before = len(story.outputs)
    story.account(31 * DAY, 5, cause="sale", earned=5)
    assert len(story.outputs) == before


def test_journeys_of_members_arent_begun_by_guests_nor_the_other_way_round() -> None:
    story = GuestStory().event(0, "consent_changed", yes())
    story.event(1, "cart_updated", Cart(cart_id="c", lines=lines_of("a"))).until(5 * DAY)
    assert story.entries() == []


def test_a_guests_other_identifiers_are_no_addresses_of_theirs() -> None:
    """The email is theirs; whose phone and device it was, nobody knows."""
    story = GuestStory()
    story.event(0, "subscribed", identifiers=(EMAIL, PHONE, PUSH))
    story.event(1, "consent_changed", yes("sms")).until(3 * HOUR)
    reasons = {row.channel: row.reason for row in story.decisions()}
    assert reasons == {"email": "ok", "sms": "unreachable"}
    assert set(story.state.handles) == {"email"}


def test_a_guest_who_asks_for_erasure_hears_nothing_more() -> None:
    story = GuestStory().event(10 * HOUR, "subscribed").until(13 * HOUR)
    story.event(13 * HOUR + 1, "erasure_requested")
    assert story.said()[2:] == [("email", "withdrawn", "erased")]
    assert story.entries()[-1].left_because == "erased"
    silent = len(story.outputs)
    story.event(14 * HOUR, "subscribed").event(15 * HOUR, "sale", bought(9)).until(60 * DAY)
    assert len(story.outputs) == silent
    state = story.state
    assert (state.consents, state.begun, state.awaited, state.entered) == ({}, [], [], {})
    story.until(200 * DAY)
    assert story.decide.is_idle(story.state)


def test_a_guest_is_forgotten_but_for_what_they_dont_want() -> None:
    keep = shipped_policy().guests.keep_days * DAY
    story = subscriber().until(20 * DAY)
    story.until(keep - HOUR)
    assert story.state.consents
    story.until(keep + 2 * DAY)
    assert story.decide.is_idle(story.state)
    story.event(100 * DAY, "consent_changed", yes(granted=False)).until(300 * DAY)
    assert not story.decide.is_idle(story.state)
    assert [said.granted for said in story.state.consents.values()] == [False]
    assert story.decide.next_timer(story.state) is None
    assert len(msgspec.msgpack.encode(story.state)) < 250
    story.join(301 * DAY)
    assert story.decide.is_idle(story.state)


def test_a_journey_that_lasts_longer_keeps_a_guest_until_it_is_over() -> None:
    long = ASK.replace("  - step: tell", "  - {step: wait, wait_hours: 2400}\n  - step: tell")
    story = GuestStory([journey_of(long)], policy_of()).event(0, "searched").until(99 * DAY)
    assert story.state.passages
    story.until(101 * DAY)
    assert len(story.triggers(action="send")) == 1
    assert story.decide.is_idle(story.state)


def test_a_guests_state_is_bounded() -> None:
    story = GuestStory()
    story.event(0, "subscribed")
    for day in range(80):
        for number in range(4):
            story.event(day * DAY + number, "sale", bought(day * 4 + number, f"{day}-{number}"))
        story.event(day * DAY + 9, "cart_updated", Cart(cart_id=f"c-{day}", lines=lines_of("x")))
    assert len(msgspec.msgpack.encode(story.state)) < 6_000
    assert story.state.guest is not None
    assert len(story.state.guest.claims) == 50


# --- journey files ---

ASK = """
journey: ask
version: 1
audience: guests
purpose: service
priority: 1
entry: {event: [searched, sale]}
goal: {joined: true}
steps:
  - step: tell
    message: {channels: [email], content: ask@1, data: [spend]}
"""

MISTAKES = [
    ("{event: [searched, sale]}", "{account: earned}", "entry: must name an event, since guests"),
    ("[searched, sale]", "[searched, sold]", "entry.event: must be a type of event; got 'sold'"),
    ("[searched, sale]", "[]", "entry.event: must be a type of event, or a list of types; got"),
    ("{joined: true}", "{}", "goal: must name events, or joined"),
    ("[email]", "[push]", "steps[0].message.channels: must reach guests: audience, email, receipt"),
    ("[spend]", "[available]", "steps[0].message.data[0]: must be one of cart_id, claim_days_left"),
    ("audience: guests\n", "", "goal.joined: must be left out, unless the audience is guests"),
    (
        "message: {channels: [email], content: ask@1, data: [spend]}",
        "show: {surfaces: [web], content: ask@1}",
        "steps[0].show.surfaces: must reach guests",
    ),
    (
        "message: {channels: [email], content: ask@1, data: [spend]}",
        "branch: {when: {enrolled: true}, then: leave, otherwise: leave}",
        "steps[0].branch: must be left out",
    ),
]


def test_a_journey_of_guests_is_right() -> None:
    assert check_journeys([journey_of(ASK)], policy_of()) == []


@pytest.mark.parametrize(("good", "bad", "complaint"), MISTAKES, ids=[m[2] for m in MISTAKES])
def test_mistakes_in_journeys_of_guests(good: str, bad: str, complaint: str) -> None:
    assert ASK.count(good) == 1
    mistakes = check_journeys([journey_of(ASK.replace(good, bad))], policy_of())
    assert any(f"journey ask: $.{complaint}" in mistake for mistake in mistakes), mistakes


def test_guests_are_kept_and_may_claim_for_a_while() -> None:
    policy = policy_of(guests=GuestPolicy(keep_days=0, claim_days=-1))
    assert check_journeys([], policy) == [
        "conversation: $.guests.keep_days: must be above 0; got 0",
        "conversation: $.guests.claim_days: must be above 0; got -1",
    ]


def test_one_journey_may_begin_by_several_types_of_event() -> None:
    for type in ("searched", "sale"):
        story = GuestStory([journey_of(ASK)], policy_of())
        payload = bought(1) if type == "sale" else None
        story.event(0, type, payload).until(1)
        assert [trigger.journey for trigger in story.triggers()] == ["ask"]
