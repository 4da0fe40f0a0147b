"""Purchases and returns.

A purchase earns once, whichever of its events comes first. A return takes back what the receipt
earned less what its kept part would have earned: all returns of a receipt together, so roundings
never add up. A return whose purchase isn't known waits for it.
"""

from math import floor
from typing import Any

from scripts.plain_fold import tier
from scripts.plain_fold.account import DAY_MS, PlainAccount, Receipt, Waiting

Line = dict[str, Any]


def buy(account: PlainAccount, at: int, event: str, names: list[str], lines: list[Line]) -> None:
    """A sale or an order. `names`: its transaction and its order, as far as it has them."""
    receipt = _known(account, at, names)
    if receipt is not None:
        receipt.names += [name for name in names if name not in receipt.names]
    else:
        receipt = Receipt(
            at=at,
            year=tier.year_of(account, at),
            names=list(names),
            event=event,
            lines=_by_id(lines),
            tier=account.tier,
        )
        account.receipts.append(receipt)
        receipt.earned = worth(account, receipt)
        if receipt.earned:
            heap = receipt.heap = account.new_heap(event, at, account.terms.pending_days)
            heap.points = receipt.earned
            if account.terms.pending_days:
                heap.pending = receipt.earned
                account.move("issued", "pending", receipt.earned)
            else:
                heap.available = receipt.earned
                account.move("issued", "available", receipt.earned)
                account.repay()
        tier.bought(account, receipt.year)
    find_waiting(account, receipt, names)


def _known(account: PlainAccount, at: int, names: list[str]) -> Receipt | None:
    for name in names:
        for receipt in reversed(account.receipts):
            recent = at - receipt.at <= account.terms.returns_days * DAY_MS
            if name in receipt.names and recent and not receipt.withdrawn:
                return receipt
    return None


def _by_id(lines: list[Line]) -> list[Line]:
    """In the order of their ids; a repeated id is told apart by its place."""
    ids: set[str] = set()
    found = []
    for place, line in enumerate(lines):
        name = line["line_id"]
        found.append({**line, "line_id": f"{name}#{place}" if name in ids else name})
        ids.add(name)
    return sorted(found, key=lambda line: line["line_id"])


def worth(account: PlainAccount, receipt: Receipt) -> int:
    """Points for what is kept of a receipt, in the tier that it was bought in."""
    terms = account.terms
    money = sum(
        line["amount"] - receipt.money_back[line["line_id"]]
        for line in receipt.lines
        if line["category"] not in terms.excluded and line["sku"] not in terms.excluded_skus
    )
    if money <= 0:
        return 0
    base = floor(money * terms.base)
    return max(base, floor(money * terms.by_tier.get(receipt.tier, terms.base)))


def bring_back(
    account: PlainAccount, event: str, name: str | None, lines: list[Line | None]
) -> None:
    """Lines come back, of a receipt (`name`) or of any; None: all that is left of the receipt."""
    oldest = account.now - account.terms.returns_days * DAY_MS
    recent = [one for one in account.receipts if one.at >= oldest]
    if name is not None:
        recent = [one for one in recent if name in one.names][-1:]
    recent.sort(key=lambda one: (one.at, one.names[0]), reverse=True)
    touched: list[Receipt] = []
    for line in lines:
        found, left = _match(name, line, recent, touched)
        if not found or left is not None:
            account.waiting.append(
                Waiting(at=account.now, event=event, receipt=name, line=left if found else line)
            )
    for receipt in dict.fromkeys(touched):
        reverse(account, receipt)


def find_waiting(account: PlainAccount, receipt: Receipt, names: list[str]) -> None:
    """Returns that waited for this purchase, each event's lines together."""
    patience = account.terms.returns_days * DAY_MS
    waited = [one for one in account.waiting if account.now - one.at <= patience]
    account.waiting = []
    for event in dict.fromkeys(one.event for one in waited):
        touched: list[Receipt] = []
        for one in waited:
            if one.event != event:
                continue
            found, left = False, one.line
            if one.receipt is None or one.receipt in names:
                found, left = _match(one.receipt, one.line, [receipt], touched)
            if not found or left is not None:
                one.line = left if found else one.line
                account.waiting.append(one)
        if touched:
            reverse(account, receipt)


