"""Events about what a member has besides points, and what the warehouse then holds of it."""

from collections.abc import Iterable
from typing import Any

from accrue_till import Till, event

from schemas.events import Event
from schemas.payloads import Benefit, Membership, Offer, Profile
from schemas.privileges import BenefitUsage, MembershipPeriod, OfferGrant


def grant(
    offer: str, at: int, expires_at: int | None = None, reason: str = "", event_id: str = ""
) -> Event:
    payload = Offer(offer_id=offer, expires_at=expires_at, reason=reason)
    return event("grant_offer", event_id or f"e-grant-{offer}-{at}", at, payload, "command")


def revoke(offer: str, at: int, event_id: str = "") -> Event:
    payload = Offer(offer_id=offer, reason="staff")
    return event("revoke_offer", event_id or f"e-revoke-{offer}-{at}", at, payload, "command")


def profile(at: int, birthday: str | None = None, event_id: str = "") -> Event:
    payload = Profile(birthday=birthday)
    return event("profile_updated", event_id or f"e-profile-{at}", at, payload, "profile")


def member(
    step: str, at: int, plan: str = "plus", trial: bool = False, event_id: str = ""
) -> Event:
    payload = Membership(plan=plan, trial=trial)
    name = f"membership_{step}"
    return event(name, event_id or f"e-{step}-{plan}-{at}", at, payload, "profile")


def benefit(name: str, at: int, reference: str = "", event_id: str = "") -> Event:
    payload = Benefit(benefit=name, reference=reference)
    return event("benefit_used", event_id or f"e-{name}-{at}", at, payload, "partner")


def newest(till: Till, kind: Any, keys: Iterable[str]) -> dict[Any, Any]:
    """The rows of a table as the warehouse holds them, in the order in which they first came."""
    rows: dict[Any, Any] = {}
    for row in till.of(kind):
        key = tuple(getattr(row, name) for name in keys)
        assert key not in rows or rows[key].version < row.version
        rows[key] = row
    return rows


def offers(till: Till) -> list[tuple[str, str, str]]:
    """Offers by when they were granted, as (offer, status, code)."""
    rows = newest(till, OfferGrant, ("grant_id",)).values()
    ordered = sorted(rows, key=lambda one: (one.granted_at, one.offer_id))
    return [(one.offer_id, one.status, one.code) for one in ordered]


def uses(till: Till) -> list[tuple[str, int, str, int | None]]:
    """Uses of benefits in their order, as (benefit, at, code, left)."""
    rows = newest(till, BenefitUsage, ("source", "event_id")).values()
    ordered = sorted(rows, key=lambda one: (one.used_at, one.event_id))
    return [(one.benefit, one.used_at, one.code, one.left) for one in ordered]


def memberships(till: Till) -> list[MembershipPeriod]:
    """Memberships in their order."""
    rows = newest(till, MembershipPeriod, ("since",)).values()
    return sorted(rows, key=lambda one: one.since)
