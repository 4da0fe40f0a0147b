"""How far an account is off what it must be, worked out when a correction becomes known.

In: what the account must stand at (`Correct`), and the account. Out: a `Corrected` fact that says
how far it is off, or None. Promises: an account that stands there gets no fact, so that a history
in which the mistake was never made isn't corrected; the fact's moves leave one account for
another, and together they are what every account is off. Holds stay: they are answers.
"""

from collections.abc import Iterator
from typing import Final, get_args

from schemas.events import Event
from schemas.ledger import Account as AccountName
from schemas.payloads import Correct, CorrectedLot
from transforms.accrue import join_tiers
from transforms.accrue.facts import Corrected, LotChange, Move
from transforms.accrue.prepared import Prepared
from transforms.accrue.state import Account, OpenLot

ACCOUNTS: Final[tuple[AccountName, ...]] = get_args(AccountName)


def difference(account: Account, event: Event, known_at: int, terms: Prepared) -> Corrected | None:
    """How far an account is off what an event says that it must be; None: not at all."""
    wanted = event.payload
    assert isinstance(wanted, Correct)
    off: dict[AccountName, int] = {
        name: getattr(wanted, name) - account.balances.get(name, 0) for name in ACCOUNTS
    }
    off["available"] += off["held"]  # a hold is an answer that was given: it stays
    off["held"] = 0
    moves = _Moves(off)
    changes = []
    for lot in _all_lots(account, wanted):
        known = account.lots.get(lot.lot_id)
        change = _lot_change(known, lot)
        if change is not None:
            changes.append(change)
            moves.of_lot(lot, change, known, place_of(account, lot.lot_id), known_at)
    moves.rest()
    qualifying, kept = join_tiers.off(account, terms, known_at, wanted.qualifying, wanted.tier)
    debt = wanted.debt - account.debt
    if not (moves.made or changes or debt or qualifying or kept is not None):
        return None
    return Corrected(
        at=known_at,
        source=event.source,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        note=f"{wanted.reason} ({wanted.actor})",
        moves=moves.made,
        lots=changes,
        debt=debt,
        qualifying=qualifying,
        kept=kept,
    )


def _all_lots(account: Account, wanted: Correct) -> Iterator[CorrectedLot]:
    """The lots as they must stand; one with points that isn't named must have none."""
    yield from wanted.lots
    named = {lot.lot_id for lot in wanted.lots}
    for key, lot in account.lots.items():
        if lot.remaining and key not in named:
            yield CorrectedLot(
                lot_id=key,
                earned_at=lot.earned_at,
                available_at=lot.available_at,
                expires_at=lot.expires_at,
                points=lot.points,
                expired=lot.expired,
            )


def _lot_change(known: OpenLot | None, lot: CorrectedLot) -> LotChange | None:
    """By how much a lot must change; None: not, or it is empty and nobody remembers it."""
    if known is None:
        if not lot.remaining:
            return None
        known = OpenLot(earned_at=0, available_at=0, points=0, remaining=0, first="")
    change = LotChange(
        lot=lot.lot_id,
        earned_at=lot.earned_at,
        available_at=lot.available_at,
        expires_at=lot.expires_at,
        points=lot.points - known.points,
        remaining=lot.remaining - known.remaining,
        expired=lot.expired - known.expired,
    )
    dates = (known.earned_at, known.available_at, known.expires_at)
    moved = lot.remaining and dates != (lot.earned_at, lot.available_at, lot.expires_at)
    return change if moved or change.points or change.remaining else None


def place_of(account: Account, lot: str) -> AccountName:
    """The account in which a lot's points are; held ones are told apart by their hold."""
    return "pending" if lot in account.pending else "available"


def becomes_at(change: LotChange, at: int) -> AccountName:
    return "pending" if change.available_at > at else "available"


class _Moves:
    """Which points leave which account for which, so that nothing is `off` any more."""

    def __init__(self, off: dict[AccountName, int]) -> None:
        self.made: list[Move] = []
        self._off = off

    def of_lot(
        self,
        lot: CorrectedLot,
        change: LotChange,
        known: OpenLot | None,
        was: AccountName,
        at: int,
    ) -> None:
        """What the change of one lot moves. Points that it has and that are no longer, or again,
        pending are moved when the lot is changed."""
        becomes = becomes_at(change, at)
        if known is not None and was != becomes:
            self._off[was] += known.remaining
            self._off[becomes] -= known.remaining
        if change.remaining > 0:
            self._come(becomes, change.remaining, lot, -change.expired)
        elif change.remaining < 0:
            self._leave(becomes, -change.remaining, lot, change.expired)

    def rest(self) -> None:
        """What no lot stands behind: debts, and points that were long spent or gone."""
        for place in ("pending", "available"):
            if self._off[place] > 0:
                self._come(place, self._off[place], None, 0)
            elif self._off[place] < 0:
                self._leave(place, -self._off[place], None, 0)
        for account in ACCOUNTS:
            for other in ACCOUNTS:
                points = min(-self._off[account], self._off[other])
                if points > 0:
                    self._move(account, other, points, None)

    def _come(
        self, place: AccountName, points: int, lot: CorrectedLot | None, expired: int
    ) -> None:
        points -= self._some("expired", place, min(points, expired, -self._off["expired"]), lot)
        for account in ACCOUNTS:
            if account not in ("pending", "available"):
                points -= self._some(account, place, min(points, -self._off[account]), lot)
        self._some("issued", place, points, lot)

    def _leave(
        self, place: AccountName, points: int, lot: CorrectedLot | None, expired: int
    ) -> None:
        points -= self._some(place, "expired", min(points, expired, self._off["expired"]), lot)
        for account in ACCOUNTS:
            if account not in ("pending", "available"):
                points -= self._some(place, account, min(points, self._off[account]), lot)
        self._some(place, "issued", points, lot)

    def _some(
        self, debit: AccountName, credit: AccountName, points: int, lot: CorrectedLot | None
    ) -> int:
        if points <= 0:
            return 0
        self._move(debit, credit, points, lot)
        return points

    def _move(
        self, debit: AccountName, credit: AccountName, points: int, lot: CorrectedLot | None
    ) -> None:
        self._off[debit] += points
        self._off[credit] -= points
        key = None if lot is None else lot.lot_id
        for made in self.made:
            if (made.debit, made.credit, made.lot) == (debit, credit, key):
                made.points += points
                return
        corrects = None if lot is None else lot.corrects
        self.made.append(
            Move(debit=debit, credit=credit, points=points, lot=key, corrects=corrects)
        )
