"""Scores of merged members: one goes on with the purchases of both, the other ends."""

from typing import Any

import msgspec
from score_cases import DAY_MS, SCORE, START, event

from schemas.commands import LoopCommand, command_of
from schemas.events import Event
from schemas.flow import Attributed, Message, ScoreChanged
from schemas.payloads import Merge, Transfer
from schemas.scoring import ChurnScore
from transforms.score import ScoreState


def give(
    state: ScoreState, one: Event, day: float, retract: bool = False, survivor: str = ""
) -> list[Any]:
    at = START + round(day * DAY_MS)
    order = (at, one.occurred_at, one.source, one.event_id, 0, 0, "", 0, "", 0)
    body = Attributed(
        event=one,
        member_id=state.member_id,
        reason="member_id",
        rung="member",
        retract=retract,
        survivor=survivor,
    )
    return list(SCORE.on_event(state, Message(order=order, key=state.member_id, body=body)))


def merge_event(day: float) -> Event:
    return msgspec.structs.replace(
        event("m-1", "sale", day),
        type="account_merged",
        source="profile",
        payload=Merge(loser="old", winner="new"),
    )


def transfer_of(order: LoopCommand) -> Event:
    payload = msgspec.convert(command_of(order).payload, Transfer)
    return msgspec.structs.replace(
        event(order.command_id, "sale", 0), type="transfer", source="command", payload=payload
    )


def both(old: list[Event], new: list[Event], day: float) -> tuple[ScoreState, ScoreState, Any]:
    """Purchases of two members, who are then merged; the transfer."""
    loser, survivor = SCORE.initial("old"), SCORE.initial("new")
    for state, events in ((loser, old), (survivor, new)):
        for one in events:
            give(state, one, (one.occurred_at - START) / DAY_MS)
    ended = give(loser, merge_event(day), day, survivor="new")
    give(survivor, merge_event(day), day, survivor="new")
    return loser, survivor, ended


OLD = [event("a", "sale", 1, 1500), event("b", "sale", 4, 700), event("c", "return", 5, 200)]
NEW = [event("d", "sale", 2, 900), event("e", "sale", 4.1, 300)]


def test_the_survivor_has_the_purchases_of_both() -> None:
    _, survivor, ended = both(OLD, NEW, 6)
    (order,) = [one for one in ended if isinstance(one, LoopCommand)]
    (changed,) = [
        one for one in give(survivor, transfer_of(order), 7) if isinstance(one, ScoreChanged)
    ]
    assert changed.why == "merged"
    alone = SCORE.initial("one")
    for one in sorted(OLD + NEW, key=lambda each: each.occurred_at):
        give(alone, one, (one.occurred_at - START) / DAY_MS)
    assert survivor.history == alone.history
    assert survivor.held == alone.held
    # And so what becomes known afterwards counts, or is taken back, the same.
    for state in (survivor, alone):
        give(state, OLD[1], 8, retract=True)
        give(state, event("f", "sale", 9, 4000), 9)
    assert survivor.history == alone.history


def test_the_losers_scoring_ends() -> None:
    loser, _, ended = both(OLD, NEW, 6)
    (changed,) = [one for one in ended if isinstance(one, ScoreChanged)]
    (row,) = [one for one in ended if isinstance(one, ChurnScore)]
    assert (changed.band, changed.why, row.band) == ("none", "merged", "none")
    assert SCORE.next_timer(loser) is None and not SCORE.is_idle(loser)
    assert not give(loser, event("z", "sale", 9), 9)
    assert not give(loser, merge_event(9), 9, survivor="new")


def test_what_is_withdrawn_on_the_way_doesnt_come() -> None:
    _, survivor, ended = both(OLD, NEW, 6)
    (order,) = [one for one in ended if isinstance(one, LoopCommand)]
    give(survivor, OLD[0], 6.5, retract=True)
    give(survivor, transfer_of(order), 7)
    alone = SCORE.initial("one")
    for one in sorted(OLD[1:] + NEW, key=lambda each: each.occurred_at):
        give(alone, one, (one.occurred_at - START) / DAY_MS)
    assert survivor.history == alone.history
    assert not survivor.withdrawn and not survivor.joining


def test_a_survivor_who_never_bought_waits_for_the_purchases() -> None:
    """Else a key without purchases would be forgotten, and what is withdrawn meanwhile counted."""
    _, survivor, ended = both(OLD[:2], [], 6)
    (order,) = [one for one in ended if isinstance(one, LoopCommand)]
    assert not SCORE.is_idle(survivor)
    give(survivor, OLD[0], 6.5, retract=True)
    assert not SCORE.is_idle(survivor)
    give(survivor, transfer_of(order), 7)
    assert set(survivor.held) == {"pos/b"}
    assert not survivor.withdrawn and not survivor.joining


def test_what_is_settled_is_added() -> None:
    """Older than two horizons, on days of their own, it is the same as one member's."""
    late = [event("x", "sale", 120, 100)]
    _, survivor, ended = both(OLD + late, [*NEW, event("y", "sale", 121, 50)], 122)
    (order,) = [one for one in ended if isinstance(one, LoopCommand)]
    give(survivor, transfer_of(order), 123)
    history = survivor.history
    assert history.days == 6  # day 4 twice: both bought, and it can't be undone any more
    assert history.first_spend == 1500
    assert history.repeat_spend == 700 - 200 + 900 + 300 + 100 + 50
    assert (history.first_at, history.last_at) == (OLD[0].occurred_at, START + 121 * DAY_MS)


def test_the_same_transfer_again_is_nothing() -> None:
    _, survivor, ended = both([*OLD, event("x", "sale", 120, 100)], NEW, 122)
    (order,) = [one for one in ended if isinstance(one, LoopCommand)]
    assert give(survivor, transfer_of(order), 123)
    history = msgspec.structs.replace(survivor.history)
    assert not give(survivor, transfer_of(order), 123)
    assert survivor.history == history
