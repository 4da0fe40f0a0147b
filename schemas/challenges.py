"""Challenges: bonus challenges, stamp cards, streaks and milestones are all of this kind."""

from typing import Literal

from schemas.earn_rules import ActionType, When
from schemas.rewards import Prize
from schemas.section import Name, Period, Positive, Section


class Challenge(Section, frozen=True, kw_only=True):
    """Something that members make visible progress with, until its target is met.

    `visits` counts purchases, `spend` whole units of currency, `units` paid items, `actions`
    events of the type `on`, `quantity` what those events say they amount to. With `in_a_row` the
    target is a number of days, weeks or months one after the other with at least one of them.
    """

    challenge: Name
    counts: Literal["visits", "spend", "units", "actions", "quantity"]
    on: ActionType | None = None
    """For `actions` and `quantity`."""
    activities: tuple[Name, ...] = ()
    """Which activities, benefits, rewards or stores; none: whichever."""
    when: When = When()
    """What counts, and of whom; `from` and `until` make it a campaign: it has its own progress."""
    target: Positive
    within: Period | None = None
    """Progress begins anew with each such period; none: it lasts."""
    in_a_row: Literal["day", "week", "month"] | None = None
    repeat: bool = False
    """It begins again once it is met, and what was beyond the target counts; else once a period
    of `within`, once a campaign, or once for good."""
    prize: Prize
