"""What accrue writes besides points: offers, challenges, paid memberships, benefits, access."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from schemas.flow import Row


class OfferGrant(Row, frozen=True, kw_only=True):
    """An offer that a member was granted, or was refused, and what became of it."""

    table: ClassVar[str] = "offers"
    keys: ClassVar[tuple[str, ...]] = ("grant_id",)
    grant_id: Annotated[str, Meta(description="deterministic: of member, offer and cause")]
    member_id: Annotated[str, Meta(description="to whom")]
    offer_id: Annotated[str, Meta(description="which offer")]
    offer_group: Annotated[
        str, Meta(description="at most one is open of a group and member; empty: of the offer")
    ]
    status: Annotated[
        Literal["open", "waiting", "used", "expired", "revoked", "refused", "withdrawn"],
        Meta(
            description="where it stands; waiting: until another of its group is closed; refused: "
            "see code; withdrawn: what brought it was undone"
        ),
    ]
    code: Annotated[str, Meta(description="ok or the reason of the refusal")]
    reason: Annotated[str, Meta(description="why it was granted: a command's, or what brought it")]
    granted_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    expires_at: Annotated[
        int | None, Meta(description="ms UTC; null: it doesn't", extra={"ms": True})
    ]
    closed_at: Annotated[int | None, Meta(description="ms UTC; null: open", extra={"ms": True})]
    closed_by: Annotated[
        str | None, Meta(description="the event that used or revoked it, source/event_id")
    ]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class ChallengeProgress(Row, frozen=True, kw_only=True):
    """Where a member stands in a challenge, in one of its periods."""

    table: ClassVar[str] = "challenges"
    keys: ClassVar[tuple[str, ...]] = ("member_id", "challenge", "since")
    member_id: Annotated[str, Meta(description="who")]
    challenge: Annotated[str, Meta(description="which challenge")]
    since: Annotated[
        int,
        Meta(description="the period's beginning, ms UTC; epoch: no period", extra={"ms": True}),
    ]
    until: Annotated[
        int | None, Meta(description="the period's end, ms UTC; null: none", extra={"ms": True})
    ]
    progress: Annotated[int, Meta(description="towards the target, in its unit")]
    target: Annotated[int, Meta(description="what must be reached")]
    met: Annotated[int, Meta(description="how often it was reached in this period")]
    met_at: Annotated[
        int | None, Meta(description="the last time, ms UTC; null: not yet", extra={"ms": True})
    ]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class MembershipPeriod(Row, frozen=True, kw_only=True):
    """A paid membership from its beginning to its end."""

    table: ClassVar[str] = "memberships"
    keys: ClassVar[tuple[str, ...]] = ("member_id", "since")
    member_id: Annotated[str, Meta(description="who")]
    plan: Annotated[str, Meta(description="which plan")]
    status: Annotated[
        Literal["trial", "active", "grace", "ended", "withdrawn", "transferred"],
        Meta(
            description="where it stands; grace: a payment is missing; withdrawn: what began it "
            "was undone; transferred: the survivor of a merge has it"
        ),
    ]
    since: Annotated[int, Meta(description="its beginning, ms UTC", extra={"ms": True})]
    paid_until: Annotated[
        int, Meta(description="what is paid for, or tried, ends then, ms UTC", extra={"ms": True})
    ]
    ended_at: Annotated[
        int | None, Meta(description="ms UTC; null: it goes on", extra={"ms": True})
    ]
    reason: Annotated[str, Meta(description="why it ended; empty: it goes on")]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class BenefitUsage(Row, frozen=True, kw_only=True):
    """A benefit that a member used, and whether they were entitled to it."""

    table: ClassVar[str] = "benefit_uses"
    keys: ClassVar[tuple[str, ...]] = ("member_id", "source", "event_id")
    member_id: Annotated[str, Meta(description="who")]
    source: Annotated[str, Meta(description="of the event")]
    event_id: Annotated[str, Meta(description="of the event")]
    benefit: Annotated[str, Meta(description="which benefit")]
    reference: Annotated[str, Meta(description="what the partner calls the use")]
    code: Annotated[
        Literal["ok", "no_membership", "not_entitled", "limit_reached", "withdrawn"],
        Meta(description="ok, or why the member wasn't entitled to it"),
    ]
    left: Annotated[
        int | None, Meta(description="uses left in the period; null: no limit, or not entitled")
    ]
    used_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class Unlocked(Row, frozen=True, kw_only=True):
    """Something that a challenge or a gift unlocked for a member."""

    table: ClassVar[str] = "access"
    keys: ClassVar[tuple[str, ...]] = ("member_id", "access")
    member_id: Annotated[str, Meta(description="who")]
    access: Annotated[str, Meta(description="what is unlocked")]
    since: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    until: Annotated[
        int | None,
        Meta(description="when it was taken back, ms UTC; null: open", extra={"ms": True}),
    ]
    unlocked_by: Annotated[str, Meta(description="the challenge or gift")]
    version: Annotated[int, Meta(description="grows with each change of the row")]
