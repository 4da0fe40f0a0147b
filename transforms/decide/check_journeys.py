"""What the types of journey files and the policy can't say, checked as a whole before a start.

In: the journeys and the policy, as converted from YAML. Out: one line a mistake, each with the
path of the field: what must be, and what was got. No line: `Decide` can be built.
"""

from collections.abc import Iterable, Iterator

from schemas.decisions import CHANNELS, INTERRUPTING
from schemas.events import EVENT_TYPES
from schemas.journeys import (
    STEP_KINDS,
    Condition,
    Conversation,
    Escalate,
    Journey,
    Message,
    Show,
    Step,
)
from transforms.decide.check_for_guests import check_for_guests
from transforms.decide.conditions import ACCOUNT, CONDITIONS, SCORE, TIER, events_of, kind_of
from transforms.decide.enter_journeys import ENTRY
from transforms.decide.journey_plans import kinds_of_step
from transforms.decide.member_state import AWAITED_DAYS, COUNTED_DAYS
from transforms.decide.quiet_hours import clock_time, zone_named
from transforms.decide.template_data import CONTEXT, FACTS, GUEST_FACTS, OF_ANYBODY
from transforms.decide.walk_journeys import LEAVE

RESERVED_STEPS = frozenset({LEAVE, ENTRY})
SHARES_TOLERANCE = 1e-9


def check_journeys(journeys: Iterable[Journey], policy: Conversation) -> list[str]:
    """All mistakes, each after `journey <name>: $.` or `conversation: $.`."""
    mistakes: list[str] = []
    names: set[str] = set()
    for journey in journeys:
        prefix = f"journey {journey.journey}: $."
        if journey.journey in names:
            mistakes.append(f"{prefix}journey: must be unique among the journeys")
        names.add(journey.journey)
        mistakes.extend(prefix + mistake for mistake in _journey(journey))
    mistakes.extend(f"conversation: $.{mistake}" for mistake in _policy(policy))
    return mistakes


def _journey(journey: Journey) -> Iterator[str]:
    if not 0 <= journey.priority <= 100:
        yield f"priority: must be from 0 to 100; got {journey.priority}"
    if journey.value < 0:
        yield f"value: must be 0 or more minor units; got {journey.value}"
    if not 0 <= journey.hold_out < 1:
        yield f"hold_out: must be a share from 0 to below 1; got {journey.hold_out}"
    if journey.reentry_hours is not None and journey.reentry_hours < 0:
        yield f"reentry_hours: must be 0 or more; got {journey.reentry_hours}"
    yield from _condition("entry", journey.entry)
    if journey.exit is not None:
        yield from _condition("exit", journey.exit)
    if journey.goal is not None:
        yield from _events("goal.events", journey.goal.events)
        if not journey.goal.events and not journey.goal.joined:
            yield "goal: must name events, or joined"
    if journey.audience == "guests":
        yield from check_for_guests(journey)
    elif journey.goal is not None and journey.goal.joined:
        yield "goal.joined: must be left out, unless the audience is guests"
    if not journey.steps:
        yield "steps: must have at least one step"
    seen: set[str] = set()
    for place, step in enumerate(journey.steps):
        path = f"steps[{place}]"
        if step.step in seen or step.step in RESERVED_STEPS:
            yield f"{path}.step: must be unique and not {_list(RESERVED_STEPS)}; got {step.step!r}"
        seen.add(step.step)
        further = {other.step for other in journey.steps[place + 1 :]} - seen
        yield from _step(path, step, further, _facts_known(journey))


TOPICS = {"account": ACCOUNT, "tier": TIER, "band": SCORE, "left_band": SCORE}


def _facts_known(journey: Journey) -> list[str]:
    """What a journey that begins so can tell a template."""
    if journey.audience == "guests":
        return sorted([*GUEST_FACTS, *OF_ANYBODY])
    kinds = kind_of(journey.entry)
    began = [name for kind in kinds for name in CONTEXT.get(TOPICS.get(kind, ""), ())]
    return sorted([*FACTS, *began])


