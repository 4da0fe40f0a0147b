"""What is kept of a guest, beside what is kept of anybody."""

import msgspec

CLAIMS_MAX = 50
"""Purchases of a guest that are counted, the newest."""


class Claim(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a guest paid, or got back, for what they could have points for."""

    reference: str
    at: int
    amount: int
    returned: bool = False


class GuestState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is kept of somebody who is no member, beside what is kept of anybody."""

    claims: list[Claim] = []
    """By `at`."""
    forget_at: int = 0
    """When everything is forgotten, if nothing new comes of them."""
