"""What a member has besides points, on surfaces and in their state: the same words everywhere, and
shown again when it changes."""

import json
from typing import Any

import msgspec
import pytest
from decide_story import (
    COOKIE,
    HOUR,
    NOON,
    Story,
    journey_of,
    policy_of,
    shipped_journeys,
    shipped_policy,
)

from config.deployment import HERE, load_deployment
from pipelines.assemble import member_operators
from schemas.flow import AccountChanged
from schemas.journeys import Journey, Moment, Surfaces
from schemas.member_state import MemberState
from schemas.member_view import (
    ChallengeState,
    EntitlementState,
    Expiring,
    MembershipState,
    MemberView,
    NextReward,
    OpenOffer,
    RewardInReach,
)
from schemas.payloads import Benefit, Case, Visit
from transforms.decide.template_data import FACTS, asks_view


def stamps(progress: int) -> ChallengeState:
    return ChallengeState(
        challenge="stamps",
        counts="visits",
        progress=progress,
        target=3,
        missing=3 - progress,
        until=None,
        met=0,
    )


FULL = MemberView(
    expiries=(Expiring(at=NOON + HOUR, points=5),),
    tier_review_at=NOON + 9 * HOUR,
    tier_falls_to="basic",
    tier_falls_at=NOON + 19 * HOUR,
    tier_benefits=("fast_lane", "lounge"),
    upgrade_priority="00-999999999879-1488362400000",
    challenges=(stamps(1),),
    rewards=(RewardInReach(reward="cup", points=10),),
    next_reward=NextReward(reward="pan", points=60, missing=40),
    offers=(OpenOffer(offer_id="tenth", expires_at=None),),
    membership=MembershipState(
        plan="plus",
        status="active",
        until=NOON + 99 * HOUR,
        entitlements=(EntitlementState(entitlement="fuel", left=1, renews_at=None),),
    ),
    access=("club",),
)


def story_of(*names: str, **more: Any) -> Story:
    """A member with a browser, whose web module shows the balance and what is named."""
    surfaces = Surfaces(
        keep_current=("web",),
        data=("available", *names),
        moments=(
            Moment(
                event="store_visited",
                surface="pos",
                content="in_store@1",
                data=("tier", "tier_benefits", "upgrade_priority"),
            ),
        ),
    )
    story = Story([], policy_of(surfaces=surfaces), **more)
    return story.event(0, "signed_in", identifiers=(COOKIE,), source="web")


def test_templates_and_states_use_the_words_of_the_view() -> None:
    words = set(MemberView.__struct_fields__)
    assert words <= set(FACTS)
    assert words <= set(MemberState.__struct_fields__)


@pytest.mark.parametrize("name", MemberView.__struct_fields__)
def test_a_template_gets_plain_values(name: str) -> None:
    assert getattr(FULL, name), "the example has one of each"
    (shown,) = story_of(name).account(1, 20, view=FULL).triggers()
    plain = json.loads(msgspec.json.encode(getattr(FULL, name)))
    assert shown.data == {"available": 20, name: plain}


def test_without_an_account_there_is_nothing_yet() -> None:
    visit = story_of().event(1, "store_visited", Visit(store_id="330"))
    (flag,) = visit.triggers(channel="pos")
    assert flag.data == {"tier": None, "tier_benefits": [], "upgrade_priority": ""}


def test_a_surface_that_shows_challenges_follows_them() -> None:
    story = story_of("challenges")
    for at, progress in enumerate((1, 1, 2, 2), start=1):
        view = msgspec.structs.replace(FULL, challenges=(stamps(progress),))
        story.account(at, 20, view=view)
    story.account(5, 20, view=msgspec.structs.replace(view, offers=()))
    shown = [row.data["challenges"][0]["missing"] for row in story.triggers(channel="web")]
    assert shown == [2, 1], "each number once, and what it doesn't show changes nothing"
    assert len({row.trigger_id for row in story.triggers()}) == 2


def test_a_surface_that_shows_only_the_balance_stays_as_it_is() -> None:
    story = story_of().account(1, 20, view=FULL).account(2, 20, view=MemberView())
    assert len(story.triggers(channel="web")) == 1


