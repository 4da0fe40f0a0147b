"""The event contract: types, sources, and what a decoded event is inside the engine.

`schemas/avro/*.avsc` is the authority for what may be sent; `Event` is what is left once
`transforms.decode` has validated it: times in milliseconds UTC, identifiers as
`"namespace:value"` strings with emails and phones already pseudonymised. What is particular to a
type is in `schemas.payloads`.
"""

from typing import Final, Literal, get_args

import msgspec

from schemas.field_rules import EventId
from schemas.payloads import (
    Activity,
    AdClicked,
    Adjust,
    AnyPayload,
    Availability,
    Benefit,
    Cart,
    Case,
    Consent,
    Correct,
    Feedback,
    Membership,
    Merge,
    Nothing,
    Offer,
    Order,
    Payload,
    Product,
    ProductViewed,
    Profile,
    Redeem,
    Repair,
    Return,
    RewardViewed,
    Sale,
    Searched,
    Settle,
    Store,
    Transfer,
    Unlink,
    Viewed,
    Visit,
)

Source = Literal[
    "web", "pos", "app", "profile", "service", "partner", "delivery", "command", "reference"
]
SOURCES: Final[tuple[str, ...]] = get_args(Source)

Namespace = Literal[
    "cookie",
    "device_id",
    "push_token",
    "payment_token",
    "phone",
    "email",
    "card",
    "login",
    "member_id",
]
NAMESPACES: Final[tuple[str, ...]] = get_args(Namespace)

EventClass = Literal["browse", "cart", "purchase", "service", "profile"]

TRACEPARENT: Final = "traceparent"
"""The key of an event's trace context in its `context`, and the Kafka header's name."""


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """What the contract says of one `type`: its payload, who may send it, how long it may wait."""

    payload: type[Payload]
    sources: frozenset[str]
    event_class: EventClass
    money: bool = False
    """Moves points or is answered once: deduplicated for as long as returns are accepted."""


def _types(
    names: str, payload: type[Payload], sources: str, event_class: EventClass, money: bool = False
) -> dict[str, EventType]:
    kind = EventType(
        payload=payload,
        sources=frozenset(sources.split()),
        event_class=event_class,
        money=money,
    )
    return dict.fromkeys(names.split(), kind)


EVENT_TYPES: Final[dict[str, EventType]] = {
    **_types("page_viewed screen_viewed", Viewed, "web app", "browse"),
    **_types("product_viewed", ProductViewed, "web app", "browse"),
    **_types("searched", Searched, "web app", "browse"),
    **_types("cart_updated checkout_started", Cart, "web app", "cart"),
    **_types("order_placed", Order, "web app pos", "purchase", money=True),
    **_types(
        "order_ready order_collected order_delivered order_cancelled",
        Order,
        "web app pos",
        "purchase",
        money=True,
    ),
    **_types("signed_in signed_out", Nothing, "web app", "browse"),
    **_types("subscribed", Nothing, "web", "profile"),
    **_types("ad_clicked", AdClicked, "web", "browse"),
    **_types("app_opened", Nothing, "app", "browse"),
    **_types("reward_viewed", RewardViewed, "app", "browse"),
    **_types("store_visited store_left", Visit, "app", "browse"),
    **_types("activity_completed", Activity, "app web partner", "purchase", money=True),
    **_types("benefit_used upgrade_cleared", Benefit, "partner", "purchase", money=True),
    **_types("sale", Sale, "pos", "purchase", money=True),
    **_types("return", Return, "pos web app", "purchase", money=True),
    **_types("enrolled profile_updated", Profile, "profile", "profile"),
    **_types("consent_changed", Consent, "profile", "profile"),
    **_types(
        "membership_started membership_renewed membership_payment_failed membership_ended",
        Membership,
        "profile",
        "profile",
        money=True,
    ),
    **_types("account_merged", Merge, "profile", "profile", money=True),
    **_types("erasure_requested", Nothing, "profile", "profile"),
    **_types("case_opened case_closed contact_logged", Case, "service", "service"),
    **_types(
        "delivered failed shown opened clicked dismissed unsubscribed",
        Feedback,
        "delivery",
        "service",
    ),
    **_types("redeem", Redeem, "command", "purchase", money=True),
    **_types("capture release", Settle, "command", "purchase", money=True),
    **_types("adjust", Adjust, "command", "purchase", money=True),
    **_types("correct", Correct, "command", "purchase", money=True),
    **_types("repair", Repair, "command", "service"),
    **_types("unlink", Unlink, "command", "service", money=True),
    **_types("transfer", Transfer, "command", "purchase", money=True),
    **_types("grant_offer revoke_offer", Offer, "command", "purchase", money=True),
    **_types("product", Product, "reference", "profile"),
    **_types("store", Store, "reference", "profile"),
    **_types("availability", Availability, "reference", "profile"),
}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A decoded event. (`source`, `event_id`) is its idempotency key."""

    event_id: EventId
    type: str
    source: str
    occurred_at: int
    """ms UTC, when it happened by the device's or till's clock; clamped to `received_at`."""
    received_at: int
    """ms UTC, when the collector got it."""
    market: str
    identifiers: tuple[str, ...] = ()
    """`"namespace:value"`, as sent but pseudonymised and without blocked values."""
    context: dict[str, str] = {}
    payload: AnyPayload
    partition: str = ""
    offset: int = 0
    """Where it was read: record number (files) or log offset (Kafka) in `partition`."""
    clamped: bool = False
    """`occurred_at` was later than `received_at` and was set back to it."""

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.event_id

    @property
    def traceparent(self) -> str | None:
        """W3C trace context: which of somebody else's traces the event belongs to."""
        return self.context.get(TRACEPARENT) if self.context else None
