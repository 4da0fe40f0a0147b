"""An event on its way through the operators: messages, their total order, and outputs.

A `Message` is what an operator is given. Operators answer with outputs: a `Row`
(for the warehouse and the files), a `Send` (for another key further down) or a
`Signal` (for the next operator, same key).
"""

from typing import ClassVar

import msgspec

from schemas.events import Event
from schemas.member_view import MemberView

Place = tuple[int, int, str, str, int, int, str, int, str, int]
"""The total order of messages: known_at, occurred_at, source, event_id, 0 for a retraction
and 1 for an insertion, rung, emitting key, ordinal, partition, offset."""


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of a warehouse table. `keys` empty: append-only; else the newest `version` wins.

    Each field's description (`Annotated[..., Meta(description=...)]`) becomes the comment
    of its column; the class docstring becomes the comment of its table.
    """

    table: ClassVar[str]
    keys: ClassVar[tuple[str, ...]] = ()


class Body(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind"):
    """What a message carries."""


class Climb(Body, frozen=True, kw_only=True, tag="climb"):
    """An event climbing the ladder of identifiers, see `transforms.stitch`."""

    event: Event
    visit: str
    """The key that is visited now: an identifier, `"receipt:…"` or `"event:…"`."""
    rest: tuple[str, ...] = ()
    """Identifiers still to visit, weakest first; the last one is the strongest."""
    as_of: int
    """The instant at which owners are looked up, ms UTC: `occurred_at`, for a return its sale's."""
    reason: str = ""
    """How the owner was found so far: member_id, link, receipt, released."""
    rung: str = ""
    """The rung at which the strongest identifier of the event found its owner."""
    climbing: bool = False
    """Its own identifiers are behind it: `visit` and `rest` are owners found on the way."""
    ambiguous: bool = False
    """An identifier on the way had several owners and one of them led nowhere."""
    branch: str = ""
    """Where an identifier has several owners on one rung, the climb goes on to each of them: a
    digit for each time that it branched. They must meet at one person."""
    parts: int = 1
    """This branch is one of so many equal parts of the climb."""
    side: bool = False
    """Only leaves its mark on the visited key and goes no further."""
    met: tuple[str, ...] = ()
    """Owners of weaker identifiers met on the way: a conflict if the end differs."""
    reach: str = ""
    """The strongest identifier on the way by which a guest could be written to."""
    survivor: str = ""
    """On `account_merged`: the member id in which the visited one goes on. Of a branch that reached
    its member: whose it is now, whatever the name under which branches meet."""
    retract: bool = False
    """The same climb came here before, and is taken back."""

    @property
    def event_key(self) -> str:
        """Of the event and the branch, unique within a key's state."""
        return f"{self.event.source}/{self.event.event_id}#{self.branch}"

    @property
    def answers(self) -> bool:
        """Of an event's branches one writes the answer, if there is none but nobody."""
        return not self.branch.strip("0")


class Attributed(Body, frozen=True, kw_only=True, tag="attributed"):
    """An event and the member whom it belongs to: what accrue, score and decide see."""

    event: Event
    member_id: str
    reason: str
    rung: str
    retract: bool = False
    """The event was attributed to this member before, and no longer is."""
    survivor: str = ""
    """On `account_merged`: the member who goes on. Equal to `member_id`: others join this one;
    different: this account is closed and what is in it goes there."""


class GuestActed(Body, frozen=True, kw_only=True, tag="guest_acted"):
    """Somebody did something who is no member and can be reached: what decide sees of guests.

    The same event may become a member's later, when its identifier is linked.
    """

    retract: ClassVar[bool] = False
    event: Event
    guest_id: str
    """`"guest:"` and the identifier that reaches them; the key, too."""


class GuestJoined(Body, frozen=True, kw_only=True, tag="guest_joined"):
    """A guest's identifier has an owner now, by the event: the guest is nobody of their own."""

    retract: ClassVar[bool] = False
    event: Event
    guest_id: str
    owner: str
    """The stronger identifier, namespace:value."""


class Signal(Body, frozen=True, kw_only=True):
    """What an operator tells the next ones about the same member."""


class AccountChanged(Signal, frozen=True, kw_only=True, omit_defaults=True, tag="account_changed"):
    """A member's points after something happened to them: the one balance of every surface."""

    member_id: str
    programme: str
    available: int
    pending: int
    held: int
    qualifying: int
    tier: str
    next_tier: str | None = None
    to_next_tier: int = 0
    next_expiry_at: int | None = None
    next_expiry_points: int = 0
    enrolled_at: int | None = None
    cause: str
    """What happened: an event type, or a timer: activate, expire, hold_expired, tier_review,
    offer_expired, membership_grace, membership_ended, birthday, anniversary,
    challenge_over, streak_broken."""
    event_id: str | None = None
    source: str | None = None
    earned: int = 0
    """Points that this cause earned (pending or available); negative: reversed."""
    spent: int = 0
    """Points that this cause redeemed."""
    reference: str | None = None
    """The transaction, order or redemption concerned."""
    merged_into: str | None = None
    """The member who has this account's points from now on; the account is closed."""
    view: MemberView | None = None
    """What there is besides points; None: the account is closed, or nobody asks for it."""


class TierChanged(Signal, frozen=True, kw_only=True, tag="tier_changed"):
    member_id: str
    tier: str
    from_tier: str
    reason: str
    upgrade: bool


class ScoreChanged(Signal, frozen=True, kw_only=True, tag="score_changed"):
    """A member's churn risk and value were computed anew; `band_changed`: a band was crossed."""

    member_id: str
    p_alive: float
    risk: float
    band: str
    from_band: str
    band_changed: bool
    expected_value: int
    segment: str
    why: str


AnyBody = (
    Climb | Attributed | GuestActed | GuestJoined | AccountChanged | TierChanged | ScoreChanged
)


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a key is given, at its place in the total order."""

    order: Place
    key: str
    body: AnyBody

    @property
    def known_at(self) -> int:
        return self.order[0]


class Send(msgspec.Struct, frozen=True, gc=False):
    """An output for another key further down: `step` is a rung of the ladder, or "accrue"."""

    step: str
    key: str
    body: Climb | Attributed | GuestActed | GuestJoined


Output = Row | Send | Signal
