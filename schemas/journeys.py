"""What a journey file and the conversation policy may say, as typed frozen structs.

`config/journeys/*.yaml` convert to `Journey`, `config/conversation.yaml` to
`Conversation`. An unknown key is an error. What a type can't say (that a step is
one kind of step, that a channel can carry a message) is checked by
`transforms.decide.check_journeys`.
"""

from typing import Literal

import msgspec

from schemas.decisions import Channel, Purpose


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read from YAML: immutable, by keyword, without unknown keys."""


Wanted = str | int | list[str]
"""What `where` asks of a field: `empty`, `not_empty`, a value, or one of several values."""


class Condition(Config, frozen=True, kw_only=True):
    """Something that happens to a member. Exactly one of the first five fields is given."""

    event: str | tuple[str, ...] | None = None
    """An event of this type, or of one of these."""
    account: Literal["earned", "spent", "changed"] | None = None
    """The member's points changed: by earning, by spending, by anything."""
    tier: Literal["upgraded", "downgraded"] | None = None
    band: str | None = None
    """The churn risk crossed into this band."""
    left_band: str | None = None
    """The churn risk left this band."""
    where: dict[str, Wanted] = {}
    """Fields of the event's payload or context, or of the change, and what they must be."""
    max_age_hours: float | None = None
    """Older news doesn't start a journey; default: 1 for browsing and carts, else any age."""


class Goal(Config, frozen=True, kw_only=True):
    """What the journey is for; met by any of these events that happened since the entry."""

    events: tuple[str, ...] = ()
    joined: bool = False
    """Of guests: met when they become a member, or it turns out that they are one."""


class WaitUntil(Config, frozen=True, kw_only=True):
    """Until a time of day where the member lives, or until one of several events."""

    at: str | None = None
    """HH:MM in the member's time zone; passed at its next occurrence."""
    events: tuple[str, ...] = ()
    within_hours: float | None = None
    """How long to wait for the events; after that the journey is completed."""


class Message(Config, frozen=True, kw_only=True):
    """One message by one of several channels."""

    channels: tuple[Channel, ...]
    """Choices, not copies: the member's preferred channel, else the one that engages best."""
    content: str
    """key@version of the template."""
    data: tuple[str, ...] = ()
    """Names of the facts that the template needs."""
    ttl_hours: float | None = None
    """How long it may be queued in quiet hours; default: the policy's."""
    max_age_hours: float | None = None
    """Not sent if what began the journey happened longer ago than this."""


class Show(Config, frozen=True, kw_only=True):
    """Something on surfaces that don't interrupt; each surface gets its own trigger."""

    surfaces: tuple[Channel, ...]
    content: str
    data: tuple[str, ...] = ()
    expires_hours: float | None = None
    max_age_hours: float | None = None


class Facts(Config, frozen=True, kw_only=True):
    """What is asked of a member in a branch; all that is given must hold."""

    tiers: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    available_min: int | None = None
    preferred_channels: tuple[str, ...] = ()
    enrolled: bool | None = None


class Branch(Config, frozen=True, kw_only=True):
    """Go on at one step or another, always further down; `leave` ends the journey."""

    when: Facts
    then: str
    otherwise: str


class Escalate(Config, frozen=True, kw_only=True):
    """If the journey's last message failed or was ignored, try the next channel."""

    when: tuple[Literal["failed", "ignored"], ...] = ("failed", "ignored")
    """`ignored`: neither opened nor clicked after `after_hours`; `failed` doesn't wait."""
    after_hours: float
    channels: tuple[Channel, ...]
    """In this order, those that the entry hasn't used yet."""
    content: str
    data: tuple[str, ...] = ()
    ttl_hours: float | None = None


class Arm(Config, frozen=True, kw_only=True):
    share: float
    """Of the members, 0 to 1; the shares of all arms add up to 1."""
    then: str


class Experiment(Config, frozen=True, kw_only=True):
    """Splits members by a hash of their id and `experiment`, the same way at every visit."""

    experiment: str
    arms: dict[str, Arm]


class Grant(Config, frozen=True, kw_only=True):
    """An offer for the member: ordered as a command, which accrue answers."""

    offer: str
    valid_hours: float | None = None
    """From this step on; none: as the programme's catalogue says."""


