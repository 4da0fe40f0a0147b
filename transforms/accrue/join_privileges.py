"""What two members had besides points becomes what one has.

In: an account that came, brought to now, and the account that goes on. Out: the offers, challenges,
membership, uses, access and caps of both in the one. Promises: nothing that a member had is lost
but what one person can't have twice: of two open offers of a group the one that came waits, of two
memberships in force the survivor's stays; what was used under a cap or of an entitlement counts
for both, and its rows stay where they are.
"""

from transforms.accrue import gifts, join_challenges, offers, prizes
from transforms.accrue.book import Book
from transforms.accrue.privileges import Used
from transforms.accrue.state import Account


def join_privileges(book: Book, came: Account) -> None:
    """Add what came."""
    account = book.account
    gifts.join(account, came)
    account.purchases += came.purchases
    for cap, used in came.used.items():
        account.used[cap] = _together(account.used.get(cap), used)
    account.uses = came.uses | account.uses
    prizes.join_access(book, came.access)
    offers.join(book, came.offers)
    _join_membership(book, came)
    join_challenges.join(book, came)


def _together(mine: Used | None, theirs: Used) -> Used:
    """What both used in the later of their periods."""
    if mine is None or theirs.until > mine.until:
        return theirs
    if theirs.until < mine.until:
        return mine
    return Used(
        until=mine.until, points=mine.points + theirs.points, times=mine.times + theirs.times
    )


def _join_membership(book: Book, came: Account) -> None:
    """The survivor's own goes on if it is in force, else the one that came."""
    account = book.account
    theirs, mine = came.membership, account.membership
    if theirs is None or theirs.status == "ended":
        return
    if mine is not None and mine.status != "ended":
        return
    if mine is not None:
        account.ended[str(mine.since)] = mine
    account.membership = theirs
    for key, due in came.timetable.items():
        if key.startswith("membership:"):
            account.timetable[key] = due
    book.changed[("membership", str(theirs.since))] = None
