"""Journeys that grant offers: ordered once an entry and step, for whoever isn't in the control
group."""

import json
from typing import Any

import pytest
from decide_story import DAY, HOUR, MEMBER, NOON, Story, journey_of, policy_of

from schemas.commands import LoopCommand, command_of
from transforms.decide.check_journeys import check_journeys

COME_BACK = """
journey: come_back
version: 1
purpose: marketing
priority: 10
entry: {event: store_visited}
reentry_hours: 24
hold_out: %s
steps:
  - step: give
    grant: {offer: five_off%s}
  - step: later
    wait_hours: 48
  - step: more
    grant: {offer: ten_off}
"""


def come_back(hold_out: float = 0.0, more: str = "") -> Any:
    return journey_of(COME_BACK % (hold_out, more))


def told(*journeys: Any) -> Story:
    return Story(list(journeys), policy_of())


def orders(story: Story) -> list[LoopCommand]:
    return story.rows(LoopCommand)


def test_a_step_orders_the_offer_and_the_journey_goes_on() -> None:
    story = told(come_back(more=", valid_hours: 36")).event(0, "store_visited", event_id="v-1")
    (one,) = orders(story)
    assert (one.type, one.market, one.because_of, one.given_at) == (
        "grant_offer",
        "us",
        "app/v-1",
        NOON,
    )
    assert json.loads(one.about) == {"member_id": MEMBER}
    assert json.loads(one.payload) == {
        "offer_id": "five_off",
        "expires_at": NOON + 36 * HOUR,
        "reason": "come_back/give",
    }
    assert [entry.step for entry in story.entries()] == ["later"]
    story.until(3 * DAY)
    assert [json.loads(order.payload) for order in orders(story)][1:] == [
        {"offer_id": "ten_off", "reason": "come_back/more"}
    ]
    assert orders(story)[1].because_of == "app/v-1"
    assert [entry.left_because for entry in story.entries()] == [None, "completed"]
    assert len({order.command_id for order in orders(story)}) == 2


def test_the_same_entry_orders_the_same_and_another_one_another() -> None:
    first = told(come_back()).event(0, "store_visited", event_id="v-1")
    again = told(come_back()).event(HOUR, "store_visited", event_id="v-1")
    other = told(come_back()).event(0, "store_visited", event_id="v-2")
    ids = [orders(story)[0].command_id for story in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert not orders(first.event(HOUR, "store_visited", event_id="v-1"))[1:]


def test_a_restart_orders_the_same_once_more() -> None:
    restarts = journey_of(
        (COME_BACK % (0.0, "")).replace("version: 1", "version: 1\nagain: restart")
    )
    story = told(restarts).event(0, "store_visited").event(HOUR, "store_visited")
    assert [order.command_id for order in orders(story)][:1] * 2 == [
        order.command_id for order in orders(story)
    ]


def test_the_control_group_is_granted_nothing() -> None:
    story = told(come_back(hold_out=0.999999)).event(0, "store_visited").until(3 * DAY)
    assert orders(story) == []
    assert [entry.left_because for entry in story.entries()][-1] == "completed"


def test_the_command_is_an_event_of_its_member() -> None:
    story = told(come_back()).event(0, "store_visited")
    assert command_of(orders(story)[0]).as_event() == {
        "event_id": orders(story)[0].command_id,
        "type": "grant_offer",
        "source": "command",
        "occurred_at": NOON,
        "market": "us",
        "identifiers": {"member_id": MEMBER},
        "payload": {"offer_id": "five_off", "reason": "come_back/give"},
    }


@pytest.mark.parametrize(
    "step, audience, mistake",
    [
        ("grant: {offer: ''}", "members", "grant.offer: must name an offer"),
        (
            "grant: {offer: x, valid_hours: 0}",
            "members",
            "grant.valid_hours: must be above 0; got 0",
        ),
        (
            "grant: {offer: x}",
            "guests",
            "grant: must be left out, since guests have no account to grant it to",
        ),
        (
            "{grant: {offer: x}, wait_hours: 1}",
            "members",
            "must have exactly one of wait_hours, wait_until, message, show, branch, escalate, "
            "experiment, grant; got wait_hours, grant",
        ),
    ],
)
def test_a_mistake_is_named(step: str, audience: str, mistake: str) -> None:
    fields = step.strip("{}") if step.startswith("{") else step
    journey = journey_of(
        f"{{journey: j, version: 1, purpose: marketing, priority: 1, audience: {audience}, "
        f"entry: {{event: store_visited}}, steps: [{{step: s, {fields}}}]}}"
    )
    assert check_journeys([journey], policy_of()) == [
        f"journey j: $.steps[0]{'' if mistake.startswith('must') else '.'}{mistake}".replace(
            "]must", "]: must"
        )
    ]
