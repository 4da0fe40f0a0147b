"""For tests of earning: events with all that rules can ask about, and what a member earned."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accrue_till import Till, accrue, event, lines, sale, terms
from msgspec.structs import replace

from schemas.earn_rules import EarnRule
from schemas.events import Event
from schemas.payloads import Activity, Line, Order, Profile, Tender

NEW_YORK = ZoneInfo("America/New_York")


def local(text: str) -> int:
    """An instant by New York's clocks, as 2017-03-01 18:30."""
    return round(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1000)


def till(*rules: EarnRule, **changes: Any) -> Till:
    """A member of a programme that has these rules, no tiers, and points at once."""
    return Till(accrue(plain_terms(*rules, **changes)))


def plain_terms(*rules: EarnRule, **changes: Any) -> Any:
    usual: dict[str, Any] = {"tiers": None, "rewards": (), "pending_days": 0}
    return terms(earn=rules, **{**usual, **changes})


def receipt(
    name: str,
    at: int,
    amounts: int | Iterable[Line],
    store: str = "",
    touchpoint: str = "",
    tenders: Mapping[str, int] | None = None,
    **more: Any,
) -> Event:
    """A sale at a store, by a touchpoint, paid by tenders."""
    paid = tuple(Tender(method=way, amount=part) for way, part in (tenders or {}).items())
    context = {"store_id": store, "touchpoint": touchpoint}
    return replace(
        sale(name, at, amounts, tenders=paid, **more),
        context={key: value for key, value in context.items() if value},
    )


def step(
    type_: str,
    name: str,
    at: int,
    amounts: int | Iterable[Line] = (),
    source: str = "web",
    **more: Any,
) -> Event:
    """What becomes of an order."""
    payload = Order(order_id=name, currency="USD", lines=lines(amounts), **more)
    return event(type_, f"e-{type_}-{name}", at, payload, source)


def activity(name: str, at: int, what: str = "workout", quantity: int = 1) -> Event:
    payload = Activity(activity=what, quantity=quantity)
    return event("activity_completed", f"e-{name}", at, payload, "app")


def profile(name: str, at: int, type_: str = "profile_updated", **said: Any) -> Event:
    return event(type_, f"e-{name}", at, Profile(**said), "profile")


def earned(one: Till) -> dict[tuple[str, str], int]:
    """What stands of earnings, by event and rule, corrections counted."""
    sums: Counter[tuple[str, str]] = Counter()
    for entry in one.entries:
        key = (str(entry.event_id).removeprefix("e-"), str(entry.rule))
        if entry.kind in ("earn", "bonus"):
            sums[key] += entry.points
        elif entry.kind == "correct" and entry.credit == "issued":
            sums[key] -= entry.points
    return {key: points for key, points in sums.items() if points}


def reversed_(one: Till) -> dict[tuple[str, str], int]:
    """What stands of reversals, by the event that reversed and the rule."""
    sums: Counter[tuple[str, str]] = Counter()
    for entry in one.entries:
        key = (str(entry.event_id).removeprefix("e-"), str(entry.rule))
        if entry.kind == "reverse":
            sums[key] += entry.points
        elif entry.kind == "correct" and entry.debit == "reversed":
            sums[key] -= entry.points
    return {key: points for key, points in sums.items() if points}


def by_rule(one: Till, name: str) -> dict[str, int]:
    """What one event earned, by rule."""
    return {rule: points for (event_id, rule), points in earned(one).items() if event_id == name}
