"""A warehouse small enough to know every answer by heart, written through the real sink.

Ana (gold) bought twice, redeemed, and gets messages; Ben returned all he bought and owes
points; Cleo enrolled and never bought. A guest bought once.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.decisions import Decision, Delivery, JourneyEntry, Member, Trigger
from schemas.flow import Row
from schemas.identity import EventOwner, Guest, IdentityLink
from schemas.ledger import LedgerEntry, Lot, Redemption, TierChange
from schemas.refusals import Quarantined
from schemas.scoring import ChurnScore
from sinks.duckdb.sink import WarehousePartition
from sinks.row_batch import RowBatch


def ms(day: str) -> int:
    """Noon UTC of a day, ms."""
    return round(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp() * 1000)


def member(member_id: str, **values: Any) -> Member:
    return Member(
        **{
            "member_id": member_id,
            "market": "us",
            "tier": "basic",
            "available": 0,
            "pending": 0,
            "held": 0,
            "qualifying": 0,
            "risk": 0.1,
            "risk_band": "low",
            "p_alive": 0.9,
            "expected_value": 10_000,
            "segment": "555",
            "preferred_channel": None,
            "time_zone": None,
            "open_cases": 0,
            "last_seen_at": ms("2017-03-10"),
            "enrolled_at": ms("2017-01-01"),
            "version": 1,
            **values,
        }
    )


def owner(event_id: str, type_: str, member_id: str | None, reason: str, day: str) -> EventOwner:
    return EventOwner(
        source="web" if type_ == "page_viewed" else "pos",
        event_id=event_id,
        type=type_,
        member_id=member_id,
        rung="member",
        reason=reason,
        known_at=ms(day),
    )


def entry(entry_id: str, member_id: str, moved: str, day: str) -> LedgerEntry:
    """`moved`: kind, points, debit and credit."""
    kind, points, debit, credit = moved.split()
    return LedgerEntry(
        entry_id=entry_id,
        member_id=member_id,
        debit=debit,  # type: ignore[arg-type]
        credit=credit,  # type: ignore[arg-type]
        points=int(points),
        kind=kind,  # type: ignore[arg-type]
        rule="base",
        programme_version="grocer@1",
        lot_id=f"lot-{entry_id}",
        source="pos",
        event_id=f"sale-{entry_id}",
        line_id=None,
        occurred_at=ms(day),
        posted_at=ms(day),
        corrects=None,
    )


def lot(lot_id: str, member_id: str, remaining: int, available: str, expires: str | None) -> Lot:
    return Lot(
        lot_id=lot_id,
        member_id=member_id,
        earned_at=ms("2017-03-01"),
        available_at=ms(available),
        expires_at=ms(expires) if expires else None,
        points=100,
        remaining=remaining,
        entry_id=f"entry-{lot_id}",
        version=1,
    )


def trigger(trigger_id: str, action: str, channel: str, journey: str, day: str) -> Trigger:
    return Trigger(
        trigger_id=trigger_id,
        action=action,  # type: ignore[arg-type]
        member_id="ana",
        channel=channel,  # type: ignore[arg-type]
        journey=journey,
        step="tell",
        purpose="marketing",
        content=f"{journey}@1",
        data={"available": 60},
        not_before=ms(day),
        expires_at=None,
        consent="consent_changed profile/c-1",
        handle=None,
        state_version=3,
        decided_at=ms(day),
    )


def delivery(trigger_id: str, channel: str, state: str) -> Delivery:
    return Delivery(
        trigger_id=trigger_id,
        member_id="ana",
        channel=channel,
        state=state,
        reason="",
        at=ms("2017-03-09"),
    )


def decision(decision_id: str, member_id: str, channel: str, reason: str, day: str) -> Decision:
    return Decision(
        decision_id=decision_id,
        member_id=member_id,
        journey="win_back",
        step="tell",
        channel=channel,
        outcome="suppressed",
        reason=reason,  # type: ignore[arg-type]
        inputs="{}",
        decided_at=ms(day),
    )


def passage(entry_id: str, member_id: str, state: str, because: str | None) -> JourneyEntry:
    return JourneyEntry(
        entry_id=entry_id,
        member_id=member_id,
        journey="win_back",
        journey_version=1,
        step="tell",
        state=state,  # type: ignore[arg-type]
        entered_at=ms("2017-03-05"),
        left_at=ms("2017-03-06") if because else None,
        left_because=because,
        version=1,
    )


def score(member_id: str, day: str, from_band: str, band: str, why: str) -> ChurnScore:
    return ChurnScore(
        member_id=member_id, at=ms(day), p_alive=0.6, band=band, from_band=from_band, why=why
    )


def link(value: str, until: str | None) -> IdentityLink:
    return IdentityLink(
        namespace="card",
        value=value,
        owner="member_id:ana",
        from_at=ms("2017-01-01"),
        until_at=ms(until) if until else None,
        reason="enrolled",
        event_id="profile/e-1",
        version=1,
    )


ROWS: tuple[Row, ...] = (
    member(
        "ana",
        tier="gold",
        available=60,
        pending=30,
        qualifying=130,
        risk_band="high",
        p_alive=0.4,
        risk=0.6,
        expected_value=90_000,
    ),
    member("ben", available=-20),
    member("cleo", risk_band="none", last_seen_at=ms("2017-01-01")),
    owner("p-1", "sale", "ana", "member_id", "2017-03-01"),
    owner("p-2", "sale", None, "held_ambiguous", "2017-03-02"),
    owner("p-2", "sale", "ana", "released", "2017-03-08"),
    owner("p-3", "sale", "ben", "link", "2017-03-03"),
    owner("p-4", "sale", None, "guest", "2017-03-04"),
    owner("p-5", "return", "ben", "receipt", "2017-03-05"),
    owner("w-1", "page_viewed", "ben", "link", "2017-03-06"),
    owner("w-1", "page_viewed", "ben", "retracted", "2017-03-07"),
    owner("w-1", "page_viewed", "ana", "link", "2017-03-07"),
    owner("w-2", "page_viewed", "ana", "link", "2017-03-07"),
    owner("w-2", "page_viewed", "ana", "retracted", "2017-03-09"),
    owner("w-3", "page_viewed", None, "anonymous", "2017-03-07"),
    entry("1", "ana", "earn 100 issued pending", "2017-03-01"),
    entry("2", "ana", "activate 100 pending available", "2017-03-04"),
    entry("3", "ana", "redeem 40 available redeemed", "2017-03-05"),
    entry("4", "ana", "earn 30 issued pending", "2017-03-08"),
    entry("5", "ben", "earn 50 issued available", "2017-03-03"),
    entry("6", "ben", "redeem 20 available redeemed", "2017-03-04"),
    entry("7", "ben", "reverse 50 available reversed", "2017-03-05"),
    lot("1", "ana", 60, "2017-03-04", "2017-09-30"),
    lot("2", "ana", 30, "2017-03-11", "2017-10-01"),
    lot("3", "ana", 0, "2017-03-04", "2017-05-31"),
    Redemption(
        redemption_id="r-1",
        member_id="ana",
        reward_id=None,
        points=40,
        status="captured",
        code="ok",
        requested_at=ms("2017-03-05"),
        answered_at=ms("2017-03-05"),
        version=1,
    ),
    TierChange(
        member_id="ana", tier="gold", from_tier="basic", at=ms("2017-03-01"), reason="qualified"
    ),
    score("ana", "2017-03-01", "none", "low", "first"),
    score("ben", "2017-03-03", "none", "low", "first"),
    score("ana", "2017-03-09", "low", "high", "time"),
    passage("j-1", "ana", "active", None),
    passage("j-2", "ben", "left", "goal_met"),
    passage("j-3", "cleo", "left", "exit"),
    passage("j-4", "ana", "left", "completed"),
    trigger("t-1", "send", "push", "win_back", "2017-03-06"),
    trigger("t-2", "send", "push", "win_back", "2017-03-07"),
    trigger("t-2", "withdraw", "push", "win_back", "2017-03-08"),
    trigger("t-3", "show", "web", "welcome", "2017-03-05"),
    delivery("t-1", "push", "delivered"),
    delivery("t-1", "push", "opened"),
    delivery("t-1", "push", "clicked"),
    delivery("t-2", "push", "failed"),
    decision("d-1", "ana", "sms", "no_consent", "2017-03-06"),
    decision("d-2", "ben", "sms", "no_consent", "2017-03-07"),
    decision("d-3", "ana", "email", "cap_reached", "2017-03-08"),
    link("4000", None),
    link("4001", "2017-02-01"),
    Guest(
        guest_id="payment_token:t-9",
        namespace="payment_token",
        first_at=ms("2017-03-04"),
        last_at=ms("2017-03-04"),
        events=1,
        spend=1200,
        version=1,
    ),
    Quarantined(
        source="web",
        position="web.jsonl:7",
        reason="unknown_type",
        detail="type: must be a type of the contract",
        event_id="w-9",
        content_hash="00",
        known_at=ms("2017-03-04"),
        raw=b"...",
    ),
)


def build_small_city(path: Path, rows: tuple[Row, ...] = ROWS) -> None:
    part = WarehousePartition(path, None)
    part.write_batch([RowBatch(list(rows))])
    part.snapshot()
    part.close()
