"""Every outcome and reason that a decision can have, each with the shortest story that ends so."""

from collections.abc import Callable
from typing import Any

import pytest
from decide_story import (
    CONFIG,
    COOKIE,
    DAY,
    EMAIL,
    HOUR,
    MEMBER,
    MINUTE,
    PHONE,
    PUSH,
    GuestStory,
    Story,
    journey_of,
    lines_of,
    policy_of,
)

from schemas.decisions import DECISION_REASONS
from schemas.journeys import Cap, QuietHours
from schemas.payloads import Cart, Case, Consent, Feedback, Order, Profile, Sale
from transforms.decide.identify import share_of

OFFER = """
journey: offer
version: 1
purpose: marketing
priority: 50
entry: {event: searched}
goal: {events: [sale]}
exit: {event: membership_ended}
reentry_hours: 0
steps:
  - step: tell
    message: {channels: [push, email], content: offer@1, data: [available], ttl_hours: 10}
"""
CART = """
journey: cart
version: 1
purpose: marketing
priority: 40
entry: {event: cart_updated}
reentry_hours: 0
steps:
  - step: pause
    wait_hours: 1
  - step: remind
    message: {channels: [push], content: cart@1, data: [lines]}
"""
MODULE = """
journey: module
version: 1
purpose: marketing
priority: 10
entry: {event: searched}
steps:
  - step: show
    show: {surfaces: [web], content: module@1}
"""


def asked(*journeys: str, granted: tuple[str, ...] = ("push",), **policy: Any) -> Story:
    """A member with a push token and an email who said yes to marketing on some channels."""
    story = Story([journey_of(text) for text in journeys or (OFFER,)], policy_of(**policy))
    story.event(-DAY, "enrolled", Profile(), identifiers=(PUSH, EMAIL, PHONE))
    for channel in granted:
        yes = Consent(channel=channel, purpose="marketing", granted=True)
        story.event(-DAY, "consent_changed", yes)
    return story


def search(story: Story, at: int = 0, **event: Any) -> Story:
    return story.event(at, "searched", **event).until(at)


def sent() -> Story:
    return search(asked())


def no_consent_event() -> Story:
    return search(asked(granted=()))


def consent_revoked() -> Story:
    story = asked()
    story.event(-1, "consent_changed", Consent(channel="push", purpose="marketing", granted=False))
    return search(story)


def unsubscribed() -> Story:
    story = asked()
    story.event(-1, "unsubscribed", Feedback(trigger_id="t", channel="push"))
    return search(story)


def late_older_consent() -> Story:
    """The yes is known last and was said first."""
    story = asked(granted=())
    no = Consent(channel="push", purpose="marketing", granted=False)
    yes = Consent(channel="push", purpose="marketing", granted=True)
    story.event(-2, "consent_changed", no)
    story.event(-1, "consent_changed", yes, occurred=-HOUR)
    return search(story)


def transactional_needs_no_consent() -> Story:
    return search(asked(OFFER.replace("marketing", "transactional"), granted=()))


def transactional_respects_an_opt_out() -> Story:
    story = asked(OFFER.replace("marketing", "transactional"), granted=())
    no = Consent(channel="push", purpose="transactional", granted=False)
    story.event(-1, "consent_changed", no)
    return search(story)


def unreachable() -> Story:
    story = asked(OFFER.replace("[push, email]", "[sms]"), granted=("sms",))
    story.state.handles.clear()
    return search(story)


def signed_out() -> Story:
    story = asked(granted=("push",))
    story.event(-1, "signed_out", identifiers=(PUSH,), source="app")
    return search(story)


def silent_once_erased() -> Story:
    story = asked(OFFER.replace("marketing", "transactional"))
    story.event(-1, "erasure_requested")
    return search(story)


def erased_while_queued() -> Story:
    return queued().event(1, "erasure_requested").until(6 * HOUR)


def merged_while_queued() -> Story:
    return queued().merge(1, MEMBER, "m-2").until(6 * HOUR)


