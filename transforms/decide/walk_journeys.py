"""A member's way through a journey: wait, show, branch, propose messages, come to the end.

In: a passage that has arrived at a step, or that is due. Out: the passage at the next step where
it has to wait, with its due time; candidates for `send_messages`. Promises: a passage stands at
one step, and steps only lead further down, so every walk ends. A new kind of step is one function
and one row in `ARRIVALS`.
"""

from collections.abc import Callable

from schemas.journeys import Escalate, Experiment
from transforms.decide.candidates import Candidate
from transforms.decide.conditions import facts_hold
from transforms.decide.grant_offers import grant_offer
from transforms.decide.identify import share_of
from transforms.decide.journey_plans import Plan
from transforms.decide.leave_journeys import leave, take_back_proposed
from transforms.decide.member_state import HOUR_MS, Awaited, Passage
from transforms.decide.quiet_hours import clock_time, next_occurrence, zone_name, zone_named
from transforms.decide.show_surfaces import show_step
from transforms.decide.turn import Turn

LEAVE = "leave"
"""As the target of a branch: the journey ends."""

Arrival = tuple[int | None, str | None]
"""(when to go on, -): wait here; (None, a step): pass on to it; (None, None): the end."""


def _wait(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    hours = plan.steps[passage.step].wait_hours
    assert hours is not None
    return turn.now + int(hours * HOUR_MS), None


def _wait_until(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    spec = plan.steps[passage.step].wait_until
    assert spec is not None
    if spec.at is None:
        return turn.now + int((spec.within_hours or 0) * HOUR_MS), None
    zone = zone_named(zone_name(turn.state, turn.rules.policy))
    assert zone is not None
    return next_occurrence(turn.now, clock_time(spec.at), zone), None


def _propose(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    """A message is decided at this very instant, once everything of the instant is known."""
    return turn.now, None


def _show(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    show_step(turn, plan, passage)
    return None, plan.following[passage.step]


def _branch(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    spec = plan.steps[passage.step].branch
    assert spec is not None
    return None, spec.then if facts_hold(spec.when, turn.state) else spec.otherwise


def _experiment(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    spec = plan.steps[passage.step].experiment
    assert spec is not None
    return None, arm_of(plan, spec, turn.state.member_id)


def arm_of(plan: Plan, spec: Experiment, member_id: str) -> str:
    """Where a member goes on, always the same answer."""
    share = share_of(f"{plan.name}/{spec.experiment}", member_id)
    reached = 0.0
    then = LEAVE
    for arm in spec.arms.values():
        reached += arm.share
        then = arm.then
        if share < reached:
            break
    return then


def _grant(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    grant_offer(turn, plan, passage)
    return None, plan.following[passage.step]


def _escalate(turn: Turn, plan: Plan, passage: Passage) -> Arrival:
    """Wait for the answer to the entry's last message; without one there is nothing to wait for."""
    spec = plan.steps[passage.step].escalate
    assert spec is not None
    if passage.last_sent is None:
        return None, plan.following[passage.step]
    sent = last_sent(turn, passage)
    if sent is None or (sent.failed and "failed" in spec.when):
        return turn.now, None
    return max(turn.now, sent.at + int(spec.after_hours * HOUR_MS)), None


ARRIVALS: dict[str, Callable[[Turn, Plan, Passage], Arrival]] = {
    "wait_hours": _wait,
    "wait_until": _wait_until,
    "message": _propose,
    "show": _show,
    "branch": _branch,
    "escalate": _escalate,
    "experiment": _experiment,
    "grant": _grant,
}


def advance(turn: Turn, plan: Plan, passage: Passage) -> None:
    """From the step where the passage has just arrived to the first where it has to wait."""
    turn.moved[passage.entry_id] = passage
    while True:
        due, then = ARRIVALS[plan.kinds[passage.step]](turn, plan, passage)
        if due is not None:
            passage.due = due
            return
        if then is None or then == LEAVE:
            leave(turn, passage, "completed")
            return
        passage.step = then


def go_on(turn: Turn, plan: Plan, passage: Passage) -> None:
    """The step is over: arrive at the next one."""
    passage.queued = passage.expires_at = None
    then = plan.following[passage.step]
    if then is None:
        turn.moved[passage.entry_id] = passage
        leave(turn, passage, "completed")
        return
    passage.step = then
    advance(turn, plan, passage)


def last_sent(turn: Turn, passage: Passage) -> Awaited | None:
    """The entry's last message, while its feedback is waited for."""
    for sent in reversed(turn.state.awaited):
        if sent.trigger_id == passage.last_sent:
            return sent
    return None


def resume(turn: Turn, passage: Passage) -> Candidate | None:
    """The passage is due: move it on, or say which message it proposes."""
    plan = turn.rules.plans.get(passage.journey)
    step = plan.steps.get(passage.step) if plan is not None else None
    if plan is None or step is None:
        leave(turn, passage, "retired")
        return None
    if step.message is not None:
        return Candidate(plan, passage, step.message, step.message.channels)
    if step.escalate is not None:
        channels = tuple(name for name in step.escalate.channels if name not in passage.used)
        if _unanswered(turn, passage, step.escalate):
            if channels:
                return Candidate(plan, passage, step.escalate, channels)
        elif passage.queued is not None:
            take_back_proposed(turn, passage, "answered")
    if step.wait_until is not None and step.wait_until.events:
        leave(turn, passage, "completed")
    else:
        go_on(turn, plan, passage)
    return None


def _unanswered(turn: Turn, passage: Passage, spec: Escalate) -> bool:
    """Whether the last message met what the escalation is for; one too old to know was ignored."""
    sent = last_sent(turn, passage)
    if sent is not None and sent.engaged:
        return False
    failed = sent is not None and sent.failed
    return ("failed" if failed else "ignored") in spec.when
