"""The event contract as frozen structs: what a decoded event is inside the engine.

`schemas/avro/*.avsc` is the authority for what may be sent; these structs are
what is left once `transforms.decode` has validated it: times in milliseconds
UTC, money in integer minor units, identifiers as `"namespace:value"` strings
with emails and phones already pseudonymised.
"""

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta

from schemas.field_rules import Change, Currency, EventId, Instant, Money, Quantity

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


class Payload(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind"):
    """What is particular to a type of event. The tag names the shape, not the type."""


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One line of a receipt, an order, a cart or a return."""

    line_id: str
    sku: str
    category: str = ""
    quantity: Quantity = 1
    amount: Money
    """What was paid for the whole line after discounts, minor units."""
    discount: Money = 0


NamedLines = Annotated[tuple[Line, ...], Meta(extra={"named_by": "line_id"})]
"""Lines that a return can name."""


class Tender(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One means of payment used on a sale."""

    method: str
    amount: Money


class Nothing(Payload, frozen=True, kw_only=True, tag="nothing"):
    """Types whose envelope says it all: signed_in, signed_out, app_opened, subscribed, …"""


class Viewed(Payload, frozen=True, kw_only=True, tag="viewed"):
    name: str


class ProductViewed(Payload, frozen=True, kw_only=True, tag="product_viewed"):
    sku: str
    category: str = ""
    price: Money = 0


class Searched(Payload, frozen=True, kw_only=True, tag="searched"):
    query: str


class Cart(Payload, frozen=True, kw_only=True, tag="cart"):
    """cart_updated and checkout_started; no lines on cart_updated: the cart was emptied."""

    cart_id: str
    lines: tuple[Line, ...] = ()


class Order(Payload, frozen=True, kw_only=True, tag="order"):
    """order_placed, order_ready, order_collected, order_delivered, order_cancelled."""

    order_id: str
    cart_id: str | None = None
    lines: NamedLines = ()
    currency: Currency | None = None
    fulfilment: Literal["ship", "pickup", "curbside"] | None = None
    offers: tuple[str, ...] = ()


class AdClicked(Payload, frozen=True, kw_only=True, tag="ad_clicked"):
    network: str
    campaign: str
    creative: str = ""


class RewardViewed(Payload, frozen=True, kw_only=True, tag="reward_viewed"):
    reward_id: str


class Visit(Payload, frozen=True, kw_only=True, tag="visit"):
    """store_visited and store_left, by geofence or beacon."""

    store_id: str
    zone: str = ""


class Activity(Payload, frozen=True, kw_only=True, tag="activity"):
    """activity_completed: a workout, a survey, a flight flown: what engagement rules reward."""

    activity: str
    quantity: Quantity = 1


class Benefit(Payload, frozen=True, kw_only=True, tag="benefit"):
    benefit: str
    reference: str = ""


class Sale(Payload, frozen=True, kw_only=True, tag="sale"):
    transaction_id: str
    order_id: str | None = None
    lines: NamedLines
    currency: Currency
    tenders: tuple[Tender, ...] = ()
    offers: tuple[str, ...] = ()
    redemptions: tuple[str, ...] = ()


class Return(Payload, frozen=True, kw_only=True, tag="return"):
    return_id: str
    transaction_id: str | None = None
    """Of the sale or order that is returned, if known."""
    lines: Annotated[tuple[Line, ...], Meta(extra={"may_lack": "line_id"})]


class Profile(Payload, frozen=True, kw_only=True, tag="profile"):
    """enrolled and profile_updated. `birthday` is month-day, "03-31"."""

    birthday: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    preferred_channel: str | None = None
    home_store: str | None = None


class Consent(Payload, frozen=True, kw_only=True, tag="consent"):
    channel: str
    purpose: str
    granted: bool


class Membership(Payload, frozen=True, kw_only=True, tag="membership"):
    plan: str
    trial: bool = False


class Merge(Payload, frozen=True, kw_only=True, tag="merge"):
    loser: str
    winner: str


class Transfer(Payload, frozen=True, kw_only=True, tag="transfer"):
    """What was in an account when it was merged into another: the flow's own command to its
    survivor. It comes in parts, which apply in any order, each once."""

    loser: str
    """Whose account was closed."""
    merge: str
    """The event that said so, source/event_id."""
    merged_at: int
    part: str
    """account; receipts-1, receipts-2, …: purchases that still can be returned; score."""
    programme: str = ""
    points: Change = 0
    """Points on their way: pending, available and held, less debt."""
    debt: Money = 0
    lots: Quantity = 0
    holds: Quantity = 0
    tier: str | None = None
    enrolled_at: int | None = None
    version: Quantity = 0
    """Of the loser's rows: the survivor's go on from there."""
    contents: str
    """The part itself: the number of its form, a dot, and URL-safe base64 of msgpack."""


class Unlink(Payload, frozen=True, kw_only=True, tag="unlink"):
    """Revoke the link from the identifier that the command carries to its owner."""

    owner: str
    """namespace:value of the stronger identifier."""
    until: Instant | None = None
    """Signs of the owner up to then don't count, ms UTC; None: up to the command's own time."""
    reason: str
    actor: str


class Case(Payload, frozen=True, kw_only=True, tag="case"):
    case_id: str
    severity: str = "normal"
    medium: str = ""


class Feedback(Payload, frozen=True, kw_only=True, tag="feedback"):
    """What a channel system says became of a trigger."""

    trigger_id: str
    channel: str
    reason: str = ""


class Redeem(Payload, frozen=True, kw_only=True, tag="redeem"):
    """Spend points: a reward from the catalogue, or a number of points. `hold`: reserve only."""

    redemption_id: str
    reward_id: str | None = None
    points: Money | None = None
    hold: bool = False


class Settle(Payload, frozen=True, kw_only=True, tag="settle"):
    """capture and release of a hold."""

    redemption_id: str


class Adjust(Payload, frozen=True, kw_only=True, tag="adjust"):
    points: Change
    reason: str
    actor: str


class CorrectedLot(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A lot as it must stand: its dates, and its points at the instant of the comparison."""

    lot_id: str
    earned_at: int
    available_at: int
    expires_at: int | None = None
    points: Money = 0
    """Earned, less what was reversed."""
    remaining: Money = 0
    expired: Money = 0
    corrects: str | None = None
    """The one entry of the lot that was wrong, if there is a single one."""


class Correct(Payload, frozen=True, kw_only=True, tag="correct"):
    """What a member's account must have stood at, at `compared_at`: all its accounts, and every
    lot with points in it. What must be, not what must be added: applied to an account that stands
    there already it moves nothing."""

    reason: str
    actor: str
    compared_at: int
    issued: Change = 0
    pending: Change = 0
    available: Change = 0
    held: Change = 0
    redeemed: Change = 0
    expired: Change = 0
    reversed: Change = 0
    transferred: Change = 0
    debt: Money = 0
    """Points that were spent and then taken back, which the next ones repay."""
    qualifying: Change = 0
    tier: str | None = None
    """None: as the qualifying amount has it."""
    lots: tuple[CorrectedLot, ...] = ()
    """A lot with points that isn't here has none."""


class Repair(Payload, frozen=True, kw_only=True, tag="repair"):
    """A record that was refused, to be decoded again: as it was, or as somebody put it right."""

    position: str
    """Of the quarantined record: partition:offset."""
    content_hash: str
    """Of the quarantined bytes."""
    quarantined_at: int
    """When it was refused: the `received_at` of a record that says none itself."""
    sealed: str
    """The record, encrypted as quarantine is, in URL-safe base64."""
    actor: str = ""


class Offer(Payload, frozen=True, kw_only=True, tag="offer"):
    """grant_offer and revoke_offer."""

    offer_id: str
    expires_at: int | None = None
    reason: str = ""


class Product(Payload, frozen=True, kw_only=True, tag="product"):
    sku: str
    name: str = ""
    category: str = ""
    price: Money = 0


class Store(Payload, frozen=True, kw_only=True, tag="store"):
    store_id: str
    name: str = ""
    time_zone: str | None = None


class Availability(Payload, frozen=True, kw_only=True, tag="availability"):
    store_id: str
    sku: str
    available: bool


AnyPayload = (
    Nothing
    | Viewed
    | ProductViewed
    | Searched
    | Cart
    | Order
    | AdClicked
    | RewardViewed
    | Visit
    | Activity
    | Benefit
    | Sale
    | Return
    | Profile
    | Consent
    | Membership
    | Merge
    | Transfer
    | Unlink
    | Case
    | Feedback
    | Redeem
    | Settle
    | Adjust
    | Correct
    | Repair
    | Offer
    | Product
    | Store
    | Availability
)


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
