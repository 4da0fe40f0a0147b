"""A quote: what a basket would earn and save for a member, if it were bought at an instant."""

import msgspec

from schemas.flow import AccountChanged
from schemas.member_view import OpenOffer


class Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a quote."""


class Earned(Quoted, frozen=True, kw_only=True):
    """Points by an earn rule, or as the prize of a challenge."""

    name: str
    points: int


class Saving(Quoted, frozen=True, kw_only=True):
    """What an open offer would do that the basket doesn't name, if it did."""

    offer_id: str
    expires_at: int | None
    saves: int
    """Minor units."""
    lines: dict[str, int]
    """Off each line that gets cheaper, by its id."""
    points: int
    """What the basket would earn then, prizes included."""


class Taking(Quoted, frozen=True, kw_only=True):
    """A reward that the member may take now."""

    reward: str
    points: int
    value: int | None
    """What it takes off this basket, minor units; None: it isn't money off."""


class Quote(Quoted, frozen=True, kw_only=True):
    """All of it."""

    member_id: str
    programme: str
    """With the version in force."""
    currency: str
    minor_units: int
    """In one unit of the currency."""
    at: int
    amount: int
    """Of all lines, minor units."""
    points: int
    """What the basket earns, prizes included."""
    earned: tuple[Earned, ...]
    """Of the purchase, by rule."""
    prizes: tuple[Earned, ...]
    """Of challenges that it completes."""
    available_at: int
    """From when on these points can be spent; of the instant itself: at once."""
    reinstated: int
    """Expired points that come back with it."""
    offers_used: tuple[str, ...]
    offers_not_open: tuple[str, ...]
    """Named by the basket, and of no effect."""
    offers_won: tuple[OpenOffer, ...]
    access_won: tuple[str, ...]
    savings: tuple[Saving, ...]
    rewards: tuple[Taking, ...]
    before: AccountChanged
    """The account at that instant."""
    after: AccountChanged
    """The account as every surface would show it then."""
