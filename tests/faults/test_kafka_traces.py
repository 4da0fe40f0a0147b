"""A live run's topics: whose trace each record belongs to, and what is told of a member's state."""

import random
import re
import time
from collections import defaultdict

import msgspec
import pytest
from confluent_kafka import Producer
from kafka_checks import demand, in_order, same_tables
from kafka_city import city
from kafka_live import declared_topics
from kafka_seen import read_archive, read_topics, rows

SIGNED_UP = "00-11111111111111111111111111111111-00f067aa0ba902b7-01"
BOUGHT = "00-22222222222222222222222222222222-00f067aa0ba902b7-00"
ASKED = "00-33333333333333333333333333333333-00f067aa0ba902b7-01"
GIVEN = {trace.split("-")[1] for trace in (SIGNED_UP, BOUGHT, ASKED)}
MEMBER = "m-traced"
PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@pytest.fixture
def town(broker, tmp_path):
    chance = random.Random(3)
    with city(broker, tmp_path, "traces.", chance, members=15, rate=400.0, workers=1) as one:
        yield one


def send(town, source, kind, payload, header=None, **more):
    """An event that is known when the broker has it."""
    event = {
        "event_id": f"{kind}-{time.time_ns()}",
        "type": kind,
        "source": source,
        "occurred_at": time.time_ns() // 1_000_000,
        "market": "us",
        "identifiers": {"member_id": MEMBER},
        "payload": payload,
    }
    producer = Producer({"bootstrap.servers": town.broker})
    headers = [] if header is None else [("traceparent", header), ("other", b"\xff")]
    value = msgspec.json.encode(event | more)
    topic = town.prefix + ("commands" if source == "command" else f"events.{source}")
    producer.produce(topic, value, key=MEMBER.encode(), headers=headers)
    assert producer.flush(20) == 0
    time.sleep(0.15)  # no two of these events are known at one instant


def line(number, category):
    return {"line_id": f"{number}", "sku": f"s-{number}", "category": category, "amount": 5_000}


def tell_the_story(town):
    granted = {"channel": "push", "purpose": "marketing", "granted": True}
    device = {"member_id": MEMBER, "device_id": "d-1", "push_token": "p-1"}
    send(town, "profile", "enrolled", {}, SIGNED_UP)
    send(town, "app", "signed_in", {}, b"\xff no trace", identifiers=device)
    send(town, "profile", "consent_changed", granted, "00-zz-1-01")
    basket = {"lines": [line(1, "TEA"), line(2, "RICE")], "currency": "USD"}
    send(town, "pos", "sale", basket | {"transaction_id": "t-1"}, BOUGHT)
    cart = {"cart_id": "c-1", "lines": [line(3, "TEA")]}
    send(town, "web", "cart_updated", cart)
    asked = {"redemption_id": "r-1", "points": 1_000_000}
    send(town, "command", "redeem", asked, context={"traceparent": ASKED})
    send(town, "web", "page_viewed", {"name": "home"})


def test_records_belong_to_the_trace_of_the_event_behind_them(town):
    town.live.start()
    tell_the_story(town)
    town.drain(3.0)  # the hasty welcome and the reminder of the cart go out
    town.stop()
    seen = read_topics(town.broker, [town.prefix + name for name in declared_topics("out")])
    seen = {topic.removeprefix(town.prefix): found for topic, found in seen.items()}
    spans = set()
    by_trace = defaultdict(set)
    for topic, found in seen.items():
        if topic in ("identity.links", "quarantine"):
            continue
        for record in found:
            trace, span, flags = PARENT.fullmatch(record.headers["traceparent"]).groups()
            spans.add((topic, span))
            said, trace = record.said, trace.decode()
            assert trace in GIVEN or flags == b"01"
            assert said["traceparent"] is None or said["traceparent"].split("-")[1] == trace
            if said["traceparent"] == BOUGHT:
                assert flags == b"00", "whoever doesn't sample a trace isn't contradicted"
            what = said.get("kind") or said.get("journey") or said.get("redemption_id") or "state"
            by_trace[trace if trace in GIVEN else None].add((topic, what))
    assert len(spans) == sum(len(f) for t, f in seen.items() if t not in ("identity.links",))
    bought = by_trace[BOUGHT.split("-")[1]]
    assert ("loyalty.ledger", "earn") in bought
    assert {topic for topic, what in bought if what == "real_time_earn"} >= {
        "loyalty.decisions",
        "triggers.app",
        "triggers.push",
        "triggers.receipt",
    }
    asked = by_trace[ASKED.split("-")[1]]
    assert asked >= {("loyalty.ledger", "r-1"), ("loyalty.redemptions", "r-1")}
    assert {topic for topic, what in by_trace[None] if what == "welcome"} == {
        "loyalty.decisions",
        "triggers.push",
    }, "what time brought about has a trace of its own"
    assert not any(what == "welcome" for topic, what in by_trace[SIGNED_UP.split("-")[1]])
    assert seen["quarantine"] == []
    the_archive_says_the_same(town)
    the_state_is_told(town, seen["loyalty.member-state"])


def the_archive_says_the_same(town):
    kept = {record["type"]: record["context"] for record in read_archive(town.output / "archive")}
    assert kept["enrolled"] == {"traceparent": SIGNED_UP}
    assert kept["sale"] == {"traceparent": BOUGHT}
    assert kept["redeem"] == {"traceparent": ASKED}
    assert kept["signed_in"] == kept["consent_changed"] == kept["page_viewed"] == {}
    fresh = town.run_again(town.folder / "fresh")
    demand(same_tables(town.output, fresh))
    traces = "SELECT DISTINCT traceparent FROM {} WHERE traceparent IS NOT NULL"
    assert (BOUGHT,) in rows(fresh / "warehouse.duckdb", traces.format("ledger_entries"))
    assert (BOUGHT,) in rows(fresh / "warehouse.duckdb", traces.format("triggers"))


def the_state_is_told(town, states):
    demand(in_order(states))
    assert {one.headers["schema"] for one in states} == {b"member_state/1"}
    last = states[-1].said
    assert last["member_id"] == MEMBER == states[-1].key.decode()
    assert last["revision"] >= len(states) >= 1, "what comes at once is one record"
    assert [each["category"] for each in last["interests"]] == ["TEA", "RICE"]
    assert last["cart"]["lines"][0]["sku"] == "s-3"
    types = [each["type"] for each in last["actions"]]
    told = ["redeem", "cart_updated", "sale", "consent_changed", "signed_in", "enrolled"]
    assert types in (told, ["page_viewed", *told])
    shared = "available, pending, held, tier, qualifying, risk_band, segment, time_zone, market"
    (row,) = rows(town.output / "warehouse.duckdb", f"SELECT {shared} FROM members")
    assert row == tuple(last[name] for name in shared.split(", "))
    sent = rows(town.output / "warehouse.duckdb", "SELECT DISTINCT market FROM triggers")
    assert sent == [("us",)]
