"""How messages change what decide knows of a member.

In: attributed events and the signals of accrue and score. Out: the changed state, and whether the
member's row in `members` changed with it. Promises: facts that arrive in disorder end as the
latest `occurred_at` says.
"""

from collections.abc import Callable

import msgspec

from schemas.events import Event
from schemas.flow import AccountChanged, ScoreChanged, TierChanged
from schemas.payloads import Cart, Case, Consent, Feedback, Order, Profile, Sale
from transforms.decide.addresses import (
    HANDLE_NAMESPACES,
    UNPROVEN,
    forget_addresses,
    see_addresses,
    signed_out,
    unlinked,
)
from transforms.decide.member_state import (
    BOUGHT_MAX,
    CART_LINES_MAX,
    CASES_MAX,
    Cause,
    DecideState,
    Grant,
    OpenCart,
    SupportCase,
)


def _profile(state: DecideState, event: Event) -> bool:
    payload = event.payload
    assert isinstance(payload, Profile)
    newest = event.occurred_at >= state.profile_at
    if newest:
        state.profile_at = event.occurred_at
        state.market = event.market
    for field in ("time_zone", "locale", "preferred_channel"):
        said = getattr(payload, field)
        if said is not None and (newest or getattr(state, field) is None):
            setattr(state, field, said)
    if event.type == "enrolled" and state.enrolled_at is None:
        state.enrolled_at = event.occurred_at
    return True


def grant(state: DecideState, channel: str, purpose: str, said: Grant) -> None:
    """The latest answer counts; of two at one instant the refusal does."""
    key = f"{channel}/{purpose}"
    known = state.consents.get(key)
    if known is None or (said.at, not said.granted) >= (known.at, not known.granted):
        state.consents[key] = said


def _consent(state: DecideState, event: Event) -> bool:
    payload = event.payload
    assert isinstance(payload, Consent)
    said = Grant(
        granted=payload.granted, at=event.occurred_at, event=f"{event.source}/{event.event_id}"
    )
    grant(state, payload.channel, payload.purpose, said)
    return False


def _unsubscribed(state: DecideState, event: Event) -> bool:
    payload = event.payload
    assert isinstance(payload, Feedback)
    said = Grant(granted=False, at=event.occurred_at, event=f"{event.source}/{event.event_id}")
    grant(state, payload.channel, "marketing", said)
    return False


def _subscribed(state: DecideState, event: Event) -> bool:
    """To a newsletter: that is asking for marketing by email."""
    said = Grant(granted=True, at=event.occurred_at, event=f"{event.source}/{event.event_id}")
    grant(state, "email", "marketing", said)
    return False


def _case(state: DecideState, event: Event) -> bool:
    payload = event.payload
    assert isinstance(payload, Case)
    opened = event.type == "case_opened"
    known = state.cases.get(payload.case_id)
    if known is not None and (known.at, not known.is_open) >= (event.occurred_at, not opened):
        return False
    state.cases[payload.case_id] = SupportCase(is_open=opened, at=event.occurred_at)
    if len(state.cases) > CASES_MAX:
        oldest = min(state.cases, key=lambda case_id: state.cases[case_id].at)
        del state.cases[oldest]
    return True


def _buy(state: DecideState, event: Event) -> bool:
    payload = event.payload
    assert isinstance(payload, (Sale, Order))
    bought = state.bought
    for line in payload.lines:
        sku = line.sku
        at = bought.pop(sku, 0)
        bought[sku] = max(at, event.occurred_at)
    while len(bought) > BOUGHT_MAX:
        del bought[next(iter(bought))]
    cart = state.cart
    if (
        isinstance(payload, Order)
        and cart is not None
        and payload.cart_id in (None, cart.cart_id)
        and event.occurred_at >= cart.at
    ):
        state.cart = None
    return False


def _unbuy(state: DecideState, event: Event) -> None:
    payload = event.payload
    assert isinstance(payload, (Sale, Order))
    for line in payload.lines:
        if state.bought.get(line.sku) == event.occurred_at:
            del state.bought[line.sku]


def _cart(state: DecideState, event: Event) -> bool:
    payload = event.payload
    assert isinstance(payload, Cart)
    if state.cart is not None and event.occurred_at < state.cart.at:
        return False
    state.cart = OpenCart(
        cart_id=payload.cart_id, at=event.occurred_at, lines=list(payload.lines[:CART_LINES_MAX])
    )
    return False


FOLDS: dict[str, Callable[[DecideState, Event], bool]] = {
    "enrolled": _profile,
    "profile_updated": _profile,
    "consent_changed": _consent,
    "unsubscribed": _unsubscribed,
    "case_opened": _case,
    "case_closed": _case,
    "sale": _buy,
    "order_placed": _buy,
    "cart_updated": _cart,
    "signed_out": signed_out,
    "subscribed": _subscribed,
    "unlink": unlinked,
}
"""What a type of event changes; the answer: whether a column of `members` may have changed."""

UNSEEN = frozenset(
    {"delivered", "failed", "shown", "correct", "unlink", "transfer", "account_merged"}
)
"""What channels and staff do doesn't mean that the member was there."""


def remember_event(state: DecideState, event: Event, known_at: int) -> tuple[bool, bool]:
    """Fold an event in: (the `members` row changed, an address is new)."""
    changed = False
    fresh = False
    if event.type not in UNSEEN and event.occurred_at > state.last_seen_at:
        state.last_seen_at = event.occurred_at
        changed = True
    if not state.market:
        state.market = event.market
        changed = True
    state.cause = Cause(
        event=f"{event.source}/{event.event_id}",
        event_id=event.event_id,
        source=event.source,
        occurred_at=event.occurred_at,
        known_at=known_at,
        traceparent=event.traceparent,
    )
    fold = FOLDS.get(event.type)
    namespaces = HANDLE_NAMESPACES.get(event.source)
    if namespaces is not None and event.type not in UNPROVEN and state.guest is None:
        fresh = see_addresses(state, event, namespaces)
    if fold is not None:
        changed = fold(state, event) or changed
    return changed, fresh


def forget_event(state: DecideState, event: Event) -> None:
    """The event turned out to be somebody else's: its items weren't bought by this member, and an
    address that only it has proved isn't theirs."""
    if event.type in ("sale", "order_placed"):
        _unbuy(state, event)
    forget_addresses(state, event)


def remember_account(state: DecideState, account: AccountChanged) -> bool:
    """Take the new balance; True if a column of `members` changed."""
    before = state.account
    state.account = account
    if state.enrolled_at is None and account.enrolled_at is not None:
        state.enrolled_at = account.enrolled_at
        return True
    return before is None or balance(before) != balance(account)


def balance(account: AccountChanged) -> tuple[int, int, int, int, str]:
    """What members see of their account."""
    return (
        account.available,
        account.pending,
        account.held,
        account.qualifying,
        account.tier,
    )


def remember_tier(state: DecideState, change: TierChanged) -> bool:
    if state.account is None or state.account.tier == change.tier:
        return False
    state.account = msgspec.structs.replace(state.account, tier=change.tier)
    return True


def remember_score(state: DecideState, score: ScoreChanged) -> bool:
    before = state.score
    state.score = score
    return before is None or (
        before.risk != score.risk
        or before.band != score.band
        or before.p_alive != score.p_alive
        or before.expected_value != score.expected_value
        or before.segment != score.segment
    )
