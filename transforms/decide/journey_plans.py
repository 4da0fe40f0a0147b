"""Journey files, compiled once: which news starts, advances or ends which journey.

In: `Journey` structs and a policy that `check_journeys` found nothing against. Out: a `Plan` a
journey, and `Rules`, the index by topic that lets an event that concerns no journey cost one
look-up.
"""

from collections.abc import Iterable
from typing import get_args

from schemas.decisions import INTERRUPTING, Purpose
from schemas.events import EVENT_TYPES
from schemas.journeys import STEP_KINDS, Cap, Conversation, Journey, Moment, Step
from transforms.decide.conditions import compile_condition, events_of, kind_of
from transforms.decide.identify import share_of
from transforms.decide.member_state import HOUR_MS

BROWSING_MAX_AGE_HOURS = 1.0
"""Browsing that is known later than this is no reason for a message, so replaying a topic of
clicks sends nothing."""


def kinds_of_step(step: Step) -> list[str]:
    """The kinds that a step names; a valid one names exactly one."""
    return [kind for kind in STEP_KINDS if getattr(step, kind) is not None]


class Plan:
    """One journey, ready to walk."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.name = journey.journey
        self.purpose = journey.purpose
        self.priority = journey.priority
        self.value = journey.value
        self.steps: dict[str, Step] = {step.step: step for step in journey.steps}
        self.kinds: dict[str, str] = {step.step: kinds_of_step(step)[0] for step in journey.steps}
        names = [step.step for step in journey.steps]
        self.first = names[0]
        self.following: dict[str, str | None] = dict(zip(names, [*names[1:], None], strict=True))
        self.entry = compile_condition(journey.entry)
        self.exit = compile_condition(journey.exit) if journey.exit else None
        self.goal_events: frozenset[str] = frozenset(journey.goal.events if journey.goal else ())
        self.goal_joined = journey.goal is not None and journey.goal.joined
        self.max_age_ms = self._max_age_ms()
        self.reentry_ms: int | None = (
            None if journey.reentry_hours is None else int(journey.reentry_hours * HOUR_MS)
        )
        self.restarts = journey.again == "restart"
        self.grants = any(step.grant is not None for step in journey.steps)

    def _max_age_ms(self) -> int | None:
        entry = self.journey.entry
        hours = entry.max_age_hours
        if hours is None and kind_of(entry) == ["event"]:
            kinds = [EVENT_TYPES.get(name) for name in events_of(entry)]
            if any(kind and kind.event_class in ("browse", "cart") for kind in kinds):
                hours = BROWSING_MAX_AGE_HOURS
        return None if hours is None else int(hours * HOUR_MS)

    def holds_out(self, member_id: str) -> bool:
        """Whether the member is in the control group, always the same answer."""
        hold_out = self.journey.hold_out
        return hold_out > 0 and share_of(f"{self.name}/hold_out", member_id) < hold_out

    def listens_to(self) -> set[str]:
        """Topics that concern a member who is in the journey."""
        topics = set(self.goal_events) | set(self.entry.topics)
        if self.exit is not None:
            topics.update(self.exit.topics)
        for step in self.journey.steps:
            if step.wait_until is not None:
                topics.update(step.wait_until.events)
        return topics


class Audience:
    """The journeys that are meant for members, or for guests, by what begins and concerns them."""

    def __init__(self, plans: Iterable[Plan], audience: str) -> None:
        meant = [plan for plan in plans if plan.journey.audience == audience]
        self.entries: dict[str, list[Plan]] = {}
        for plan in meant:
            for topic in plan.entry.topics:
                self.entries.setdefault(topic, []).append(plan)
        self.watched: frozenset[str] = frozenset(
            topic for plan in meant for topic in plan.listens_to()
        )


class Rules:
    """All journeys and the conversation policy, indexed by what is asked of them."""

    def __init__(self, journeys: tuple[Journey, ...], policy: Conversation) -> None:
        self.policy = policy
        self.plans: dict[str, Plan] = {journey.journey: Plan(journey) for journey in journeys}
        self.members = Audience(self.plans.values(), "members")
        self.guests = Audience(self.plans.values(), "guests")
        self.moments: dict[str, list[Moment]] = {}
        for moment in policy.surfaces.moments:
            self.moments.setdefault(moment.event, []).append(moment)
        self.caps: dict[tuple[str, str], tuple[Cap, ...]] = {
            (channel, purpose): tuple(
                cap
                for cap in policy.caps
                if (not cap.channels or channel in cap.channels)
                and (not cap.purposes or purpose in cap.purposes)
            )
            for channel in INTERRUPTING
            for purpose in get_args(Purpose)
        }
        """The caps that a message by this channel for this purpose must keep, and moves."""
