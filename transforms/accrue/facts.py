"""Facts: what happened to a member's points, as the fold applies it.

A purchase's lines are not in its fact but in the state's baskets, since returns need them for
longer than the horizon.
"""

import msgspec

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


class ReturnedLine(
    Bit, kw_only=True, rename={"line_id": "l", "sku": "s", "quantity": "q", "amount": "a"}
):
    line_id: str
    sku: str
    quantity: int = 0
    amount: int = 0


class Returned(Fact, kw_only=True, tag="r"):
    """Lines brought back or cancelled; `whole`: all that is left of the receipt.

    `withdrawal`: nothing came back, but the purchase, too old to be refolded, is somebody else's.
    """

    receipt_id: str | None = None
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


class Adjusted(Fact, kw_only=True, tag="a"):
    points: int
    note: str


AnyFact = Purchased | Returned | RedeemAsked | SettleAsked | Adjusted
COMMANDS = (RedeemAsked, SettleAsked, Adjusted)
