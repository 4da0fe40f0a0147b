"""Accounts that end: merged into another, erased. What was said is taken back; then silence."""

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
    shipped_journeys,
)

from schemas.decisions import Trigger
from schemas.member_state import MemberErased, MemberState
from schemas.payloads import Cart, Case, Consent, Feedback, Order, Profile, Sale, Visit
from scripts.day.surfaces import Surfaces

WINNER = "m-2"
BASKET = Sale(transaction_id="t-1", currency="USD", lines=lines_of("a", "b"))


def grown(member: str = MEMBER) -> Story:
    """Everything there is to know of somebody: addresses, consents, points, a cart, a case."""
    story = Story(member=member, tells_state=True)
    story.event(-30 * DAY, "enrolled", Profile(locale="en", preferred_channel="email"))
    story.event(-30 * DAY, "profile_updated", Profile(), identifiers=(EMAIL, PHONE))
    for channel in ("push", "email", "sms"):
        yes = Consent(channel=channel, purpose="marketing", granted=True)
        story.event(-29 * DAY, "consent_changed", yes)
    story.event(-28 * DAY, "app_opened", identifiers=(PUSH, DEVICE), source="app")
    story.event(-28 * DAY, "signed_in", identifiers=(COOKIE,), source="web")
    story.event(-27 * DAY, "sale", BASKET).account(-27 * DAY, 300, earned=300, of_event=True)
    story.tier(-27 * DAY)
    story.event(-3 * DAY, "store_visited", Visit(store_id="1"))
    story.event(-2 * DAY, "case_opened", Case(case_id="k"))
    story.event(-DAY, "case_closed", Case(case_id="k"))
    story.score(-HOUR)
    story.event(-HOUR, "cart_updated", Cart(cart_id="c", lines=lines_of("x")), source="web")
    return story.until(-1)


def faces(story: Story, at: int) -> dict[str, Any]:
    """What each surface shows, by whoever reads triggers as a channel would."""
    told: dict[str, list[Any]] = {}
    for trigger in story.triggers():
        told.setdefault(trigger.channel, []).append(trigger)
    surfaces = Surfaces.__new__(Surfaces)
    surfaces._told = told
    surfaces.channels = [name for name in told if name not in ("push", "email", "sms", "receipt")]
    return surfaces.faces(NOON + at)


def end(story: Story, how: str, at: int = 0) -> Story:
    if how == "merged":
        return story.merge(at, story.member, WINNER)
    return story.event(at, "erasure_requested")


@pytest.mark.parametrize("how", ["merged", "erased"])
def test_every_surface_is_blank_and_every_journey_over(how: str) -> None:
    story = grown()
    assert {"app", "web", "wallet", "pos", "service"} <= set(faces(story, -1))
    active = {row.journey for row in story.entries() if row.state == "active"}
    assert {"win_back", "cart_reminder"} <= active
    end(story, how)
    assert faces(story, 0) == {}
    last = {row.entry_id: row for row in story.entries()}
    assert {row.state for row in last.values()} == {"left"}
    ended = [row for row in last.values() if row.left_at == NOON]
    assert {row.left_because for row in ended} == {how}
    assert {row.reason for row in story.decisions(decided_at=NOON)} == {how}
    assert {row.outcome for row in story.decisions(decided_at=NOON)} == {"withdrawn"}


@pytest.mark.parametrize("how", ["merged", "erased"])
def test_what_still_comes_is_answered_by_silence(how: str) -> None:
    story = end(grown(), how).until(MINUTE)
    silent = len(story.outputs)
    sent = story.triggers(action="send")[0]
    story.event(HOUR, "sale", BASKET, event_id="late").score(HOUR + 1, "low", "high")
    story.event(2 * HOUR, "sale", BASKET, event_id="late", retract=True)
    story.event(3 * HOUR, "opened", Feedback(trigger_id=sent.trigger_id, channel=sent.channel))
    story.event(4 * HOUR, "cart_updated", Cart(cart_id="d", lines=lines_of("y")))
    story.event(5 * HOUR, "case_opened", Case(case_id="z")).tier(6 * HOUR, "gold", "basic")
    end(story, how, 7 * HOUR)
    story.until(400 * DAY)
    assert story.outputs[silent:] == []
    assert story.decide.next_timer(story.state) is None


@pytest.mark.parametrize("how", ["merged", "erased"])
def test_the_row_says_that_the_account_is_closed_and_what_the_ledger_says(how: str) -> None:
    story = grown()
    before = story.members()[-1]
    assert (before.closed, before.merged_into, before.available) == (None, None, 300)
    end(story, how)
    row = story.members()[-1]
    assert (row.closed, row.merged_into) == (how, WINNER if how == "merged" else None)
    assert (row.available, row.tier, row.market) == (300, "silver", "us")
    assert (row.preferred_channel, row.enrolled_at, row.open_cases) == (None, None, 0)
    assert row.version == before.version + 1
    story.account(1, 0, cause="transfer")
    assert (story.members()[-1].available, story.members()[-1].closed) == (0, how)


