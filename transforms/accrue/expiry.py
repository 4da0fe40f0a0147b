"""What keeps points alive, and what brings expired ones back.

In: a purchase, an action or a redemption within a book. Out: lots with a later expiry, and
`reinstate` entries. Promises:
* an activity never brings an expiry forward, gives none to a lot that has none (it was earned
  when points didn't expire) and revives nothing: what is past expires when a hold gives it back;
* dates are those of days or months, so lots change at most once a day or month;
* what comes back pays a debt first, and expires as if it had been earned with the purchase.
An activity stays one when its purchase is returned; withdrawn as somebody else's, it never was.
"""

from datetime import timedelta
from typing import Literal

from transforms.accrue.book import Book
from transforms.accrue.local_time import local_date
from transforms.accrue.lots import keep_until, reinstate

Kind = Literal["purchase", "action", "redemption"]


def bought(book: Book) -> None:
    """A purchase: before its own points are posted."""
    expiry = book.terms.expiry
    if expiry.reinstate_days:
        _bring_back(book)
    if expiry.mode == "activity":
        _keep_alive(book, "purchase")


def acted(book: Book) -> None:
    """An action: before its own points are posted."""
    if book.terms.expiry.mode == "activity":
        _keep_alive(book, "action")


def redeemed(book: Book) -> None:
    """An accepted redemption, also one that only holds points."""
    if book.terms.expiry.mode == "activity":
        _keep_alive(book, "redemption")


def _keep_alive(book: Book, kind: Kind) -> None:
    """Let all open lots expire months after now."""
    account, terms, at = book.account, book.terms, book.at
    if kind not in terms.expiry.activity:
        return
    until = terms.lot_expires_at(at)
    if until is None:
        return
    for lot_id, lot in account.lots.items():
        if lot.remaining and lot.expires_at is not None and at <= lot.expires_at < until:
            keep_until(book, lot_id, until)


def _bring_back(book: Book) -> None:
    """Reinstate what expired at most so many calendar days ago."""
    account, terms, at = book.account, book.terms, book.at
    since = local_date(at, terms.zone) - timedelta(days=terms.expiry.reinstate_days)
    gone = sorted(
        (lot.earned_at, lot_id)
        for lot_id, lot in account.lots.items()
        if (lot.expired or lot.held)
        and lot.expires_at is not None
        and lot.expires_at < at
        and local_date(lot.expires_at, terms.zone) >= since
    )
    for _, lot_id in gone:
        reinstate(book, lot_id, terms.lot_expires_at(at))
