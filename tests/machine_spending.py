"""Steps of the ledger's state machine: points are asked for, held, used, given and taken."""

from typing import Any

from accrue_till import DAY, HOUR, MINUTE, adjust, redeem, sale, settle
from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule
from machine_members import AFTER, BASKETS, LATE, MEMBERS, Members, holds, receipts, redemptions

from schemas.ledger import RedemptionAnswer

SOON = st.sampled_from([1, MINUTE, 14 * MINUTE, HOUR, DAY, 47 * HOUR, 49 * HOUR])
"""And before a hold is used: it lasts 15 minutes, a day or two."""
POINTS = st.sampled_from([3, 5, 20, 60])
WANTED = st.one_of(POINTS, st.sampled_from(["coffee", "lounge", "nothing"]))


class Spending(Members):
    """Redemptions, holds, adjustments, and time for all of it to lapse."""

    @rule(target=redemptions, member=MEMBERS, wanted=WANTED, after=AFTER)
    def redeem(self, member: str, wanted: Any, after: int) -> Any:
        one = redeem(f"d{self.name()}", self.wait(after), wanted)
        self.tell(one, member)
        return one, member

    @rule(target=holds, member=MEMBERS, wanted=WANTED, after=AFTER)
    def hold(self, member: str, wanted: Any, after: int) -> Any:
        one = redeem(f"d{self.name()}", self.wait(after), wanted, hold=True)
        whose = self.tell(one, member)
        (answer,) = (out for out in self.till(whose).last if isinstance(out, RedemptionAnswer))
        return (one, member) if answer.code == "ok" else multiple()

    @rule(of=holds | redemptions, wanted=POINTS, after=AFTER)
    def redeem_under_a_used_name(self, of: Any, wanted: int, after: int) -> None:
        asked, member = of
        name = asked.payload.redemption_id
        one = redeem(name, self.wait(after), wanted, event_id=f"e-again-{self.name()}")
        self.tell(one, member)

    @rule(
        of=holds | holds | redemptions,
        type_=st.sampled_from(["capture", "capture", "release"]),
        after=SOON,
    )
    def settle(self, of: Any, type_: str, after: int) -> None:
        asked, member = of
        name = asked.payload.redemption_id
        one = settle(type_, name, self.wait(after), f"e-settle-{self.name()}")
        self.tell(one, member)

    @rule(target=receipts, of=holds | holds | redemptions, some=BASKETS, after=SOON, late=LATE)
    def buy_with_redemption(self, of: Any, some: Any, after: int, late: int) -> Any:
        asked, member = of
        name = asked.payload.redemption_id
        at = self.wait(after) - late
        one = sale(f"t{self.name()}", at, some, redemptions=(name,))
        self.tell(one, member)
        return one, member

    @rule(member=MEMBERS, points=st.sampled_from([-40, -5, 10, 50]), after=AFTER)
    def adjust(self, member: str, points: int, after: int) -> None:
        self.tell(adjust(self.name(), self.wait(after), points), member)

    @rule(after=st.sampled_from([DAY, 3 * DAY, 20 * DAY, 40 * DAY]))
    def pass_time(self, after: int) -> None:
        self.wait(after)