@pytest.mark.parametrize("how", ["merged", "erased"])
def test_nothing_of_the_person_is_kept(how: str) -> None:
    story = end(grown(), how).until(DAY)
    kept = msgspec.to_builtins(story.state)
    assert kept.pop("ended") == {
        "because": how,
        "at": NOON,
        "into": WINNER if how == "merged" else "",
    }
    assert kept.pop("member_id") == MEMBER
    assert kept.pop("market") == "us"
    assert set(kept.pop("told")) <= {"revision", "content", "at"}
    account = kept.pop("account", None)
    assert (account is None) == (how == "erased")
    assert all(isinstance(value, int) for value in kept.values()), kept
    assert set(kept) <= {"version", "row_version", "refreshes"}


MODULE = """
journey: module
version: 1
purpose: marketing
priority: 10
entry: {event: searched}
goal: {events: [sale]}
steps:
  - step: show
    show: {surfaces: [display], content: module@1}
  - {step: rest, wait_hours: 1}
"""


@pytest.mark.parametrize(("hours", "everything"), [(0, None), (2, True)])
def test_what_a_journey_showed_goes_while_it_lasts_and_after_it(
    hours: int, everything: bool | None
) -> None:
    story = Story([journey_of(MODULE)], policy_of()).event(0, "searched").until(hours * HOUR)
    shown = story.triggers()[0]
    end(story, "erased", hours * HOUR)
    (back,) = story.triggers(action="hide")
    assert back.data == {"withdraws": shown.trigger_id} | (
        {"everything": True} if everything else {}
    )


def test_a_push_that_wasnt_opened_is_taken_back_once() -> None:
    story = Story(tells_state=True).event(-DAY, "app_opened", identifiers=(PUSH,), source="app")
    for number, told in enumerate((None, "opened", None), start=1):
        at = -DAY + number * HOUR
        basket = Sale(transaction_id=f"t-{number}", currency="USD", lines=lines_of("a"))
        story.event(at, "sale", basket).account(at, number, earned=1, of_event=True).until(at)
        if told is not None:
            sent = story.triggers(action="send")[-1]
            story.event(at + 1, told, Feedback(trigger_id=sent.trigger_id, channel="push"))
    first, _, third = story.triggers(action="send", channel="push")
    end(story, "erased")
    withdrawn = [row.data["withdraws"] for row in story.triggers(action="withdraw")]
    assert withdrawn == [first.trigger_id, third.trigger_id]


@pytest.mark.parametrize("how", ["merged", "erased"])
def test_each_withdrawal_names_something_that_went_out_and_none_twice(how: str) -> None:
    story = end(grown(), how)
    out = {row.trigger_id: row for row in story.triggers() if row.action in ("send", "show")}
    back = [row for row in story.triggers() if row.action in ("withdraw", "hide")]
    named = [row.data["withdraws"] for row in back]
    assert len(set(named)) == len(named)
    for row in back:
        shown = out[row.data["withdraws"]]
        same = ("channel", "member_id", "entry_id", "step", "content", "purpose", "journey")
        assert all(getattr(row, name) == getattr(shown, name) for name in same)
        assert row.consent == "withdrawal"


# --- what a surface that follows the topic learns ---


def told(story: Story) -> list[MemberState | MemberErased]:
    return [row for row in story.outputs if isinstance(row, MemberState | MemberErased)]


def test_of_a_merged_account_the_last_record_names_who_goes_on() -> None:
    story = end(grown(), "merged").account(0, 0, cause="account_merged", tier="basic")
    last = told(story.until(400 * DAY))[-1]
    assert isinstance(last, MemberState)
    assert (last.merged_into, last.as_of) == (WINNER, NOON)
    assert last.available == 0, "what was transferred at the same instant is in it"
    assert (last.cart, last.cases, last.actions, last.interests) == (None, (), (), ())
    assert last.next_action is None
    revisions = [row.revision for row in told(story)]
    assert revisions == list(range(1, len(revisions) + 1))
    assert all(row.merged_into is None for row in told(story)[:-1])  # type: ignore[union-attr]


def test_of_an_erased_account_the_last_record_is_its_end() -> None:
    story = end(grown(), "erased").account(0, 300, cause="expire")
    before, last = told(story.until(400 * DAY))[-2:]
    assert last == MemberErased(member_id=MEMBER, revision=before.revision + 1, as_of=NOON)


def test_whoever_was_never_told_of_is_told_closed_all_the_same() -> None:
    merged = end(Story(tells_state=True), "merged").until(DAY)
    assert [row.merged_into for row in merged.states()] == [WINNER]
    assert [
        row.member_id for row in end(Story(tells_state=True), "erased").until(1).rows(MemberErased)
    ] == [MEMBER]


# --- the survivor ---


