"""What channels report: delivered, failed, shown, opened, clicked, dismissed, unsubscribed.

In: a delivery event that names a trigger. Out: a row in `deliveries`. Promises: the same report
twice counts once; the first engagement teaches the choice of channels; a failure gives the room
under the caps back and lets the journey escalate without waiting. (That unsubscribing ends the
consent to marketing is in `remember`.)
"""

from schemas.decisions import Delivery
from schemas.events import Event
from schemas.payloads import Feedback
from transforms.decide.member_state import Awaited
from transforms.decide.turn import Turn

FEEDBACK = frozenset(
    {"delivered", "failed", "shown", "opened", "clicked", "dismissed", "unsubscribed"}
)


def take_feedback(turn: Turn, event: Event) -> None:
    """Write the report down and learn from it."""
    payload = event.payload
    assert isinstance(payload, Feedback)
    state = turn.state
    sent = next((sent for sent in state.awaited if sent.trigger_id == payload.trigger_id), None)
    if sent is not None:
        if event.type in sent.told:
            return
        if event.type in ("opened", "clicked") and not sent.engaged:
            state.wins[sent.channel] = state.wins.get(sent.channel, 0) + 1
        sent.told.append(event.type)
        if event.type == "failed":
            _fail(turn, sent)
    turn.out.append(
        Delivery(
            trigger_id=payload.trigger_id,
            member_id=state.member_id,
            channel=payload.channel,
            state=event.type,
            reason=payload.reason,
            at=event.occurred_at,
        )
    )


def _fail(turn: Turn, sent: Awaited) -> None:
    state = turn.state
    state.tries[sent.channel] = max(0, state.tries.get(sent.channel, 0) - 1)
    times = state.counted.get(f"{sent.channel}/{sent.purpose}")
    if times is not None and sent.at in times:
        times.remove(sent.at)
    for passage in state.passages:
        plan = turn.rules.plans.get(passage.journey)
        step = plan.steps.get(passage.step) if plan else None
        if (
            step is not None
            and step.escalate is not None
            and passage.last_sent == sent.trigger_id
            and passage.queued is None
            and "failed" in step.escalate.when
        ):
            passage.due = turn.now
