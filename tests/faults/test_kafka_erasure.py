"""Erasure of a live run on a real broker: at a start, from the archive, too, and for good."""

import time

import msgspec
import pytest
from confluent_kafka import Producer
from kafka_live import Lag, Live, create_topics, environment, hasty_config, kizuna
from kafka_seen import rows
from search_bytes import found_in

from config.secret_keys import load_secrets
from transforms.decode.pseudonyms import Pseudonyms

ANA = {
    "member_id": "member-ana-51f0a",
    "card": "card-ana-7720c1",
    "email": "ana.anders@ana-anders.example",
}
BEN = {"member_id": "member-ben-84c2d", "card": "card-ben-3391f2"}
TABLET = "tablet-of-the-shop-3"
THEIRS = (
    *ANA.values(),
    Pseudonyms(load_secrets({}).peppers).of("email", ANA["email"]),
)
BALANCES = "SELECT member_id, available + pending FROM members ORDER BY ALL"
TOTALS = (
    "SELECT kind, debit, credit, sum(points)::BIGINT FROM ledger_entries GROUP BY ALL ORDER BY ALL"
)


class Shop:
    def __init__(self, broker, folder, prefix):
        create_topics(broker, prefix)
        self.env = environment(broker, prefix, lanes=2)
        self.config = hasty_config(folder / "config")
        self.live = Live(folder / "out", self.config, self.env, workers=2)
        self.output = folder / "out"
        self._lag = Lag(broker, prefix)
        self._producer = Producer({"bootstrap.servers": broker})
        self._prefix = prefix
        self.sent = []

    def send(self, type_, source, identifiers, **payload):
        number = len(self.sent)
        event = {
            "event_id": f"e-{number}",
            "type": type_,
            "source": source,
            "occurred_at": time.time_ns() // 1_000_000,
            "market": "us",
            "identifiers": identifiers,
            "payload": payload,
        }
        self.sent.append(event)
        self.produce(event)

    def produce(self, event):
        topic = f"{self._prefix}events.{event['source']}"
        self._producer.produce(topic, msgspec.json.encode(event))
        assert self._producer.flush(30) == 0

    def sale(self, number, amount, identifiers):
        lines = [{"line_id": "1", "sku": "s", "amount": amount}]
        self.send(
            "sale", "pos", identifiers, transaction_id=f"r{number}", currency="USD", lines=lines
        )

    def drain(self):
        self._lag.wait_until_none(self.live)
        time.sleep(1.5)

    def stop(self):
        assert self.live.stop() == 0, self.live.said()

    def ask(self, question):
        return rows(self.output / "warehouse.duckdb", question)


@pytest.fixture
def shop(broker, tmp_path):
    made = Shop(broker, tmp_path, "erasure.")
    try:
        yield made
    finally:
        made.live.end()


def test_a_live_run_forgets_at_its_next_start(shop, tmp_path):
    shop.live.start()
    for who in (ANA, BEN):
        shop.send("enrolled", "profile", who)
        shop.send("signed_in", "web", {"cookie": TABLET, "member_id": who["member_id"]})
        shop.send("product_viewed", "web", {"cookie": TABLET}, sku="mug")
    shop.sale(1, 9000, {"card": ANA["card"]})
    shop.sale(2, 5000, {"card": BEN["card"]})
    shop.drain()
    shop.send("erasure_requested", "profile", {"member_id": ANA["member_id"]})
    shop.drain()
    shop.stop()
    before = shop.ask(TOTALS)
    (ben,) = [row for row in shop.ask(BALANCES) if row[0] == BEN["member_id"]]
    assert len(shop.ask(BALANCES)) == 2
    told = {text for _, text in found_in(shop.output, THEIRS)}
    assert told == {*THEIRS} - {ANA["email"]}

    shop.live.start()
    assert "erased 1 who had asked" in shop.live.said()
    for event in shop.sent[:8]:  # all of it once more, late
        shop.produce(event)
    shop.sale(3, 1000, {"card": BEN["card"]})
    shop.drain()
    shop.stop()
    assert found_in(shop.output, THEIRS) == []
    ((member_id, points),) = shop.ask(BALANCES)
    assert (member_id, points) == (BEN["member_id"], ben[1] + 10)
    earned = [(*row[:3], row[3] + 10 if row[0] == "earn" else row[3]) for row in before]
    assert shop.ask(TOTALS) == earned

    fresh = tmp_path / "rebuilt"
    command = ("rebuild", "--input", shop.output, "--output", fresh, "--workers", 1, "--no-gate")
    done = kizuna(*command, "--config", shop.config, env=shop.env)
    assert done.returncode == 0, done.stdout + done.stderr
    compared = kizuna("reconcile", shop.output, fresh, env=shop.env)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert found_in(fresh, THEIRS) == []
