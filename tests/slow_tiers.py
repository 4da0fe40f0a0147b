"""A slow and obvious keeper of tiers, the oracle for `transforms.accrue.tiers`.

It walks through every single day, adds up anew what counts on it, and knows nothing of timers,
buckets or periods beyond two dates. It is told everything at once, in order.
"""

import calendar
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from schemas.tiers import Tiers

ZONE = ZoneInfo("America/New_York")
DAY = 86_400_000


def date_of(at: int) -> date:
    return datetime.fromtimestamp(at / 1000, ZONE).date()


def begin_of(day: date) -> int:
    noon = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return int(noon.astimezone(timezone.utc).timestamp()) * 1000


def later(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a shorter month."""
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month in (0, 13):
            year, month = (year - 1, 12) if month == 0 else (year + 1, 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


class Bought:
    def __init__(self, at: int, amount: int) -> None:
        self.at = at
        self.kept = amount


class SlowTiers:
    """Told of purchases ("buy", amount), returns ("back", name, amount) and the enrolment."""

    def __init__(self, tiers: Tiers) -> None:
        self.tiers = tiers
        self.names = [level.tier for level in tiers.levels]
        self.bought: dict[str, Bought] = {}
        self.rank = 0
        self.kept = 0
        self.grace: tuple[int, int] | None = None
        self.kept_to: date | None = None
        self.carried = 0
        self.period: tuple[date, date] | None = None
        self.first: date | None = None
        self.enrolled: date | None = None
        self.risen = 0
        self.now = 0
        self.moves: list[tuple[str, str, int, str]] = []

    def tell(self, happenings: list[tuple[int, str, Any, Any]], until: int) -> None:
        """(when, what, name, amount), in order; then time passes."""
        if not happenings:
            return
        waiting = list(happenings)
        day = date_of(waiting[0][0])
        while begin_of(day) < until:
            night = begin_of(day + timedelta(days=1)) - 1
            while waiting and waiting[0][0] <= night:
                at, what, name, amount = waiting.pop(0)
                self.end_grace(at)
                self.now = at
                getattr(self, what)(name, amount)
            if night >= until:
                self.end_grace(until)
                return
            self.end_grace(night)
            self.now = night
            if self.grace and self.grace[0] == night:
                self.end_grace(night + 1)
                self.now = night
            self.end_day(day + timedelta(days=1))
            day += timedelta(days=1)

    # what counts

    def amount(self, today: date | None = None) -> int:
        """What counts, of all that was ever bought and not returned."""
        today = today or date_of(self.now)
        if self.tiers.window == "rolling":
            return sum(
                one.kept
                for one in self.bought.values()
                if later(date_of(one.at), self.tiers.months) > today
            )
        if self.period is None:
            return 0
        first, after = self.period
        return self.carried + sum(
            one.kept for one in self.bought.values() if first <= date_of(one.at) < after
        )

    def reached(self, amount: int) -> int:
        return sum(1 for level in self.tiers.levels if level.threshold <= amount) - 1

    def look(self, reason: str, today: date | None = None) -> None:
        rank = max(self.kept, self.reached(self.amount(today)))
        if rank != self.rank:
            self.moves.append((self.names[self.rank], self.names[rank], self.now, reason))
        if rank > self.rank:
            self.risen = self.now
        self.rank = rank

    # what happens

    def buy(self, name: str, amount: int) -> None:
        today = date_of(self.now)
        if not amount:
            return
        self.first = self.first or today
        if self.period is None or today >= self.period[1]:
            self.period = self.year_of(today)
            self.carried = 0
        self.bought[name] = Bought(self.now, amount)
        self.look("qualified")

    def back(self, name: str, amount: int) -> None:
        one = self.bought.get(name)
        if one is None:
            return
        left = self.tiers.window == "rolling" and (
            later(date_of(one.at), self.tiers.months) <= date_of(self.now)
        )
        one.kept -= amount
        if self.tiers.window == "rolling":
            if not left and one.at > self.risen:
                self.fall(date_of(self.now))
        elif self.period and date_of(one.at) < self.period[0]:
            self.carried -= min(self.carried, amount)
        self.look("returned")

    def enrol(self, name: str, amount: int) -> None:
        self.enrolled = date_of(self.now)
        if self.tiers.window == "anniversary" and self.period and self.enrolled < self.period[1]:
            self.period = self.period[0], self.year_of(self.enrolled)[1]

    # what time does

    def year_of(self, day: date) -> tuple[date, date]:
        if self.tiers.window != "anniversary":
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
        began = self.enrolled or self.first
        assert began is not None
        years = -5
        while later(began, 12 * (years + 1)) <= day:
            years += 1
        return later(began, 12 * years), later(began, 12 * (years + 1))

    def end_grace(self, until: int) -> None:
        """The grace ends, if it does before `until`."""
        if self.grace is None or self.grace[0] >= until:
            return
        self.now, lower = self.grace
        self.grace = None
        self.kept = lower
        if self.tiers.window == "rolling":
            self.kept = 0
            if self.tiers.downgrade.mode == "one_down":
                self.keep(lower, date_of(self.now))
        self.look("grace_end")

    def end_day(self, tomorrow: date) -> None:
        if self.tiers.window == "rolling":
            if self.kept_to == tomorrow:
                self.kept, self.kept_to = 0, None
                self.fall(date_of(self.now))
                self.look("period_end")
            self.fall(tomorrow)
            self.look("left_window", tomorrow)
        elif self.period and self.period[1] == tomorrow:
            self.end_period()

    def end_period(self) -> None:
        assert self.period is not None
        amount, mine = self.amount(), self.rank
        reached = self.reached(amount)
        rolls = self.tiers.rollover == "surplus" and reached > 0
        self.carried = amount - self.tiers.levels[reached].threshold if rolls else 0
        self.period = self.year_of(self.period[1])
        self.kept, self.grace = mine, None
        mode, days = self.tiers.downgrade.mode, self.tiers.downgrade.grace_days
        if reached < mine and mode != "never":
            lower = max(mine - 1, reached) if mode == "one_down" else reached
            if days:
                self.grace = self.now + days * DAY, lower
            else:
                self.kept = lower
        self.look("period_end")

    def fall(self, today: date) -> None:
        """Of a rolling window: what is kept once the tier isn't reached any more."""
        reached = self.reached(self.amount(today))
        if max(reached, self.kept) >= self.rank:
            return
        mode, days = self.tiers.downgrade.mode, self.tiers.downgrade.grace_days
        if mode == "never":
            self.kept, self.kept_to = self.rank, None
        elif days:
            lower = self.rank - 1 if mode == "one_down" else reached
            self.kept, self.kept_to = self.rank, None
            self.grace = self.now + days * DAY, lower
        elif mode == "one_down":
            self.keep(self.rank - 1, today)

    def keep(self, lower: int, today: date) -> None:
        """Keep a tier that isn't reached, for a window's length."""
        if lower > self.reached(self.amount(today)):
            self.kept = lower
            self.kept_to = later(date_of(self.now + 1), self.tiers.months)