def retracted_while_queued() -> Story:
    story = search(asked(quiet_hours=quiet()), event_id="s-1")
    return story.event(1, "searched", event_id="s-1", occurred=0, retract=True).until(6 * HOUR)


def joined_while_queued() -> Story:
    offer = OFFER.replace("[push, email]", "[email]").replace("[available]", "[spend]")
    offer = offer.replace("version: 1", "version: 1\naudience: guests")
    story = GuestStory([journey_of(offer)], policy_of(quiet_hours=quiet()))
    story.event(-1, "subscribed")
    return search(story).join(1).until(6 * HOUR)  # type: ignore[attr-defined, no-any-return]


def stale_browsing() -> Story:
    return search(asked(), occurred=-HOUR - 1)


def stale_message() -> Story:
    limited = OFFER.replace("ttl_hours: 10", "max_age_hours: 24")
    limited = limited.replace("event: searched", "event: searched, max_age_hours: 100")
    return search(asked(limited), occurred=-DAY - 1)


def cart_gone() -> Story:
    story = asked(CART)
    story.event(0, "cart_updated", Cart(cart_id="c", lines=lines_of("a")))
    story.event(1, "order_placed", Order(order_id="o", cart_id="c"), source="web")
    return story.until(HOUR)


def open_case() -> Story:
    return search(asked().event(-1, "case_opened", Case(case_id="k")))


def case_closed() -> Story:
    story = asked().event(-2, "case_opened", Case(case_id="k"))
    return search(story.event(-1, "case_closed", Case(case_id="k")))


def case_closed_before_it_opened() -> Story:
    """The closing is known first; the later fact counts."""
    story = asked().event(-2, "case_closed", Case(case_id="k"), occurred=-3)
    return search(story.event(-1, "case_opened", Case(case_id="k"), occurred=-HOUR))


def open_case_and_a_service_message() -> Story:
    story = asked(OFFER.replace("marketing", "service"))
    return search(story.event(-1, "case_opened", Case(case_id="k")))


def just_bought() -> Story:
    story = asked(CART)
    basket = Sale(transaction_id="t", currency="USD", lines=lines_of("a", "b"))
    story.event(-DAY, "sale", basket)
    story.event(0, "cart_updated", Cart(cart_id="c", lines=lines_of("b", "a")))
    return story.until(HOUR)


def partly_bought() -> Story:
    story = asked(CART)
    story.event(-DAY, "sale", Sale(transaction_id="t", currency="USD", lines=lines_of("a")))
    story.event(0, "cart_updated", Cart(cart_id="c", lines=lines_of("a", "b")))
    return story.until(HOUR)


def bought_by_somebody_else() -> Story:
    story = asked(CART)
    basket = Sale(transaction_id="t", currency="USD", lines=lines_of("a"))
    story.event(-DAY, "sale", basket, event_id="s")
    story.event(-DAY + 1, "sale", basket, event_id="s", occurred=-DAY, retract=True)
    story.event(0, "cart_updated", Cart(cart_id="c", lines=lines_of("a")))
    return story.until(HOUR)


def held_out() -> Story:
    return search(asked(OFFER + "hold_out: 0.999999\n"))


def cap_reached() -> Story:
    story = asked(caps=(Cap(cap="day", limit=1, calendar="day"),))
    return search(search(story), at=HOUR)


def cap_of_zero() -> Story:
    return search(asked(caps=(Cap(cap="none", limit=0, hours=1),)))


def rolling_window_over() -> Story:
    story = asked(caps=(Cap(cap="hour", limit=1, hours=1),))
    return search(search(story), at=HOUR)


def rolling_window_not_over() -> Story:
    story = asked(caps=(Cap(cap="hour", limit=1, hours=1),))
    return search(search(story), at=HOUR - 1)


def calendar_day_over() -> Story:
    """Half past eleven at night and half past midnight are two days where the member lives."""
    story = asked(caps=(Cap(cap="day", limit=1, calendar="day"),))
    return search(search(story, at=11 * HOUR + 30 * MINUTE), at=12 * HOUR + 30 * MINUTE)


