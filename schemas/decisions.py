"""What decide writes: journeys, decisions, triggers, deliveries, and each member's state."""

from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from msgspec import Meta

from schemas.flow import Row

Channel = Literal[
    "push",
    "email",
    "sms",
    "web",
    "app",
    "pos",
    "receipt",
    "display",
    "wallet",
    "service",
    "audience",
]
CHANNELS: tuple[str, ...] = get_args(Channel)
INTERRUPTING: frozenset[str] = frozenset({"push", "email", "sms"})
"""Channels that interrupt people: consent, caps and quiet hours apply. The others are surfaces."""

Purpose = Literal["transactional", "service", "marketing"]

DecisionReason = Literal[
    "ok",
    "no_consent",
    "unreachable",
    "stale",
    "open_case",
    "just_bought",
    "held_out",
    "cap_reached",
    "quiet_hours",
    "quiet_hours_expired",
    "lower_priority",
    "other_channel",
    "already_sent",
    "goal_met",
    "exited",
    "answered",
    "retracted",
    "joined",
    "merged",
    "erased",
]
"""Why a candidate ended as it did, the first that applies in this order.

`ok` sent or shown · `no_consent` for this channel and purpose · `unreachable` no address known ·
`stale` what began it happened too long ago · `open_case` a complaint is open · `just_bought`
nothing is left to promote · `held_out` in the control group · `cap_reached` · `quiet_hours`
queued until they end · `quiet_hours_expired` they end after its time-to-live · `lower_priority`
another message of the purpose went out at that instant · `other_channel` the step was served by
another of its channels · `already_sent` the event had begun this journey before · `goal_met` and
`exited` withdrawn since the member left the journey · `answered` an escalation withdrawn since the
message before it was opened meanwhile · `retracted` withdrawn since what began it is somebody
else's after all · `joined` the guest is a member now · `merged` the account goes on in another ·
`erased` they asked to be forgotten.
"""
DECISION_REASONS: Final[tuple[str, ...]] = get_args(DecisionReason)

LeftBecause = Literal[
    "goal_met",
    "exit",
    "completed",
    "crowded_out",
    "retired",
    "retracted",
    "joined",
    "merged",
    "erased",
]
"""`crowded_out`: more journeys at a time than a member may be in; `retired`: the journey or its
step is no longer in the config; `retracted`: what began it is somebody else's after all; `joined`:
a guest became a member, which wasn't what the journey was for; `merged`, `erased`: the account."""
LEFT_BECAUSE: Final[tuple[str, ...]] = get_args(LeftBecause)


class Trigger(Row, frozen=True, kw_only=True):
    """What a channel system acts on. The same `trigger_id` is the same message: apply it once."""

    table: ClassVar[str] = "triggers"
    trigger_id: Annotated[str, Meta(description="hash of member, journey, entry, step, channel")]
    action: Annotated[
        Literal["send", "withdraw", "show", "hide"], Meta(description="what the channel shall do")
    ]
    member_id: Annotated[
        str, Meta(description="for whom; of a guest: guest: and the identifier they are known by")
    ]
    channel: Annotated[Channel, Meta(description="where")]
    journey: Annotated[str, Meta(description="the journey that proposed it")]
    step: Annotated[str, Meta(description="its step")]
    purpose: Annotated[Purpose, Meta(description="transactional, service or marketing")]
    content: Annotated[str, Meta(description="key@version of the template")]
    data: Annotated[dict[str, Any], Meta(description="what the template needs")]
    not_before: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    expires_at: Annotated[int | None, Meta(description="ms UTC", extra={"ms": True})]
    consent: Annotated[str, Meta(description="the basis and the event that gave it")]
    handle: Annotated[str | None, Meta(description="which pseudonymous address, namespace:value")]
    state_version: Annotated[int, Meta(description="of the member's state that it shows")]
    decided_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    entry_id: Annotated[str, Meta(description="the passage through the journey it belongs to")] = ""
    market: Annotated[str, Meta(description="the member's country or brand")] = ""
    traceparent: Annotated[
        str | None, Meta(description="W3C trace context of the event behind it; null: none")
    ] = None


