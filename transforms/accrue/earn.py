"""Earning: a purchase becomes a receipt, a lot and one entry a line and rule.

In: a purchase and its basket. Out: entries, a lot, qualifying. Promises: a transaction or an order
earns once, whichever of its events comes first; each rule is rounded once a receipt; a line whose
share is zero gets no entry; all rules of a receipt earn into one lot.
"""

from itertools import compress

from xxhash import xxh3_128_hexdigest

from schemas.ledger import Account as AccountName
from schemas.ledger import LedgerEntry
from transforms.accrue import caps, challenges, expiry, membership, offers, receipt_names, tiers
from transforms.accrue.book import Book, lot_id, opening
from transforms.accrue.conditions import Asked
from transforms.accrue.facts import Acted, Named, Purchased
from transforms.accrue.lots import open_lot
from transforms.accrue.rate import EVERY_RULE, Basis, basis_of, rate, share
from transforms.accrue.receipts import BasketLine, Receipt
from transforms.accrue.reverse_return import match_parked


def purchase(book: Book, fact: Purchased) -> None:
    """Post what a purchase earns, then the returns that waited for it."""
    account, terms = book.account, book.terms
    known = _known(book, fact)
    if known is not None:
        if fact.offers:
            offers.use(book, fact)
        _match(book, known, fact.receipt_id, fact.other_id)
        return
    book.cause = fact.basket
    basket = book.baskets[book.cause]
    lines = basket.lines
    tier = account.tier or terms.levels[0]
    amounts = [line.amount for line in lines]
    masks = [line.rules for line in lines]
    units = [line.quantity for line in lines]
    basis = basis_of(amounts, units, masks, len(terms.rules), basket.portions)
    used = offers.use(book, fact) if fact.offers else frozenset()
    applies, room = fitting(book, tier, used), caps.room(book)
    earned = rate(terms.rules, tier, basis, applies, room)
    if fact.other_id is not None or account.other_names or account.early_names:
        receipt_names.begin(book, fact.receipt_id, fact.other_id)
    receipt = account.receipts[fact.receipt_id] = Receipt(
        at=fact.at, basket=book.cause, tier=tier, version=terms.version, earned=earned
    )
    if applies != EVERY_RULE:
        receipt.applies = applies
    if room is not None:
        receipt.room = room
        caps.use(book, earned)
    spend = sum(compress(amounts, masks))
    if spend:
        expiry.bought(book)
    if any(earned):
        _post(book, lines, amounts, masks, earned)
    account.purchases += 1 if spend else 0
    tiers.count(book, terms.qualifying(earned), spend, 1 if spend else 0)
    if terms.challenges:
        challenges.bought(book, receipt, used)
    if account.parked:
        match_parked(book, fact.receipt_id, fact.other_id)


def learn_name(book: Book, fact: Named) -> None:
    """Remember what else an order is called, so that a return may name either."""
    receipt_names.learn(book, fact.transaction_id, fact.order_id)
    _match(book, receipt_names.called(book, fact.order_id))


def _match(book: Book, receipt_id: str, *names: str | None) -> None:
    """Let returns that waited find a receipt that is known already, if it may still be returned."""
    receipt = book.account.receipts.get(receipt_id) if book.account.parked else None
    if receipt is None or receipt.withdrawn or book.at - receipt.at > book.plan.returns_ms:
        return
    match_parked(book, receipt_id, *names)


def fitting(book: Book, tier: str, used: frozenset[str] = frozenset()) -> int:
    """Mask of the rules that the member fits now. `used`: offers that the purchase uses."""
    asks = book.terms.asks_member
    if not asks:
        return EVERY_RULE
    asked = Asked(book.account, tier, book.at, book.terms.zone, used, membership.plan_now(book))
    mask = EVERY_RULE
    for place, test in asks:
        if not test(asked):
            mask &= ~(1 << place)
    return mask


def act(book: Book, fact: Acted) -> None:
    """Post what an action earns: available at once, for nothing of it can be returned."""
    account, terms = book.account, book.terms
    if book.posting == "late":
        book.cause += f"\x1e{book.at}"  # it may have been here before, and have been taken back
    tier = account.tier or terms.levels[0]
    fits = [bool(rule.action) and fact.rules >> place & 1 for place, rule in enumerate(terms.rules)]
    basis = Basis([int(fit) for fit in fits], [fact.quantity if fit else 0 for fit in fits])
    room = caps.room(book)
    earned = rate(terms.rules, tier, basis, fitting(book, tier), room)
    if room is not None:
        caps.use(book, earned)
    expiry.acted(book)
    lot, total, first = lot_id(book.member_id, book.cause), sum(earned), ""
    for rule, points in zip(terms.rules, earned, strict=True):
        if points:
            first = first or opening(rule.kind, rule.name, None)
            book.post(rule.kind, "issued", "available", points, lot, rule.name, opens=True)
    if total:
        open_lot(book, lot, total, first)
    tiers.count(book, terms.qualifying(earned), 0, 0)
    if terms.challenges:
        challenges.acted(book, fact)


def _known(book: Book, fact: Purchased) -> str | None:
    """The receipt of another event of the same purchase, if one earned already; learn the
    purchase's other name then."""
    account = book.account
    names = [fact.receipt_id] if fact.other_id is None else [fact.receipt_id, fact.other_id]
    for name in names:
        receipt_id = receipt_names.called(book, name)
        receipt = account.receipts.get(receipt_id)
        if receipt is None or receipt.withdrawn:
            continue
        if fact.at - receipt.at <= book.plan.remember_ms:
            for other in names:
                if other != receipt_id and not receipt_names.is_there(book, other):
                    account.other_names[other] = receipt_id
            return receipt_id
    return None


def _post(
    book: Book, lines: list[BasketLine], amounts: list[int], masks: list[int], earned: list[int]
) -> None:
    """Open the receipt's lot and write its entries: the hottest loop of accrue, hence inlined."""
    terms = book.terms
    lot = lot_id(book.member_id, book.cause)
    credit: AccountName = "pending" if terms.pending_ms else "available"
    first = ""
    for place, rule in enumerate(terms.rules):
        if not earned[place]:
            continue
        shared = share(earned[place], _weights(amounts, masks, place))
        prefix = opening(rule.kind, rule.name, "")
        if not first:
            first = next(
                prefix + line.line_id for line, part in zip(lines, shared, strict=True) if part
            )
        if book.silent:
            break
        book.entries += [
            LedgerEntry(
                entry_id=xxh3_128_hexdigest(f"{lot}\x1f{prefix}{line.line_id}\x1f".encode()),
                member_id=book.member_id,
                debit="issued",
                credit=credit,
                points=part,
                kind=rule.kind,
                rule=rule.name,
                programme_version=terms.name,
                lot_id=lot,
                source=book.source,
                event_id=book.event_id,
                line_id=line.line_id,
                occurred_at=book.occurred_at,
                posted_at=book.posted_at,
                corrects=None,
                posting=book.posting,
            )
            for line, part in zip(lines, shared, strict=True)
            if part
        ]
    total = sum(earned)
    balances = book.account.balances
    balances["issued"] = balances.get("issued", 0) - total
    balances[credit] = balances.get(credit, 0) + total
    open_lot(book, lot, total, first, terms.pending_ms)


def _weights(amounts: list[int], masks: list[int], place: int) -> list[int]:
    """What each line counts for a rule."""
    return [amount if mask >> place & 1 else 0 for amount, mask in zip(amounts, masks, strict=True)]
