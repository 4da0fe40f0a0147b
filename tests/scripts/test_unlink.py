"""A wrong link is found as people type it, shown with what came through it, and revoked once."""

import json
from pathlib import Path
from typing import Any

import pytest
from loop_shop import AT, DAY, config_folder, kizuna, play, rows, sale, write

from pipelines.processes import RunRefused
from scripts.sql import ask
from sinks.duckdb.serve import Serve
from sinks.duckdb.sink import WarehousePartition
from sinks.duckdb.writer import position_of

PHONE, TYPED = "+12125550100", "(212) 555-0100"
EMAIL = "ana.person@example.org"
WHY = ["--reason", "typed wrong at the till", "--actor", "ada"]


def by(number: int, day: float, amount: int, **identifiers: str) -> dict[str, Any]:
    return sale(number, "", day, amount, identifiers=identifiers)


STORY = [
    by(1, 1, 1000, member_id="m-1", card="c-1"),
    by(2, 1.1, 2000, member_id="m-2", card="c-2"),
    # A cashier types the phone of m-2 on a receipt of m-1.
    by(3, 2, 500, card="c-1", phone=PHONE),
    by(4, 3, 4000, phone=TYPED),
    by(5, 4, 700, card="c-2", email=EMAIL),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unlink")
    config_folder(folder / "config", france=True)
    write(folder / "events" / "pos.jsonl", STORY)
    play(folder / "events", folder / "out", folder / "config")
    return folder


def earned(output: Path) -> dict[str, int]:
    return dict(rows(output, "SELECT member_id, available + pending FROM members ORDER BY ALL"))


def unlink(shop: Path, identifier: str, owner: str, *more: object) -> Any:
    given = ["--identifier", identifier, "--owner", owner, "--config", shop / "config", *more]
    return kizuna("unlink", shop / "out", *WHY, *given)


@pytest.mark.parametrize(
    ("identifier", "owner", "more", "told"),
    [
        ("fone:1", "card:c-1", [], r"--identifier: must be NAMESPACE:VALUE, its namespace one of"),
        ("phone:12", "card:c-1", [], r"--identifier: must be a phone .* market's, us: --market"),
        ("email:at home", "card:c-1", [], r"--identifier: must be an email .* got 'at home'"),
        (f"phone:{PHONE}", "c-1", [], r"--owner: must be NAMESPACE:VALUE"),
        (f"phone:{TYPED}", "card:c-1", ["--market", "fr"], r"phone that identifies .*, fr:"),
        ("card:c-1", "card:c-1", ["--market", "mars"], r"--market: must be one of us, .*fr; got"),
        ("member_id:m-1", "member_id:m-2", [], r"linked to a member; got member_id:m-1; accounts"),
        ("card:c-9", "member_id:m-1", [], r"--identifier: must be linked to somebody; card:c-9"),
        (
            f"phone:{PHONE}",
            "card:c-2",
            [],
            r"--owner: must be an owner of phone:v0\.\w+; got card:c-2, where its links are: "
            r"card:c-1 from 2017-03-03 10:00, by sale pos/e3$",
        ),
    ],
)
def test_what_cannot_be_revoked_is_said(
    shop: Path, identifier: str, owner: str, more: list[str], told: str
) -> None:
    done = unlink(shop, identifier, owner, *more)
    with pytest.raises(RunRefused, match=told):
        raise done.exception
    assert not (shop / "out" / "commands").exists()


def test_it_asks_whoever_writes_the_warehouse(shop: Path) -> None:
    warehouse = shop / "out" / "warehouse.duckdb"
    how = Serve(journal=shop / "out" / "journal", port=0)
    part = WarehousePartition(warehouse, position_of(warehouse), serve=how)
    try:
        part.write_batch([])
        part.snapshot()
        assert ask(shop / "out", "SELECT 1", limit=1, seconds=30.0).live
        done = unlink(shop, f"phone:{TYPED}", "card:c-1", "--dry-run")
    finally:
        part.close()
    assert done.exit_code == 0, done.exception
    assert "At most 1 purchase" in done.output and "with 40 points" in done.output


def test_a_wrong_link_is_revoked_once(shop: Path) -> None:
    out = shop / "out"
    assert earned(out) == {"m-1": 55, "m-2": 27}
    dry = unlink(shop, f"phone:{TYPED}", "card:c-1", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "→ card:c-1 from 2017-03-03 10:00, by sale pos/e3" in dry.output
    assert "leads to m-1. At most 1 purchase of the last 17 days" in dry.output
    assert "with 40 points" in dry.output
    assert not (out / "commands").exists()
    done = unlink(shop, f"phone:{TYPED}", "card:c-1")
    assert done.exit_code == 0 and "unlink-" in done.output, done.output
    again = unlink(shop, f"phone:{PHONE}", "card:c-1")
    assert "Ordered before" in again.output
    (file,) = (out / "commands").iterdir()
    (event,) = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert event["occurred_at"] == event["received_at"] == AT + 4 * DAY + 1
    assert event["payload"] == {
        "owner": "card:c-1",
        "reason": "typed wrong at the till",
        "actor": "ada",
    }
    assert PHONE[2:] not in file.read_text()
    play(shop / "events", out, shop / "config")
    # What the phone alone had claimed is nobody's again; the receipt with the card stays.
    assert earned(out) == {"m-1": 15, "m-2": 27}
    assert play(shop / "events", out, shop / "config").generations == 0
    done = unlink(shop, f"phone:{PHONE}", "card:c-1")
    with pytest.raises(RunRefused, match="must be linked to somebody"):
        raise done.exception
    # The next sign of the right owner links it, and claims what is recent.
    write(shop / "more" / "pos-2.jsonl", [by(6, 5, 100, card="c-2", phone=TYPED)])
    play([shop / "events", shop / "more"], out, shop / "config")
    assert earned(out) == {"m-1": 15, "m-2": 68}


def test_a_raw_owner_is_a_pseudonym_too(shop: Path) -> None:
    """The email is nobody's owner; it is looked up under its pseudonym all the same."""
    done = unlink(shop, "card:c-2", f"email:{EMAIL}", "--dry-run")
    with pytest.raises(RunRefused, match=r"got email:v0\.\w+, where its links are: member_id:m-2"):
        raise done.exception
