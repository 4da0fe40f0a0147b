"""Arbitration and sending: of all that is proposed at one instant, one message a purpose goes out.

In: the candidates of one instant. Out: a decision for each of their channels, a trigger for each
message that goes out; queued ones are due again when quiet hours end. Promises: every channel of
every candidate gets exactly one row an instant, and at most one of them says sent or queued; the
counters of caps move here, in the same step that reads them.
"""

from bisect import bisect_left
from typing import Any

from transforms.decide.candidates import Candidate
from transforms.decide.choose_channel import order_channels, p_engage
from transforms.decide.gates import basis_for, first_shut, handle_for
from transforms.decide.identify import identify
from transforms.decide.member_state import (
    AWAITED_DAYS,
    AWAITED_MAX,
    COUNTED_DAYS,
    DAY_MS,
    HOUR_MS,
    Awaited,
)
from transforms.decide.quiet_hours import local_time, quiet_until, zone_name, zone_named
from transforms.decide.template_data import template_data, worth_promoting
from transforms.decide.turn import Turn

OTHER_CHANNEL: tuple[str, dict[str, str]] = ("other_channel", {})
"""The verdict on a channel that was open and not needed."""


def settle(turn: Turn, candidates: list[Candidate]) -> list[Candidate]:
    """Decide on all of them; the answer: those whose step is over (the others are queued)."""
    over: list[Candidate] = []
    ready: list[Candidate] = []
    for candidate in candidates:
        candidate.passage.attempted = True
        if _may_go(turn, candidate, over):
            ready.append(candidate)
    ready.sort(key=lambda candidate: _rank(turn, candidate))
    sent = False
    for candidate in ready:
        winner = _taken(turn, candidate.plan.purpose)
        if winner is not None:
            for channel in candidate.channels:
                if channel not in candidate.verdicts:
                    candidate.verdicts[channel] = "lower_priority", {"winner": winner}
            candidate.chosen = None
            _write(turn, candidate)
            over.append(candidate)
        elif not sent or _may_go(turn, candidate, over):
            _send(turn, candidate)
            over.append(candidate)
            sent = True
    return over


def _may_go(turn: Turn, candidate: Candidate, over: list[Candidate]) -> bool:
    """Choose a channel; if none is open, or all is quiet, that is written and settled here."""
    _choose(turn, candidate)
    expires_at = _expiry(turn, candidate)
    while candidate.chosen is not None:
        release = _quiet_until(turn, candidate.chosen, candidate.plan.purpose)
        if release is None:
            return True
        if release < expires_at:
            passage = candidate.passage
            passage.due, passage.queued, passage.expires_at = release, candidate.chosen, expires_at
            _write(turn, candidate, "queued", "quiet_hours", {"until": release})
            return False
        candidate.verdicts[candidate.chosen] = "quiet_hours_expired", {"until": str(release)}
        candidate.chosen = _first_open(candidate)
    _write(turn, candidate)
    over.append(candidate)
    return False


def _first_open(candidate: Candidate) -> str | None:
    return next((name for name in candidate.order if name not in candidate.verdicts), None)


def _expiry(turn: Turn, candidate: Candidate) -> int:
    """Until when this step's message is worth sending, counted from its first attempt."""
    if candidate.passage.expires_at is not None:
        return candidate.passage.expires_at
    hours = candidate.ttl_hours
    if hours is None:
        hours = turn.rules.policy.queue_ttl_hours
    return turn.now + int(hours * HOUR_MS)


def _quiet_until(turn: Turn, channel: str, purpose: str) -> int | None:
    policy = turn.rules.policy
    zone = zone_named(zone_name(turn.state, policy))
    assert zone is not None
    return quiet_until(policy, channel, purpose, turn.now, zone)


def _choose(turn: Turn, candidate: Candidate) -> None:
    """The first channel whose gates are open, and why the others weren't it."""
    state, policy = turn.state, turn.rules.policy
    if candidate.fixed_order or len(candidate.channels) == 1:
        candidate.order = list(candidate.channels)
    else:
        seed = identify(state.member_id, *candidate.origin, str(turn.now))
        candidate.order = order_channels(state, policy, candidate.channels, seed)
    verdicts = ((channel, first_shut(turn, candidate, channel)) for channel in candidate.order)
    candidate.verdicts = {channel: shut for channel, shut in verdicts if shut is not None}
    candidate.chosen = _first_open(candidate)


