"""Redemptions of a year with a wanted rate: every way in which points are asked for, and ends.

Rewards and plain points, taken at once, or held and then captured by the receipt, captured,
released, settled too late or forgotten; asked for twice; and refused, for each reason. Now and then
staff give points or take some. What is answered is for the programme to say: a member's points
are only estimated, at one a whole unit of currency of what was bought four days ago and before.
"""

from random import Random
from typing import Final

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between, pick
from scripts.traffic.happenings import Diary
from scripts.traffic.till import Receipt

PENDING_DAYS: Final = 4
USABLE_DAYS: Final = 150
REFUSED: Final = 0.15
"""Of the requests, those that ask for what can't be."""
ASKED_AGAIN: Final = 0.05
ADJUSTED: Final = 0.002
"""Adjustments by staff, as a share of the receipts."""
HELD_MINUTES: Final = 15
REWARDS: Final = (("twelve_off", 1_000), ("five_off", 500))
WAYS: Final = (
    ("receipt", 0.35),
    ("at_once", 0.35),
    ("captured", 0.1),
    ("released", 0.08),
    ("too_late", 0.05),
    ("forgotten", 0.07),
)
"""How a request goes on, and how often."""


def redeem_wanted(
    rng: Random, diary: Diary, receipts: list[Receipt], end: int, wanted: float
) -> None:
    """All redemptions of one person, as many as `wanted` of the receipts, which are theirs by time;
    each request waits until there should be points for it."""
    due, spent = rng.random(), 0
    bought: list[tuple[int, int]] = []
    for receipt in receipts:
        at = receipt.basket.occurred_at
        due += wanted
        bought.append((at, max(0, receipt.basket.amount) // 100))
        if rng.random() < ADJUSTED:
            _adjust(rng, diary, receipt, end)
        if due < 1 or at < receipt.person.enrolled_at + 9 * HOUR_MS or receipt.late:
            continue
        first, last = at - USABLE_DAYS * DAY_MS, at - PENDING_DAYS * DAY_MS
        usable = sum(points for when, points in bought if first < when < last) - spent
        if rng.random() < REFUSED:
            _ask_too_much(rng, diary, receipt, usable)
            due -= 1
        elif usable >= 50:
            request, points = _request(rng, diary, usable)
            due -= 1
            if _ask(rng, diary, receipt, request, end):
                spent += points


def _request(rng: Random, diary: Diary, usable: int) -> tuple[dict[str, object], int]:
    """A reward if there are points for it, or else plain points, and what it costs."""
    name = diary.name("redeem-")
    for reward, points in REWARDS:
        if usable >= points and rng.random() < 0.8:
            return {"redemption_id": name, "reward_id": reward}, points
    points = between(rng, 20, min(400, usable + 1))
    return {"redemption_id": name, "points": points}, points


def _ask(rng: Random, diary: Diary, receipt: Receipt, request: dict[str, object], end: int) -> bool:
    """One request in one of the ways; whether the points are spent then."""
    at, way = receipt.basket.occurred_at, _way(rng, receipt)
    which = {"redemption_id": request["redemption_id"]}
    asked = at - between(rng, 1, 8) * HOUR_MS
    if way == "receipt":
        asked = at - between(rng, 20 * SECOND_MS, 2 * MINUTE_MS)
        receipt.happening.sent.payload["redemptions"] = [str(request["redemption_id"])]
    if way == "at_once":
        _command(diary, receipt, asked, "redeem", request)
    else:
        _command(diary, receipt, asked, "redeem", {**request, "hold": True})
    if rng.random() < ASKED_AGAIN:
        again = dict(request)
        if rng.random() < 0.3:
            again = {"redemption_id": request["redemption_id"], "points": 7}
        _command(diary, receipt, asked + 12 * SECOND_MS, "redeem", again)
    if way in ("captured", "released"):
        settled = asked + between(rng, MINUTE_MS, (HELD_MINUTES - 5) * MINUTE_MS)
        _command(diary, receipt, settled, "capture" if way == "captured" else "release", which)
    elif way == "too_late":
        settled = asked + between(rng, HELD_MINUTES + 1, 600) * MINUTE_MS
        if settled < end:
            _command(diary, receipt, settled, pick(rng, ("capture", "release")), which)
    return way in ("receipt", "at_once", "captured")


def _way(rng: Random, receipt: Receipt) -> str:
    draw = rng.random()
    for way, share in WAYS:
        draw -= share
        if draw < 0 and (way != "receipt" or receipt.by == "card"):
            return way
    return "forgotten"


def _ask_too_much(rng: Random, diary: Diary, receipt: Receipt, usable: int) -> None:
    """More points than there are, a reward for a higher tier, or one that there isn't."""
    name = diary.name("redeem-")
    request = pick(
        rng,
        (
            {"redemption_id": name, "points": 2 * max(0, usable) + 3_000},
            {"redemption_id": name, "points": 2 * max(0, usable) + 3_000, "hold": True},
            {"redemption_id": name, "reward_id": "free_delivery"},
            {"redemption_id": name, "reward_id": "pony"},
        ),
    )
    asked = receipt.basket.occurred_at - between(rng, 1, 8) * HOUR_MS
    _command(diary, receipt, asked, "redeem", request)


def _adjust(rng: Random, diary: Diary, receipt: Receipt, end: int) -> None:
    at = receipt.basket.occurred_at + between(rng, HOUR_MS, 5 * DAY_MS)
    if receipt.person.enrolled_at < at < end:
        points = pick(rng, (50, 100, 250, -25, -100))
        reason = "goodwill" if points > 0 else "points given by mistake"
        payload = {"points": points, "reason": reason, "actor": "service desk"}
        _command(diary, receipt, at, "adjust", payload)


def _command(
    diary: Diary, receipt: Receipt, at: int, type: str, payload: dict[str, object]
) -> None:
    who = receipt.person.member_id
    diary.add("command", type, at, 350, {"member_id": who}, payload, who)
