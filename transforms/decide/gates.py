"""Gates that a candidate passes for one channel, in a fixed order; the first shut is the reason.

In: the turn, the candidate, a channel. Out: None (open) or (reason, the fact that shut it). The
order is consent, reachability, suppression, caps; that the journey's goal isn't met is known
before (whoever meets it leaves the journey), and quiet hours come after (they delay and don't
shut). Consent and caps are those of now, also for what was queued.
"""

from bisect import bisect_left
from collections.abc import Callable

from schemas.decisions import INTERRUPTING
from schemas.journeys import Cap
from transforms.decide.candidates import Candidate
from transforms.decide.member_state import HOUR_MS, DecideState
from transforms.decide.quiet_hours import period_start, zone_name, zone_named
from transforms.decide.template_data import worth_promoting
from transforms.decide.turn import Turn

Shut = tuple[str, dict[str, str]] | None
"""A reason and what it was decided on; None: open."""

ADDRESSES: dict[str, tuple[str, ...]] = {
    "push": ("push_token",),
    "email": ("email",),
    "sms": ("phone",),
    "web": ("cookie",),
    "app": ("device_id", "push_token"),
    "wallet": ("device_id", "push_token"),
    "audience": ("email", "phone"),
}
"""Namespaces that reach somebody on a channel; channels that aren't here need no address."""

BASES = {"transactional": "contract", "service": "service"}
"""On what a message rests that nobody opted in to."""


def handle_for(state: DecideState, channel: str) -> str | None:
    """The address for a channel, `namespace:value`; empty: none is needed; None: none is known."""
    namespaces = ADDRESSES.get(channel)
    if namespaces is None:
        return ""
    for namespace in namespaces:
        handle = state.handles.get(namespace)
        if handle is not None and not handle.gone:
            return f"{namespace}:{handle.value}"
    return None


def basis_for(state: DecideState, channel: str, purpose: str) -> str | None:
    """Basis and event of the consent as of now; None: not allowed.

    Marketing that interrupts needs an opt-in. Everything else needs none, and respects an opt-out.
    """
    grant = state.consents.get(f"{channel}/{purpose}")
    if grant is not None:
        return f"opt_in:{grant.event}" if grant.granted else None
    if purpose == "marketing" and channel in INTERRUPTING:
        return None
    return BASES.get(purpose, "own_surface")


def consent(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    key = f"{channel}/{candidate.plan.purpose}"
    if basis_for(turn.state, channel, candidate.plan.purpose) is not None:
        return None
    grant = turn.state.consents.get(key)
    return "no_consent", {"consent": f"opt_out:{grant.event}" if grant else "never_given"}


def reachable(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    if channel == "receipt" and candidate.passage.source != "pos":
        return "unreachable", {"source": candidate.passage.source}
    return None if handle_for(turn.state, channel) is not None else ("unreachable", {})


def recent(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    """What began the journey is news still, and what the message is about is still there."""
    age = turn.now - candidate.passage.began_at
    if candidate.max_age_ms is not None and age > candidate.max_age_ms:
        return "stale", {"age_hours": str(age // HOUR_MS)}
    if "lines" in candidate.data and not (turn.state.cart and turn.state.cart.lines):
        return "stale", {"cart": "empty"}
    return None


def no_open_case(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    """Nobody with an open complaint is advertised to."""
    if candidate.plan.purpose != "marketing" or not turn.state.open_cases:
        return None
    return "open_case", {"open_cases": str(turn.state.open_cases)}


def not_just_bought(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    if "lines" not in candidate.data:
        return None
    days = turn.rules.policy.just_bought_days
    return None if worth_promoting(turn.state, turn.now, days) else ("just_bought", {})


def not_held_out(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    return ("held_out", {}) if candidate.plan.holds_out(turn.state.member_id) else None


def sent_within(turn: Turn, cap: Cap) -> int:
    """How many messages that the cap counts went out in its window."""
    if cap.calendar is None:
        first = turn.now - int((cap.hours or 0) * HOUR_MS) + 1
    else:
        zone = zone_named(zone_name(turn.state, turn.rules.policy))
        assert zone is not None
        first = period_start(cap.calendar, turn.now, zone)
    count = 0
    for key, times in turn.state.counted.items():
        channel, _, purpose = key.partition("/")
        if (not cap.channels or channel in cap.channels) and (
            not cap.purposes or purpose in cap.purposes
        ):
            count += len(times) - bisect_left(times, first)
    return count


def below_caps(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    for cap in turn.rules.caps.get((channel, candidate.plan.purpose), ()):
        count = sent_within(turn, cap)
        if count >= cap.limit:
            return "cap_reached", {"cap": cap.cap, "sent": f"{count}/{cap.limit}"}
    return None


GATES: tuple[Callable[[Turn, Candidate, str], Shut], ...] = (
    consent,
    reachable,
    recent,
    no_open_case,
    not_just_bought,
    not_held_out,
    below_caps,
)


def first_shut(turn: Turn, candidate: Candidate, channel: str) -> Shut:
    """The first gate that is shut for this channel; None: it may go out."""
    for gate in GATES:
        shut = gate(turn, candidate, channel)
        if shut is not None:
            return shut
    return None
