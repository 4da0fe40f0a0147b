"""What a change of an account is reported as: rows for the warehouse, signals for the next steps.

In: a book after its fold, and the state. Out: entries, lots, redemptions with their answers, tier
changes, and the one balance that every surface shows. Promises: a row that is written again
carries a higher version.
"""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from schemas.events import Event
from schemas.flow import AccountChanged, Output, Row, TierChanged
from schemas.ledger import LedgerEntry, Lot, Redemption, RedemptionAnswer, TierChange
from transforms.accrue.book import Answer, Book, TierMove, entry_id
from transforms.accrue.prepared import Prepared
from transforms.accrue.report_privileges import privileges
from transforms.accrue.state import Account, AccrueState, Answered, OpenLot
from transforms.accrue.view import view_of


def rows(state: AccrueState, book: Book, was: Account | None = None) -> list[Output]:
    """The rows of a book. `was`: where to look for what a rebooking made disappear."""
    written: list[Output] = list(book.entries)
    lots = book.account.lots
    gone = None if was is None else was.lots
    for lot_id in book.touched:
        lot = lots.get(lot_id)
        if lot is not None:
            written.append(_lot(state, lot_id, lot, lot.points, lot.remaining))
        elif gone is not None and lot_id in gone:
            written.append(_lot(state, lot_id, gone[lot_id], 0, 0))
    for answer in book.answers:
        written += _answer(state, book, answer)
    if book.changed:
        written += privileges(state, book.changed, was)
    return written


def last_of_each(written: list[Output]) -> list[Output]:
    """Without keyed rows that are written again: an event that posts twice, as a sale does that
    also captures a hold, may have changed the same lot twice."""
    last: dict[tuple[str, tuple[Any, ...]], int] = {}
    for place, row in enumerate(written):
        if isinstance(row, Row) and row.keys:
            key = tuple(getattr(row, name) for name in row.keys)
            last[row.table, key] = place
    kept = set(last.values())
    return [
        row
        for place, row in enumerate(written)
        if place in kept or not (isinstance(row, Row) and row.keys)
    ]


def _lot(state: AccrueState, lot_id: str, lot: OpenLot, points: int, remaining: int) -> Lot:
    what, _, cause = lot.first.partition("\x1e")
    return Lot(
        lot_id=lot_id,
        member_id=state.member_id,
        earned_at=lot.earned_at,
        available_at=lot.available_at,
        expires_at=lot.expires_at,
        points=points,
        remaining=remaining,
        entry_id=entry_id(lot_id, what, cause),
        version=state.version,
    )


def _answer(state: AccrueState, book: Book, answer: Answer) -> list[Output]:
    written: list[Output] = [
        RedemptionAnswer(
            redemption_id=answer.redemption_id,
            member_id=state.member_id,
            request=answer.request,
            points=answer.points,
            code=answer.code,
            source=answer.source,
            event_id=answer.event_id,
            answered_at=book.posted_at,
        )
    ]
    if answer.redemption is not None and not answer.redemption.elsewhere:
        written.append(redemption(state, answer.redemption_id, answer.redemption, book.posted_at))
    return written


def redemption(
    state: AccrueState,
    redemption_id: str,
    answered: Answered,
    at: int,
    moved_on: bool = False,
) -> Redemption:
    """A redemption where it stands. `moved_on`: with somebody else."""
    return Redemption(
        redemption_id=redemption_id,
        member_id=state.member_id,
        reward_id=answered.reward_id,
        points=answered.points,
        status="transferred" if moved_on else answered.status,
        code=answered.code,
        requested_at=answered.requested_at,
        answered_at=at,
        version=state.version,
    )


def tier_moves(state: AccrueState, terms: Prepared, moves: list[TierMove]) -> list[Output]:
    """A row and a signal for each move from one tier to another."""
    written: list[Output] = []
    for before, tier, at, reason in moves:
        written.append(
            TierChange(member_id=state.member_id, tier=tier, from_tier=before, at=at, reason=reason)
        )
        written.append(
            TierChanged(
                member_id=state.member_id,
                tier=tier,
                from_tier=before,
                reason=reason,
                upgrade=terms.rank(tier) > terms.rank(before),
            )
        )
    return written


def balance(
    state: AccrueState,
    terms: Prepared,
    before: tuple[int, int],
    cause: str,
    event: Event | None = None,
    reference: str | None = None,
    *,
    shows_view: bool = True,
) -> AccountChanged:
    """The account as every surface shows it. `before`: its `totals` before the cause."""
    account = state.current
    balances = account.balances
    earned, spent = totals(account)
    following = terms.rank(account.tier) + 1
    top = following == len(terms.levels)
    view = None
    if shows_view and not state.merged_into:
        view = view_of(account, terms, state.changed_at, state.enrolled_at)
    expires_at = min(account.expiring) if account.expiring else None
    return AccountChanged(
        member_id=state.member_id,
        programme=state.programme,
        available=balances.get("available", 0),
        pending=balances.get("pending", 0),
        held=balances.get("held", 0),
        qualifying=account.qualifying,
        tier=account.tier or terms.levels[0],
        next_tier=None if top else terms.levels[following],
        to_next_tier=0 if top else max(0, terms.thresholds[following] - account.qualifying),
        next_expiry_at=expires_at,
        next_expiry_points=0 if expires_at is None else account.expiring[expires_at],
        enrolled_at=state.enrolled_at,
        cause=cause,
        event_id=event.event_id if event else None,
        source=event.source if event else None,
        earned=earned - before[0],
        spent=spent - before[1],
        reference=reference,
        view=view,
    )


def traced(outputs: Iterable[Output], traceparent: str) -> list[Output]:
    """The same outputs; what topics tell of them carries the trace of the event behind them."""
    return [
        replace(output, traceparent=traceparent)
        if isinstance(output, LedgerEntry | RedemptionAnswer)
        else output
        for output in outputs
    ]


def totals(account: Account) -> tuple[int, int]:
    """Points ever earned, less those reversed; points ever redeemed."""
    balances = account.balances
    earned = -balances.get("issued", 0) - balances.get("reversed", 0)
    return earned, balances.get("redeemed", 0)
