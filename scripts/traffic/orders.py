"""Orders of a year with wanted rates: one purchase told twice, and orders that are cancelled.

Click and collect reports a purchase as an order when it is placed and as a sale with the order's
id when it is paid: it earns once. A cancelled order gives back what it earned, whole or by lines.
"""

from random import Random
from typing import Final

import msgspec

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, between
from scripts.traffic.happenings import Diary
from scripts.traffic.returns import CANCELLED, ReturnedLine
from scripts.traffic.till import Receipt

TOLD_TWICE: Final = 0.3
"""Of the duplicates that are wanted; the others are copies."""
ORDERABLE: Final = 0.72
"""Share of the receipts that can have been ordered before."""


def tell_twice(
    rng: Random, diary: Diary, receipts: list[Receipt], start: int, duplicates: float
) -> None:
    """Some receipts were ordered before; now and then the order is known after the sale."""
    for receipt in receipts:
        if receipt.by != "card" or rng.random() >= duplicates * TOLD_TWICE / ORDERABLE:
            continue
        at = receipt.basket.occurred_at - between(rng, HOUR_MS, 3 * DAY_MS)
        if at < max(start, receipt.person.enrolled_at + HOUR_MS):
            continue
        delay = between(rng, 80, 1_500) if rng.random() < 0.9 else between(rng, DAY_MS, 5 * DAY_MS)
        order_id = _order(diary, receipt, at, delay, "pickup")
        receipt.happening.sent.payload["order_id"] = order_id


def cancel(rng: Random, diary: Diary, receipts: list[Receipt], end: int, returns: float) -> None:
    """Some members order the same again, to be sent home, and cancel it, or some of it."""
    for receipt in receipts:
        if receipt.by != "card" or rng.random() >= returns * CANCELLED:
            continue
        at = receipt.basket.occurred_at + between(rng, 5 * MINUTE_MS, DAY_MS)
        cancelled_at = at + between(rng, 5 * MINUTE_MS, 4 * DAY_MS)
        if at < receipt.person.enrolled_at + HOUR_MS or cancelled_at >= end:
            continue
        order_id = _order(diary, receipt, at, between(rng, 80, 1_500), "ship")
        payload: dict[str, object] = {"order_id": order_id}
        if rng.random() < 0.5:
            lines = msgspec.json.decode(receipt.basket.lines, type=list[ReturnedLine])
            payload["lines"] = lines[: max(1, len(lines) // 2)]
        who = receipt.person.member_id
        diary.add(
            "web",
            "order_cancelled",
            cancelled_at,
            between(rng, 80, 1_500),
            {"member_id": who},
            payload,
            who,
        )


def _order(diary: Diary, receipt: Receipt, at: int, delay: int, fulfilment: str) -> str:
    who = receipt.person.member_id
    order = {
        "order_id": diary.name("o"),
        "lines": receipt.basket.lines,
        "currency": "USD",
        "fulfilment": fulfilment,
    }
    diary.add("web", "order_placed", at, delay, {"member_id": who}, order, who)
    return str(order["order_id"])
