"""Accounts that are merged, and purchases that change their owner.

Three properties: merging loses and makes nothing, whenever the transfer comes and however often;
after it all members together stand where a slow sum over what was bought, brought back and spent
says; and a purchase that changes its owner, however often, was only ever its last owner's.
"""

from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

from accrue_till import (
    DAY,
    HOUR,
    MINUTE,
    Till,
    accrue,
    adjust,
    day,
    line,
    order,
    redeem,
    return_,
    sale,
    settle,
    terms,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merged_tills import Tills, event_of
from plain_account import PlainAccount
from test_correct_properties import books_of, correct, wrong_terms
from test_ledger_properties import (
    AFTERWARDS,
    SKUS,
    Eager,
    Told,
    check_books,
    check_entries,
    end_of,
    histories,
    small_terms,
)

from schemas.earn_rules import BaseRate
from schemas.events import Event
from schemas.ledger import Redemption, RedemptionAnswer
from schemas.tiers import Expiry

BOUNDED = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FEWER = settings(BOUNDED, max_examples=100)
MEMBERS = ["a", "b", "c", "d"]
POLICIES = st.sampled_from(["negative", "floor_zero", "refuse"])


class Step(NamedTuple):
    """What happens at an instant: an event, or a merge."""

    at: int
    number: int
    event: Event | None
    member: str
    retract: bool = False
    winner: str = ""


@st.composite
def merging(draw: Any, plain: bool = False) -> list[Step]:
    """Weeks of three members who earn, bring back, hold and spend, while they are merged.

    `plain`: returns name their receipt, and what was brought back or ordered changes no owner, so
    that order has no say in what comes of it.
    """
    start = day(-40)  # 20 January 2017, so that no year ends
    if draw(st.booleans()):
        start = day(-80)
    steps: list[Step] = []
    sales: list[tuple[Event, str]] = []
    holds: list[tuple[str, int, str]] = []
    brought_back: set[str] = set()

    def add(at: int, event: Event | None, member: str, **more: Any) -> None:
        steps.append(Step(at, len(steps), event, member, **more))

    for member in MEMBERS[:3]:
        points = draw(st.sampled_from([0, 30, 120, 120]))
        if points:
            add(start, adjust(f"gift-{member}", start, points), member)
    for number in range(draw(st.integers(3, 14))):
        at = start + draw(st.integers(0, 40 * 24)) * HOUR + number
        known = at + draw(st.sampled_from([0, 0, 0, HOUR, 3 * DAY, 9 * DAY]))
        member = draw(st.sampled_from(MEMBERS[:2] + MEMBERS[:3]))
        kind = draw(
            st.sampled_from("sale sale order return return hold settle settle fine".split())
        )
        if kind in ("sale", "order") or (kind == "return" and not sales):
            some = [
                line(str(place), draw(st.integers(0, 4000)), draw(st.sampled_from(SKUS)))
                for place in range(draw(st.integers(1, 3)))
            ]
            named = draw(st.sampled_from(holds)) if holds and draw(st.booleans()) else None
            done = {one.payload.order_id for one, _ in sales if one.type == "sale"}
            placed = [
                one
                for one, _ in sales
                if one.type == "order_placed" and one.payload.order_id not in done
            ]
            if kind == "order":
                one = order(f"o{number}", at, some)
            elif placed and draw(st.booleans()):
                of = draw(st.sampled_from(placed))
                at = known = of.occurred_at + draw(st.sampled_from([HOUR, 2 * DAY, 9 * DAY]))
                one = sale(f"t{number}", at, of.payload.lines, order_id=of.payload.order_id)
            else:
                if named is not None:
                    member, at = named[2], named[1] + draw(AFTERWARDS)
                    known = at
                names = () if named is None else (named[0],)
                one = sale(f"t{number}", at, some, redemptions=names)
            sales.append((one, member))
            add(known, one, member)
        elif kind == "return":
            of, member = draw(st.sampled_from(sales))
            name = getattr(of.payload, "transaction_id", None) or of.payload.order_id
            some = [
                line(each.line_id, draw(st.integers(0, each.amount)), each.sku)
                for each in draw(
                    st.lists(st.sampled_from(of.payload.lines), min_size=1, max_size=2)
                )
            ]
            by_name = plain or draw(st.integers(0, 4)) > 0
            brought_back.add(of.event_id)
            add(known, return_(f"r{number}", at, name if by_name else None, some), member)
        elif kind == "fine":
            add(at, adjust(f"fine-{number}", at, -40), member)
        elif kind == "hold" or not holds:
            wanted = draw(st.sampled_from([5, 20, 60]))
            name = draw(st.sampled_from([f"d{number}"] * 4 + [one for one, _, _ in holds]))
            holds.append((name, at, member))
            held = redeem(name, at, wanted, hold=draw(st.integers(0, 3)) > 0, event_id=f"c{number}")
            add(at, held, member)
        else:
            name, since, member = draw(st.sampled_from(holds))
            at = since + draw(AFTERWARDS) + number
            kind = draw(st.sampled_from(["capture", "capture", "release"]))
            add(at, settle(kind, name, at, f"c{number}"), member)
    for one, member in sales:
        tied = one.event_id in brought_back or one.type == "order_placed" or one.payload.order_id
        if draw(st.integers(0, 4)) == 0 and not (plain and tied):
            at = one.occurred_at + draw(st.sampled_from([9 * DAY, 10 * DAY, 16 * DAY]))
            add(at, one, member, retract=True)
            if draw(st.booleans()):
                add(at, one, draw(st.sampled_from(MEMBERS[:3])))
    instants = [one.at for one in steps] + [at for _, at, _ in holds] * 2
    losers: set[str] = set()
    for _ in range(draw(st.integers(1, 3))):
        loser, winner = draw(st.sampled_from(["ab", "ba", "bc", "ca", "cb", "ad"]))
        if loser not in losers:
            losers.add(loser)
            near = draw(st.sampled_from([-HOUR, 1, 1, MINUTE, HOUR, DAY]))
            add(draw(st.sampled_from(instants)) + near, None, loser, winner=winner)
    return sorted(steps, key=lambda step: (step.at, step.number))


def check_transit(tills: Tills) -> None:
    """What has left and not arrived is what the waiting commands say."""
    waiting = sum(event_of(one).payload.points for one in tills.waiting)
    assert tills.sums().get("transferred", 0) == waiting


def check_lots(tills: Tills) -> None:
    """The newest row of a lot, by version, is of whoever has it."""
    newest: dict[str, Any] = {}
    for till in tills.members.values():
        for row in till.lots().values():
            assert row.lot_id not in newest or newest[row.lot_id].version != row.version
            if row.lot_id not in newest or newest[row.lot_id].version < row.version:
                newest[row.lot_id] = row
    for member, till in tills.members.items():
        for lot_id, lot in till.state.current.lots.items():
            if lot.remaining:
                assert (newest[lot_id].member_id, newest[lot_id].remaining) == (
                    member,
                    lot.remaining,
                )
    held = Counter(lot for till in tills.members.values() for lot in till.state.current.lots)
    alive = {lot for lot, row in newest.items() if row.remaining}
    assert all(held[lot] == 1 or tills.waiting for lot in alive)


@BOUNDED
@given(steps=merging(), policy=POLICIES, data=st.data())
def test_merging_loses_and_makes_nothing(steps: list[Step], policy: str, data: Any) -> None:
    chars_max = data.draw(st.sampled_from([400, 600_000]))
    tills = Tills(accrue(small_terms(policy), transfer_chars_max=chars_max))
    for step in steps:
        while tills.waiting and data.draw(st.booleans()):
            late = tills.waiting.pop(data.draw(st.integers(0, len(tills.waiting) - 1)))
            tills.deliver(late, step.at)
            assert not tills.deliver(late, step.at)  # the same again
        if step.event is not None:
            tills.give(step.event, step.member, step.at, step.retract)
        elif tills.whose(step.winner) != step.member:  # stitch refuses a loop
            tills.merge(step.member, step.winner, step.at)
            orders = len(tills.given)
            tills.merge(step.member, step.winner, step.at, again=True)
            assert len(tills.given) == orders
        for till in tills.members.values():
            check_books(till)
        check_transit(tills)
        check_lots(tills)
    end = max(step.at for step in steps) + data.draw(st.sampled_from([1, DAY, 40 * DAY]))
    while tills.waiting:
        one = tills.waiting.pop(data.draw(st.integers(0, len(tills.waiting) - 1)))
        tills.deliver(one, end)
        assert not tills.deliver(one, end)
        check_transit(tills)
        check_lots(tills)
    for till in tills.members.values():
        check_books(till)
        check_entries_of(tills, till)
    tills.until(day(1500))
    for member, till in tills.members.items():
        check_books(till)
        check_entries_of(tills, till)
        assert tills.operator.next_timer(till.state) is None
        sums = till.balances()
        assert sums["pending"] == sums["held"] == 0
        if member in tills.aliases:
            assert sums["available"] == 0 and not till.state.current.lots
    assert tills.sums().get("transferred", 0) == 0
    ids = Counter(one.entry_id for till in tills.members.values() for one in till.entries)
    assert max(ids.values(), default=1) == 1


def check_entries_of(tills: Tills, till: Till) -> None:
    """As for one member; a lot's first entry may be of the member whom it came from."""
    sides = {e.entry_id: (e.debit, e.credit) for one in tills.members.values() for e in one.entries}
    ids = Counter(one.entry_id for one in till.entries)
    assert not [one for one, times in ids.items() if times > 1]
    left = {one.entry_id: one.points for one in till.entries if one.kind != "correct"}
    for one in till.entries:
        assert one.points > 0
        if one.kind == "correct":
            left[one.corrects] -= one.points
            assert sides[one.corrects] == (one.credit, one.debit)
    assert all(points >= 0 for points in left.values())
    assert all(lot.entry_id in sides for lot in till.lots().values())


@BOUNDED
@given(steps=merging(plain=True), data=st.data())
def test_after_merges_the_points_are_those_of_one_account(steps: list[Step], data: Any) -> None:
    """Where neither tiers nor expiries make order matter: a slow sum over all of a person."""
    rules = terms(
        earn=(BaseRate(rate=Decimal(1)),), expiry=Expiry(mode="none"), tiers=None, pending_days=3
    )
    tills = Tills(accrue(rules))
    owner: dict[str, str] = {}
    events: dict[str, Event] = {}
    for step in steps:
        while tills.waiting and data.draw(st.booleans()):
            tills.deliver(tills.waiting.pop(), step.at)
        if step.event is None:
            if tills.whose(step.winner) != step.member:
                tills.merge(step.member, step.winner, step.at)
            continue
        tills.give(step.event, step.member, step.at, step.retract)
        events[step.event.event_id] = step.event
        if step.retract:
            owner.pop(step.event.event_id, None)
        else:
            owner.setdefault(step.event.event_id, step.member)
    end = max(step.at for step in steps) + data.draw(st.sampled_from([1, DAY, 10 * DAY]))
    tills.deliver_all(end)
    tills.until(end + 1)
    for member, till in tills.members.items():
        if member in tills.aliases:
            continue
        everything = [
            events[event_id] for event_id, name in owner.items() if tills.whose(name) == member
        ]
        redemptions = [
            row
            for name, other in tills.members.items()
            if tills.whose(name) == member
            for row in {(r.redemption_id, name): r for r in other.of(Redemption)}.values()
        ]
        assert own(till) == slow_sum(everything, redemptions, end), member


def own(till: Till) -> tuple[int, int, int]:
    sums = till.balances()
    return sums["pending"], sums["available"], sums["held"]


def slow_sum(events: list[Event], redemptions: list[Redemption], end: int) -> tuple[int, int, int]:
    """Pending, available and held of a person: every purchase, less what came back of it, less
    what was spent or is held."""
    bought: dict[str, tuple[int, dict[str, int]]] = {}
    for one in sorted(events, key=lambda event: event.occurred_at):
        if one.type == "order_placed":
            lines = {each.line_id: each.amount for each in one.payload.lines}
            bought[one.payload.order_id] = (one.occurred_at, lines)
        elif one.type == "sale" and one.payload.order_id not in bought:
            lines = {each.line_id: each.amount for each in one.payload.lines}
            bought[one.payload.transaction_id] = (one.occurred_at, lines)
    sales = [one.payload for one in events if one.type == "sale"]
    names = {one.transaction_id: one.order_id for one in sales}
    for one in events:
        if one.type == "return":
            of = one.payload.transaction_id
            of = names.get(of) if of not in bought else of
            for each in one.payload.lines if of in bought else ():
                bought[of][1][each.line_id] = 0
    pending = sum(sum(lines.values()) // 100 for at, lines in bought.values() if at + 3 * DAY > end)
    there = sum(sum(lines.values()) // 100 for _, lines in bought.values()) - pending
    there += sum(one.payload.points for one in events if one.type == "adjust")
    gone = sum(one.points for one in redemptions if one.status == "captured")
    held = sum(one.points for one in redemptions if one.status == "held")
    return pending, there - gone - held, held


@BOUNDED
@given(told=histories(), policy=POLICIES, data=st.data())
def test_a_purchase_was_only_ever_its_last_owners(told: list[Told], policy: str, data: Any) -> None:
    """Purchases and returns go from member to member and back; in the end each member is like a
    slow and obvious account that was told of what is theirs, and of nothing else."""
    rules = small_terms(policy)
    tills = Tills(accrue(rules))
    of: dict[str, str] = {}
    owner: dict[str, str] = {}
    given_to: dict[str, dict[str, tuple[Event, int]]] = {one: {} for one in MEMBERS[:3]}
    moves: list[tuple[int, int, Event, str | None]] = []
    for number, (one, known_at, retract) in enumerate(told):
        first = of.setdefault(one.event_id, data.draw(st.sampled_from(MEMBERS[:3])))
        moves.append((known_at, number, one, None if retract else first))
        if one.type not in ("sale", "order_placed", "return"):
            continue
        for hop in range(data.draw(st.sampled_from([0, 0, 1, 2, 3]))):
            at = known_at + data.draw(st.integers(0, 200)) * HOUR
            if at - one.occurred_at <= 17 * DAY:
                to = data.draw(st.sampled_from([*MEMBERS[:3], None]))
                moves.append((at, 1000 + 10 * number + hop, one, to))
    for at, _, one, to in sorted(moves, key=lambda move: move[:2]):
        if one.event_id in owner and owner[one.event_id] != to:
            tills.give(one, owner.pop(one.event_id), at, retract=True)
        if to is not None:
            owner[one.event_id] = to
            tills.give(one, to, at)
            given_to[to].setdefault(one.event_id, (one, at))
        for till in tills.members.values():
            check_books(till)
    end = max(move[0] for move in moves) + 1
    tills.until(end)
    for member, till in tills.members.items():
        check_books(till)
        check_entries(till)
        answers = {
            (row.source, row.event_id, row.redemption_id): row.code
            for row in till.of(RedemptionAnswer)
            if row.source is not None
        }
        mine = given_to[member]
        plain = PlainAccount(rules, member)
        plain.tell(
            [mine[name][0] for name, of_whom in owner.items() if of_whom == member],
            {name: one for name, (one, _) in mine.items()},
            {name: at for name, (_, at) in mine.items()},
            answers,
            end,
        )
        assert plain.end() == end_of(till), member


@FEWER
@given(steps=merging(), policy=POLICIES, data=st.data())
def test_base_and_horizon_are_invisible(steps: list[Step], policy: str, data: Any) -> None:
    """Moving the base at every chance, or never, posts the same entries and gives the same
    answers, through merges and transfers too."""
    lazy = Tills(accrue(small_terms(policy)))
    eager = Tills(Eager(lazy.operator.programmes))
    end = max(step.at for step in steps) + 20 * DAY
    for step in [*steps, Step(end, 0, adjust("last", end, 1), "a")]:
        transfers = data.draw(st.booleans()) or step.at == end
        for tills in (lazy, eager):
            while transfers and tills.waiting:
                tills.deliver(tills.waiting.pop(0), step.at)
            if step.event is not None:
                tills.give(step.event, step.member, step.at, step.retract)
            elif tills.whose(step.winner) != step.member:
                tills.merge(step.member, step.winner, step.at)
    for member, till in lazy.members.items():
        other = eager.members[member]
        till.until(day(400))
        other.until(day(400))
        assert till.entries == other.entries
        assert till.answers == other.answers
        assert end_of(till) == end_of(other)


@FEWER
@given(steps=merging(), policy=POLICIES)
def test_a_survivor_can_be_corrected(steps: list[Step], policy: str) -> None:
    """Merged under wrong rules; then the survivors are put right by what right rules lead to."""
    wrong, right = (Tills(accrue(rules(policy))) for rules in (wrong_terms, small_terms))
    spending = ("redeem", "capture", "release")
    end = max(step.at for step in steps) + DAY
    for tills in (wrong, right):
        for step in steps:
            if step.event is None:
                if tills.whose(step.winner) != step.member:
                    tills.merge(step.member, step.winner, step.at)
            elif step.event.type not in spending:
                tills.give(step.event, step.member, step.at, step.retract)
        tills.deliver_all(end)
        tills.until(end + 1)
    for member in right.members.keys() - right.aliases.keys():
        wanted = correct(books_of(right.till(member)), end, member)
        wrong.give(wanted, member, end + 1)
        till = wrong.till(member)
        check_books(till)
        assert till.balances() == right.till(member).balances()
        assert till.tier == right.till(member).tier
        till.until(day(1500))
        check_books(till)
        assert till.balances()["pending"] == 0
