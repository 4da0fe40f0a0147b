"""The stage: people of a block who can be given a part in a scene, and what scenes are made of.

A block is some families who live side by side. Scenes happen on top of what its people do
anyway: they add events, and change by what identifiers some receipts are known. Only plain
receipts are changed: known by the card, uploaded in time, and nothing hangs on them (no return,
no redemption, no means of payment that two people use), so that nobody else's truth changes.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import msgspec

from scripts.traffic.acts import walk
from scripts.traffic.baskets import Shelf, lines_of
from scripts.traffic.chance import HOUR_MS, MINUTE_MS, SECOND_MS, between, pick, token
from scripts.traffic.happenings import Diary, Happening
from scripts.traffic.people import Family, Person, fictional_phone
from scripts.traffic.till import Receipt

ACT_MS_MAX: Final = 75 * SECOND_MS


class Actor(msgspec.Struct, kw_only=True, eq=False):
    """A member of the block; `cast`: has a part in a scene already."""

    person: Person
    serial: int
    family: Family
    diary: Diary
    receipts: list[Receipt]
    """The plain ones, by time."""
    cast: bool = False

    @property
    def member_id(self) -> str:
        return self.person.member_id

    def own(self) -> list[Happening]:
        """All that the person did so far."""
        return [h for h in self.diary.happenings if h.person == self.member_id]

    def since(self, at: int) -> list[Receipt]:
        """The plain receipts from `at` on."""
        return [receipt for receipt in self.receipts if receipt.basket.occurred_at > at]


def plain_receipts(family: Family, receipts: Sequence[Receipt], diary: Diary) -> list[Receipt]:
    """Those that a scene may change."""
    returned = {
        happening.sent.payload.get("transaction_id")
        for happening in diary.happenings
        if happening.sent.type == "return"
    }
    return [
        receipt
        for receipt in receipts
        if receipt.by == "card"
        and not receipt.late
        and not receipt.person.first_known_by
        and receipt.basket.transaction_id not in returned
        and not receipt.happening.sent.payload.keys() & {"redemptions", "order_id"}
        and receipt.basket.occurred_at > receipt.person.enrolled_at + HOUR_MS
        and receipt.happening.sent.identifiers.get("payment_token", "") != family.shared_token
    ]


class Stage:
    """What a scene may use: the block's people, a clock, goods, and addresses nobody has."""

    def __init__(
        self,
        rng: Random,
        actors: list[Actor],
        shelf: Shelf,
        start: int,
        end: int,
        people: int,
        flood_cookie: str,
        device: Callable[[str, str, str, list[str]], None],
    ) -> None:
        self.rng, self.actors, self.shelf = rng, actors, shelf
        self.start, self.end, self.flood_cookie = start, end, flood_cookie
        self._people, self._device = people, device

    def other(self, actor: Actor, fit: Callable[[Actor], bool] = lambda _: True) -> Actor | None:
        """Somebody of another family who has no part yet."""
        free = [
            one
            for one in self.actors
            if not one.cast and one.family is not actor.family and fit(one)
        ]
        return pick(self.rng, free) if free else None

    def new_phone(self, actor: Actor, which: int) -> str:
        """A number that nobody has: another one for each `which` from 1 on."""
        return fictional_phone(which * self._people + actor.serial)

    def new_cookie(self, *actors: Actor) -> str:
        """A browser of its own."""
        cookie = token(self.rng)
        kind = "personal" if len(actors) < 2 else "borrowed"
        self._device("cookie", cookie, kind, [actor.member_id for actor in actors])
        return cookie

    def new_phone_with_app(self, actor: Actor) -> dict[str, str]:
        """A phone with the app."""
        device = token(self.rng)
        self._device("device_id", device, "personal", [actor.member_id])
        return {"device_id": device, "push_token": f"push-{token(self.rng)}"}

    def moment(self, low: int, high: int) -> int | None:
        """Some instant from `low` to `high`; None if there is none in the simulated time."""
        low, high = max(low, self.start), min(high, self.end - HOUR_MS)
        return between(self.rng, low, high) if low < high else None

    def add(
        self,
        actor: Actor,
        source: str,
        type: str,
        at: int,
        identifiers: dict[str, str],
        payload: dict[str, Any] | None = None,
        context: dict[str, str] | None = None,
    ) -> Happening:
        """One more event of somebody's."""
        delay = between(self.rng, 80, 1_500)
        return actor.diary.add(
            source, type, at, delay, identifiers, payload or {}, actor.member_id, context
        )

    def look_around(
        self, actor: Actor, at: int, identifiers: dict[str, str], acts: int, source: str = "web"
    ) -> int:
        """Some browsing, one act after the other; when the last one was."""
        for type, payload in walk(self.rng, actor.diary, self.shelf, source, acts)[:acts]:
            at += between(self.rng, 4 * SECOND_MS, ACT_MS_MAX)
            self.add(actor, source, type, at, dict(identifiers), payload)
        return at

    def order(self, actor: Actor, at: int, identifiers: dict[str, str]) -> dict[str, Any]:
        """An order on the web, to be sent home; what was ordered."""
        goods = [self.shelf.pick(self.rng) for _ in range(pick(self.rng, (1, 1, 2, 3)))]
        order = {
            "order_id": actor.diary.name("o"),
            "lines": lines_of(self.rng, goods),
            "currency": "USD",
            "fulfilment": "ship",
        }
        self.add(actor, "web", "order_placed", at, dict(identifiers), order)
        return order


def known_by(receipt: Receipt, identifiers: dict[str, str], case: str) -> None:
    """The receipt is known by these identifiers instead."""
    receipt.happening.sent.identifiers = identifiers
    receipt.happening.case = case


def minutes_after(rng: Random, at: int) -> int:
    """A little later."""
    return at + between(rng, MINUTE_MS, 20 * MINUTE_MS)
