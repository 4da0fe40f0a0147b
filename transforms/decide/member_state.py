"""The state of one member in decide, bounded in each of its parts.

Every collection names its horizon or its length; what is older has no influence on anything.
"""

from typing import Literal

import msgspec

from schemas.flow import AccountChanged, ScoreChanged
from schemas.member_state import Action
from schemas.payloads import Line
from transforms.decide.guest_state import GuestState

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

BOUGHT_MAX = 50
"""Items remembered as just bought, the newest."""
CASES_MAX = 20
CART_LINES_MAX = 20
AWAITED_DAYS = 7
"""How long feedback on a message is waited for."""
AWAITED_MAX = 12
COUNTED_DAYS = 32
"""How long a send counts towards caps: the longest month, wherever the member lives."""
PASSAGES_MAX = 12
"""Journeys, and entries of one journey, that a member can be in at a time."""
ACTIONS_MAX = 10
"""What a member did, the newest."""
INTERESTS_MAX = 12
"""Categories whose weight is kept."""
BEGUN_MAX = 32
"""Entries remembered so that the same event doesn't begin a journey twice."""


class Handle(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An address of the member in one namespace; `gone`: signed out of it."""

    value: str
    at: int
    gone: bool = False
    once: bool = False
    """One event alone has proved it so far."""


class Grant(msgspec.Struct, kw_only=True):
    """The latest answer to: may we use this channel for this purpose?"""

    granted: bool
    at: int
    event: str


class SupportCase(msgspec.Struct, kw_only=True):
    is_open: bool
    at: int


class OpenCart(msgspec.Struct, kw_only=True):
    cart_id: str
    at: int
    lines: list[Line] = []


class Cause(msgspec.Struct, kw_only=True):
    """The last event: the signals that follow it at the same instant are about it."""

    event: str
    event_id: str
    source: str
    occurred_at: int
    known_at: int
    traceparent: str | None = None
    """The trace that the event belongs to."""


class Awaited(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message that went out and what its channel has said of it so far."""

    trigger_id: str
    journey: str
    entry_id: str
    step: str
    channel: str
    purpose: str
    content: str
    at: int
    told: list[str] = []
    withdrawn: bool = False
    """Its channel was told to take it back."""

    @property
    def engaged(self) -> bool:
        return "opened" in self.told or "clicked" in self.told

    @property
    def failed(self) -> bool:
        return "failed" in self.told


class Shown(msgspec.Struct, kw_only=True):
    """Something on a surface that disappears when the journey's goal is met."""

    trigger_id: str
    step: str
    channel: str
    content: str


class Standing(msgspec.Struct, kw_only=True):
    """Something that a surface was shown and that no journey takes back any more."""

    journey: str
    step: str
    entry_id: str
    content: str


class Ended(msgspec.Struct, kw_only=True):
    """Why the conversation is over for good, and since when; `into`: who goes on, if somebody."""

    because: Literal["merged", "erased", "joined"]
    at: int
    into: str = ""


class Passage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A member in a journey: where it stands and when it goes on."""

    journey: str
    entry_id: str
    step: str
    entered_at: int
    began_at: int
    """When what began it happened."""
    source: str
    """The stream of the event that began it; empty: time alone."""
    due: int
    context: dict[str, str | int] = {}
    """What the beginning said: points earned, the tier before, the receipt."""
    attempted: bool = False
    """A message of it was tried: the entry condition no longer restarts it."""
    queued: str | None = None
    """The channel on which the message of this step waits for quiet hours to end."""
    expires_at: int | None = None
    """Until when it may wait; None: not tried yet."""
    last_sent: str | None = None
    """The trigger that an escalation asks about."""
    used: list[str] = []
    """Channels by which this entry was answered."""
    shown: list[Shown] = []
    began_by: str = ""
    """The event that began it, source/event_id, of a journey that grants offers."""


class Weight(msgspec.Struct, kw_only=True):
    """How much a member cares for a category, and when they showed it last."""

    log: float
    """Base 2, and higher the later: see `attention`."""
    at: int


class Told(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept of a member only to tell their state on a topic, and what was told last."""

    revision: int = 0
    content: int = 0
    """A hash of what was told last: the same isn't told twice."""
    at: int = 0
    """When that was."""
    due: int | None = None
    """When what has changed since is told."""
    actions: list[Action] = []
    """Newest first."""
    interests: dict[str, Weight] = {}
    """By category."""


class DecideState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that decide remembers of one member."""

    member_id: str
    version: int = 0
    row_version: int = 0
    """Grows with each row in `journeys`."""
    refreshes: int = 0
    """How often surfaces were brought up to date."""
    market: str = ""
    time_zone: str | None = None
    locale: str | None = None
    preferred_channel: str | None = None
    enrolled_at: int | None = None
    profile_at: int = 0
    last_seen_at: int = 0
    consents: dict[str, Grant] = {}
    """By `channel/purpose`."""
    handles: dict[str, Handle] = {}
    """By namespace."""
    account: AccountChanged | None = None
    score: ScoreChanged | None = None
    cases: dict[str, SupportCase] = {}
    cart: OpenCart | None = None
    bought: dict[str, int] = {}
    """When each item was bought, oldest first."""
    cause: Cause | None = None
    passages: list[Passage] = []
    entered: dict[str, int] = {}
    """When each journey was entered last."""
    begun: list[int] = []
    awaited: list[Awaited] = []
    counted: dict[str, list[int]] = {}
    """When messages that caps count were sent, by `channel/purpose`, oldest first."""
    tries: dict[str, int] = {}
    """Messages delivered or under way, by channel."""
    wins: dict[str, int] = {}
    """Of those, opened or clicked."""
    displayed: dict[str, str] = {}
    """What each surface shows now."""
    moments: dict[str, int] = {}
    """When a surface was last shown something at a moment, by surface."""
    told: Told | None = None
    """None: nobody is told."""
    standing: dict[str, Standing] = {}
    """Of each surface, something that still counts there once what came after it is taken back."""
    goals: dict[str, int] = {}
    """By journey, which event met its goal last, as a mark."""
    guest: GuestState | None = None
    """None: a member."""
    ended: Ended | None = None
    silent_before: int = 0
    """Whoever was erased begins anew: of what happened before this, nothing is remembered."""

    @property
    def open_cases(self) -> int:
        return sum(case.is_open for case in self.cases.values()) if self.cases else 0
