"""Returns: which lines came back, and what of their points goes.

In: a return (or a cancelled order) and the receipts of the account. Out: `reverse` entries.
Promises: reversal = earned(original) − earned(what was kept), cumulative over all returns of a
receipt, at the tier and terms recorded on it, so it never exceeds what was earned and roundings
never add up; an excess return has no effect; a return whose purchase isn't known waits for it as
long as returns are accepted. What a rule gave that no longer fits what was kept goes, too.
"""

from itertools import zip_longest
from typing import Final

from transforms.accrue import challenges, tiers
from transforms.accrue.book import Book, lot_id
from transforms.accrue.facts import Returned, ReturnedLine
from transforms.accrue.match_return import Back, match, open_receipts
from transforms.accrue.rate import basis_of, rate, share
from transforms.accrue.receipts import BasketLine, Parked, Receipt
from transforms.accrue.take_from_lot import take_from_lot

WITHDRAWN: Final = "withdrawn"
"""What an action gave that is somebody else's after all."""
EDITED: Final = "edited"
"""A rule that the receipt's version no longer has: what is kept doesn't earn it any more."""


def take_back(book: Book, fact: Returned) -> None:
    """Apply a return."""
    if fact.withdrawal:
        _withdraw(book, fact)
        return
    back: Back = {}
    wanted: list[ReturnedLine | None] = [None] if fact.whole else list(fact.lines)
    for line in wanted:
        rest = match(book, fact.receipt_id, line, open_receipts(book, fact.receipt_id), back)
        if rest:
            book.account.parked.append(
                Parked(
                    at=fact.at,
                    source=fact.source,
                    event_id=fact.event_id,
                    occurred_at=fact.occurred_at,
                    receipt_id=fact.receipt_id,
                    line=line if line is None or rest is True else rest,
                )
            )
    _reverse_all(book, back)


def _withdraw(book: Book, fact: Returned) -> None:
    """Take back a purchase that is somebody else's, whatever the policy: they have its points. A
    return that waited here waits for nothing any more."""
    account = book.account
    account.parked = [
        one for one in account.parked if (one.source, one.event_id) != (fact.source, fact.event_id)
    ]
    if fact.receipt_id in account.receipts:
        withdraw_receipt(book, fact.receipt_id)
        return
    for name, receipt in account.receipts.items():
        if receipt.cause == fact.basket:
            withdraw_receipt(book, name)
            return
    action = lot_id(book.member_id, fact.basket or "")
    if action in account.lots:
        points = account.lots[action].points
        take_from_lot(book, action, [(WITHDRAWN, None, points)], forgiving=False)
        return
    if fact.basket is not None and account.joining:
        account.parked.append(
            Parked(
                at=fact.at,
                source=fact.source,
                event_id=fact.event_id,
                occurred_at=fact.occurred_at,
                basket=fact.basket,
            )
        )


def withdraw_receipt(book: Book, receipt_id: str) -> None:
    """Take back all that is left of a receipt; none of it can be returned any more."""
    receipt, back = book.account.receipts[receipt_id], Back()
    receipt.withdrawn = True
    match(book, receipt_id, None, [(receipt_id, receipt)], back)
    _reverse_all(book, back)


def match_parked(book: Book, *names: str | None) -> None:
    """Apply the returns that waited for a purchase, on behalf of their own events."""
    account = book.account
    receipt_id = names[0]
    assert receipt_id is not None
    called = {other for other, name in account.other_names.items() if name == receipt_id}
    called.update(name for name in names if name is not None)
    waiting: dict[tuple[str, str], list[Parked]] = {}
    for parked in account.parked:
        if book.at - parked.at <= book.plan.returns_ms:
            waiting.setdefault((parked.source, parked.event_id), []).append(parked)
    account.parked = []
    at, posting = book.at, book.posting
    for (source, event_id), group in waiting.items():
        back: Back = {}
        for parked in group:
            rest: ReturnedLine | bool = True
            if parked.basket is None and (parked.receipt_id is None or parked.receipt_id in called):
                only = [(receipt_id, account.receipts[receipt_id])]
                rest = match(book, parked.receipt_id, parked.line, only, back)
            if rest:
                parked.line = parked.line if rest is True else rest
                account.parked.append(parked)
        if back:
            book.on_behalf_of(at, source, event_id, group[0].occurred_at, posting == "late")
            _reverse_all(book, back)


