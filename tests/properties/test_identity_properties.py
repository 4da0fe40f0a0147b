"""Who is who doesn't depend on when it became known, and nothing joins two members but a merge.

Histories of few people who share everything, compared with an oracle that looks at all of a history
at once (`identity_oracle`). They last 14 days and everything is known within `horizon_ms`, so
that arrival must not matter. `KIZUNA_TEST_EXAMPLES` multiplies the number of histories, for a
night; Hypothesis prints what reproduces a failure.
"""

import os
from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import event as note
from hypothesis import strategies as st
from identity_oracle import AsItHappens, Oracle, follow
from identity_story import (
    enrolled,
    final_members,
    merged,
    money_only,
    ordered,
    returned,
    sale,
    signed_in,
    signed_out,
    standing_links,
    told,
    unlinked,
    updated,
    with_rung,
)
from in_memory import HOUR, START, ladder, stitch

from schemas.events import EVENT_TYPES, Event
from schemas.flow import Attributed
from schemas.ladder import Ladder, Limit
from schemas.payloads import Order, Return, Sale

MINUTE = HOUR // 60
NAMES = (Order, Return)
"""Payloads that may go by somebody else's receipt."""
TIMES = int(os.environ.get("KIZUNA_TEST_EXAMPLES", "1"))
LASTS_HOURS = 14 * 24
KNOWN_HOURS = 17 * 24 - 1
POOL = (
    "cookie:a cookie:b device_id:d payment_token:t phone:p phone:q email:e email:f card:c card:d "
    "login:l member_id:1 member_id:2 member_id:3"
).split()
UNIQUE = ("login", "member_id")
SETTINGS = settings(
    report_multiple_bugs=False,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def examples(count: int) -> settings:
    return settings(SETTINGS, max_examples=count * TIMES)


SHIPPED = ladder()
FEW = Limit(max=2, per="week")
LADDERS = {
    "shipped": SHIPPED,
    "two owners of a device a week": with_rung("device", owners=FEW),
    "two of a phone, one of an email": with_rung(
        "email", with_rung("phone", owners=FEW), owners=Limit(max=1, per="ever")
    ),
    "phones by last_owner": with_rung("phone", two_owners="last_owner"),
    "tokens and emails by refuse": with_rung(
        "email", with_rung("payment_token", two_owners="refuse"), two_owners="refuse"
    ),
}
"""The one that ships, and others whose limits and policies matter within days."""


@st.composite
def identifiers(draw: Any, pool: list[str]) -> str:
    chosen = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True))
    kept: list[str] = []
    for one in chosen:
        namespace = one.split(":")[0]
        if namespace not in UNIQUE or not any(k.startswith(f"{namespace}:") for k in kept):
            kept.append(one)
    return " ".join(sorted(kept))


KINDS = ["sale", "sale", "ordered", "in", "enrolled", "updated", "out", "return", "unlink"]


@st.composite
def histories(draw: Any, merges: bool = False, largest: int = 12) -> list[Event]:
    """Known when they happened. Few identifiers, so that many are shared."""
    pool = [*draw(st.lists(st.sampled_from(POOL), min_size=2, max_size=6)), "member_id:1"]
    events: list[Event] = []
    kinds = [*KINDS, "merge", "merge"] if merges else KINDS
    for number in range(draw(st.integers(2, largest))):
        at = (
            draw(st.integers(0, LASTS_HOURS - 1)) * HOUR
            + draw(st.sampled_from([number, 0])) * MINUTE
        )
        kind = draw(st.sampled_from(kinds))
        name = f"e{number}"
        if kind == "unlink":
            pairs = [pair for e in events for pair in _pairs(e)]
            if pairs:
                events.append(unlinked(name, at, *draw(st.sampled_from(pairs))))
            continue
        if kind == "merge":
            loser, winner = draw(st.permutations("123"))[:2]
            events.append(merged(name, at, loser, winner))
            continue
        if kind == "return":
            sales = [e for e in events if e.type == "sale"]
            of = draw(st.sampled_from(sales)).payload.transaction_id if sales else None
            events.append(returned(name, at, draw(identifiers(pool)), transaction=of))
            continue
        if kind == "ordered":
            order = draw(st.sampled_from(["o1", "o2"]))
            events.append(ordered(name, at, draw(identifiers(pool)), order=order))
            continue
        if kind == "sale":
            order = draw(st.sampled_from([None, None, "o1"]))
            events.append(sale(name, at, draw(identifiers(pool)), order_id=order))
            continue
        make = {
            "in": signed_in,
            "out": signed_out,
            "enrolled": enrolled,
            "updated": updated,
        }[kind]
        events.append(make(name, at, draw(identifiers(pool))))
    return events


