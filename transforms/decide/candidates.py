"""A message or something to show that a step of a journey proposes."""

from collections.abc import Sequence

from schemas.journeys import Escalate, Message, Show
from transforms.decide.journey_plans import Plan
from transforms.decide.member_state import HOUR_MS, Passage
from transforms.decide.turn import Origin


class Candidate:
    """What is proposed at one instant, and the verdict on each of its channels."""

    __slots__ = (
        "channels",
        "chosen",
        "content",
        "data",
        "fixed_order",
        "max_age_ms",
        "order",
        "origin",
        "passage",
        "plan",
        "ttl_hours",
        "verdicts",
    )

    def __init__(
        self,
        plan: Plan,
        passage: Passage,
        spec: Message | Show | Escalate,
        channels: Sequence[str],
    ) -> None:
        self.plan = plan
        self.passage = passage
        self.origin = Origin(plan.name, passage.step, passage.entry_id, plan.purpose)
        self.channels = channels
        self.content = spec.content
        self.data = spec.data
        self.fixed_order = isinstance(spec, Escalate)
        """Whether the channels are tried as listed, not by what the member answers to."""
        self.ttl_hours = None if isinstance(spec, Show) else spec.ttl_hours
        hours = None if isinstance(spec, Escalate) else spec.max_age_hours
        self.max_age_ms = None if hours is None else int(hours * HOUR_MS)
        self.order: list[str] = []
        """The channels, the one to try first in front."""
        self.chosen: str | None = None
        self.verdicts: dict[str, tuple[str, dict[str, str]]] = {}
        """Of each channel that wasn't chosen: the reason, and what it was decided on."""
