"""Keeping the state bounded: the base moves on, and what can no longer matter is forgotten.

In: the state and an instant from which on facts may still arrive. Out: the same state, smaller.
Promises: forgetting is invisible. What is dropped could not be used any more at any instant after
the base: receipts, parked returns and redemption ids by their age, lots when they are empty and
no return can touch them.
"""

from transforms.accrue import entitlements, forget_challenges, membership, offers, prizes
from transforms.accrue.book import Book
from transforms.accrue.fold import apply
from transforms.accrue.programmes import Plan
from transforms.accrue.rebook import base_account
from transforms.accrue.state import Account, AccrueState, encode_account
from transforms.accrue.timers import fire


def advance_base(state: AccrueState, plan: Plan, to: int) -> None:
    """Fold the facts before `to` into the base."""
    base = base_account(state)
    book = Book(base, state.member_id, plan, state.baskets, to, silent=True)
    folded = 0
    for fact in state.facts:
        if fact.at >= to:
            break
        apply(book, fact)
        folded += 1
    fire(book, to)
    since = to - plan.remember_ms
    forget(base, plan, to)
    forget(state.current, plan, to)
    state.base = encode_account(base)
    state.base_to = to
    state.facts = state.facts[folded:]
    state.baskets = {key: one for key, one in state.baskets.items() if one.at >= since}
    state.rebooked = {
        slot: standing
        for slot, standing in state.rebooked.items()
        if max(one.at for one in standing) >= to
    }


def keep_to_rules(state: AccrueState, plan: Plan, now: int) -> None:
    """What was posted under other rules stands: the facts of then are never folded again.

    Folded under the rules of today they would give another account than the entries do. So the
    account as it is becomes the base, and what belongs before it counts from today.
    """
    rules = plan.rules_at(now)
    if state.rules == rules:
        return
    if state.rules and not plan.began_with(state.rules):
        state.base = encode_account(state.current)
        state.base_to = now
        state.facts = []
    state.rules = rules


def forget(account: Account, plan: Plan, to: int) -> None:
    """Drop what nothing from `to` on could need: no return or repeat, and no reinstatement."""
    since, reinstates_ms = to - plan.remember_ms, plan.reinstates_ms
    account.receipts = {key: one for key, one in account.receipts.items() if one.at >= since}
    account.other_names = {
        name: receipt_id
        for name, receipt_id in account.other_names.items()
        if receipt_id in account.receipts
    }
    if account.early_names:
        account.early_names = {
            name: early for name, early in account.early_names.items() if early.at >= since
        }
    account.parked = [one for one in account.parked if one.at >= since]
    account.taken = {part: at for part, at in account.taken.items() if at >= since}
    account.redemptions = {
        key: one
        for key, one in account.redemptions.items()
        if one.requested_at >= since or one.status == "held"
    }
    account.lots = {
        key: lot
        for key, lot in account.lots.items()
        if lot.remaining
        or key in account.pending
        or lot.earned_at >= since
        or (reinstates_ms and lot.expired and (lot.expires_at or to) >= to - reinstates_ms)
    }
    if account.offers:
        account.offers = offers.forget(account.offers, since)
    if account.ended:
        account.ended = membership.forget_ended(account.ended, since)
    if account.uses:
        account.uses = entitlements.forget(account, since)
    if account.access:
        prizes.settle_access(account.access, since)
    if account.challenges:
        account.challenges = forget_challenges.forget(account.challenges, plan, to)
