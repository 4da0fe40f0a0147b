"""A member's purchases as score remembers them: a window that can be undone, and totals before.

Comes in: purchases, returns and cancellations, in any order. Goes out: a `History`, the
sufficient statistics of the models. Promises, for what becomes known within the horizon: the
same history whatever the order of arrival, and taking out what was put in leaves the history as
it was. Later than that a purchase is counted on a day of its own, for good. State is bounded.

A purchase is a day on which somebody bought: transactions of one local day are one purchase, at
the moment of the day's first, which is how these models are fitted to retail baskets. A sale that
completes an order within the horizon is the same transaction as its `order_placed`; an order
cancelled whole is none.
"""

from typing import NamedTuple

import msgspec

HELD_MAX = 400
"""Events held for undoing; beyond it the oldest days are settled early (a till's own card, say)."""

PURCHASE, RETURN, CANCELLATION = range(3)
"""What a held event is."""


class Held(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One event that can still be undone."""

    part: int = PURCHASE
    at: int
    day: int
    """The local date, as a proleptic Gregorian ordinal."""
    amount: int
    """Minor units; of a return or a cancellation: what is taken off."""
    order: str | None = None
    whole: bool = False
    """A cancellation of everything, whatever it was worth."""


class History(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """The sufficient statistics: x is `days` − 1, t_x is `last_at` − `first_at`."""

    days: int = 0
    first_day: int = 0
    first_at: int = 0
    first_spend: int = 0
    last_day: int = 0
    last_at: int = 0
    repeat_spend: int = 0
    """Spend after the first day less all returns, minor units: negative if more came back."""


class Counted(NamedTuple):
    """Events that together are one purchase, or one deduction from what was spent."""

    day: int
    at: int
    amount: int
    bought: bool
    keys: tuple[str, ...]


def history_of(settled: History, held: dict[str, Held], horizon_ms: int) -> History:
    """What is settled and what is held, counted together; neither is changed."""
    history = msgspec.structs.replace(settled)
    for one in _counted(held, horizon_ms):
        _count(history, one)
    return history


def count_next(history: History, one: Held) -> bool:
    """Count one more event without recounting; False: only a recount can tell.

    Exact for a return and for a plain sale on or after the last purchase day, which is what
    nearly all events are.
    """
    if one.order is not None or (one.part == PURCHASE and one.day < history.last_day):
        return False
    _count(history, Counted(one.day, one.at, one.amount, one.part == PURCHASE, ()))
    return True


def is_unsettled(held: dict[str, Held], before: int) -> bool:
    """Time to settle: the event held longest is older than `before` (ms UTC), or there are many."""
    return bool(held) and (next(iter(held.values())).at < before or len(held) > HELD_MAX)


def settle(settled: History, held: dict[str, Held], day: int, horizon_ms: int) -> None:
    """Move what happened before the local `day` from `held` into the totals, for good.

    Two horizons must lie between `day` and now: an event within a horizon of another, known
    within a horizon of itself, then never comes too late to be counted together with it.
    """
    if len(held) > HELD_MAX:
        days = sorted(one.day for one in held.values())
        day = max(day, days[-HELD_MAX] + 1)
    for counted in _counted(held, horizon_ms):
        if counted.day < day:
            _count(settled, counted)
            for key in counted.keys:
                del held[key]


def _count(history: History, one: Counted) -> None:
    """Add to the totals. Days may come in any order, the purchases of one day in a row."""
    if not one.bought:
        history.repeat_spend -= one.amount
    elif history.days == 0:
        history.days = 1
        history.first_day = history.last_day = one.day
        history.first_at = history.last_at = one.at
        history.first_spend = one.amount
    elif one.day < history.first_day:
        history.days += 1
        history.repeat_spend += history.first_spend
        history.first_day, history.first_at, history.first_spend = one.day, one.at, one.amount
    else:
        if one.day == history.first_day:
            history.first_spend += one.amount
            history.first_at = min(history.first_at, one.at)
        else:
            history.repeat_spend += one.amount
        if one.day == history.last_day:
            history.last_at = min(history.last_at, one.at)
        elif one.day != history.first_day:
            history.days += 1
            if one.day > history.last_day:
                history.last_day, history.last_at = one.day, one.at


def _counted(held: dict[str, Held], horizon_ms: int) -> list[Counted]:
    """The purchases and deductions that the held events amount to, by time."""
    counted: list[Counted] = []
    orders: dict[str, list[tuple[int, str]]] = {}
    for key, one in held.items():
        if one.order is None:
            counted.append(Counted(one.day, one.at, one.amount, one.part == PURCHASE, (key,)))
        else:
            orders.setdefault(one.order, []).append((one.at, key))
    for keys in orders.values():
        counted += _counted_order({key: held[key] for _, key in sorted(keys)}, horizon_ms)
    counted.sort()
    return counted


def _counted_order(events: dict[str, Held], horizon_ms: int) -> list[Counted]:
    """The events of one order, by time: the first purchase takes in what follows in the horizon."""
    counted = []
    while events:
        key = next((key for key, one in events.items() if one.part == PURCHASE), None)
        if key is None:
            counted += [
                Counted(one.day, one.at, one.amount, False, (key,)) for key, one in events.items()
            ]
            break
        first = events[key]
        near = {key: one for key, one in events.items() if abs(one.at - first.at) <= horizon_ms}
        cancelled = [one for one in near.values() if one.part == CANCELLATION]
        amount = first.amount - sum(one.amount for one in cancelled)
        nothing_left = bool(cancelled) and (amount <= 0 or any(one.whole for one in cancelled))
        counted.append(
            Counted(first.day, first.at, max(amount, 0), True, tuple(near))
            if not nothing_left
            else Counted(first.day, first.at, 0, False, tuple(near))
        )
        events = {key: one for key, one in events.items() if key not in near}
    return counted
