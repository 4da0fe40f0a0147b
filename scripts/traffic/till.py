"""The till: what identifies a receipt, how it was paid, and when its upload arrives.

The baskets are given; only identifiers, tenders other than coupons and `received_at` are
simulated. Each choice keeps clear of anything that would be decidable and wrong: nobody ever
pays without a card by a token of somebody else's that only the other one is known by.
"""

from random import Random
from typing import Final

import msgspec

from scripts.traffic.baskets import Basket
from scripts.traffic.cases import PLAIN
from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between, pick, token
from scripts.traffic.happenings import MARKET, SIMULATED, Diary, Happening, Sent
from scripts.traffic.people import Family, Person, typed_email, typed_phone
from scripts.traffic.rates import Outages, lateness

NOTHING: Final = 0.02
UNKNOWN_TOKEN: Final = 0.008
PHONE: Final = 0.025
TOKEN: Final = 0.085
"""Shares of receipts without the card: cash and no word, a means of payment never seen with
the card, a phone number, a means of payment seen with the card before."""
SHARED_TOKEN_DAYS: Final = 25
LATE: Final = 0.011
VERY_LATE: Final = 0.0008


class Receipt(msgspec.Struct, kw_only=True):
    """A sale as it was sent, with what later events need to know of it."""

    basket: Basket
    person: Person
    happening: Happening
    by: str
    """card, payment_token, phone, email, unknown_token, shared_token or nothing."""
    late: bool = False


class Till:
    """Rings up a family's baskets in time order; remembers which tokens are known."""

    def __init__(
        self,
        rng: Random,
        diary: Diary,
        family: Family,
        late: float | None = None,
        outages: Outages | None = None,
    ) -> None:
        """`late`: the share of late uploads that is wanted, with the `outages` of all tills."""
        self.rng, self.diary, self.family = rng, diary, family
        self._late, self._outages = late, outages
        self._known: dict[str, int] = {}
        """Token → when the first receipt with it and the card had arrived."""
        self._shared_used: dict[str, int] = {}
        """Member → when they last paid with the family's shared token and their card."""

    def ring_up(self) -> list[Receipt]:
        """All receipts of the family, by time."""
        bought = [
            (b.occurred_at, b.transaction_id, b, p)
            for p in self.family.people
            for b in p.household.baskets
        ]
        bought.sort(key=lambda row: row[:2])
        return [self._sale(basket, person) for _, _, basket, person in bought]

    def _sale(self, basket: Basket, person: Person) -> Receipt:
        at = basket.occurred_at
        by, identifiers, method = self._identify(basket, person)
        delay, late = self._upload(by, identifiers, basket)
        used = identifiers.get("payment_token")
        if by == "card" and used is not None:
            if used == self.family.shared_token:
                self._shared_used[person.member_id] = at + delay
            self._known.setdefault(used, at + delay)
        payload = {
            "transaction_id": basket.transaction_id,
            "lines": basket.lines,
            "currency": "USD",
            "tenders": _tenders(basket, method),
        }
        if basket.offers:
            payload["offers"] = basket.offers
        context = {"store_id": basket.store_id, "touchpoint": "till"}
        if not person.household.real:
            context.update(SIMULATED)
        happening = Happening(
            sent=Sent(
                event_id=f"sale-{basket.transaction_id}",
                type="sale",
                source="pos",
                occurred_at=at,
                received_at=at + delay,
                market=MARKET,
                identifiers=identifiers,
                context=context,
                payload=payload,
            ),
            person=person.member_id,
            household_id=basket.household_id,
            case=_case(by, late, at < person.enrolled_at),
        )
        self.diary.happenings.append(happening)
        return Receipt(basket=basket, person=person, happening=happening, by=by, late=late)

    def _identify(self, basket: Basket, person: Person) -> tuple[str, dict[str, str], str]:
        """How the receipt is known, its identifiers, and how it was paid."""
        rng, at = self.rng, basket.occurred_at
        if at < person.enrolled_at:
            if person.first_known_by == "email":
                return "email", {"email": typed_email(rng, person.email)}, "cash"
            return "payment_token", {"payment_token": person.tokens[0]}, "card"
        usual = person.tokens[0] if rng.random() < 0.8 else pick(rng, person.tokens)
        if person.first_known_by == "payment_token" and person.tokens[0] not in self._known:
            return "card", {"card": person.card, "payment_token": person.tokens[0]}, "card"
        draw = rng.random()
        if draw < NOTHING:
            return "nothing", {}, "cash"
        draw -= NOTHING
        if draw < UNKNOWN_TOKEN:
            return "unknown_token", {"payment_token": f"tok_{token(rng)}"}, "card"
        draw -= UNKNOWN_TOKEN
        if draw < PHONE:
            return "phone", {"phone": typed_phone(rng, person.phone)}, "cash"
        draw -= PHONE
        shared = self.family.shared_token
        if draw < TOKEN:
            if shared is not None and self._both_used_shared(at) and rng.random() < 0.4:
                return "shared_token", {"payment_token": shared}, "card"
            if self._known.get(usual, at) < at - HOUR_MS:
                return "payment_token", {"payment_token": usual}, "card"
        if rng.random() < 0.2:
            return "card", {"card": person.card}, "cash"
        if shared is not None and rng.random() < 0.35:
            usual = shared
        return "card", {"card": person.card, "payment_token": usual}, "card"

    def _both_used_shared(self, at: int) -> bool:
        """Both members paid with the shared token lately, so it plainly is two people's."""
        times = self._shared_used.values()
        return len(times) > 1 and all(
            at - SHARED_TOKEN_DAYS * DAY_MS < t < at - HOUR_MS for t in times
        )

    def _upload(self, by: str, identifiers: dict[str, str], basket: Basket) -> tuple[int, bool]:
        """How long the till's upload takes. The first receipts of a token are never late."""
        rng = self.rng
        draw, used = rng.random(), identifiers.get("payment_token")
        settled = by == "card" and (used is None or used in self._known)
        if settled and used != self.family.shared_token:
            if self._late is not None and self._outages is not None:
                return self._wanted_upload(basket, self._late, self._outages)
            if draw < VERY_LATE:
                return between(rng, 3 * DAY_MS, 10 * DAY_MS), True
            if draw < VERY_LATE + LATE:
                return int(HOUR_MS * 72 ** rng.random()) + between(rng, 0, MINUTE_MS), True
        return between(rng, SECOND_MS, 30 * SECOND_MS), False

    def _wanted_upload(self, basket: Basket, late: float, outages: Outages) -> tuple[int, bool]:
        back_at = outages.back_at(basket.store_id, basket.occurred_at)
        delay = lateness(self.rng, late)
        if back_at is not None:
            delay = back_at - basket.occurred_at + between(self.rng, 0, 5 * MINUTE_MS)
        soon = between(self.rng, SECOND_MS, 30 * SECOND_MS)
        return (soon, False) if delay is None else (delay + soon, True)


def _case(by: str, late: bool, before_joining: bool) -> str:
    if before_joining:
        return "guest_joins"
    if by == "shared_token":
        return "family_token"
    return "late_upload" if late else PLAIN


def _tenders(basket: Basket, method: str) -> list[dict[str, object]]:
    """Coupons as in the data; the rest by one means. A few receipts carry coupons worth more
    than their lines: these have no other tender."""
    tenders: list[dict[str, object]] = []
    if basket.coupon > 0:
        tenders.append({"method": "coupon", "amount": basket.coupon})
    if basket.amount > basket.coupon or not tenders:
        tenders.append({"method": method, "amount": basket.amount - basket.coupon})
    return tenders
