"""Conditions of journeys, compiled to closures: does this news fulfil it?

In: a `Condition` of a journey file. Out: the topics it listens to (event types, or the tag of a
signal) and a predicate on the event or signal. A new kind of condition is one function and one
row in `CONDITIONS`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.journeys import Condition, Facts, Wanted
from transforms.decide.member_state import DecideState

ACCOUNT = "account_changed"
TIER = "tier_changed"
SCORE = "score_changed"

Predicate = Callable[[Any], bool]


class Compiled(NamedTuple):
    topics: tuple[str, ...]
    """The types of event, or the tag of the signal, that it listens to."""
    holds: Predicate


def events_of(condition: Condition) -> tuple[str, ...]:
    """The types of event that a condition names."""
    named = condition.event
    return (named,) if isinstance(named, str) else named or ()


def _event(condition: Condition) -> Compiled:
    return Compiled(events_of(condition), lambda news: True)


def _account(condition: Condition) -> Compiled:
    tests: dict[str | None, Predicate] = {
        "earned": lambda news: news.earned > 0,
        "spent": lambda news: news.spent > 0,
        "changed": lambda news: True,
    }
    return Compiled((ACCOUNT,), tests[condition.account])


def _tier(condition: Condition) -> Compiled:
    upward = condition.tier == "upgraded"
    return Compiled((TIER,), lambda news: bool(news.upgrade) is upward)


def _band(condition: Condition) -> Compiled:
    band = condition.band
    return Compiled((SCORE,), lambda news: news.band_changed and news.band == band)


def _left_band(condition: Condition) -> Compiled:
    band = condition.left_band
    return Compiled((SCORE,), lambda news: news.band_changed and news.from_band == band)


CONDITIONS: dict[str, Callable[[Condition], Compiled]] = {
    "event": _event,
    "account": _account,
    "tier": _tier,
    "band": _band,
    "left_band": _left_band,
}


def _field(news: Any, name: str) -> Any:
    """A field of an event's payload, its envelope or context, or of a signal."""
    payload = getattr(news, "payload", None)
    for holder in (payload, news):
        value = getattr(holder, name, None)
        if value is not None:
            return value
    context = getattr(news, "context", None)
    return context.get(name) if context else None


def _wants(name: str, wanted: Wanted) -> Predicate:
    if wanted == "empty":
        return lambda news: not _field(news, name)
    if wanted == "not_empty":
        return lambda news: bool(_field(news, name))
    if isinstance(wanted, list):
        among = frozenset(wanted)
        return lambda news: _field(news, name) in among
    return lambda news: bool(_field(news, name) == wanted)


def kind_of(condition: Condition) -> list[str]:
    """The kinds that a condition names; a valid one names exactly one."""
    return [kind for kind in CONDITIONS if getattr(condition, kind) is not None]


def compile_condition(condition: Condition) -> Compiled:
    """The topics to listen to, and whether a piece of news on one fulfils the condition."""
    topics, holds = CONDITIONS[kind_of(condition)[0]](condition)
    wanted = [_wants(name, value) for name, value in condition.where.items()]
    if not wanted:
        return Compiled(topics, holds)
    return Compiled(topics, lambda news: holds(news) and all(test(news) for test in wanted))


def facts_hold(facts: Facts, state: DecideState) -> bool:
    """Whether all that a branch asks of the member is so now."""
    account, score = state.account, state.score
    tier = account.tier if account else ""
    band = score.band if score else "none"
    available = account.available if account else 0
    return (
        (not facts.tiers or tier in facts.tiers)
        and (not facts.bands or band in facts.bands)
        and (facts.available_min is None or available >= facts.available_min)
        and (not facts.preferred_channels or state.preferred_channel in facts.preferred_channels)
        and (facts.enrolled is None or facts.enrolled is (state.enrolled_at is not None))
    )