def _match(
    name: str | None, line: Line | None, receipts: list[Receipt], touched: list[Receipt]
) -> tuple[bool, Line | None]:
    """Mark what came back on the receipts. Whether anything fits, and what is left to look for."""
    if name is None and line is not None:
        return _match_product(line, receipts, touched)
    if not receipts:
        return False, line
    receipt = receipts[0]
    if line is None:
        for one in receipt.lines:
            _mark(receipt, one, one["quantity"], one["amount"], touched)
        return True, None
    for one in receipt.lines:
        if one["line_id"] == line["line_id"]:
            _mark(receipt, one, line["quantity"], line["amount"], touched)
            return True, None
    _match_product(line, [receipt], touched)
    return True, None


def _match_product(
    wanted: Line, receipts: list[Receipt], touched: list[Receipt]
) -> tuple[bool, Line | None]:
    """The latest units of the product that didn't come back yet."""
    units, money, found = max(1, wanted["quantity"]), wanted["amount"], False
    for receipt in receipts:
        for line in receipt.lines:
            there = line["quantity"] - receipt.units_back[line["line_id"]]
            some = min(units, there)
            if line["sku"] == wanted["sku"] and some > 0:
                part = money * some // units
                _mark(receipt, line, some, part, touched)
                units, money, found = units - some, money - part, True
    return found, {**wanted, "quantity": units, "amount": money} if units else None


def _mark(receipt: Receipt, line: Line, units: int, money: int, touched: list[Receipt]) -> None:
    """Note what came back of a line, never more than there was. With its last unit comes all that
    was paid for it; without an amount, the units' part."""
    name, bought = line["line_id"], line["quantity"]
    was = receipt.units_back[name]
    left = line["amount"] - receipt.money_back[name]
    units = min(max(0, units), max(0, bought - was))
    if bought > 0 and was + units == bought:
        money = left
    elif money <= 0:
        money = line["amount"] * units // bought if bought > 0 else 0
    money = min(money, left)
    receipt.units_back[name] += units
    receipt.money_back[name] += money
    if money:
        touched.append(receipt)


def reverse(account: PlainAccount, receipt: Receipt) -> None:
    """Take back what a receipt's points shrink by: first what expired, then what is pending, then
    what is available, of its own lot before others; what isn't there is owed."""
    due = receipt.earned - worth(account, receipt) - receipt.reversed
    receipt.reversed += due
    heap = receipt.heap
    if heap is not None and due:
        expired = min(due, heap.expired)
        heap.expired -= expired
        account.move("expired", "reversed", expired)
        pending = min(due - expired, heap.pending)
        heap.pending -= pending
        account.move("pending", "reversed", pending)
        rest = due - expired - pending
        if not receipt.withdrawn:
            rest = _allowed(account, rest)
        account.move("available", "reversed", rest)
        _, missing = account.take(rest, first=heap)
        account.debt += missing
        heap.points = max(heap.remaining, heap.points - expired - pending - rest)
    tier.look(account)


def _allowed(account: PlainAccount, points: int) -> int:
    """How many available points a return may take."""
    available = max(0, account.sums["available"])
    policy = account.terms.negative_balance
    if policy == "floor_zero":
        return min(points, available)
    if policy == "refuse" and points > available:
        return 0
    return points


def withdraw(account: PlainAccount, event: str) -> None:
    """A purchase of long ago is somebody else's: all of it is taken back. A return that waits
    waits no more."""
    account.waiting = [one for one in account.waiting if one.event != event]
    for receipt in account.receipts:
        if receipt.event == event and not receipt.withdrawn:
            receipt.withdrawn = True
            for line in receipt.lines:
                _mark(receipt, line, line["quantity"], line["amount"], [])
            reverse(account, receipt)
