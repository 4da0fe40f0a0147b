"""`kizuna quote` on the output of a real run: what it says is what the next run posts, and what
`kizuna explain member` finds in the warehouse."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from pipelines.processes import RunRefused
from scripts.cli import app
from scripts.quote import asked, read_lines, read_tenders

ROOT = Path(__file__).parents[2]
DAY = 24 * 3_600_000
START = 1_488_362_400_000  # 1 March 2017, 10:00 UTC
PROGRAMME = """
programme: grocer
markets: [us]
currency: USD
time_zone: America/New_York
versions:
  - version: 1
    effective_from: 2016-01-01T00:00:00-05:00
    earn:
      - {rule: base, rate: 1}
      - rule: bonus
        name: by_card
        points: 3
        when: {tenders: [card]}
        cap: {times: 1, per: month}
    pending_days: 3
    expiry: {mode: fixed, months: 6, round_up: month}
    tiers:
      levels: [{tier: basic, from: 0}, {tier: silver, from: 50, benefits: [fast_lane]}]
    rewards: [{reward: five_off, points: 30, value: 500}]
    offers:
      - {offer: tenth, discount: {percent: 10, categories: [DRINKS]}}
    challenges:
      - {challenge: three_visits, counts: visits, target: 3, prize: {points: 20, access: club}}
    plans: [{plan: plus, months: 1, entitlements: [{entitlement: delivery, limit: 2, per: month}]}]
"""
LINES = [
    {"sku": "tea", "category": "DRINKS", "quantity": 2, "amount": 1050},
    {"sku": "jam", "category": "SWEETS", "amount": 799},
]
CARD = [{"method": "card", "amount": 1849}]


def told(event_id: str, type_: str, source: str, day: float, payload: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "type": type_,
        "source": source,
        "occurred_at": START + round(day * DAY),
        "market": "us",
        "identifiers": {"member_id": "m1"},
        "payload": payload,
    }


def sale(name: str, day: float, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    numbered = [{"line_id": str(number)} | line for number, line in enumerate(lines, 1)]
    payload = {"transaction_id": name, "currency": "USD", "lines": numbered} | more
    return told(f"s-{name}", "sale", "pos", day, payload)


EVENTS = [
    told("e1", "enrolled", "profile", 0, {"birthday": "05-05"}),
    sale("first", 1, [{"sku": "pan", "category": "HOME", "amount": 2100}]),
    told("o1", "grant_offer", "command", 2, {"offer_id": "tenth", "reason": "welcome"}),
    told("m1", "membership_started", "profile", 3, {"plan": "plus"}),
    told("b1", "benefit_used", "partner", 4, {"benefit": "delivery", "reference": "d-1"}),
    sale("second", 5, [{"sku": "pot", "category": "HOME", "amount": 1500}]),
]


def run(folder: Path, as_of: float) -> None:
    command = [sys.executable, "-m", "scripts.cli", "run", "--workers", "1"]
    command += ["--input", str(folder / "events"), "--output", str(folder / "out")]
    command += ["--config", str(folder / "config"), "--as-of", str(START + round(as_of * DAY))]
    done = subprocess.run(
        command, check=False, cwd=ROOT, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def write(folder: Path, name: str, events: list[dict[str, Any]]) -> None:
    (folder / "events").mkdir(exist_ok=True)
    text = "".join(json.dumps(one) + "\n" for one in events)
    (folder / "events" / name).write_text(text)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended, in `out`."""
    folder = tmp_path_factory.mktemp("quoted")
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("*.py"))
    (folder / "config" / "programmes" / "grocer.yaml").write_text(PROGRAMME)
    write(folder, "days.jsonl", EVENTS)
    run(folder, as_of=6)
    return folder


def ask(shop: Path, *options: str, lines: str | None = None, member: str = "m1") -> Result:
    arguments = ["quote", str(shop / "out"), "--member", member, "--lines", "-", *options]
    arguments += ["--config", str(shop / "config")]
    text = json.dumps(LINES) if lines is None else lines
    return CliRunner().invoke(app, arguments, input=text, env={"COLUMNS": "100"})


def test_it_says_what_the_next_run_posts(shop: Path, tmp_path: Path) -> None:
    at = "2017-03-08T10:00:00Z"
    answer = ask(shop, "--at", at, "--tender", "card=1849", "--json")
    assert answer.exit_code == 0, answer.output
    quote = json.loads(answer.stdout)
    assert {one["name"]: one["points"] for one in quote["earned"]} == {"base": 18, "by_card": 3}
    assert quote["prizes"] == [{"name": "three_visits", "points": 20}]
    assert quote["access_won"] == ["club"]
    (saving,) = quote["savings"]
    assert (saving["offer_id"], saving["saves"], saving["lines"]) == ("tenth", 105, {"1": 105})
    assert saving["points"] == 17 + 3 + 20

    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    write(tmp_path, "later.jsonl", [sale("third", 7, LINES, tenders=CARD)])
    command = "SELECT rule, sum(points) FROM ledger_entries WHERE event_id = 's-third' GROUP BY 1"
    run(tmp_path, as_of=7.01)
    con = duckdb.connect(str(tmp_path / "out" / "warehouse.duckdb"), read_only=True)
    posted = dict(con.execute(command).fetchall())
    member = con.execute("SELECT available, pending, qualifying, tier FROM members").fetchall()
    con.close()
    assert posted == {"base": 18, "by_card": 3, "three_visits": 20}
    after = quote["after"]
    told_after = tuple(after[name] for name in ("available", "pending", "qualifying", "tier"))
    assert member == [told_after]


