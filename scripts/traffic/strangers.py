"""People who never sign in: visitors of the web shop, who are nobody, and guests with an email."""

from random import Random
from typing import Final

from scripts.traffic.acts import walk
from scripts.traffic.baskets import Shelf
from scripts.traffic.chance import DAY_MS, HOUR_MS, SECOND_MS, between, count, pick, token
from scripts.traffic.happenings import Diary

SUBSCRIBES: Final = 0.05
ORDERS: Final = 0.03


def visit(rng: Random, diary: Diary, shelf: Shelf, start: int, end: int, mean: float) -> list[str]:
    """About `mean` visitors, each with a cookie of their own and a few sessions; their cookies."""
    cookies = []
    for _ in range(count(rng, mean)):
        cookie = {"cookie": token(rng)}
        cookies.append(cookie["cookie"])
        at = between(rng, start, end)
        for _ in range(pick(rng, (1, 2, 3, 4, 6))):
            session = {"session_id": f"s-{token(rng)[:10]}"}
            for type, payload in walk(rng, diary, shelf, "web", pick(rng, (2, 3, 4, 5, 7))):
                at += between(rng, 4 * SECOND_MS, 75 * SECOND_MS)
                if at < end:
                    delay = between(rng, 80, 1_500)
                    diary.add("web", type, at, delay, cookie, payload, None, session)
            _leave_an_email(rng, diary, shelf, cookie, at + 90 * SECOND_MS, end)
            at += between(rng, HOUR_MS, 12 * DAY_MS)
    return cookies


def _leave_an_email(
    rng: Random, diary: Diary, shelf: Shelf, cookie: dict[str, str], at: int, end: int
) -> None:
    """A newsletter, or an order without an account: a guest who can be reached, and no member."""
    draw = rng.random()
    if at >= end or draw > SUBSCRIBES + ORDERS:
        return
    identifiers = {**cookie, "email": f"guest.{cookie['cookie']}@example.org"}
    if draw < SUBSCRIBES:
        diary.add("web", "subscribed", at, 300, identifiers, {}, None)
        return
    product = shelf.pick(rng)
    line = {"line_id": "1", "sku": product.sku, "category": product.category}
    order = {
        "order_id": diary.name("o"),
        "lines": [{**line, "amount": product.price}],
        "currency": "USD",
        "fulfilment": "ship",
    }
    diary.add("web", "order_placed", at, 300, identifiers, order, None)
