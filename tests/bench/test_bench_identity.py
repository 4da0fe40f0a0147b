"""`kizuna bench identity` counts what each stitcher did wrong, as counted here by hand."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from scripts import cli
from scripts.bench.batch_stitchers import STITCHERS, Guards
from scripts.bench.identity import OURS, Asked, bench_identity, small_city, truth_beside
from scripts.bench.identity_table import share
from scripts.run import DEFAULT_CONFIG
from scripts.traffic.truth import SCHEMAS

START = 1_483_254_000_000
MINUTE = 60_000
LINES = [{"line_id": "1", "sku": "s", "quantity": 1, "amount": 2340}]


def sent(number, type_, identifiers, person, *, decidable=True, why="own_id", payload=None):
    source = {"sale": "pos", "enrolled": "profile"}.get(type_, "web")
    at = START + number * MINUTE
    record = {
        "event_id": f"e{number}",
        "type": type_,
        "source": source,
        "occurred_at": at,
        "received_at": at,
        "market": "us",
        "identifiers": identifiers,
        "payload": payload or ({"name": "home"} if type_ == "page_viewed" else {}),
    }
    truth = {
        "source": source,
        "event_id": f"e{number}",
        "type": type_,
        "occurred_at": at,
        "received_at": at,
        "person": person,
        "decidable": decidable,
        "why": why,
        "attributable_by": at,
        "duplicate_of": None,
        "simulated": True,
    }
    return record, truth


def sale(number, identifiers, person, **more):
    payload = {"transaction_id": f"t{number}", "currency": "USD", "lines": LINES}
    return sent(number, "sale", identifiers, person, payload=payload, **more)


@pytest.fixture
def borrowed(tmp_path: Path) -> Path:
    """Ada and Bob have a card each; one tablet knows both. A stranger browses on it, and somebody
    pays with a card that says nothing."""
    told = [
        sent(1, "enrolled", {"member_id": "ada", "card": "k1"}, "ada"),
        sent(2, "enrolled", {"member_id": "bob", "card": "k2"}, "bob"),
        sent(3, "signed_in", {"member_id": "ada", "cookie": "tablet"}, "ada"),
        sent(4, "signed_out", {"cookie": "tablet"}, "ada", why="linked_before"),
        sent(5, "signed_in", {"member_id": "bob", "cookie": "tablet"}, "bob"),
        sent(6, "signed_out", {"cookie": "tablet"}, "bob", why="linked_before"),
        sent(7, "signed_in", {"member_id": "ada"}, "ada"),
        sale(8, {"card": "k1"}, "ada", why="linked_before"),
        sale(9, {"card": "k2"}, "bob", why="linked_before"),
        sent(10, "page_viewed", {"cookie": "tablet"}, "ada", decidable=False, why="shared_device"),
        sale(11, {"payment_token": "x"}, None, why="nobody"),
    ]
    events = tmp_path / "city" / "events"
    events.mkdir(parents=True)
    lines = [json.dumps(record) for record, _ in told]
    (events / "all.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "city" / "truth").mkdir()
    rows = [truth for _, truth in told]
    names = {name: [row.get(name) for row in rows] for name in SCHEMAS["events"].names}
    pq.write_table(
        pa.table(names, schema=SCHEMAS["events"]), tmp_path / "city" / "truth" / "events.parquet"
    )
    return events


def by_stitcher(events: Path, guards: Guards | None = None):
    asked = Asked([events], truth_beside([events]), DEFAULT_CONFIG, guards=guards or Guards())
    compared = bench_identity(asked)
    return compared, {one["stitcher"]: one for one in compared.measures}


def test_a_borrowed_tablet_merges_two_people_in_components_and_nobody_here(borrowed: Path) -> None:
    compared, found = by_stitcher(borrowed)
    assert (compared.events, compared.people) == (11, 2)
    assert (compared.decidable, compared.undecidable) == (10, 1)
    ours, plain, last = found[OURS], found["components"], found["last login"]
    assert (ours["people_merged"], ours["largest"], ours["wrong_events"]) == (0, 1, 0)
    assert (ours["wrong_purchases"], ours["precision_share"], ours["recall_share"]) == (0, 1, 1)
    # Ada is named on three events and Bob on two, so all of Bob's, and his purchase, become hers.
    assert (plain["people_merged"], plain["largest"]) == (2, 2)
    assert (plain["wrong_events"], plain["wrong_purchases"], plain["wrong_money"]) == (4, 1, 2340)
    assert plain["precision_share"] == pytest.approx(5 / 9)
    assert plain["recall_share"] == pytest.approx(5 / 9)
    assert (plain["undecidable_right"], plain["undecidable_wrong"]) == (1, 0)
    # The tablet is Bob's for good: Ada's sign-out there is his, and so is what she browsed.
    assert (last["people_merged"], last["wrong_events"], last["wrong_purchases"]) == (0, 1, 0)
    assert (last["undecidable_right"], last["undecidable_wrong"]) == (0, 1)


def test_cases_and_classes_add_up_to_all(borrowed: Path) -> None:
    compared, found = by_stitcher(borrowed)
    for parts in (compared.cases, compared.classes):
        for name, whole in found.items():
            own = [one for one in parts if one["stitcher"] == name]
            for figure in ("wrong_events", "decidable", "undecidable", "undecidable_wrong"):
                assert sum(one[figure] for one in own) == whole[figure], (name, figure)
    assert {one["part"] for one in compared.cases} == {
        "own_id",
        "linked_before",
        "shared_device",
        "nobody",
    }


def test_in_a_generated_city_only_components_merge_people(tmp_path: Path) -> None:
    events = small_city(tmp_path / "city", members=150, days=15)
    compared, found = by_stitcher(events[0])
    assert set(found) == {OURS, *STITCHERS}
    assert compared.holds
    assert found[OURS]["people_merged"] == found[OURS]["wrong_events"] == 0
    assert found[OURS]["recall_share"] > 0.99
    assert found["components"]["people_merged"] >= 10
    assert found["components"]["wrong_purchases"] > 0


def test_the_answers_of_a_run_are_compared_too_and_the_page_says_the_same(
    borrowed: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "out", tmp_path / "compared.md"
    done = CliRunner().invoke(cli.app, ["run", "--input", str(borrowed), "--output", str(out)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(
        cli.app, ["bench", "identity", "--output", str(out), "--markdown", str(page)]
    )
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "| people merged | 0 | 2 | 2 | 0 |" in text
    assert "| what these were worth | 0.00 USD | 23.40 USD | 23.40 USD | 0.00 USD |" in text
    assert "11 events with " in text
    assert "people merged" in done.output


def test_what_is_not_all_is_never_said_to_be() -> None:
    assert [share(one) for one in (1.0, 0.99999, 0.98765, 0.0, None)] == [
        "100 %",
        "99.99 %",
        "98.76 %",
        "0.00 %",
        "–",
    ]
