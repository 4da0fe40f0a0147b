"""The book of a fold: where movements are posted.

In: movements of points, one call each. Out: ledger entries, and the balances they leave in the
account. Promises: each movement leaves one account for another, so that a member's accounts sum
to zero by construction; an entry's id is a function of what it is for (lot, kind, accounts, rule,
line and cause), so that the same movement, folded again, has the same id.
"""

from typing import Final, Literal, NamedTuple

from xxhash import xxh3_128_hexdigest

from schemas.ledger import Account as AccountName
from schemas.ledger import EntryKind, LedgerEntry, Posting, RedemptionCode
from transforms.accrue.prepared import Prepared
from transforms.accrue.programmes import Plan
from transforms.accrue.receipts import Basket, Receipt
from transforms.accrue.state import Account, Answered

MOVEMENTS: Final[dict[EntryKind, frozenset[tuple[AccountName, AccountName]]]] = {
    "earn": frozenset({("issued", "pending"), ("issued", "available")}),
    "bonus": frozenset({("issued", "pending"), ("issued", "available")}),
    "activate": frozenset({("pending", "available")}),
    "hold": frozenset({("available", "held")}),
    "release": frozenset({("held", "available")}),
    "redeem": frozenset({("held", "redeemed"), ("available", "redeemed")}),
    "reverse": frozenset(
        {("pending", "reversed"), ("available", "reversed"), ("expired", "reversed")}
    ),
    "reinstate": frozenset({("expired", "available")}),
    "expire": frozenset({("available", "expired"), ("pending", "expired")}),
    "adjust": frozenset({("issued", "available"), ("available", "issued")}),
    "transfer_out": frozenset(
        {
            ("available", "transferred"),
            ("pending", "transferred"),
            ("held", "transferred"),
            ("transferred", "available"),
        }
    ),
    "transfer_in": frozenset(
        {
            ("transferred", "available"),
            ("transferred", "pending"),
            ("transferred", "held"),
            ("available", "transferred"),
        }
    ),
}
"""From which account to which each kind of entry may move points; `correct` swaps any of them. A
transfer that goes the other way is a debt that leaves, or comes."""


def lot_id(member_id: str, cause: str) -> str:
    """The lot that an event earned for a member."""
    return xxh3_128_hexdigest(f"{member_id}\x1f{cause}".encode())[:24]


def entry_id(owner: str, what: str, cause: str = "") -> str:
    """Of the lot (or, without one, the member), what is posted, and the event or timer behind it.

    A lot belongs to the event and the member that earned it, so the entries that open it need no
    cause; the cause of others holds the member, too, since a lot may go on with a survivor.
    """
    return xxh3_128_hexdigest(f"{owner}\x1f{what}\x1f{cause}".encode())


def opening(kind: str, rule: str | None, line_id: str | None) -> str:
    """What an entry that opens a lot is for; lots remember their first one's."""
    return f"{kind}\x1f{rule}\x1f{line_id}"


def posted_as(kind: str, debit: str, credit: str, rule: str | None, line_id: str | None) -> str:
    """What an entry that opens no lot is for, besides its cause."""
    return f"{kind}\x1f{debit}\x1f{credit}\x1f{rule}\x1f{line_id}"


TierMove = tuple[str, str, int, str]
"""From, to, when and why."""

Request = Literal["redeem", "capture", "release", "sale", "time_out"]


class Answer(NamedTuple):
    """What was said when a redemption was asked for, settled or timed out."""

    request: Request
    redemption_id: str
    points: int
    code: RedemptionCode
    redemption: Answered | None
    source: str | None
    event_id: str | None


class Book:
    """An account being folded, what its fold posts, and on whose behalf."""

    __slots__ = (
        "account",
        "answers",
        "at",
        "baskets",
        "cause",
        "changed",
        "entries",
        "event_id",
        "member_id",
        "occurred_at",
        "plan",
        "posted_at",
        "posting",
        "silent",
        "source",
        "terms",
        "through",
        "tier_moves",
        "touched",
    )

    def __init__(
        self,
        account: Account,
        member_id: str,
        plan: Plan,
        baskets: dict[str, Basket],
        posted_at: int,
        silent: bool = False,
    ) -> None:
        self.account = account
        self.member_id = member_id
        self.plan = plan
        self.baskets = baskets
        self.posted_at = posted_at
        self.silent = silent
        """Fold without keeping the entries."""
        self.entries: list[LedgerEntry] = []
        self.touched: dict[str, None] = {}
        """Lots that changed."""
        self.changed: dict[tuple[str, str], None] = {}
        """What else changed: a part of the account, and the key in it."""
        self.tier_moves: list[TierMove] = []
        self.answers: list[Answer] = []
        self.at = 0
        self.occurred_at = 0
        self.source: str | None = None
        self.event_id: str | None = None
        self.cause = ""
        self.posting: Posting = "in_order"
        self.through = ""
        """The transfer by which a return came that finds its purchase now: it was elsewhere before,
        and before that perhaps here."""
        self.terms: Prepared = plan.versions[0]

    def on_behalf_of(
        self, at: int, source: str | None, event_id: str | None, occurred_at: int, late: bool
    ) -> None:
        """Post for an event from now on."""
        self.at = at
        self.occurred_at = occurred_at
        self.source = source
        self.event_id = event_id
        self.cause = f"{source}/{event_id}"
        self.posting = "late" if late else "in_order"
        self.terms = self.plan.terms_at(occurred_at)

    def on_behalf_of_timer(self, due: int) -> None:
        """Post for a timer from now on."""
        self.at = due
        self.occurred_at = due
        self.source = None
        self.event_id = None
        self.cause = f"@{due}"
        self.posting = "in_order"
        self.terms = self.plan.terms_at(due)

    def lot_of(self, receipt: Receipt) -> str:
        """The lot that a receipt opened."""
        return receipt.lot or lot_id(self.member_id, receipt.basket)

    def post(
        self,
        kind: EntryKind,
        debit: AccountName,
        credit: AccountName,
        points: int,
        lot: str | None,
        rule: str | None = None,
        line_id: str | None = None,
        note: str | None = None,
        opens: bool = False,
        corrects: str | None = None,
    ) -> None:
        """Move points, and write it down. `opens`: the entry opens its lot."""
        balances = self.account.balances
        balances[debit] = balances.get(debit, 0) - points
        balances[credit] = balances.get(credit, 0) + points
        if lot is not None:
            self.touched[lot] = None
        if self.silent:
            return
        if opens:
            what, cause = opening(kind, rule, line_id), ""
        else:
            what = posted_as(kind, debit, credit, rule, line_id)
            cause = f"{self.cause}\x1f{self.member_id}"
            if self.through:
                cause += f"\x1f{self.through}"
            if self.posting == "late":
                cause += f"\x1f{self.at}"  # taken back and given again, it is posted again
        self.entries.append(
            LedgerEntry(
                entry_id=entry_id(lot or self.member_id, what, cause),
                member_id=self.member_id,
                debit=debit,
                credit=credit,
                points=points,
                kind=kind,
                rule=rule,
                programme_version=self.terms.name,
                lot_id=lot,
                source=self.source,
                event_id=self.event_id,
                line_id=line_id,
                occurred_at=self.occurred_at,
                posted_at=self.posted_at,
                corrects=corrects,
                posting=self.posting,
                note=note,
            )
        )

    def answer(
        self,
        request: Request,
        redemption_id: str,
        points: int,
        code: RedemptionCode,
        redemption: Answered | None,
    ) -> None:
        """Say what became of a request."""
        self.answers.append(
            Answer(request, redemption_id, points, code, redemption, self.source, self.event_id)
        )
