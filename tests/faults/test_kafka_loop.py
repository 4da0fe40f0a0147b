"""The loop on a real broker: a repaired record and a correction go through the topic `commands`."""

import os
import shutil
import time

import msgspec
import pytest
import yaml
from confluent_kafka import Producer
from kafka_live import CONFIG, Lag, Live, create_topics, environment
from kafka_seen import marks, rows
from typer.testing import CliRunner

from pipelines.launch import RunOptions, run
from scripts import cli

EMAIL = "ana.person@example.org"
BALANCES = "SELECT member_id, available + pending FROM members ORDER BY ALL"


def config_folder(folder, rate, markets):
    """Ours, but `rate` points a dollar, and markets beside `us`."""
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    path = folder / "programmes" / "grocer.yaml"
    programme = yaml.safe_load(path.read_text())
    programme.pop("tests")
    programme["versions"][0]["earn"] = [{"rule": "base", "rate": rate, "rounding": "floor"}]
    programme["markets"] += markets
    path.write_text(yaml.safe_dump(programme))
    settings = yaml.safe_load((folder / "default.yaml").read_text())
    for market in markets:
        settings["markets"][market] = settings["markets"]["us"]
    (folder / "default.yaml").write_text(yaml.safe_dump(settings))
    return folder


def sale(number, member, market="us"):
    return {
        "event_id": f"e{number}",
        "type": "sale",
        "source": "pos",
        "occurred_at": time.time_ns() // 1_000_000,
        "market": market,
        "identifiers": {"member_id": member, "email": EMAIL},
        "payload": {
            "transaction_id": f"t{number}",
            "currency": "USD",
            "lines": [{"line_id": "1", "sku": "s", "amount": 1000 * number}],
        },
    }


@pytest.fixture
def shop(broker, tmp_path, monkeypatch):
    prefix = "loop."
    create_topics(broker, prefix)
    env = environment(broker, prefix, lanes=1)
    for name in env.keys() - os.environ.keys():
        monkeypatch.setenv(name, env[name])
    live = Live(tmp_path / "out", config_folder(tmp_path / "wrong", 1, []), env, workers=1)
    try:
        yield live, Lag(broker, prefix), Producer({"bootstrap.servers": broker}), prefix
    finally:
        live.end()


def run_until_read(live, lag):
    live.start()
    lag.wait_until_none(live)
    time.sleep(1.0)
    assert live.stop() == 0, live.said()


def over_the_archive(live, fresh, config):
    """A run of files over what the live run archived, to the instant that it had come to."""
    (mark,) = set(marks(live.output).values())
    options = {"inputs": [live.output / "archive"], "config": config, "as_of": mark - 1}
    run(RunOptions(output=fresh, **options))
    return fresh


def kizuna(*arguments):
    done = CliRunner().invoke(cli.app, list(map(str, arguments)))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def test_repairs_and_corrections_through_the_topic(shop, tmp_path):
    live, lag, producer, prefix = shop
    for event in (sale(1, "m-1"), sale(2, "m-2", "fr"), sale(3, "m-3")):
        producer.produce(prefix + "events.pos", msgspec.json.encode(event))
    assert producer.flush(30) == 0
    run_until_read(live, lag)
    warehouse = live.output / "warehouse.duckdb"
    assert rows(warehouse, BALANCES) == [("m-1", 10), ("m-3", 30)]

    fixed = config_folder(tmp_path / "fixed", 2, ["fr"])
    right = over_the_archive(live, tmp_path / "right", fixed)
    for _ in range(2):  # the second time everything was sent before
        kizuna("replay-quarantine", live.output, "--config", fixed)
        kizuna("correct", live.output, "--from", right, "--config", fixed)
    assert sum(end for (topic, _), end in lag.ends().items() if topic.endswith("commands")) == 3
    for file in (live.output / "commands").iterdir():
        assert EMAIL.encode() not in file.read_bytes() and file.suffix == ".jsonl"

    live.install(CONFIG.parent, fixed)
    run_until_read(live, lag)
    assert rows(warehouse, BALANCES) == [("m-1", 20), ("m-2", 40), ("m-3", 60)]
    assert rows(warehouse, "SELECT member_id, status, gained FROM corrections ORDER BY ALL") == [
        ("m-1", "applied", 10),
        ("m-3", "applied", 30),
    ]
    assert rows(
        warehouse,
        "SELECT r.outcome, r.event_id FROM repairs AS r JOIN quarantine AS q "
        "USING (position, content_hash)",
    ) == [("decoded", "e2")]

    # What the run archived, with the repaired event and the corrections in it, by the same rules:
    # the corrections find nothing to do, and the accounts are those of the live run.
    anew = over_the_archive(live, tmp_path / "anew", fixed)
    assert rows(anew / "warehouse.duckdb", BALANCES) == rows(warehouse, BALANCES)
    assert rows(anew / "warehouse.duckdb", "SELECT DISTINCT status FROM corrections") == [
        ("right_already",)
    ]
    again = kizuna("correct", live.output, "--from", anew, "--config", fixed)
    assert "nothing to correct" in again
