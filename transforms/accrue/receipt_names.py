"""What a purchase is called: an order and the sale that completes it are one.

In: names of receipts within an account. Out: the receipt that is meant. Promises: a receipt's own
name goes before what another is also called; a name that is learnt before its order is kept as long
as returns are accepted; nothing that is forgotten could have been meant any more.
"""

from transforms.accrue.book import Book
from transforms.accrue.receipts import EarlyName
from transforms.accrue.state import Account


def called(book: Book, name: str) -> str:
    """The receipt of that name, its own or another; none that may be forgotten by now."""
    if is_there(book, name):
        return name
    other = book.account.other_names.get(name, name)
    return other if is_there(book, other) else name


def begin(book: Book, receipt_id: str, other_id: str | None) -> None:
    """A receipt of that name begins, perhaps after one so old that its name may be used again."""
    account = book.account
    account.other_names.pop(receipt_id, None)
    if receipt_id in account.receipts:
        account.other_names = {
            other: name for other, name in account.other_names.items() if name != receipt_id
        }
    if other_id is not None:
        account.other_names[other_id] = receipt_id
    if account.early_names:
        _adopt(book, receipt_id, book.at)


def learn(book: Book, name: str, receipt_id: str) -> None:
    """A receipt, whether it is there or still to come, is called so, too."""
    account = book.account
    meant = called(book, receipt_id)
    if not is_there(book, meant):
        account.early_names[name] = EarlyName(of=receipt_id, at=book.at)
    elif not is_there(book, called(book, name)):
        account.other_names[name] = meant


def is_there(book: Book, receipt_id: str) -> bool:
    """Whether there is a receipt of that very name, not so old that it may be forgotten."""
    receipt = book.account.receipts.get(receipt_id)
    return receipt is not None and receipt.at >= book.at - book.plan.remember_ms


def join(book: Book, came: Account) -> None:
    """Add the names that another account knew of orders still to come; some may be here."""
    account = book.account
    account.early_names = came.early_names | account.early_names
    if account.early_names:
        for receipt_id, receipt in account.receipts.items():
            _adopt(book, receipt_id, receipt.at)


def _adopt(book: Book, receipt_id: str, at: int) -> None:
    """Give a receipt the names that were learnt before it."""
    account = book.account
    for name in [name for name, early in account.early_names.items() if early.of == receipt_id]:
        early = account.early_names.pop(name)
        if at - early.at <= book.plan.returns_ms and not is_there(book, called(book, name)):
            account.other_names[name] = receipt_id
