"""Browsing, carts and orders on web and app: devices in use, one session after the other.

A device remembers who is signed in, as real ones do: on personal devices people mostly stay
signed in, on a family's device they take turns and nearly always sign out. Sessions of one
device never overlap and reach the collector in the order in which they happened.
"""

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import msgspec

from scripts.traffic.acts import walk
from scripts.traffic.baskets import Shelf
from scripts.traffic.chance import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    between,
    count,
    pick,
    token,
)
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Device, Family, Person, typed_email
from scripts.traffic.till import Receipt

EVENTS_A_SESSION: Final = 4.2
"""Counted low, since some people have no device: for planning how many sessions are wanted."""
ORDER_AFTER_CHECKOUT: Final = 0.3
NEAR_A_RECEIPT: Final = 0.7
STAYS: Final = {
    ("cookie", 1): 0.75,
    ("device_id", 1): 0.98,
    ("cookie", 2): 0.07,
    ("device_id", 2): 0.1,
}
"""P(still signed in after a session), by kind of device and number of people who use it."""


class Screen(msgspec.Struct, kw_only=True):
    """A device in use: who is signed in (place in the family), and until when it is busy."""

    device: Device
    signed_in: int | None = None
    busy_until: int = 0

    @property
    def source(self) -> str:
        return "web" if self.device.namespace == "cookie" else "app"


class Visit(msgspec.Struct, kw_only=True):
    """A plan: somebody takes the device at `at`; at a `store_id`: the phone only notices it."""

    at: int
    place: int
    store_id: str = ""


def browse(
    rng: Random,
    diary: Diary,
    family: Family,
    receipts: list[Receipt],
    shelf: Shelf,
    end: int,
    sessions: list[float],
) -> None:
    """All that a family does on its own devices; `sessions`: how many to expect of each member."""
    plans: dict[int, list[Visit]] = {i: [] for i in range(len(family.devices))}
    for place, person in enumerate(family.people):
        usable = [i for i, d in enumerate(family.devices) if place in d.owners]
        if not usable:
            continue
        for at in _moments(rng, person, count(rng, sessions[place]), end):
            plans[pick(rng, usable)].append(Visit(at=at, place=place))
        _notice_stores(rng, family, place, receipts, plans)
    for i, device in enumerate(family.devices):
        screen = Screen(device=device)
        using = Using(rng, diary, family, screen, shelf, end)
        if device.namespace == "cookie" and len(device.owners) == 1 and rng.random() < 0.25:
            using.join(device.owners[0])
        with diary.playing("family_device" if len(device.owners) > 1 else diary.case):
            for visit in sorted(plans[i], key=lambda visit: visit.at):
                using.take(visit)


def _moments(rng: Random, person: Person, sessions: int, end: int) -> Iterator[int]:
    """Most sessions are within days of a receipt, the others while the person is a customer."""
    baskets = person.household.baskets
    first = person.enrolled_at + 3 * MINUTE_MS
    last = min(end, baskets[-1].occurred_at + 20 * DAY_MS) if baskets else end
    for _ in range(sessions):
        at = first - 1
        if baskets and rng.random() < NEAR_A_RECEIPT:
            at = pick(rng, baskets).occurred_at + between(rng, -3 * DAY_MS, 36 * HOUR_MS)
        if not first <= at < last:
            at = between(rng, first, max(last, first + 1))
        yield at


def _notice_stores(
    rng: Random,
    family: Family,
    place: int,
    receipts: list[Receipt],
    plans: dict[int, list[Visit]],
) -> None:
    """Phones with the app notice some visits to a shop before the receipt."""
    own = [
        i for i, d in enumerate(family.devices) if d.push_token is not None and d.owners == (place,)
    ]
    if not own or rng.random() < 0.3:
        return
    for receipt in receipts:
        if receipt.person is family.people[place] and rng.random() < 0.45:
            at = receipt.basket.occurred_at - between(rng, 5 * MINUTE_MS, 40 * MINUTE_MS)
            plans[own[0]].append(Visit(at=at, place=place, store_id=receipt.basket.store_id))


