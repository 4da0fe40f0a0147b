"""Journey files and the policy: what ships is right, and each mistake is named with its path."""

import msgspec
import pytest
import yaml
from decide_story import CONFIG, journey_of, policy_of, shipped_journeys, shipped_policy

from schemas.journeys import (
    STEP_KINDS,
    Cap,
    Conversation,
    Journey,
    Moment,
    Prior,
    QuietHours,
    Step,
    Surfaces,
)
from transforms.decide import Decide, check_journeys
from transforms.decide.conditions import CONDITIONS
from transforms.decide.walk_journeys import ARRIVALS

GOOD = """
journey: good
version: 1
purpose: marketing
priority: 50
entry: {event: searched}
steps:
  - step: tell
    message: {channels: [push], content: good@1, data: [tier]}
  - step: rest
    wait_hours: 1
"""

# What of GOOD becomes what, and the path and the beginning of the complaint.
MISTAKES = [
    ("priority: 50", "priority: 101", "priority: must be from 0 to 100; got 101"),
    ("priority: 50", "priority: 50\nvalue: -1", "value: must be"),
    ("priority: 50", "priority: 50\nhold_out: 1.0", "hold_out: must be a share"),
    ("priority: 50", "priority: 50\nreentry_hours: -1", "reentry_hours: must be"),
    ("priority: 50", "priority: 50\ngoal: {events: [sold]}", "goal.events: must be a type"),
    ("priority: 50", "priority: 50\nexit: {}", "exit: must name exactly one of event, account"),
    ("event: searched", "event: serched", "entry.event: must be a type of event; got 'serched'"),
    ("event: searched", "event: searched, band: high", "entry: must name exactly one of"),
    ("event: searched", "event: searched, max_age_hours: 0", "entry.max_age_hours: must be"),
    ("step: rest", "step: tell", "steps[1].step: must be unique"),
    ("step: rest", "step: leave", "steps[1].step: must be unique"),
    ("wait_hours: 1", "wait_hours: 0", "steps[1].wait_hours: must be above 0"),
    ("wait_hours: 1", "{}", "steps[1]: must have exactly one of"),
    (
        "wait_hours: 1",
        "wait_hours: 1\n    wait_until: {at: '09:00'}",
        "steps[1]: must have exactly",
    ),
    ("wait_hours: 1", "wait_until: {}", "steps[1].wait_until: must have either at or events"),
    ("wait_hours: 1", "wait_until: {at: noon}", "steps[1].wait_until.at: must be a time of day"),
    ("wait_hours: 1", "wait_until: {events: [sale]}", "steps[1].wait_until.within_hours: must be"),
    ("wait_hours: 1", "wait_until: {events: [x], within_hours: 1}", "steps[1].wait_until.events"),
    ("[push]", "[web]", "steps[0].message.channels[0]: must be one of push, email, sms; got 'web'"),
    ("[push]", "[]", "steps[0].message.channels: must name one or more"),
    ("[push]", "[push, push]", "steps[0].message.channels: must name one or more, each once"),
    ("good@1", "good", "steps[0].message.content: must be key@version; got 'good'"),
    ("[tier]", "[teir]", "steps[0].message.data[0]: must be one of"),
    ("[tier]", "[earned]", "steps[0].message.data[0]: must be one of"),
    ("[tier]", "[tier], ttl_hours: 0", "steps[0].message.ttl_hours: must be above 0"),
    ("[tier]", "[tier], max_age_hours: 0", "steps[0].message.max_age_hours: must be above 0"),
    (
        "wait_hours: 1",
        "show: {surfaces: [email], content: a@1}",
        "steps[1].show.surfaces[0]: must be one of web, app",
    ),
    (
        "wait_hours: 1",
        "escalate: {after_hours: 200, channels: [sms], content: a@1}",
        "steps[1].escalate.after_hours: must be above 0, at most 168; got 200",
    ),
    (
        "wait_hours: 1",
        "branch: {when: {}, then: tell, otherwise: leave}",
        "steps[1].branch.then: must be 'leave' or a step further down; got 'tell'",
    ),
    (
        "wait_hours: 1",
        "experiment: {experiment: e, arms: {a: {share: 0.4, then: leave}}}",
        "steps[1].experiment.arms: shares must add up to 1; got 0.4",
    ),
    (
        "wait_hours: 1",
        "experiment: {experiment: e, arms: {a: {share: 2, then: leave}, b: {share: -1, then: x}}}",
        "steps[1].experiment.arms.a.share: must be from 0 to 1; got 2",
    ),
]


