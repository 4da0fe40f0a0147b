"""Identifiers that are born, linked, used and abandoned: events of a population that turns over.

In: how many people live at once, for how long, and how many events there are a day. Out: events by
number, in order, each a function of its number alone. At any time there are as many live
identifiers as at any other, but other ones: a slot's person gives way to another after `life_days`,
and browsers get a new cookie every `cookie_days`. Nobody comes back.

A person enrols with card, email and phone, signs in and out on their cookie and their phone, buys
with card, token or phone number, returns; strangers browse and order as guests; all share a few
tablets in shops.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from schemas.events import EVENT_TYPES, Event
from schemas.ladder import DAY_MS

START: Final = 1_483_254_000_000
"""2017-01-01 in New York, ms UTC."""
TABLETS: Final = 20
HASH: Final = 2_654_435_761
SIZE: Final = 1 << 32

WEIGHTS: Final = (
    ("browses", 300),
    ("browses_signed_in", 120),
    ("signs_in", 60),
    ("signs_out", 30),
    ("opens_app", 120),
    ("buys_by_card", 90),
    ("buys_by_token", 40),
    ("buys_by_phone", 20),
    ("returns", 12),
    ("stranger_browses", 120),
    ("stranger_orders", 18),
    ("uses_tablet", 40),
    ("calls", 28),
    ("is_unlinked", 2),
)
"""What happens, and how often in a thousand."""
_WHAT: Final = tuple(name for name, weight in WEIGHTS for _ in range(weight))


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """`people`: at once. `events_a_day`: of all of them together."""

    people: int = 2_000
    life_days: int = 60
    cookie_days: int = 30
    events_a_day: int = 2_000

    @property
    def gap_ms(self) -> float:
        """From one event to the next."""
        return DAY_MS / self.events_a_day

    def days(self, events: int) -> float:
        """How long a time so many events take."""
        return events / self.events_a_day

    def at(self, number: int) -> int:
        """When event `number` happens, ms UTC."""
        return START + int(number * self.gap_ms)


class Churn:
    """The events of a population, in order. Remembers who lives, and nobody who did."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._enrolled = [-1] * population.people
        self._payloads = {
            "page_viewed": _payload("page_viewed", name="home"),
            "app_opened": _payload("app_opened"),
            "signed_in": _payload("signed_in"),
            "signed_out": _payload("signed_out"),
            "enrolled": _payload("enrolled"),
            "contact_logged": _payload("contact_logged", case_id="c"),
        }

    def events(self, first: int, until: int) -> Iterator[tuple[int, Event]]:
        """Events `first` … `until` - 1 with their known_at."""
        population = self._population
        people, life_ms = population.people, population.life_days * DAY_MS
        enrolled = self._enrolled
        for number in range(first, until):
            at = population.at(number)
            mixed = number * HASH % SIZE
            slot = mixed % people
            # Lives begin spread over the whole of one, so that as many end on each day.
            life = (at + slot * life_ms // people) // life_ms
            who = f"{slot}-{life}"
            if enrolled[slot] != life:
                enrolled[slot] = life
                identifiers = (f"member_id:{who}", f"card:{who}", f"email:{who}", f"phone:{who}")
                yield at, self._event(number, "enrolled", "profile", at, identifiers)
                continue
            what = _WHAT[mixed // people % len(_WHAT)]
            yield at, getattr(self, f"_{what}")(number, at, who, slot)

    def _event(
        self,
        number: int,
        type_: str,
        source: str,
        at: int,
        identifiers: tuple[str, ...],
        payload: Any = None,
    ) -> Event:
        return Event(
            event_id=f"{source}-{number}",
            type=type_,
            source=source,
            occurred_at=at,
            received_at=at,
            market="us",
            identifiers=identifiers,
            payload=self._payloads[type_] if payload is None else payload,
            partition="churn",
            offset=number,
        )

    def _cookie(self, who: str, at: int) -> str:
        return f"cookie:{who}-{at // (self._population.cookie_days * DAY_MS)}"

    def _browses(self, number: int, at: int, who: str, slot: int) -> Event:
        return self._event(number, "page_viewed", "web", at, (self._cookie(who, at),))

    def _browses_signed_in(self, number: int, at: int, who: str, slot: int) -> Event:
        identifiers = (self._cookie(who, at), f"email:{who}")
        return self._event(number, "page_viewed", "web", at, identifiers)

    def _signs_in(self, number: int, at: int, who: str, slot: int) -> Event:
        identifiers = (self._cookie(who, at), f"email:{who}", f"member_id:{who}")
        return self._event(number, "signed_in", "web", at, identifiers)

    def _signs_out(self, number: int, at: int, who: str, slot: int) -> Event:
        return self._event(number, "signed_out", "web", at, (self._cookie(who, at),))

    def _opens_app(self, number: int, at: int, who: str, slot: int) -> Event:
        identifiers = (f"device_id:{who}", f"push_token:{who}")
        if number % 3 == 0:
            identifiers = (*identifiers, f"member_id:{who}")
        return self._event(number, "app_opened", "app", at, identifiers)

    def _buys_by_card(self, number: int, at: int, who: str, slot: int) -> Event:
        identifiers = (f"card:{who}", f"payment_token:{who}")
        return self._event(number, "sale", "pos", at, identifiers, _sale(number))

    def _buys_by_token(self, number: int, at: int, who: str, slot: int) -> Event:
        return self._event(number, "sale", "pos", at, (f"payment_token:{who}",), _sale(number))

    def _buys_by_phone(self, number: int, at: int, who: str, slot: int) -> Event:
        return self._event(number, "sale", "pos", at, (f"phone:{who}",), _sale(number))

    def _returns(self, number: int, at: int, who: str, slot: int) -> Event:
        """Of a receipt that was, or that nobody saw."""
        sale = f"t{number - 2_000}"
        payload = _payload("return", return_id=f"r{number}", transaction_id=sale, lines=_LINES)
        return self._event(number, "return", "pos", at, (), payload)

    def _stranger_browses(self, number: int, at: int, who: str, slot: int) -> Event:
        return self._event(number, "page_viewed", "web", at, (f"cookie:stranger-{number // 8}",))

    def _stranger_orders(self, number: int, at: int, who: str, slot: int) -> Event:
        payload = _payload("order_placed", order_id=f"o{number}", lines=_LINES, currency="USD")
        identifiers = (f"cookie:stranger-{number // 8}", f"email:stranger-{number}")
        return self._event(number, "order_placed", "web", at, identifiers, payload)

    def _uses_tablet(self, number: int, at: int, who: str, slot: int) -> Event:
        identifiers = (f"cookie:tablet-{number % TABLETS}", f"card:{who}")
        return self._event(number, "page_viewed", "web", at, identifiers)

    def _calls(self, number: int, at: int, who: str, slot: int) -> Event:
        return self._event(number, "contact_logged", "service", at, (f"phone:{who}",))

    def _is_unlinked(self, number: int, at: int, who: str, slot: int) -> Event:
        payload = _payload("unlink", owner=f"member_id:{who}", reason="asked", actor="desk")
        return self._event(number, "unlink", "command", at, (f"phone:{who}",), payload)


def _payload(type_: str, **fields: Any) -> Any:
    return msgspec.convert(fields, EVENT_TYPES[type_].payload)


_LINES: Final = [{"line_id": "1", "sku": "s1", "category": "DAIRY", "quantity": 1, "amount": 900}]
_SALE: Final = _payload("sale", transaction_id="", lines=_LINES, currency="USD")


def _sale(number: int) -> Any:
    return msgspec.structs.replace(_SALE, transaction_id=f"t{number}")
