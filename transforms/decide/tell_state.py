"""Telling a member's state to whoever shows it: one record an instant, if anything is new in it.

In: the state after everything of an instant. Out: a `MemberState`, or nothing if it would say what
the last one said; what was only looked at waits for up to half a minute. It is built from what
decide keeps for its own work and from `attention`; nothing of it flows back, so every other row is
the same whether states are told or not. Of an account that was merged the last record says who goes
on; of an erased one it is nothing but its end.
"""

import msgspec
from xxhash import xxh3_64_intdigest

from schemas.decisions import Member
from schemas.events import EVENT_TYPES
from schemas.flow import AccountChanged, AnyBody, Attributed
from schemas.member_state import CartLine, CartState, CaseState, MemberErased, MemberState
from transforms.decide.attention import interests
from transforms.decide.journey_plans import Rules
from transforms.decide.member_row import member_row
from transforms.decide.member_state import DecideState, Told
from transforms.decide.next_action import next_action
from transforms.decide.quiet_hours import zone_name
from transforms.decide.template_data import view_of
from transforms.decide.turn import Turn

LOOKS_TOLD_MS = 30_000
"""What a member only looked at is told at most so often."""
SIGNS = frozenset({"signed_in", "signed_out"})
"""Of the browsing class, and more than a look."""
_encode = msgspec.msgpack.Encoder().encode


def plan_to_tell(told: Told, body: AnyBody, turn: Turn) -> None:
    """After a message: when the state is told. At the end of this very instant, unless the member
    only looked at something, which nothing else came of."""
    due = turn.now
    if isinstance(body, Attributed) and not body.retract:
        kind = body.event.type
        looked = EVENT_TYPES[kind].event_class == "browse" and kind not in SIGNS
        if looked and all(isinstance(row, Member) for row in turn.out):
            due = max(due, told.at + LOOKS_TOLD_MS)
    told.due = due if told.due is None else min(told.due, due)


def tell_state(turn: Turn, told: Told) -> tuple[MemberState | MemberErased, ...]:
    """The record to write now, if any."""
    state = turn.state
    told.due = None
    if not state.version:
        return ()
    if state.ended is not None and state.ended.because == "erased":
        told.revision += 1
        return (
            MemberErased(
                member_id=state.member_id,
                revision=told.revision,
                as_of=turn.now,
                traceparent=turn.traceparent,
            ),
        )
    same = _record(state, told, turn.rules)
    content = xxh3_64_intdigest(_encode(same))
    if content == told.content:
        return ()
    told.content, told.at = content, turn.now
    told.revision += 1
    return (
        msgspec.structs.replace(
            same, revision=told.revision, as_of=turn.now, traceparent=turn.traceparent
        ),
    )


def _record(state: DecideState, told: Told, rules: Rules) -> MemberState:
    """What there is to tell, without when and for which time it is told."""
    row, account = member_row(state, zone_name(state, rules.policy)), state.account
    view = view_of(state)
    return MemberState(
        member_id=row.member_id,
        revision=0,
        state_version=row.version,
        as_of=0,
        market=row.market,
        programme=account.programme if account else "",
        available=row.available,
        pending=row.pending,
        held=row.held,
        next_expiry_at=account.next_expiry_at if account else None,
        next_expiry_points=account.next_expiry_points if account else 0,
        expiries=view.expiries,
        tier=row.tier,
        qualifying=row.qualifying,
        next_tier=account.next_tier if account else None,
        to_next_tier=account.to_next_tier if account else 0,
        progress=_progress(account) if account and account.next_tier else None,
        tier_review_at=view.tier_review_at,
        tier_falls_to=view.tier_falls_to,
        tier_falls_at=view.tier_falls_at,
        tier_benefits=view.tier_benefits,
        upgrade_priority=view.upgrade_priority,
        challenges=view.challenges,
        rewards=view.rewards,
        next_reward=view.next_reward,
        offers=view.offers,
        membership=view.membership,
        access=view.access,
        risk=row.risk,
        risk_band=row.risk_band,
        p_alive=row.p_alive,
        expected_value=row.expected_value,
        segment=row.segment,
        enrolled_at=row.enrolled_at,
        last_seen_at=row.last_seen_at,
        preferred_channel=row.preferred_channel,
        locale=state.locale,
        time_zone=row.time_zone or "",
        cart=_cart(state),
        cases=_cases(state),
        interests=interests(told),
        actions=tuple(told.actions),
        next_action=next_action(state, rules) if state.passages else None,
        merged_into=row.merged_into,
    )


def _progress(account: AccountChanged) -> float:
    """Between the tier's beginning and the next one's; a debt of qualifying points is none yet."""
    done = max(0, account.qualifying)
    way = done + account.to_next_tier
    return round(done / way, 4) if way else 1.0


def _cart(state: DecideState) -> CartState | None:
    cart = state.cart
    if cart is None or not cart.lines:
        return None
    return CartState(
        cart_id=cart.cart_id,
        at=cart.at,
        lines=tuple(
            CartLine(
                sku=line.sku, category=line.category, quantity=line.quantity, amount=line.amount
            )
            for line in cart.lines
        ),
    )


def _cases(state: DecideState) -> tuple[CaseState, ...]:
    if not state.cases:
        return ()
    still_open = [(case.at, case_id) for case_id, case in state.cases.items() if case.is_open]
    return tuple(CaseState(case_id=case_id, opened_at=at) for at, case_id in sorted(still_open))