def cap_of_another_channel() -> Story:
    story = asked(
        granted=("push", "email"), caps=(Cap(cap="p", limit=1, hours=9, channels=("push",)),)
    )
    return search(search(story), at=HOUR)


def cap_of_another_purpose() -> Story:
    caps = (Cap(cap="s", limit=0, hours=9, purposes=("service", "transactional")),)
    return search(asked(caps=caps))


def room_given_back() -> Story:
    story = search(asked(caps=(Cap(cap="day", limit=1, calendar="day"),)))
    failed = Feedback(trigger_id=story.triggers()[0].trigger_id, channel="push", reason="gone")
    story.event(MINUTE, "failed", failed)
    return search(story, at=HOUR)


def quiet(**fields: Any) -> tuple[QuietHours, ...]:
    """Silence from before the stories begin (noon) until six in the evening."""
    rule = {"channels": ("push", "email"), "from_time": "11:00", "until_time": "18:00"}
    return (QuietHours(**rule | fields),)


def queued() -> Story:
    return search(asked(quiet_hours=quiet()))


def released() -> Story:
    return queued().until(6 * HOUR)


def consent_gone_while_queued() -> Story:
    no = Consent(channel="push", purpose="marketing", granted=False)
    return queued().event(HOUR, "consent_changed", no).until(6 * HOUR)


def quiet_for_longer_than_its_time() -> Story:
    return search(asked(quiet_hours=quiet(until_time="22:00")))


def other_channel_not_quiet() -> Story:
    """Push would be silent for longer than the message lives; email isn't silent."""
    rules = quiet(until_time="22:00", channels=("push",))
    return search(asked(granted=("push", "email"), quiet_hours=rules))


def quiet_for_another_purpose() -> Story:
    return search(asked(quiet_hours=quiet(purposes=("service",))))


def two_at_once() -> Story:
    louder = OFFER.replace("journey: offer", "journey: louder").replace("50", "60")
    return search(asked(OFFER, louder))


def two_purposes_under_one_cap() -> Story:
    """The first message moves the counter that the second one reads."""
    care = OFFER.replace("journey: offer", "journey: care").replace("marketing", "service")
    care = care.replace("[push, email]", "[push]").replace("50", "60")
    return search(asked(OFFER, care, caps=(Cap(cap="any", limit=1, hours=1),)))


def still_quiet_at_its_release() -> Story:
    """The member flew west: at the release it is still quiet, and its time is nearly over."""
    story = asked(OFFER.replace("ttl_hours: 10", "ttl_hours: 8"), quiet_hours=quiet())
    search(story).event(HOUR, "profile_updated", Profile(time_zone="America/Los_Angeles"))
    return story.until(6 * HOUR)


def escalates_to_a_channel_not_yet_used() -> Story:
    text = OFFER + (
        "  - step: again\n"
        "    escalate: {after_hours: 2, channels: [push, email], content: offer@1}\n"
    )
    return search(asked(text, granted=("push", "email"))).until(3 * HOUR)


def second_channel() -> Story:
    return search(asked(granted=("push", "email")))


def fallback() -> Story:
    return search(asked(granted=("email",)))


def attributed_again() -> Story:
    return search(search(asked(), event_id="w"), at=MINUTE, event_id="w", occurred=0)


def bought_while_queued() -> Story:
    return queued().event(HOUR, "sale", Sale(transaction_id="t", currency="USD", lines=()))


def left_while_queued() -> Story:
    return queued().event(HOUR, "membership_ended", None)


def bought_at_that_instant() -> Story:
    story = asked()
    story.event(0, "searched")
    return story.event(0, "sale", Sale(transaction_id="t", currency="USD", lines=())).until(0)


def bought_before_it_began() -> Story:
    story = asked(quiet_hours=quiet())
    search(story)
    basket = Sale(transaction_id="t", currency="USD", lines=())
    return story.event(HOUR, "sale", basket, occurred=-HOUR).until(6 * HOUR)


def bought_by_somebody_else_while_queued() -> Story:
    basket = Sale(transaction_id="t", currency="USD", lines=())
    return queued().event(HOUR, "sale", basket, retract=True).until(6 * HOUR)


