"""Lots: opening them, spending from them, giving back to them.

In: an account within a book, and points. Out: how many points came from which lot. Promises: lots
are used in the order (expiry, earned_at, id), those that never expire last; no lot is ever below
zero; free points and a debt never stand side by side, because what becomes free pays the debt and
backs accepted redemptions first. So, always:

    available + pending + held = what remains in all lots − debt
"""

from typing import Final

from transforms.accrue.book import Book
from transforms.accrue.local_time import NEVER
from transforms.accrue.state import Account, OpenLot

UNBACKED: Final = ""
"""The part of an allocation that no lot stands behind."""


def open_lot(book: Book, lot_id: str, points: int, first: str, wait_ms: int = 0) -> None:
    """Put a new lot into the account; one that needn't wait can be spent at once. `first`: what its
    first entry was posted for (`book.opening`)."""
    account, at = book.account, book.at
    lot = account.lots[lot_id] = OpenLot(
        earned_at=at,
        available_at=at + wait_ms,
        expires_at=book.terms.lot_expires_at(at),
        points=points,
        remaining=points,
        first=first,
    )
    book.touched[lot_id] = None
    free_changes(account, lot, points)
    if wait_ms:
        account.pending[lot_id] = lot.available_at
    else:
        settle_debt(book, lot_id, lot)


def free_changes(account: Account, lot: OpenLot, points: int) -> None:
    """Keep the timetable of expiries in step with a lot's free points."""
    if lot.expires_at is None or not points:
        return
    expiring = account.expiring
    left = expiring.get(lot.expires_at, 0) + points
    if left:
        expiring[lot.expires_at] = left
    else:
        del expiring[lot.expires_at]


def settle_debt(book: Book, lot_id: str, lot: OpenLot) -> None:
    """Let a lot's free points pay the debt, then back holds that nothing stands behind."""
    account = book.account
    if not account.debt and not account.unbacked:
        return
    paid = min(account.debt, lot.free)
    if paid:
        account.debt -= paid
        lot.remaining -= paid
        free_changes(account, lot, -paid)
        book.touched[lot_id] = None
    for redemption_id in account.holds:
        backed = min(account.unbacked, lot.free)
        if not backed:
            return
        allocation = account.redemptions[redemption_id].allocation
        backed = min(backed, allocation.get(UNBACKED, 0))
        if backed:
            _less(allocation, UNBACKED, backed)
            allocation[lot_id] = allocation.get(lot_id, 0) + backed
            account.unbacked -= backed
            lot.held += backed
            free_changes(account, lot, -backed)


def in_turn(account: Account) -> list[str]:
    """Lots with free points, in the order in which they are used."""
    order = sorted(
        (NEVER if lot.expires_at is None else lot.expires_at, lot.earned_at, lot_id)
        for lot_id, lot in account.lots.items()
        if lot.remaining > lot.held and lot_id not in account.pending
    )
    return [lot_id for _, _, lot_id in order]


def allocate(account: Account, points: int) -> tuple[list[tuple[str, int]], int]:
    """Which free points to use for `points`, and how many are missing. Changes nothing."""
    parts: list[tuple[str, int]] = []
    for lot_id in in_turn(account):
        if not points:
            break
        part = min(points, account.lots[lot_id].free)
        parts.append((lot_id, part))
        points -= part
    return parts, points


def spend(book: Book, lot_id: str, points: int) -> None:
    """Take free points out of a lot for good."""
    lot = book.account.lots[lot_id]
    lot.remaining -= points
    free_changes(book.account, lot, -points)
    book.touched[lot_id] = None


def hold(account: Account, lot_id: str, points: int) -> None:
    """Reserve free points of a lot."""
    lot = account.lots[lot_id]
    lot.held += points
    free_changes(account, lot, -points)


def spend_held(book: Book, lot_id: str, points: int) -> None:
    """Take reserved points out of a lot for good."""
    lot = book.account.lots[lot_id]
    lot.held -= points
    lot.remaining -= points
    book.touched[lot_id] = None


def give_back(book: Book, lot_id: str, points: int) -> None:
    """Free reserved points. They keep their lot's expiry: if that is past, they expire now."""
    account = book.account
    lot = account.lots[lot_id]
    lot.held -= points
    if lot.expires_at is not None and lot.expires_at < book.at:
        lot.remaining -= points
        lot.expired += points
        book.post("expire", "available", "expired", points, lot_id)
    else:
        free_changes(account, lot, points)
        settle_debt(book, lot_id, lot)


def unback(account: Account, lot_id: str, points: int) -> None:
    """Take reserved points out of a lot's hands; the holds stay, and other lots will back them."""
    account.lots[lot_id].held -= points
    account.unbacked += points
    for redemption_id in account.holds:
        allocation = account.redemptions[redemption_id].allocation
        part = min(points, allocation.get(lot_id, 0))
        if part:
            _less(allocation, lot_id, part)
            allocation[UNBACKED] = allocation.get(UNBACKED, 0) + part
            points -= part


def activate(book: Book, lot_id: str) -> None:
    """End a lot's pending period."""
    lot = book.account.lots[lot_id]
    del book.account.pending[lot_id]
    if lot.remaining:
        book.post("activate", "pending", "available", lot.remaining, lot_id)
        settle_debt(book, lot_id, lot)


def expire(book: Book, due: int) -> None:
    """Expire the free points of all lots whose time has come."""
    account = book.account
    del account.expiring[due]
    for lot_id, lot in account.lots.items():
        free = lot.free
        if lot.expires_at == due and free:
            lot.remaining -= free
            lot.expired += free
            if account.pending.pop(lot_id, None) is None:
                book.post("expire", "available", "expired", free, lot_id)
            else:
                book.post("expire", "pending", "expired", free, lot_id)


def keep_until(book: Book, lot_id: str, expires_at: int) -> None:
    """Let a lot expire at another time."""
    account = book.account
    lot = account.lots[lot_id]
    free_changes(account, lot, -lot.free)
    lot.expires_at = expires_at
    free_changes(account, lot, lot.free)
    book.touched[lot_id] = None


def reinstate(book: Book, lot_id: str, expires_at: int | None) -> None:
    """Bring back what expired of a lot; what is held of it expires no earlier."""
    lot = book.account.lots[lot_id]
    points = lot.expired
    lot.expired = 0
    lot.remaining += points
    lot.expires_at = expires_at
    book.touched[lot_id] = None
    if points:
        free_changes(book.account, lot, points)
        book.post("reinstate", "expired", "available", points, lot_id, "reinstate")
        settle_debt(book, lot_id, lot)


def _less(allocation: dict[str, int], lot_id: str, points: int) -> None:
    left = allocation[lot_id] - points
    if left:
        allocation[lot_id] = left
    else:
        del allocation[lot_id]
