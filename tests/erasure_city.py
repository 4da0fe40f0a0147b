"""People of whom everything is known, for erasures: Ana, who asks to be forgotten, and others.

Ana has a card, a phone, an email that is her login, a payment token, a cookie, a phone of her own
and an old account that was merged into hers; she shares a shop's tablet with Ben and Cleo, bought
before she enrolled, redeems, returns, gets messages, and one of her events was refused. Gus is a
guest who asked, too. Every value is long and like no other, so that it can be looked for in bytes.
"""

import json
from pathlib import Path
from typing import Any

BEGIN = 1_486_000_000_000
"""2017-02-02"""
HOUR = 3_600_000
DAY = 24 * HOUR

ANA: dict[str, str] = {
    "member_id": "member-ana-51f0a",
    "card": "card-ana-7720c1",
    "email": "ana.anders@ana-anders.example",
    "phone": "+12125550184",
    "payment_token": "token-ana-88e1b7",
    "cookie": "cookie-ana-c0ffee",
    "device_id": "device-ana-d09b3f",
}
OLD_ANA = {"member_id": "member-old-ana-77b", "card": "card-old-ana-1199d"}
BEN: dict[str, str] = {
    "member_id": "member-ben-84c2d",
    "card": "card-ben-3391f2",
    "email": "ben@ben-bright.example",
    "payment_token": "token-ben-5b6c7d",
}
CLEO = {"member_id": "member-cleo-19ee", "card": "card-cleo-42a4b"}
GUS = {"email": "gus.guest@gus-guest.example", "cookie": "cookie-gus-9f8e7d"}
TABLET = "tablet-of-the-shop-3"

SECRETS = (*ANA.values(), *OLD_ANA.values(), *GUS.values())
"""What nothing may hold afterwards, as it was sent."""