class Using:
    """One device through its sessions."""

    def __init__(
        self, rng: Random, diary: Diary, family: Family, screen: Screen, shelf: Shelf, end: int
    ) -> None:
        self.rng, self.diary, self.family = rng, diary, family
        self.screen, self.shelf, self.end = screen, shelf, end
        self.session: dict[str, str] = {}
        self.at = 0
        self.delay_ms = 0

    def join(self, place: int) -> None:
        """Look around without an account, enrol, sign in at once."""
        person = self.family.people[place]
        self._open(person.enrolled_at - 8 * MINUTE_MS)
        for type, payload in walk(self.rng, self.diary, self.shelf, "web", 4):
            self._send(place, type, payload)
        if self.at < person.enrolled_at:
            self.at = person.enrolled_at + 30 * SECOND_MS
            self._sign_in(place)
        self.screen.busy_until = self.at + MINUTE_MS

    def take(self, visit: Visit) -> None:
        """A session, or a notice that the phone is in a shop (only while signed in)."""
        screen, rng = self.screen, self.rng
        if visit.store_id:
            if screen.signed_in == visit.place and visit.at > screen.busy_until:
                self._open(visit.at)
                self._send(visit.place, "store_visited", {"store_id": visit.store_id})
                screen.busy_until = self.at + MINUTE_MS
            return
        self._open(max(visit.at, screen.busy_until + MINUTE_MS))
        acts = walk(rng, self.diary, self.shelf, screen.source, 1 + int(rng.expovariate(1 / 3.4)))
        sign_in_before = self._when_to_sign_in(visit.place, len(acts))
        remembered = screen.signed_in == visit.place
        if screen.source == "app" and remembered and rng.random() < 0.03:
            self.delay_ms = between(rng, 10 * MINUTE_MS, 3 * HOUR_MS)  # offline until later
        tagged = rng.random() < 0.4
        for i, (type, payload) in enumerate(acts):
            if i == sign_in_before:
                self._sign_in(visit.place)
            own = screen.signed_in == visit.place
            self._send(visit.place, type, payload, tagged and own)
            if type == "checkout_started" and own and rng.random() < ORDER_AFTER_CHECKOUT:
                self._order(visit.place, payload)
        stays = STAYS[screen.device.namespace, len(screen.device.owners)]
        if screen.signed_in == visit.place and rng.random() > stays and not self.delay_ms:
            self._sign_out(visit.place)
        screen.busy_until = self.at + self.delay_ms + MINUTE_MS

    def _when_to_sign_in(self, place: int, acts: int) -> int:
        """Before which act; -1: not in this session."""
        rng, signed_in = self.rng, self.screen.signed_in
        if signed_in == place:
            return -1
        if signed_in is not None and rng.random() < 0.88:
            return 0  # somebody else's name is on the screen
        draw = rng.random()
        if draw < 0.2:
            return 0
        if draw < 0.86:
            return between(rng, min(1, acts - 1), acts)
        return -1

    def _open(self, at: int) -> None:
        self.at, self.delay_ms = at, 0
        self.session = {"session_id": f"s-{token(self.rng)[:10]}"}

    def _send(self, place: int, type: str, payload: dict[str, Any], tagged: bool = False) -> None:
        """One event; the clock moves on by seconds. `tagged`: the page names the account too."""
        rng, device, person = self.rng, self.screen.device, self.family.people[place]
        handles = type in ("app_opened", "signed_in", "signed_out")
        identifiers = device.handles() if handles else {device.namespace: device.value}
        if tagged:
            identifiers["member_id"] = person.member_id
        self.at += between(rng, 4 * SECOND_MS, 75 * SECOND_MS)
        if self.at < self.end:
            delay_ms = self.delay_ms + between(rng, 80, 1_500)
            with self.diary.playing("late_upload" if self.delay_ms else self.diary.case):
                self.diary.add(
                    self.screen.source,
                    type,
                    self.at,
                    delay_ms,
                    identifiers,
                    payload,
                    person.member_id,
                    self.session,
                )

    def _sign_in(self, place: int) -> None:
        rng, person = self.rng, self.family.people[place]
        identifiers = self.screen.device.handles()
        draw = rng.random()
        if draw > 0.4:
            identifiers["member_id"] = person.member_id
        if draw < 0.55:
            identifiers["email"] = typed_email(rng, person.email)
        self.at += between(rng, 4 * SECOND_MS, 30 * SECOND_MS)
        self.screen.signed_in = place
        if self.at < self.end:
            self.diary.add(
                self.screen.source,
                "signed_in",
                self.at,
                between(rng, 80, 1_500),
                identifiers,
                {},
                person.member_id,
                self.session,
            )

    def _sign_out(self, place: int) -> None:
        self._send(place, "signed_out", {}, tagged=self.rng.random() < 0.6)
        self.screen.signed_in = None

    def _order(self, place: int, cart: dict[str, Any]) -> None:
        """A purchase online; collected at the counter in some cases. One order earns once."""
        rng, person = self.rng, self.family.people[place]
        pickup = rng.random() < 0.5
        order = {
            "order_id": self.diary.name("o"),
            "cart_id": cart["cart_id"],
            "lines": cart["lines"],
            "currency": "USD",
            "fulfilment": "pickup" if pickup else "ship",
        }
        self._send(place, "order_placed", order, tagged=True)
        collected = self.at + between(rng, 3 * HOUR_MS, 30 * HOUR_MS)
        if pickup and collected < self.end:
            self.diary.add(
                "pos",
                "order_collected",
                collected,
                between(rng, SECOND_MS, 20 * SECOND_MS),
                {"card": person.card},
                order,
                person.member_id,
                {"store_id": person.household.home_store, "touchpoint": "counter"},
            )
