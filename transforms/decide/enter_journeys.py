"""What news does to journeys: they end, go on, or begin.

In: news (an event or signal) and its topic. Out: passages entered, moved or left. Promises: the
same event never begins a journey twice, also when it is attributed again; news that is older than
the entry neither meets its goal nor ends it; browsing that is known late begins nothing.
"""

from collections.abc import Iterable

from xxhash import xxh3_64_intdigest

from schemas.events import Event
from schemas.flow import AccountChanged, Signal
from transforms.decide.identify import identify
from transforms.decide.journey_plans import Plan
from transforms.decide.leave_journeys import leave
from transforms.decide.member_state import BEGUN_MAX, PASSAGES_MAX, Cause, Passage
from transforms.decide.template_data import context_of
from transforms.decide.turn import Origin, Turn
from transforms.decide.walk_journeys import advance, go_on

ENTRY = "entry"
"""Stands for the step of a journey that wasn't entered."""

News = Event | Signal


def follow(turn: Turn, topic: str, news: News) -> None:
    """Apply news to the member's journeys: goals, exits, and waits for this event."""
    happened_at = news.occurred_at if isinstance(news, Event) else turn.now
    for passage in tuple(turn.state.passages):
        plan = turn.rules.plans.get(passage.journey)
        if plan is None:
            leave(turn, passage, "retired")
        elif happened_at < passage.began_at:
            continue
        elif topic in plan.goal_events:
            if isinstance(news, Event):
                turn.state.goals[plan.name] = mark_of(event_name(news))
            leave(turn, passage, "goal_met")
        elif plan.exit is not None and topic in plan.exit.topics and plan.exit.holds(news):
            leave(turn, passage, "exit")
        elif passage.step in plan.steps:
            wait = plan.steps[passage.step].wait_until
            if wait is not None and topic in wait.events:
                go_on(turn, plan, passage)


def enter(turn: Turn, plans: Iterable[Plan], topic: str, news: News) -> None:
    """Begin every one of these journeys whose entry condition this news fulfils."""
    for plan in plans:
        if plan.entry.holds(news):
            _enter(turn, plan, topic, news)


def event_name(event: Event) -> str:
    """What an event is called in ids and facts."""
    return f"{event.source}/{event.event_id}"


def mark_of(name: str) -> int:
    """64 bits that stand for the name of an event."""
    return xxh3_64_intdigest(name.encode())


def take_back_entries(turn: Turn, event: Event) -> None:
    """The event is somebody else's after all: the journeys that it began end, and those whose goal
    it met may begin again as if they hadn't been entered. Who left one of these isn't put back."""
    state, name = turn.state, event_name(event)
    for passage in tuple(state.passages):
        if passage.entry_id == identify(state.member_id, passage.journey, name):
            leave(turn, passage, "retracted")
    mark = mark_of(name)
    for journey in [journey for journey, met_by in state.goals.items() if met_by == mark]:
        del state.goals[journey]
        state.entered.pop(journey, None)


def _cause(turn: Turn, news: News) -> Cause | None:
    """The event behind the news; None: time alone."""
    cause = turn.state.cause
    if cause is None or cause.known_at != turn.now:
        return None
    if isinstance(news, AccountChanged) and news.event_id != cause.event_id:
        return None
    return cause


def _enter(turn: Turn, plan: Plan, topic: str, news: News) -> None:
    state, now = turn.state, turn.now
    cause = _cause(turn, news)
    began_at = cause.occurred_at if cause else now
    began_by = cause.event if cause else f"{topic}@{now}"
    entry_id = identify(state.member_id, plan.name, began_by)
    mark = int(entry_id[:16], 16)
    if mark in state.begun:
        if state.entered.get(plan.name) != now:
            _refuse(turn, plan, entry_id, "already_sent", began_by)
        return
    stale = plan.max_age_ms is not None and now - began_at > plan.max_age_ms
    if plan.reentry_ms != 0:
        standing = next((at for at in state.passages if at.journey == plan.name), None)
        if standing is not None:
            if plan.restarts and not stale and not standing.attempted:
                _restart(turn, plan, standing, began_at, topic, news)
            return
        last = state.entered.get(plan.name)
        if last is not None and (plan.reentry_ms is None or now - last < plan.reentry_ms):
            return
    if stale:
        _refuse(turn, plan, entry_id, "stale", began_by)
        return
    if len(state.passages) >= PASSAGES_MAX:
        leave(turn, state.passages[0], "crowded_out")
    state.begun.append(mark)
    if len(state.begun) > BEGUN_MAX:
        del state.begun[0]
    state.entered[plan.name] = now
    passage = Passage(
        journey=plan.name,
        entry_id=entry_id,
        step=plan.first,
        entered_at=now,
        began_at=began_at,
        source=cause.source if cause else "",
        due=now,
        context=context_of(topic, news),
        began_by=began_by if plan.grants else "",
    )
    state.passages.append(passage)
    advance(turn, plan, passage)


def _refuse(turn: Turn, plan: Plan, entry_id: str, reason: str, began_by: str) -> None:
    origin = Origin(plan.name, ENTRY, entry_id, plan.purpose)
    turn.decide(origin, "", "suppressed", reason, {"began_by": began_by})


def _restart(
    turn: Turn, plan: Plan, passage: Passage, began_at: int, topic: str, news: News
) -> None:
    """Begin the steps anew within the same entry."""
    before = passage.step
    passage.step, passage.began_at, passage.context = (
        plan.first,
        began_at,
        context_of(topic, news),
    )
    moved = passage.entry_id in turn.moved
    advance(turn, plan, passage)
    if passage.step == before and not moved:
        turn.moved.pop(passage.entry_id, None)