def test_the_gate_sees_benefits_and_priority() -> None:
    story = story_of().account(1, 20, view=FULL)
    story.event(2, "store_visited", Visit(store_id="330"))
    (flag,) = story.triggers(channel="pos")
    assert flag.data["tier_benefits"] == ["fast_lane", "lounge"]
    assert flag.data["upgrade_priority"] == FULL.upgrade_priority


@pytest.mark.parametrize(
    ("event", "payload", "surface", "names"),
    [
        ("store_visited", Visit(store_id="330"), "pos", ("tier_benefits", "rewards", "challenges")),
        ("upgrade_cleared", Benefit(benefit="front_seat"), "display", ("upgrade_priority",)),
        ("case_opened", Case(case_id="c-1"), "service", ("membership", "tier_review_at")),
    ],
)
def test_ours_show_advisers_gates_and_the_call_centre_what_somebody_has(
    event: str, payload: Any, surface: str, names: tuple[str, ...]
) -> None:
    story = Story([], shipped_policy()).account(1, 20, view=FULL)
    (shown,) = story.event(2, event, payload).triggers(channel=surface)
    for name in names:
        assert shown.data[name] == json.loads(msgspec.json.encode(getattr(FULL, name)))


def test_the_state_tells_all_of_it_also_when_nothing_else_changed() -> None:
    story = story_of(tells_state=True).account(1, 20, view=FULL).until(HOUR)
    told = story.states()[-1]
    for name in MemberView.__struct_fields__:
        assert getattr(told, name) == getattr(FULL, name)
    fewer = msgspec.structs.replace(FULL, offers=())
    story.account(2 * HOUR, 20, view=fewer).until(3 * HOUR)
    after = story.states()[-1]
    assert (after.offers, after.revision) == ((), told.revision + 1)
    assert after.as_of == NOON + 2 * HOUR, "at the end of the very instant"
    assert after.state_version == told.state_version, "the row in members is the same"
    story.account(4 * HOUR, 20, view=fewer).until(5 * HOUR)
    assert story.states()[-1].revision == after.revision, "nothing new isn't told"


def test_a_closed_account_has_nothing_left() -> None:
    story = story_of(tells_state=True).account(1, 20, view=FULL)
    story.merge(2, story.member, "m-9").account(2, 0, merged_into="m-9").until(HOUR)
    told = story.states()[-1]
    assert told.merged_into == "m-9"
    for name in MemberView.__struct_fields__:
        assert getattr(told, name) == getattr(MemberView(), name)


def saying(kind: str, how: str, data: str) -> Journey:
    """A journey whose only step is this one."""
    return journey_of(f"""
        {{journey: one, version: 1, purpose: service, priority: 1, entry: {{event: [sale]}},
          steps: [{{step: say, {kind}: {{content: hello@1, data: [tier, {data}], {how}}}}}]}}
    """)


def test_the_view_is_built_only_where_somebody_asks_for_it() -> None:
    nothing = policy_of(surfaces=Surfaces())
    assert not asks_view([], nothing)
    assert not asks_view(shipped_journeys().values(), nothing)
    assert asks_view([], policy_of(surfaces=Surfaces(data=("available", "offers"))))
    moment = Moment(event="store_visited", surface="pos", content="a@1", data=("access",))
    assert asks_view([], policy_of(surfaces=Surfaces(moments=(moment,))))


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("message", "channels: [push]"),
        ("show", "surfaces: [app]"),
        ("escalate", "channels: [sms], after_hours: 1"),
    ],
)
def test_each_step_that_says_something_is_looked_at(kind: str, how: str) -> None:
    nothing = policy_of(surfaces=Surfaces())
    assert asks_view([saying(kind, how, "challenges")], nothing)
    assert not asks_view([saying(kind, how, "available")], nothing)


def test_a_run_builds_it_as_its_configuration_asks() -> None:
    deployment = load_deployment(HERE, {})
    asked = asks_view(deployment.journeys, deployment.conversation)
    assert member_operators(deployment)[0].shows_view is asked
    assert member_operators(deployment, tells_state=True)[0].shows_view


def test_a_state_that_an_earlier_release_kept_goes_on() -> None:
    story = story_of("challenges").account(1, 20)
    kept = msgspec.to_builtins(story.state.account)
    assert "view" not in kept, "what is empty isn't kept"
    assert msgspec.convert(kept, AccountChanged).view is None
    assert story.triggers(channel="web")[-1].data["challenges"] == []
