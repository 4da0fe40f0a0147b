"""Stitch: whose is an event, and why. Each case names what would go wrong without it."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_story import LINE, enrolled, returned, sale, seen, signed_in, signed_out
from in_memory import (
    DAY,
    HOUR,
    START,
    answers,
    attributed_ids,
    climb,
    event,
    ladder,
    owners,
    stitch,
)

from schemas.flow import Climb
from schemas.ladder import Guests, Limit, MemberLimit, check_ladder
from schemas.payloads import Unlink
from transforms.key_group import KeyGroup, Mark
from transforms.stitch.identifier import Identifier

CASES = {
    "its own member id": (
        [sale("s", 0, "member_id:m1")],
        {"s": ("m1", "member_id")},
    ),
    "a card enrolled before": (
        [enrolled("e", 0, "card:c1 member_id:m1"), sale("s", DAY, "card:c1")],
        {"s": ("m1", "link")},
    ),
    "a card enrolled a year before": (
        [enrolled("e", 0, "card:c1 member_id:m1"), sale("s", 365 * DAY, "card:c1")],
        {"s": ("m1", "link")},
    ),
    "a card enrolled within the window releases the purchase": (
        [sale("s", 0, "card:c1"), enrolled("e", 13 * DAY, "card:c1 member_id:m1")],
        {"s": ("m1", "released")},
    ),
    "a card enrolled after the window doesn't": (
        [sale("s", 0, "card:c1"), enrolled("e", 15 * DAY, "card:c1 member_id:m1")],
        {"s": (None, "guest")},
    ),
    "no identifier at all": (
        [sale("s", 0), seen("w", 1)],
        {"s": (None, "anonymous"), "w": (None, "anonymous")},
    ),
    "browsing before sign-in is released, browsing of yesterday is not": (
        [
            seen("old", 0, "cookie:k"),
            seen("new", 25 * HOUR, "cookie:k"),
            signed_in("in", 26 * HOUR, "cookie:k member_id:m1"),
        ],
        {"old": (None, "anonymous"), "new": ("m1", "released")},
    ),
    "two climbs: cookie to email, email to member": (
        [
            event("sub", "subscribed", 0, "cookie:k email:e"),
            enrolled("e", 1, "email:e member_id:m1"),
            seen("w", 2, "cookie:k"),
        ],
        {"w": ("m1", "link"), "sub": ("m1", "released")},
    ),
    "anonymous id not reset at sign-out": (
        [
            signed_in("in", 0, "cookie:k member_id:m1"),
            signed_out("out", HOUR, "cookie:k"),
            seen("w", 2 * HOUR, "cookie:k"),
        ],
        {"out": ("m1", "link"), "w": (None, "anonymous")},
    ),
    "two members signing in turn on one device": (
        [
            signed_in("in1", 0, "cookie:k member_id:m1"),
            seen("w1", HOUR, "cookie:k"),
            signed_in("in2", 2 * HOUR, "cookie:k member_id:m2"),
            seen("w2", 3 * HOUR, "cookie:k"),
        ],
        {"w1": ("m1", "link"), "w2": ("m2", "link")},
    ),
    "after a sign-out the next visitor is claimed by the next sign-in alone": (
        [
            signed_in("in1", 0, "cookie:k member_id:m1"),
            signed_out("out", HOUR, "cookie:k member_id:m1"),
            seen("w", 2 * HOUR, "cookie:k"),
            signed_in("in2", 3 * HOUR, "cookie:k member_id:m2"),
        ],
        {"w": ("m2", "released")},
    ),
    "a late event belongs to whoever owned the device when it happened": (
        [
            signed_in("in1", 0, "cookie:k member_id:m1"),
            signed_in("in2", 2 * HOUR, "cookie:k member_id:m2"),
            seen("late", HOUR, "cookie:k", known_at=3 * HOUR),
        ],
        {"late": ("m1", "link")},
    ),
    "money that carries only a device isn't given to the next sign-in": (
        [
            event("o", "order_placed", 0, "cookie:k", source="web", order_id="o1", lines=[LINE]),
            signed_in("in", 1, "cookie:k member_id:m1"),
        ],
        {"o": (None, "anonymous")},
    ),
    "a payment token seen with the card": (
        [
            enrolled("e", 0, "card:c1 member_id:m1"),
            sale("s1", 1, "card:c1 payment_token:t"),
            sale("s2", 2, "payment_token:t"),
        ],
        {"s2": ("m1", "link")},
    ),
    "a payment token of two members: money is never guessed": (
        [
            sale("s1", 1, "member_id:m1 payment_token:t"),
            sale("s2", 2, "member_id:m2 payment_token:t"),
            sale("s3", 3, "payment_token:t"),
        ],
        {"s1": ("m1", "member_id"), "s2": ("m2", "member_id"), "s3": (None, "held_ambiguous")},
    ),
    "a payment token seen with card and member id of one person is hers": (
        [
            enrolled("e", 0, "card:c1 member_id:m1"),
            sale("s1", 1, "card:c1 payment_token:t"),
            sale("s2", 2, "member_id:m1 payment_token:t"),
            sale("s3", 3, "payment_token:t"),
        ],
        {"s3": ("m1", "link")},
    ),
    "a token seen with a stranger's card and with a member is ambiguous": (
        [
            sale("s1", 1, "card:unknown payment_token:t"),
            sale("s2", 2, "member_id:m2 payment_token:t"),
            sale("s3", 3, "payment_token:t"),
        ],
        {"s3": (None, "held_ambiguous")},
    ),
    "a shared family phone": (
        [
            enrolled("e1", 0, "phone:p member_id:m1"),
            enrolled("e2", 1, "phone:p member_id:m2"),
            sale("s", 2, "phone:p"),
        ],
        {"s": (None, "held_ambiguous")},
    ),
    "guest checkout, then enrolment with the same email": (
        [
            event("o", "order_placed", 0, "email:e cookie:k", source="web", order_id="o", lines=[]),
            enrolled("e", 3 * DAY, "email:e member_id:m1"),
        ],
        {"o": ("m1", "released")},
    ),
    "a return without card finds its sale's member": (
        [
            enrolled("e", 0, "card:c1 member_id:m1"),
            sale("s", 1, "card:c1", transaction="T"),
            returned("r", 2, "", transaction="T"),
        ],
        {"r": ("m1", "receipt")},
    ),
    "a return with somebody else's card goes to the sale's member": (
        [
            enrolled("e1", 0, "card:c1 member_id:m1"),
            enrolled("e2", 0, "card:c2 member_id:m2"),
            sale("s", 1, "card:c1", transaction="T"),
            returned("r", 2, "card:c2", transaction="T"),
        ],
        {"r": ("m1", "receipt")},
    ),
    "a return before its sale": (
        [
            enrolled("e1", 0, "card:c1 member_id:m1"),
            returned("r", 2, "card:c2", transaction="T"),
            sale("s", 1, "card:c1", transaction="T", known_at=DAY),
        ],
        {"r": ("m1", "receipt")},
    ),
    "a return of a sale that nobody saw goes by its own identifiers": (
        [
            enrolled("e1", 0, "card:c1 member_id:m1"),
            returned("r", 2, "card:c1", transaction="T"),
        ],
        {"r": ("m1", "link")},
    ),
    "a till sale of an online order goes to who ordered": (
        [
            event(
                "o",
                "order_placed",
                0,
                "member_id:m1",
                source="web",
                order_id="O",
                lines=[LINE],
            ),
            sale("s", 1, "card:other", transaction="T", order_id="O"),
        ],
        {"s": ("m1", "receipt")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    events, expected = CASES[name]
    found = owners(events)
    assert {event_id: found.get(event_id) for event_id in expected} == expected


def notices(events, kind):
    _, rows = stitch(events)
    return [row for row in rows if row.table == "identity_notices" and row.kind == kind]


def test_a_shared_tablet_in_a_shop_never_links_again():
    visits = []
    for n in range(12):
        visits.append(signed_in(f"in{n}", n * HOUR, f"cookie:tablet member_id:m{n}"))
        visits.append(seen(f"w{n}", n * HOUR + 1, "cookie:tablet"))
    found = owners(visits)
    assert found["w7"] == ("m7", "link")
    assert {found[f"w{n}"] for n in range(8, 12)} == {(None, "anonymous")}
    assert len(notices(visits, "shared")) == 1


def test_a_conflict_is_told_and_the_stronger_identifier_wins():
    events = [
        sale("s1", 0, "member_id:m1 payment_token:t"),
        sale("s2", 1, "member_id:m2 payment_token:t"),
    ]
    assert owners(events)["s2"] == ("m2", "member_id")
    assert [row.event_id for row in notices(events, "conflict")] == ["s2"]


def test_money_is_taken_once_also_with_other_identifiers():
    first = sale("s", 0, "member_id:m1", transaction="T")
    copy = msgspec.structs.replace(
        first, identifiers=("member_id:m2",), received_at=first.received_at + DAY
    )
    bodies, rows = stitch([first, copy])
    assert attributed_ids(bodies) == [("s", "m1")]
    assert [row.kind for row in rows if row.table == "identity_notices"] == ["duplicate"]


def test_an_event_with_only_a_member_id_counts_once_within_the_hour() -> None:
    again = [
        event("v1", "opened", 0, "member_id:m-1", known_at=at, trigger_id="t", channel="push")
        for at in (0, HOUR // 2, 3 * HOUR)
    ]
    attributed, rows = stitch(again)
    assert len(attributed) == 2, "after the hour nobody remembers"
    assert [row.kind for row in rows if row.table == "identity_notices"] == ["duplicate"]


def test_the_same_id_with_other_content_is_quarantined_and_the_first_wins():
    first = sale("s", 0, "member_id:m1", transaction="T")
    other = msgspec.structs.replace(
        sale("s", 0, "member_id:m1", transaction="T", amount=9),
        received_at=first.received_at + 5,
    )
    bodies, rows = stitch([first, other])
    assert [body.event.payload.lines[0].amount for body in bodies] == [1000]
    assert [row.reason for row in rows if row.table == "quarantine"] == ["conflicting_duplicate"]


def test_money_older_than_its_memory_is_quarantined():
    _, rows = stitch([sale("s", 0, "member_id:m1", known_at=91 * DAY)])
    assert [row.reason for row in rows if row.table == "quarantine"] == ["too_old_to_deduplicate"]


def test_browsing_is_taken_once_within_the_hour():
    again = msgspec.structs.replace(seen("w", 0, "member_id:m1 cookie:k"), received_at=START + 9)
    bodies, _ = stitch([seen("w", 0, "member_id:m1 cookie:k"), again])
    assert len(bodies) == 1


def test_what_waits_is_bounded():
    events = [seen(f"w{n}", n, "cookie:k") for n in range(60)]
    events.append(signed_in("in", HOUR, "cookie:k member_id:m1"))
    found = owners(events)
    released = [e for e, (member, _) in found.items() if member == "m1" and e != "in"]
    assert released == [f"w{n}" for n in range(10, 60)]
    assert found["w0"] == (None, "anonymous")


def test_guests_are_counted_never_lost():
    _, rows = stitch([sale("s1", 0, "email:e"), sale("s2", DAY, "email:e")])
    guest = max((r for r in rows if r.table == "guests"), key=lambda r: r.version)
    assert (guest.guest_id, guest.events, guest.spend) == ("email:e", 2, 2000)


def test_a_guest_who_was_forgotten_comes_back_the_same_whenever_it_was_noticed():
    """Rows are the same whether a snapshot came between forgetting and coming back, or not; the
    row of the later visit wins."""
    first, later = seen("w1", 0, "cookie:k"), seen("w2", 130 * DAY, "cookie:k")
    found = []
    for noticed in (False, True):
        rung = Identifier(ladder(), ladder().rungs[0])
        group = KeyGroup(rung, group=0, rung=2, upstreams=["up"])
        rows = []
        for each, until in ((first, 120 * DAY), (later, 140 * DAY)):
            body = Climb(event=each, visit="cookie:k", as_of=each.occurred_at)
            arrival = msgspec.structs.replace(
                climb(each.received_at, each), key="cookie:k", body=body
            )
            group.receive("up", Mark(at=START + until), [arrival])
            rows += group.advance().rows
            if noticed:
                group.snapshot()
        found.append(rows)
    assert found[0] == found[1]
    guests = [row for row in found[0] if row.table == "guests"]
    assert max(guests, key=lambda row: row.version).first_at == later.occurred_at


def test_links_tell_from_when_to_when_and_why():
    _, rows = stitch(
        [
            signed_in("in1", 0, "cookie:k member_id:m1"),
            signed_in("in2", HOUR, "cookie:k member_id:m2"),
            signed_out("out", 2 * HOUR, "cookie:k"),
        ]
    )
    links = {}
    for row in rows:
        if row.table == "identity_links" and row.version >= links.get(row.owner, (0, 0))[0]:
            span = (row.from_at - START, row.until_at and row.until_at - START, row.reason)
            links[row.owner] = (row.version, span)
    assert links["member_id:m1"][1] == (0, HOUR, "signed_in")
    assert links["member_id:m2"][1] == (HOUR, 2 * HOUR, "signed_in")


def city(seed):
    """Random histories of few people with many shared identifiers."""
    chance = random.Random(seed)
    members = [f"m{n}" for n in range(3)]
    events = []
    for number in range(chance.randint(2, 25)):
        at = chance.randrange(30) * HOUR
        carried = {
            f"{namespace}:{chance.randrange(2)}"
            for namespace in ("cookie", "payment_token", "phone", "email", "card")
            if chance.random() < 0.35
        }
        if chance.random() < 0.4:
            carried.add(f"member_id:{chance.choice(members)}")
        identifiers = " ".join(sorted(carried))
        kind = chance.choice(["sale", "seen", "in", "out", "return"])
        known_at = at + chance.choice([0, 0, HOUR, 5 * HOUR])
        if kind == "sale":
            each = sale(f"e{number}", at, identifiers, known_at=known_at)
        elif kind == "return":
            transaction = f"t-e{chance.randrange(20)}"
            each = returned(
                f"e{number}", at, identifiers, transaction=transaction, known_at=known_at
            )
        else:
            make = {"seen": seen, "in": signed_in, "out": signed_out}[kind]
            each = make(f"e{number}", at, identifiers, known_at=known_at)
        events.append(each)
    return events


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_every_event_gets_one_answer_and_its_own_member_id_always_wins(seed):
    events = city(seed)
    _, rows = stitch(events)
    given = answers(rows)
    for row in rows:
        refused = row.table == "identity_notices" and row.kind == "duplicate"
        if refused or row.table == "quarantine":
            given.setdefault((row.source, row.event_id), []).append(row)
    assert {key: len(found) for key, found in given.items()} == {e.key: 1 for e in events}
    for each in events:
        own = [i for i in each.identifiers if i.startswith("member_id:")]
        if own and each.type != "return":
            assert given[each.key][0].member_id == own[0][len("member_id:") :]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_no_chain_of_shared_identifiers_ever_joins_two_members(seed):
    """Identifiers that were only ever seen with one member never lead to another one."""
    events = city(seed)
    touched = {}
    for each in events:
        for identifier in each.identifiers:
            touched.setdefault(identifier, set()).add(each.key)
    by_event = {each.key: set(each.identifiers) for each in events}
    sales = {e.payload.transaction_id: e for e in events if e.type == "sale"}
    bodies, _ = stitch(events)
    for body in bodies:
        member = f"member_id:{body.member_id}"
        reachable, frontier = set(), set(body.event.identifiers)
        if body.event.type == "return" and body.event.payload.transaction_id in sales:
            frontier |= set(sales[body.event.payload.transaction_id].identifiers)
        while frontier:
            reachable |= frontier
            linked = {i for f in frontier for key in touched.get(f, ()) for i in by_event[key]}
            frontier = linked - reachable
        assert member in reachable, "a member who has nothing to do with the event"


@pytest.mark.parametrize("copy_first", [False, True])
def test_a_copy_with_other_identifiers_links_whatever_came_first(copy_first):
    """The same sale twice, by card and token and by phone: later the token alone is hers."""
    known = (2 * HOUR, HOUR) if copy_first else (HOUR, 2 * HOUR)
    events = [
        event("e", "enrolled", 0, "member_id:m1 card:c1 phone:p1"),
        sale("s", 10, "card:c1 payment_token:t1", known_at=known[0]),
        sale("s", 10, "phone:p1", known_at=known[1]),
        sale("later", DAY, "payment_token:t1"),
    ]
    bodies, rows = stitch(events)
    assert [who for each, who in attributed_ids(bodies) if each == "s"] == ["m1"]
    assert owners(events)["later"] == ("m1", "link")
    links = {(r.namespace, r.owner) for r in rows if r.table == "identity_links"}
    assert ("payment_token", "card:c1") in links


def test_a_repetition_leaves_no_link_again():
    """Replaying a topic says nothing that isn't known."""
    once = [
        event("e", "enrolled", 0, "member_id:m1 card:c1"),
        sale("s", 10, "card:c1 payment_token:t1"),
    ]
    again = [sale("s", 10, "card:c1 payment_token:t1", known_at=5 * DAY)]
    counts = [
        sum(row.table == "identity_links" for row in stitch(events)[1])
        for events in (once, once + again)
    ]
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(
    ("linked_days", "known_days", "answer"),
    [
        (13.9, 13.9, ("m1", "released")),
        (13.9, 16.8, ("m1", "released")),
        (13.9, 17.1, (None, "guest")),
        (14.1, 14.1, (None, "guest")),
    ],
)
def test_a_link_counts_if_it_was_made_in_time_and_is_known_three_days_late_at_most(
    linked_days, known_days, answer
):
    at, known_at = int(linked_days * DAY), int(known_days * DAY)
    events = [
        sale("s", 0, "email:a"),
        event("e", "enrolled", at, "member_id:m1 email:a", known_at=known_at),
    ]
    assert owners(events)["s"] == answer


