"""Taking points back that a lot was opened for.

In: a lot, and how many of its points go, rule by rule. Out: `reverse` entries. Promises: points
that expired meanwhile are taken from `expired`; then the lot's own free points go, then those of
other lots, then the balance turns negative (or, by policy, the rest is forgiven).
"""

from collections.abc import Sequence

from schemas.ledger import Account as AccountName
from transforms.accrue.book import Book
from transforms.accrue.lots import allocate, free_changes, spend


def take_from_lot(
    book: Book, lot: str, reversals: Sequence[tuple[str, str | None, int]], forgiving: bool
) -> None:
    """Move the points of (rule, line, points) out of a lot, from where they are. `forgiving`: by
    the policy for negative balances; else whatever happens to the balance."""
    account = book.account
    open_lot = account.lots.get(lot)
    total = sum(points for _, _, points in reversals)
    if not total or open_lot is None:
        return
    expired, pending, available = _where(book, lot, total)
    open_lot.expired -= expired
    if pending:
        open_lot.remaining -= pending
        free_changes(account, open_lot, -pending)
    if lot in account.pending and not open_lot.remaining:
        del account.pending[lot]
    if forgiving:
        available = _allowed(book, available)
    _spend(book, lot, available)
    gone = expired + pending + available
    open_lot.points = max(open_lot.remaining, open_lot.points - gone)
    sources: list[tuple[AccountName, int]] = [
        ("expired", expired),
        ("pending", pending),
        ("available", available),
    ]
    _post_from(book, lot, sources, reversals)


def is_forgiven(book: Book, lot: str, points: int) -> bool:
    """Whether the policy for negative balances lets some of a lot's points be kept."""
    _, _, available = _where(book, lot, points)
    return _allowed(book, available) < available


def _where(book: Book, lot: str, points: int) -> tuple[int, int, int]:
    """From where a lot's points are taken: so many expired, pending, available."""
    known = book.account.lots[lot]
    expired = min(points, known.expired)
    pending = min(points - expired, known.remaining) if lot in book.account.pending else 0
    return expired, pending, points - expired - pending


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
    reversals: Sequence[tuple[str, str | None, int]],
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
