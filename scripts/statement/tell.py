"""Events in words, as a member would recognise them.

In: what the warehouse knows of an event (its type) and, where what the run read is still there,
the event itself. Out: a line such as `Sale of 12.40: latte 5.95, 2 muffin 6.45; store 330, till`.
"""

from collections.abc import Iterable
from typing import Final

from schemas.events import Event
from schemas.payloads import (
    Activity,
    Adjust,
    Benefit,
    Line,
    Membership,
    Offer,
    Order,
    Profile,
    Redeem,
    Return,
    RewardViewed,
    Sale,
    Settle,
    Visit,
)

SHOWN: Final = 4
"""Lines of a receipt that are named."""
TOLD: Final = frozenset(
    "sale order_placed order_collected order_delivered order_cancelled return enrolled "
    "activity_completed membership_started membership_renewed membership_payment_failed "
    "membership_ended benefit_used account_merged redeem capture release adjust grant_offer "
    "revoke_offer upgrade_cleared".split()
)
"""Types that a statement names even if nothing followed from them."""


def plain(type_: str) -> str:
    """A type in words.

    >>> plain("order_placed")
    'Order placed'
    """
    return type_.replace("_", " ").capitalize()


def counted(number: int, what: str) -> str:
    """So many of something.

    >>> counted(1, "point"), counted(2000, "point")
    ('1 point', '2,000 points')
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")


class Teller:
    """Tells events; knows how the programme says money."""

    def __init__(self, minor_units: int) -> None:
        self._minor_units = minor_units

    def money(self, minor: int) -> str:
        """An amount of minor units."""
        digits = len(str(self._minor_units)) - 1
        return f"{minor / self._minor_units:,.{digits}f}"

    def tell(self, type_: str, event: Event | None) -> str:
        """What happened."""
        if event is None:
            return plain(type_)
        said = self._say(event)
        where = [
            f"{name} {value}" if name else value
            for name, value in (
                ("store", event.context.get("store_id", "")),
                ("", event.context.get("touchpoint", "")),
            )
            if value
        ]
        return "; ".join([said, *([", ".join(where)] if where else [])])

    def _say(self, event: Event) -> str:
        payload, type_ = event.payload, event.type
        if isinstance(payload, Sale):
            total = sum(line.amount for line in payload.lines)
            paid = ", ".join(
                f"{tender.method} {self.money(tender.amount)}"
                if len(payload.tenders) > 1
                else tender.method
                for tender in payload.tenders
            )
            said = f"Sale of {self.money(total)}: {self._lines(payload.lines)}"
            return said + (f"; paid by {paid}" if paid and total else "")
        if isinstance(payload, Order):
            total = sum(line.amount for line in payload.lines)
            amount = f", {self.money(total)}: {self._lines(payload.lines)}"
            step = type_.removeprefix("order_").replace("_", " ")
            return f"Order {payload.order_id} {step}" + (amount if payload.lines else "")
        if isinstance(payload, Return):
            return f"Return: {self._lines(payload.lines)}"
        if isinstance(payload, Activity):
            times = f" {payload.quantity:,}" if payload.quantity != 1 else ""
            return f"Activity: {payload.activity}{times}"
        if isinstance(payload, Profile):
            return plain(type_) + (f", birthday {payload.birthday}" if payload.birthday else "")
        if isinstance(payload, Membership):
            return f"{plain(type_)}: {payload.plan}" + (", on trial" if payload.trial else "")
        if isinstance(payload, Benefit):
            reference = f" ({payload.reference})" if payload.reference else ""
            return f"{plain(type_)}: {payload.benefit}{reference}"
        if isinstance(payload, Redeem):
            wanted = payload.reward_id or counted(payload.points or 0, "point")
            return (
                f"Asked {'to hold' if payload.hold else 'for'} {wanted}, as {payload.redemption_id}"
            )
        if isinstance(payload, Settle):
            return f"{plain(type_)} of {payload.redemption_id}"
        if isinstance(payload, Adjust):
            return f"Adjusted by {payload.actor}: {payload.reason}"
        if isinstance(payload, Offer):
            reason = f" ({payload.reason})" if payload.reason else ""
            return f"{plain(type_)}: {payload.offer_id}{reason}"
        if isinstance(payload, RewardViewed):
            return f"{plain(type_)}: {payload.reward_id}"
        if isinstance(payload, Visit):
            return f"{plain(type_)}: {payload.store_id}"
        return plain(type_)

    def _lines(self, lines: Iterable[Line]) -> str:
        told = [
            (f"{line.quantity} " if line.quantity != 1 else "")
            + f"{line.sku} {self.money(line.amount)}"
            for line in lines
        ]
        more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
        return ", ".join(told[:SHOWN] + more)
