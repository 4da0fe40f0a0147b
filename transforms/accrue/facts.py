"""Facts: what happened to a member's points, as the fold applies it.

A purchase's lines are not in its fact but in the state's baskets, since returns need them for
longer than the horizon.
"""

from typing import Literal

import msgspec

from schemas.ledger import Account as AccountName
from schemas.ledger import RedemptionCode


class Bit(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of the state."""


class Fact(Bit, kw_only=True, tag_field="f"):
    """Something that happened, at the time that counts for points.

    `at` is `occurred_at` of purchases and returns and `known_at` of commands, and of what became
    known only after the horizon (`late`).
    """

    at: int
    source: str
    event_id: str
    occurred_at: int
    late: bool = False

    @property
    def key(self) -> str:
        return f"{self.source}/{self.event_id}"


class Purchased(Fact, kw_only=True, tag="p"):
    """A sale, or an order. Its lines are in the state's baskets, by the fact's key."""

    receipt_id: str
    other_id: str | None = None
    """The other name of the same purchase: the order that a sale completes."""
    offers: list[str] = []
    """Offers that it used."""
    again: int = 0
    """Tells it from itself, had it been here before and been taken back: its basket and lot are new
    then. Of what is late, when that became known; else how often it is here already."""

    @property
    def basket(self) -> str:
        """Under which its lines are kept."""
        return f"{self.key}\x1e{self.again}" if self.again else self.key


class Named(Fact, kw_only=True, tag="n"):
    """A sale that earns nothing, since its order does: another name of the same purchase."""

    transaction_id: str
    order_id: str


class ReturnedLine(
    Bit, kw_only=True, rename={"line_id": "l", "sku": "s", "quantity": "q", "amount": "a"}
):
    """A line that came back, as far as the return says it; `amount` in minor units."""

    line_id: str
    sku: str
    quantity: int = 0
    amount: int = 0


class OffersNamed(Fact, kw_only=True, tag="k"):
    """Offers that a purchase uses by an event that earns nothing: an order that earns when it is
    collected, a sale in another currency."""

    receipt_id: str
    other_id: str | None = None
    offers: list[str]


class Returned(Fact, kw_only=True, tag="r"):
    """Lines brought back or cancelled; `whole`: all that is left of the receipt.

    `withdrawal`: nothing came back, but the purchase, which can't be refolded, is somebody else's.
    """

    receipt_id: str | None = None
    basket: str | None = None
    """Of a withdrawal: the event that is taken back, if it is on its way from a merged account."""
    lines: list[ReturnedLine] = []
    whole: bool = False
    withdrawal: bool = False


class RedeemAsked(Fact, kw_only=True, tag="d"):
    """A wish to spend points and, once given, its answer, which no later fold changes."""

    redemption_id: str
    reward_id: str | None = None
    points: int = 0
    hold: bool = False
    code: RedemptionCode | None = None


class SettleAsked(Fact, kw_only=True, tag="s"):
    """Capture or release of a hold, by command or (`named`) by the sale that uses it."""

    redemption_id: str
    capture: bool
    named: bool = False
    code: RedemptionCode | None = None


class Acted(Fact, kw_only=True, tag="v"):
    """Something done, other than buying, that a rule or a challenge rewards."""

    on: str
    """The event's type."""
    name: str = ""
    """Which activity, benefit, reward or store."""
    quantity: int = 1
    rules: int
    """Mask of the rules and challenges that it counts for."""


class Profiled(Fact, kw_only=True, tag="b"):
    """What a member says of themselves."""

    birthday: str = ""
    enrolled: bool = False


class Subscribed(Fact, kw_only=True, tag="m"):
    """What became of a paid membership."""

    step: Literal["started", "renewed", "payment_failed", "ended"]
    plan: str
    trial: bool = False


class BenefitUsed(Fact, kw_only=True, tag="u"):
    """A benefit of a paid membership, used; `reference` is what its partner calls the use."""

    benefit: str
    reference: str = ""


class OfferAsked(Fact, kw_only=True, tag="o"):
    """A wish to grant or revoke an offer and, once given, its answer."""

    grant: bool
    offer: str
    expires_at: int | None = None
    reason: str = ""
    code: str | None = None


class Adjusted(Fact, kw_only=True, tag="a"):
    """Points given (above 0) or taken by staff; `note` says why and by whom."""

    points: int
    note: str


class Move(Bit, kw_only=True, rename={"debit": "d", "credit": "c", "points": "p", "lot": "l"}):
    """Points that a correction moves; `lot`: of which lot, if of one."""

    debit: AccountName
    credit: AccountName
    points: int
    lot: str | None = None
    corrects: str | None = None


class LotChange(Bit, kw_only=True):
    """By how much a correction changes a lot, and which dates it gives it."""

    lot: str
    earned_at: int
    available_at: int
    expires_at: int | None = None
    points: int = 0
    remaining: int = 0
    expired: int = 0


class Corrected(Fact, kw_only=True, tag="c"):
    """A correction: how far the account was off when it became known, which no later fold
    changes."""

    note: str
    moves: list[Move] = []
    lots: list[LotChange] = []
    debt: int = 0
    qualifying: int = 0
    kept: str | None = None
    """The tier that the past guarantees from then on; None: as it was."""


class Joining(Fact, kw_only=True, tag="j"):
    """Another member's account was closed, and what was in it is on its way here."""

    loser: str


class TakenOver(Fact, kw_only=True, tag="t"):
    """What was in a closed account has come; its baskets are in the state's."""

    loser: str
    part: str = ""
    """Empty: the account; else a part with further receipts."""
    account: bytes = b""
    """The closed account, encoded; empty: it can't be taken over."""
    codes: dict[str, RedemptionCode] = {}
    """What was answered to requests that waited for it, which no later fold changes."""


AnyFact = (
    Purchased
    | OffersNamed
    | Named
    | Returned
    | Acted
    | Profiled
    | Subscribed
    | BenefitUsed
    | RedeemAsked
    | SettleAsked
    | OfferAsked
    | Adjusted
    | Corrected
    | Joining
    | TakenOver
)
COMMANDS = (RedeemAsked, SettleAsked, OfferAsked, Adjusted, Corrected, Joining, TakenOver)
