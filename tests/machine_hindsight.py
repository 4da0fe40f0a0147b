"""Steps of the ledger's state machine: what comes again, was somebody else's, or was wrong.

Events are repeated, taken back and given to others; staff correct accounts; members are merged. And
what nobody may notice: a state is saved and loaded, a base moves on.
"""

from typing import Any

import msgspec
from accrue_till import DAY, Till
from hypothesis import event as note
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machine_checks import stands
from machine_members import AFTER, HORIZON, MEMBERS, Members, told
from msgspec.structs import replace
from retold import COMMANDS
from test_correct_properties import books_of, correct
from test_ledger_properties import end_of

from schemas.events import Event
from schemas.ledger import Correction
from schemas.payloads import CorrectedLot
from transforms.accrue.horizon import advance_base
from transforms.accrue.state import AccrueState

RETURNS = 39 * DAY
"""For so long stitch may change its mind; a little less than returns are accepted."""


class Hindsight(Members):
    """What is put right, joined and kept."""

    @precondition(lambda self: self.given)
    @rule(place=st.integers(0, 99), after=AFTER)
    def repeat(self, place: int, after: int) -> None:
        """What stands, or was asked, and comes again changes nothing, as long as it is in the
        horizon; beyond it stitch doesn't let it through."""
        everything = [(member, one) for member, some in self.given.items() for one in some]
        whose, one = everything[place % len(everything)]
        counts_at = one.known_at if one.event.type in COMMANDS else one.event.occurred_at
        now, till = self.wait(after), self.till(whose)
        if self.owner[one.event.key] != whose or now - counts_at > HORIZON:
            return
        if whose not in self.tills.aliases:
            before = stands(till, now)
            assert not self.tills.give(one.event, whose, now)
            assert stands(till, now) == before
            self.now += 1

    @rule(one=told, after=AFTER)
    def take_away(self, one: Event, after: int) -> None:
        """It was somebody else's after all."""
        whose = self.owner[one.key]
        if whose is None or self.now + after - one.occurred_at > memory(one):
            return
        self.wait(after)
        self.tell(one, whose, retract=True)

    @rule(one=told, member=MEMBERS, after=AFTER)
    def give_to(self, one: Event, member: str, after: int) -> None:
        """It is this member's."""
        if self.owner[one.key] is not None or getattr(one.payload, "redemptions", ()):
            return
        if self.now + after - one.occurred_at > RETURNS:
            return
        self.wait(after)
        self.tell(one, member)

    @rule(
        member=MEMBERS,
        off=st.sampled_from(["nothing", "found", "lost", "qualifying"]),
        points=st.integers(1, 30),
        after=AFTER,
    )
    def correct(self, member: str, off: str, points: int, after: int) -> None:
        """Staff put right what was never wrong: a lot that nobody knew, points too many."""
        whose, now = self.tills.whose(member), self.wait(after)
        till = self.till(whose)
        if not till.changes:
            return
        books = books_of(till)
        wanted = put_off(books, till, off, points, now)
        self.tell(correct(wanted, now - 1, self.name()), whose)
        (row,) = (out for out in till.last if isinstance(out, Correction))
        assert row.status == ("right_already" if wanted == books else "applied")
        if row.status == "applied":
            self.disturbed.add(whose)
            note(f"corrected: {off}")
            assert till.balances() == {name: wanted[name] for name in till.balances()}

    @rule(loser=MEMBERS, winner=MEMBERS, after=AFTER, again=st.booleans())
    def merge(self, loser: str, winner: str, after: int, again: bool) -> None:
        if self.tills.whose(winner) == loser or loser in self.tills.aliases:
            return
        self.wait(after)
        for member in (loser, self.tills.whose(winner)):
            self.till(member)
            self.disturbed.add(member)
        self.tills.merge(loser, winner, self.now)
        if again:
            orders = len(self.tills.given)
            self.tills.merge(loser, winner, self.now, again=True)
            assert len(self.tills.given) == orders
        self.now += 1

    @precondition(lambda self: self.tills.waiting)
    @rule(place=st.integers(0, 9), after=AFTER)
    def transfer(self, place: int, after: int) -> None:
        """What left an account arrives, once, in any order."""
        self.wait(after)
        late = self.tills.waiting.pop(place % len(self.tills.waiting))
        self.tills.deliver(late, self.now)
        assert not self.tills.deliver(late, self.now)
        self.now += 1

    @rule(member=MEMBERS)
    def save_and_load(self, member: str) -> None:
        till = self.till(self.tills.whose(member))
        saved = msgspec.msgpack.encode(till.state)
        till.state = msgspec.msgpack.decode(saved, type=AccrueState)
        assert msgspec.msgpack.encode(till.state) == saved

    @rule(member=MEMBERS)
    def move_base(self, member: str) -> None:
        till = self.till(self.tills.whose(member))
        state, to = till.state, self.now - HORIZON
        if state.merged_into or not state.facts or state.base_to >= to:
            return
        before = end_of(till)
        plan = till.operator.programmes.named(state.programme)
        advance_base(state, plan, to)
        assert end_of(till) == before


def memory(one: Event) -> int:
    """For how long after it occurred an event is taken back: beyond the horizon that is for
    purchases only."""
    return RETURNS if one.type in ("sale", "order_placed") else HORIZON


def put_off(books: dict[str, Any], till: Till, off: str, points: int, now: int) -> dict[str, Any]:
    """An account's books, and what staff say that they must be; the same if that can't be."""
    account, lots = till.state.current, {lot.lot_id: lot for lot in books["lots"]}
    if off == "qualifying":
        return {**books, "qualifying": books["qualifying"] + points, "tier": None}
    if off == "found" and not account.debt and not account.unbacked:
        lot = CorrectedLot(
            lot_id=f"found-{till.state.member_id}",
            earned_at=now - DAY,
            available_at=now - DAY,
            expires_at=now + 20 * DAY,
            points=points,
            remaining=points,
            expired=0,
        )
        if lot.lot_id not in account.lots:
            return moved(books, {**lots, lot.lot_id: lot}, "available", points)
    if off == "lost":
        for key, lot in lots.items():
            less = min(points, account.lots[key].free)
            if less:
                smaller = replace(lot, points=lot.points - less, remaining=lot.remaining - less)
                place = "pending" if key in account.pending else "available"
                return moved(books, {**lots, key: smaller}, place, -less)
    return books


def moved(
    books: dict[str, Any], lots: dict[str, CorrectedLot], place: str, points: int
) -> dict[str, Any]:
    """The books with other lots, and points that went from where points come from."""
    return {
        **books,
        "lots": tuple(lots.values()),
        place: books[place] + points,
        "issued": books["issued"] - points,
    }
