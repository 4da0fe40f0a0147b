"""Putting an account right, as a `correct` command says that it must stand.

In: a posting whose event is the command. Out: a fact for how far the account is off, if it is, and
a row that says what became of the command. Promises: nothing is done to an account to which
something happened since it was looked at, or that was merged into this one meanwhile.
"""

from schemas.ledger import Correction
from schemas.payloads import Correct
from transforms.accrue.facts import Corrected
from transforms.accrue.find_difference import difference
from transforms.accrue.posting import Posting


def put_right(posting: Posting, wanted: Correct) -> None:
    """Post how far the account is off what it must stand at."""
    state, event = posting.state, posting.event
    before = state.current.tier
    moves, fact = len(posting.tier_moves), None
    named = [one for one in event.identifiers if one.startswith("member_id:")]
    merged = bool(named) and f"member_id:{state.member_id}" not in named
    moved_on = state.changed_at > wanted.compared_at
    if not merged and not moved_on:
        terms = posting.plan.terms_at(posting.known_at)
        fact = difference(state.current, event, posting.known_at, terms)
    if fact is not None:
        posting.insert(fact)
    moved = len(posting.tier_moves) > moves or state.current.tier != before
    posting.rows.append(
        Correction(
            correction_id=event.event_id,
            member_id=state.member_id,
            status="merged"
            if merged
            else "moved_on"
            if moved_on
            else "right_already"
            if fact is None
            else "applied",
            gained=_into_lots(fact, 1),
            lost=_into_lots(fact, -1),
            qualifying=0 if fact is None else fact.qualifying,
            tier=state.current.tier if moved else None,
            reason=wanted.reason,
            actor=wanted.actor,
            compared_at=wanted.compared_at,
            posted_at=posting.known_at,
        )
    )


def _into_lots(fact: Corrected | None, sign: int) -> int:
    """Points by which a correction makes a member richer (1) or poorer (-1), net."""
    moves = [] if fact is None else fact.moves
    own = ("pending", "available", "held")
    net = sum(move.points * ((move.credit in own) - (move.debit in own)) for move in moves)
    return max(0, sign * net)