class Step(Config, frozen=True, kw_only=True):
    """One step; exactly one field besides `step` says what kind it is."""

    step: str
    wait_hours: float | None = None
    wait_until: WaitUntil | None = None
    message: Message | None = None
    show: Show | None = None
    branch: Branch | None = None
    escalate: Escalate | None = None
    experiment: Experiment | None = None
    grant: Grant | None = None


STEP_KINDS: tuple[str, ...] = (
    "wait_hours",
    "wait_until",
    "message",
    "show",
    "branch",
    "escalate",
    "experiment",
    "grant",
)


class Journey(Config, frozen=True, kw_only=True):
    """A plan of several steps for one purpose; one YAML file."""

    journey: str
    version: int
    purpose: Purpose
    priority: int
    """0 to 100; of candidates of one purpose at one instant the highest is sent."""
    value: int = 0
    """What reaching the goal is worth, minor units; breaks ties of priority."""
    audience: Literal["members", "guests"] = "members"
    """Whom it is for. Guests are known by an email or a phone and belong to no member."""
    entry: Condition
    goal: Goal | None = None
    """Met: leave, withdraw what is queued or shown."""
    exit: Condition | None = None
    again: Literal["ignore", "restart"] = "ignore"
    """What the entry condition does to a member who is in the journey and waits for its first
    message: nothing, or begin the steps anew within the same entry."""
    reentry_hours: float | None = None
    """Between two entries; 0: at any time, also side by side; none: once in a lifetime."""
    hold_out: float = 0.0
    """Share of members, 0 to 1, who get nothing from it, so that its lift can be measured."""
    steps: tuple[Step, ...]


class Cap(Config, frozen=True, kw_only=True):
    """At most `limit` messages in a rolling or calendar window; empty lists mean any."""

    cap: str
    limit: int
    hours: float | None = None
    """A rolling window of this length."""
    calendar: Literal["day", "week", "month"] | None = None
    """A window of the calendar in the member's time zone; weeks begin on Monday."""
    channels: tuple[Channel, ...] = ()
    purposes: tuple[Purpose, ...] = ()


class QuietHours(Config, frozen=True, kw_only=True):
    """When these channels keep silent, by the clock where the member lives."""

    channels: tuple[Channel, ...]
    purposes: tuple[Purpose, ...] = ()
    from_time: str = msgspec.field(name="from")
    """HH:MM, inclusive."""
    until_time: str = msgspec.field(name="until")
    """HH:MM, exclusive; before `from`: on the next day."""


class Prior(Config, frozen=True, kw_only=True):
    """What the programme knows of a channel before a member was ever asked: Beta(a, b)."""

    engaged: float
    ignored: float


class Moment(Config, frozen=True, kw_only=True):
    """An event at which a surface is shown the member's state."""

    event: str
    surface: Channel
    content: str
    data: tuple[str, ...] = ("tier", "available")
    every_hours: float = 0.0
    """At most once in this time."""


class Surfaces(Config, frozen=True, kw_only=True):
    """Surfaces that show a member's state without being asked by a journey."""

    keep_current: tuple[Channel, ...] = ()
    """Shown each new balance at once."""
    content: str = "balance@1"
    data: tuple[str, ...] = ("available", "pending", "held", "tier", "next_tier", "to_next_tier")
    moments: tuple[Moment, ...] = ()
    in_use_hours: float = 12.0
    """How long a surface shown at a moment is kept current too (a call-centre note: while a
    case is open)."""


class GuestPolicy(Config, frozen=True, kw_only=True):
    """What holds for guests beside everything that holds for members."""

    keep_days: float = 90.0
    """What is known of a guest is forgotten so long after the last news of them. That they said no
    to a channel isn't."""
    claim_days: float = 14.0
    """How long a purchase becomes the member's whom the guest turns out to be, or becomes: as the
    ladder's `waits.purchase` say."""


class Conversation(Config, frozen=True, kw_only=True):
    """One policy for all journeys: how often, when, by which channel."""

    default_time_zone: str
    time_zones: dict[str, str] = {}
    """By market, for members who didn't name theirs."""
    caps: tuple[Cap, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    queue_ttl_hours: float = 24.0
    channel_order: tuple[Channel, ...] = ("push", "email", "sms")
    """Breaks ties between channels; with `choose: order` it is the order itself."""
    choose: Literal["learn", "order"] = "learn"
    priors: dict[Channel, Prior] = {}
    just_bought_days: float = 14.0
    surfaces: Surfaces = Surfaces()
    guests: GuestPolicy = GuestPolicy()
