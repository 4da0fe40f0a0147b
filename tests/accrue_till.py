"""A till for tests of accrue: builds events, and drives one member's account like the engine."""

from collections.abc import Iterable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import msgspec

from schemas.earn_rules import BaseRate, TierRate
from schemas.events import Event
from schemas.flow import AccountChanged, Attributed, Message, TierChanged
from schemas.ledger import LedgerEntry, Lot, Redemption, RedemptionAnswer, TierChange
from schemas.payloads import Adjust, Line, Order, Profile, Redeem, Return, Sale, Settle, Viewed
from schemas.programme import Exclusions, Programme, Terms
from schemas.rewards import Reward
from schemas.tiers import Downgrade, Expiry, TierLevel, Tiers
from transforms.accrue import Accrue, Programmes
from transforms.accrue.state import AccrueState

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = int(datetime(2017, 3, 1, 12, tzinfo=timezone.utc).timestamp() * 1000)


def day(days: float) -> int:
    """An instant, in days from the first of March 2017, noon UTC."""
    return START + round(days * DAY)


def terms(**changes: Any) -> Terms:
    """A grocer's terms: a point a dollar, better rates, three pending days."""
    usual: dict[str, Any] = {
        "version": 1,
        "effective_from": datetime(2016, 1, 1, tzinfo=timezone.utc),
        "earn": (
            BaseRate(rate=Decimal(1)),
            TierRate(rate_by_tier={"silver": Decimal("1.25"), "gold": Decimal("1.5")}),
        ),
        "exclude": Exclusions(categories=("GIFT CARDS",)),
        "pending_days": 3,
        "returns_days": 90,
        "expiry": Expiry(mode="fixed", months=6, round_up="month"),
        "tiers": Tiers(
            downgrade=Downgrade(mode="one_down", grace_days=30),
            levels=(
                TierLevel(tier="basic", threshold=0),
                TierLevel(tier="silver", threshold=1000),
                TierLevel(tier="gold", threshold=3000),
            ),
        ),
        "rewards": (
            Reward(reward="five_off", points=500),
            Reward(reward="lounge", points=100, tier="gold"),
        ),
    }
    return Terms(**{**usual, **changes})


def programme(*versions: Terms, **changes: Any) -> Programme:
    usual: dict[str, Any] = {
        "programme": "grocer",
        "markets": ("us",),
        "currency": "USD",
        "time_zone": "America/New_York",
        "versions": versions or (terms(),),
    }
    return Programme(**{**usual, **changes})


def accrue(*versions: Terms, **changes: Any) -> Accrue:
    return Accrue(Programmes([programme(*versions)]), **changes)


def line(
    line_id: str, amount: int, sku: str = "", quantity: int = 1, category: str = "FOOD"
) -> Line:
    return Line(
        line_id=line_id,
        sku=sku or f"sku-{line_id}",
        category=category,
        quantity=quantity,
        amount=amount,
    )


def lines(amounts: int | Iterable[Line]) -> tuple[Line, ...]:
    return (line("1", amounts),) if isinstance(amounts, int) else tuple(amounts)


def event(type_: str, event_id: str, at: int, payload: Any, source: str = "pos") -> Event:
    return Event(
        event_id=event_id,
        type=type_,
        source=source,
        occurred_at=at,
        received_at=at,
        market="us",
        payload=payload,
    )


def sale(name: str, at: int, amounts: int | Iterable[Line], **more: Any) -> Event:
    payload = Sale(transaction_id=name, currency="USD", lines=lines(amounts), **more)
    return event("sale", f"e-{name}", at, payload)


def order(name: str, at: int, amounts: int | Iterable[Line], type_: str = "order_placed") -> Event:
    payload = Order(order_id=name, currency="USD", lines=lines(amounts))
    return event(type_, f"e-{type_}-{name}", at, payload, "web")


def cancel(name: str, at: int, some: Iterable[Line] = ()) -> Event:
    payload = Order(order_id=name, lines=tuple(some))
    return event("order_cancelled", f"e-cancel-{name}-{at}", at, payload, "web")


def return_(name: str, at: int, of: str | None, some: Iterable[Line]) -> Event:
    payload = Return(return_id=name, transaction_id=of, lines=tuple(some))
    return event("return", f"e-{name}", at, payload)


