"""`kizuna explain` on the output of a real run: what happened, and nobody's address."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console
from served_warehouse import writing
from test_sql import needs_quack
from typer.testing import CliRunner, Result

from schemas.settings import Market, Pepper
from scripts.cli import app
from scripts.explain.named import wanted
from scripts.explain.one_chain import one_chain
from scripts.explain.questions import literal

ROOT = Path(__file__).parents[2]
DAY = 24 * 3_600_000
START = 1_488_362_400_000
EMAIL = "Ada.Lovelace@Example.com"
PHONE = "(212) 555-0100"
LINES = [
    {"line_id": "1", "sku": "tea", "category": "DRINKS", "quantity": 2, "amount": 2500},
    {"line_id": "2", "sku": "jam", "category": "SWEETS", "quantity": 1, "amount": 700},
]


def told(event_id: str, type_: str, day: float, payload: Any = None, **identifiers: str) -> Any:
    source = {"sale": "pos", "enrolled": "profile", "consent_changed": "profile"}.get(type_, "web")
    return {
        "event_id": event_id,
        "type": type_,
        "source": source,
        "occurred_at": START + round(day * DAY),
        "market": "us",
        "identifiers": identifiers,
        "payload": payload or {},
    }


def sale(event_id: str, day: float, **identifiers: str) -> Any:
    payload = {"transaction_id": f"t-{event_id}", "currency": "USD", "lines": LINES}
    return told(event_id, "sale", day, payload, **identifiers)


CONSENT = {"channel": "email", "purpose": "marketing", "granted": True}
EVENTS = [
    told("w1", "page_viewed", 0.0, {"name": "home"}, cookie="k1"),
    told("in1", "signed_in", 0.1, cookie="k1", email=EMAIL),
    told("e1", "enrolled", 1, member_id="m1", card="c1", email=EMAIL, phone=PHONE),
    told("c1", "consent_changed", 1.01, CONSENT, member_id="m1"),
    sale("s1", 2, card="c1", payment_token="tok"),
    told("in2", "signed_in", 2.5, cookie="k1", member_id="m2"),
    told("w2", "page_viewed", 2.6, {"name": "offers"}, cookie="k1"),
    told("e2", "enrolled", 3, member_id="m2", phone=PHONE),
    sale("s2", 4, phone=PHONE),
    sale("s3", 5, payment_token="tok"),
]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("explained")
    for source in ("web", "pos", "profile"):
        lines = [json.dumps(one) for one in EVENTS if one["source"] == source]
        (folder / f"{source}.jsonl").write_text("".join(line + "\n" for line in lines))
    command = [sys.executable, "-m", "scripts.cli", "run", "--workers", "1"]
    as_of = str(START + 40 * DAY)
    command += ["--input", str(folder), "--output", str(folder / "out"), "--as-of", as_of]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120, capture_output=True)
    yield folder / "out"


def explain(output: Path, *words: str) -> Result:
    result = CliRunner().invoke(app, ["explain", *words, "--output", str(output)])
    assert EMAIL.lower() not in result.output.lower()
    assert "5550100" not in result.output.replace("-", "").replace(") ", "")
    return result


def as_json(output: Path, *words: str) -> Any:
    result = explain(output, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def first(output: Path, sql: str) -> Any:
    con = duckdb.connect(str(output / "warehouse.duckdb"), read_only=True)
    try:
        found = con.execute(sql).fetchone()
        assert found is not None
        return found[0]
    finally:
        con.close()


def test_an_identifier_by_a_raw_address_leads_to_its_member(output: Path) -> None:
    for asked in (f"email:{EMAIL}", f"  {EMAIL.upper()} "):
        (story,) = as_json(output, "identity", asked)
        assert story["identifier"].startswith("email:v0.")
        assert story["lead"]["says"] == "leads to m1"
        assert [link["owner"] for link in story["links"]] == ["member_id:m1"]
        assert story["links"][0]["event"] == "profile/e1"
        assert {one["event"]: one["member_id"] for one in story["events"]} == {
            "web/in1": "m1",
            "profile/e1": "m1",
        }


def test_the_timeline_of_a_device_and_where_it_led_then(output: Path) -> None:
    (story,) = as_json(output, "identity", "k1")
    assert [one["owner"].split(".")[0] for one in story["links"]] == ["email:v0", "member_id:m2"]
    assert story["links"][0]["until_at"] == story["links"][1]["from_at"]
    assert (story["rung"], story["two_owners"]) == ("device", "last_owner")
    assert story["lead"]["says"] == "leads to m2"
    assert story["shared_by"] == ["m1", "m2"]
    whose = {one["event"]: (one["member_id"], one["reason"]) for one in story["events"]}
    assert whose["web/w1"] == ("m1", "released")
    assert whose["web/w2"] == ("m2", "link")
    (then,) = as_json(output, "identity", "cookie:k1", "--at", "2017-03-02T18:00:00Z")
    assert then["lead"]["says"] == "leads to m1"
    ways = then["lead"]["way"]["ways"]
    assert ways[0]["ways"][0]["identifier"] == "member_id:m1", "rung by rung: email, then member"


def test_a_family_s_phone_leads_to_two_and_its_purchase_is_held(output: Path) -> None:
    (story,) = as_json(output, "identity", f"phone:{PHONE}")
    assert story["lead"]["says"].startswith("leads to 2 members (m1, m2)")
    held = [one for one in story["events"] if one["event"] == "pos/s2"]
    assert [one["reason"] for one in held] == ["held_ambiguous"]
    shown = explain(output, "identity", f"phone:{PHONE}")
    assert shown.exit_code == 0
    assert "nobody guesses" in shown.output
    assert "Shared by 2 members: m1, m2" in shown.output


def test_a_member_s_identifiers_as_a_tree(output: Path) -> None:
    story = as_json(output, "member", "m1")
    below = {way["identifier"].split(":")[0]: way for way in story["identifiers"]["ways"]}
    assert set(below) == {"card", "email", "phone"}
    (token,) = below["card"]["ways"]
    assert (token["identifier"], token["link"]["event"]) == ("payment_token:tok", "pos/s1")
    (cookie,) = below["email"]["ways"]
    assert cookie["link"]["until_at"] is not None, "it is somebody else's since"
    assert story["counts"] == {"card": 1, "email": 1, "phone": 1, "payment_token": 1}
    assert {(one["reason"], one["rung"]) for one in story["found_by"]} >= {("link", "card")}
    shown = explain(output, "member", "member_id:m1").output
    assert "└── payment_token:tok" in shown
    assert "points available" in shown


def test_points_come_from_a_line_of_a_receipt_by_a_rule(output: Path) -> None:
    entry_id = first(
        output, "SELECT entry_id FROM ledger_entries WHERE event_id = 's3' AND line_id = '1'"
    )
    story = as_json(output, "entry", entry_id)
    assert story["entry"]["programme_version"].startswith("grocer@")
    assert (story["line"]["sku"], story["line"]["amount"]) == ("tea", 2500)
    assert story["answers"][-1]["member_id"] == "m1"
    assert story["says"] == "leads to m1"
    assert story["way"]["ways"][0]["identifier"] == "card:c1"
    assert {one["why"] for one in story["around"]} == {"same event", "same lot"}
    shown = explain(output, "entry", entry_id).output
    assert "sku tea" in shown
    assert "activate" in shown


def test_one_chain_is_the_purchase_that_came_by_the_longest_way(output: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    entry_id = one_chain(console, output)
    event = first(output, f"SELECT event_id FROM ledger_entries WHERE entry_id = '{entry_id}'")
    assert event == "s3", "by its payment token, then the card, then the member"
    assert isinstance(console.file, io.StringIO)
    assert "└── member_id:m1" in console.file.getvalue()


def test_a_message_with_its_decision_and_the_event_that_began_it(output: Path) -> None:
    trigger_id = first(
        output,
        "SELECT trigger_id FROM triggers WHERE member_id = 'm1' AND channel = 'email' "
        "AND action = 'send' ORDER BY decided_at LIMIT 1",
    )
    story = as_json(output, "trigger", trigger_id)
    assert story["triggers"][0]["consent"] == "opt_in:profile/c1"
    assert story["decisions"][-1]["outcome"] == "sent"
    assert story["decisions"][-1]["inputs"]["consent"] == "opt_in:profile/c1"
    assert story["began"]["event_id"] in {"e1", "s1"}
    assert story["journey"]["journey"] == story["triggers"][0]["journey"]
    assert story["began"]["event_id"] in explain(output, "trigger", trigger_id).output


@pytest.mark.parametrize(
    "words",
    [
        ("identity", "card:' OR 1=1 --"),
        ("identity", "somebody@else.example"),
        ("identity", "email:not an address"),
        ("member", "m' OR 'a'='a"),
        ("entry", "'; DROP TABLE lots; --"),
        ("trigger", "none"),
    ],
)
def test_what_is_not_there_is_said_with_exit_code_1(output: Path, words: tuple[str, str]) -> None:
    result = explain(output, *words)
    assert result.exit_code == 1
    assert "somebody@else" not in result.output
    assert " no " in result.output


def test_a_folder_without_a_warehouse_is_wrong_usage(tmp_path: Path) -> None:
    assert explain(tmp_path, "member", "m1").exit_code == 2


def test_input_that_is_gone_is_said_and_the_rest_is_told(output: Path, tmp_path: Path) -> None:
    entry_id = first(
        output, "SELECT entry_id FROM ledger_entries WHERE event_id = 's1' AND line_id = '2'"
    )
    away = output.parent / "pos.jsonl"
    away.rename(tmp_path / "pos.jsonl")
    try:
        story = as_json(output, "entry", entry_id)
    finally:
        (tmp_path / "pos.jsonl").rename(away)
    assert (story["line"], story["unread"]) == (None, "1 of 3 files that were read are gone")
    assert story["answers"][0]["member_id"] == "m1"


@needs_quack
def test_beside_a_run_that_writes_its_own_process_answers(tmp_path: Path) -> None:
    with writing(tmp_path):
        entry = CliRunner().invoke(app, ["explain", "entry", "1-7", "--output", str(tmp_path)])
        nobody = CliRunner().invoke(app, ["explain", "member", "nobody", "--output", str(tmp_path)])
    assert entry.exit_code == 0, entry.output
    assert "1 points issued → available of m-7" in entry.output
    assert "pos/e-1-7" in entry.output
    assert nobody.exit_code == 1
    assert "no member that" in nobody.output


def test_values_stay_values() -> None:
    assert literal("a' OR '1'='1") == "'a'' OR ''1''=''1'"
    assert literal([("a'", "b")]) == "(('a''', 'b'))"
    assert literal([]) == "(NULL)"


def test_a_phone_number_is_looked_for_under_every_key_and_region() -> None:
    peppers = (Pepper(version="v2", key=b"two" * 6), Pepper(version="v1", key=b"one" * 6))
    markets = {
        name: Market(currency="USD", time_zone="UTC", region=region, programme="p")
        for name, region in (("us", "US"), ("uk", "GB"))
    }
    found = wanted("phone:(212) 555-0100", peppers, markets)
    assert [value.partition(".")[0] for value in found.values] == ["v2", "v1"]
    assert "555" not in found.said
    assert wanted("card:4000", peppers, markets).values == ("4000",)
