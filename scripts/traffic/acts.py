"""What somebody does in one session on web or app, without saying who it is.

Looking at pages and products, searching, filling a cart and emptying it, starting to pay.
"""

from random import Random
from typing import Any, Final

from scripts.traffic.baskets import Shelf, lines_of
from scripts.traffic.chance import pick
from scripts.traffic.happenings import Diary

PAGES: Final = ("home", "weekly_ad", "recipes", "stores", "rewards", "coupons", "account")
QUERIES: Final = ("milk", "bread", "chicken", "coffee", "yogurt", "pizza", "bananas", "diapers")

Act = tuple[str, dict[str, Any]]


def walk(rng: Random, diary: Diary, shelf: Shelf, source: str, acts_wanted: int) -> list[Act]:
    """At least one act, about `acts_wanted`: (type, payload) in order; `source` is web or app."""
    viewed = "page_viewed" if source == "web" else "screen_viewed"
    acts: list[Act] = [
        (viewed, {"name": pick(rng, PAGES)}) if source == "web" else ("app_opened", {})
    ]
    cart: list[dict[str, Any]] = []
    cart_id = ""
    while len(acts) < acts_wanted:
        draw = rng.random()
        if draw < 0.5:
            product = shelf.pick(rng)
            acts.append(
                (
                    "product_viewed",
                    {"sku": product.sku, "category": product.category, "price": product.price},
                )
            )
        elif draw < 0.62:
            acts.append(("searched", {"query": pick(rng, QUERIES)}))
        elif draw < 0.7 and source == "app":
            acts.append(("reward_viewed", {"reward_id": "five_off"}))
        elif draw < 0.86:
            cart_id = cart_id or diary.name("cart-")
            emptied = len(cart) > 0 and rng.random() < 0.08
            goods = [] if emptied else [shelf.pick(rng) for _ in range(pick(rng, (1, 1, 2, 3)))]
            cart = [] if emptied else (cart + lines_of(rng, goods))[-8:]
            for i, line in enumerate(cart, 1):
                line["line_id"] = str(i)
            acts.append(("cart_updated", {"cart_id": cart_id, "lines": [*map(dict, cart)]}))
        else:
            acts.append((viewed, {"name": pick(rng, PAGES)}))
    if cart and rng.random() < 0.35:
        acts.append(("checkout_started", {"cart_id": cart_id, "lines": [*map(dict, cart)]}))
    return acts
