"""Redemptions: asked for, held, captured, released, timed out; and adjustments by staff.

In: a request with or without its answer. Out: entries, and an `Answer`. Promises: a request is
answered once, when it is first folded; a later fold follows the recorded answer and only derives
anew which lots stand behind it. A repeat is `exists`, not a failure, and moves nothing.

Codes in order of precedence.
redeem: exists_with_different_points, exists, unknown_reward, tier_too_low, insufficient_points, ok.
capture, release: hold_not_found, already_captured, exists (released before), hold_expired, ok.

While what was in a merged account is on its way, a capture or release of a hold that isn't known
waits for it: the answer comes with the account, as of the instant at which it was asked for.
"""

from typing import Final

from msgspec.structs import replace

from schemas.ledger import RedemptionCode
from transforms.accrue import expiry, lots
from transforms.accrue.book import Book, Request, lot_id, opening
from transforms.accrue.facts import Adjusted, RedeemAsked, SettleAsked
from transforms.accrue.local_time import MINUTE_MS
from transforms.accrue.lots import UNBACKED
from transforms.accrue.state import Account, Answered

ASKED_MAX: Final = 100
"""Settlements that wait for holds of a merged account at most; more are refused at once."""


def redeem(book: Book, fact: RedeemAsked) -> None:
    """Answer a redemption, if nobody has yet, and do what the answer says."""
    account = book.account
    asked_first = fact.code is None
    known = _known(book, fact.redemption_id)
    if fact.code is None:
        if fact.reward_id is not None:
            reward = book.terms.rewards.get(fact.reward_id)
            fact.points = reward.points if reward else 0
        fact.code = _judge(book, fact, known)
    redemption = known
    if known is None:
        accepted = fact.code == "ok"
        redemption = Answered(
            reward_id=fact.reward_id,
            points=fact.points,
            status=("held" if fact.hold else "captured") if accepted else "refused",
            code=fact.code,
            requested_at=fact.at,
        )
        account.redemptions[fact.redemption_id] = redemption
        if accepted:
            book.cause += f"/{fact.redemption_id}"
            if fact.hold:
                _hold(book, fact, redemption)
            else:
                _spend(book, fact)
            expiry.redeemed(book)
    if asked_first:
        book.answer("redeem", fact.redemption_id, fact.points, fact.code, redemption)


def _judge(book: Book, fact: RedeemAsked, known: Answered | None) -> RedemptionCode:
    if known is not None:
        of_reward = fact.reward_id is not None  # whose price may have changed since
        same = known.reward_id == fact.reward_id and (of_reward or known.points == fact.points)
        return "exists" if same else "exists_with_different_points"
    terms, account = book.terms, book.account
    if fact.reward_id is None:
        if fact.points <= 0:
            return "unknown_reward"
    else:
        reward = terms.rewards.get(fact.reward_id)
        if reward is None:
            return "unknown_reward"
        if reward.tier is not None and terms.rank(account.tier) < terms.rank(reward.tier):
            return "tier_too_low"
    if account.balances.get("available", 0) < fact.points:
        return "insufficient_points"
    return "ok"


def settle(book: Book, fact: SettleAsked) -> None:
    """Capture or release a hold."""
    asked_first = fact.code is None
    redemption = _known(book, fact.redemption_id)
    if redemption is None and fact.code is None and _waits(book.account):
        book.account.asked.append(replace(fact))
        return
    if fact.code is None:
        fact.code = _judge_settling(fact, redemption)
    if fact.code == "ok" and redemption is not None and redemption.status == "held":
        book.cause += f"/{fact.redemption_id}"
        if fact.capture:
            _capture(book, fact, redemption)
        else:
            _release(book, fact.redemption_id, redemption)
            redemption.status = "released"
    if asked_first:
        request: Request = "sale" if fact.named else "capture" if fact.capture else "release"
        points = redemption.points if redemption else 0
        book.answer(request, fact.redemption_id, points, fact.code, redemption)


def _waits(account: Account) -> bool:
    """Whether a hold that isn't known may be on its way."""
    return bool(account.joining) and len(account.asked) < ASKED_MAX