def redeem(name: str, at: int, wanted: str | int, hold: bool = False, event_id: str = "") -> Event:
    reward, points = (wanted, None) if isinstance(wanted, str) else (None, wanted)
    payload = Redeem(redemption_id=name, reward_id=reward, points=points, hold=hold)
    return event("redeem", event_id or f"e-redeem-{name}", at, payload, "command")


def settle(type_: str, name: str, at: int, event_id: str = "") -> Event:
    payload = Settle(redemption_id=name)
    return event(type_, event_id or f"e-{type_}-{name}", at, payload, "command")


def adjust(name: str, at: int, points: int) -> Event:
    payload = Adjust(points=points, reason="goodwill", actor="ada")
    return event("adjust", f"e-adjust-{name}", at, payload, "command")


def enrolled(at: int) -> Event:
    return event("enrolled", "e-enrolled", at, Profile(), "profile")


def viewed(at: int) -> Event:
    return event("page_viewed", f"e-view-{at}", at, Viewed(name="home"), "web")


def message(one: Event, known_at: int | None = None, retract: bool = False) -> Message:
    known_at = one.occurred_at if known_at is None else known_at
    return Message(
        order=(
            known_at,
            one.occurred_at,
            one.source,
            one.event_id,
            0 if retract else 1,
            0,
            "",
            0,
            "",
            0,
        ),
        key="m-1",
        body=Attributed(
            event=one, member_id="m-1", reason="member_id", rung="member", retract=retract
        ),
    )


class Till:
    """One member's account, driven as the engine would: timers before what comes after them."""

    def __init__(self, operator: Accrue | None = None, recode_state: bool = False) -> None:
        self.operator = operator or accrue()
        self.state: AccrueState = self.operator.initial("m-1")
        self.recode_state = recode_state
        self.outputs: list[Any] = []
        self.last: list[Any] = []

    def play(self, *events: Event) -> "Till":
        """Events that become known when they occur."""
        for one in events:
            self.give(message(one))
        return self

    def late(self, one: Event, known_at: int, retract: bool = False) -> "Till":
        return self.give(message(one, known_at, retract))

    def give(self, one: Message) -> "Till":
        self.until(one.known_at)
        self.last = list(self.operator.on_event(self.state, one))
        self.outputs += self.last
        if self.recode_state:
            encoded = msgspec.msgpack.encode(self.state)
            self.state = msgspec.msgpack.decode(encoded, type=AccrueState)
        return self

    def until(self, at: int) -> "Till":
        """Fire what is due before `at`."""
        due = self.operator.next_timer(self.state)
        while due is not None and due < at:
            self.outputs += self.operator.on_timer(self.state, due)
            later = self.operator.next_timer(self.state)
            assert later is None or later > due
            due = later
        return self

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.outputs if isinstance(one, kind)]

    @property
    def entries(self) -> list[LedgerEntry]:
        return self.of(LedgerEntry)

    @property
    def changes(self) -> list[AccountChanged]:
        return self.of(AccountChanged)

    @property
    def tier_changes(self) -> list[tuple[str, str, str]]:
        moves = [(one.from_tier, one.tier, one.reason) for one in self.of(TierChange)]
        signals = [(one.from_tier, one.tier, one.reason) for one in self.of(TierChanged)]
        assert moves == signals
        return moves

    @property
    def answers(self) -> list[tuple[str, str, str]]:
        return [(a.request, a.redemption_id, a.code) for a in self.of(RedemptionAnswer)]

    @property
    def redemptions(self) -> dict[str, tuple[str, str]]:
        return {one.redemption_id: (one.status, one.code) for one in self.of(Redemption)}

    def lots(self) -> dict[str, Lot]:
        """The lots as the warehouse holds them."""
        newest: dict[str, Lot] = {}
        for lot in self.of(Lot):
            assert lot.lot_id not in newest or newest[lot.lot_id].version < lot.version
            newest[lot.lot_id] = lot
        return newest

    @property
    def available(self) -> int:
        return self.balances()["available"]

    @property
    def tier(self) -> str:
        return self.state.current.tier or "basic"

    def balances(self) -> dict[str, int]:
        """By account, from the entries alone."""
        sums = dict.fromkeys(
            "issued pending available held redeemed expired reversed transferred".split(), 0
        )
        for one in self.entries:
            sums[one.debit] -= one.points
            sums[one.credit] += one.points
        return sums
