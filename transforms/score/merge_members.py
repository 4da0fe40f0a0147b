"""When two members become one, what score knew of the one is told to the survivor, and added there.

In: the state of either. Out: a `transfer` command with the loser's purchases; the survivor's
state with them. Promises: purchases within two horizons are counted as if they had always
been the survivor's, also where both bought on one day or one of them is taken away on the way;
of what is older, days on which both bought count twice.
"""

import msgspec
from msgspec.structs import replace

from schemas.commands import LoopCommand
from schemas.events import Event
from schemas.payloads import Transfer
from transforms.score.purchases import Held, History, history_of
from transforms.score.state import ScoreState
from transforms.transfer import SCORE, encoded, order, write

JOINING_MAX = 100
"""Members who may be on their way at once; the purchases of those before come all the same."""


class Purchases(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is told of a member who was merged."""

    market: str
    held: dict[str, Held]
    settled: History
    engaged_at: int


_decode = msgspec.msgpack.Decoder(Purchases).decode


def read(text: str) -> Purchases:
    """The purchases out of a part's text; ValueError, if it isn't one."""
    try:
        return _decode(encoded(text))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def expect(state: ScoreState, loser: str) -> None:
    """A member was merged into this one: their purchases are on their way."""
    state.joining = (*state.joining, loser)[-JOINING_MAX:]


def hand_over(state: ScoreState, survivor: str, event: Event, now: int) -> LoopCommand:
    """Empty a member who was merged, for good; the command that brings the purchases to the
    survivor."""
    purchases = Purchases(
        market=state.market, held=state.held, settled=state.settled, engaged_at=state.engaged_at
    )
    transfer = Transfer(
        loser=state.member_id,
        merge=f"{event.source}/{event.event_id}",
        merged_at=now,
        part=SCORE,
        contents=write(purchases),
    )
    state.held, state.settled, state.history = {}, History(), History()
    state.engaged_at, state.merged = 0, True
    state.joining = state.withdrawn = ()
    return order(transfer, survivor, event, now)


def note_merge(state: ScoreState, transfer: Transfer) -> bool:
    """Note that the purchases of a merge have come; False: they had before."""
    if transfer.merge in state.joined:
        return False
    state.joined = (*state.joined, transfer.merge)[-JOINING_MAX:]
    state.joining = tuple(one for one in state.joining if one != transfer.loser)
    return True


def receive(state: ScoreState, purchases: Purchases, horizon_ms: int) -> None:
    """Put the purchases of a member who was merged into this one in, but for the withdrawn ones."""
    state.market = state.market or purchases.market
    held = {key: one for key, one in purchases.held.items() if key not in state.withdrawn}
    both = held | state.held
    state.held = dict(sorted(both.items(), key=lambda item: item[1].at))
    if not state.joining:
        state.withdrawn = ()
    state.settled = add(state.settled, purchases.settled)
    state.engaged_at = max(state.engaged_at, purchases.engaged_at)
    state.history = history_of(state.settled, state.held, horizon_ms)


def add(one: History, other: History) -> History:
    """Both histories as one.

    >>> mine = History(days=2, first_day=5, first_spend=10, last_day=9, repeat_spend=7)
    >>> both = add(mine, History(days=1, first_day=3, first_spend=4, last_day=3))
    >>> both.days, both.first_day, both.first_spend, both.last_day, both.repeat_spend
    (3, 3, 4, 9, 17)
    """
    if not one.days or not other.days:
        some = one if one.days else other
        return replace(some, repeat_spend=one.repeat_spend + other.repeat_spend)
    first, later = sorted((one, other), key=lambda each: (each.first_day, each.first_at))
    last = max(one, other, key=lambda each: (each.last_day, -each.last_at))
    both = replace(
        first,
        days=one.days + other.days,
        last_day=last.last_day,
        last_at=last.last_at,
        repeat_spend=one.repeat_spend + other.repeat_spend,
    )
    if first.first_day == later.first_day:
        both.days -= 1
        both.first_spend += later.first_spend
    else:
        both.repeat_spend += later.first_spend
    return both
