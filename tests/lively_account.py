"""A slow and obvious points account whose points live on: the oracle for `accrue.expiry`.

Every single point is an object of its own with a place where it lies; nothing is incremental:
timers are found by looking at every point, qualifying amounts are added up anew each time. It is
told everything at once, in order, with the answers that were given to redemptions.
"""

from collections import Counter
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

from schemas.events import Event
from schemas.payloads import Adjust, Line, Order, Redeem, Return, Sale, Settle
from schemas.programme import Terms
from transforms.accrue.book import lot_id

DAY = 86_400_000
ZONE = ZoneInfo("America/New_York")


class Point:
    """One point: where it lies, in which lot, for which redemption."""

    def __init__(self, lot: "PointLot", place: str) -> None:
        self.lot = lot
        self.place = place
        self.redemption: str | None = None


class PointLot:
    def __init__(self, name: str, earned_at: int, available_at: int, expires_at: int) -> None:
        self.name = name
        self.earned_at = earned_at
        self.available_at = available_at
        self.expires_at = expires_at

    @property
    def turn(self) -> tuple[int, int, str]:
        return self.expires_at, self.earned_at, self.name


class Bought:
    """A receipt: what was bought, what came back, what it earned."""

    def __init__(self, at: int, name: str, lot: str, tier: str, lines: tuple[Any, ...]) -> None:
        self.at = at
        self.name = name
        self.lot = lot
        self.tier = tier
        self.lines = sorted(lines, key=lambda one: one.line_id)
        self.units_back = dict.fromkeys((one.line_id for one in lines), 0)
        self.money_back = dict.fromkeys((one.line_id for one in lines), 0)
        self.earned = 0
        self.reversed = 0

    def kept_money(self) -> int:
        return sum(
            one.amount - self.money_back[one.line_id]
            for one in self.lines
            if one.category != "GIFT CARDS"
        )


def ms(moment: datetime) -> int:
    return int(moment.astimezone(timezone.utc).timestamp() * 1000)


