"""Redemptions: members spend points when they think they have enough, and a few who haven't.

A member's points are estimated low: one a whole unit of currency of the receipts that are
known to be theirs, four days old (a day more than a usual pending period) and not older than
150 days (so that none has expired), less what was spent. A programme with better terms than
that accepts all of these; the refused ones ask when even half as much again wouldn't do.
"""

from collections import deque
from random import Random
from typing import Final

from scripts.traffic.chance import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, between
from scripts.traffic.happenings import Diary
from scripts.traffic.people import Person
from scripts.traffic.till import Receipt

REWARD: Final = "five_off"
POINTS: Final = 500
MARGIN: Final = 40
PENDING_DAYS: Final = 4
USABLE_DAYS: Final = 150
CERTAIN: Final = frozenset({"card", "phone"})
MINUTES_HELD_MAX: Final = 10
"""Holds are captured or released well within the quarter of an hour they last."""


def redeem(rng: Random, diary: Diary, person: Person, receipts: list[Receipt]) -> None:
    """All redemptions of one person; `receipts` are theirs, by time."""
    keen = rng.random() < 0.65
    lots: deque[list[int]] = deque()
    ever = 0
    for receipt in receipts:
        at = receipt.basket.occurred_at
        while lots and lots[0][0] < at - USABLE_DAYS * DAY_MS:
            lots.popleft()
        usable = sum(points for earned, points in lots if earned < at - PENDING_DAYS * DAY_MS)
        visits = receipt.by == "card" and not receipt.late
        if visits and keen and usable >= POINTS + MARGIN and rng.random() < 0.5:
            if _ask(rng, diary, receipt):
                _spend(lots)
        elif visits and ever * 3 // 2 < POINTS - MARGIN and rng.random() < 0.006:
            asked = at - between(rng, 1, 6) * HOUR_MS
            if asked > person.enrolled_at + HOUR_MS:
                _command(diary, receipt, asked, "redeem", _request(diary))
        points = receipt.basket.amount // 100
        ever += points
        if receipt.by in CERTAIN and not receipt.late:
            lots.append([at, points])


def _spend(lots: deque[list[int]]) -> None:
    left = POINTS
    while left > 0 and lots:
        used = min(left, lots[0][1])
        lots[0][1] -= used
        left -= used
        if lots[0][1] == 0:
            lots.popleft()


def _ask(rng: Random, diary: Diary, receipt: Receipt) -> bool:
    """One request in one of the usual ways; True if the points are gone afterwards."""
    at, way = receipt.basket.occurred_at, rng.random()
    request = _request(diary)
    if way < 0.4:  # reserved at the till, captured by the receipt that names it
        held = at - between(rng, 20 * SECOND_MS, 2 * MINUTE_MS)
        _command(diary, receipt, held, "redeem", {**request, "hold": True})
        receipt.happening.sent.payload["redemptions"] = [request["redemption_id"]]
        return True
    asked = max(at - between(rng, 1, 8) * HOUR_MS, receipt.person.enrolled_at + 5 * MINUTE_MS)
    if way < 0.82:  # in the app, at once
        _command(diary, receipt, asked, "redeem", request)
        return True
    _command(diary, receipt, asked, "redeem", {**request, "hold": True})
    settled = asked + between(rng, MINUTE_MS, MINUTES_HELD_MAX * MINUTE_MS)
    which = {"redemption_id": request["redemption_id"]}
    if way < 0.91:
        _command(diary, receipt, settled, "capture", which)
        return True
    if way < 0.97:
        _command(diary, receipt, settled, "release", which)
    return False  # released, or forgotten until the hold times out


def _request(diary: Diary) -> dict[str, str]:
    return {"redemption_id": diary.name("redeem-"), "reward_id": REWARD}


def _command(
    diary: Diary, receipt: Receipt, at: int, type: str, payload: dict[str, object]
) -> None:
    who = receipt.person.member_id
    diary.add("command", type, at, 350, {"member_id": who}, payload, who)
