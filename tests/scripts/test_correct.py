"""An output is put right by its rebuild: once, and only where something is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from loop_shop import AT, DAY, command, config_folder, kizuna, play, rows, sale, write

from pipelines.processes import RunRefused, exclusive
from schemas.payloads import CorrectedLot
from scripts.correct import must_stand_at
from scripts.correct_compare import ACCOUNTS, Books, Ledgers, Pair

AS_OF = AT + 30 * DAY
EVENTS = [
    sale(1, "m-1", 1, 10_000),
    sale(2, "m-2", 1.5, 5_000),
    sale(3, "m-1", 20, 3_000),
    sale(4, "m-3", 28.5, 90_000),
]
SPENT = [
    command("c1", "redeem", "m-1", 10, redemption_id="d1", points=150),
    command("c2", "redeem", "m-2", 11, redemption_id="d2", points=20, hold=True),
    command("c3", "capture", "m-2", 11.001, redemption_id="d2"),
]
BALANCES = "SELECT member_id, available, pending, held, qualifying, tier FROM members ORDER BY ALL"
SUMS = (
    "SELECT member_id, account, sum(points) FROM ("
    "SELECT member_id, credit AS account, points FROM ledger_entries UNION ALL "
    "SELECT member_id, debit, -points FROM ledger_entries) GROUP BY ALL HAVING sum(points) <> 0 "
    "ORDER BY ALL"
)
LOTS = "SELECT lot_id, member_id, expires_at, remaining FROM lots WHERE remaining > 0 ORDER BY ALL"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`out` gave half the points; `right` is what it should be, `later` what comes afterwards."""
    folder = tmp_path_factory.mktemp("shop")
    config_folder(folder / "wrong", rate=1)
    config_folder(folder / "fixed", rate=2)
    write(folder / "events" / "pos.jsonl", EVENTS)
    write(folder / "events" / "commands.jsonl", SPENT)
    play(folder / "events", folder / "out", folder / "wrong", AS_OF)
    play(folder / "events", folder / "right", folder / "fixed", AS_OF)
    return folder


def test_an_output_is_put_right_once(shop: Path) -> None:
    out, right, fixed = shop / "out", shop / "right", shop / "fixed"
    dry = kizuna("correct", out, "--from", right, "--config", fixed, "--dry-run")
    assert dry.exit_code == 1, dry.output
    assert "3 of 3 members must be corrected" in dry.output
    assert not (out / "commands").exists()
    done = kizuna(
        "correct",
        out,
        "--from",
        right,
        "--config",
        fixed,
        "--reason",
        "half rate",
        "--actor",
        "ada",
    )
    assert done.exit_code == 0 and "3 corrections" in done.output
    again = kizuna("correct", out, "--from", right, "--config", fixed, "--reason", "once more")
    assert "Ordered before, for the next run to post: 3 corrections" in again.output
    (file,) = (out / "commands").iterdir()
    assert len(file.read_bytes().splitlines()) == 3

    # The next run posts them before it reads what is new.
    write(shop / "events" / "later.jsonl", [sale(5, "m-1", 31, 1_000)])
    summary = play(shop / "events", out, fixed, AT + 31 * DAY)
    assert summary.files == [file.name, "later.jsonl"]
    assert rows(out, "SELECT DISTINCT status, reason, actor FROM corrections") == [
        ("applied", "half rate", "ada")
    ]
    # What was answered stays answered: m-1 was refused 150 points, though it should have had 200.
    assert rows(out, "SELECT redemption_id, status FROM redemptions ORDER BY ALL") == [
        ("d1", "refused"),
        ("d2", "captured"),
    ]
    balances = {row[0]: row[1:] for row in rows(out, BALANCES)}
    assert balances["m-1"] == (200 + 60, 20, 0, 280, "basic")
    assert balances["m-2"] == (100 - 20, 0, 0, 100, "basic")
    assert balances["m-3"] == (0, 1800, 0, 1800, "silver")
    assert [one for one in rows(out, SUMS) if one[0] == "m-2"] == [
        ("m-2", "available", 80),
        ("m-2", "issued", -100),
        ("m-2", "redeemed", 20),
    ]
    entries = rows(
        out,
        "SELECT member_id, debit, credit, points, note, corrects IS NOT NULL FROM ledger_entries "
        "WHERE kind = 'correct' ORDER BY ALL",
    )
    assert entries == [
        ("m-1", "issued", "available", 30, "half rate (ada)", True),
        ("m-1", "issued", "available", 100, "half rate (ada)", True),
        ("m-2", "issued", "available", 50, "half rate (ada)", True),
        ("m-3", "issued", "pending", 900, "half rate (ada)", True),
    ]
    assert rows(out, "SELECT member_id, tier, reason FROM tier_changes") == [
        ("m-3", "silver", "corrected")
    ]

    # A rebuild by the rules that are right now finds the corrections done, and does none again.
    inputs = [shop / "events", out / "commands"]
    play(inputs, shop / "anew", fixed, AT + 31 * DAY)
    assert sorted(rows(shop / "anew", "SELECT member_id, status FROM corrections")) == [
        ("m-1", "applied"),  # here the 150 points were given: they come back
        ("m-2", "right_already"),
        ("m-3", "right_already"),
    ]
    assert rows(shop / "anew", BALANCES) == rows(out, BALANCES)
    nothing = kizuna("correct", out, "--from", shop / "anew", "--config", fixed)
    assert nothing.exit_code == 0 and "nothing to correct" in nothing.output, nothing.output