def answered_while_queued() -> Story:
    text = OFFER + (
        "  - step: again\n    escalate: {after_hours: 2, channels: [email], content: offer@1}\n"
    )
    rules = quiet(from_time="13:00", until_time="18:00", channels=("email",))
    story = search(asked(text, granted=("push", "email"), quiet_hours=rules))
    story.until(3 * HOUR)
    opened = Feedback(trigger_id=story.triggers()[0].trigger_id, channel="push")
    return story.event(4 * HOUR, "opened", opened).until(6 * HOUR)


def shown() -> Story:
    return search(asked(MODULE, granted=()).event(-1, "page_viewed", identifiers=(COOKIE,)))


def opted_out_of_a_surface() -> Story:
    story = asked(MODULE).event(-2, "page_viewed", identifiers=(COOKIE,))
    no = Consent(channel="web", purpose="marketing", granted=False)
    return search(story.event(-1, "consent_changed", no))


def hidden() -> Story:
    text = MODULE.replace("steps:", "goal: {events: [sale]}\nsteps:")
    story = asked(text + "  - step: rest\n    wait_hours: 9\n")
    search(story.event(-1, "page_viewed", identifiers=(COOKIE,)))
    return story.event(HOUR, "sale", Sale(transaction_id="t", currency="USD", lines=()))


def taken_back() -> Story:
    text = OFFER + "  - step: rest\n    wait_hours: 9\n"
    basket = Sale(transaction_id="t", currency="USD", lines=())
    return search(asked(text)).event(HOUR, "sale", basket)


