"""Prizes: what challenges and gifts give, and taking it back.

In: a prize and what it is for. Out: a lot of bonus points, an offer, an access. Promises: a prize
of one cause, name and number is given once; what is taken back is what was given, also when the
programme has changed since; bonus points never qualify for a tier.
"""

from msgspec.structs import replace

from schemas.rewards import Prize
from transforms.accrue import offers
from transforms.accrue.book import Book, lot_id, opening
from transforms.accrue.lots import open_lot
from transforms.accrue.privileges import Access
from transforms.accrue.take_from_lot import is_forgiven, take_from_lot


def award(book: Book, name: str, prize: Prize, pending: bool, number: int = 0) -> None:
    """Give a prize on behalf of the book's cause. `name`: of the challenge or gift; `pending`: its
    points wait like a purchase's; `number`: tells prizes of one cause and name apart."""
    key = _key(book.cause, name, number)
    if prize.points is not None:
        _give_points(book, key, name, prize.points, pending)
    if prize.offer is not None:
        offers.give(book, key, prize.offer, name)
    if prize.access is not None:
        _unlock(book, key, name, prize.access)


def take_back(
    book: Book, name: str, prize: Prize, cause: str, number: int = 0, owner: str = ""
) -> bool:
    """Take back what an award for `cause` gave, on behalf of the book's: the points, wherever they
    are by now; the offer; the access, unless something else unlocked it too. `owner`: who was
    given it, if that account was merged into the book's. False: its offer was used, or the policy
    for negative balances forgives some of its points, so it stands.
    """
    key, owner = _key(cause, name, number), owner or book.member_id
    if prize.offer is not None and offers.is_used(book, key, prize.offer, owner):
        return False
    lot = lot_id(owner, key)
    known = book.account.lots.get(lot)
    if known is not None:
        if is_forgiven(book, lot, known.points):
            return False
        take_from_lot(book, lot, [(name, None, known.points)], forgiving=True)
    if prize.offer is not None:
        offers.take_back(book, key, prize.offer, owner)
    if prize.access is not None:
        _lock(book, key, prize.access)
    return True


def _key(cause: str, name: str, number: int) -> str:
    """What a prize is known by, besides its member."""
    return f"{cause}\x1e{name}\x1e{number}" if number else f"{cause}\x1e{name}"


def _give_points(book: Book, key: str, name: str, points: int, pending: bool) -> None:
    lot = lot_id(book.member_id, key)
    wait = book.terms.pending_ms if pending else 0
    book.post("bonus", "issued", "pending" if wait else "available", points, lot, name, opens=True)
    open_lot(book, lot, points, opening("bonus", name, None), wait)


def _unlock(book: Book, key: str, name: str, access: str) -> None:
    """Open an access; one that is open is open for this, too, from then on."""
    unlocked = book.account.access
    known = unlocked.get(access)
    if known is None or known.ended_at is not None:
        unlocked[access] = Access(since=book.at, by=name, causes={key: book.at})
        book.changed["access", access] = None
    elif known.causes:
        known.causes[key] = book.at


def _lock(book: Book, key: str, access: str) -> None:
    known = book.account.access.get(access)
    if known is None or known.ended_at is not None or known.causes.pop(key, None) is None:
        return
    if not known.causes:
        known.ended_at = book.at
        book.changed["access", access] = None


def join_access(book: Book, came: dict[str, Access]) -> None:
    """Add what another account had unlocked: what is open on both sides is so for both reasons,
    since the earlier of the two."""
    unlocked = book.account.access
    for access, theirs in came.items():
        mine = unlocked.get(access)
        if mine is None or (mine.ended_at is not None and theirs.ended_at is None):
            unlocked[access] = theirs
        elif mine.ended_at is not None or theirs.ended_at is not None:
            continue
        else:
            both = {**mine.causes, **theirs.causes} if mine.causes and theirs.causes else {}
            unlocked[access] = replace(min(mine, theirs, key=_since), causes=both)
        book.changed["access", access] = None


def _since(access: Access) -> tuple[int, str]:
    return access.since, access.by


def settle_access(access: dict[str, Access], since: int) -> None:
    """Forget what can't be taken back any more: nothing that came before `since` can, so what was
    unlocked by then stays so, whatever else unlocked it."""
    for known in access.values():
        if any(at < since for at in known.causes.values()):
            known.causes = {}
