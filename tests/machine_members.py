"""The members of the ledger's state machine: what they are told, and what must hold of them.

Each step lets time pass, tells a member something and leaves the rest to the invariants: the
accounts are the sum of the entries and so sum to zero; available + pending + held is what is in the
lots, less the debt; no lot is over-allocated; nothing is reversed that wasn't earned. In the end a
fresh account that is told the same in another order stands where the member does.
"""

import sys
from functools import cache
from typing import Any

from accrue_till import DAY, HOUR, MINUTE, Till, accrue, adjust, day, line
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition
from machine_checks import check_entries, check_privileges, stands
from machine_terms import OPENS, POLICIES, TERMS
from merged_tills import Tills
from retold import Answers, Told, note_answers, rearranged, tell_again
from test_ledger_properties import check_books
from test_merge_properties import check_lots, check_transit

from schemas.events import Event
from transforms.accrue import Accrue

HORIZON = 17 * DAY
AFTER = st.sampled_from([1, MINUTE, HOUR, HOUR, DAY, DAY, 4 * DAY, 9 * DAY])
"""How much time passes before a step."""
LATE = st.sampled_from([0, 0, 0, 0, HOUR, 2 * DAY, 9 * DAY, 17 * DAY, 20 * DAY])
"""How long ago it occurred what becomes known; the last is beyond the horizon."""
MEMBERS = st.sampled_from("aaaabbc")


SKUS = st.sampled_from(["apple", "bread", "cheese"])
BASKETS = st.lists(
    st.tuples(
        st.sampled_from([0, 199, 750, 1000, 2340, 4000]),
        SKUS,
        st.integers(1, 3),
        st.sampled_from(["FOOD", "FOOD", "FOOD", "GIFT CARDS"]),
    ),
    min_size=1,
    max_size=3,
).map(
    lambda some: tuple(
        line(str(place), amount, sku, quantity, category)
        for place, (amount, sku, quantity, category) in enumerate(some)
    )
)

told = Bundle("told")
"""Events that may come again, be taken back or given to somebody else."""
receipts = Bundle("receipts")
orders = Bundle("orders")
redemptions = Bundle("redemptions")
holds = Bundle("holds")
"""Those that were granted."""


def only_in(*programmes: str) -> Any:
    """Of programmes that say something about it; elsewhere it would be a wasted step."""
    return precondition(lambda self: self.programme in programmes)


class Members(RuleBasedStateMachine):
    """Members' accounts, and all that can happen to them under one programme."""

    programme: str

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.given: dict[str, list[Told]] = {}
        self.answers: dict[str, Answers] = {}
        self.owner: dict[tuple[str, str], str | None] = {}
        self.disturbed: set[str] = set()
        """Members with whom something happened that a retelling doesn't tell of."""

    @initialize(
        policy=st.sampled_from(POLICIES),
        gift=st.sampled_from([120, 30, 0]),
        seed=st.integers(0, 1 << 16),
    )
    def open(self, policy: str, gift: int, seed: int) -> None:
        self.seed = str(seed)
        self.tills = Tills(operator(self.programme, policy))
        self.now = OPENS
        for member in "ab" if gift else ():
            self.tell(adjust(f"gift-{member}", self.now, gift), member)

    def name(self) -> str:
        self.number += 1
        return str(self.number)

    def wait(self, after: int) -> int:
        """Let time pass; then it is now."""
        self.now += after + 1
        self.tills.until(self.now)
        return self.now

    def till(self, member: str) -> Till:
        till = self.tills.till(member)
        till.recode_state = False
        return till

    def tell(self, one: Event, member: str, retract: bool = False) -> str:
        """Tell the member, or whoever goes on for them, at this instant; who that is."""
        whose = self.tills.whose(member)
        self.till(whose)
        self.tills.give(one, whose, self.now, retract)
        note_answers(self.till(whose), self.answers.setdefault(whose, {}))
        if one.type != "correct":  # what isn't applied changes nothing
            self.given.setdefault(whose, []).append(Told(one, self.now, retract))
        self.owner[one.key] = None if retract else whose
        self.now += 1
        return whose

    @invariant()
    def books_balance(self) -> None:
        if not hasattr(self, "tills"):
            return
        for till in self.tills.members.values():
            check_books(till)
            check_privileges(till)
        check_transit(self.tills)
        check_lots(self.tills)
        check_entries(self.tills)

    def teardown(self) -> None:
        if not hasattr(self, "tills") or sys.exc_info()[0] is not None:
            return  # a step failed: that is what must be told
        self.tell_in_other_orders()
        self.tills.deliver_all(self.wait(MINUTE))
        self.tills.until(day(1500))
        self.books_balance()
        for till in self.tills.members.values():
            due = till.operator.next_timer(till.state)
            assert due is None or due >= day(1500)
            sums = till.balances()
            assert sums["pending"] == sums["held"] == 0
        assert self.tills.sums().get("transferred", 0) == 0

    def tell_in_other_orders(self) -> None:
        end = self.wait(MINUTE)
        for member, till in self.tills.members.items():
            told, answers = self.given.get(member), self.answers.get(member, {})
            if not told or member in self.disturbed:
                continue
            wanted = stands(till, end)
            for how in ("in order", "latest", self.seed):
                order = rearranged(told, HORIZON, end, how)
                again = tell_again(till.operator, order, answers, end, member)
                check_books(again)
                check_privileges(again)
                found = stands(again, end)
                differ = {
                    name: (found[name], wanted[name])
                    for name in wanted
                    if found[name] != wanted[name]
                }
                assert not differ, f"{member}, {how}: {differ}"


@cache
def operator(name: str, policy: str) -> Accrue:
    """Of a programme; it remembers nothing, so all examples can share it."""
    return accrue(*TERMS[name](policy), horizon_days=HORIZON // DAY)