def _condition(path: str, condition: Condition) -> Iterator[str]:
    kinds = kind_of(condition)
    if len(kinds) != 1:
        got = _list(kinds) if kinds else "none"
        yield f"{path}: must name exactly one of {_list(CONDITIONS)}; got {got}"
    if condition.event is not None:
        yield from _events(f"{path}.event", events_of(condition))
        if not events_of(condition):
            yield f"{path}.event: must be a type of event, or a list of types; got none"
    if condition.max_age_hours is not None and condition.max_age_hours <= 0:
        yield f"{path}.max_age_hours: must be above 0; got {condition.max_age_hours}"


def _events(path: str, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if name not in EVENT_TYPES:
            yield f"{path}: must be a type of event; got {name!r}"


def _step(path: str, step: Step, further: set[str], known: list[str]) -> Iterator[str]:
    kinds = kinds_of_step(step)
    if len(kinds) != 1:
        got = _list(kinds) if kinds else "none"
        yield f"{path}: must have exactly one of {_list(STEP_KINDS)}; got {got}"
    if step.wait_hours is not None and step.wait_hours <= 0:
        yield f"{path}.wait_hours: must be above 0; got {step.wait_hours}"
    if step.wait_until is not None:
        yield from _wait_until(f"{path}.wait_until", step)
    for name, spec in (("message", step.message), ("escalate", step.escalate), ("show", step.show)):
        if spec is not None:
            yield from _content(f"{path}.{name}", spec, known)
    if step.grant is not None:
        hours = step.grant.valid_hours
        if not step.grant.offer:
            yield f"{path}.grant.offer: must name an offer"
        if hours is not None and hours <= 0:
            yield f"{path}.grant.valid_hours: must be above 0; got {hours:g}"
    if step.branch is not None:
        yield from _target(f"{path}.branch.then", step.branch.then, further)
        yield from _target(f"{path}.branch.otherwise", step.branch.otherwise, further)
    if step.experiment is not None:
        for name, arm in step.experiment.arms.items():
            yield from _target(f"{path}.experiment.arms.{name}.then", arm.then, further)
            if not 0 <= arm.share <= 1:
                yield f"{path}.experiment.arms.{name}.share: must be from 0 to 1; got {arm.share}"
        total = sum(arm.share for arm in step.experiment.arms.values())
        if abs(total - 1) > SHARES_TOLERANCE:
            yield f"{path}.experiment.arms: shares must add up to 1; got {total:g}"


def _target(path: str, target: str, further: set[str]) -> Iterator[str]:
    if target != LEAVE and target not in further:
        yield f"{path}: must be {LEAVE!r} or a step further down; got {target!r}"


def _wait_until(path: str, step: Step) -> Iterator[str]:
    spec = step.wait_until
    assert spec is not None
    if (spec.at is None) == (not spec.events):
        yield f"{path}: must have either at or events"
    if spec.at is not None:
        yield from _clock(f"{path}.at", spec.at)
    yield from _events(f"{path}.events", spec.events)
    if spec.events and not (spec.within_hours or 0) > 0:
        yield f"{path}.within_hours: must be above 0 beside events; got {spec.within_hours}"


def _content(path: str, spec: Message | Escalate | Show, known: list[str]) -> Iterator[str]:
    shown = isinstance(spec, Show)
    field = "surfaces" if isinstance(spec, Show) else "channels"
    channels = spec.surfaces if isinstance(spec, Show) else spec.channels
    allowed = [name for name in CHANNELS if (name in INTERRUPTING) != shown]
    if not channels or len(set(channels)) != len(channels):
        yield f"{path}.{field}: must name one or more, each once; got {_list(channels) or 'none'}"
    for place, name in enumerate(channels):
        if name not in allowed:
            yield f"{path}.{field}[{place}]: must be one of {_list(allowed)}; got {name!r}"
    key, _, version = spec.content.partition("@")
    if not key or not version:
        yield f"{path}.content: must be key@version; got {spec.content!r}"
    for place, fact in enumerate(spec.data):
        if fact not in known:
            yield f"{path}.data[{place}]: must be one of {_list(known)}; got {fact!r}"
    for hours_field in ("ttl_hours", "max_age_hours", "expires_hours"):
        hours = getattr(spec, hours_field, None)
        if hours is not None and hours <= 0:
            yield f"{path}.{hours_field}: must be above 0; got {hours}"
    if isinstance(spec, Escalate) and not 0 < spec.after_hours <= AWAITED_DAYS * 24:
        limit = AWAITED_DAYS * 24
        yield f"{path}.after_hours: must be above 0, at most {limit}; got {spec.after_hours}"


def _policy(policy: Conversation) -> Iterator[str]:
    zones = {"default_time_zone": policy.default_time_zone}
    zones |= {f"time_zones.{market}": zone for market, zone in policy.time_zones.items()}
    for path, zone in zones.items():
        if zone_named(zone) is None:
            yield f"{path}: must be an IANA time zone; got {zone!r}"
    names = [cap.cap for cap in policy.caps]
    for place, cap in enumerate(policy.caps):
        path = f"caps[{place}]"
        if names.count(cap.cap) > 1:
            yield f"{path}.cap: must be unique; got {cap.cap!r}"
        if cap.limit < 0:
            yield f"{path}.limit: must be 0 or more; got {cap.limit}"
        if (cap.hours is None) == (cap.calendar is None):
            yield f"{path}: must have either hours or calendar"
        if cap.hours is not None and not 0 < cap.hours <= (COUNTED_DAYS - 1) * 24:
            limit = (COUNTED_DAYS - 1) * 24
            yield f"{path}.hours: must be above 0, at most {limit}; got {cap.hours:g}"
        yield from _interrupting(f"{path}.channels", cap.channels)
    for place, rule in enumerate(policy.quiet_hours):
        path = f"quiet_hours[{place}]"
        yield from _clock(f"{path}.from", rule.from_time)
        yield from _clock(f"{path}.until", rule.until_time)
        if rule.from_time == rule.until_time:
            yield f"{path}.until: must differ from `from`; got {rule.until_time!r}"
        yield from _interrupting(f"{path}.channels", rule.channels)
    yield from _interrupting("channel_order", policy.channel_order)
    for channel, prior in policy.priors.items():
        if prior.engaged <= 0 or prior.ignored <= 0:
            yield f"priors.{channel}: engaged and ignored must be above 0"
    if policy.queue_ttl_hours <= 0:
        yield f"queue_ttl_hours: must be above 0; got {policy.queue_ttl_hours}"
    for field in ("keep_days", "claim_days"):
        days = getattr(policy.guests, field)
        if days <= 0:
            yield f"guests.{field}: must be above 0; got {days:g}"
    yield from _surfaces(policy)


def _surfaces(policy: Conversation) -> Iterator[str]:
    surfaces = policy.surfaces
    for place, name in enumerate(surfaces.keep_current):
        if name in INTERRUPTING:
            yield f"surfaces.keep_current[{place}]: must not interrupt; got {name!r}"
    lists = {"surfaces.data": surfaces.data}
    for place, moment in enumerate(surfaces.moments):
        path = f"surfaces.moments[{place}]"
        yield from _events(f"{path}.event", (moment.event,))
        if moment.surface in INTERRUPTING:
            yield f"{path}.surface: must not interrupt; got {moment.surface!r}"
        lists[f"{path}.data"] = moment.data
    for path, names in lists.items():
        for place, fact in enumerate(names):
            if fact not in FACTS:
                yield f"{path}[{place}]: must be one of {_list(sorted(FACTS))}; got {fact!r}"


def _interrupting(path: str, channels: tuple[str, ...]) -> Iterator[str]:
    for place, name in enumerate(channels):
        if name not in INTERRUPTING:
            allowed = _list(sorted(INTERRUPTING))
            yield f"{path}[{place}]: must be one of {allowed}; got {name!r}"


def _clock(path: str, text: str) -> Iterator[str]:
    try:
        clock_time(text)
    except ValueError:
        yield f'{path}: must be a time of day such as "21:30"; got {text!r}'


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
