"""Returns: which lines came back, and what of their points goes.

In: a return (or a cancelled order) and the receipts of the account. Out: `reverse` entries.
Promises: reversal = earned(original) − earned(what was kept), cumulative over all returns of a
receipt, at the tier and terms recorded on it, so it never exceeds what was earned and roundings
never add up; an excess return has no effect; a return whose purchase isn't known waits for it as
long as returns are accepted.

Points that expired meanwhile are taken from `expired`; then the lot's own free points go, then
those of other lots, then the balance turns negative (or, by policy, the rest is forgiven).
"""

from schemas.ledger import Account as AccountName
from transforms.accrue import tiers
from transforms.accrue.book import Book
from transforms.accrue.facts import Returned, ReturnedLine
from transforms.accrue.lots import allocate, free_changes, spend
from transforms.accrue.match_return import Back, match, open_receipts
from transforms.accrue.rate import rate, share, totals_by_rule
from transforms.accrue.state import BasketLine, Parked, Receipt


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
            if parked.basket is None and parked.receipt_id in (None, *names):
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
        before + due for before, due in zip(receipt.reversed or [0] * len(dues), dues, strict=True)
    ]
    reversals: list[tuple[str, str, int]] = []
    returned = [line for line in lines if line.line_id in parts]
    for place, rule in enumerate(terms.rules):
        if dues[place]:
            weights = [parts[line.line_id] if line.rules >> place & 1 else 0 for line in returned]
            if not any(weights):
                weights = [1] * len(returned)
            for line, points in zip(returned, share(dues[place], weights), strict=True):
                if points:
                    reversals.append((rule.name, line.line_id, points))
    book.terms = terms
    _post(book, receipt, reversals)
    spent = sum(part for line_id, part in parts.items() if _counts(lines, line_id))
    gone = all(_is_gone(receipt, line) for line in lines)
    tiers.discount(book, terms, receipt.at, terms.qualifying(dues), spent, 1 if gone else 0)


def _dues(book: Book, receipt: Receipt, lines: list[BasketLine]) -> list[int]:
    """By rule: earned − earned(kept) − reversed before.

    A rule that posts the excess over another can gain while the other loses (3.00 → 2.80 at
    1.25 a unit); such a gain is set off, so that nothing is ever earned by returning.
    """
    terms = book.plan.version(receipt.version)
    kept = [line.amount - receipt.returned.get(line.line_id, [0, 0])[1] for line in lines]
    masks = [line.rules for line in lines]
    totals = totals_by_rule(kept, masks, len(terms.rules))
    earned_by_kept = rate(terms.rules, receipt.tier, totals)
    before = receipt.reversed or [0] * len(terms.rules)
    dues = [
        earned - still - gone
        for earned, still, gone in zip(receipt.earned, earned_by_kept, before, strict=True)
    ]
    gain = -sum(due for due in dues if due < 0)
    settled = []
    for due in dues:
        set_off = min(gain, max(0, due))
        gain -= set_off
        settled.append(max(0, due) - set_off)
    return settled


def _post(book: Book, receipt: Receipt, reversals: list[tuple[str, str, int]]) -> None:
    """Move the points of (rule, line, points) out, from where they are."""
    account = book.account
    lot = book.lot_of(receipt)
    open_lot = account.lots.get(lot)
    total = sum(points for _, _, points in reversals)
    if not total or open_lot is None:
        return
    sources: list[tuple[AccountName, int]] = []
    expired = min(total, open_lot.expired)
    sources.append(("expired", expired))
    open_lot.expired -= expired
    total -= expired
    pending = min(total, open_lot.remaining) if lot in account.pending else 0
    if pending:
        sources.append(("pending", pending))
        open_lot.remaining -= pending
        free_changes(account, open_lot, -pending)
        total -= pending
    if lot in account.pending and not open_lot.remaining:
        del account.pending[lot]
    if not receipt.withdrawn:
        total = _allowed(book, total)
    sources.append(("available", total))
    _spend(book, lot, total)
    open_lot.points = max(open_lot.remaining, open_lot.points - expired - pending - total)
    _post_from(book, lot, sources, reversals)


def _allowed(book: Book, points: int) -> int:
    """How many available points a return may take, by the policy for negative balances."""
    policy = book.terms.negative_balance
    available = max(0, book.account.balances.get("available", 0))
    if policy == "floor_zero":
        return min(points, available)
    if policy == "refuse":
        return points if points <= available else 0
    return points


def _spend(book: Book, lot: str, points: int) -> None:
    """Take points from a lot, then from others, then go into debt."""
    own = min(points, book.account.lots[lot].free)
    if own:
        spend(book, lot, own)
    others, missing = allocate(book.account, points - own)
    for other, part in others:
        spend(book, other, part)
    book.account.debt += missing


def _post_from(
    book: Book,
    lot: str,
    sources: list[tuple[AccountName, int]],
    reversals: list[tuple[str, str, int]],
) -> None:
    """Write the entries: reversals in their order, out of sources in theirs."""
    left = list(sources)
    for rule, line_id, wanted in reversals:
        points = wanted
        while points and left:
            account, there = left[0]
            part = min(points, there)
            if part:
                book.post("reverse", account, "reversed", part, lot, rule, line_id)
            points -= part
            if part == there:
                left.pop(0)
            else:
                left[0] = (account, there - part)


def _counts(lines: list[BasketLine], line_id: str) -> bool:
    return any(line.rules for line in lines if line.line_id == line_id)


def _is_gone(receipt: Receipt, line: BasketLine) -> bool:
    units, amount = receipt.returned.get(line.line_id, [0, 0])
    return units >= line.quantity and amount >= line.amount
