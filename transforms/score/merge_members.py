"""What score knew of a member who was merged, told to the survivor, and added there.

In: the state of either. Out: a `transfer` command with the loser's purchases; the survivor's
statistics with them. Promises: purchases within two horizons are counted as if they had always
been the survivor's, also where both bought on one day or one of them is taken away on the way;
of what is older, days on which both bought count twice.
"""

import msgspec
from msgspec.structs import replace

from schemas.commands import LoopCommand
from schemas.events import Event, Transfer
from transforms.score.purchases import Held, History
from transforms.transfer import encoded, order, write

PART = "score"
"""The part of a transfer that is score's."""


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


def tell(
    member_id: str, purchases: Purchases, survivor: str, event: Event, now: int
) -> LoopCommand:
    """The command that brings a loser's purchases to the survivor."""
    transfer = Transfer(
        loser=member_id,
        merge=f"{event.source}/{event.event_id}",
        merged_at=now,
        part=PART,
        contents=write(purchases),
    )
    return order(transfer, survivor, event, now)


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
