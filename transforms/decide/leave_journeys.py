"""Leaving a journey: what is queued, shown or not yet opened is taken back.

In: a passage and why it ends. Out: its last row in `journeys`; for what is taken back a decision,
and a trigger that tells the channel. Promises: whoever has left has nothing left in a queue; a
journey that ran its course takes nothing back; after `take_back_all` no channel has anything left
of them that it could take back.
"""

from typing import Any

from transforms.decide.identify import identify
from transforms.decide.member_state import Passage, Standing
from transforms.decide.turn import Origin, Turn

RECALLABLE = frozenset({"push"})
"""Channels that can take back what was delivered and not opened."""
ON_PAPER = frozenset({"receipt"})
"""Surfaces that keep what they were shown."""
NAMED = frozenset({"goal_met", "retracted", "joined", "merged", "erased"})
"""Of the ways to leave, those that decisions call by their name; the others are `exited`."""


def leave(turn: Turn, passage: Passage, because: str) -> None:
    """End the passage; `because`: one of `LEFT_BECAUSE`."""
    turn.state.passages.remove(passage)
    turn.moved[passage.entry_id] = passage
    turn.left[passage.entry_id] = because
    if because == "completed":
        for shown in passage.shown:
            origin = _origin(turn, passage.journey, shown.step, passage.entry_id)
            still_stands(turn, origin, shown.channel, shown.content)
        return
    reason = because if because in NAMED else "exited"
    take_back_proposed(turn, passage, reason)
    for shown in passage.shown:
        origin = _origin(turn, passage.journey, shown.step, passage.entry_id)
        _take_back(turn, origin, shown.channel, shown.trigger_id, shown.content, reason)
    for sent in turn.state.awaited:
        unopened = not sent.engaged and not sent.failed
        if sent.entry_id == passage.entry_id and sent.channel in RECALLABLE and unopened:
            sent.withdrawn = True
            origin = _origin(turn, passage.journey, sent.step, passage.entry_id)
            _take_back(turn, origin, sent.channel, sent.trigger_id, sent.content, reason)


def take_back_all(turn: Turn, because: str) -> None:
    """Leave every journey, blank every surface and withdraw every message that wasn't opened."""
    state = turn.state
    for surface, standing in state.standing.items():
        _blank(turn, surface, standing, because)
    for passage in tuple(state.passages):
        # What else a surface was shown went with what stands there.
        passage.shown = [shown for shown in passage.shown if shown.channel not in state.standing]
        plan = turn.rules.plans.get(passage.journey)
        wanted = because == "joined" and plan is not None and plan.goal_joined
        leave(turn, passage, "goal_met" if wanted else because)
    state.standing.clear()
    for sent in state.awaited:
        unopened = not sent.engaged and not sent.failed and not sent.withdrawn
        if sent.channel in RECALLABLE and unopened:
            sent.withdrawn = True
            origin = _origin(turn, sent.journey, sent.step, sent.entry_id)
            _take_back(turn, origin, sent.channel, sent.trigger_id, sent.content, because)


def still_stands(turn: Turn, origin: Origin, surface: str, content: str) -> None:
    """A surface was shown something that no journey takes back. The first such thing is enough to
    know: whoever takes that back with everything after it blanks the surface."""
    standing = turn.state.standing
    if surface not in standing and surface not in ON_PAPER:
        standing[surface] = Standing(
            journey=origin.journey, step=origin.step, entry_id=origin.entry_id, content=content
        )


def _blank(turn: Turn, surface: str, standing: Standing, because: str) -> None:
    origin = _origin(turn, standing.journey, standing.step, standing.entry_id)
    shown_id = turn.trigger_id(origin, surface)
    _take_back(turn, origin, surface, shown_id, standing.content, because, everything=True)


def take_back_proposed(turn: Turn, passage: Passage, reason: str) -> None:
    """Withdraw a message that is queued, or would have been decided on at this instant."""
    origin = _origin(turn, passage.journey, passage.step, passage.entry_id)
    inputs = {"queued": passage.queued is not None, "state_version": turn.state.version}
    for channel in _proposed(turn, passage):
        turn.decide(origin, channel, "withdrawn", reason, inputs)


def _proposed(turn: Turn, passage: Passage) -> tuple[str, ...]:
    if passage.queued is not None:
        return (passage.queued,)
    plan = turn.rules.plans.get(passage.journey)
    step = plan.steps.get(passage.step) if plan is not None else None
    return step.message.channels if step is not None and step.message is not None else ()


def _origin(turn: Turn, journey: str, step: str, entry_id: str) -> Origin:
    plan = turn.rules.plans.get(journey)
    return Origin(journey, step, entry_id, plan.purpose if plan else "service")


def _take_back(
    turn: Turn,
    origin: Origin,
    channel: str,
    taken_id: str,
    content: str,
    reason: str,
    *,
    everything: bool = False,
) -> None:
    """Tell the channel to take a trigger back; that is a trigger of its own, which names it.

    `everything`: and whatever else it shows of them, earlier and later.
    """
    action = "withdraw" if channel in RECALLABLE else "hide"
    data: dict[str, Any] = {"withdraws": taken_id}
    if everything:
        data["everything"] = True
    inputs = data | {"state_version": turn.state.version}
    trigger_id = identify(taken_id, action)
    turn.decide(origin, channel, "withdrawn", reason, inputs, trigger_id=trigger_id)
    turn.trigger(
        origin,
        channel,
        action,
        trigger_id=trigger_id,
        content=content,
        data=data,
        consent="withdrawal",
    )
