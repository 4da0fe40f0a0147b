"""What a member has besides points, as rows: offers, challenges, membership, benefits, access.

In: the account after a fold, and which of it changed. Out: rows. Promises: what a rebooking made
disappear is told, too, as withdrawn.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from schemas.flow import Row
from schemas.privileges import (
    BenefitUsage,
    ChallengeProgress,
    MembershipPeriod,
    OfferGrant,
    Unlocked,
)
from transforms.accrue.privileges import Access, BenefitUse, GrantedOffer, PaidMembership, Progress
from transforms.accrue.standing import name_in, progress
from transforms.accrue.state import Account, AccrueState

Changed = tuple[str, str]
"""A part of the account (a field's name), and the key in it."""


def memberships(account: Account) -> dict[str, PaidMembership]:
    """The membership and those that ended before it, by their beginning."""
    one = account.membership
    return account.ended if one is None else {**account.ended, str(one.since): one}


def _offer(state: AccrueState, key: str, one: GrantedOffer, gone: bool) -> Row:
    return OfferGrant(
        grant_id=key,
        member_id=state.member_id,
        offer_id=one.offer,
        offer_group=one.group,
        status="withdrawn" if gone else one.status,
        code=one.code,
        reason=one.reason,
        granted_at=one.granted_at,
        expires_at=one.expires_at,
        closed_at=one.closed_at,
        closed_by=one.closed_by or None,
        version=state.version,
    )


def _challenge(state: AccrueState, key: str, one: Progress, gone: bool) -> Row:
    return ChallengeProgress(
        member_id=state.member_id,
        challenge=name_in(key),
        since=one.since,
        until=one.until,
        progress=0 if gone else progress(one),
        target=one.target // one.unit,
        met=0 if gone else one.times,
        met_at=one.met_at if one.times and not gone else None,
        version=state.version,
    )


def _membership(state: AccrueState, key: str, one: PaidMembership, gone: bool) -> MembershipPeriod:
    return MembershipPeriod(
        member_id=state.member_id,
        plan=one.plan,
        status="withdrawn" if gone else one.status,
        since=one.since,
        paid_until=one.until,
        ended_at=one.ended_at,
        reason=one.reason,
        version=state.version,
    )


def _use(state: AccrueState, key: str, one: BenefitUse, gone: bool) -> Row:
    source, _, event_id = key.partition("/")
    return BenefitUsage(
        member_id=state.member_id,
        source=source,
        event_id=event_id,
        benefit=one.benefit,
        reference=one.reference,
        code="withdrawn" if gone else one.code,
        left=None if gone else one.left,
        used_at=one.at,
        version=state.version,
    )


def _access(state: AccrueState, key: str, one: Access, gone: bool) -> Unlocked:
    return Unlocked(
        member_id=state.member_id,
        access=key,
        since=one.since,
        until=one.since if gone else one.ended_at,
        unlocked_by=one.by,
        version=state.version,
    )


PARTS: Final[dict[str, tuple[Callable[[Account], dict[str, Any]], Callable[..., Row]]]] = {
    "offers": (lambda account: account.offers, _offer),
    "challenges": (lambda account: account.challenges, _challenge),
    "membership": (memberships, _membership),
    "uses": (lambda account: account.uses, _use),
    "access": (lambda account: account.access, _access),
}


def differing(was: Account, becomes: Account) -> list[Changed]:
    """What two folds of one account made differently."""
    changed = []
    for part, (held, _) in PARTS.items():
        before, after = held(was), held(becomes)
        if before or after:
            changed += [
                (part, key) for key in {**before, **after} if before.get(key) != after.get(key)
            ]
    return changed


def privileges(state: AccrueState, changed: Iterable[Changed], was: Account | None) -> list[Row]:
    """A row for each part that changed. `was`: where to look for what a rebooking undid."""
    rows = []
    for part, key in changed:
        held, row = PARTS[part]
        one = held(state.current).get(key)
        if one is not None:
            rows.append(row(state, key, one, False))
        elif was is not None and (one := held(was).get(key)) is not None:
            rows.append(row(state, key, one, True))
    return rows


def transferred(state: AccrueState, account: Account, at: int) -> list[Row]:
    """What the survivor of a merge has from now on. The rows of offers go with them."""
    rows: list[Row] = []
    member = account.membership
    if member is not None and member.status != "ended":
        row = _membership(state, str(member.since), member, False)
        rows.append(replace(row, status="transferred"))
    for name, access in account.access.items():
        if access.ended_at is None:
            rows.append(replace(_access(state, name, access, False), until=at))
    return rows
