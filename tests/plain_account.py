"""The oracle for accrue: the auditor's account by hand (`scripts.plain_fold`), told of events.

It is told everything at once, with the answers that were given to redemptions, and puts it in order
by itself. Only the words are translated here: events to happenings, terms to its own terms, the
names of lots.
"""

from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from schemas.events import Event
from schemas.payloads import Adjust, Order, Redeem, Return, Sale, Settle
from schemas.programme import Terms
from scripts.plain_fold import tier
from scripts.plain_fold.account import NEVER
from scripts.plain_fold.account import PlainAccount as ByHand
from scripts.plain_fold.happenings import Happening
from scripts.plain_fold.tell import do
from scripts.plain_fold.terms import PlainTerms
from transforms.accrue.book import lot_id

CENTS = 100


def plain_terms(rules: Terms) -> PlainTerms:
    """The same terms in the auditor's words. The first rule is the base, the second by tier."""
    base, by_tier = rules.earn
    return PlainTerms(
        zone=ZoneInfo("America/New_York"),
        base=Fraction(base.rate) / CENTS,
        by_tier={name: Fraction(rate) / CENTS for name, rate in by_tier.rate_by_tier.items()},
        excluded=frozenset(rules.exclude.categories),
        pending_days=rules.pending_days,
        returns_days=rules.returns_days,
        months=rules.expiry.months if rules.expiry.mode == "fixed" else None,
        to_month_end=rules.expiry.round_up == "month",
        negative_balance=rules.negative_balance,
        levels=[(level.tier, level.threshold) for level in rules.tiers.levels],
        downgrade=rules.tiers.downgrade.mode,
        grace_days=rules.tiers.downgrade.grace_days,
        rewards={one.reward: (one.points, one.hold_minutes) for one in rules.rewards},
        hold_minutes=rules.hold_minutes,
    )


class PlainAccount:
    """One member's account by hand."""

    def __init__(self, rules: Terms, member_id: str) -> None:
        self.account = ByHand(plain_terms(rules))
        self.member_id = member_id

    def tell(
        self,
        standing: list[Event],
        everything: dict[str, Event],
        known: dict[str, int],
        answers: dict[tuple[str, str, str], str],
        end: int,
    ) -> None:
        """`standing`: the purchases and returns that count in the end; `everything`: the commands,
        too, and sales that name a hold; `known`: when each became known."""
        told = [_goods(event) for event in standing if _is_goods(event)]
        for turn, event in enumerate(everything.values()):
            told += _commands(event, known[event.event_id], turn, answers)
        for one in sorted(told, key=lambda one: one.order):
            self.account.pass_time(one.at)
            self.account.now = one.at
            self._check(one)
            do(self.account, one)
        self.account.pass_time(end)

    def _check(self, one: Happening) -> None:
        """The answers fit what was asked before."""
        name, code = one.said.get("redemption"), one.said.get("code", "")
        asked = self.account.redemptions.get(name or "")
        if one.kind == "ask":
            patience = self.account.terms.returns_days * 86_400_000
            again = asked is not None and one.at - asked.at <= patience
            assert code.startswith("exists") == again
        if one.kind == "settle" and code == "ok":
            assert asked is not None
            assert asked.status == "held"

    def end(self) -> dict[str, Any]:
        """What the account has now, as `end_of` says it of accrue's."""
        account = self.account
        return {
            "balances": {name: points for name, points in account.sums.items() if points},
            "lots": {
                lot_id(self.member_id, heap.name): (
                    heap.earned_at,
                    None if heap.expires_at == NEVER else heap.expires_at,
                    heap.remaining,
                    sum(heap.held.values()),
                )
                for heap in account.heaps
                if heap.remaining
            },
            "debt": account.debt,
            "tier": account.tier,
            "qualifying": tier.qualifying(account),
        }


def _is_goods(event: Event) -> bool:
    return isinstance(event.payload, Sale | Order | Return)


def _goods(event: Event) -> Happening:
    payload = event.payload
    lines = [
        {
            "line_id": line.line_id,
            "sku": line.sku,
            "category": line.category,
            "quantity": line.quantity,
            "amount": line.amount,
        }
        for line in payload.lines
    ]
    if isinstance(payload, Return):
        return _happening(event, "back", None, receipt=payload.transaction_id, lines=lines)
    if isinstance(payload, Order):
        return _happening(event, "buy", None, names=[payload.order_id], lines=lines, currency=None)
    names = [name for name in (payload.transaction_id, payload.order_id) if name is not None]
    return _happening(event, "buy", None, names=names, lines=lines, currency=payload.currency)


def _commands(
    event: Event, at: int, turn: int, answers: dict[tuple[str, str, str], str]
) -> list[Happening]:
    payload = event.payload
    if isinstance(payload, Adjust):
        return [_happening(event, "adjust", (at, turn), points=payload.points)]
    if isinstance(payload, Redeem):
        name = payload.redemption_id
        return [
            _happening(
                event,
                "ask",
                (at, turn),
                redemption=name,
                reward=payload.reward_id,
                points=payload.points or 0,
                hold=payload.hold,
                code=answers[event.source, event.event_id, name],
            )
        ]
    names = [payload.redemption_id] if isinstance(payload, Settle) else []
    if isinstance(payload, Sale):
        names = list(payload.redemptions)
    return [
        _happening(
            event,
            "settle",
            (at, turn),
            redemption=name,
            capture=event.type != "release",
            code=answers[event.source, event.event_id, name],
            waited=False,
        )
        for name in names
    ]


def _happening(event: Event, kind: str, known: tuple[int, int] | None, **said: Any) -> Happening:
    at, turn = known or (event.occurred_at, None)
    return Happening(
        at=at, source=event.source, event_id=event.event_id, kind=kind, turn=turn, said=said
    )