class City:
    """Events in the order in which they are written, numbered from `first` on."""

    def __init__(self, first: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self._first = first

    def add(
        self,
        at: float,
        type_: str,
        source: str,
        identifiers: dict[str, Any],
        payload: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """`at`: days since BEGIN."""
        event = {
            "event_id": f"{type_}-{self._first + len(self.events):04d}",
            "type": type_,
            "source": source,
            "occurred_at": BEGIN + round(at * DAY),
            "market": "us",
            "identifiers": identifiers,
            "payload": payload or {},
        }
        self.events.append({**event, **more})

    def sale(self, at: float, number: str, amount: int, identifiers: dict[str, Any]) -> None:
        lines = [
            {"line_id": "1", "sku": f"sku-{number}", "category": "coffee", "amount": amount},
            {"line_id": "2", "sku": "milk", "category": "dairy", "amount": amount // 2},
        ]
        payload = {"transaction_id": f"receipt-{number}", "lines": lines, "currency": "USD"}
        self.add(at, "sale", "pos", identifiers, payload)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(one) for one in sorted(self.events, key=_known)]
        path.write_text("\n".join(lines) + "\n")


def _known(event: dict[str, Any]) -> int:
    return int(event.get("received_at", event["occurred_at"]))


def of(person: dict[str, str], *namespaces: str) -> dict[str, str]:
    return {name: person[name] for name in namespaces}


def city() -> City:
    """All that happened until Ana and Gus ask."""
    told = City()
    # Before she was anybody: browsing, and a purchase that the login will claim.
    told.add(0.1, "page_viewed", "web", of(ANA, "cookie"), {"name": "ana's wish"})
    told.add(0.2, "searched", "web", of(ANA, "cookie"), {"query": f"mail {ANA['email']}"})
    told.sale(0.4, "a0", 4200, of(ANA, "payment_token"))
    told.sale(0.5, "g0", 1900, of(GUS, "email"))
    told.add(0.6, "page_viewed", "web", of(GUS, "cookie"), {"name": "gus"})
    told.add(0.7, "subscribed", "web", of(GUS, "email", "cookie"))
    told.add(0.75, "page_viewed", "web", {"cookie": TABLET}, {"name": "shop"})
    # Enrolments, and the tablet in three hands.
    everything = {**ANA, "login": ANA["email"]}
    told.add(
        1.0,
        "enrolled",
        "profile",
        of(ANA, "member_id", "card", "email", "phone"),
        {"birthday": "03-31", "preferred_channel": "email"},
    )
    told.add(1.1, "enrolled", "profile", of(BEN, "member_id", "card", "email"), {})
    told.add(1.2, "enrolled", "profile", CLEO, {})
    told.add(1.3, "enrolled", "profile", OLD_ANA, {})
    for who, at in ((ANA, 1.5), (BEN, 1.6)):
        for channel in ("email", "push", "sms"):
            told.add(
                at,
                "consent_changed",
                "profile",
                of(who, "member_id"),
                {"channel": channel, "purpose": "marketing", "granted": True},
            )
    told.add(1.7, "signed_in", "web", of(ANA, "cookie", "email") | {"login": ANA["email"]})
    told.add(1.8, "app_opened", "app", of(ANA, "device_id", "card"))
    told.sale(2.0, "a1", 9900, everything)
    told.sale(2.1, "b1", 5000, of(BEN, "payment_token", "card"))
    told.sale(2.2, "o1", 3000, of(OLD_ANA, "card"))
    for day, who in ((3.0, ANA), (3.2, BEN), (3.4, ANA), (3.6, CLEO)):
        told.add(day, "signed_in", "web", {"cookie": TABLET, **of(who, "member_id")})
        told.add(day + 0.01, "product_viewed", "web", {"cookie": TABLET}, {"sku": "mug"})
        told.add(
            day + 0.02,
            "cart_updated",
            "web",
            {"cookie": TABLET},
            {"cart_id": f"cart-{day}", "lines": [{"line_id": "1", "sku": "mug", "amount": 900}]},
        )
        told.add(day + 0.1, "signed_out", "web", {"cookie": TABLET})
    told.add(
        4.0,
        "account_merged",
        "profile",
        {},
        {"loser": OLD_ANA["member_id"], "winner": ANA["member_id"]},
    )
    told.sale(5.0, "a2", 12000, of(ANA, "payment_token"))
    told.add(
        5.2,
        "return",
        "pos",
        {},
        {
            "return_id": "back-a2",
            "transaction_id": "receipt-a2",
            "lines": [{"line_id": "2", "sku": "milk", "quantity": 1, "amount": 6000}],
        },
    )
    told.add(
        6.0,
        "redeem",
        "command",
        of(ANA, "member_id"),
        {"redemption_id": "redemption-ana-1", "points": 50},
    )
    told.sale(6.1, "b2", 800, of(BEN, "card"))
    told.sale(6.2, "c1", 700, of(CLEO, "card"))
    told.add(6.5, "case_opened", "service", of(ANA, "member_id"), {"case_id": "case-of-ana"})
    # Refused: another event under an id that was taken, and one with two cards.
    again = next(
        one
        for one in told.events
        if one["type"] == "sale" and one["payload"]["transaction_id"] == "receipt-a1"
    )
    told.events.append(
        json.loads(json.dumps(again))
        | {"occurred_at": again["occurred_at"] + 1, "received_at": BEGIN + round(6.6 * DAY)}
    )
    told.add(6.7, "sale", "pos", of(ANA, "card", "phone"), {"transaction_id": "x"})
    told.add(6.8, "sale", "pos", {"email": f"mailto:{ANA['email']}", "card": ["k1-x", "k2-x"]}, {})
    # A copy of a purchase, and what still waits for an owner when she asks.
    told.events.append(json.loads(json.dumps(again)) | {"received_at": BEGIN + round(7 * DAY)})
    told.sale(7.5, "w1", 2500, {"payment_token": "token-nobody-11aa"})
    told.add(7.6, "page_viewed", "web", of(ANA, "cookie"), {"name": "late"})
    told.sale(7.7, "g1", 1500, of(GUS, "email"))
    told.add(7.9, "searched", "web", {"cookie": TABLET}, {"query": "nobody's"})
    told.add(8.0, "erasure_requested", "profile", of(ANA, "member_id", "email"))
    told.add(8.1, "erasure_requested", "profile", of(GUS, "email"))
    # The word of whoever holds the shop's tablet is not enough.
    told.add(8.2, "erasure_requested", "profile", {"cookie": TABLET})
    return told
