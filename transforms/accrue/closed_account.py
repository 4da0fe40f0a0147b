"""A closed account as text: what a transfer's parts carry to the survivor.

In: the account of a merged member, with the baskets of its receipts, or the text of a part. Out:
the parts, or what is in one. Promises: what is read is what was written; a part's text stays below
the size given, receipts filling as many parts as they need.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from schemas.ledger import Account as AccountName
from transforms.accrue.facts import Bit
from transforms.accrue.receipts import Basket
from transforms.accrue.state import Account
from transforms.transfer import encoded, write

ACCOUNT: Final = "account"
"""The part that has the points; the others have receipts only."""
OWN: Final[tuple[AccountName, ...]] = ("pending", "available", "held")


class Closed(Bit, kw_only=True):
    """One part of a closed account."""

    account: Account
    baskets: dict[str, Basket] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Closed).decode


def moves(account: Account) -> Iterator[tuple[AccountName, int, str | None]]:
    """What leaves an account when it is closed, as (from, points, lot): first of each lot, then
    what no lot stands behind; below 0: a debt."""
    left = {name: account.balances.get(name, 0) for name in OWN}
    for lot_id, lot in account.lots.items():
        name: AccountName = "pending" if lot_id in account.pending else "available"
        for place, points in (
            (name, lot.remaining if name == "pending" else lot.free),
            ("held", lot.held),
        ):
            if points:
                left[place] -= points
                yield place, points, lot_id
    for name, points in left.items():
        if points:
            yield name, points, None


def parts_of(closed: Closed, chars_max: int) -> Iterator[tuple[str, str]]:
    """The parts of a closed account and their texts, each of at most about `chars_max`
    characters: the account, with as many receipts as there is room for, and the rest of these."""
    room = chars_max * 3 // 4
    whole = closed.account
    bare = Closed(account=replace(whole, receipts={}, other_names={}))
    names: dict[str, dict[str, str]] = {}
    for other, receipt_id in whole.other_names.items():
        names.setdefault(receipt_id, {})[other] = receipt_id
    part, number, size = bare, 0, len(_encode(bare))
    for receipt_id, receipt in whole.receipts.items():
        one = Closed(
            account=Account(receipts={receipt_id: receipt}, other_names=names.get(receipt_id, {})),
            baskets={receipt.basket: closed.baskets[receipt.basket]},
        )
        more = len(_encode(one))
        if size + more > room and (number or part.account.receipts or size > room // 2):
            yield _named(number), write(part)
            part, number, size = Closed(account=Account()), number + 1, 0
        part.account.receipts |= one.account.receipts
        part.account.other_names |= one.account.other_names
        part.baskets |= one.baskets
        size += more
    yield _named(number), write(part)


def _named(number: int) -> str:
    return f"receipts-{number}" if number else ACCOUNT


def read(text: str) -> Closed:
    """A part out of its text; ValueError, if it isn't one, or isn't whole."""
    try:
        closed = _decode(encoded(text))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    account = closed.account
    whole = (
        closed.baskets.keys() >= {one.basket for one in account.receipts.values()}
        and account.receipts.keys() >= set(account.other_names.values())
        and account.lots.keys() >= account.pending.keys()
        and account.redemptions.keys() >= account.holds.keys()
        and sum(lot.remaining for lot in account.lots.values()) - account.debt
        == sum(account.balances.values())
    )
    if not whole:
        raise ValueError("must hold all that its account names")
    return closed
