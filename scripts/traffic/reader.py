"""The perfect reader: which events can be attributed by the documented rule, and to whom.

In: all happenings of one family, with what each really was. Out: a `Verdict` for each. The
rule (`docs/data.md`) is fixed here, before any stitching runs, from the log alone: who really
did it (`person`) is only compared with the answer at the end.

The rule in short: an event belongs to the owner, at the time it occurred, of the strongest
identifier that it carries. An identifier is owned from the first event that carries it
together with a stronger one; a device until its sign-out or the next sign-in. Where there is
no owner yet, a purchase waits 14 days for one and everything else 24 hours. Means of payment
that two members use, devices in shops and events without identifiers are nobody's.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from typing import Final

import msgspec

from schemas.events import EVENT_TYPES
from scripts.traffic.chance import DAY_MS
from scripts.traffic.happenings import Happening, Sent
from scripts.traffic.people import plain_phone

PURCHASE_WAITS_MS: Final = 14 * DAY_MS
BROWSING_WAITS_MS: Final = DAY_MS
LADDER: Final = {
    "receipt": 0,
    "cookie": 1,
    "device_id": 1,
    "push_token": 1,
    "payment_token": 2,
    "phone": 3,
    "email": 4,
    "card": 5,
    "member_id": 6,
}
COMPARED: Final[dict[str, Callable[[str], str]]] = {
    "email": lambda email: email.strip().lower(),
    "phone": plain_phone,
}
WHY: Final = {
    "own_id": "it carries the member's id or card",
    "linked_before": "its identifier had an owner when it occurred",
    "linked_within_window": "its identifier got an owner while it waited",
    "receipt": "a return that is found through its sale",
    "nobody": "a stranger's, and nothing says otherwise",
    "not_linked": "its identifier never got an owner in time",
    "shared_device": "on a device that dozens of people use",
    "no_identifier": "it carries none",
    "ambiguous_token": "paid by a means that two members use",
    "other_person_session": "somebody else is signed in on the device",
}
"""Every reason in the truth; the last five, and `nobody`, name no member."""
UNDECIDABLE: Final = frozenset(
    {"not_linked", "shared_device", "no_identifier", "ambiguous_token", "other_person_session"}
)


class Verdict(msgspec.Struct, gc=False):
    """`member_id`: whom the rule names; `by`: when the log says so, ms UTC."""

    decidable: bool
    why: str
    member_id: str | None = None
    by: int | None = None


class Owned(msgspec.Struct, gc=False):
    """From `occurred_at` on (known when it was received) an identifier is `member_id`'s."""

    occurred_at: int
    received_at: int
    member_id: str | None


def identifiers_of(sent: Sent) -> list[tuple[int, str, str]]:
    """(rung, namespace, value) of an event, weakest first, as they compare; receipts included."""
    found = []
    for namespace, value in sent.identifiers.items():
        compared = COMPARED.get(namespace, str)(value)
        found.append((LADDER[namespace], namespace, compared))
    receipt = sent.payload.get("transaction_id") or sent.payload.get("order_id")
    if receipt:
        found.append((LADDER["receipt"], "receipt", receipt))
    found.sort()
    return found


class Reader:
    """Reads a family's happenings twice: who owned what from when on, then whose each one is."""

    def __init__(self, happenings: list[Happening], shop_cookies: frozenset[str]) -> None:
        self._shop_cookies = shop_cookies
        self._owned: dict[tuple[str, str], list[Owned]] = defaultdict(list)
        self._sales: dict[str, Happening] = {}
        first_ones = [h for h in happenings if not h.copy]
        first_ones.sort(key=lambda h: (h.sent.occurred_at, h.sent.received_at))
        for happening in first_ones:
            self._learn(happening)
        self._since = {
            key: [owned.occurred_at for owned in known] for key, known in self._owned.items()
        }

    def _learn(self, happening: Happening) -> None:
        """Note what the event says about owners."""
        sent = happening.sent
        carried = identifiers_of(sent)
        if sent.type == "sale":
            self._sales[sent.payload["transaction_id"]] = happening
        if not carried:
            return
        rung, namespace, value = carried[-1]
        if namespace == "member_id":
            owner: str | None = value
        else:
            known = self._owned.get((namespace, value))
            owner = known[-1].member_id if known else None
        signs_out = sent.type == "signed_out"
        for weaker, name, other in carried:
            if weaker == LADDER["receipt"] or other in self._shop_cookies:
                continue
            if signs_out and weaker == LADDER["cookie"]:
                # The sign-out itself is still the session's.
                ends = Owned(sent.occurred_at + 1, sent.received_at, None)
                self._owned[name, other].append(ends)
            elif weaker < rung:
                begins = Owned(sent.occurred_at, sent.received_at, owner)
                self._owned[name, other].append(begins)

    def judge(self, happening: Happening) -> Verdict:
        """Whose it is by the rule; decidable if that is right, and could be told at all."""
        verdict = self._read(happening)
        if verdict.member_id == happening.person:
            if verdict.member_id is None and verdict.why not in ("shared_device",):
                return Verdict(True, "nobody", None, None)
            return verdict
        if verdict.member_id is None:
            return verdict
        assert not EVENT_TYPES[happening.sent.type].money, happening
        return Verdict(False, "other_person_session")

    def _read(self, happening: Happening) -> Verdict:
        sent = happening.sent
        carried = identifiers_of(sent)
        if not carried:
            return Verdict(False, "no_identifier")
        _, namespace, value = carried[-1]
        if namespace == "member_id":
            return Verdict(True, "own_id", value, sent.received_at)
        if namespace == "receipt":
            return self._by_sale(sent, value)
        if value in self._shop_cookies:
            return Verdict(False, "shared_device")
        if namespace == "payment_token" and self._two_members(value):
            return Verdict(False, "ambiguous_token")
        found = self._owner(namespace, value, sent)
        if namespace == "card" and found.decidable:
            found.why = "own_id"
        return found

    def _two_members(self, payment_token: str) -> bool:
        known = self._owned.get(("payment_token", payment_token), ())
        return len({owned.member_id for owned in known}) > 1

    def _owner(self, namespace: str, value: str, sent: Sent) -> Verdict:
        """The owner as of then, or the first one afterwards if that came within the window."""
        known = self._owned.get((namespace, value))
        if not known:
            return Verdict(False, "not_linked")
        place = bisect_right(self._since[namespace, value], sent.occurred_at)
        if place and known[place - 1].member_id is not None:
            owned = known[place - 1]
            by = max(sent.received_at, owned.received_at)
            return Verdict(True, "linked_before", owned.member_id, by)
        money = EVENT_TYPES[sent.type].money
        if money and LADDER[namespace] == LADDER["cookie"]:
            return Verdict(False, "not_linked")
        waits = PURCHASE_WAITS_MS if money else BROWSING_WAITS_MS
        for owned in known[place:]:
            if owned.member_id is not None:
                if owned.received_at - sent.occurred_at > waits:
                    break
                by = max(sent.received_at, owned.received_at)
                return Verdict(True, "linked_within_window", owned.member_id, by)
        return Verdict(False, "not_linked")

    def _by_sale(self, sent: Sent, receipt: str) -> Verdict:
        """A sale that carries nothing is nobody's; a return is whoever's its sale is."""
        sale = self._sales.get(receipt)
        if sent.type == "sale" or sale is None:
            return Verdict(False, "no_identifier")
        verdict = self._read(sale)
        if not verdict.decidable or verdict.by is None:
            return verdict
        return Verdict(True, "receipt", verdict.member_id, max(sent.received_at, verdict.by))