class LivelyAccount:
    def __init__(self, rules: Terms, member_id: str) -> None:
        self.rules = rules
        self.member_id = member_id
        self.points: list[Point] = []
        self.debt = 0
        self.unbacked: dict[str, int] = {}
        self.receipts: list[Bought] = []
        self.parked: list[tuple[int, str, str | None, Any]] = []
        self.redemptions: dict[str, dict[str, Any]] = {}
        self.sums: Counter[str] = Counter()
        self.tier = "basic"
        self.kept = "basic"
        self.year = 0
        self.grace: tuple[int, str] | None = None

    def tell(
        self,
        standing: list[Event],
        everything: dict[str, Event],
        known: dict[str, int],
        answers: dict[tuple[str, str, str], str],
        end: int,
    ) -> None:
        happenings: list[tuple[tuple[int, int, str, str], Any]] = []
        for event in standing:
            if isinstance(event.payload, Sale | Order | Return):
                key = (event.occurred_at, 0, event.source, event.event_id)
                happenings.append((key, lambda event=event: self.goods(event)))
        for event in everything.values():
            at = known[event.event_id]
            payload = event.payload
            if isinstance(payload, Adjust):
                happenings.append(
                    ((at, 1, "", ""), lambda event=event, at=at: self.adjust(event, at))
                )
            names = [payload.redemption_id] if isinstance(payload, Redeem | Settle) else []
            if isinstance(payload, Sale):
                names = list(payload.redemptions)
            for name in names:
                code = answers[event.source, event.event_id, name]
                happenings.append(
                    (
                        (at, 1, "", ""),
                        lambda event=event, at=at, name=name, code=code: self.follow(
                            event, at, name, code
                        ),
                    )
                )
        for key, happen in sorted(happenings, key=lambda pair: pair[0]):
            self.pass_time(key[0])
            self.now = key[0]
            happen()
        self.pass_time(end)

    # time

    def pass_time(self, until: int) -> None:
        while True:
            dues = [
                (point.lot.available_at if point.place == "pending" else point.lot.expires_at)
                for point in self.points
                if point.place in ("pending", "available")
            ]
            dues += [one["until"] for one in self.redemptions.values() if one["status"] == "held"]
            if self.year and (self.qualifying() or self.kept != "basic"):
                dues.append(self.year_end() - 1)
            if self.grace:
                dues.append(self.grace[0])
            if not dues or min(dues) >= until:
                return
            self.strike(min(dues))

    def strike(self, now: int) -> None:
        self.now = now
        for name, one in self.redemptions.items():
            if one["status"] == "held" and one["until"] == now:
                self.release(name)
        ripe = [p for p in self.points if p.place == "pending" and p.lot.available_at == now]
        for lot in dict.fromkeys(point.lot for point in ripe):
            for point in ripe:
                if point.lot is lot:
                    self.move(point, "available")
            self.repay()
        for point in self.points:
            if point.place == "available" and point.lot.expires_at == now:
                self.move(point, "expired")
        reviewed = self.qualifying() or self.kept != "basic"
        if self.year and now == self.year_end() - 1 and reviewed:
            self.end_year()
        if self.grace and now == self.grace[0]:
            self.kept = self.grace[1]
            self.grace = None
            self.look_at_tier()

    # tiers

    def year_of(self, at: int) -> int:
        return datetime.fromtimestamp(at / 1000, ZONE).year

    def year_end(self) -> int:
        return ms(datetime(self.year + 1, 1, 1, tzinfo=ZONE))

    def qualifying(self) -> int:
        return sum(
            one.earned - one.reversed for one in self.receipts if self.year_of(one.at) == self.year
        )

    def names(self) -> list[str]:
        return [level.tier for level in self.rules.tiers.levels]

    def reached(self) -> str:
        return [
            level.tier
            for level in self.rules.tiers.levels
            if level.threshold <= max(0, self.qualifying())
        ][-1]

    def look_at_tier(self) -> None:
        self.tier = max(self.kept, self.reached(), key=self.names().index)

    def end_year(self) -> None:
        names = self.names()
        reached = names.index(self.reached())
        mine = names.index(self.tier)
        self.kept = self.tier
        self.grace = None
        if reached < mine:
            days = self.rules.tiers.downgrade.grace_days
            self.grace = (self.now + days * DAY, names[max(mine - 1, reached)])
        self.year += 1
        self.look_at_tier()

    # points

    def move(self, point: Point, place: str) -> None:
        self.sums[point.place] -= 1
        self.sums[place] += 1
        point.place = place

    def add(self, lot: PointLot, count: int, place: str) -> None:
        for _ in range(count):
            self.points.append(Point(lot, "issued"))
            self.move(self.points[-1], place)

    def in_turn(self) -> list[Point]:
        free = [point for point in self.points if point.place == "available"]
        return sorted(free, key=lambda point: point.lot.turn)

    def repay(self) -> None:
        """Points that are free while something is owed: they were spent already, or are held."""
        for point in self.in_turn():
            if self.debt:
                self.debt -= 1
                point.place = "gone"
            elif self.unbacked:
                name = next(iter(self.unbacked))
                self.unbacked[name] -= 1
                if not self.unbacked[name]:
                    del self.unbacked[name]
                point.place = "held"
                point.redemption = name

    def owe(self, count: int, place: str) -> None:
        self.debt += count
        self.sums["available"] -= count
        self.sums[place] += count

    def expiry(self, at: int) -> int:
        said = self.rules.expiry
        moment = datetime.fromtimestamp(at / 1000, ZONE).replace(
            hour=0, minute=0, second=0, microsecond=0, tzinfo=None
        )
        wanted, month = moment.day, moment.month
        while moment.month == month:
            moment += timedelta(days=1)
        month = moment.month
        while moment.day < wanted and (moment + timedelta(days=1)).month == month:
            moment += timedelta(days=1)
        moment += timedelta(days=1)
        while said.round_up == "month" and moment.day != 1:
            moment += timedelta(days=1)
        moment += timedelta(days=said.grace_days)
        return ms(moment.replace(tzinfo=ZONE))

    # what keeps points alive

    def lots_in(self, *places: str) -> list[PointLot]:
        lots = dict.fromkeys(point.lot for point in self.points if point.place in places)
        return sorted(lots, key=lambda lot: (lot.earned_at, lot.name))

    def be_active(self, kind: str) -> None:
        said = self.rules.expiry
        if said.mode != "activity" or kind not in said.activity:
            return
        for lot in self.lots_in("pending", "available", "held"):
            if lot.expires_at >= self.now:
                lot.expires_at = max(lot.expires_at, self.expiry(self.now))

    def reinstate(self) -> None:
        for lot in self.lots_in("expired", "held"):
            if lot.expires_at >= self.now:
                continue
            gone_on = datetime.fromtimestamp(lot.expires_at / 1000, ZONE).date()
            today = datetime.fromtimestamp(self.now / 1000, ZONE).date()
            if (today - gone_on).days > self.rules.expiry.reinstate_days:
                continue
            lot.expires_at = self.expiry(self.now)
            for point in self.points:
                if point.lot is lot and point.place == "expired":
                    self.move(point, "available")
        self.repay()

    # goods

    def goods(self, event: Event) -> None:
        payload = event.payload
        if isinstance(payload, Return):
            self.bring_back(event, payload.transaction_id, list(payload.lines))
            return
        if any(one.amount for one in payload.lines if one.category != "GIFT CARDS"):
            if self.rules.expiry.reinstate_days:
                self.reinstate()
            self.be_active("purchase")
        name = payload.transaction_id if isinstance(payload, Sale) else payload.order_id
        at = event.occurred_at
        lot = PointLot(
            lot_id(self.member_id, f"{event.source}/{event.event_id}"),
            at,
            at + self.rules.pending_days * DAY,
            self.expiry(at),
        )
        receipt = Bought(at, name, lot.name, self.tier, payload.lines)
        receipt.earned = self.worth(receipt)
        self.receipts.append(receipt)
        self.add(lot, receipt.earned, "pending")
        self.year = max(self.year, self.year_of(at))
        self.look_at_tier()
        patient = [one for one in self.parked if at - one[0] <= self.rules.returns_days * DAY]
        waiting, self.parked = patient, []
        for group in dict.fromkeys(key for _, key, _, _ in waiting):
            back: list[tuple[Bought, Any, int]] = []
            for parked in waiting:
                since, key, of, line = parked
                if key != group:
                    continue
                fits = of is None or of == name
                rest = self.match(of, line, [receipt], back) if fits else line
                if rest is not None:
                    self.parked.append((since, key, of, rest))
            self.reverse(receipt if back else None)

    def worth(self, receipt: Bought) -> int:
        money = Fraction(receipt.kept_money(), 100)
        base = floor(money)
        rates = {"silver": Fraction(5, 4), "gold": Fraction(3, 2)}
        return max(base, floor(money * rates.get(receipt.tier, Fraction(1))))

    def bring_back(self, event: Event, of: str | None, some: list[Any]) -> None:
        oldest = self.now - self.rules.returns_days * DAY
        receipts = [
            one for one in self.receipts if one.at >= oldest and (of is None or one.name == of)
        ]
        receipts.sort(key=lambda one: (one.at, one.name), reverse=True)
        touched: list[tuple[Bought, Any, int]] = []
        for line in some:
            rest = self.match(of, line, receipts, touched)
            if rest is not None:
                self.parked.append((self.now, event.event_id, of, rest))
        for receipt in dict.fromkeys(one for one, _, _ in touched):
            self.reverse(receipt)

    def match(
        self, of: str | None, wanted: Any, receipts: list[Bought], touched: list[Any]
    ) -> Any | None:
        """Mark what came back; what is left to look for, or None."""
        if of is not None:
            if not receipts:
                return wanted
            line = {one.line_id: one for one in receipts[0].lines}.get(wanted.line_id)
            if line is not None:
                self.mark(receipts[0], line, wanted.quantity, wanted.amount, touched)
                return None
        units, money = max(1, wanted.quantity), wanted.amount
        for receipt in receipts:
            for line in receipt.lines:
                if line.sku == wanted.sku and units:
                    some = min(units, line.quantity - receipt.units_back[line.line_id])
                    if some > 0:
                        part = money * some // units
                        self.mark(receipt, line, some, part, touched)
                        units, money = units - some, money - part
        if of is not None or not units:
            return None
        return Line(line_id=wanted.line_id, sku=wanted.sku, quantity=units, amount=money)

    def mark(self, receipt: Bought, line: Any, units: int, money: int, touched: list[Any]) -> None:
        was = receipt.units_back[line.line_id]
        left = line.amount - receipt.money_back[line.line_id]
        now = min(line.quantity, was + units)
        if now == line.quantity:
            money = left
        elif money == 0:
            money = line.amount * (now - was) // line.quantity
        receipt.units_back[line.line_id] = now
        receipt.money_back[line.line_id] += min(left, money)
        touched.append((receipt, line, money))

    def reverse(self, receipt: Bought | None) -> None:
        if receipt is None:
            return
        due = receipt.earned - self.worth(receipt) - receipt.reversed
        receipt.reversed += due
        mine = [point for point in self.points if point.lot.name == receipt.lot]
        expired = [point for point in mine if point.place == "expired"][:due]
        for point in expired:
            self.move(point, "reversed")
        due -= len(expired)
        pending = [point for point in mine if point.place == "pending"]
        if pending:
            for point in pending[:due]:
                self.move(point, "reversed")
        else:
            available = max(0, self.sums["available"])
            if self.rules.negative_balance == "floor_zero":
                due = min(due, available)
            elif self.rules.negative_balance == "refuse" and due > available:
                due = 0
            own = [point for point in mine if point.place == "available"]
            rest = [point for point in self.in_turn() if point not in own]
            taken = (own + rest)[:due]
            for point in taken:
                self.move(point, "reversed")
            self.owe(due - len(taken), "reversed")
        self.look_at_tier()

    # commands

    def adjust(self, event: Event, at: int) -> None:
        count = event.payload.points
        lot = PointLot(
            lot_id(self.member_id, f"{event.source}/{event.event_id}"), at, at, self.expiry(at)
        )
        if count > 0:
            self.add(lot, count, "available")
            self.repay()
        else:
            taken = self.in_turn()[:-count]
            for point in taken:
                self.move(point, "issued")
            self.owe(-count - len(taken), "issued")

    def follow(self, event: Event, at: int, name: str, code: str) -> None:
        """Do what was answered."""
        if isinstance(event.payload, Redeem):
            asked = self.redemptions.get(name)
            if asked and at - asked["at"] <= self.rules.returns_days * DAY:
                assert code.startswith("exists")
                return
            assert not code.startswith("exists")
            count = event.payload.points or 100
            status = "refused" if code != "ok" else "held" if event.payload.hold else "captured"
            minutes = 15 if event.payload.reward_id else self.rules.hold_minutes
            self.redemptions[name] = {"status": status, "until": at + minutes * 60_000, "at": at}
            if code != "ok":
                return
            taken = self.in_turn()[:count]
            missing = count - len(taken)
            place = "held" if event.payload.hold else "redeemed"
            for point in taken:
                self.move(point, place)
                point.redemption = name
            if place == "redeemed":
                self.owe(missing, "redeemed")
            elif missing:
                self.unbacked[name] = missing
                self.sums["available"] -= missing
                self.sums["held"] += missing
            self.be_active("redemption")
        elif code == "ok":
            assert self.redemptions[name]["status"] == "held"
            if event.type == "release":
                self.release(name)
                return
            self.redemptions[name]["status"] = "captured"
            for point in self.points:
                if point.place == "held" and point.redemption == name:
                    self.move(point, "redeemed")
            missing = self.unbacked.pop(name, 0)
            self.debt += missing
            self.sums["held"] -= missing
            self.sums["redeemed"] += missing

    def release(self, name: str) -> None:
        self.redemptions[name]["status"] = "released"
        missing = self.unbacked.pop(name, 0)
        self.sums["held"] -= missing
        self.sums["available"] += missing
        for point in self.points:
            if point.place == "held" and point.redemption == name:
                self.move(point, "available")
        for point in self.points:
            if point.place == "available" and point.lot.expires_at < self.now:
                self.move(point, "expired")
        self.repay()

    def end(self) -> dict[str, Any]:
        lots = {}
        for point in self.points:
            if point.place in ("pending", "available", "held"):
                lot = point.lot
                lots[lot.name] = (lot.earned_at, lot.expires_at)
        return {
            "balances": {name: count for name, count in self.sums.items() if count},
            "lots": {
                name: (
                    earned_at,
                    expires_at,
                    sum(
                        point.lot.name == name and point.place in ("pending", "available", "held")
                        for point in self.points
                    ),
                    sum(point.lot.name == name and point.place == "held" for point in self.points),
                )
                for name, (earned_at, expires_at) in lots.items()
            },
            "debt": self.debt,
            "tier": self.tier,
            "qualifying": self.qualifying() if self.year else 0,
        }
