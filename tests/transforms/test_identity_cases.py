"""Every case that the field's documentation of identity graphs names, by its name.

Each is told twice: with what ships, and without the policy that protects. The second answer must
be another one, so that it is the policy that protects and not chance. What an identity graph by
connected components would do is in the comments.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import pytest
from identity_story import (
    enrolled,
    members,
    ordered,
    returned,
    sale,
    seen,
    signed_in,
    signed_out,
    updated,
    with_rung,
)
from in_memory import DAY, HOUR, START, climb, ladder

from config.secret_keys import DEVELOPMENT_PEPPER, DEVELOPMENT_QUARANTINE_KEY
from config.settings import load_settings
from schemas.events import Event
from schemas.flow import Climb
from schemas.ladder import Ladder, Limit, Waits
from schemas.refusals import Quarantined
from schemas.settings import Blocked, DecodeSettings
from transforms.decode import Decoder
from transforms.key_group import KeyGroup, Mark
from transforms.stitch.ladder import rungs

MINUTE = HOUR // 60


class Case(NamedTuple):
    """`told`: the history. `whose`: the member of each event, None: nobody. `without`: a ladder
    whose protecting policy is switched off, and `then`: whose those events are under it."""

    told: list[Event]
    whose: Mapping[str, str | None]
    without: Ladder
    then: Mapping[str, str | None]


CASES: dict[str, Case] = {}


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    """Its name is the function's, in words."""
    CASES[make.__name__.replace("_", " ")] = make()
    return make


@case
def shared_tablet_in_a_shop() -> Case:
    """Twelve customers sign in on it and walk away; passers-by look something up on it."""
    told = []
    for n in range(12):
        told.append(signed_in(f"in{n}", n * HOUR, f"cookie:tablet member_id:m{n}"))
        told.append(seen(f"look{n}", n * HOUR + 20 * MINUTE, "cookie:tablet"))
    return Case(
        told,
        # From the ninth owner on it is everybody's. Whoever was last stays the owner as of then.
        {"look7": "m7", "look8": None, "look11": None, "in11": "m11"},
        with_rung("device", owners=Limit(max=24, per="month")),
        {"look7": "m7", "look8": "m8", "look11": "m11", "in11": "m11"},
    )


@case
def shared_family_phone() -> Case:
    return Case(
        [
            enrolled("mum", 0, "phone:home card:c1 member_id:m1"),
            sale("before", HOUR, "phone:home"),
            enrolled("son", DAY, "phone:home card:c2 member_id:m2"),
            sale("number", 2 * DAY, "phone:home"),
            sale("number and card", 3 * DAY, "phone:home card:c1"),
        ],
        {"before": "m1", "number": None, "number and card": "m1"},
        with_rung("phone", two_owners="last_owner"),
        {"before": "m1", "number": "m2", "number and card": "m1"},
    )


@case
def shared_group_email() -> Case:
    """office@: whoever of the team ordered last would earn for all of them."""
    told = [enrolled(f"e{n}", n * DAY, f"email:office member_id:m{n}") for n in range(6)]
    return Case(
        [*told, ordered("order", 7 * DAY, "email:office cookie:k", order="o1")],
        {"order": None},
        with_rung("email", two_owners="last_owner", owners=Limit(max=24, per="year")),
        {"order": "m5"},
    )


@case
def shared_group_email_by_last_owner() -> Case:
    """Where emails are given to their last owner, the limit still ends it."""
    last = with_rung("email", two_owners="last_owner")
    told = [enrolled(f"e{n}", n * DAY, f"email:office member_id:m{n}") for n in range(6)]
    many = with_rung("email", last, owners=Limit(max=24, per="year"))
    return Case([*told, sale("s", 7 * DAY, "email:office")], {"s": None}, many, {"s": "m5"})


@case
def dangling_login() -> Case:
    """An account that isn't linked to a member yet. A graph by device gives what it does to the
    member who used the browser before."""
    return Case(
        [
            signed_in("member", 0, "cookie:k login:ada member_id:m1"),
            signed_in("account", HOUR, "cookie:k login:ben"),
            seen("look", 2 * HOUR, "cookie:k"),
            ordered("order", 3 * HOUR, "cookie:k login:ben", order="o"),
            updated("linked", 5 * DAY, "login:ben member_id:m2"),
        ],
        {"look": None, "order": "m2"},
        with_rung("card", namespaces=("card",)),
        {"look": "m1", "order": "m1"},
    )