def test_people_can_read_it(shop: Path) -> None:
    answer = ask(shop, "--tender", "card=1849", "--offer", "tenth", "--offer", "half")
    assert answer.exit_code == 0, answer.output
    for words in (
        "quote for member m1  18.49 USD at 2017-03-07 10:00 UTC, grocer@1",
        "It earns 41 points, to spend from 2017-03-10 10:00.",
        "three_visits (prize)",
        "uses     tenth",
        "not open  half",
        "14 to silver",
        "2 of 3 visits",
        "3 of 3 visits, met",
    ):
        assert " ".join(words.split()) in " ".join(answer.output.split()), answer.output


def test_explain_tells_what_the_member_has(shop: Path) -> None:
    """The same account, from the warehouse."""
    arguments = ["explain", "member", "m1", "--output", str(shop / "out")]
    answer = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
    assert answer.exit_code == 0, answer.output
    read = " ".join(answer.output.split())
    for words in (
        "Points by expiry",
        "2017-10-01 04:00 36 15 2",
        "tenth open welcome",
        "three_visits 2 of 3",
        "membership plus, active",
        "paid until 2017-04-05 04:00",
        "delivery 1 1 2017-03-05 10:00",
    ):
        assert words in read, answer.output
    story = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    quote = json.loads(ask(shop, "--json").stdout)
    lots, before = story["holdings"]["lots"], quote["before"]
    assert sum(one["points"] for one in lots) == before["available"] + before["pending"]
    assert sum(one["pending"] for one in lots) == before["pending"]
    assert [one["offer_id"] for one in story["holdings"]["offers"]] == [
        one["offer_id"] for one in before["view"]["offers"]
    ]
    told = before["view"]["challenges"][0]
    assert story["holdings"]["challenges"][0]["progress"] == told["progress"]


def test_it_can_be_asked_again_and_changes_nothing(shop: Path) -> None:
    store = shop / "out" / "recovery"
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    answers = [ask(shop, "--json").stdout for _ in range(2)]
    assert answers[0] == answers[1]
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


def test_it_can_be_asked_while_a_run_holds_the_store(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop, tmp_path, dirs_exist_ok=True)
    plain = ask(tmp_path, "--json").stdout
    writing = [sqlite3.connect(path) for path in (tmp_path / "out" / "recovery").glob("*.sqlite3")]
    try:
        for one in writing:
            one.execute("BEGIN IMMEDIATE")
            one.execute("DELETE FROM snaps")
        assert ask(tmp_path, "--json").stdout == plain, "what isn't committed isn't saved"
    finally:
        for one in writing:
            one.rollback()
            one.close()


@pytest.mark.parametrize(
    ("options", "lines", "member", "code", "words"),
    [
        ((), None, "m9", 1, "m9: must be a member who has an account"),
        (("--at", "2017-03-05T00:00:00Z"), None, "m1", 2, "must be later than what is known of m1"),
        (("--source", "shop"), None, "m1", 2, "--source: must be one of pos, web"),
        (("--type", "return"), None, "m1", 2, "--type: must be one of sale"),
        (("--fulfilment", "ship"), None, "m1", 2, "--fulfilment: must be of an order"),
        (("--tender", "card"), None, "m1", 2, "--tender: must be a method and minor units"),
        (("--type", "order_placed", "--tender", "card=1"), None, "m1", 2, "--tender: must be of"),
        ((), '{"sku": "x"}', "m1", 2, "missing required field `amount`"),
        ((), "[]", "m1", 2, "must hold at least one line"),
    ],
)
def test_what_cant_be_answered_says_why(
    shop: Path,
    options: tuple[str, ...],
    lines: str | None,
    member: str,
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = ask(shop, *options, lines=lines, member=member)
    if isinstance(answer.exception, RunRefused):
        assert code == 2  # as scripts.cli.main turns it into a message and an exit code
        assert words in str(answer.exception)
    else:
        assert answer.exit_code == code, answer.output
        assert words in answer.output


def test_a_folder_that_is_no_output(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.cli", "quote", str(tmp_path), "--member", "m1"]
    done = subprocess.run(
        [*command, "--lines", "-"],
        check=False,
        cwd=ROOT,
        input=b'[{"amount": 1}]',
        timeout=60,
        capture_output=True,
    )
    assert done.returncode == 2
    assert b"must be the output folder of kizuna run" in done.stderr


def test_lines_are_a_list_or_one_a_line() -> None:
    one_a_line = "\n".join(json.dumps(line) for line in LINES).encode()
    read = read_lines(one_a_line, "-")
    assert read == read_lines(json.dumps(LINES).encode(), "-")
    assert [line.line_id for line in read] == ["1", "2"]
    assert asked(read, tenders=read_tenders(["card=5"])).tenders[0].amount == 5
