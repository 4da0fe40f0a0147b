"""What a member did lately and what they care for: kept only where the member's state is told.

In: attributed events. Out: `Told.actions` and `Told.interests`, both bounded. Promises: events that
arrive in disorder end as their `occurred_at` say; browsing that is known late changes nothing, so
reading a topic again doesn't; a purchase that turns out to be somebody else's counts no more.
"""

from collections.abc import Iterable
from math import log2

from schemas.events import EVENT_TYPES, Event
from schemas.member_state import Action, Interest
from schemas.payloads import (
    Activity,
    AdClicked,
    Benefit,
    Cart,
    Case,
    Feedback,
    Line,
    Membership,
    Order,
    Payload,
    ProductViewed,
    Redeem,
    Return,
    RewardViewed,
    Sale,
    Searched,
    Viewed,
    Visit,
)
from transforms.decide.member_state import ACTIONS_MAX, DAY_MS, INTERESTS_MAX, Told, Weight

ABOUT_MAX = 100
"""Characters of what an action is about."""
SHOWN_MAX = 5
"""Interests that are told, the strongest."""
HALF_LIFE_MS = 30 * DAY_MS
"""After this an interest weighs half as much."""
NEARLY_ALL = -1e-6
"""What is taken away leaves nothing: it was all there was, but for rounding."""
VIEWED, IN_CART, BOUGHT = 1.0, 2.0, 3.0
LATE_MS = 3_600_000
"""Browsing and carts known later than this are left out."""

ABOUT: dict[type[Payload], str] = {
    Viewed: "name",
    ProductViewed: "sku",
    Searched: "query",
    Cart: "cart_id",
    Order: "order_id",
    AdClicked: "campaign",
    RewardViewed: "reward_id",
    Visit: "store_id",
    Activity: "activity",
    Benefit: "benefit",
    Sale: "transaction_id",
    Return: "return_id",
    Membership: "plan",
    Case: "case_id",
    Feedback: "trigger_id",
    Redeem: "redemption_id",
}
"""By which field a person would tell one action from another."""

NOT_THEIRS = frozenset(
    {
        "delivered",
        "failed",
        "shown",
        "account_merged",
        "erasure_requested",
        "membership_payment_failed",
        "order_ready",
        "order_delivered",
    }
)
"""What others do about a member."""
ASKED_BY_MEMBER = frozenset({"redeem"})
"""Of commands; staff and Kizuna itself give the others."""


def notice(told: Told, event: Event, now: int) -> None:
    """Remember what the event says of the member."""
    event_class = EVENT_TYPES[event.type].event_class
    if event_class in ("browse", "cart") and now - event.occurred_at > LATE_MS:
        return
    if _is_action(event):
        _act(told, event)
    for category, weight in _categories(event):
        _add(told.interests, category, weight, event.occurred_at)


def overlook(told: Told, event: Event) -> None:
    """The event is somebody else's after all."""
    gone = _action(event)
    told.actions = [action for action in told.actions if action != gone]
    for category, weight in _categories(event):
        known = told.interests.get(category)
        if known is None:
            continue
        behind = _log(weight, event.occurred_at) - known.log
        if behind > NEARLY_ALL:
            del told.interests[category]
        else:
            known.log += log2(1.0 - 2.0**behind)


def interests(told: Told) -> tuple[Interest, ...]:
    """The strongest ones. Shares don't change by time alone: all interests fade alike."""
    weights = told.interests
    if not weights:
        return ()
    top = max([weight.log for weight in weights.values()])
    ranked = sorted([(-(2.0 ** (known.log - top)), name) for name, known in weights.items()])
    total = sum([worth for worth, _ in ranked])
    return tuple(
        [
            Interest(category=name, share=round(worth / total, 3), last_at=weights[name].at)
            for worth, name in ranked[:SHOWN_MAX]
        ]
    )


def _is_action(event: Event) -> bool:
    if event.source == "command":
        return event.type in ASKED_BY_MEMBER
    return event.source != "reference" and event.type not in NOT_THEIRS


def _action(event: Event) -> Action:
    about = getattr(event.payload, ABOUT.get(type(event.payload), ""), None) or ""
    return Action(at=event.occurred_at, type=event.type, about=about[:ABOUT_MAX])


def _act(told: Told, event: Event) -> None:
    """Newest first; of several at one instant the one that became known last."""
    action, actions = _action(event), told.actions
    if action not in actions:
        at = action.at
        place = next((i for i, known in enumerate(actions) if known.at <= at), len(actions))
        actions.insert(place, action)
        del actions[ACTIONS_MAX:]


def _categories(event: Event) -> Iterable[tuple[str, float]]:
    """Each category that the event is about, once, with what it says about interest."""
    payload = event.payload
    if isinstance(payload, ProductViewed):
        return ((payload.category, VIEWED),) if payload.category else ()
    if event.type == "cart_updated" and isinstance(payload, Cart):
        return _of_lines(payload.lines, IN_CART)
    if event.type in ("sale", "order_placed") and isinstance(payload, (Sale, Order)):
        return _of_lines(payload.lines, BOUGHT)
    return ()


def _of_lines(lines: Iterable[Line], weight: float) -> list[tuple[str, float]]:
    names = dict.fromkeys(line.category for line in lines if line.category)
    return [(name, weight) for name in names]


def _log(weight: float, at: int) -> float:
    """What is worth `weight` at `at`, on a scale on which nothing has to be made to fade: with
    each half-life, what is new weighs twice as much (forward decay, Cormode and others, 2009)."""
    return log2(weight) + at / HALF_LIFE_MS


def _add(weights: dict[str, Weight], category: str, weight: float, at: int) -> None:
    new, known = _log(weight, at), weights.get(category)
    if known is None:
        weights[category] = Weight(log=new, at=at)
    else:
        high, low = (new, known.log) if new > known.log else (known.log, new)
        known.log = high + log2(1.0 + 2.0 ** (low - high))
        known.at = max(known.at, at)
    if len(weights) > INTERESTS_MAX:
        # A new one would always be the weakest: it gets its chance.
        others = [(known.log, name) for name, known in weights.items() if name != category]
        del weights[min(others)[1]]