def test_the_ladder_that_ships_is_sound():
    assert check_ladder(ladder()) == []


def test_a_ladder_that_means_nothing_is_said_field_by_field():
    sound = ladder()
    many = msgspec.structs.replace(sound.rungs[0], rung="member", owners=Limit(max=99, per="week"))
    wrong = msgspec.structs.replace(
        sound,
        rungs=(many, *sound.rungs[1:]),
        member_limits={"shoe_size": MemberLimit(max=1, per="ever")},
        guests=Guests(reachable=("email", "pigeon")),
    )
    assert [problem.partition(":")[0] for problem in check_ladder(wrong)] == [
        "$.rungs[0].rung",
        "$.rungs[0].owners.max",
        "$.member_limits.shoe_size",
        "$.guests.reachable[1]",
    ]


def test_what_was_held_before_a_merge_is_taken_back_after_it():
    """The answer was given at the key of an account that is an alias by now."""
    told = [
        enrolled("e1", DAY, "email:e member_id:m1"),
        event("e2", "profile_updated", 2 * DAY, "email:e member_id:m2"),
        sale("s", 3 * DAY, "email:e"),
        event("m", "account_merged", 4 * DAY, "member_id:m1", loser="m2", winner="m1"),
        event("u", "unlink", 5 * DAY, "email:e", owner="member_id:m2", reason="wrong", actor="ada"),
    ]
    _, rows = stitch(told)
    assert [row.reason for row in answers(rows)["pos", "s"]] == ["link"]
    assert owners(told)["s"] == ("m1", "link")


def test_what_the_flow_orders_itself_is_done_however_old_the_log_is():
    """It does nothing when it comes twice; refused, a merged account's points would be lost."""
    about = Unlink(owner="email:e", reason="it was somebody else's", actor="ada")
    old = msgspec.structs.replace(
        event("u", "signed_in", 0, "cookie:c", known_at=91 * DAY),
        type="unlink",
        source="command",
        payload=about,
    )
    _, rows = stitch([old])
    assert [row for row in rows if row.table == "quarantine"] == []
