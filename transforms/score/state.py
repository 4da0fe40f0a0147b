"""What score remembers of a member between messages: purchases, a merge on its way, and a band.

Bounded by `purchases.HELD_MAX` events within the horizon and `merge_members.JOINING_MAX` merges.
"""

import msgspec

from transforms.score.bands import UNSCORED
from transforms.score.purchases import Held, History


class ScoreState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What score remembers of a member: the horizon's purchases, totals, and where risk stands."""

    member_id: str
    market: str = ""
    held: dict[str, Held] = {}
    """Events within the horizon, by source/event_id."""
    settled: History = msgspec.field(default_factory=History)
    """Everything before the horizon."""
    history: History = msgspec.field(default_factory=History)
    """Settled and held together, as of the last change."""
    engaged_at: int = 0
    """The newest sign of engagement, ms UTC; 0: none."""
    merged: bool = False
    """Into somebody else: nothing is scored any more."""
    joining: tuple[str, ...] = ()
    """Members who were merged into this one, and whose purchases are on their way."""
    withdrawn: tuple[str, ...] = ()
    """Purchases among these that are somebody else's."""
    joined: tuple[str, ...] = ()
    """Merges whose purchases have come."""
    band: str = UNSCORED
    rises_at: int | None = None
    """When the next band is entered, ms UTC on the softened time axis; None: never."""
    falls_before: int = 0
    """Before this moment on the softened time axis the band below is right."""