def test_the_survivor_goes_on_and_keeps_their_own_answers() -> None:
    story = Story(member=WINNER)
    no = Consent(channel="email", purpose="marketing", granted=False)
    story.event(-DAY, "enrolled", Profile(), identifiers=(EMAIL,))
    story.event(-DAY, "consent_changed", no).until(-1)
    before = msgspec.to_builtins(story.state)
    story.merge(0, MEMBER, WINNER)
    after = msgspec.to_builtins(story.state)
    assert after.pop("cause") != before.pop("cause")
    assert after == before
    assert story.members()[-1].closed is None


def test_points_that_arrive_by_a_merge_are_shown_and_no_purchase() -> None:
    story = grown(WINNER).until(0, inclusive=False)
    before = len(story.triggers(action="send"))
    story.merge(0, MEMBER, WINNER)
    story.account(1, 700, cause="transfer").until(2)
    assert len(story.triggers(action="send")) == before
    shown = story.triggers(decided_at=NOON + 1)
    assert {(row.channel, row.data["available"]) for row in shown} == {("app", 700), ("web", 700)}


def test_of_two_accounts_that_wait_for_the_same_message_one_is_sent() -> None:
    reminder = [shipped_journeys()["cart_reminder"]]
    loser, winner = Story(reminder), Story(reminder, member=WINNER)
    for story in (loser, winner):
        yes = Consent(channel="push", purpose="marketing", granted=True)
        story.event(-1, "consent_changed", yes).event(-1, "app_opened", identifiers=(PUSH,))
        story.event(0, "cart_updated", Cart(cart_id="c", lines=lines_of("x")), source="web")
        story.merge(HOUR, MEMBER, WINNER).until(2 * DAY)
    after = [row for story in (loser, winner) for row in story.triggers(action="send")]
    assert [row.member_id for row in after] == [WINNER]


def test_a_copy_of_the_merge_changes_nothing() -> None:
    story = end(grown(), "merged").until(1)
    before = msgspec.msgpack.encode(story.state)
    story.merge(DAY, MEMBER, "m-3")
    assert msgspec.msgpack.encode(story.state) == before


# --- after erasure ---


def test_whoever_enrols_after_they_were_erased_starts_from_nothing() -> None:
    story = end(grown(), "erased").until(MINUTE)
    story.event(DAY, "sale", BASKET, occurred=-HOUR)
    story.event(2 * DAY, "enrolled", Profile(), identifiers=(EMAIL,))
    row = story.members()[-1]
    assert (row.closed, row.enrolled_at, row.available) == (None, NOON + 2 * DAY, 0)
    assert story.state.consents == {}
    assert story.state.bought == {}
    story.until(3 * DAY)
    assert {row.reason for row in story.decisions(journey="welcome")[-3:]} == {"no_consent"}
    revisions = [row.revision for row in told(story)]
    assert revisions == list(range(1, len(revisions) + 1))
    assert isinstance(told(story)[-1], MemberState)
    # What happened before they asked stays out, however late it is known.
    story.event(4 * DAY, "sale", BASKET, occurred=-2 * HOUR)
    assert story.state.bought == {}
    story.event(5 * DAY, "sale", BASKET)
    assert set(story.state.bought) == {"a", "b"}


def test_an_enrolment_that_is_older_than_the_request_opens_nothing() -> None:
    story = end(grown(), "erased").until(1)
    silent = len(story.outputs)
    story.event(DAY, "enrolled", Profile(), occurred=-1).event(2 * DAY, "sale", BASKET)
    assert story.outputs[silent:] == []
    merged = end(grown(), "merged")
    merged.event(DAY, "enrolled", Profile())
    assert merged.members()[-1].closed == "merged"


def test_of_a_name_of_nobody_there_is_no_row() -> None:
    story = Story(member="erased.0f3a", tells_state=True)
    story.event(0, "sale", BASKET).account(0, 20, earned=20, of_event=True)
    story.event(DAY, "enrolled", Profile()).score(2 * DAY).until(9 * DAY)
    assert story.outputs == []
    assert story.decide.is_idle(story.state)


def test_an_order_that_is_erased_with_its_surfaces_leaves_no_id_in_inputs() -> None:
    """Rows about the end say what is taken back, and nothing else of the person."""
    story = end(grown(), "erased")
    keys = {
        name for row in story.decisions(decided_at=NOON) for name in msgspec.json.decode(row.inputs)
    }
    assert keys <= {"withdraws", "everything", "state_version", "queued"}
    for trigger in story.triggers(decided_at=NOON):
        assert isinstance(trigger, Trigger)
        assert trigger.handle is None
        assert set(trigger.data) <= {"withdraws", "everything"}


def test_signals_alone_never_open_an_account_that_ended() -> None:
    story = end(Story(), "merged")
    story.account(1, 5, cause="sale", earned=5).until(DAY)
    assert story.triggers() == []
    assert [row.closed for row in story.members()] == ["merged", "merged"]


def test_an_order_after_the_end_opens_no_surface() -> None:
    story = end(grown(), "erased").until(1)
    order = Order(order_id="o-9", lines=lines_of("q"))
    story.event(DAY, "order_placed", order, source="web")
    story.account(DAY, 310, earned=10, of_event=True).until(9 * DAY)
    assert faces(story, 9 * DAY) == {}
