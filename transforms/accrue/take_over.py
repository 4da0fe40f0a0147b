"""Taking over what was in the account of a member who was merged into this one.

In: the closed account, and the account that goes on, wherever that fact is folded. Out:
`transfer_in` entries, and one account of two. Promises: what arrives is what left, to the point;
lots keep their ids, dates and turn; holds can still be captured, released and time out; debt meets
points; a return takes back what its purchase earned, wherever that was, also if it came first.

The closed account is brought to now first: what fell due on the way (expiry, time-outs, a period's
end) and what was asked about its holds happens when it would have.
"""

from collections.abc import Iterable

from transforms.accrue import join_tiers, receipt_names
from transforms.accrue.answer_waiting import answer_waiting, settle_asked, settle_waiting
from transforms.accrue.book import Book
from transforms.accrue.closed_account import moves
from transforms.accrue.facts import Joining, ReturnedLine, TakenOver
from transforms.accrue.join_privileges import join_privileges
from transforms.accrue.lots import in_turn, settle_debt
from transforms.accrue.receipt_names import called
from transforms.accrue.receipts import Parked, Receipt
from transforms.accrue.redeem import is_known
from transforms.accrue.reverse_return import match_parked, withdraw_receipt
from transforms.accrue.state import Account, decode_account
from transforms.accrue.timers import fire


def expect(book: Book, fact: Joining) -> None:
    """Wait for an account, as long as returns are accepted; what concerns it waits, too."""
    account = book.account
    if fact.loser not in account.taken:
        account.joining.setdefault(fact.loser, fact.at + book.plan.returns_ms)


def key_of(loser: str, part: str) -> str:
    """Under which a part is known to have come."""
    return f"{loser}\x1f{part}" if part else loser


def take_over(book: Book, fact: TakenOver) -> None:
    """Join a closed account, or a part of its receipts, with the book's."""
    account, key = book.account, key_of(fact.loser, fact.part)
    if key in account.taken:
        return
    account.taken[key] = fact.at
    account.joining.pop(key, None)
    if fact.account:
        came = _brought_to_now(book, fact)
        book.on_behalf_of(fact.at, fact.source, fact.event_id, fact.occurred_at, fact.late)
        _join_points(book, came)
        _join_requests(account, came)
        join_tiers.join(book, came)
        join_privileges(book, came)
        for lot_id in in_turn(account):
            settle_debt(book, lot_id, account.lots[lot_id])
        _join_receipts(book, came)
        account.fired_at = max(account.fired_at, came.fired_at)
    settle_waiting(book, fact.codes)
    answer_waiting(book, fact.codes)


def _brought_to_now(book: Book, fact: TakenOver) -> Account:
    """The closed account as it would be now."""
    came = decode_account(fact.account)
    way = Book(came, book.member_id, book.plan, book.baskets, book.posted_at, book.silent)
    way.on_behalf_of(fact.at, fact.source, fact.event_id, fact.occurred_at, fact.late)
    for redemption_id, redemption in came.redemptions.items():
        redemption.elsewhere = redemption_id not in came.holds
    arrived, came.balances = list(moves(came)), {}
    for place, points, lot in arrived:
        if points > 0:
            way.post("transfer_in", "transferred", place, points, lot, f"merge_{place}")
        else:
            way.post("transfer_in", place, "transferred", -points, lot, f"merge_{place}")
    waiting = book.account.asked
    for asked in [one for one in waiting if is_known(way, one.redemption_id, one.at)]:
        fire(way, asked.at)
        settle_asked(way, asked, fact.codes)
        waiting.remove(asked)
    fire(way, fact.at)
    book.entries += way.entries
    book.touched |= way.touched
    book.answers += way.answers
    return came


def _join_points(book: Book, came: Account) -> None:
    account = book.account
    for name, points in came.balances.items():
        account.balances[name] = account.balances.get(name, 0) + points
    for at, points in came.expiring.items():
        account.expiring[at] = account.expiring.get(at, 0) + points
    account.lots |= came.lots
    account.pending |= came.pending
    account.debt += came.debt
    account.unbacked += came.unbacked
    book.touched |= dict.fromkeys(came.lots)


