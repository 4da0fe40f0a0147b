"""What is particular to each type of event: the payloads of the contract, as frozen structs.

`schemas/avro/*.avsc` is the authority for what may be sent; which type has which payload is in
`schemas.events`. Amounts are in minor units, times in ms UTC.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.field_rules import Change, Currency, Instant, Money, Quantity


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
