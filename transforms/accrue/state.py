"""What accrue remembers of a member.

An `Account` is the result of a fold; the state holds two: `base`, folded up to before the horizon
and kept as bytes, and `current`. Between them lie the facts of the horizon. Everything is bounded:
facts by the horizon (and `facts_max`), baskets, receipts, parked returns and answers by the time
in which returns are accepted, lots by their expiry or, where points never expire, by being open.
Field names are shortened in the encoding, since they are repeated for each line of a basket.
"""

from typing import Literal

import msgspec

from schemas.ledger import RedemptionCode
from transforms.accrue.facts import AnyFact, Bit, SettleAsked
from transforms.accrue.privileges import (
    Access,
    BenefitUse,
    GrantedOffer,
    PaidMembership,
    Progress,
    Used,
)
from transforms.accrue.receipts import Basket, EarlyName, Parked, Receipt


class OpenLot(
    Bit,
    kw_only=True,
    rename={
        "earned_at": "t",
        "available_at": "v",
        "expires_at": "e",
        "points": "p",
        "remaining": "r",
        "held": "h",
        "expired": "x",
        "first": "f",
    },
):
    """Points earned together."""

    earned_at: int
    available_at: int
    expires_at: int | None = None
    points: int
    """Earned, less what was reversed."""
    remaining: int
    """Not redeemed, expired or reversed; held points are among them."""
    held: int = 0
    expired: int = 0
    first: str
    """What its first entry was posted for: kind, rule and line (`book.entry_id`); of a lot that a
    correction opened, the cause behind them."""

    @property
    def free(self) -> int:
        return self.remaining - self.held


class Answered(Bit, kw_only=True):
    """A redemption and where it stands."""

    reward_id: str | None = None
    points: int
    status: Literal["held", "captured", "released", "refused"]
    code: RedemptionCode = "ok"
    requested_at: int
    allocation: dict[str, int] = {}
    """Points by lot, while held; under "": held without backing (see `Account.unbacked`)."""
    captured_by: str | None = None
    elsewhere: bool = False
    """It ended in an account that was closed, and its row stays there."""


class Account(Bit, kw_only=True):
    """A member's points as folded so far."""

    balances: dict[str, int] = {}
    """By account, of all that was ever posted: they sum to zero."""
    lots: dict[str, OpenLot] = {}
    pending: dict[str, int] = {}
    """When each pending lot becomes available."""
    expiring: dict[int, int] = {}
    """Free points by the time at which they expire."""
    holds: dict[str, int] = {}
    """When each open hold times out."""
    debt: int = 0
    """Points spent that were taken back afterwards: the next points to become available pay it."""
    unbacked: int = 0
    """Held for accepted redemptions without a lot behind them: backed before anything else is."""
    receipts: dict[str, Receipt] = {}
    other_names: dict[str, str] = {}
    """Receipt by another name of the same purchase (order and sale)."""
    early_names: dict[str, EarlyName] = {}
    """Names of orders that are still to come."""
    parked: list[Parked] = []
    redemptions: dict[str, Answered] = {}
    tier: str = ""
    kept: str = ""
    """The tier that the past guarantees; the tier is the better of it and what is qualified for."""
    qualifying: int = 0
    period_start: int = 0
    period_end: int = 0
    grace_ends: int = 0
    lapses_to: str = ""
    """The tier kept after the grace."""
    brought: int = 0
    """Of the qualifying amount: what the period before carried over."""
    tier_since: int = 0
    """When the tier was risen to, of a rolling window."""
    counts_from: int = 0
    """When something counted first, of years from an anniversary."""
    counting: str = ""
    """How the qualifying amount is counted (`Prepared.counting`); empty: as the first version
    says."""
    fired_at: int = 0
    """Due time of the last timer that fired."""
    joining: dict[str, int] = {}
    """Until when to wait for what was in a merged member's account."""
    taken: dict[str, int] = {}
    """When each part of a merged member's account was taken over."""
    asked: list[SettleAsked] = []
    """Settlements of holds that may be on their way."""
    timetable: dict[str, int] = {}
    """When what falls due by itself does so, besides the timers of points; by kind and name."""
    enrolled_at: int = 0
    birthday: str = ""
    """Month-day."""
    birthday_from: int = 0
    """The year from which on conditions ask for it: the next one, if it was changed."""
    given: dict[str, int] = {}
    """The year in which each gift was given last."""
    purchases: int = 0
    """Ever, returned ones included; those of nothing but excluded lines aside."""
    used: dict[str, Used] = {}
    """What was earned under caps, by cap."""
    counted: dict[int, int] = {}
    """Of a rolling tier window: the qualifying amount by the first instant of its day."""
    offers: dict[str, GrantedOffer] = {}
    challenges: dict[str, Progress] = {}
    """By name and beginning, `name@since`: the period that is on, and those that a return or a late
    event can still change."""
    membership: PaidMembership | None = None
    ended: dict[str, PaidMembership] = {}
    """Memberships before that one, by their beginning."""
    uses: dict[str, BenefitUse] = {}
    """By event, source/event_id."""
    access: dict[str, Access] = {}


class Posted(Bit, kw_only=True):
    """An entry that stands for a movement which a rebooking touched."""

    entry_id: str
    points: int
    at: int


class AccrueState(msgspec.Struct, kw_only=True):
    """All that accrue knows of a member."""

    member_id: str = ""
    programme: str = ""
    enrolled_at: int | None = None
    version: int = 0
    """Counts changes; the version of every row."""
    timer: int | None = None
    base: bytes = b""
    """The account before the facts, encoded; empty: nothing before them."""
    base_to: int = 0
    """Everything before this instant is in the base."""
    facts: list[AnyFact] = []
    baskets: dict[str, Basket] = {}
    changed_at: int = 0
    """When anything last changed the account, ms UTC."""
    rules: str = ""
    """Under which rules the facts were folded (`Plan.rules_at`)."""
    rebooked: dict[str, list[Posted]] = {}
    """Movements that rebookings touched, by their first entry's id, and what stands for them."""
    current: Account = msgspec.field(default_factory=Account)
    merged_into: str = ""
    """The survivor, once the account is closed; nothing else is remembered then."""


encode_account = msgspec.msgpack.Encoder().encode
decode_account = msgspec.msgpack.Decoder(Account).decode
