"""From what was sent, and whose it was said to be, to what happened to a member.

In: an event as it was sent, when it was said to be a member's (or no longer), the answers to its
requests. Out: happenings in the member's story.
"""

import json
from typing import Any, NamedTuple

from scripts.plain_fold.happenings import Happening, Story

Answers = dict[tuple[str, ...], tuple[str, int]]
"""Code and time of an answer, by member, source, event and redemption."""


class Given(NamedTuple):
    """An event was said to be a member's, or (not `theirs`) no longer."""

    known_at: int
    theirs: bool
    turn: int


class Told(NamedTuple):
    """An event, and all that was said of whether it is a member's."""

    source: str
    event_id: str
    type: str
    occurred_at: int | None
    payload: str | None
    given: list[Given]


def add(story: Story, told: Told, answers: Answers, horizon_ms: int) -> None:
    """Add what an event did to a member's story. `horizon_ms`: what becomes known later than that
    counts from the day on which it became known."""
    told.given.sort()
    name = f"{told.source}/{told.event_id}"
    if told.payload is None or told.occurred_at is None:
        story.problems.append(f"{name} is not in the input")
    elif told.type == "correct":
        story.why_not.append(f"the account was corrected by {name}")
    elif story.closed_at is not None and told.given[-1].known_at > story.closed_at:
        story.why_not.append(f"{name} changed its owner after the merge")
    elif told.type in ("return", "order_cancelled"):
        _goods(story, told, "back", _returned(told.type, json.loads(told.payload)), horizon_ms)
    elif told.type in ("redeem", "capture", "release", "adjust", "transfer"):
        _command(story, told, json.loads(told.payload), answers)
    else:
        payload = json.loads(told.payload)
        for redemption in payload.get("redemptions", ()):
            _settle(story, told, redemption, True, answers)
        if told.type == "sale" or payload.get("lines"):
            _goods(story, told, "buy", _bought(payload), horizon_ms)


def _goods(story: Story, told: Told, kind: str, said: dict[str, Any], horizon_ms: int) -> None:
    """A purchase or a return, where it counts. Taken back within the horizon it never was; later
    than that a purchase leaves on that day, and a return stays."""
    occurred_at = told.occurred_at or 0
    at: int | None = None
    left_at: int | None = None
    for given in told.given:
        known_at = given.known_at
        if given.theirs:
            left_at = None
            if at is None:
                at = known_at if occurred_at < known_at - horizon_ms else occurred_at
        elif at is not None and at < known_at - horizon_ms:
            left_at = known_at
        else:
            at = None
    if at is not None:
        story.happenings.append(_happening(told, kind, at, None, said))
    if at is not None and left_at is not None:
        story.happenings.append(_happening(told, "withdraw", left_at, None, {}))


def _bought(payload: dict[str, Any]) -> dict[str, Any]:
    names = [payload[name] for name in ("transaction_id", "order_id") if payload.get(name)]
    return {"names": names, "lines": _lines(payload), "currency": payload.get("currency")}


def _returned(type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """A cancelled order without lines is cancelled whole."""
    if type == "order_cancelled":
        return {"receipt": payload["order_id"], "lines": _lines(payload) or [None]}
    return {"receipt": payload.get("transaction_id"), "lines": _lines(payload)}


def _lines(payload: dict[str, Any]) -> list[Any]:
    return [
        {
            "line_id": str(line.get("line_id", "")),
            "sku": line.get("sku", ""),
            "category": line.get("category", ""),
            "quantity": line.get("quantity", 1),
            "amount": line.get("amount", 0),
        }
        for line in payload.get("lines") or ()
    ]


def _command(story: Story, told: Told, payload: dict[str, Any], answers: Answers) -> None:
    """What counts when it becomes known."""
    known_at, _, turn = told.given[0]
    if told.type in ("capture", "release"):
        _settle(story, told, payload["redemption_id"], told.type == "capture", answers)
    elif told.type == "redeem":
        code, _ = _answer(story, told, payload["redemption_id"], answers)
        said = {
            "redemption": payload["redemption_id"],
            "reward": payload.get("reward_id"),
            "points": payload.get("points") or 0,
            "hold": payload.get("hold", False),
            "code": code,
        }
        story.happenings.append(_happening(told, "ask", known_at, turn, said))
    elif told.type == "adjust":
        said = {"points": payload["points"]}
        story.happenings.append(_happening(told, "adjust", known_at, turn, said))
    elif payload["part"] == "account":
        said = {"loser": payload["loser"]}
        story.happenings.append(_happening(told, "join", known_at, turn, said))


def _settle(story: Story, told: Told, redemption: str, capture: bool, answers: Answers) -> None:
    """A hold is captured or released. What waits for a merged account is answered with it."""
    code, answered_at = _answer(story, told, redemption, answers)
    known_at, _, turn = told.given[0]
    said = {
        "redemption": redemption,
        "capture": capture,
        "code": code,
        "waited": answered_at != known_at,
    }
    story.happenings.append(_happening(told, "settle", known_at, turn, said))


def _answer(story: Story, told: Told, redemption: str, answers: Answers) -> tuple[str, int]:
    known_at = told.given[0].known_at
    code, at = answers.get((story.member, told.source, told.event_id, redemption), ("", known_at))
    if not code:
        story.problems.append(f"{told.source}/{told.event_id}: {redemption} has no answer")
    return code, at


def _happening(told: Told, kind: str, at: int, turn: int | None, said: dict[str, Any]) -> Happening:
    return Happening(
        at=at, source=told.source, event_id=told.event_id, kind=kind, turn=turn, said=said
    )