class Decision(Row, frozen=True, kw_only=True):
    """The audited outcome for a candidate: what was sent, and why anything was not."""

    table: ClassVar[str] = "decisions"
    decision_id: Annotated[str, Meta(description="deterministic: of candidate and instant")]
    member_id: Annotated[str, Meta(description="about whom; of a guest: guest: and the identifier")]
    journey: Annotated[str, Meta(description="the journey that proposed it")]
    step: Annotated[str, Meta(description="its step")]
    channel: Annotated[
        str, Meta(description="the channel concerned; empty: the journey wasn't entered")
    ]
    outcome: Annotated[
        Literal["sent", "shown", "queued", "withdrawn", "suppressed"],
        Meta(description="what became of the candidate"),
    ]
    reason: Annotated[str, Meta(description="why; ok if it went out")]
    inputs: Annotated[str, Meta(description="the facts it was decided on, as JSON")]
    decided_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    entry_id: Annotated[str, Meta(description="the passage through the journey it belongs to")] = ""
    trigger_id: Annotated[
        str | None, Meta(description="the trigger that it let out; null: nothing went out")
    ] = None
    traceparent: Annotated[
        str | None, Meta(description="W3C trace context of the event behind it; null: none")
    ] = None


class JourneyEntry(Row, frozen=True, kw_only=True):
    """One passage of a member through a journey."""

    table: ClassVar[str] = "journeys"
    keys: ClassVar[tuple[str, ...]] = ("entry_id",)
    entry_id: Annotated[
        str, Meta(description="hash of member, journey and the event that began it")
    ]
    member_id: Annotated[str, Meta(description="who; of a guest: guest: and the identifier")]
    journey: Annotated[str, Meta(description="which")]
    journey_version: Annotated[int, Meta(description="of its file")]
    step: Annotated[str, Meta(description="where it stands or stood last")]
    state: Annotated[Literal["active", "left"], Meta(description="still in it or not")]
    entered_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    left_at: Annotated[int | None, Meta(description="ms UTC", extra={"ms": True})]
    left_because: Annotated[
        str | None,
        Meta(
            description="goal_met, exit, completed, crowded_out, retired, retracted, joined, "
            "merged or erased; null while active"
        ),
    ]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class Delivery(Row, frozen=True, kw_only=True):
    """What a channel system reported about a trigger."""

    table: ClassVar[str] = "deliveries"
    trigger_id: Annotated[str, Meta(description="which trigger")]
    member_id: Annotated[str, Meta(description="for whom; of a guest: guest: and the identifier")]
    channel: Annotated[str, Meta(description="where")]
    state: Annotated[
        str, Meta(description="delivered, failed, shown, opened, clicked, dismissed, unsubscribed")
    ]
    reason: Annotated[str, Meta(description="what the channel said")]
    at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]


class Member(Row, frozen=True, kw_only=True):
    """A member as every surface shows them: points, tier, risk and when they were last seen."""

    table: ClassVar[str] = "members"
    keys: ClassVar[tuple[str, ...]] = ("member_id",)
    member_id: Annotated[str, Meta(description="who")]
    market: Annotated[str, Meta(description="country or brand")]
    tier: Annotated[str, Meta(description="now")]
    available: Annotated[int, Meta(description="points that can be spent; negative: a debt")]
    pending: Annotated[int, Meta(description="points that become available later")]
    held: Annotated[int, Meta(description="points reserved for redemptions")]
    qualifying: Annotated[int, Meta(description="what counts for the tier in this period")]
    risk: Annotated[float, Meta(description="1 − P(alive) with engagement, 0 to 1")]
    risk_band: Annotated[str, Meta(description="the band of risk")]
    p_alive: Annotated[float, Meta(description="MBG/NBD probability of being active")]
    expected_value: Annotated[int, Meta(description="spend expected in the horizon, minor units")]
    segment: Annotated[str, Meta(description="recency, frequency, money")]
    preferred_channel: Annotated[str | None, Meta(description="as the member chose")]
    time_zone: Annotated[str | None, Meta(description="as the member or market says")]
    open_cases: Annotated[int, Meta(description="support cases open now")]
    last_seen_at: Annotated[int, Meta(description="last event, ms UTC", extra={"ms": True})]
    enrolled_at: Annotated[int | None, Meta(description="ms UTC", extra={"ms": True})]
    version: Annotated[int, Meta(description="state_version: grows with each change")]
    closed: Annotated[
        Literal["merged", "erased"] | None,
        Meta(description="why the account isn't a person's any more; null: it is"),
    ] = None
    merged_into: Annotated[
        str | None, Meta(description="the member who goes on, if it was merged; null: it wasn't")
    ] = None
