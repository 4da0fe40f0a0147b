"""Every programme that ships, through a real Kafka, with a kill -9 in the middle.

What happened is on the topics before the run begins, so time passes as it did over files. Then
everybody does a little today, so that there is something to show.
"""

import os
import random
import time
from collections import Counter

import msgspec
import pytest
from all_programmes import HOUR, MARKETS, merge, story, write
from kafka_checks import commands_given, demand, money_adds_up, same, same_tables, topics_agree
from kafka_city import QUIET_SECONDS
from kafka_live import CONFIG, Lag, Live, create_topics, declared_topics, environment, kizuna
from kafka_load import Load, Record
from kafka_seen import marks, read_archive, read_topics, rows

from scripts.produce import key_of

MEMBERS = 3
SEED = int(os.environ.get("KIZUNA_TEST_SEED", "20250302"))
KILL_AFTER = 100
"""Records that were read and saved before the kill."""
TRANSFERS = 2 * len(MARKETS)
"""Of each programme two accounts are merged: points go over, and what churn is scored by."""
SECONDS_MAX = 120.0
TODAY = (
    ("sam", "activity_completed", "app", {"activity": "run_km", "quantity": 30}),
    ("sam", "grant_offer", "command", {"offer_id": "training_plan", "reason": "today"}),
    ("amir", "grant_offer", "command", {"offer_id": "choice_gift", "reason": "today"}),
    ("bea", "activity_completed", "app", {"activity": "class_attended", "quantity": 1}),
    ("bea", "grant_offer", "command", {"offer_id": "seasonal_savings", "reason": "today"}),
    ("clara", "membership_started", "profile", {"plan": "yearly", "trial": False}),
    ("clara", "benefit_used", "partner", {"benefit": "streaming_choice", "reference": "today"}),
    (
        "tom",
        "sale",
        "pos",
        {
            "transaction_id": "today",
            "currency": "USD",
            "lines": [
                {"line_id": "1", "sku": "tea", "category": "DRINKS", "quantity": 4, "amount": 900}
            ],
        },
    ),
)
"""What members of a name do today, one after the other."""
OFFERS = "SELECT member_id, offer_id FROM offers WHERE status = 'open'"
CHALLENGES = """
    SELECT member_id, challenge, progress, met FROM challenges
    WHERE progress + met > 0 AND (until IS NULL OR until > to_timestamp({} / 1000.0))
"""
"""That are on at an instant, ms UTC."""


