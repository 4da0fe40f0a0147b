"""Leaving a journey: what is queued, shown or not yet opened is taken back.

In: a passage and why it ends. Out: its last row in `journeys`; for what is taken back a decision,
and a trigger that tells the channel. Promises: whoever has left has nothing left in a queue; a
journey that ran its course takes nothing back.
"""

from transforms.decide.identify import identify
from transforms.decide.member_state import Awaited, Passage, Shown
from transforms.decide.turn import Origin, Turn

RECALLABLE = frozenset({"push"})
"""Channels that can take back what was delivered and not opened."""


def leave(turn: Turn, passage: Passage, because: str) -> None:
    """End the passage: `goal_met`, `exit`, `completed`, `crowded_out` or `retired`."""
    turn.state.passages.remove(passage)
    turn.moved[passage.entry_id] = passage
    turn.left[passage.entry_id] = because
    if because == "completed":
        return
    reason = "goal_met" if because == "goal_met" else "exited"
    take_back_proposed(turn, passage, reason)
    for shown in passage.shown:
        _take_back(turn, passage, shown, "hide", reason)
    for sent in turn.state.awaited:
        unopened = not sent.engaged and not sent.failed
        if sent.entry_id == passage.entry_id and sent.channel in RECALLABLE and unopened:
            _take_back(turn, passage, sent, "withdraw", reason)


def take_back_proposed(turn: Turn, passage: Passage, reason: str) -> None:
    """Withdraw a message that is queued, or would have been decided on at this instant."""
    origin = _origin(turn, passage, passage.step)
    inputs = {"queued": passage.queued is not None, "state_version": turn.state.version}
    for channel in _proposed(turn, passage):
        turn.decide(origin, channel, "withdrawn", reason, inputs)


def _proposed(turn: Turn, passage: Passage) -> tuple[str, ...]:
    if passage.queued is not None:
        return (passage.queued,)
    plan = turn.rules.plans.get(passage.journey)
    step = plan.steps.get(passage.step) if plan is not None else None
    return step.message.channels if step is not None and step.message is not None else ()


def _origin(turn: Turn, passage: Passage, step: str) -> Origin:
    plan = turn.rules.plans.get(passage.journey)
    return Origin(passage.journey, step, passage.entry_id, plan.purpose if plan else "service")


def _take_back(
    turn: Turn, passage: Passage, out: Shown | Awaited, action: str, reason: str
) -> None:
    """Tell the channel to take a trigger back; that is a trigger of its own, which names it."""
    origin = _origin(turn, passage, out.step)
    inputs = {"withdraws": out.trigger_id, "state_version": turn.state.version}
    trigger_id = identify(out.trigger_id, action)
    turn.decide(origin, out.channel, "withdrawn", reason, inputs, trigger_id=trigger_id)
    turn.trigger(
        origin,
        out.channel,
        action,
        trigger_id=trigger_id,
        content=out.content,
        data={"withdraws": out.trigger_id},
        consent="withdrawal",
    )
