"""The next best action: what the journeys that a member is in would say or show next.

In: the state and the compiled journeys. Out: one step with the channels that consent and known
addresses allow now, or None. The journeys' own priority and value choose; nobody in a control
group and nobody with an open case is offered what journeys wouldn't say to them.
"""

from collections.abc import Sequence

from schemas.journeys import Step
from schemas.member_state import NextAction
from transforms.decide.conditions import facts_hold
from transforms.decide.gates import basis_for, handle_for
from transforms.decide.journey_plans import Plan, Rules
from transforms.decide.member_state import DecideState, Passage
from transforms.decide.walk_journeys import LEAVE, arm_of


def next_action(state: DecideState, rules: Rules) -> NextAction | None:
    """Of all that could be said next, what matters most; of equals what is due first."""
    found: list[tuple[tuple[int, int, int, str], NextAction]] = []
    for passage in state.passages:
        plan = rules.plans.get(passage.journey)
        if plan is None or plan.holds_out(state.member_id):
            continue
        if plan.purpose == "marketing" and state.open_cases:
            continue
        action = _ahead(state, plan, passage) or _shown(plan, passage)
        if action is not None:
            due = action.due or 0
            found.append(((-plan.priority, -plan.value, due, passage.entry_id), action))
    return min(found)[1] if found else None


def _ahead(state: DecideState, plan: Plan, passage: Passage) -> NextAction | None:
    """The first step from where the passage stands that says something on an open channel."""
    name: str | None = passage.step
    while name is not None and name != LEAVE and name in plan.steps:
        says = _says(plan.steps[name], passage)
        if says is not None:
            content, channels = says
            allowed = _open(state, plan, channels)
            if allowed:
                return NextAction(
                    journey=plan.name,
                    step=name,
                    purpose=plan.purpose,
                    content=content,
                    channels=allowed,
                    due=passage.due,
                )
        name = _following(state, plan, name)
    return None


def _says(step: Step, passage: Passage) -> tuple[str, Sequence[str]] | None:
    """What a step says and where; None: it says nothing."""
    if step.message is not None:
        return step.message.content, step.message.channels
    if step.show is not None:
        return step.show.content, step.show.surfaces
    if step.escalate is not None:
        spec = step.escalate
        return spec.content, [each for each in spec.channels if each not in passage.used]
    return None


def _following(state: DecideState, plan: Plan, name: str) -> str | None:
    step = plan.steps[name]
    if step.branch is not None:
        return step.branch.then if facts_hold(step.branch.when, state) else step.branch.otherwise
    if step.experiment is not None:
        return arm_of(plan, step.experiment, state.member_id)
    return plan.following[name]


def _open(state: DecideState, plan: Plan, channels: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        channel
        for channel in channels
        if basis_for(state, channel, plan.purpose) is not None
        and handle_for(state, channel) is not None
    )


def _shown(plan: Plan, passage: Passage) -> NextAction | None:
    """Nothing more is said: what surfaces show since then, the latest step of it."""
    if not passage.shown:
        return None
    last = passage.shown[-1]
    return NextAction(
        journey=plan.name,
        step=last.step,
        purpose=plan.purpose,
        content=last.content,
        channels=tuple(each.channel for each in passage.shown if each.step == last.step),
        due=None,
    )
