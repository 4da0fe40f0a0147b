"""A rule, a reward, a challenge: each is an edit of one file, done here as the docs show it."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from scripts import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "programmes.md").read_text("utf-8")


def section(title: str) -> str:
    """What stands on the page under a heading."""
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(title: str) -> Iterator[dict[str, Any]]:
    for text in re.findall(r"^```yaml\n(.*?)^```", section(title), re.DOTALL | re.MULTILINE):
        yield yaml.safe_load(text)


def typed(*words: str) -> tuple[int, str]:
    """What `kizuna` answers."""
    result = CliRunner().invoke(cli.app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        code = cli.exit_code(result.exception)
        assert code is not None, result.exception
        return code, str(result.exception)
    return result.exit_code, result.output


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of the configuration, as the page says."""
    return copytree(ROOT / "config", tmp_path / "my-config", ignore=lambda *_: ["__pycache__"])


def edit(mine: Path, *added: dict[str, Any]) -> None:
    """Copy the newest version under it, give it the page's date, add what the blocks say."""
    file = mine / "programmes" / "grocer.yaml"
    whole = yaml.safe_load(file.read_text("utf-8"))
    newest = copy.deepcopy(whole["versions"][-1])
    number, since = re.search(
        r"- version: (\d+)\n +effective_from: (2025\S+)", section("Change a rule")
    ).groups()  # type: ignore[union-attr]
    newest |= {"version": int(number), "effective_from": since}
    for block in added:
        whole["tests"] += block.pop("tests", [])
        for key, things in block.items():
            newest[key] = newest.get(key, []) + things
    whole["versions"].append(newest)
    file.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")


def sale(name: str, at: str, *lines: tuple[int, str]) -> dict[str, Any]:
    bought = [
        {"line_id": str(nth), "sku": "x", "category": category, "amount": amount}
        for nth, (amount, category) in enumerate(lines)
    ]
    payload = {"transaction_id": name, "currency": "USD", "lines": bought}
    return happened(name, "sale", "pos", at, payload)


def happened(name: str, type_: str, source: str, at: str, payload: Any) -> dict[str, Any]:
    return {
        "event_id": name,
        "type": type_,
        "source": source,
        "occurred_at": at,
        "market": "us",
        "identifiers": {"member_id": "ada"},
        "payload": payload,
    }


HISTORY = [
    sale("before", "2025-03-01T10:00:00-05:00", (620, "COFFEE")),
    sale("weekend", "2025-03-08T10:00:00-05:00", (620, "COFFEE"), (500, "TEA")),
    sale("monday", "2025-03-10T10:00:00-04:00", (620, "COFFEE")),
    sale("spring", "2025-03-21T10:00:00-04:00", (3000, "TEA")),
    happened(
        "wish",
        "redeem",
        "command",
        "2025-03-26T10:00:00-04:00",
        {"redemption_id": "mug-1", "reward_id": "coffee_mug", "hold": False},
    ),
]


def test_what_the_page_adds_is_added(mine: Path, tmp_path: Path) -> None:
    added = [*blocks("Add a rule"), *blocks("Add a reward"), *blocks("Add a challenge")]
    assert len(added) == 4
    edit(mine, *added)
    code, said = typed("config", "check", "--config", str(mine))
    assert code == 0, said
    assert (
        "grocer (us), version 2 since 2025-03-05: 4 rules, 3 tiers, 4 rewards, 1 challenge" in said
    )
    events = tmp_path / "events.jsonl"
    events.write_text("".join(f"{json.dumps(one)}\n" for one in HISTORY), "utf-8")
    out = tmp_path / "out"
    code, said = typed("run", "--input", str(events), "--output", str(out), "--config", str(mine))
    assert code == 0, said
    with duckdb.connect(str(out / "warehouse.duckdb"), read_only=True) as warehouse:
        rules = warehouse.sql(
            "SELECT event_id, rule, sum(points)::int, any_value(programme_version) "
            "FROM ledger_entries WHERE debit = 'issued' GROUP BY ALL"
        ).fetchall()
        assert {(event, rule): (points, version) for event, rule, points, version in rules} == {
            ("before", "base"): (6, "grocer@1"),
            ("weekend", "base"): (11, "grocer@2"),
            ("weekend", "weekend_coffee"): (25, "grocer@2"),
            ("monday", "base"): (6, "grocer@2"),
            ("spring", "base"): (30, "grocer@2"),
            ("spring", "spring_triple"): (60, "grocer@2"),
            ("spring", "three_visits"): (50, "grocer@2"),
        }
        wishes = "SELECT reward_id, points, status, code FROM redemptions"
        assert warehouse.sql(wishes).fetchall() == [("coffee_mug", 30, "captured", "ok")]
        (met,) = warehouse.sql("SELECT challenge, target, met FROM challenges").fetchall() or [()]
        assert met == ("three_visits", 3, 1)


def test_examples_that_no_longer_hold_stop_a_run_before_it_begins(
    mine: Path, tmp_path: Path
) -> None:
    """The page's first change, without the examples put right, and then with them."""
    edit(mine)
    file = mine / "programmes" / "grocer.yaml"
    whole = yaml.safe_load(file.read_text("utf-8"))
    (change,) = (
        text
        for text in re.findall(
            r"^```yaml\n(.*?)^```", section("Change a rule"), re.DOTALL | re.MULTILINE
        )
        if "…" in text
    )
    rules = re.findall(r"- (\{rule: .*\})", change)
    whole["versions"][-1]["earn"] = [yaml.safe_load(rule) for rule in rules]
    file.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")
    promised = re.search(r"\$\.tests\[0\]\.earns: says .*", section("Change a rule"))
    assert promised is not None
    events = tmp_path / "events.jsonl"
    events.write_text("")
    run = ["run", "--input", str(events), "--output", str(tmp_path / "out")]
    for words in (["config", "check"], run):
        code, said = typed(*words, "--config", str(mine))
        assert code == 2 and promised[0] in said, said
    assert not (tmp_path / "out" / "warehouse.duckdb").exists()
    whole["tests"] = [one for block in blocks("The examples in the file") for one in block["tests"]]
    file.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")
    assert typed("config", "check", "--config", str(mine))[0] == 0
