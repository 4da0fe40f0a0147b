"""One message or timer being handled for one member: what is known, and what is to be written."""

from typing import Any, NamedTuple

import msgspec

from schemas.decisions import Decision, JourneyEntry, Trigger
from schemas.flow import Output
from transforms.decide.identify import identify
from transforms.decide.journey_plans import Rules
from transforms.decide.member_state import DecideState, Passage

_encode = msgspec.json.Encoder().encode


class Origin(NamedTuple):
    """Who proposes: a step of one passage through a journey, or of what stands for a journey."""

    journey: str
    step: str
    entry_id: str
    purpose: str


class Turn:
    """Collects outputs; `now` is the message's `known_at` or the timer's due time."""

    __slots__ = ("left", "moved", "now", "out", "rules", "state")

    def __init__(self, rules: Rules, state: DecideState, now: int) -> None:
        self.rules = rules
        self.state = state
        self.now = now
        self.out: list[Output] = []
        self.moved: dict[str, Passage] = {}
        """Passages whose row must be written, by entry."""
        self.left: dict[str, str] = {}
        """Why those of them that ended did."""

    @property
    def traceparent(self) -> str | None:
        """Of the event that brings this about at this instant; None: time does, or it has none."""
        cause = self.state.cause
        return cause.traceparent if cause is not None and cause.known_at == self.now else None

    def decide(
        self,
        origin: Origin,
        channel: str,
        outcome: str,
        reason: str,
        inputs: dict[str, Any],
        *,
        trigger_id: str | None = None,
    ) -> None:
        """Write the row of one candidate; `inputs`: the facts it was decided on."""
        member_id, now = self.state.member_id, self.now
        self.out.append(
            Decision(
                decision_id=identify(
                    member_id,
                    origin.journey,
                    origin.entry_id,
                    origin.step,
                    channel,
                    str(now),
                    outcome,
                ),
                member_id=member_id,
                journey=origin.journey,
                step=origin.step,
                channel=channel,
                outcome=outcome,  # type: ignore[arg-type]
                reason=reason,
                inputs=_encode(inputs).decode(),
                decided_at=now,
                entry_id=origin.entry_id,
                trigger_id=trigger_id,
                traceparent=self.traceparent,
            )
        )

    def trigger(
        self,
        origin: Origin,
        channel: str,
        action: str,
        *,
        trigger_id: str,
        content: str,
        data: dict[str, Any],
        consent: str,
        handle: str | None = None,
        expires_at: int | None = None,
    ) -> None:
        """Write what a channel shall do."""
        self.out.append(
            Trigger(
                trigger_id=trigger_id,
                action=action,  # type: ignore[arg-type]
                member_id=self.state.member_id,
                channel=channel,  # type: ignore[arg-type]
                journey=origin.journey,
                step=origin.step,
                purpose=origin.purpose,  # type: ignore[arg-type]
                content=content,
                data=data,
                not_before=self.now,
                expires_at=expires_at,
                consent=consent,
                handle=handle,
                state_version=self.state.version,
                decided_at=self.now,
                entry_id=origin.entry_id,
                market=self.state.market,
                traceparent=self.traceparent,
            )
        )

    def trigger_id(self, origin: Origin, channel: str) -> str:
        """The same for the same member, journey, entry, step and channel, at any instant."""
        return identify(self.state.member_id, origin.journey, origin.entry_id, origin.step, channel)

    def write_entries(self) -> None:
        """The rows of passages that moved; one that goes on at this instant is written then."""
        state = self.state
        for entry_id, passage in self.moved.items():
            because = self.left.get(entry_id)
            if because is None and passage.due <= self.now:
                continue
            state.row_version += 1
            plan = self.rules.plans.get(passage.journey)
            self.out.append(
                JourneyEntry(
                    entry_id=entry_id,
                    member_id=state.member_id,
                    journey=passage.journey,
                    journey_version=plan.journey.version if plan else 0,
                    step=passage.step,
                    state="active" if because is None else "left",
                    entered_at=passage.entered_at,
                    left_at=None if because is None else self.now,
                    left_because=because,
                    version=state.row_version,
                )
            )