def _join_requests(account: Account, came: Account) -> None:
    """Holds go on. An id that was used on both sides keeps its answer of each: the hold of the
    closed account can then only time out."""
    for redemption_id, redemption in came.redemptions.items():
        name = redemption_id
        while name in account.redemptions:
            name += "'"
        account.redemptions[name] = redemption
        if redemption_id in came.holds:
            account.holds[name] = came.holds[redemption_id]
    account.asked += came.asked
    account.taken = came.taken | account.taken
    for loser, until in came.joining.items():
        if loser not in account.taken:
            account.joining.setdefault(loser, until)


def _join_receipts(book: Book, came: Account) -> None:
    """Purchases can be returned here; returns on either side find those of the other."""
    account = book.account
    withdrawals = {one.basket for one in account.parked + came.parked if one.basket is not None}
    account.parked += [
        one
        for one in came.parked
        if one.basket is not None or f"{one.source}/{one.event_id}" not in withdrawals
    ]
    names: dict[str, list[str]] = {}
    for other, receipt_id in came.other_names.items():
        names.setdefault(receipt_id, []).append(other)
    joined = [
        _join_receipt(book, receipt_id, receipt, names.get(receipt_id, []))
        for receipt_id, receipt in came.receipts.items()
    ]
    receipt_names.join(book, came)
    for receipt_id, receipt in list(account.receipts.items()):
        # One that was earned here is here by right: withdrawals are of what came, or comes.
        if receipt.lot and receipt.cause in withdrawals:
            withdraw_receipt(book, receipt_id)
    account.parked = [
        one
        for one in account.parked
        if one.basket is None or not any(r.cause == one.basket for r in account.receipts.values())
    ]
    _match_parked(book, account.receipts if came.parked else joined)


def _match_parked(book: Book, receipts: Iterable[str]) -> None:
    """Let returns that waited find their purchases, the latest of these first."""
    account, at, late = book.account, book.at, book.posting == "late"
    cause = book.source, book.event_id, book.occurred_at
    since = at - book.plan.returns_ms
    found = [(one.at, name) for name in receipts if (one := account.receipts.get(name))]
    book.through = book.cause
    for bought_at, name in sorted(found, reverse=True):
        if not account.parked:
            break
        if bought_at >= since and not account.receipts[name].withdrawn:
            match_parked(book, name, *sorted(_names(account, name)))
            book.on_behalf_of(at, *cause, late)
    book.through = ""


def _names(account: Account, receipt_id: str) -> set[str]:
    return {receipt_id} | {
        other for other, name in account.other_names.items() if name == receipt_id
    }


def _join_receipt(book: Book, receipt_id: str, receipt: Receipt, others: list[str]) -> str:
    """One more receipt; if it is of a purchase that is known here by another event, it is that
    which earned first: what the other earned is taken back, and what came back of it stays so. Its
    name from then on."""
    account = book.account
    for name in (receipt_id, *others):
        known_as = called(book, name)
        known = account.receipts.get(known_as)
        if known is None or known.withdrawn:
            continue
        if min(known.at, receipt.at) < book.at - book.plan.remember_ms:
            continue
        if abs(known.at - receipt.at) > book.plan.remember_ms:
            continue
        second, second_id = (receipt, receipt_id) if known.at <= receipt.at else (known, known_as)
        kept, kept_id = (known, known_as) if second is receipt else (receipt, receipt_id)
        back = [
            ReturnedLine(line_id=line.line_id, sku=line.sku, quantity=units, amount=amount)
            for line in book.baskets[second.basket].lines
            for units, amount in [second.returned.get(line.line_id, [0, 0])]
            if units or amount
        ]
        account.receipts[second_id] = second
        withdraw_receipt(book, second_id)
        del account.receipts[second_id]
        account.receipts[kept_id] = kept
        names = {receipt_id, known_as, *others, *_names(account, known_as)}
        account.other_names |= dict.fromkeys(names, kept_id)
        account.other_names.pop(kept_id)
        account.parked += [
            Parked(
                at=book.at,
                source=book.source or "",
                event_id=book.event_id or "",
                occurred_at=book.occurred_at,
                receipt_id=kept_id,
                line=line,
            )
            for line in back
        ]
        return kept_id
    account.receipts[receipt_id] = receipt
    for other in others:
        account.other_names[other] = receipt_id
    return receipt_id
