"""What a member has besides points, worked out slowly and obviously from a history in order.

Written to differ from the code: offers stand in a queue a group, whose head is open; days are
lived through one after the other instead of being set a timer for; limits are counted by looking
at everything that ever happened.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from accrue_till import DAY

from schemas.events import Event
from schemas.membership import PaidPlan
from schemas.rewards import CatalogueOffer

NEVER = 1 << 60


@dataclass
class Standing:
    """An offer in a queue, or out of it."""

    name: str
    offer: str
    asked_at: int
    until: int | None
    valid_days: int | None
    status: str = "waiting"
    closed_at: int | None = None
    closed_by: str | None = None


@dataclass
class PlainOffers:
    """Queues of offers by group."""

    catalogue: dict[str, CatalogueOffer]
    queues: dict[str, list[Standing]] = field(default_factory=dict)
    over: list[Standing] = field(default_factory=list)
    used_for: dict[str, set[str]] = field(default_factory=dict)
    """Offers that a purchase used, by each of its names."""

    def group(self, offer: str) -> str:
        listed = self.catalogue.get(offer)
        return f"group {listed.group}" if listed and listed.group else f"offer {offer}"

    def code(self, event: Event) -> str:
        """What a command must be answered now."""
        asked = event.payload
        queue = self.queues.get(self.group(asked.offer_id), [])
        if event.type == "revoke_offer":
            return "ok" if any(one.offer == asked.offer_id for one in queue) else "not_open"
        if asked.expires_at is not None and asked.expires_at <= event.occurred_at:
            return "expired_already"
        return "group_has_open_offer" if queue else "ok"

    def until(self, now: int) -> None:
        """Let expire what expires before now, one after the other."""
        while True:
            due = [
                (one.until, one.name, queue)
                for queue in self.queues.values()
                for one in queue
                if one.until is not None and one.until < now
            ]
            if not due:
                return
            at, name, queue = min(due, key=lambda one: one[:2])
            self._out(queue, name, "expired", at, None)

    def happens(self, event: Event, code: str | None) -> None:
        """Apply what happens. `code`: what a command was answered."""
        at, said = event.occurred_at, event.payload
        self.until(at)
        if event.type in ("sale", "order_placed"):
            names = {getattr(said, "transaction_id", None), said.order_id} - {None}
            before = set().union(*(self.used_for.get(name, set()) for name in names))
            heads = [
                (queue, queue[0])
                for queue in self.queues.values()
                if queue and queue[0].offer in said.offers and queue[0].offer not in before
            ]
            for queue, head in heads:
                if at < (head.until or NEVER):
                    self._out(queue, head.name, "used", at, f"{event.source}/{event.event_id}")
                    for name in names:
                        self.used_for.setdefault(name, set()).add(head.offer)
        elif code == "ok" and event.type == "grant_offer":
            listed = self.catalogue.get(said.offer_id)
            new = Standing(
                event.event_id,
                said.offer_id,
                at,
                said.expires_at,
                listed.valid_days if listed else None,
            )
            self._in(self.queues.setdefault(self.group(said.offer_id), []), new, at)
        elif code == "ok":
            queue = self.queues.get(self.group(said.offer_id), [])
            rest = [one for one in queue if one.offer != said.offer_id]
            for one in queue:
                if one.offer == said.offer_id:
                    one.status, one.closed_at = "revoked", at
                    one.closed_by = f"command/{event.event_id}"
                    self.over.append(one)
            queue[:] = rest
            self._head(queue, at)

    def _in(self, queue: list[Standing], one: Standing, at: int) -> None:
        queue.append(one)
        self._head(queue, at)

    def _out(self, queue: list[Standing], name: str, status: str, at: int, by: str | None) -> None:
        (one,) = [one for one in queue if one.name == name]
        queue.remove(one)
        one.status, one.closed_at, one.closed_by = status, at, by
        self.over.append(one)
        self._head(queue, at)

    def _head(self, queue: list[Standing], at: int) -> None:
        if queue and queue[0].status == "waiting":
            queue[0].status = "open"
            if queue[0].until is None and queue[0].valid_days is not None:
                queue[0].until = at + queue[0].valid_days * DAY

    def all(self) -> dict[str, tuple[str, str, int | None, int | None, str | None]]:
        """By the granting event: offer, status, until when, and how it was closed."""
        everything = [one for queue in self.queues.values() for one in queue] + self.over
        return {
            one.name: (one.offer, one.status, one.until, one.closed_at, one.closed_by)
            for one in everything
        }


def plain_gifts(profiles: list[Event], end: int, zone: ZoneInfo) -> list[tuple[str, int]]:
    """Gifts on birthdays and anniversaries (one of each), as (which, when), day by day."""
    given: list[tuple[str, int]] = []
    years: set[tuple[str, int]] = set()
    if not profiles:
        return given

    def give(which: str, day: date, at: int) -> None:
        if (which, day.year) not in years:
            years.add((which, day.year))
            given.append((which, at))

    birthday, enrolled = "", None
    day = _day(profiles[0].occurred_at, zone)
    while _start(day, zone) < end:
        if birthday and _is_on(birthday, day):
            give("birthday", day, _start(day, zone))
        if enrolled and enrolled.year < day.year and _is_on(f"{enrolled:%m-%d}", day):
            give("anniversary", day, _start(day, zone))
        for one in profiles:
            if _day(one.occurred_at, zone) != day:
                continue
            if one.type == "enrolled" and enrolled is None:
                enrolled = day
            said = one.payload.birthday
            if said and said != birthday:
                birthday = said
                if _is_on(birthday, day):
                    give("birthday", day, one.occurred_at)
        day += timedelta(days=1)
    return given


def _day(at: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at / 1000, zone).date()


def _start(day: date, zone: ZoneInfo) -> int:
    first = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(first.astimezone(timezone.utc).timestamp() * 1000)


def _is_on(month_day: str, day: date) -> bool:
    leap = monthrange(day.year, 2)[1] == 29
    return f"{day:%m-%d}" == ("02-28" if month_day == "02-29" and not leap else month_day)


@dataclass
class Paid:
    """One membership, in whole days."""

    plan: str
    since: int
    last: date
    """The last day that is tried or paid for."""
    first: date | None = None
    """Whose day of the month counts, once anything was paid."""
    months: int = 0
    status: str = "trial"
    ended_at: int | None = None
    reason: str = ""

    def told(self, zone: ZoneInfo) -> tuple[Any, ...]:
        until = _start(self.last + timedelta(days=1), zone)
        return self.since, self.plan, self.status, until, self.ended_at, self.reason


class PlainMember:
    """Lives through the days of a member who pays, or doesn't."""

    def __init__(self, plans: Iterable[PaidPlan], zone: ZoneInfo) -> None:
        self.plans = {one.plan: one for one in plans}
        self.zone = zone
        self.paid: list[Paid] = []
        self.uses: list[tuple[str, str, str, int, str, int | None]] = []
        """event, benefit, reference, at, code, left"""

    @property
    def now(self) -> Paid | None:
        return self.paid[-1] if self.paid and self.paid[-1].ended_at is None else None

    def live(self, events: list[Event], end: int) -> "PlainMember":
        if not events:
            return self
        day = _day(events[0].occurred_at, self.zone)
        while (start := _start(day, self.zone)) < end:
            one = self.now
            if one is not None and day > one.last:
                grace = timedelta(days=self._plan(one.plan).grace_days)
                if day > one.last + grace:
                    one.status, one.ended_at = "ended", start
                    one.reason = "not_paid" if one.months else "trial_over"
                else:
                    one.status = "grace"
            for event in events:
                if _day(event.occurred_at, self.zone) == day:
                    self._happens(event, day)
            day += timedelta(days=1)
        return self

    def _plan(self, plan: str) -> PaidPlan:
        return self.plans.get(plan, PaidPlan(plan=plan, months=1))

    def _happens(self, event: Event, day: date) -> None:
        said, one, at = event.payload, self.now, event.occurred_at
        if event.type == "benefit_used":
            self._use(event)
        elif one is None:
            if event.type == "membership_started" and said.trial:
                trial = timedelta(days=self._plan(said.plan).trial_days)
                self.paid.append(Paid(said.plan, at, day + trial))
            elif event.type in ("membership_started", "membership_renewed"):
                self.paid.append(Paid(said.plan, at, day))
                self._pay(said.plan, day)
        elif event.type == "membership_started" and said.trial:
            if one.first is None and said.plan != one.plan:
                one.plan, one.status = said.plan, "trial"
                one.last = day + timedelta(days=self._plan(said.plan).trial_days)
        elif event.type == "membership_started":
            if said.plan != one.plan:
                self._pay(said.plan, day)
            elif one.status in ("trial", "grace"):
                self._pay(said.plan, one.last)
        elif event.type == "membership_renewed":
            self._pay(said.plan, one.last if said.plan == one.plan else day)
        elif said.plan == one.plan and event.type == "membership_payment_failed":
            one.status = "grace"
        elif said.plan == one.plan:
            one.status, one.ended_at, one.reason = "ended", at, "ended"

    def _pay(self, plan: str, first: date) -> None:
        one = self.now
        assert one is not None
        if one.first is None or one.plan != plan:
            one.first, one.months, one.plan = first, 0, plan
        one.months += self._plan(plan).months
        one.status = "active"
        year, month = one.first.year, one.first.month
        for _ in range(one.months):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        one.last = date(year, month, min(one.first.day, monthrange(year, month)[1]))

    def _use(self, event: Event) -> None:
        said, at, one = event.payload, event.occurred_at, self.now
        key, name = f"{event.source}/{event.event_id}", said.benefit
        same = [use for use in self.uses if use[1] == name and use[4] == "ok"]
        if said.reference and any(use[2] == said.reference for use in same):
            return
        code, left = "ok", None
        if one is None:
            code = "no_membership"
        else:
            lists = {said.entitlement: said for said in self._plan(one.plan).entitlements}
            if name not in lists:
                code = "not_entitled"
            elif (limit := lists[name].limit) is not None:
                counted = [use for use in same if self._counts(lists[name], use[3], at, one)]
                left = max(0, limit - len(counted) - 1)
                code = "ok" if len(counted) < limit else "limit_reached"
        self.uses.append((key, name, said.reference, at, code, left))

    def _counts(self, said: Any, before: int, at: int, one: Paid) -> bool:
        if said.per_days is not None:
            return at - before < said.per_days * DAY
        if said.per is None:
            return before >= one.since
        assert said.per == "month"
        then, now = _day(before, self.zone), _day(at, self.zone)
        return (then.year, then.month) == (now.year, now.month)
