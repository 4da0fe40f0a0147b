"""What a journey may say whose audience are guests, beyond what any journey may say.

In: a journey. Out: one line a mistake, with the path of the field.
"""

from collections.abc import Iterator

from schemas.decisions import CHANNELS
from schemas.journeys import Journey
from transforms.decide.conditions import kind_of

GUESTS_REACHED_BY = frozenset({"email", "sms", "receipt", "audience"})
"""Channels that need nothing of a guest but the identifier that they are known by."""


def check_for_guests(journey: Journey) -> Iterator[str]:
    """Guests have no account: only events tell of them, and few channels reach them."""
    conditions = {"entry": journey.entry} | ({"exit": journey.exit} if journey.exit else {})
    for path, condition in conditions.items():
        for kind in kind_of(condition):
            if kind != "event":
                yield f"{path}: must name an event, since guests have no account; got {kind}"
    allowed = ", ".join(sorted(GUESTS_REACHED_BY))
    for place, step in enumerate(journey.steps):
        path = f"steps[{place}]"
        if step.branch is not None:
            yield f"{path}.branch: must be left out, since it asks for what only members have"
        if step.grant is not None:
            yield f"{path}.grant: must be left out, since guests have no account to grant it to"
        for kind, spec in (("message", step.message), ("escalate", step.escalate)):
            for name in spec.channels if spec is not None else ():
                if name in CHANNELS and name not in GUESTS_REACHED_BY:
                    yield f"{path}.{kind}.channels: must reach guests: {allowed}; got {name!r}"
        for name in step.show.surfaces if step.show is not None else ():
            if name in CHANNELS and name not in GUESTS_REACHED_BY:
                yield f"{path}.show.surfaces: must reach guests: {allowed}; got {name!r}"
