"""What a member was told, told again to a fresh account in another order.

What counts when it occurred (purchases, returns, activities, memberships, and that they were taken
back) may become known at any instant within the horizon. Everything else stays where it was:
commands count when they become known, and so does what was known after the horizon. Requests are
given the answers that they were given.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

from accrue_till import Till, message
from msgspec.structs import replace

from schemas.events import Event
from schemas.flow import Message
from transforms.accrue import Accrue
from transforms.accrue.facts import AnyFact, OfferAsked, RedeemAsked, SettleAsked
from transforms.accrue.read_fact import READERS
from transforms.accrue.reading import Reading

Request = tuple[str, str, str, int]
"""The event, what it asks for, and when it was asked."""
Answers = dict[Request, AnyFact]
ASKING = ("redeem", "capture", "release", "grant_offer", "revoke_offer")
COMMANDS = (*ASKING, "adjust", "correct")


class Told(NamedTuple):
    """One delivery to a member."""

    event: Event
    known_at: int
    retract: bool = False


def request(fact: Any) -> Request | None:
    """What a fact asks for; None: nothing."""
    if isinstance(fact, OfferAsked):
        return fact.source, fact.event_id, fact.offer, fact.at
    if isinstance(fact, RedeemAsked | SettleAsked):
        return fact.source, fact.event_id, fact.redemption_id, fact.at
    return None


def note_answers(till: Till, answers: Answers) -> None:
    """Add what was answered to a member's requests, as their facts have it."""
    for fact in till.state.facts:
        key = request(fact)
        if key is not None and fact.code is not None:
            answers[key] = fact


def tell_again(
    operator: Accrue, told: Iterable[Message], answers: Answers, end: int, member: str
) -> Till:
    """A fresh account that is told all of it, and follows the answers."""
    till = Till(operator)
    till.state = operator.initial(member)
    with following(answers):
        for one in told:
            till.give(replace(one, body=replace(one.body, member_id=member)))
    return till.until(end)


@contextmanager
def following(answers: Answers) -> Iterator[None]:
    """Within it, requests come with the answers that they were given."""

    def follow(read: Any) -> Any:
        def answered(reading: Reading) -> Any:
            facts, basket = read(reading)
            for fact in facts:
                key = request(fact)
                answer = answers.get(key) if key else None
                if answer is not None:
                    fact.code = answer.code
                    if isinstance(fact, RedeemAsked):
                        fact.points = answer.points
            return facts, basket

        return answered

    asking = {name: follow(READERS[name]) for name in (*ASKING, "sale")}
    with patch.dict(READERS, asking):
        yield


def rearranged(told: list[Told], horizon_ms: int, end: int, how: str) -> list[Message]:
    """Another order of the same. `how`: "in order", "latest", or the seed of a random order."""
    rng = Random(how)
    by_event: dict[tuple[str, str], list[Told]] = {}
    for one in told:
        by_event.setdefault(one.event.key, []).append(one)
    messages: list[Message] = []
    for deliveries in by_event.values():
        occurred_at = deliveries[0].event.occurred_at
        until = min(occurred_at + horizon_ms, end - 1)
        times = [one.known_at for one in deliveries]
        if _counts_when_it_occurred(deliveries[0].event) and max(times) <= until:
            times = sorted(_times(len(times), occurred_at, until, how, rng))
        messages += [
            message(one.event, at, one.retract) for one, at in zip(deliveries, times, strict=True)
        ]
    return sorted(messages, key=lambda one: one.order)


def _times(count: int, first: int, last: int, how: str, rng: Random) -> list[int]:
    """Distinct instants of a span, or as many as it has."""
    if how == "in order" or last - first < count:
        return [first + place for place in range(count)]
    if how == "latest":
        return [last - place for place in range(count)]
    return rng.sample(range(first, last + 1), count)


def _counts_when_it_occurred(event: Event) -> bool:
    return event.type not in COMMANDS and not getattr(event.payload, "redemptions", ())