def _pairs(event: Event) -> list[tuple[str, str]]:
    """What an unlink could revoke: identifier and owner."""
    owner = Oracle([event], SHIPPED).strongest(event)
    return [(one, owner) for one in event.identifiers if owner and one != owner]


@st.composite
def arrivals(draw: Any, events: list[Event]) -> list[Event]:
    """The same events, known later, and some purchases twice. Orders are known when given."""
    known: list[Event] = []
    for number, event in enumerate(events):
        if event.type in ("unlink", "account_merged"):
            known.append(event)
            continue
        happened = (event.occurred_at - START) // HOUR
        late = draw(st.sampled_from([0, 0, 1, 2, 3])) and draw(
            st.integers(0, KNOWN_HOURS - happened)
        )
        known.append(_known(event, late * HOUR + number))
        if EVENT_TYPES[event.type].money and draw(st.integers(0, 4)) == 0:
            again = draw(st.integers(0, KNOWN_HOURS - happened))
            known.append(_known(event, again * HOUR + number + 30_000))
    return known


def _known(event: Event, late: int) -> Event:
    return msgspec.structs.replace(event, received_at=event.occurred_at + late)


def purchases(events: list[Event], config: Ladder) -> dict[str, str]:
    return money_only(final_members(stitch(events, config)[0]), events)


@examples(150)
@given(events=histories(), named=st.sampled_from(sorted(LADDERS)))
def test_as_it_happens_purchases_are_whose_the_oracle_says(events: list[Event], named: str) -> None:
    config = LADDERS[named]
    note(f"unlinks {sum(e.type == 'unlink' for e in events)}")
    assert purchases(events, config) == Oracle(events, config).members(), told(events)


@examples(150)
@given(events=histories(), named=st.sampled_from(sorted(LADDERS)))
def test_as_it_happens_browsing_is_whose_the_oracle_says(events: list[Event], named: str) -> None:
    config = LADDERS[named]
    at_once = {event.occurred_at: event for event in events if not isinstance(event.payload, NAMES)}
    told_once = sorted(at_once.values(), key=lambda event: event.occurred_at)
    oracle = AsItHappens(told_once, config)
    found = final_members(stitch(told_once, config)[0])
    for event in told_once:
        if not EVENT_TYPES[event.type].money:
            assert found.get(event.event_id) == oracle.member(event), told(told_once)


@examples(150)
@given(data=st.data(), events=histories(), named=st.sampled_from(sorted(LADDERS)))
def test_whenever_it_becomes_known_purchases_are_whose_the_oracle_says(
    data: Any, events: list[Event], named: str
) -> None:
    config = LADDERS[named]
    known = data.draw(arrivals(events))
    assert purchases(known, config) == Oracle(known, config).members(), told(known)


@examples(100)
@given(data=st.data(), events=histories(), named=st.sampled_from(sorted(LADDERS)))
def test_the_links_that_stand_don_t_depend_on_when_they_became_known(
    data: Any, events: list[Event], named: str
) -> None:
    config = LADDERS[named]
    known = data.draw(arrivals(events))
    in_order, otherwise = stitch(events, config)[1], stitch(known, config)[1]
    assert standing_links(otherwise) == standing_links(in_order), told(known)