@case
def dangling_login_waits_for_its_member() -> Case:
    waits = Waits(browse=24, cart=24, purchase=0, service=24, profile=24)
    return Case(
        [
            ordered("order", 0, "login:ben", order="o"),
            updated("linked", 13 * DAY, "login:ben member_id:m2"),
        ],
        {"order": "m2"},
        with_rung("card", waits=waits),
        {"order": None},
    )


@case
def anonymous_id_not_reset_at_sign_out() -> Case:
    return Case(
        [
            signed_in("in", 0, "cookie:k member_id:m1"),
            signed_out("out", HOUR, "cookie:k member_id:m1"),
            seen("stranger", 2 * HOUR, "cookie:k"),
            ordered("guest", 3 * HOUR, "cookie:k", order="o"),
        ],
        {"stranger": None, "guest": None},
        with_rung("device", sign_out=False),
        {"stranger": "m1", "guest": "m1"},
    )


@case
def two_members_signing_in_turn_on_one_device() -> Case:
    """As of then: what one did isn't the other's, in neither direction."""
    return Case(
        [
            signed_in("in1", 0, "cookie:k member_id:m1"),
            seen("look1", HOUR, "cookie:k"),
            signed_in("in2", 2 * HOUR, "cookie:k member_id:m2"),
            seen("look2", 3 * HOUR, "cookie:k"),
            seen("late", HOUR + 1, "cookie:k", known_at=4 * HOUR),
        ],
        {"look1": "m1", "look2": "m2", "late": "m1"},
        with_rung("device", two_owners="refuse"),
        {"look1": "m1", "look2": "m1", "late": "m1"},
    )


@case
def lost_card_reissued() -> Case:
    """Both cards are hers, so the email leads to one member by two ways."""
    return Case(
        [
            enrolled("old", 0, "card:old email:ada member_id:m1"),
            sale("bought", DAY, "card:old email:ada"),
            updated("new", 5 * DAY, "card:new member_id:m1"),
            sale("again", 6 * DAY, "card:new email:ada"),
            ordered("order", 7 * DAY, "email:ada", order="o"),
        ],
        {"bought": "m1", "again": "m1", "order": "m1"},
        # One owner ever, as is often advised for an identifier of a person.
        with_rung("email", owners=Limit(max=1, per="ever")),
        {"bought": "m1", "again": "m1", "order": None},
    )


@case
def email_changed() -> Case:
    """She gave it up, and the provider gave it to somebody else."""
    return Case(
        [
            enrolled("her", 0, "email:one member_id:m1"),
            ordered("first", DAY, "email:one", order="o1"),
            updated("changed", 2 * DAY, "email:two member_id:m1"),
            ordered("second", 3 * DAY, "email:two", order="o2"),
            enrolled("next", 30 * DAY, "email:one member_id:m2"),
            ordered("third", 31 * DAY, "email:one", order="o3"),
        ],
        {"first": "m1", "second": "m1", "third": None},
        with_rung("email", two_owners="refuse"),
        {"first": "m1", "second": "m1", "third": "m1"},
    )


NO_WAIT = Waits(browse=24, cart=24, purchase=0, service=24, profile=24)


@case
def guest_checkout_then_enrolment() -> Case:
    return Case(
        [
            ordered("guest", 0, "email:ada cookie:k", order="o"),
            enrolled("joins", 3 * DAY, "email:ada member_id:m1"),
        ],
        {"guest": "m1"},
        with_rung("email", waits=NO_WAIT),
        {"guest": None},
    )


@case
def in_store_purchase_by_phone_then_app_sign_in() -> Case:
    return Case(
        [
            sale("till", 0, "phone:p"),
            signed_in("app", 2 * DAY, "device_id:d phone:p member_id:m1"),
            sale("next", 3 * DAY, "phone:p"),
            seen("look", 3 * DAY, "device_id:d"),
        ],
        {"till": "m1", "next": "m1", "look": "m1"},
        with_rung("phone", waits=NO_WAIT),
        {"till": None, "next": "m1", "look": "m1"},
    )


@case
def buy_online_and_return_in_store_with_another_identifier() -> Case:
    """She ordered; he brings it back with his card. The points that go are hers."""
    return Case(
        [
            enrolled("she", 0, "email:ada member_id:m1"),
            enrolled("he", 0, "card:ben member_id:m2"),
            ordered("order", DAY, "email:ada", order="o1"),
            returned("back", 12 * DAY, "card:ben", transaction="o1"),
        ],
        {"order": "m1", "back": "m1"},
        msgspec.structs.replace(ladder(), receipt_days=1),
        {"order": "m1", "back": "m2"},
    )


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    told, whose, _, _ = CASES[name]
    found = members(told)
    assert {event_id: found.get(event_id) for event_id in whose} == whose


