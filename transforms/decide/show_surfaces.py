"""Surfaces that don't interrupt: they always show a member's current state.

In: a show step of a journey, a new balance, or a moment such as a visit to a store. Out: a
decision and a trigger a surface. Promises: caps and quiet hours don't apply; a surface that is
kept current is shown each new balance once, whatever changed it, and so it is with what else the
policy names of what the member has; a surface is never shown a
balance that differs from the row in `members` of the same `state_version`.
"""

from typing import Any

import msgspec
from xxhash import xxh3_64_hexdigest

from schemas.events import EVENT_TYPES, Event
from transforms.decide.candidates import Candidate
from transforms.decide.gates import basis_for, first_shut, handle_for
from transforms.decide.identify import identify
from transforms.decide.journey_plans import BROWSING_MAX_AGE_HOURS, Plan
from transforms.decide.leave_journeys import still_stands
from transforms.decide.member_state import HOUR_MS, Passage, Shown
from transforms.decide.template_data import VIEW, template_data, view_of
from transforms.decide.turn import Origin, Turn

SURFACES = "surfaces"
"""Stands for a journey in the rows of what is shown without one."""
BALANCE = "balance"
_encode = msgspec.msgpack.Encoder().encode


def show_step(turn: Turn, plan: Plan, passage: Passage) -> None:
    """A show step: each of its surfaces for itself. One that the member doesn't have is no
    candidate: a row for each would say a million times that most people have no app."""
    spec = plan.steps[passage.step].show
    assert spec is not None
    state = turn.state
    candidate = Candidate(plan, passage, spec, spec.surfaces)
    expires_at = (
        None if spec.expires_hours is None else turn.now + int(spec.expires_hours * HOUR_MS)
    )
    data = template_data(turn, passage.context, spec.data)
    for surface in spec.surfaces:
        shut = first_shut(turn, candidate, surface)
        inputs: dict[str, Any] = {"state_version": state.version}
        if shut is not None:
            if shut[0] != "unreachable":
                turn.decide(candidate.origin, surface, "suppressed", shut[0], inputs | shut[1])
            continue
        trigger_id = turn.trigger_id(candidate.origin, surface)
        turn.decide(candidate.origin, surface, "shown", "ok", inputs, trigger_id=trigger_id)
        handle = handle_for(state, surface) or None
        turn.trigger(
            candidate.origin,
            surface,
            "show",
            trigger_id=trigger_id,
            content=spec.content,
            data=data,
            consent=basis_for(state, surface, plan.purpose) or "",
            handle=handle,
            expires_at=expires_at,
        )
        if plan.goal_events or plan.exit:
            passage.shown.append(
                Shown(
                    trigger_id=trigger_id,
                    step=passage.step,
                    channel=surface,
                    content=spec.content,
                )
            )
        else:
            still_stands(turn, candidate.origin, surface, spec.content)
        if "available" in data:
            state.displayed[surface] = _face(turn, handle)


def _face(turn: Turn, handle: str | None) -> str:
    """What a surface that shows the balance, and what the policy names besides, looks like now."""
    account = turn.state.account
    if account is None:
        return f"{handle}"
    face = f"{handle}|{account.available}|{account.pending}|{account.held}|{account.tier}"
    names = turn.rules.policy.surfaces.data
    if VIEW.isdisjoint(names):
        return face
    shown = [getattr(view_of(turn.state), name) for name in names if name in VIEW]
    return f"{face}|{xxh3_64_hexdigest(_encode(shown))}"


def _in_use(turn: Turn) -> list[str]:
    """Surfaces to keep current: those the policy names, and those that staff look at now."""
    state, surfaces = turn.state, turn.rules.policy.surfaces
    current: list[str] = list(surfaces.keep_current)
    if state.moments:
        since = turn.now - int(surfaces.in_use_hours * HOUR_MS)
        for surface, at in state.moments.items():
            in_use = state.open_cases > 0 if surface == "service" else at > since
            if in_use and surface not in current:
                current.append(surface)
    return current


def keep_current(turn: Turn) -> None:
    """Show the balance on every surface in use that shows something else."""
    state = turn.state
    if state.account is None:
        return
    spec = turn.rules.policy.surfaces
    outdated = []
    for surface in _in_use(turn):
        handle = handle_for(state, surface)
        if handle is not None and state.displayed.get(surface) != _face(turn, handle or None):
            outdated.append(surface)
    if not outdated:
        return
    # Counted, since a surface may be forgotten and shown the same again within one instant.
    state.refreshes += 1
    entry_id = identify(state.member_id, SURFACES, str(turn.now), str(state.refreshes))
    origin = Origin(SURFACES, BALANCE, entry_id, "service")
    for surface in outdated:
        _show_state(turn, origin, surface, spec.content, spec.data)


def _show_state(
    turn: Turn, origin: Origin, surface: str, content: str, names: tuple[str, ...]
) -> None:
    """Show the member's state without a journey."""
    state = turn.state
    consent = basis_for(state, surface, origin.purpose)
    inputs = {"state_version": state.version}
    if consent is None:
        turn.decide(origin, surface, "suppressed", "no_consent", inputs)
        return
    handle = handle_for(state, surface) or None
    trigger_id = turn.trigger_id(origin, surface)
    turn.decide(origin, surface, "shown", "ok", inputs, trigger_id=trigger_id)
    turn.trigger(
        origin,
        surface,
        "show",
        trigger_id=trigger_id,
        content=content,
        data=template_data(turn, {}, names),
        consent=consent,
        handle=handle,
    )
    still_stands(turn, origin, surface, content)
    if "available" in names:
        state.displayed[surface] = _face(turn, handle)


def show_moments(turn: Turn, event: Event) -> None:
    """Surfaces that this type of event asks for: the till's flag, the call centre's note."""
    state = turn.state
    browsing = EVENT_TYPES[event.type].event_class == "browse"
    if browsing and turn.now - event.occurred_at > BROWSING_MAX_AGE_HOURS * HOUR_MS:
        return
    for moment in turn.rules.moments[event.type]:
        last = state.moments.get(moment.surface)
        if last is not None and turn.now - last < moment.every_hours * HOUR_MS:
            continue
        state.moments[moment.surface] = turn.now
        entry_id = identify(state.member_id, SURFACES, f"{event.source}/{event.event_id}")
        origin = Origin(SURFACES, event.type, entry_id, "service")
        _show_state(turn, origin, moment.surface, moment.content, moment.data)