EMAIL_REFUSED = ("email", "suppressed", "no_consent")
TABLE: list[tuple[Callable[[], Story], list[tuple[str, str, str]]]] = [
    (sent, [("push", "sent", "ok"), EMAIL_REFUSED]),
    (no_consent_event, [("push", "suppressed", "no_consent"), EMAIL_REFUSED]),
    (consent_revoked, [("push", "suppressed", "no_consent"), EMAIL_REFUSED]),
    (unsubscribed, [("push", "suppressed", "no_consent"), EMAIL_REFUSED]),
    (late_older_consent, [("push", "suppressed", "no_consent"), EMAIL_REFUSED]),
    (
        transactional_needs_no_consent,
        [("push", "sent", "ok"), ("email", "suppressed", "other_channel")],
    ),
    (
        transactional_respects_an_opt_out,
        [("push", "suppressed", "no_consent"), ("email", "sent", "ok")],
    ),
    (unreachable, [("sms", "suppressed", "unreachable")]),
    (signed_out, [("push", "suppressed", "unreachable"), EMAIL_REFUSED]),
    (silent_once_erased, []),
    (stale_browsing, [("", "suppressed", "stale")]),
    (stale_message, [("push", "suppressed", "stale"), EMAIL_REFUSED]),
    (cart_gone, [("push", "suppressed", "stale")]),
    (open_case, [("push", "suppressed", "open_case"), EMAIL_REFUSED]),
    (case_closed, [("push", "sent", "ok"), EMAIL_REFUSED]),
    (case_closed_before_it_opened, [("push", "sent", "ok"), EMAIL_REFUSED]),
    (
        open_case_and_a_service_message,
        [("push", "sent", "ok"), ("email", "suppressed", "other_channel")],
    ),
    (just_bought, [("push", "suppressed", "just_bought")]),
    (partly_bought, [("push", "sent", "ok")]),
    (bought_by_somebody_else, [("push", "sent", "ok")]),
    (held_out, [("push", "suppressed", "held_out"), EMAIL_REFUSED]),
    (
        cap_reached,
        [
            ("push", "sent", "ok"),
            EMAIL_REFUSED,
            ("push", "suppressed", "cap_reached"),
            EMAIL_REFUSED,
        ],
    ),
    (cap_of_zero, [("push", "suppressed", "cap_reached"), EMAIL_REFUSED]),
    (rolling_window_over, [("push", "sent", "ok"), EMAIL_REFUSED] * 2),
    (
        rolling_window_not_over,
        [
            ("push", "sent", "ok"),
            EMAIL_REFUSED,
            ("push", "suppressed", "cap_reached"),
            EMAIL_REFUSED,
        ],
    ),
    (calendar_day_over, [("push", "sent", "ok"), EMAIL_REFUSED] * 2),
    (
        cap_of_another_channel,
        [
            ("push", "sent", "ok"),
            ("email", "suppressed", "other_channel"),
            ("push", "suppressed", "cap_reached"),
            ("email", "sent", "ok"),
        ],
    ),
    (cap_of_another_purpose, [("push", "sent", "ok"), EMAIL_REFUSED]),
    (room_given_back, [("push", "sent", "ok"), EMAIL_REFUSED] * 2),
    (queued, [("push", "queued", "quiet_hours"), EMAIL_REFUSED]),
    (
        released,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "sent", "ok"), EMAIL_REFUSED],
    ),
    (
        consent_gone_while_queued,
        [
            ("push", "queued", "quiet_hours"),
            EMAIL_REFUSED,
            ("push", "suppressed", "no_consent"),
            EMAIL_REFUSED,
        ],
    ),
    (
        quiet_for_longer_than_its_time,
        [("push", "suppressed", "quiet_hours_expired"), EMAIL_REFUSED],
    ),
    (
        other_channel_not_quiet,
        [("push", "suppressed", "quiet_hours_expired"), ("email", "sent", "ok")],
    ),
    (quiet_for_another_purpose, [("push", "sent", "ok"), EMAIL_REFUSED]),
    (
        two_at_once,
        [
            ("push", "sent", "ok"),
            EMAIL_REFUSED,
            ("push", "suppressed", "lower_priority"),
            EMAIL_REFUSED,
        ],
    ),
    (
        two_purposes_under_one_cap,
        [("push", "sent", "ok"), ("push", "suppressed", "cap_reached"), EMAIL_REFUSED],
    ),
    (
        still_quiet_at_its_release,
        [
            ("push", "queued", "quiet_hours"),
            EMAIL_REFUSED,
            ("push", "suppressed", "quiet_hours_expired"),
            EMAIL_REFUSED,
        ],
    ),
    (
        escalates_to_a_channel_not_yet_used,
        [
            ("push", "sent", "ok"),
            ("email", "suppressed", "other_channel"),
            ("email", "sent", "ok"),
        ],
    ),
    (second_channel, [("push", "sent", "ok"), ("email", "suppressed", "other_channel")]),
    (fallback, [("push", "suppressed", "no_consent"), ("email", "sent", "ok")]),
    (
        attributed_again,
        [("push", "sent", "ok"), EMAIL_REFUSED, ("", "suppressed", "already_sent")],
    ),
    (
        bought_while_queued,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "withdrawn", "goal_met")],
    ),
    (
        left_while_queued,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "withdrawn", "exited")],
    ),
    (
        bought_at_that_instant,
        [("push", "withdrawn", "goal_met"), ("email", "withdrawn", "goal_met")],
    ),
    (
        bought_before_it_began,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "sent", "ok"), EMAIL_REFUSED],
    ),
    (
        bought_by_somebody_else_while_queued,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "sent", "ok"), EMAIL_REFUSED],
    ),
    (
        answered_while_queued,
        [
            ("push", "sent", "ok"),
            ("email", "suppressed", "other_channel"),
            ("email", "queued", "quiet_hours"),
            ("email", "withdrawn", "answered"),
        ],
    ),
    (shown, [("web", "shown", "ok")]),
    (opted_out_of_a_surface, [("web", "suppressed", "no_consent")]),
    (hidden, [("web", "shown", "ok"), ("web", "withdrawn", "goal_met")]),
    (
        erased_while_queued,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "withdrawn", "erased")],
    ),
    (
        merged_while_queued,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "withdrawn", "merged")],
    ),
    (
        retracted_while_queued,
        [("push", "queued", "quiet_hours"), EMAIL_REFUSED, ("push", "withdrawn", "retracted")],
    ),
    (
        joined_while_queued,
        [("email", "queued", "quiet_hours"), ("email", "withdrawn", "joined")],
    ),
    (taken_back, [("push", "sent", "ok"), EMAIL_REFUSED, ("push", "withdrawn", "goal_met")]),
]