@pytest.mark.parametrize("name", CASES)
def test_without_its_policy_the_case_ends_otherwise(name: str) -> None:
    told, whose, without, then = CASES[name]
    found = members(told, without)
    assert {event_id: found.get(event_id) for event_id in then} == then
    assert then != whose, "the policy makes no difference"


# What decode keeps from becoming a link at all: values as they are sent, not as they arrive here.

SHIPPED = load_settings(None, {}, {}).settings


def decode_with(**changes: Any) -> DecodeSettings:
    return DecodeSettings(
        markets=SHIPPED.markets,
        unique_namespaces=changes.get("unique_namespaces", SHIPPED.unique_namespaces),
        blocked=changes.get("blocked", SHIPPED.blocked),
        identifiers_max=SHIPPED.identifiers_max,
        event_bytes_max=SHIPPED.event_bytes_max,
        peppers=(DEVELOPMENT_PEPPER,),
        quarantine_key=DEVELOPMENT_QUARANTINE_KEY,
    )


def sent(event: Event, **identifiers: Any) -> bytes:
    """An event as a till or shop sends it, with raw identifiers."""
    record = msgspec.to_builtins(event)
    record["identifiers"] = identifiers
    record["payload"].pop("kind", None)
    return msgspec.json.encode({k: v for k, v in record.items() if k not in UNSENT})


UNSENT = {"partition", "offset", "clamped"}


def decoded(records: list[bytes], settings: DecodeSettings) -> list[Event | Quarantined]:
    decoder = Decoder(settings)
    return [
        decoder.decode(record, partition="f", offset=n, known_at=START)
        for n, record in enumerate(records)
    ]


def members_as_sent(records: list[bytes], settings: DecodeSettings) -> dict[str, str]:
    return members([one for one in decoded(records, settings) if isinstance(one, Event)])


NOTHING_BLOCKED = Blocked(values=(), patterns=())


def test_test_at_test_com() -> None:
    """What a till's clerk types when the field must be filled. The first who enrolled with it would
    get what everybody buys who has no address either, until a second one does."""
    records = [
        sent(enrolled("e", 0), email="test@test.com", member_id="m1"),
        sent(ordered("o", DAY, order="o"), email="Test@Test.com "),
        sent(ordered("real", DAY, order="p"), email="tess@test.example"),
    ]
    typed = (*SHIPPED.blocked.patterns, r"(test|none|noemail|no-?reply)@.*")
    blocked = msgspec.structs.replace(SHIPPED.blocked, patterns=typed)
    assert members_as_sent(records, decode_with(blocked=blocked)) == {"e": "m1"}
    assert members_as_sent(records, decode_with(blocked=NOTHING_BLOCKED)) == {"e": "m1", "o": "m1"}


@pytest.mark.parametrize("value", ["", " ", "null", "NULL", "anonymous", "-1", "0000000000", "0-0"])
@pytest.mark.parametrize("namespace", ["card", "payment_token", "cookie", "device_id"])
def test_empty_and_blocked_values(namespace: str, value: str) -> None:
    """A till that sends a card number of zeros for no card."""
    records = [
        sent(enrolled("e", 0), **{namespace: value, "member_id": "m1"}),
        sent(sale("s", DAY), **{namespace: value}),
    ]
    assert members_as_sent(records, decode_with()) == {"e": "m1"}
    if value.strip():
        unblocked = members_as_sent(records, decode_with(blocked=NOTHING_BLOCKED))
        assert unblocked == {"e": "m1", "s": "m1"}


@pytest.mark.parametrize("namespace", ["member_id", "login"])
def test_two_values_of_a_unique_namespace_in_one_event(namespace: str) -> None:
    """Nobody knows whose it is; whoever guesses gives one person's purchase to another."""
    records = [
        sent(enrolled("e1", 0), login="a", member_id="m1"),
        sent(enrolled("e2", 0), login="b", member_id="m2"),
        sent(sale("s", DAY), **{namespace: ["a", "b"] if namespace == "login" else ["m1", "m2"]}),
    ]
    refused = decoded(records, decode_with())[-1]
    assert isinstance(refused, Quarantined)
    assert refused.reason == "two_unique_identifiers"
    assert "s" not in members_as_sent(records, decode_with())
    assert "s" in members_as_sent(records, decode_with(unique_namespaces=()))


# An identifier flood: one cookie and a million members, or one member and a million cookies.

BATCHES = 10