@examples(100)
@given(data=st.data(), events=histories(), named=st.sampled_from(sorted(LADDERS)))
def test_another_name_for_a_member_changes_nothing_but_the_name(
    data: Any, events: list[Event], named: str
) -> None:
    config = LADDERS[named]
    # Of two who are seen on a device at one instant, the name decides who was the later one.
    instants = {event.event_id: event.occurred_at for event in events}
    assume(len(set(instants.values())) == len(instants))
    known = data.draw(arrivals(events))
    # The new name sorts behind all others, the old one before them.
    renamed = [_renamed(event, "member_id:1", "member_id:z") for event in known]
    was = final_members(stitch(known, config)[0])
    now = final_members(stitch(renamed, config)[0])
    assert now == {e: "z" if member == "1" else member for e, member in was.items()}, told(known)


def _renamed(event: Event, old: str, new: str) -> Event:
    names = tuple(new if one == old else one for one in event.identifiers)
    payload = event.payload
    if event.type == "unlink" and payload.owner == old:
        payload = msgspec.structs.replace(payload, owner=new)
    return msgspec.structs.replace(event, identifiers=names, payload=payload)


@examples(100)
@given(data=st.data(), events=histories(), named=st.sampled_from(sorted(LADDERS)))
def test_nothing_that_happened_joins_two_members(
    data: Any, events: list[Event], named: str
) -> None:
    """Events that name a member are that member's, and an event that comes by links is of the only
    member to whom all links that stand as of then lead, in the table of links."""
    config = LADDERS[named]
    known = data.draw(arrivals(events))
    bodies, rows = stitch(known, config)
    found = final_members(bodies)
    oracle = Oracle(known, config)
    for event in events:
        own = [one for one in event.identifiers if one.startswith("member_id:")]
        if own and event.type not in ("return", "order_placed", "sale", "unlink"):
            assert found.get(event.event_id) == own[0].removeprefix("member_id:"), told(known)
    links = standing_links(rows)
    for event in events:
        member = money_only(found, [event]).get(event.event_id)
        by = oracle.receipt(event)
        strongest = by and oracle.strongest(by)
        if member is None or by is None or strongest is None:
            continue
        reached = _reached(links, strongest, by.occurred_at)
        if reached:
            assert reached == {f"member_id:{member}"}, told(known)


def _reached(links: Any, identifier: str, at: int) -> set[str]:
    """The members that the links which stood at an instant lead to."""
    if identifier.startswith("member_id:"):
        return {identifier}
    namespace, _, value = identifier.partition(":")
    owners = {
        owner
        for (name, of, owner), spans in links.items()
        if (name, of) == (namespace, value)
        and any(start <= at and (end is None or at < end) for start, end in spans)
    }
    return {member for owner in owners for member in _reached(links, owner, at)}


@examples(150)
@given(data=st.data(), events=histories(merges=True), named=st.sampled_from(sorted(LADDERS)))
def test_after_merges_everything_is_the_survivor_s(
    data: Any, events: list[Event], named: str
) -> None:
    config = LADDERS[named]
    known = data.draw(arrivals(events))
    oracle = Oracle(known, config)
    survivors = oracle.survivors()
    orders = [e for e in events if e.type == "account_merged"]
    note(f"merges {len(orders)}")
    bodies = stitch(known, config)[0]
    found = money_only(final_members(bodies, survivors), events)
    last_merge = max((e.received_at for e in orders), default=0)
    for event in events:
        if not isinstance(event.payload, Sale | Order | Return):
            continue
        ends = oracle.ends_of(event)
        people = {end and follow(survivors, end) for end in ends}
        person = found.get(event.event_id)
        if len(ends) == 1 or len(people) > 1:
            assert person == (people.pop() if len(people) == 1 else None), told(known)
        else:
            # Two members who became one: nobody's before, the survivor's afterwards.
            assert person in (None, *people), told(known)
    # Whatever becomes known after the last merge is given to a survivor, and to nobody else.
    for body in bodies:
        if isinstance(body, Attributed) and body.event.received_at > last_merge:
            assert body.member_id not in survivors, told(known)
