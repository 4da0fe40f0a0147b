"""From events to facts.

In: an event, when it became known, the programme. Out: facts in the order in which they apply,
and the basket of a purchase. Promises: types that aren't in `READERS` have nothing to do with
points; purchases in another currency, or before the programme began, earn nothing.
"""

from collections.abc import Callable
from typing import Final

from schemas.events import EVENT_TYPES
from schemas.payloads import (
    Activity,
    Adjust,
    AnyPayload,
    Benefit,
    Line,
    Membership,
    Offer,
    Order,
    Profile,
    Redeem,
    Return,
    RewardViewed,
    Settle,
    Visit,
)
from transforms.accrue.facts import (
    Acted,
    Adjusted,
    AnyFact,
    BenefitUsed,
    OfferAsked,
    Profiled,
    RedeemAsked,
    Returned,
    ReturnedLine,
    SettleAsked,
    Subscribed,
)
from transforms.accrue.read_purchase import read_order, read_sale
from transforms.accrue.reading import Read, Reading, occasion_of


def _returned_lines(lines: tuple[Line, ...]) -> list[ReturnedLine]:
    return [
        ReturnedLine(line_id=line.line_id, sku=line.sku, quantity=line.quantity, amount=line.amount)
        for line in lines
    ]


def _return(read: Reading) -> Read:
    back = read.event.payload
    assert isinstance(back, Return)
    lines = _returned_lines(back.lines)
    return [read.happened(Returned, receipt_id=back.transaction_id, lines=lines)], None


def _cancelled(read: Reading) -> Read:
    order = read.event.payload
    assert isinstance(order, Order)
    lines, whole = _returned_lines(order.lines), not order.lines
    return [read.happened(Returned, receipt_id=order.order_id, lines=lines, whole=whole)], None


def _redeem(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Redeem)
    fact = read.asked(
        RedeemAsked,
        redemption_id=wanted.redemption_id,
        reward_id=wanted.reward_id,
        points=wanted.points or 0,
        hold=wanted.hold,
    )
    return [fact], None


def _settle(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Settle)
    capture = read.event.type == "capture"
    fact = read.asked(SettleAsked, redemption_id=wanted.redemption_id, capture=capture)
    return [fact], None


def _adjust(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Adjust)
    note = f"{wanted.reason} ({wanted.actor})"
    return [read.asked(Adjusted, points=wanted.points, note=note)], None


def _offer(read: Reading) -> Read:
    wanted = read.event.payload
    assert isinstance(wanted, Offer)
    fact = read.asked(
        OfferAsked,
        grant=read.event.type == "grant_offer",
        offer=wanted.offer_id,
        expires_at=wanted.expires_at,
        reason=wanted.reason,
    )
    return [fact], None


def _profile(read: Reading) -> Read:
    said = read.event.payload
    assert isinstance(said, Profile)
    enrolled = read.event.type == "enrolled"
    facts: list[AnyFact] = []
    if enrolled or said.birthday:
        birthday = said.birthday or ""
        facts.append(read.happened(Profiled, birthday=birthday, enrolled=enrolled))
    return facts + _action(read)[0], None


def _membership(read: Reading) -> Read:
    said = read.event.payload
    assert isinstance(said, Membership)
    step = read.event.type.removeprefix("membership_")
    return [read.happened(Subscribed, step=step, plan=said.plan, trial=said.trial)], None


def _benefit(read: Reading) -> Read:
    said = read.event.payload
    assert isinstance(said, Benefit)
    used = read.happened(BenefitUsed, benefit=said.benefit, reference=said.reference)
    return [used, *_action(read)[0]], None


def _action(read: Reading) -> Read:
    """What rules and challenges reward; nothing, if none does. Nobody can tell of one from beyond
    the horizon whether it was counted before, unless its type is remembered by its id."""
    event, plan = read.event, read.plan
    if event.type not in plan.action_types or not plan.started(event.occurred_at):
        return [], None
    if read.late and not EVENT_TYPES[event.type].money:
        return [], None
    name, quantity = _done(event.payload)
    terms = plan.terms_at(event.occurred_at)
    mask = terms.action_mask(occasion_of(event), event.type, name)
    if mask == terms.nothing:
        return [], None
    fact = read.happened(Acted, on=event.type, name=name, quantity=quantity, rules=mask)
    return [fact], None


def _done(payload: AnyPayload) -> tuple[str, int]:
    """Which activity, benefit, reward or store it was, and how much."""
    if isinstance(payload, Activity):
        return payload.activity, payload.quantity
    if isinstance(payload, Benefit):
        return payload.benefit, 1
    if isinstance(payload, RewardViewed):
        return payload.reward_id, 1
    if isinstance(payload, Visit):
        return payload.store_id, 1
    return "", 1


def _correct(read: Reading) -> Read:
    """Nothing by itself: how far the account is off is for whoever has the account to say."""
    return [], None


READERS: Final[dict[str, Callable[[Reading], Read]]] = {
    "sale": read_sale,
    "order_placed": read_order,
    "order_collected": read_order,
    "order_delivered": read_order,
    "order_cancelled": _cancelled,
    "return": _return,
    "redeem": _redeem,
    "capture": _settle,
    "release": _settle,
    "adjust": _adjust,
    "correct": _correct,
    "grant_offer": _offer,
    "revoke_offer": _offer,
    "enrolled": _profile,
    "profile_updated": _profile,
    "membership_started": _membership,
    "membership_renewed": _membership,
    "membership_payment_failed": _membership,
    "membership_ended": _membership,
    "benefit_used": _benefit,
    "activity_completed": _action,
    "app_opened": _action,
    "reward_viewed": _action,
    "store_visited": _action,
    "subscribed": _action,
}
"""The types that concern points. Of an order's events the first with lines earns."""
ACTIONS: Final = frozenset(
    ("activity_completed", "app_opened", "reward_viewed", "store_visited", "subscribed")
)
"""Those that concern them only where a programme rewards them."""
ACTED: Final = ACTIONS | {"enrolled", "profile_updated", "benefit_used"}
"""All that may be rewarded as an action."""