def _judge_settling(fact: SettleAsked, redemption: Answered | None) -> RedemptionCode:
    if redemption is None or redemption.status == "refused":
        return "hold_not_found"
    if redemption.status == "captured":
        by_this_sale = redemption.captured_by is None or redemption.captured_by == fact.key
        return "exists" if fact.named and by_this_sale else "already_captured"
    if redemption.status == "released":
        timed_out = redemption.code == "hold_expired"
        return "hold_expired" if fact.capture or timed_out else "exists"
    return "ok"


def time_out(book: Book, redemption_id: str) -> None:
    """A hold that nobody captured gives its points back."""
    redemption = book.account.redemptions[redemption_id]
    book.cause += f"/{redemption_id}"
    _release(book, redemption_id, redemption)
    redemption.status = "released"
    redemption.code = "hold_expired"
    book.answer("time_out", redemption_id, redemption.points, "hold_expired", redemption)


def adjust(book: Book, fact: Adjusted) -> None:
    """Points given or taken by staff: given ones are a lot of their own, without pending period."""
    account = book.account
    if fact.points > 0:
        lot = lot_id(book.member_id, book.cause)
        book.post(
            "adjust",
            "issued",
            "available",
            fact.points,
            lot,
            "adjust",
            note=fact.note,
            opens=True,
        )
        lots.open_lot(book, lot, fact.points, opening("adjust", "adjust", None))
    elif fact.points < 0:
        parts, missing = lots.allocate(account, -fact.points)
        for lot, points in parts:
            lots.spend(book, lot, points)
            book.post("adjust", "available", "issued", points, lot, "adjust", note=fact.note)
        if missing:
            account.debt += missing
            book.post("adjust", "available", "issued", missing, None, "adjust", note=fact.note)


def is_known(book: Book, redemption_id: str, at: int) -> bool:
    """Whether there is a redemption of that id, not so old that its id may be used again."""
    redemption = book.account.redemptions.get(redemption_id)
    return redemption is not None and at - redemption.requested_at <= book.plan.remember_ms


def _known(book: Book, redemption_id: str) -> Answered | None:
    if not is_known(book, redemption_id, book.at):
        return None
    return book.account.redemptions[redemption_id]


def _spend(book: Book, fact: RedeemAsked) -> None:
    rule = fact.reward_id or "points"
    parts, missing = lots.allocate(book.account, fact.points)
    for lot, points in parts:
        lots.spend(book, lot, points)
        book.post("redeem", "available", "redeemed", points, lot, rule)
    if missing:
        book.account.debt += missing
        book.post("redeem", "available", "redeemed", missing, None, rule)


def _hold(book: Book, fact: RedeemAsked, redemption: Answered) -> None:
    account = book.account
    rule = fact.reward_id or "points"
    reward = book.terms.rewards.get(rule)
    minutes = reward.hold_minutes if reward else book.terms.hold_minutes
    parts, missing = lots.allocate(account, fact.points)
    redemption.allocation = dict(parts)
    for lot, points in parts:
        lots.hold(account, lot, points)
        book.post("hold", "available", "held", points, lot, rule)
    if missing:
        account.unbacked += missing
        redemption.allocation[UNBACKED] = missing
        book.post("hold", "available", "held", missing, None, rule)
    account.holds[fact.redemption_id] = fact.at + minutes * MINUTE_MS


def _capture(book: Book, fact: SettleAsked, redemption: Answered) -> None:
    account = book.account
    rule = redemption.reward_id or "points"
    for lot, points in redemption.allocation.items():
        if lot == UNBACKED:
            account.unbacked -= points
            account.debt += points
        else:
            lots.spend_held(book, lot, points)
        book.post("redeem", "held", "redeemed", points, lot or None, rule)
    del account.holds[fact.redemption_id]
    redemption.allocation = {}
    redemption.status = "captured"
    redemption.captured_by = fact.key


def _release(book: Book, redemption_id: str, redemption: Answered) -> None:
    account = book.account
    rule = redemption.reward_id or "points"
    allocation = redemption.allocation
    redemption.allocation = {}
    del account.holds[redemption_id]
    missing = allocation.pop(UNBACKED, 0)
    if missing:
        account.unbacked -= missing
        book.post("release", "held", "available", missing, None, rule)
    for lot, points in allocation.items():
        book.post("release", "held", "available", points, lot, rule)
        lots.give_back(book, lot, points)
