"""Requests that waited for a hold which is, or may be, in an account on its way.

In: an account whose `asked` were kept by `redeem.settle`. Out: their answers, given as of the
instant at which each was asked for. Promises: each is answered once, by what the account that came
says, or, when nothing more is on its way, that there is no such hold.
"""

from msgspec.structs import replace

from schemas.ledger import RedemptionCode
from transforms.accrue.book import Book
from transforms.accrue.facts import SettleAsked
from transforms.accrue.redeem import is_known, settle


def settle_waiting(book: Book, codes: dict[str, RedemptionCode]) -> None:
    """Answer the requests that waited for a hold which is here now."""
    account = book.account
    for asked in [one for one in account.asked if is_known(book, one.redemption_id, one.at)]:
        settle_asked(book, asked, codes)
        account.asked.remove(asked)


def settle_asked(book: Book, asked: SettleAsked, codes: dict[str, RedemptionCode]) -> None:
    """Capture or release a hold for a request that waited. `codes`: the answers that were given,
    to which a new one is added."""
    at, late = book.at, book.posting == "late"
    cause = book.source, book.event_id, book.occurred_at
    key = f"{asked.key}/{asked.redemption_id}"
    fact = replace(asked, code=codes.get(key))
    book.on_behalf_of(asked.at, asked.source, asked.event_id, asked.occurred_at, asked.late)
    settle(book, fact)
    assert fact.code is not None
    codes[key] = fact.code
    book.on_behalf_of(at, *cause, late)


def answer_waiting(book: Book, codes: dict[str, RedemptionCode] | None = None) -> None:
    """Nothing more is on its way: there are no holds for the requests that still wait."""
    account = book.account
    if account.joining:
        return
    waiting, account.asked = account.asked, []
    for asked in waiting:
        settle_asked(book, asked, {} if codes is None else codes)
