"""Closing the account of a member who was merged into another.

In: the account, the event that merged it, and its survivor. Out: entries that empty it, its lots
and holds as they are now, and commands that bring what was in it to the survivor. Promises: what
leaves is what was there, to the point; afterwards nothing is remembered but who goes on, and
nothing that still comes opens the account again.
"""

from msgspec.structs import replace

from schemas.commands import LoopCommand
from schemas.events import Event
from schemas.flow import Output
from schemas.ledger import AccountMerge
from schemas.payloads import Transfer
from transforms.accrue import report
from transforms.accrue.book import Book
from transforms.accrue.book import lot_id as lot_of
from transforms.accrue.closed_account import ACCOUNT, Closed, moves, parts_of
from transforms.accrue.horizon import forget
from transforms.accrue.programmes import Plan
from transforms.accrue.rebook import renumber
from transforms.accrue.report_privileges import transferred
from transforms.accrue.state import Account, AccrueState, decode_account, encode_account
from transforms.accrue.timers import fire
from transforms.transfer import order


def close(
    state: AccrueState, plan: Plan, event: Event, survivor: str, now: int, chars_max: int
) -> list[Output]:
    """Close the account; what is to be reported, and ordered."""
    before = report.totals(state.current)
    state.version += 1
    state.changed_at = now
    book = Book(state.current, state.member_id, plan, state.baskets, now)
    fire(book, now)
    book.on_behalf_of(now, event.source, event.event_id, event.occurred_at, False)
    closed, terms = _contents(state, plan, now), book.terms
    merge = _merge_row(state, closed.account, book.cause, survivor, now)
    orders = _orders(state, merge, event, closed, chars_max)
    _empty(book, closed.account)
    renumber(state, book.entries, now)
    rows = report.rows(state, book)
    for name in closed.account.holds:
        held = closed.account.redemptions[name]
        rows.append(report.redemption(state, name, held, now, moved_on=True))
    account = state.current
    rows += transferred(state, account, now)
    state.current = Account(balances=account.balances, tier=account.tier)
    state.base, state.facts, state.baskets, state.rebooked = b"", [], {}, {}
    state.timer, state.merged_into = None, survivor
    changed = report.balance(state, terms, before, event.type, event)
    return [*rows, merge, *orders, replace(changed, merged_into=survivor)]


def pass_on(state: AccrueState, event: Event, now: int) -> list[Output]:
    """A transfer that reaches a closed account goes on to where that account went."""
    transfer = event.payload
    assert isinstance(transfer, Transfer)
    return [order(transfer, state.merged_into, event, now)]


def _contents(state: AccrueState, plan: Plan, now: int) -> Closed:
    """What goes to the survivor: all that isn't over, without purchases that were taken back."""
    account = decode_account(encode_account(state.current))
    forget(account, plan, now)
    receipts = {
        name: replace(one, lot=one.lot or lot_of(state.member_id, one.basket))
        for name, one in account.receipts.items()
        if not one.withdrawn
    }
    account.receipts = receipts
    account.other_names = {
        other: name for other, name in account.other_names.items() if name in receipts
    }
    account.balances = {
        name: points
        for name, points in account.balances.items()
        if name in ("pending", "available", "held")
    }
    baskets = {one.basket: state.baskets[one.basket] for one in receipts.values()}
    return Closed(account=account, baskets=baskets)


def _empty(book: Book, contents: Account) -> None:
    """Post what leaves, and leave every lot with nothing in it."""
    for place, points, lot_id in moves(contents):
        if points > 0:
            book.post("transfer_out", place, "transferred", points, lot_id, f"merge_{place}")
        else:
            book.post("transfer_out", "transferred", place, -points, lot_id, f"merge_{place}")
    for name, lot in book.account.lots.items():
        if lot.remaining:
            book.touched[name] = None
        lot.remaining = lot.held = 0


def _merge_row(
    state: AccrueState, account: Account, merge: str, survivor: str, now: int
) -> AccountMerge:
    return AccountMerge(
        loser=state.member_id,
        survivor=survivor,
        merge=merge,
        programme=state.programme,
        points=sum(account.balances.values()),
        debt=account.debt,
        lots=sum(1 for lot in account.lots.values() if lot.remaining),
        holds=len(account.holds),
        status="in_transit",
        merged_at=now,
        version=state.version,
    )


def _orders(
    state: AccrueState, row: AccountMerge, event: Event, closed: Closed, chars_max: int
) -> list[LoopCommand]:
    orders = []
    for part, contents in parts_of(closed, chars_max):
        transfer = Transfer(
            loser=state.member_id,
            merge=row.merge,
            merged_at=row.merged_at,
            part=part,
            programme=state.programme,
            points=row.points if part == ACCOUNT else 0,
            debt=row.debt if part == ACCOUNT else 0,
            lots=row.lots if part == ACCOUNT else 0,
            holds=row.holds if part == ACCOUNT else 0,
            tier=state.current.tier or None,
            enrolled_at=state.enrolled_at,
            version=state.version,
            contents=contents,
        )
        orders.append(order(transfer, row.survivor, event, row.merged_at))
    return orders
