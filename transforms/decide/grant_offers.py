"""Offers that journeys grant: ordered as commands, which come back as input to accrue.

In: a passage that has arrived at a step that grants. Out: a command. Promises: the same entry and
step order the same command, however often they are passed, so the offer is granted once; who is in
the journey's control group is granted nothing.
"""

import msgspec

from schemas.commands import LoopCommand
from transforms.decide.identify import identify
from transforms.decide.journey_plans import Plan
from transforms.decide.member_state import HOUR_MS, Passage
from transforms.decide.turn import Turn

_encode = msgspec.json.Encoder(order="sorted").encode


def grant_offer(turn: Turn, plan: Plan, passage: Passage) -> None:
    """Order the offer that the step grants."""
    spec = plan.steps[passage.step].grant
    assert spec is not None
    state, now = turn.state, turn.now
    if plan.holds_out(state.member_id):
        return
    hours = spec.valid_hours
    said = {"offer_id": spec.offer, "reason": f"{plan.name}/{passage.step}"}
    until = {} if hours is None else {"expires_at": now + int(hours * HOUR_MS)}
    named = identify(state.member_id, plan.name, passage.entry_id, passage.step)
    turn.out.append(
        LoopCommand(
            command_id=f"grant-{named}",
            type="grant_offer",
            market=state.market,
            about=_encode({"member_id": state.member_id}).decode(),
            payload=_encode(said | until).decode(),
            because_of=passage.began_by,
            given_at=now,
        )
    )
