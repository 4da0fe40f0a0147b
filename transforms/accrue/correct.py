"""Corrections: the entries, lots and tiers that put an account right.

In: how far an account was off when the correction became known (`find_difference`), and the
account, wherever that fact is folded. Out: entries of the kind `correct`. Promises: all accounts,
lots and the tier stand where they must, if nothing else became known; what did, counts beside it.
Each entry leaves one account for another, and points, lots and debt go on saying the same.
"""

from typing import Final

from transforms.accrue import join_tiers
from transforms.accrue.book import Book, lot_id, opening, posted_as
from transforms.accrue.facts import Corrected, LotChange
from transforms.accrue.find_difference import becomes_at, place_of
from transforms.accrue.lots import (
    allocate,
    free_changes,
    in_turn,
    open_lot,
    settle_debt,
    spend,
    unback,
)
from transforms.accrue.state import OpenLot

RULE: Final = "correct"
_DATES: Final = "correct_dates"
_EVEN: Final = "correct_even"


def correct(book: Book, fact: Corrected) -> None:
    """Apply a correction: lots, entries, debt, tier."""
    account = book.account
    excess = 0
    for change in fact.lots:
        excess += _change_lot(book, fact, change)
    for move in fact.moves:
        book.post(
            "correct",
            move.debit,
            move.credit,
            move.points,
            move.lot,
            RULE,
            note=fact.note,
            corrects=move.corrects,
        )
    debt = account.debt + fact.debt
    account.debt = max(0, debt)
    _even_out(book, fact, excess + min(0, debt))
    if fact.qualifying or fact.kept is not None:
        join_tiers.correct(book, fact.qualifying, fact.kept)


def _change_lot(book: Book, fact: Corrected, change: LotChange) -> int:
    """Change a lot; how many points of the change it had no room for any more."""
    account, key = book.account, change.lot
    lot = account.lots.get(key)
    if lot is None:
        if change.remaining <= 0:
            return -change.remaining
        lot = account.lots[key] = OpenLot(
            earned_at=change.earned_at,
            available_at=change.available_at,
            points=0,
            remaining=0,
            first=_first(book, fact, key),
        )
    book.touched[key] = None
    was, becomes = place_of(account, key), becomes_at(change, book.at)
    if was != becomes and lot.remaining:
        book.post("correct", was, becomes, lot.remaining, key, _DATES, note=fact.note)
    free_changes(account, lot, -lot.free)
    lot.earned_at = change.earned_at
    lot.available_at = change.available_at
    lot.expires_at = change.expires_at
    lot.points += change.points
    if change.points:
        _change_receipt(book, key, change.points)
    lot.expired = max(0, lot.expired + change.expired)
    must_be = lot.remaining + change.remaining
    lot.remaining = max(0, must_be)
    lot.points = max(lot.points, lot.remaining)
    if lot.held > lot.remaining:
        unback(account, key, lot.held - lot.remaining)
    free_changes(account, lot, lot.free)
    if becomes == "pending" and lot.remaining:
        account.pending[key] = lot.available_at
    else:
        account.pending.pop(key, None)
    return lot.remaining - must_be


def _change_receipt(book: Book, lot: str, points: int) -> None:
    """What a correction took or gave counts as reversed, or as still to be reversed, so that a
    return of the whole receipt takes back what it is worth now."""
    for receipt in book.account.receipts.values():
        if book.lot_of(receipt) == lot:
            done = receipt.reversed = receipt.reversed or [0] * len(receipt.earned)
            done[0] -= max(0, points)
            taken = max(0, -points)
            for place in reversed(range(len(done))):
                part = min(taken, receipt.earned[place] - done[place])
                done[place] += part
                taken -= part
            return


def _first(book: Book, fact: Corrected, lot: str) -> str:
    """What the entry that opens a lot is posted for, and its cause."""
    move = next(move for move in fact.moves if move.lot == lot)
    what = posted_as("correct", move.debit, move.credit, RULE, None)
    return f"{what}\x1e{book.cause}\x1f{book.member_id}"


def _even_out(book: Book, fact: Corrected, excess: int) -> None:
    """Lots and debt say the same as the accounts, also where something that became known later
    left a correction less to change than there was: points that a lot no longer had come out of
    others, those that no debt was left for go into a lot of their own."""
    account = book.account
    pending = sum(account.lots[lot].remaining for lot in account.pending)
    pending -= account.balances.get("pending", 0)
    if pending > 0:
        book.post("correct", "available", "pending", pending, None, _EVEN, note=fact.note)
    elif pending < 0:
        book.post("correct", "pending", "available", -pending, None, _EVEN, note=fact.note)
    if excess > 0:
        parts, missing = allocate(account, excess)
        for lot, points in parts:
            spend(book, lot, points)
        account.debt += missing
    elif excess < 0:
        own = lot_id(book.member_id, book.cause)
        book.post("correct", "available", "issued", -excess, None, _EVEN, note=fact.note)
        book.post("correct", "issued", "available", -excess, own, RULE, note=fact.note, opens=True)
        open_lot(book, own, -excess, opening("correct", RULE, None))
    if account.debt or account.unbacked:
        for key in in_turn(account):
            settle_debt(book, key, account.lots[key])
