"""Returns: whole or partial, with the card or not, before the sale's upload, of unseen sales.

With a wanted share of returns some also come without the receipt, by the product alone, and some
after others of the same receipt, of lines that came back before.

A return never carries more than its sale did when the sale itself can't be attributed: it
must not give away after the fact whose purchase that was. Receipts from before a late
enrolment are not returned.
"""

from random import Random
from typing import Final

import msgspec

from scripts.traffic.chance import DAY_MS, HOUR_MS, SECOND_MS, between, pick, token
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Person
from scripts.traffic.till import Receipt

RETURNED: Final = 0.0155
BEFORE_UPLOAD: Final = 0.3
UNSEEN: Final = 0.0006
DAYS_MAX: Final = 40
WITHOUT_RECEIPT: Final = 0.1
AGAIN: Final = 0.12
"""With a wanted share: of the returns, those that name no receipt, and those that a second one of
the same receipt follows."""
CANCELLED: Final = 0.05
"""With a wanted share: of the returns, those that are cancelled orders."""
LOST: Final = 0.02
"""Of the returns that are wanted, those that come to nothing: after the simulated time, or of
receipts from before the enrolment."""


class ReturnedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    line_id: str
    sku: str
    category: str = ""
    quantity: int = 1
    amount: int
    discount: int = 0


def bring_back(
    rng: Random, diary: Diary, receipts: list[Receipt], end: int, wanted: float | None = None
) -> None:
    """Some of a family's receipts come back, and some that no till ever uploaded. `wanted`: the
    share of returns."""
    for receipt in receipts:
        sale, basket = receipt.happening.sent, receipt.basket
        if basket.occurred_at < receipt.person.enrolled_at:
            continue
        if wanted is not None:
            _bring_back_wanted(rng, diary, receipt, end, wanted)
        elif receipt.late and sale.received_at - basket.occurred_at > 8 * HOUR_MS:
            if rng.random() < BEFORE_UPLOAD:
                at = between(rng, basket.occurred_at + HOUR_MS, sale.received_at - HOUR_MS)
                _return(rng, diary, receipt, at)
        elif not receipt.late and rng.random() < RETURNED:
            wait = int(2 * HOUR_MS * (DAYS_MAX * 12) ** rng.random())
            if basket.occurred_at + wait < end:
                _return(rng, diary, receipt, basket.occurred_at + wait)
        if receipt.by == "card" and rng.random() < UNSEEN:
            _unseen(rng, diary, receipt, end)


def _bring_back_wanted(
    rng: Random, diary: Diary, receipt: Receipt, end: int, wanted: float
) -> None:
    """One return or two of the same receipt, some of them before its upload."""
    share = wanted * (1 - CANCELLED) - UNSEEN
    if rng.random() >= share / (1 + AGAIN) / (1 - LOST):
        return
    bought_at, known_at = receipt.basket.occurred_at, receipt.happening.sent.received_at
    if receipt.late and known_at - bought_at > 8 * HOUR_MS and rng.random() < 0.5:
        at = between(rng, bought_at + HOUR_MS, known_at - HOUR_MS)
    else:
        at = bought_at + int(2 * HOUR_MS * (DAYS_MAX * 12) ** rng.random())
    by_product = receipt.by == "card" and rng.random() < WITHOUT_RECEIPT
    again = rng.random() < AGAIN
    if at < end:
        _return(rng, diary, receipt, at, named=not by_product)
    at += between(rng, HOUR_MS, 20 * DAY_MS)
    if again and at < end:
        _return(rng, diary, receipt, at)


def _return(rng: Random, diary: Diary, receipt: Receipt, at: int, named: bool = True) -> None:
    """`named`: by its receipt."""
    lines = _some_lines(rng, receipt)
    if not lines:
        return
    payload: dict[str, object] = {"return_id": diary.name("r"), "lines": lines}
    if named:
        identifiers = _identifiers(rng, receipt)
        payload["transaction_id"] = receipt.basket.transaction_id
    else:
        identifiers = {"card": receipt.person.card}
    _send(rng, diary, receipt, at, identifiers, payload)


def _identifiers(rng: Random, receipt: Receipt) -> dict[str, str]:
    """What the person shows, besides the receipt."""
    person: Person = receipt.person
    used = receipt.happening.sent.identifiers.get("payment_token")
    draw = rng.random()
    if receipt.by == "card":
        if draw < 0.4:
            return {"card": person.card}
        if draw < 0.7 and used is not None and used in person.tokens:
            return {"payment_token": used}
        return {}
    if receipt.by in ("payment_token", "unknown_token") and used is not None and draw < 0.6:
        return {"payment_token": used}
    return {}


def _some_lines(rng: Random, receipt: Receipt) -> list[ReturnedLine]:
    """One to three lines; of countable ones sometimes only a part. Amounts are rounded."""
    bought = msgspec.json.decode(receipt.basket.lines, type=list[ReturnedLine])
    bought = [line for line in bought if line.amount > 0 and line.quantity > 0]
    rng.shuffle(bought)
    lines = []
    for line in sorted(bought[: pick(rng, (1, 1, 1, 2, 2, 3))], key=lambda line: int(line.line_id)):
        part = line.quantity
        if 1 < line.quantity <= 20 and rng.random() < 0.6:
            part = between(rng, 1, line.quantity)
        lines.append(
            ReturnedLine(
                line_id=line.line_id,
                sku=line.sku,
                category=line.category,
                quantity=part,
                amount=line.amount * part // line.quantity,
                discount=line.discount * part // line.quantity,
            )
        )
    return lines


def _unseen(rng: Random, diary: Diary, receipt: Receipt, end: int) -> None:
    """A return of something bought where no till ever reported it."""
    at = receipt.basket.occurred_at + between(rng, HOUR_MS, 10 * DAY_MS)
    lines = _some_lines(rng, receipt)
    if at >= end or not lines:
        return
    payload: dict[str, object] = {"return_id": diary.name("r"), "lines": lines}
    if rng.random() < 0.6:
        payload["transaction_id"] = f"unseen-{token(rng)}"
    _send(rng, diary, receipt, at, {"card": receipt.person.card}, payload)


def _send(
    rng: Random,
    diary: Diary,
    receipt: Receipt,
    at: int,
    identifiers: dict[str, str],
    payload: dict[str, object],
) -> None:
    diary.add(
        "pos",
        "return",
        at,
        between(rng, SECOND_MS, 20 * SECOND_MS),
        identifiers,
        payload,
        receipt.person.member_id,
        {"store_id": receipt.basket.store_id, "touchpoint": "till"},
    )
