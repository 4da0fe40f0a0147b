"""What Hana does: joins, and four days later browses, shops, orders, returns and calls.

In: the first day of the story. Out: its steps, each with the events that it sends, in order of
`received_at`. Nothing is random, and no event says more than its system knows: the web shop has
a cookie, the till a card, the call centre a phone number.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from scripts.traffic.happenings import MARKET, SIMULATED, Sent

ZONE: Final = ZoneInfo("America/New_York")
MEMBER_ID: Final = "m-hana"
DAYS_BEFORE: Final = 4
"""From joining to the day: one more than points stay pending."""
UPLOAD_MS: Final = 400

EMAIL: Final = {"email": "hana.sato@example.net"}
CARD: Final = {"card": "4000077000777"}
PHONE: Final = {"phone": "(212) 555-0187"}
APP: Final = {"device_id": "hana-phone", "push_token": "push-hana"}
WEB: Final = {"cookie": "hana-laptop"}
STORE: Final = {"store_id": "367", "touchpoint": "till", "till_id": "4"}
SERVICE_DESK: Final = {"store_id": "367", "touchpoint": "service_desk"}

Lines = list[dict[str, Any]]
FIRST_BASKET: Final = "COFFEE 1295, CHEESE 1840, FRUIT 960, BAKED BREAD 780, SEAFOOD 1545"
BASKET: Final = "SEAFOOD 1840, CHEESE 1275, COFFEE 960, COOKWARE 3990"
PAN: Final = "4"
"""The line of the basket that goes back."""
ORDER: Final = "TEA 2230, CHOCOLATE 1545"
CART: Final = "GLASSWARE 2400, CANDLES 890"


class Step(msgspec.Struct, kw_only=True, frozen=True):
    """Something that she does. Times in ms UTC; `until`: when the surfaces are looked at."""

    at: int
    until: int
    title: str
    sent: str
    """What the systems around her sent, in words."""
    events: list[Sent]


class _Act(msgspec.Struct, kw_only=True, frozen=True):
    """One event of a step: day 0 is when she joins."""

    day: int
    clock: str
    source: str
    type: str
    identifiers: dict[str, str]
    payload: dict[str, Any] = {}
    context: dict[str, str] = {}


def story(first_day: date) -> list[Step]:
    """The steps, with events on `first_day` and DAYS_BEFORE days later, New York time."""
    number = 0
    steps: list[Step] = []
    begins = [_ms(first_day, acts[0].day, acts[0].clock) for _, _, acts in SCENES]
    ends = [_ms(first_day, 0, "23:59"), *begins[2:], begins[-1] + 300_000]
    for (title, sent, acts), at, until in zip(SCENES, begins, ends, strict=True):
        events: list[Sent] = []
        for act in acts:
            number += 1
            events.append(_event(first_day, act, number))
        steps.append(Step(at=at, until=until - 1, title=title, sent=sent, events=events))
    return steps


def encoded(steps: Iterable[Step]) -> bytes:
    """The events as JSON Lines."""
    return msgspec.json.Encoder().encode_lines([event for step in steps for event in step.events])


def _event(first_day: date, act: _Act, number: int) -> Sent:
    at = _ms(first_day, act.day, act.clock)
    return Sent(
        event_id=f"hana-{number}",
        type=act.type,
        source=act.source,
        occurred_at=at,
        received_at=at + UPLOAD_MS,
        market=MARKET,
        identifiers=act.identifiers,
        context={**act.context, **SIMULATED},
        payload=act.payload,
    )


def _ms(first_day: date, day: int, clock: str) -> int:
    moment = datetime.fromisoformat(f"{first_day + timedelta(days=day)}T{clock}")
    return round(moment.replace(tzinfo=ZONE).timestamp() * 1000)


def _lines(written: str, prefix: str) -> Lines:
    """ "COFFEE 1295, CHEESE 1840": category and minor units of each line."""
    lines: Lines = []
    for number, one in enumerate(written.split(", "), 1):
        category, _, amount = one.rpartition(" ")
        sku = f"{prefix}-{number}"
        lines.append(
            {"line_id": str(number), "sku": sku, "category": category, "amount": int(amount)}
        )
    return lines


def _sale(transaction_id: str, written: str) -> dict[str, Any]:
    lines = _lines(written, transaction_id)
    tender = {"method": "card", "amount": sum(line["amount"] for line in lines)}
    return {
        "transaction_id": transaction_id,
        "currency": "USD",
        "lines": lines,
        "tenders": [tender],
    }


def _consent(clock: str, channel: str, granted: bool) -> _Act:
    return _Act(
        day=0,
        clock=clock,
        source="profile",
        type="consent_changed",
        identifiers={"member_id": MEMBER_ID},
        payload={"channel": channel, "purpose": "marketing", "granted": granted},
    )


def _web(clock: str, type_: str, payload: dict[str, Any], **identifiers: str) -> _Act:
    return _Act(
        day=DAYS_BEFORE,
        clock=clock,
        source="web",
        type=type_,
        identifiers={**WEB, **identifiers},
        payload=payload,
    )


def _pos(
    day: int, clock: str, type_: str, payload: dict[str, Any], context: dict[str, str]
) -> _Act:
    return _Act(
        day=day,
        clock=clock,
        source="pos",
        type=type_,
        identifiers=CARD,
        payload=payload,
        context=context,
    )


_JOINS: Final = [
    _Act(
        day=0,
        clock="17:00:00",
        source="profile",
        type="enrolled",
        identifiers={"member_id": MEMBER_ID, **CARD, **EMAIL, **PHONE},
        payload={"time_zone": "America/New_York", "preferred_channel": "push"},
        context={"touchpoint": "kiosk"},
    ),
    _consent("17:00:20", "email", True),
    _consent("17:00:21", "push", True),
    _consent("17:00:22", "sms", False),
    _Act(
        day=0,
        clock="17:04:00",
        source="app",
        type="signed_in",
        identifiers={**APP, **EMAIL},
    ),
    _pos(0, "17:10:00", "sale", _sale("367-771", FIRST_BASKET), STORE),
]
_BROWSES: Final = [
    _web("09:02:00", "page_viewed", {"name": "breakfast"}),
    _web("09:04:00", "product_viewed", {"sku": "order-1", "category": "TEA", "price": 2230}),
    _web("09:07:00", "product_viewed", {"sku": "cart-1", "category": "GLASSWARE", "price": 2400}),
]
_IN_THE_SHOP: Final = [
    _Act(
        day=DAYS_BEFORE,
        clock="12:31:00",
        source="app",
        type="store_visited",
        identifiers=APP,
        payload={"store_id": "367", "zone": "entrance"},
    )
]
_BUYS: Final = [_pos(DAYS_BEFORE, "12:52:00", "sale", _sale("367-802", BASKET), STORE)]
_ORDERS: Final = [
    _web(
        "14:05:00",
        "order_placed",
        {
            "order_id": "web-5150",
            "cart_id": "cart-1",
            "lines": _lines(ORDER, "order"),
            "currency": "USD",
            "fulfilment": "ship",
        },
    )
]
_LEAVES_A_CART: Final = [
    _web("14:20:00", "cart_updated", {"cart_id": "cart-2", "lines": _lines(CART, "cart")})
]
_RETURNS: Final = [
    _pos(
        DAYS_BEFORE,
        "19:00:00",
        "return",
        {
            "return_id": "r-367-12",
            "transaction_id": "367-802",
            "lines": [{"line_id": PAN, "sku": "367-802-4", "category": "COOKWARE", "amount": 3990}],
        },
        SERVICE_DESK,
    )
]
_CALLS: Final = [
    _Act(
        day=DAYS_BEFORE,
        clock="19:30:00",
        source="service",
        type="case_opened",
        identifiers=PHONE,
        payload={"case_id": "case-hana", "severity": "normal", "medium": "phone"},
        context={"touchpoint": "call_centre"},
    )
]

SCENES: Final[tuple[tuple[str, str, list[_Act]], ...]] = (
    (
        "Hana joins, installs the app and buys",
        "kiosk: card, email and phone; yes to email and push, no to SMS; app: signed in; "
        "till: $64.20 with the card",
        _JOINS,
    ),
    (
        "She browses on her laptop, signed in nowhere",
        "web: a page and two products; a cookie, nothing else",
        _BROWSES,
    ),
    (
        "She signs in on the web",
        "web: cookie and email",
        [_web("09:14:00", "signed_in", {}, **EMAIL)],
    ),
    ("She walks into the shop", "app: a beacon at the entrance; the phone, no name", _IN_THE_SHOP),
    ("She pays at the till", "till: four lines, $80.65, with the card", _BUYS),
    ("She orders online", "web: two lines, $37.75; the cookie", _ORDERS),
    (
        "She fills another cart, and leaves it",
        "web: cart of two lines; the cookie. Then nothing for four hours",
        _LEAVES_A_CART,
    ),
    (
        "She brings a pan back to the shop",
        "service desk: one line of $39.90, with the card",
        _RETURNS,
    ),
    ("She calls support", "call centre: a case; the phone number she calls from", _CALLS),
)
