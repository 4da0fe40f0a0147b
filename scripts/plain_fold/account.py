"""A member's points: in which lot they are, where they lie, and what time does to them.

A lot is a heap of points earned together. Each of its points is pending, available, held for a
redemption, or expired; spent and returned points have left the heap. `sums` counts every movement
from one account to another, as a bank would.

Points that were spent already and then taken back are a `debt`; points promised to a hold that no
lot stands behind any more are in `unbacked`, by redemption. Whatever becomes free pays these first.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scripts.plain_fold import tier
from scripts.plain_fold.terms import PlainTerms

DAY_MS = 86_400_000
MINUTE_MS = 60_000
NEVER = 1 << 62


@dataclass(kw_only=True, eq=False)
class Heap:
    """A lot. `name`: the event that earned it."""

    name: str
    earned_at: int
    available_at: int
    expires_at: int = NEVER
    points: int = 0
    """Earned, less what was returned."""
    pending: int = 0
    available: int = 0
    expired: int = 0
    held: Counter[str] = field(default_factory=Counter)
    """By redemption."""

    @property
    def remaining(self) -> int:
        return self.pending + self.available + self.held.total()

    @property
    def turn(self) -> tuple[int, int, str]:
        """Which lot is spent first: what expires first, then what was earned first."""
        return self.expires_at, self.earned_at, self.name


@dataclass(kw_only=True, eq=False)
class Receipt:
    """What was bought, what came back of it, what it earned."""

    at: int
    year: int
    """The calendar year in which it counts."""
    names: list[str]
    """Its transaction, its order; first the one by which it became known."""
    event: str
    lines: list[dict[str, Any]]
    tier: str
    heap: Heap | None = None
    earned: int = 0
    reversed: int = 0
    units_back: Counter[str] = field(default_factory=Counter)
    money_back: Counter[str] = field(default_factory=Counter)
    withdrawn: bool = False
    """It was somebody else's after all."""


@dataclass(kw_only=True, eq=False)
class Waiting:
    """A line that came back before its purchase was known; `line` None: all of the purchase."""

    at: int
    event: str
    receipt: str | None
    line: dict[str, Any] | None


@dataclass(kw_only=True, eq=False)
class Redemption:
    points: int
    status: str
    code: str
    at: int
    times_out_at: int
    elsewhere: bool = False
    """Its row stays with the account that was merged into this one."""


class PlainAccount:
    """One member's account at an instant, `now`."""

    def __init__(self, terms: PlainTerms) -> None:
        self.terms = terms
        self.now = 0
        self.sums: Counter[str] = Counter()
        self.heaps: list[Heap] = []
        self.debt = 0
        self.unbacked: Counter[str] = Counter()
        self.receipts: list[Receipt] = []
        self.waiting: list[Waiting] = []
        self.redemptions: dict[str, Redemption] = {}
        self.tier = terms.levels[0][0]
        self.kept = terms.levels[0][0]
        """The tier that an earlier year guarantees."""
        self.year = 0
        """The year that counts; 0: nothing was bought yet."""
        self.grace: tuple[int, str] | None = None
        """When the guarantee ends, and which tier it guarantees from then on."""

    # Time

    def pass_time(self, until: int) -> None:
        """Let everything happen that falls due before `until`."""
        while True:
            dues = [heap.available_at for heap in self.heaps if heap.pending]
            dues += [heap.expires_at for heap in self.heaps if heap.available]
            dues += [one.times_out_at for one in self.redemptions.values() if one.status == "held"]
            dues += tier.dues(self)
            if not dues or min(dues) >= until:
                return
            self._strike(min(dues))

    def _strike(self, now: int) -> None:
        """What falls due at one instant."""
        self.now = now
        for name, one in self.redemptions.items():
            if one.status == "held" and one.times_out_at == now:
                self.let_go(name)
                one.code = "hold_expired"
        for heap in self.heaps:
            if heap.pending and heap.available_at == now:
                self.move("pending", "available", heap.pending)
                heap.available, heap.pending = heap.available + heap.pending, 0
                self.repay()
        self._expire([heap for heap in self.heaps if heap.expires_at == now])
        tier.strike(self, now)

    def _expire(self, heaps: list[Heap]) -> None:
        for heap in heaps:
            self.move("available", "expired", heap.available)
            heap.expired, heap.available = heap.expired + heap.available, 0

    # Movements

    def move(self, debit: str, credit: str, points: int) -> None:
        """Points leave one account and enter another."""
        self.sums[debit] -= points
        self.sums[credit] += points

    def new_heap(self, event: str, at: int, pending_days: int) -> Heap:
        available_at = at + pending_days * DAY_MS
        expires_at = last_moment(self.terms, at)
        heap = Heap(name=event, earned_at=at, available_at=available_at, expires_at=expires_at)
        self.heaps.append(heap)
        return heap

    def in_turn(self) -> list[Heap]:
        """Lots with available points, in the order in which they are spent."""
        return sorted((heap for heap in self.heaps if heap.available), key=lambda one: one.turn)

    def take(self, points: int, first: Heap | None = None) -> tuple[list[tuple[Heap, int]], int]:
        """Take available points out of their lots, one lot (`first`) before all others.

        Where they were taken, and how many there weren't.
        """
        taken = []
        heaps = self.in_turn()
        if first in heaps:
            heaps.remove(first)
            heaps.insert(0, first)
        for heap in heaps:
            part = min(points, heap.available)
            if part:
                heap.available -= part
                points -= part
                taken.append((heap, part))
        return taken, points

    def repay(self) -> None:
        """What is available pays the debt, then backs the holds that nothing stands behind."""
        taken, self.debt = self.take(self.debt)
        for name, one in self.redemptions.items():
            if one.status == "held" and self.unbacked[name]:
                taken, self.unbacked[name] = self.take(self.unbacked[name])
                for heap, part in taken:
                    heap.held[name] += part

    def let_go(self, name: str) -> None:
        """A hold gives its points back; what has expired meanwhile expires now."""
        self.redemptions[name].status = "released"
        missing = self.unbacked.pop(name, 0)
        self.move("held", "available", missing)
        for heap in self.heaps:
            part = heap.held.pop(name, 0)
            self.move("held", "available", part)
            heap.available += part
        self._expire([heap for heap in self.heaps if heap.expires_at < self.now])
        self.repay()


def last_moment(terms: PlainTerms, at: int) -> int:
    """The first instant, ms UTC, at which points earned at `at` are no longer usable."""
    if terms.months is None:
        return NEVER
    day = datetime.fromtimestamp(at / 1000, terms.zone).date()
    month = day.replace(day=1)
    for _ in range(terms.months):
        month = (month + timedelta(days=31)).replace(day=1)
    next_month = (month + timedelta(days=31)).replace(day=1)
    last = min(month + timedelta(days=day.day - 1), next_month - timedelta(days=1))
    after = next_month if terms.to_month_end else last + timedelta(days=1)
    midnight = datetime(after.year, after.month, after.day, tzinfo=terms.zone)
    return round(midnight.timestamp() * 1000)
