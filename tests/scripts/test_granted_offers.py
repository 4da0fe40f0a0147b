"""A journey grants an offer, over files: ordered, read again, granted, used."""

import json
from pathlib import Path

import pytest
import yaml
from loop_shop import AT, DAY, config_folder, play, rows, sale, write

JOURNEY = """
journey: second_visit
version: 1
purpose: marketing
priority: 10
entry: {event: sale}
steps:
  - step: give
    grant: {offer: stars, valid_hours: 2400}
"""
OFFERS = (
    "SELECT member_id, offer_id, status, code, reason, closed_by, "
    "epoch_ms(expires_at)::BIGINT FROM offers ORDER BY ALL"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("granted")
    config = config_folder(folder / "config", pending_days=0)
    (config / "journeys" / "second_visit.yaml").write_text(JOURNEY)
    path = config / "programmes" / "grocer.yaml"
    programme = yaml.safe_load(path.read_text())
    (terms,) = programme["versions"]
    terms["offers"] = [{"offer": "stars", "group": "welcome", "valid_days": 30}]
    terms["earn"].append(
        {"rule": "bonus", "name": "stars", "points": 25, "when": {"offers": ["stars"]}}
    )
    path.write_text(yaml.safe_dump(programme))
    write(folder / "events" / "first.jsonl", [sale(1, "m-1", 0, 1000), sale(2, "m-2", 1, 1000)])
    play(folder / "events", folder / "out", config)
    return folder


def test_what_a_step_orders_comes_back_and_is_granted(shop: Path) -> None:
    (file,) = (shop / "out" / "commands").iterdir()
    given = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [(one["type"], one["identifiers"]) for one in given] == [
        ("grant_offer", {"member_id": "m-1"}),
        ("grant_offer", {"member_id": "m-2"}),
    ]
    assert rows(shop / "out", OFFERS) == [
        ("m-1", "stars", "open", "ok", "second_visit/give", None, AT + 100 * DAY),
        ("m-2", "stars", "open", "ok", "second_visit/give", None, AT + 101 * DAY),
    ]
    because = "SELECT type, because_of FROM loop_commands ORDER BY ALL"
    assert rows(shop / "out", because) == [("grant_offer", "pos/e1"), ("grant_offer", "pos/e2")]


def test_it_is_used_once_and_closed(shop: Path) -> None:
    """A purchase that names it earns the bonus; the next one doesn't, nor is it granted anew."""
    used = sale(3, "m-1", 2, 1000)
    used["payload"]["offers"] = ["stars"]
    again = sale(4, "m-1", 3, 1000)
    again["payload"]["offers"] = ["stars"]
    write(shop / "events" / "second.jsonl", [used, again])
    play(shop / "events", shop / "out", shop / "config")
    assert len(list((shop / "out" / "commands").iterdir())) == 1
    assert rows(shop / "out", OFFERS)[0][1:6] == (
        "stars",
        "used",
        "ok",
        "second_visit/give",
        "pos/e3",
    )
    earned = (
        "SELECT event_id, rule, points FROM ledger_entries WHERE member_id = 'm-1' ORDER BY ALL"
    )
    assert rows(shop / "out", earned) == [
        ("e1", "base", 10),
        ("e3", "base", 10),
        ("e3", "stars", 25),
        ("e4", "base", 10),
    ]