def test_another_time_is_refused(shop: Path, tmp_path: Path) -> None:
    """The rebuilt stands elsewhere: what expired or became available since isn't a mistake."""
    right, fixed = shop / "right", shop / "fixed"
    write(tmp_path / "events" / "pos.jsonl", EVENTS[:3])
    play(tmp_path / "events", tmp_path / "less", fixed, AS_OF)
    less = kizuna("correct", right, "--from", tmp_path / "less", "--config", fixed)
    assert isinstance(less.exception, RunRefused)
    assert "doesn't know what happened between" in str(less.exception)
    assert "--as-of 2017-03-31T10:00:00.000Z" in str(less.exception)
    warehouse = right / "warehouse.duckdb"
    with Ledgers(warehouse, warehouse) as ledgers:
        ledgers.refuse_other_time(AS_OF, right)
        with pytest.raises(RunRefused, match="1 of its lots have become available or expired"):
            ledgers.refuse_other_time(AS_OF + 2 * DAY, right)
        with pytest.raises(RunRefused, match="it knows what happened until 2017-03-29T22"):
            ledgers.refuse_other_time(AT + 20 * DAY, right)


def test_what_cant_be_compared_is_refused(shop: Path, tmp_path: Path) -> None:
    right, fixed = shop / "right", shop / "fixed"
    same = kizuna("correct", right, "--from", right, "--config", fixed)
    assert same.exit_code == 0 and "nothing to correct" in same.output
    with exclusive(right):
        held = kizuna("correct", right, "--from", shop / "out", "--config", fixed)
    assert "must be at rest" in str(held.exception)
    nowhere = kizuna("correct", right, "--from", tmp_path, "--config", fixed)
    assert "--from: must be the output folder of kizuna rebuild" in str(nowhere.exception)
    none = kizuna("correct", tmp_path, "--from", right, "--config", fixed)
    assert "must be the output folder of kizuna run" in str(none.exception)


def lot(name: str, remaining: int, expires: int | None, points: int = 0) -> CorrectedLot:
    return CorrectedLot(
        lot_id=name,
        earned_at=AT,
        available_at=AT,
        expires_at=expires,
        points=points or remaining,
        remaining=remaining,
    )


def books(lots: list[CorrectedLot], **accounts: int) -> Books:
    return Books(
        accounts={**dict.fromkeys(ACCOUNTS, 0), **accounts}, lots={one.lot_id: one for one in lots}
    )


@pytest.mark.parametrize(
    ("live", "rebuilt", "available", "remaining", "debt"),
    [
        # both gave the same answer: the rebuilt lots
        ({"redeemed": 5}, {"redeemed": 5, "available": 15}, 15, {"a": 5, "b": 10}, 0),
        # spent here, refused there: out of the first to expire
        ({"redeemed": 7}, {"available": 15}, 8, {"a": 0, "b": 8}, 0),
        # held here: as good as spent
        ({"held": 7}, {"available": 15}, 8, {"a": 0, "b": 8 + 7 - 7}, 0),
        # more than there should have been
        ({"redeemed": 20}, {"available": 15}, -5, {"a": 0, "b": 0}, 5),
        # refused here, spent there: back where there is room, the last to expire first
        ({}, {"redeemed": 6, "available": 15}, 21, {"a": 6, "b": 15}, 0),
    ],
)
def test_answers_stay(
    live: dict[str, int],
    rebuilt: dict[str, int],
    available: int,
    remaining: dict[str, int],
    debt: int,
) -> None:
    lots = [lot("a", 5, AT + DAY, 10), lot("b", 10, None, 15)]
    pair = Pair(member_id="m", market="us", live=books([], **live), rebuilt=books(lots, **rebuilt))
    right: Any = must_stand_at(pair, AT + 5)
    assert right.accounts["available"] == available
    held = right.accounts["held"]
    total = sum(one.remaining for one in right.lots.values())
    assert total - right.debt == available + held
    if not held:
        assert {key: one.remaining for key, one in right.lots.items()} == remaining
        assert right.debt == debt


def test_commands_hold_no_more_than_they_must(shop: Path) -> None:
    for file in (shop / "out" / "commands").iterdir():
        for line in file.read_bytes().splitlines():
            event = json.loads(line)
            assert event["source"] == "command" and event["type"] == "correct"
            assert event["received_at"] == AS_OF + 1 > event["occurred_at"] == AS_OF
