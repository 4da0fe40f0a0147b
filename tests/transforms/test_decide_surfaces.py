"""Surfaces: one number everywhere, no caps, nothing left on a device that was signed out of."""

from decide_story import (
    COOKIE,
    DEVICE,
    HOUR,
    MINUTE,
    NOON,
    PUSH,
    Story,
    lines_of,
    policy_of,
    shipped_policy,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.journeys import Cap, QuietHours, Surfaces
from schemas.payloads import Case, Consent, Feedback, Profile, Sale, Visit

CURRENT = Surfaces(keep_current=("app", "web"))


def member() -> Story:
    story = Story([])
    story.event(0, "app_opened", identifiers=(PUSH, DEVICE), source="app")
    story.event(1, "signed_in", identifiers=(COOKIE,), source="web")
    return story


def test_every_change_of_the_balance_is_shown_once() -> None:
    story = member()
    for at, cause in enumerate(["sale", "activate", "redeem", "expire"], start=2):
        story.account(at, at * 10, cause=cause)
        story.account(at, at * 10, cause=cause)
    shown = [(row.channel, row.data["available"]) for row in story.triggers()]
    assert shown == [(channel, at * 10) for at in range(2, 6) for channel in ("app", "web")]
    assert len({row.trigger_id for row in story.triggers()}) == len(shown)


def test_a_surface_that_appears_is_shown_the_balance() -> None:
    story = Story([]).account(0, 70)
    assert story.triggers() == []
    story.event(1, "signed_in", identifiers=(COOKIE,), source="web")
    assert [(row.channel, row.handle) for row in story.triggers()] == [("web", COOKIE)]
    story.event(2, "page_viewed", identifiers=(COOKIE,))
    story.event(3, "signed_in", identifiers=(COOKIE,), source="web")
    assert len(story.triggers()) == 1
    story.event(4, "page_viewed", identifiers=("cookie:c-2",))
    assert story.triggers()[-1].handle == "cookie:c-2"


def test_nothing_is_shown_on_a_browser_that_was_signed_out_of() -> None:
    story = member().account(2, 10)
    story.event(3, "signed_out", identifiers=(COOKIE,), source="web").account(4, 20)
    assert [row.channel for row in story.triggers(decided_at=NOON + 4)] == ["app"]
    story.event(5, "signed_in", identifiers=(COOKIE,), source="web")
    assert [row.channel for row in story.triggers(decided_at=NOON + 5)] == ["web"]


def test_who_signs_in_again_is_shown_the_same_balance_again() -> None:
    story = member().account(2, 10)
    story.event(3, "signed_out", identifiers=(COOKIE,), source="web")
    story.event(4, "signed_in", identifiers=(COOKIE,), source="web")
    assert [row.data["available"] for row in story.triggers(channel="web")] == [10, 10]


def test_shown_twice_within_one_instant_is_two_triggers() -> None:
    story = member().account(2, 10)
    for number in range(3):
        for type_ in ("signed_out", "signed_in"):
            story.event(3, type_, identifiers=(COOKIE,), source="web", event_id=f"{type_}-{number}")
    shown = [row.trigger_id for row in story.triggers(channel="web")]
    assert len(shown) == len(set(shown)) == 4


def test_an_event_from_before_the_sign_out_doesnt_sign_in_again() -> None:
    story = member().account(2, 10)
    story.event(HOUR, "signed_out", identifiers=(COOKIE,), source="web")
    story.event(HOUR + 1, "page_viewed", identifiers=(COOKIE,), occurred=MINUTE)
    story.account(HOUR + 2, 20)
    assert [row.channel for row in story.triggers(decided_at=NOON + HOUR + 2)] == ["app"]


def test_a_till_proves_no_address() -> None:
    story = Story([]).event(0, "sale", Sale(transaction_id="t", currency="USD", lines=()))
    lines = Sale(transaction_id="t", currency="USD", lines=lines_of("a"))
    story.event(1, "sale", lines, identifiers=("phone:h-9", COOKIE, "email:e-9"))
    assert story.state.handles == {}


def test_staff_see_a_visit_once_in_twelve_hours() -> None:
    story = member().account(2, 10)
    for at in (HOUR, 2 * HOUR, 12 * HOUR, 13 * HOUR):
        story.event(at, "store_visited", Visit(store_id="1"))
    flags = [row.decided_at - NOON for row in story.triggers(content="member_in_store@1")]
    assert flags == [HOUR, 13 * HOUR]


def test_a_visit_known_late_is_no_visit() -> None:
    story = member().event(3 * HOUR, "store_visited", Visit(store_id="1"), occurred=HOUR)
    assert story.triggers(channel="pos") == []


def test_the_flag_stays_current_while_the_member_may_be_there() -> None:
    story = member().account(2, 10).event(HOUR, "store_visited", Visit(store_id="1"))
    story.account(2 * HOUR, 20).account(14 * HOUR, 30)
    flags = [row.data["available"] for row in story.triggers(channel="pos")]
    assert flags == [10, 20]


def test_the_call_centre_sees_the_balance_while_a_case_is_open() -> None:
    story = member().account(2, 10).event(3, "case_opened", Case(case_id="k"))
    story.account(4, 20).event(5, "case_closed", Case(case_id="k")).account(6, 30)
    assert [row.data["available"] for row in story.triggers(channel="service")] == [10, 20]


def test_caps_and_quiet_hours_dont_hold_for_surfaces() -> None:
    caps = (Cap(cap="none", limit=0, hours=24),)
    always = QuietHours(channels=("push",), from_time="00:00", until_time="23:59")
    policy = policy_of(caps=caps, quiet_hours=(always,), surfaces=CURRENT)
    story = Story([], policy).event(0, "page_viewed", identifiers=(COOKIE,)).account(1, 5)
    assert story.said() == [("web", "shown", "ok")]


def test_an_opt_out_holds_for_surfaces_too() -> None:
    no = Consent(channel="web", purpose="service", granted=False)
    story = member().event(2, "consent_changed", no).account(3, 5)
    assert story.said(channel="web") == [("web", "suppressed", "no_consent")]


def test_a_message_changes_the_row_at_most_once_and_only_if_a_column_changed() -> None:
    story = Story([])
    story.event(0, "page_viewed", identifiers=(COOKIE,))
    story.event(1, "page_viewed", occurred=0)
    told = Feedback(trigger_id="t", channel="push")
    story.event(2, "delivered", told)
    story.account(2, 5).account(2, 5).score(2).score(2)
    assert [row.version for row in story.members()] == [1, 2, 3]


def test_last_seen_is_the_latest_the_member_did_in_any_order() -> None:
    story = Story([])
    for known, occurred in ((0, 0), (10, 9), (11, 3), (12, 12)):
        story.event(known, "page_viewed", occurred=occurred)
    assert [row.last_seen_at - NOON for row in story.members()] == [0, 9, 12]


def test_the_row_names_the_zone_and_what_the_member_chose() -> None:
    story = Story([]).event(0, "page_viewed", market="de")
    assert story.members()[-1].time_zone == "Europe/Berlin"
    chosen = Profile(time_zone="Asia/Tokyo", preferred_channel="sms")
    story.event(5, "enrolled", chosen, occurred=4)
    story.event(6, "profile_updated", Profile(time_zone="Europe/Paris"), occurred=3)
    row = story.members()[-1]
    assert (row.time_zone, row.preferred_channel) == ("Asia/Tokyo", "sms")
    assert (row.enrolled_at, row.market) == (NOON + 4, "us")


def test_a_zone_that_doesnt_exist_falls_back() -> None:
    story = Story([]).event(0, "enrolled", Profile(time_zone="Mars/Base"), market="uk")
    assert story.members()[-1].time_zone == "Europe/London"


changes = st.lists(
    st.one_of(
        st.tuples(st.just("account"), st.integers(0, 3)),
        st.tuples(st.just("visit"), st.just(0)),
        st.tuples(st.just("case"), st.integers(0, 1)),
        st.tuples(st.just("sign_in"), st.integers(1, 2)),
        st.tuples(st.just("sign_out"), st.integers(1, 2)),
        st.tuples(st.just("earn"), st.integers(1, 3)),
    ),
    max_size=25,
)


@given(changes)
@settings(max_examples=60, deadline=None)
def test_what_a_surface_shows_is_the_members_row(history: list[tuple[str, int]]) -> None:
    """After any history of less than the hours for which a till's flag is kept current."""
    story = Story(None, shipped_policy(), member="m-7")
    story.event(0, "app_opened", identifiers=(PUSH, DEVICE), source="app")
    available, in_use = 0, {"app"}
    for step, (what, number) in enumerate(history, start=1):
        at = step * MINUTE
        if what == "account":
            available += number
            story.account(at, available, cause="activate")
        elif what == "earn":
            available += number
            story.event(at, "sale", Sale(transaction_id=f"t{at}", currency="USD", lines=()))
            story.account(at, available, earned=number, of_event=True)
        elif what == "visit":
            story.event(at, "store_visited", Visit(store_id="1"))
            in_use.add("pos")
        elif what == "case":
            story.event(at, "case_opened" if number else "case_closed", Case(case_id="k"))
            (in_use.add if number else in_use.discard)("service")
        elif what == "sign_in":
            story.event(at, "signed_in", identifiers=(f"cookie:c-{number}",), source="web")
            in_use.add("web")
            cookie = number
        elif what == "sign_out":
            story.event(at, "signed_out", identifiers=(f"cookie:c-{number}",), source="web")
            if "web" in in_use and cookie == number:
                in_use.discard("web")
        story.until(at)
    if story.state.account is None:
        return
    row = story.members()[-1]
    by_version = {one.version: one for one in story.members()}
    for surface in in_use:
        last = [one for one in story.triggers(channel=surface) if "available" in one.data][-1]
        assert last.data["available"] == row.available == available, surface
        assert by_version[last.state_version].available == last.data["available"]
    for trigger in story.triggers():
        if "available" in trigger.data and trigger.data["available"] is not None:
            assert trigger.data["available"] == by_version[trigger.state_version].available


def test_a_case_that_is_told_again_is_not_shown_again() -> None:
    story = member().account(2, 10)
    for at in (3, HOUR):
        for type_ in ("case_opened", "case_closed"):
            payload = Case(case_id="c-1")
            told = 3 if type_ == "case_opened" else 4
            story.event(at, type_, payload, occurred=told, event_id=type_)
    assert len(story.triggers(channel="service")) == 1