def _rank(turn: Turn, candidate: Candidate) -> tuple[int, float, str]:
    """Lowest first: priority, then value × P(engage), then a tie-break that means nothing."""
    assert candidate.chosen is not None
    worth = candidate.plan.value * p_engage(turn.state, turn.rules.policy, candidate.chosen)
    return -candidate.plan.priority, -worth, candidate.passage.entry_id


def _taken(turn: Turn, purpose: str) -> str | None:
    """The trigger by which this purpose already spoke at this instant."""
    for sent in reversed(turn.state.awaited):
        if sent.at != turn.now:
            break
        if sent.purpose == purpose:
            return sent.trigger_id
    return None


def _write(
    turn: Turn,
    candidate: Candidate,
    outcome: str = "",
    reason: str = "",
    facts: dict[str, Any] | None = None,
    *,
    trigger_id: str | None = None,
) -> None:
    """One row a channel: the chosen one's outcome, and the verdict on each other."""
    plan, state = candidate.plan, turn.state
    base: dict[str, Any] = {
        "order": candidate.order,
        "priority": plan.priority,
        "state_version": state.version,
    }
    if len(candidate.order) > 1 and not candidate.fixed_order:
        base["preferred"] = state.preferred_channel
        base["p_engage"] = {
            channel: round(p_engage(state, turn.rules.policy, channel), 4)
            for channel in candidate.order
        }
    for channel in candidate.order:
        if channel == candidate.chosen:
            inputs = base | facts if facts else base
            turn.decide(candidate.origin, channel, outcome, reason, inputs, trigger_id=trigger_id)
            continue
        why, fact = candidate.verdicts.get(channel, OTHER_CHANNEL)
        inputs = base | fact if fact else base
        turn.decide(candidate.origin, channel, "suppressed", why, inputs)


def _send(turn: Turn, candidate: Candidate) -> None:
    """The message goes out: trigger, decision, and the counters of caps move."""
    state, plan, passage = turn.state, candidate.plan, candidate.passage
    channel, now = candidate.chosen, turn.now
    assert channel is not None
    consent = basis_for(state, channel, plan.purpose)
    assert consent is not None
    trigger_id = turn.trigger_id(candidate.origin, channel)
    data = template_data(turn, passage.context, candidate.data)
    if "lines" in data:
        left = {
            line.sku for line in worth_promoting(state, now, turn.rules.policy.just_bought_days)
        }
        data["lines"] = [line for line in data["lines"] if line["sku"] in left]
    zone = zone_named(zone_name(state, turn.rules.policy))
    assert zone is not None
    facts = {"consent": consent, "local_time": local_time(now, zone).isoformat(timespec="minutes")}
    _write(turn, candidate, "sent", "ok", facts, trigger_id=trigger_id)
    turn.trigger(
        candidate.origin,
        channel,
        "send",
        trigger_id=trigger_id,
        content=candidate.content,
        data=data,
        consent=consent,
        handle=handle_for(state, channel) or None,
        expires_at=_expiry(turn, candidate),
    )
    passage.last_sent = trigger_id
    passage.used.append(channel)
    state.tries[channel] = state.tries.get(channel, 0) + 1
    since = now - AWAITED_DAYS * DAY_MS
    while state.awaited and (len(state.awaited) >= AWAITED_MAX or state.awaited[0].at < since):
        del state.awaited[0]
    state.awaited.append(
        Awaited(
            trigger_id=trigger_id,
            entry_id=passage.entry_id,
            step=candidate.origin.step,
            journey=plan.name,
            channel=channel,
            purpose=plan.purpose,
            content=candidate.content,
            at=now,
        )
    )
    if turn.rules.caps[channel, plan.purpose]:
        key = f"{channel}/{plan.purpose}"
        times = state.counted.setdefault(key, [])
        del times[: bisect_left(times, now - COUNTED_DAYS * DAY_MS)]
        times.append(now)
