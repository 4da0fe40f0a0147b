"""Tablets in shops: one cookie, a different member nearly every day, so it is nobody's.

Each tablet has at most one session a day, so sessions of members who know nothing of each
other never overlap. With eighteen people a month it is over any sensible limit of owners.
"""

from collections import defaultdict
from random import Random
from typing import Final

from scripts.traffic.baskets import Shelf
from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between, pick, token
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Person, typed_email

PEOPLE_A_TABLET: Final = 600
USED_A_DAY: Final = 0.6

Turns = dict[int, list[tuple[str, int]]]
"""Person (serial number) → when they use which tablet (its cookie)."""


def plan(rng: Random, people: int, start: int, end: int) -> tuple[list[str], Turns]:
    """The tablets' cookies, and whose turn it is when."""
    cookies = [token(rng) for _ in range(max(1, people // PEOPLE_A_TABLET))]
    turns: Turns = defaultdict(list)
    for cookie in cookies:
        for day in range(start, end - DAY_MS, DAY_MS):
            if rng.random() < USED_A_DAY:
                at = day + between(rng, 10 * HOUR_MS, 19 * HOUR_MS)
                turns[between(rng, 0, people)].append((cookie, at))
    return cookies, dict(turns)


def use(
    rng: Random, diary: Diary, shelf: Shelf, person: Person, turns: list[tuple[str, int]]
) -> None:
    """Sign in, look at a thing or two, sign out (mostly)."""
    for cookie, opened_at in turns:
        if opened_at < person.enrolled_at + 5 * MINUTE_MS:
            continue
        device = {"cookie": cookie}
        account = (
            {"email": typed_email(rng, person.email)}
            if rng.random() < 0.5
            else {"member_id": person.member_id}
        )
        context = {"session_id": f"s-{token(rng)[:10]}", "touchpoint": "kiosk"}
        product = shelf.pick(rng)
        shown = {"sku": product.sku, "category": product.category, "price": product.price}
        acts: list[tuple[str, dict[str, object], dict[str, str]]] = [
            ("signed_in", {}, {**device, **account}),
            ("product_viewed", shown, device),
        ]
        if rng.random() < 0.4:
            acts.append(("page_viewed", {"name": pick(rng, ("rewards", "coupons"))}, device))
        if rng.random() < 0.85:
            acts.append(("signed_out", {}, device))
        at = opened_at
        for type, payload, identifiers in acts:
            at += between(rng, 5 * SECOND_MS, 60 * SECOND_MS)
            delay = between(rng, 80, 1_500)
            with diary.playing("shop_tablet"):
                diary.add("web", type, at, delay, identifiers, payload, person.member_id, context)