def today(now):
    """Events of the last hour: two accounts of each programme become one, and what they do."""
    for name in MARKETS:
        yield merge(f"{name}{MEMBERS - 1}", f"{name}{MEMBERS - 2}", now - HOUR // 2 - 60_000)
    for place, (name, type_, source, payload) in enumerate(TODAY):
        for number in range(MEMBERS):
            at = now - HOUR // 2 + place * 60_000 + number * 1_000
            event_id = f"{name}{number}-today-{place}"
            ids = {"transaction_id": event_id} if "transaction_id" in payload else {}
            yield {
                "event_id": event_id,
                "type": type_,
                "source": source,
                "occurred_at": at,
                "received_at": at,
                "market": MARKETS[name],
                "identifiers": {"member_id": f"{name}{number}"},
                "payload": payload | ids,
            }


@pytest.fixture
def shop(broker, tmp_path):
    """A live run of its own that is gone afterwards; the prefix of its topics."""
    prefix = "years."
    create_topics(broker, prefix)
    env = environment(broker, prefix, lanes=2, epoch_ms=300)
    live = Live(tmp_path / "out", CONFIG, env, workers=2)
    try:
        yield live, Lag(broker, prefix), env, prefix
    finally:
        live.end()


def kill_in_the_middle(live, lag, chance):
    """SIGKILL to a worker once the run has saved a part; how much was read by then."""
    give_up_at = time.monotonic() + SECONDS_MAX
    while (read := lag.read() or 0) < KILL_AFTER:
        live.keep()
        assert time.monotonic() < give_up_at, f"{read} records were read:\n{live.said()}"
        time.sleep(0.02)
    assert live.kill_one(chance)
    return read


def wait_for_transfers(live, lag, commands):
    """Until all is read, and what the run ordered has come back to it."""
    give_up_at = time.monotonic() + SECONDS_MAX
    wanted = commands + TRANSFERS
    while (
        ends := sum(end for (topic, _), end in lag.ends().items() if "command" in topic)
    ) < wanted:
        live.keep()
        assert time.monotonic() < give_up_at, f"{ends} of {wanted} commands:\n{live.said()}"
        time.sleep(0.2)
    lag.wait_until_none(live)
    time.sleep(QUIET_SECONDS)


def shown(seen):
    """What the last record of each member says that still has an account."""
    last = {one.said["member_id"]: one.said for one in seen}
    return {member: said for member, said in last.items() if said["merged_into"] is None}


def surfaces_agree(states, output):
    """Open offers and challenges in the last member-state of each member, and in the tables."""
    warehouse = output / "warehouse.duckdb"
    (now,) = set(marks(output).values())
    offers = Counter(
        (member, one["offer_id"]) for member, said in states.items() for one in said["offers"]
    )
    progress = Counter(
        (member, one["challenge"], one["progress"], one["met"])
        for member, said in states.items()
        for one in said["challenges"]
        if one["progress"] + one["met"] > 0
    )
    here = lambda sql: Counter(row for row in rows(warehouse, sql) if row[0] in states)  # noqa: E731
    assert len(offers) >= len(states) / 7 and len(progress) >= len(states) / 7
    return [
        *same("open offers", offers, here(OFFERS)),
        *same("challenges", progress, here(CHALLENGES.format(now))),
    ]


def handed_back(broker, prefix, output):
    """The commands that the run gave itself, as known when they came back to it."""
    given = commands_given(output)
    came = {
        one["event_id"]: {
            name: round(one[name].timestamp() * 1000) for name in ("occurred_at", "received_at")
        }
        for one in read_archive(output / "archive")
        if one["source"] == "command" and one["event_id"] in given
    }
    topic = prefix + "commands"
    said = [one.said for one in read_topics(broker, [topic])[topic]]
    return [one | came[one["event_id"]] for one in said if one["event_id"] in given]


def test_live_is_the_run_over_files(shop, broker, tmp_path):
    print(f"KIZUNA_TEST_SEED={SEED}")
    live, lag, env, prefix = shop
    now = time.time_ns() // 1_000_000
    years = story(MEMBERS, SEED, merged=False)
    events = [*(one for one in years if one["received_at"] < now - HOUR), *today(now)]
    produce(broker, prefix, events)
    live.start()
    read = kill_in_the_middle(live, lag, random.Random(SEED))
    assert read < len(events), "the kill was too late to show anything"
    wait_for_transfers(live, lag, sum(one["source"] == "command" for one in events))
    assert live.stop() == 0, live.said()

    (mark,) = set(marks(live.output).values())
    fresh = tmp_path / "fresh"
    given = write([*events, *handed_back(broker, prefix, live.output)], tmp_path / "given")
    over = ("run", "--input", given, "--output", fresh, "--as-of", mark - 1, "--workers", 1)
    done = kizuna(*over, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    problems = same_tables(live.output, fresh)
    problems += topics_agree(broker, prefix, declared_topics("out"), live.output)
    problems += money_adds_up(live.output)
    topic = prefix + "loyalty.member-state"
    problems += surfaces_agree(shown(read_topics(broker, [topic])[topic]), live.output)
    demand(problems)


def produce(broker, prefix, events):
    """Until the broker has all of them."""
    records = (
        Record(
            source=event["source"],
            event_id=event["event_id"],
            key=key_of(event),
            value=msgspec.json.encode(event),
        )
        for event in events
    )
    load = Load(broker, prefix, records, rate=100_000.0)
    load.start()
    assert len(load.settled()) == len(events)