def _reverse_all(book: Book, back: Back) -> None:
    for name, parts in back.items():
        _reverse(book, book.account.receipts[name], parts)


def _reverse(book: Book, receipt: Receipt, parts: dict[str, int]) -> None:
    """Post what a receipt's points shrink by, now that `parts` came back."""
    terms = book.plan.version(receipt.version)
    lines = book.baskets[receipt.basket].lines
    dues = _dues(book, receipt, lines)
    receipt.reversed = [
        before + due for before, due in zip_longest(receipt.reversed, dues, fillvalue=0)
    ]
    reversals: list[tuple[str, str | None, int]] = []
    returned = [line for line in lines if line.line_id in parts]
    edited = dues[len(terms.rules) :]
    if edited:
        dues = [*dues[: len(terms.rules)], sum(edited)]
    for place, due in enumerate(dues):
        if due:
            weights = [parts[line.line_id] if line.rules >> place & 1 else 0 for line in returned]
            if not any(weights):
                weights = [1] * len(returned)
            name = terms.rules[place].name if place < len(terms.rules) else EDITED
            for line, points in zip(returned, share(due, weights), strict=True):
                if points:
                    reversals.append((name, line.line_id, points))
    book.terms = terms
    take_from_lot(book, book.lot_of(receipt), reversals, forgiving=not receipt.withdrawn)
    spent = sum(part for line_id, part in parts.items() if _counts(lines, line_id))
    visit = 1 if spent and _spend_kept(receipt, lines) <= 0 else 0
    tiers.discount(book, terms, receipt.at, terms.qualifying(dues), spent, visit)
    if terms.challenges:
        challenges.returned(book, receipt)


def _dues(book: Book, receipt: Receipt, lines: list[BasketLine]) -> list[int]:
    """By rule: earned − earned(kept) − reversed before.

    A rule that posts the excess over another can gain while the other loses (3.00 → 2.80 at
    1.25 a unit); such a gain is set off, so that nothing is ever earned by returning.
    """
    terms = book.plan.version(receipt.version)
    gone = [receipt.returned.get(line.line_id, (0, 0)) for line in lines]
    kept = basis_of(
        [line.amount - amount for line, (_, amount) in zip(lines, gone, strict=True)],
        [line.quantity - units for line, (units, _) in zip(lines, gone, strict=True)],
        [line.rules for line in lines],
        len(terms.rules),
        book.baskets[receipt.basket].portions,
    )
    room = receipt.room if terms.capped else None
    earned_by_kept = rate(terms.rules, receipt.tier, kept, receipt.applies, room)
    before = receipt.reversed or [0] * len(receipt.earned)
    dues = [
        earned - still - reversed_
        for earned, still, reversed_ in zip_longest(
            receipt.earned, earned_by_kept, before, fillvalue=0
        )
    ]
    gain = -sum(due for due in dues if due < 0)
    settled = []
    for due in dues:
        set_off = min(gain, max(0, due))
        gain -= set_off
        settled.append(max(0, due) - set_off)
    return settled


def _counts(lines: list[BasketLine], line_id: str) -> bool:
    return any(line.rules for line in lines if line.line_id == line_id)


def _spend_kept(receipt: Receipt, lines: list[BasketLine]) -> int:
    """What was paid for lines that count, less what came back."""
    returned = receipt.returned
    return sum(line.amount - returned.get(line.line_id, [0, 0])[1] for line in lines if line.rules)