class Flood:
    """One key of one rung, given `count` climbs in batches, each told by its number."""

    def __init__(
        self, rung: str, key: str, config: Ladder, count: int, tell: Callable[[int], Climb]
    ) -> None:
        step = next(step for step in rungs(config, bytes) if step.name == rung)
        group = KeyGroup(step, group=0, rung=2, upstreams=["up"])
        self.seconds: list[float] = []
        self.bytes: list[int] = []
        self.rows: list[Any] = []
        size = count // BATCHES
        for batch in range(BATCHES):
            arrivals = []
            for number in range(batch * size, (batch + 1) * size):
                body = tell(number)
                at = climb(body.event.received_at, body.event)
                arrivals.append(msgspec.structs.replace(at, key=key, body=body))
            began = time.process_time()
            group.receive("up", Mark(at=arrivals[-1].known_at + 1), arrivals)
            outcome = group.advance()
            self.bytes.append(sum(len(state) for _, state in group.snapshot().states.values()))
            self.seconds.append(time.process_time() - began)
            assert outcome is not None
            self.rows += outcome.rows
        self.sends = outcome.sends

    def check_bounded(self, bytes_max: int) -> None:
        """As big and as slow at the end as at the beginning."""
        assert max(self.bytes) < bytes_max
        assert self.bytes[-1] <= 1.5 * self.bytes[1]
        assert min(self.seconds[-3:]) < 3 * min(self.seconds[:3])


def signs_in(identifiers: str, every_ms: int) -> Callable[[int], Climb]:
    """A sign-in after the other; `{}` in the identifiers is its number."""

    def tell(number: int) -> Climb:
        at = number * every_ms
        carried = identifiers.format(number)
        event = signed_in(f"in{number}", at, carried)
        visit, rest = event.identifiers[0], event.identifiers[1:]
        return Climb(event=event, visit=visit, rest=rest, as_of=event.occurred_at)

    return tell


@pytest.mark.parametrize("every_ms", [10, 8 * HOUR], ids=["within minutes", "within years"])
def test_identifier_flood_of_members_on_one_cookie(every_ms: int) -> None:
    tell = signs_in("cookie:k member_id:{}", every_ms)
    shipped = Flood("device", "cookie:k", ladder(), 100_000, tell)
    shipped.check_bounded(bytes_max=100_000)
    links = [row for row in shipped.rows if row.table == "identity_links"]
    assert [row.kind for row in shipped.rows if row.table == "identity_notices"] == ["shared"]
    assert len(links) < 40, "once it is shared nothing is linked"


def test_identifier_flood_without_a_limit_that_ends_it() -> None:
    """With so high a limit that it is never shared, it is the last owner's, and still bounded."""
    high = with_rung("device", owners=Limit(max=24, per="week"))
    flood = Flood("device", "cookie:k", high, 5_000, signs_in("cookie:k member_id:{}", 8 * HOUR))
    flood.check_bounded(bytes_max=20_000)
    links = [row for row in flood.rows if row.table == "identity_links"]
    assert len(links) >= 5_000, "each of them was its owner for a while"


def test_identifier_flood_of_cookies_on_one_member() -> None:
    """Somebody whose browser forgets: what the member rung remembers of them is bounded."""

    def climbs(number: int) -> Climb:
        told = signs_in("cookie:{} member_id:m1", HOUR)(number)
        return msgspec.structs.replace(told, visit="member_id:m1", rest=())

    shipped = Flood("member", "member_id:m1", ladder(), 20_000, climbs)
    shipped.check_bounded(bytes_max=20_000)
    unlinks = [row for row in shipped.rows if row.table == "loop_commands"]
    assert len(unlinks) > 10_000, "the cookies unseen for longest are given up"
    limitless = msgspec.structs.replace(ladder(), member_limits={})
    flood = Flood("member", "member_id:m1", limitless, 20_000, climbs)
    assert not [row for row in flood.rows if row.table == "loop_commands"]


def test_identifier_flood_of_passers_by_on_one_cookie() -> None:
    """What waits for somebody to sign in is bounded, and nobody is lost: they are counted."""

    def passes(number: int) -> Climb:
        event = seen(f"look{number}", number * 10, "cookie:k")
        return Climb(event=event, visit="cookie:k", as_of=event.occurred_at)

    shipped = Flood("device", "cookie:k", ladder(), 50_000, passes)
    assert max(shipped.bytes) < 500_000
    assert min(shipped.seconds[-3:]) < 3 * min(shipped.seconds[:3])
    guests = [row for row in shipped.rows if row.table == "guests"]
    assert max(row.events for row in guests) >= 50_000 - 50
    roomy = msgspec.structs.replace(ladder(), browse_waiting_max=1000)
    many = Flood("device", "cookie:k", roomy, 5_000, passes)
    assert max(many.bytes) > 2 * max(shipped.bytes)
