"""Offers: granted, used, revoked, expired; at most one open of a group and member.

In: wishes to grant or revoke, prizes, purchases that name offers. Out: the account's offers.
Promises: a wish is answered once, by the first of these that applies:

* to grant: `exists` (this wish was answered before), `expired_already`, `group_has_open_offer`,
  `too_many_open`, `ok`;
* to revoke: `not_open`, `ok`.

An offer that is used anywhere is closed everywhere, and stays so if the purchase is returned. An
offer that the catalogue doesn't have can be granted, too: whoever grants it knows what it takes
off. What can't be refused any more (a prize, a grant that was accepted before a late event opened
another offer of its group again) waits until that one is closed.
"""

from collections.abc import Iterator
from typing import Final, Literal

from transforms.accrue.book import Book, entry_id
from transforms.accrue.facts import OfferAsked, OffersNamed, Purchased
from transforms.accrue.local_time import DAY_MS
from transforms.accrue.privileges import GrantedOffer

Closing = Literal["used", "expired", "revoked"]
OPEN_MAX: Final = 200
"""Offers that are open, or wait to be, of a member at most."""


def grant_id(member_id: str, offer: str, cause: str) -> str:
    """Of an offer granted to a member for a cause."""
    return entry_id(member_id, f"offer\x1f{offer}", cause)


def answer(book: Book, fact: OfferAsked) -> None:
    """Answer a wish to grant or revoke, if nobody has yet, and do what the answer says."""
    key = grant_id(book.member_id, fact.offer, book.cause)
    if key in book.account.offers:
        fact.code = fact.code or "exists"
        return
    code = fact.code = fact.code or _judge(book, fact)
    if code != "ok":
        refused = _new(book, fact.offer, fact.expires_at, fact.reason)
        _refuse(book, key, refused, code)
    elif fact.grant:
        _open_or_wait(book, key, _new(book, fact.offer, fact.expires_at, fact.reason))
    else:
        for name in _keys_of(book, fact.offer):
            _close(book, name, "revoked")


def give(book: Book, key: str, offer: str, reason: str) -> None:
    """Grant an offer as a prize. `key`: what for."""
    name = grant_id(book.member_id, offer, key)
    if name in book.account.offers:
        return
    granted = _new(book, offer, None, reason)
    if _is_full(book):
        _refuse(book, name, granted, "too_many_open")
    else:
        _open_or_wait(book, name, granted)


def is_used(book: Book, key: str, offer: str, owner: str) -> bool:
    """Whether what a prize granted was used."""
    granted = book.account.offers.get(grant_id(owner, offer, key))
    return granted is not None and granted.status == "used"


def take_back(book: Book, key: str, offer: str, owner: str) -> None:
    """Revoke what a prize granted its owner, unless it is closed."""
    name = grant_id(owner, offer, key)
    granted = book.account.offers.get(name)
    if granted is not None and granted.closed_at is None:
        _close(book, name, "revoked")


def use(book: Book, fact: Purchased | OffersNamed) -> frozenset[str]:
    """Close the open offers among those that a purchase names; which of these it uses. What another
    of its events used isn't used again."""
    held, named = book.account.offers, set(fact.offers)
    names = [fact.receipt_id] if fact.other_id is None else [fact.receipt_id, fact.other_id]
    since = book.at - book.plan.remember_ms
    used = {
        one.offer
        for one in held.values()
        if (one.closed_at or 0) >= since and not set(names).isdisjoint(one.used_for)
    }
    closing = [
        name
        for name, one in held.items()
        if one.offer in named - used
        and one.status == "open"
        and (one.expires_at is None or book.at < one.expires_at)
    ]
    for name in sorted(closing):
        held[name].used_for = names
        _close(book, name, "used")
    return frozenset(named & used) | {held[name].offer for name in closing}


def join(book: Book, came: dict[str, GrantedOffer]) -> None:
    """Add what another account was granted. Of two open offers of a group the one that is here
    stays open, and the one that came waits."""
    for name in sorted(came):
        one = came[name]
        if one.status == "open" and _open_of_group(book, one):
            one.status = "waiting"
        book.account.offers[name] = one
        book.changed["offers", name] = None
        if one.closed_at is None:
            _note_expiry(book, name, one)


