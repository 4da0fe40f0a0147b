"""The end of a conversation: an account is merged into another, a guest joins, somebody asks to be
forgotten.

In: why, and when it happened. Out: everything that can be taken back is; the last row in `members`,
and the last record of the member's state. Promises: from then on nothing goes out, whatever still
comes. Of an account that was merged the balance is still told to `members`, since the ledger's
entries for it are; of an erased one, too, and nothing but the fact and the market is kept.
"""

from typing import Literal

from schemas.flow import AccountChanged
from transforms.decide.guests import become, new_guest
from transforms.decide.leave_journeys import take_back_all
from transforms.decide.member_row import member_row
from transforms.decide.member_state import DecideState, Ended, Told
from transforms.decide.quiet_hours import zone_name
from transforms.decide.turn import Turn

Because = Literal["merged", "erased", "joined"]


def end_conversation(turn: Turn, because: Because, at: int, into: str = "") -> None:
    """Nothing is said to them any more. `at`: when it happened; `into`: who goes on."""
    state = turn.state
    take_back_all(turn, because)
    turn.write_entries()
    turn.moved.clear()
    account, version = state.account, state.version + 1
    left = _left_of(state)
    left.version = version
    left.ended = Ended(because=because, at=at, into=into)
    if because == "joined":
        # So that an event that was taken back and comes again begins nothing twice.
        left = left if state.begun else new_guest(state.member_id)
        left.begun = state.begun
    become(state, left)
    if state.guest is not None:
        return
    state.account = account
    turn.out.append(member_row(state, zone_name(state, turn.rules.policy)))
    if because == "erased":
        state.account = None
    if state.told is not None:
        state.told.due = turn.now


def hear_after_the_end(turn: Turn, account: AccountChanged) -> None:
    """What an account that is closed still has, or owes, is a matter of the ledger."""
    state = turn.state
    assert state.ended is not None
    state.account = account
    state.version += 1
    turn.out.append(member_row(state, zone_name(state, turn.rules.policy)))
    if state.ended.because == "erased":
        state.account = None


def _left_of(state: DecideState) -> DecideState:
    """What tells nothing of the person: counters that must go on, and whom rows are about."""
    guest = state.guest
    left = DecideState(member_id=state.member_id) if guest is None else new_guest(state.member_id)
    left.row_version = state.row_version
    left.refreshes = state.refreshes
    left.market = state.market
    if guest is not None and left.guest is not None:
        left.guest.forget_at = guest.forget_at
    if state.told is not None:
        left.told = Told(revision=state.told.revision)
    return left
