"""Which lines of which receipts a return means, and how much of them came back.

In: a returned line and the receipts that it may belong to. Out: the receipts marked, and in a
`Back` the amounts that came back. Promises: never more of a line comes back than there was.

How much: the amount refunded, at most what is left of the line; without an amount, the quantity's
part; when all units are back, the whole line, whatever was refunded. A line is known by its id,
else by its product; without a receipt, the member's latest unreturned units of the product are it.
"""

from collections.abc import Iterable

from transforms.accrue.book import Book
from transforms.accrue.facts import ReturnedLine
from transforms.accrue.receipt_names import called
from transforms.accrue.receipts import BasketLine, Receipt

Back = dict[str, dict[str, int]]
"""Amount that came back, by receipt and line."""


def open_receipts(book: Book, receipt_id: str | None) -> list[tuple[str, Receipt]]:
    """The receipt of that name, or all, the latest first; none that is too old for a return."""
    account = book.account
    since = book.at - book.plan.returns_ms
    if receipt_id is not None:
        name = called(book, receipt_id)
        receipt = account.receipts.get(name)
        return [] if receipt is None or receipt.at < since else [(name, receipt)]
    found = [(name, one) for name, one in account.receipts.items() if one.at >= since]
    return sorted(found, key=lambda pair: (pair[1].at, pair[0]), reverse=True)


def match(
    book: Book,
    receipt_id: str | None,
    wanted: ReturnedLine | None,
    receipts: Iterable[tuple[str, Receipt]],
    back: Back,
) -> ReturnedLine | bool:
    """Mark a wanted line as returned on `receipts`, adding the amounts to `back`.

    Returned: True, nothing fits; False, it is dealt with; a line: what is left to look for.
    """
    if receipt_id is None and wanted is not None:
        return _match_by_sku(book, wanted, receipts, back)
    for name, receipt in receipts:
        lines = book.baskets[receipt.basket].lines
        if wanted is None:
            for line in lines:
                _mark(name, receipt, line, line.quantity, line.amount, back)
        else:
            meant = next((line for line in lines if line.line_id == wanted.line_id), None)
            if meant is None:
                _match_by_sku(book, wanted, [(name, receipt)], back)
            else:
                _mark(name, receipt, meant, wanted.quantity, wanted.amount, back)
        return False
    return True


def _match_by_sku(
    book: Book, wanted: ReturnedLine, receipts: Iterable[tuple[str, Receipt]], back: Back
) -> ReturnedLine | bool:
    """The member's latest units of a product that are not returned yet."""
    quantity, amount = max(1, wanted.quantity), wanted.amount
    fits = False
    for name, receipt in receipts:
        for line in book.baskets[receipt.basket].lines:
            if line.sku != wanted.sku or not quantity:
                continue
            units = min(quantity, line.quantity - receipt.returned.get(line.line_id, [0, 0])[0])
            if units <= 0:
                continue
            part = amount * units // quantity
            _mark(name, receipt, line, units, part, back)
            quantity -= units
            amount -= part
            fits = True
    if not quantity:
        return False
    if not fits:
        return True
    return ReturnedLine(line_id=wanted.line_id, sku=wanted.sku, quantity=quantity, amount=amount)


def _mark(
    name: str, receipt: Receipt, line: BasketLine, quantity: int, amount: int, back: Back
) -> None:
    """Note what came back of a line: never more than there was."""
    units_before, amount_before = receipt.returned.get(line.line_id, [0, 0])
    units = min(max(0, quantity), max(0, line.quantity - units_before))
    left = line.amount - amount_before
    if line.quantity > 0 and units_before + units >= line.quantity:
        part = left
    elif amount > 0:
        part = min(amount, left)
    else:
        part = min(line.amount * units // line.quantity, left) if line.quantity > 0 else 0
    if not units and not part:
        return
    receipt.returned[line.line_id] = [units_before + units, amount_before + part]
    if part:
        parts = back.setdefault(name, {})
        parts[line.line_id] = parts.get(line.line_id, 0) + part
