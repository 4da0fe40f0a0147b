"""What accrue writes: entries, lots, redemptions and tier changes."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from schemas.flow import Row

Account = Literal[
    "issued", "pending", "available", "held", "redeemed", "expired", "reversed", "transferred"
]
EntryKind = Literal[
    "earn",
    "bonus",
    "activate",
    "hold",
    "release",
    "redeem",
    "reverse",
    "reinstate",
    "expire",
    "adjust",
    "transfer_out",
    "transfer_in",
    "correct",
]
Posting = Literal["in_order", "rebooked", "late"]
RedemptionCode = Literal[
    "ok",
    "exists",
    "exists_with_different_points",
    "unknown_reward",
    "tier_too_low",
    "insufficient_points",
    "hold_expired",
    "hold_not_found",
    "already_captured",
]


class LedgerEntry(Row, frozen=True, kw_only=True):
    """One movement of points between two accounts of a member. Never edited."""

    table: ClassVar[str] = "ledger_entries"
    entry_id: Annotated[str, Meta(description="deterministic: of event, line, rule, kind, lot")]
    member_id: Annotated[str, Meta(description="whose points")]
    debit: Annotated[Account, Meta(description="the account that points leave")]
    credit: Annotated[Account, Meta(description="the account that points enter")]
    points: Annotated[int, Meta(description="how many, above 0")]
    kind: Annotated[EntryKind, Meta(description="what sort of movement")]
    rule: Annotated[str | None, Meta(description="the earn rule or policy behind it")]
    programme_version: Annotated[str, Meta(description="programme@version that decided it")]
    lot_id: Annotated[str | None, Meta(description="the lot concerned")]
    source: Annotated[str | None, Meta(description="of the event behind it; null: a timer")]
    event_id: Annotated[str | None, Meta(description="of the event behind it; null: a timer")]
    line_id: Annotated[str | None, Meta(description="the receipt line concerned")]
    occurred_at: Annotated[int, Meta(description="business date, ms UTC", extra={"ms": True})]
    posted_at: Annotated[
        int, Meta(description="known_at of the event or the timer's due time", extra={"ms": True})
    ]
    corrects: Annotated[str | None, Meta(description="the entry that this one corrects")]
    posting: Annotated[
        Posting,
        Meta(
            description="in_order; rebooked: posted or corrected when something earlier became "
            "known, or no longer was so; late: known after the horizon, counts from that day"
        ),
    ] = "in_order"
    because_of: Annotated[
        str | None, Meta(description="the event (source/event_id) that made a rebooking necessary")
    ] = None
    note: Annotated[
        str | None, Meta(description="an adjustment's or a correction's reason and actor")
    ] = None
    traceparent: Annotated[
        str | None, Meta(description="W3C trace context of the event behind it; null: none")
    ] = None


class Lot(Row, frozen=True, kw_only=True):
    """Points earned together, with one expiry."""

    table: ClassVar[str] = "lots"
    keys: ClassVar[tuple[str, ...]] = ("lot_id",)
    lot_id: Annotated[str, Meta(description="deterministic: of the event that earned it")]
    member_id: Annotated[str, Meta(description="whose points")]
    earned_at: Annotated[int, Meta(description="business date, ms UTC", extra={"ms": True})]
    available_at: Annotated[
        int, Meta(description="end of the pending period, ms UTC", extra={"ms": True})
    ]
    expires_at: Annotated[
        int | None, Meta(description="when the rest expires; null: never", extra={"ms": True})
    ]
    points: Annotated[int, Meta(description="earned, less what was reversed")]
    remaining: Annotated[int, Meta(description="not yet redeemed, expired or reversed")]
    entry_id: Annotated[str, Meta(description="the first entry of the lot")]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class Redemption(Row, frozen=True, kw_only=True):
    """A request to spend points and its answer; refusals are rows too."""

    table: ClassVar[str] = "redemptions"
    keys: ClassVar[tuple[str, ...]] = ("redemption_id", "member_id")
    redemption_id: Annotated[str, Meta(description="chosen by whoever asked")]
    member_id: Annotated[str, Meta(description="who asked")]
    reward_id: Annotated[str | None, Meta(description="from the catalogue; null: plain points")]
    points: Annotated[int, Meta(description="asked for")]
    status: Annotated[
        Literal["held", "captured", "released", "refused", "transferred"],
        Meta(description="where it stands; transferred: held on by the survivor of a merge"),
    ]
    code: Annotated[RedemptionCode, Meta(description="ok or the reason of the refusal")]
    requested_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    answered_at: Annotated[int, Meta(description="of the last answer, ms UTC", extra={"ms": True})]
    version: Annotated[int, Meta(description="grows with each change of the row")]


class RedemptionAnswer(Row, frozen=True, kw_only=True):
    """What was answered to each request about a redemption, repeats and time-outs included."""

    table: ClassVar[str] = "redemption_answers"
    redemption_id: Annotated[str, Meta(description="chosen by whoever asked")]
    member_id: Annotated[str, Meta(description="who asked")]
    request: Annotated[
        Literal["redeem", "capture", "release", "sale", "time_out", "transfer"],
        Meta(
            description="what was asked; sale: a sale that named the redemption; transfer: it came "
            "with the account of a merged member"
        ),
    ]
    points: Annotated[int, Meta(description="asked for; 0: a redemption that isn't known")]
    code: Annotated[RedemptionCode, Meta(description="the answer")]
    source: Annotated[str | None, Meta(description="of the event that asked; null: a timer")]
    event_id: Annotated[str | None, Meta(description="of the event that asked; null: a timer")]
    answered_at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    traceparent: Annotated[
        str | None, Meta(description="W3C trace context of the event behind it; null: none")
    ] = None


class Correction(Row, frozen=True, kw_only=True):
    """What became of each command to correct an account; its entries name it as their event."""

    table: ClassVar[str] = "corrections"
    correction_id: Annotated[str, Meta(description="the event_id of the command")]
    member_id: Annotated[str, Meta(description="whose account")]
    status: Annotated[
        Literal["applied", "right_already", "moved_on", "merged"],
        Meta(
            description="applied; right_already: the account stood where it must; moved_on: "
            "something happened to it since the comparison, so nothing was done; merged: it was "
            "of an account that is closed, so nothing was done"
        ),
    ]
    gained: Annotated[int, Meta(description="points more that are pending, available or held")]
    lost: Annotated[int, Meta(description="points fewer that are pending, available or held")]
    qualifying: Annotated[int, Meta(description="by how much the qualifying amount changed")]
    tier: Annotated[str | None, Meta(description="the tier moved to; null: it stayed")]
    reason: Annotated[str, Meta(description="in words")]
    actor: Annotated[str, Meta(description="who ordered it")]
    compared_at: Annotated[
        int, Meta(description="the instant compared, ms UTC", extra={"ms": True})
    ]
    posted_at: Annotated[
        int, Meta(description="known_at of the command, ms UTC", extra={"ms": True})
    ]


class TierChange(Row, frozen=True, kw_only=True):
    """A member moved to another tier."""

    table: ClassVar[str] = "tier_changes"
    member_id: Annotated[str, Meta(description="who")]
    tier: Annotated[str, Meta(description="the tier since then")]
    from_tier: Annotated[str, Meta(description="the tier before")]
    at: Annotated[int, Meta(description="ms UTC", extra={"ms": True})]
    reason: Annotated[
        str,
        Meta(
            description="qualified, period_end, left_window, grace_end, rebooked, returned, "
            "corrected or merged"
        ),
    ]


class AccountMerge(Row, frozen=True, kw_only=True):
    """An account that was closed because its member was merged into another, and its points."""

    table: ClassVar[str] = "merges"
    keys: ClassVar[tuple[str, ...]] = ("loser",)
    loser: Annotated[str, Meta(description="whose account was closed")]
    survivor: Annotated[str, Meta(description="whose account goes on")]
    merge: Annotated[str, Meta(description="the account_merged event, source/event_id")]
    programme: Annotated[str, Meta(description="of the account that was closed")]
    points: Annotated[
        int, Meta(description="pending, available and held points that left it, less its debt")
    ]
    debt: Annotated[int, Meta(description="points it owed, which the survivor owes now")]
    lots: Annotated[int, Meta(description="lots with points in them")]
    holds: Annotated[int, Meta(description="open holds")]
    status: Annotated[
        Literal["in_transit", "joined", "other_programme"],
        Meta(
            description="in_transit: the points have left and not arrived; joined: they have; "
            "other_programme: the survivor's account is of another programme, so they can't"
        ),
    ]
    merged_at: Annotated[
        int, Meta(description="when the account was closed, ms UTC", extra={"ms": True})
    ]
    joined_at: Annotated[
        int | None, Meta(description="when the points arrived, ms UTC", extra={"ms": True})
    ] = None
    version: Annotated[int, Meta(description="grows with each change of the row")]