def expire(book: Book, key: str, due: int) -> str:
    """An offer's time is over."""
    _close(book, key.partition(":")[2], "expired", "")
    return "offer_expired"


def forget(offers: dict[str, GrantedOffer], since: int) -> dict[str, GrantedOffer]:
    """Without those that were closed before `since`."""
    return {
        name: one for name, one in offers.items() if one.closed_at is None or one.closed_at >= since
    }


def _judge(book: Book, fact: OfferAsked) -> str:
    wanted = _new(book, fact.offer, fact.expires_at, "")
    if not fact.grant:
        return "ok" if _keys_of(book, fact.offer) else "not_open"
    if wanted.expires_at is not None and wanted.expires_at <= book.at:
        return "expired_already"
    if _open_of_group(book, wanted):
        return "group_has_open_offer"
    return "too_many_open" if _is_full(book) else "ok"


def _new(book: Book, offer: str, expires_at: int | None, reason: str) -> GrantedOffer:
    """An offer as its grant and the catalogue say it."""
    listed = book.terms.offers.get(offer)
    return GrantedOffer(
        offer=offer,
        group=(listed.group or "") if listed else "",
        granted_at=book.at,
        expires_at=expires_at,
        reason=reason,
    )


def _refuse(book: Book, key: str, wanted: GrantedOffer, code: str) -> None:
    wanted.status, wanted.code, wanted.closed_at = "refused", code, book.at
    book.account.offers[key] = wanted
    book.changed["offers", key] = None


def _open_or_wait(book: Book, key: str, granted: GrantedOffer) -> None:
    waits = _open_of_group(book, granted)
    book.account.offers[key] = granted
    if waits:
        granted.status = "waiting"
        book.changed["offers", key] = None
        _note_expiry(book, key, granted)
    else:
        _open(book, key, granted)


def _open(book: Book, key: str, granted: GrantedOffer) -> None:
    """Valid from now on: for as long as the catalogue says, unless the grant said until when."""
    granted.status = "open"
    listed = book.terms.offers.get(granted.offer)
    if granted.expires_at is None and listed is not None and listed.valid_days is not None:
        granted.expires_at = book.at + listed.valid_days * DAY_MS
    book.changed["offers", key] = None
    _note_expiry(book, key, granted)


def _note_expiry(book: Book, key: str, granted: GrantedOffer) -> None:
    if granted.expires_at is not None:
        book.account.timetable[f"offer:{key}"] = granted.expires_at


def _close(book: Book, key: str, status: Closing, by: str | None = None) -> None:
    """Close an offer, and open the one of its group that has waited longest."""
    account = book.account
    closed = account.offers[key]
    was_open = closed.status == "open"
    closed.status = status
    closed.closed_at = book.at
    closed.closed_by = _event(book) if by is None else by
    account.timetable.pop(f"offer:{key}", None)
    book.changed["offers", key] = None
    if was_open:
        waiting = [
            (one.granted_at, name)
            for name, one in account.offers.items()
            if one.status == "waiting" and _group(one) == _group(closed)
        ]
        if waiting:
            _, first = min(waiting)
            _open(book, first, account.offers[first])


def _group(one: GrantedOffer) -> tuple[str, str]:
    """Of which at most one is open."""
    return (one.group, "") if one.group else ("", one.offer)


def _open_of_group(book: Book, wanted: GrantedOffer) -> bool:
    group = _group(wanted)
    return any(one.status == "open" and _group(one) == group for one in _unclosed(book))


def _unclosed(book: Book) -> Iterator[GrantedOffer]:
    return (one for one in book.account.offers.values() if one.closed_at is None)


def _is_full(book: Book) -> bool:
    return sum(1 for _ in _unclosed(book)) >= OPEN_MAX


def _keys_of(book: Book, offer: str) -> list[str]:
    """Grants of an offer that are open or wait, the latter first, so that closing all of them
    opens none."""
    return sorted(
        (
            name
            for name, one in book.account.offers.items()
            if one.offer == offer and one.closed_at is None
        ),
        key=lambda name: (book.account.offers[name].status == "open", name),
    )


def _event(book: Book) -> str:
    """The event that the book is on behalf of, whatever the basket is called."""
    return book.cause.partition("\x1e")[0]
