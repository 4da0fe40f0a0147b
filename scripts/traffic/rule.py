"""The rule by which a perfect reader of the log says whose an event is: rungs, windows, verdicts.

`reader` applies it; `docs/data.md` says it in words. It is written down before any stitching runs
and shares nothing with `transforms.stitch`. Times in ms UTC.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from scripts.traffic.chance import DAY_MS
from scripts.traffic.happenings import Sent
from scripts.traffic.people import plain_phone

PURCHASE_WAITS_MS: Final = 14 * DAY_MS
LATE_MS: Final = 3 * DAY_MS
"""How much later the link of a purchase may become known that was made in time."""
BROWSING_WAITS_MS: Final = DAY_MS
RECEIPT_WAITS_MS: Final = 14 * DAY_MS
LADDER: Final = {
    "receipt": 0,
    "push_token": 1,
    "cookie": 2,
    "device_id": 3,
    "payment_token": 4,
    "phone": 5,
    "email": 6,
    "card": 7,
    "login": 8,
    "member_id": 9,
}
RUNG: Final = {**LADDER, "push_token": 3, "cookie": 3, "login": 7}
"""Namespaces of one rung say nothing about each other."""
DEVICE: Final = RUNG["cookie"]
COMPARED: Final[dict[str, Callable[[str], str]]] = {
    "email": lambda email: email.strip().lower(),
    "phone": plain_phone,
}
NOBODY: Final = frozenset(
    {"", "null", "none", "undefined", "anonymous", "guest", "unknown", "-1", "0000", "0000000000"}
)
"""Values that identify nobody, as people, tills and web pages write them."""
WHY: Final = {
    "own_id": "it carries the member's id or card",
    "linked_before": "its identifier had an owner when it occurred",
    "linked_within_window": "its identifier got an owner while it waited",
    "receipt": "a return that is found through its sale",
    "nobody": "a stranger's, and nothing says otherwise",
    "not_linked": "its identifier never got an owner in time",
    "shared_device": "on a device that dozens of people use",
    "no_identifier": "it carries none, or only one that is nobody's",
    "two_owners": "its identifier was seen with two members",
    "other_person_session": "somebody else is signed in on the device",
    "names_another": "it carries an identifier of somebody else, and nothing else says whose it is",
}
"""Every reason in the truth; those from `nobody` on name no member, or a wrong one."""
UNDECIDABLE: Final = frozenset(
    {
        "not_linked",
        "shared_device",
        "no_identifier",
        "two_owners",
        "other_person_session",
        "names_another",
    }
)

Identifier = tuple[str, str]
"""Namespace and value."""


class Verdict(msgspec.Struct, gc=False):
    """`member_id`: the person whom the rule names; `by`: when the log says so, ms UTC."""

    decidable: bool
    why: str
    member_id: str | None = None
    by: int | None = None


class Link(msgspec.Struct, gc=False):
    """From `occurred_at` on (known when it was received) an identifier is `owner`'s; None: of
    nobody, after a sign-out."""

    occurred_at: int
    received_at: int
    owner: Identifier | None


class Revoked(msgspec.Struct, gc=False):
    """What was seen of `owner` before `at` doesn't count any more (known at `known_at`)."""

    at: int
    known_at: int
    owner: Identifier


def identifiers_of(sent: Sent) -> list[tuple[int, str, str]]:
    """(rank, namespace, value) of an event, weakest first, as they compare; receipts included."""
    found = []
    for namespace, value in sent.identifiers.items():
        if value not in NOBODY:
            compared = COMPARED[namespace](value) if namespace in COMPARED else value
            found.append((LADDER[namespace], namespace, compared))
    receipt = sent.payload.get("transaction_id") or sent.payload.get("order_id")
    if receipt:
        found.append((LADDER["receipt"], "receipt", receipt))
    found.sort()
    return found