@pytest.mark.parametrize(("old", "new", "complaint"), MISTAKES)
def test_mistakes_in_a_journey(old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    text = GOOD.replace(f"    {old}\n", "") if new == "{}" else GOOD.replace(old, new, 1)
    complaints = check_journeys([journey_of(text)], policy_of())
    assert complaints
    assert complaints[0].startswith(f"journey good: $.{complaint}"), complaints


POLICIES = [
    ({"default_time_zone": "Mars"}, "default_time_zone: must be an IANA time zone; got 'Mars'"),
    ({"time_zones": {"x": "y"}}, "time_zones.x: must be an IANA time zone; got 'y'"),
    ({"caps": (Cap(cap="a", limit=-1, hours=1),)}, "caps[0].limit: must be 0 or more"),
    ({"caps": (Cap(cap="a", limit=1),)}, "caps[0]: must have either hours or calendar"),
    (
        {"caps": (Cap(cap="a", limit=1, hours=1, calendar="day"),)},
        "caps[0]: must have either hours or calendar",
    ),
    (
        {"caps": (Cap(cap="a", limit=1, hours=745),)},
        "caps[0].hours: must be above 0, at most 744; got 745",
    ),
    ({"caps": (Cap(cap="a", limit=1, hours=1),) * 2}, "caps[0].cap: must be unique; got 'a'"),
    (
        {"caps": (Cap(cap="a", limit=1, hours=1, channels=("web",)),)},
        "caps[0].channels[0]: must be one of email, push, sms; got 'web'",
    ),
    (
        {"quiet_hours": (QuietHours(channels=("push",), from_time="25:00", until_time="08:00"),)},
        "quiet_hours[0].from: must be a time of day such as \"21:30\"; got '25:00'",
    ),
    (
        {"quiet_hours": (QuietHours(channels=("push",), from_time="08:00", until_time="08:00"),)},
        "quiet_hours[0].until: must differ from `from`",
    ),
    (
        {"quiet_hours": (QuietHours(channels=("app",), from_time="08:00", until_time="09:00"),)},
        "quiet_hours[0].channels[0]: must be one of",
    ),
    ({"channel_order": ("pos",)}, "channel_order[0]: must be one of"),
    ({"priors": {"push": Prior(engaged=0, ignored=1)}}, "priors.push: engaged and ignored"),
    ({"queue_ttl_hours": 0.0}, "queue_ttl_hours: must be above 0"),
    ({"surfaces": Surfaces(keep_current=("sms",))}, "surfaces.keep_current[0]: must not interrupt"),
    ({"surfaces": Surfaces(data=("earned",))}, "surfaces.data[0]: must be one of"),
    (
        {"surfaces": Surfaces(moments=(Moment(event="x", surface="sms", content="a@1"),))},
        "surfaces.moments[0].event: must be a type of event; got 'x'",
    ),
]


@pytest.mark.parametrize(("changes", "complaint"), POLICIES)
def test_mistakes_in_the_policy(changes: dict[str, object], complaint: str) -> None:
    complaints = check_journeys([], policy_of(**changes))
    assert complaints
    assert complaints[0].startswith(f"conversation: $.{complaint}"), complaints


def test_what_ships_is_right() -> None:
    journeys = shipped_journeys()
    assert check_journeys(journeys.values(), shipped_policy()) == []
    assert set(journeys) == {
        "welcome",
        "real_time_earn",
        "win_back",
        "tier_upgrade",
        "cart_reminder",
        "join_invitation",
    }
    assert {file.stem for file in (CONFIG / "journeys").glob("*.yaml")} == set(journeys)
    Decide(list(journeys.values()), shipped_policy())


def test_all_mistakes_are_named_at_once() -> None:
    bad = journey_of(GOOD.replace("50", "500").replace("good@1", "good"))
    complaints = check_journeys([bad, bad], policy_of(default_time_zone="Mars"))
    assert len(complaints) == 6
    assert "journey good: $.journey: must be unique among the journeys" in complaints


def test_an_unknown_key_is_an_error_with_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"`chanels`.*\$\.steps\[0\]\.message"):
        journey_of(GOOD.replace("channels", "chanels"))
    with pytest.raises(msgspec.ValidationError, match="unknown field `quiet`"):
        msgspec.convert({"default_time_zone": "UTC", "quiet": 1}, Conversation)


def test_kinds_have_a_handler_each() -> None:
    """A new kind of step or condition needs a row in its table."""
    fields = {field.name for field in msgspec.structs.fields(Step)} - {"step"}
    assert fields == set(STEP_KINDS) == set(ARRIVALS)
    condition = {field.name for field in msgspec.structs.fields(type(journey_of(GOOD).entry))}
    assert condition - {"where", "max_age_hours"} == set(CONDITIONS)


def test_config_survives_yaml() -> None:
    for journey in shipped_journeys().values():
        text = yaml.safe_dump(msgspec.to_builtins(journey))
        assert msgspec.convert(yaml.safe_load(text), Journey) == journey