@pytest.mark.parametrize(("tell", "expected"), TABLE, ids=[tell.__name__ for tell, _ in TABLE])
def test_decisions(tell: Callable[[], Story], expected: list[tuple[str, str, str]]) -> None:
    story = tell()
    assert story.said() == expected
    sends = [row.channel for row in story.decisions(outcome="sent")]
    assert [trigger.channel for trigger in story.triggers(action="send")] == sends


def test_the_table_has_every_reason() -> None:
    assert {reason for _, rows in TABLE for _, _, reason in rows} == set(DECISION_REASONS)


def test_the_gate_of_quality_knows_every_reason() -> None:
    suite = (CONFIG / "expectations" / "messages.yaml").read_text()
    assert [reason for reason in DECISION_REASONS if f"'{reason}'" not in suite] == []


def test_the_table_has_every_outcome() -> None:
    outcomes = {outcome for _, rows in TABLE for _, outcome, _ in rows}
    assert outcomes == {"sent", "shown", "queued", "withdrawn", "suppressed"}


def test_the_order_of_gates() -> None:
    """With every gate shut at once, opening one after the other names the next reason."""
    story = asked(
        OFFER + "hold_out: 0.999999\n", granted=(), caps=(Cap(cap="z", limit=0, hours=1),)
    )
    story.event(-1, "case_opened", Case(case_id="k"))
    story.state.handles.clear()
    reasons = []
    for step in range(5):
        search(story, at=step * MINUTE)
        reasons.append(story.decisions(channel="push")[-1].reason)
        at = step * MINUTE + 1
        if step == 0:
            yes = Consent(channel="push", purpose="marketing", granted=True)
            story.event(at, "consent_changed", yes)
        elif step == 1:
            story.event(at, "app_opened", identifiers=(PUSH,))
        elif step == 2:
            story.event(at, "case_closed", Case(case_id="k"))
        elif step == 3:
            story.decide.rules.plans["offer"].journey = journey_of(OFFER)
    assert reasons == ["no_consent", "unreachable", "open_case", "held_out", "cap_reached"]


def test_hold_outs_are_the_share_they_say() -> None:
    held = sum(share_of("offer/hold_out", f"m-{number}") < 0.1 for number in range(10_000))
    assert 900 < held < 1100
    assert share_of("offer/hold_out", MEMBER) != share_of("other/hold_out", MEMBER)


def test_bought_lines_are_left_out_of_the_message() -> None:
    (trigger,) = partly_bought().triggers(action="send")
    assert [line["sku"] for line in trigger.data["lines"]] == ["b"]


def test_a_withdrawal_names_what_it_takes_back() -> None:
    sent_first, withdrawal = taken_back().triggers()
    assert withdrawal.action == "withdraw"
    assert withdrawal.data == {"withdraws": sent_first.trigger_id}
    assert withdrawal.trigger_id != sent_first.trigger_id
    shown_first, hiding = hidden().triggers()
    assert (hiding.action, hiding.data) == ("hide", {"withdraws": shown_first.trigger_id})


def test_the_reason_carries_the_facts() -> None:
    assert '"cap":"day","sent":"1/1"' in cap_reached().decisions(reason="cap_reached")[0].inputs
    assert '"consent":"never_given"' in no_consent_event().decisions()[0].inputs
    assert '"consent":"opt_out:profile/' in consent_revoked().decisions(channel="push")[0].inputs
    winner = two_at_once().triggers()[0]
    assert winner.trigger_id in two_at_once().decisions(reason="lower_priority")[0].inputs
    assert winner.journey == "louder"


def test_a_passage_that_queues_at_once_has_its_row() -> None:
    (row,) = queued().entries()
    assert (row.state, row.step, row.left_at) == ("active", "tell", None)
    assert [row.state for row in released().entries()] == ["active", "left"]
