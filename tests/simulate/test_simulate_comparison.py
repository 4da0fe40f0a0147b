"""The comparison of two warehouses that are known by heart: each outcome, and each explanation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from small_city import ROWS, build_small_city, entry, member, ms, owner, trigger

from pipelines.assemble import read_configuration
from schemas.flow import Row
from schemas.ledger import Redemption
from scripts.run import DEFAULT_CONFIG
from scripts.simulate.comparison import TABLES, Worth, attach, compare
from scripts.simulate.findings import read_findings
from scripts.simulate.identity_findings import read_identity
from scripts.simulate.moved_events import Detail
from scripts.simulate.notes import about_answers
from scripts.simulate.rows import Money

Asked = Callable[..., list[tuple[Any, ...]]]


def redemption(redemption_id: str, member_id: str, said: str, points: int = 40) -> Redemption:
    """`said`: status and code."""
    status, code = said.split()
    return Redemption(
        redemption_id=redemption_id,
        member_id=member_id,
        reward_id="five_off",
        points=points,
        status=status,  # type: ignore[arg-type]
        code=code,  # type: ignore[arg-type]
        requested_at=ms("2017-03-05"),
        answered_at=ms("2017-03-05"),
        version=1,
    )


def redeemed(member_id: str, points: int) -> Row:
    moved = entry("d", member_id, f"redeem {points} available redeemed", "2017-03-05")
    return msgspec.structs.replace(moved, rule="five_off")


def rows(*others: Row, without: tuple[str, ...] = ()) -> tuple[Row, ...]:
    """The small city's rows less some members and messages, and others."""
    kept = [
        row
        for row in ROWS
        if getattr(row, "member_id", None) not in without
        and getattr(row, "trigger_id", None) not in without
    ]
    return (*kept, *others)


DETAILS = (Detail("pos", "moved", ms("2017-03-04"), 2340, "phone v0:1234"),)


@pytest.fixture
def compared(tmp_path: Path) -> Callable[[tuple[Row, ...], tuple[Row, ...]], Asked]:
    def make(baseline: tuple[Row, ...], alternative: tuple[Row, ...], **worth: float) -> Asked:
        paths = [tmp_path / "baseline.duckdb", tmp_path / "alternative.duckdb"]
        for path, given in zip(paths, (baseline, alternative), strict=True):
            build_small_city(path, given)
        current = read_configuration(DEFAULT_CONFIG)
        compare(
            *paths,
            tmp_path / "comparison.duckdb",
            worth=Worth(
                **{"point_value": 1.0, "alternative_point_value": 1.0, "breakage": 0.0} | worth
            ),
            ladders={"baseline": current, "alternative": current},
            about={"changed": "something"},
            details=lambda wanted: iter(DETAILS if wanted else ()),
        )

        def ask(sql: str) -> list[tuple[Any, ...]]:
            with duckdb.connect(str(tmp_path / "comparison.duckdb"), read_only=True) as con:
                attach(con, *paths)
                return con.execute(sql).fetchall()

        return ask

    return make


OUTCOMES = "SELECT member_id, worth_difference, tier_outcome, outcome FROM member_differences"


def test_a_warehouse_beside_itself_differs_in_nothing(compared: Any) -> None:
    ask = compared(ROWS, ROWS)
    assert ask("SELECT * FROM metric_differences WHERE difference <> 0") == []
    assert ask(f"{OUTCOMES} WHERE outcome <> 'same'") == []
    assert ask("SELECT sum(only_baseline + only_alternative) FROM table_differences") == [(0,)]


def test_points_then_tier_then_answers_say_who_is_better_off(compared: Any) -> None:
    """dora has more points in a lower tier, eli the same in a higher one, fay a reward less,
    gus one more."""
    people = ("dora", "eli", "fay", "gus", "hal")
    before = rows(
        member("dora", available=10, tier="gold"),
        member("eli", available=10),
        member("fay"),
        member("gus", available=10),
        member("hal", available=10),
        redemption("r-f", "fay", "captured ok"),
        redemption("r-g", "gus", "refused insufficient_points"),
    )
    after = rows(
        member("dora", available=11, tier="silver"),
        member("eli", available=10, tier="silver"),
        member("fay", available=40),
        member("gus", available=10),
        member("hal", pending=4, held=5),
        redemption("r-f", "fay", "refused tier_too_low"),
        redemption("r-g", "gus", "released hold_expired"),
    )
    ask = compared(before, after)
    found = {name: rest for name, *rest in ask(OUTCOMES) if name in people}
    assert found == {
        "dora": [1, "down", "better"],
        "eli": [0, "up", "better"],
        "fay": [0, "same", "worse"],
        "gus": [0, "same", "better"],
        "hal": [-1, "same", "worse"],
    }
    assert ask(
        "SELECT redemption_id, outcome FROM redemption_differences WHERE outcome <> 'same' "
        "ORDER BY 1"
    ) == [("r-f", "would_be_refused"), ("r-g", "would_be_accepted")]


def test_a_reward_is_worth_what_it_costs_today(compared: Any) -> None:
    """At 30 points instead of 40 whoever took it has ten more left, and the shop pays the same."""
    before = rows(
        member("dora"),
        redeemed("dora", 40),
        redemption("r-d", "dora", "captured ok", 40),
    )
    after = rows(
        member("dora", available=10),
        redeemed("dora", 30),
        redemption("r-d", "dora", "captured ok", 30),
    )
    ask = compared(before, after, point_value=2.0, alternative_point_value=3.0)
    assert ask(
        "SELECT points_difference, rewards_baseline, rewards_alternative, worth_difference, reason "
        "FROM member_differences WHERE member_id = 'dora'"
    ) == [(10, 40, 40, 10, "redeemed five_off +10")]
    assert ask("SELECT outcome FROM redemption_differences WHERE redemption_id = 'r-d'") == [
        ("other_price",)
    ]
    assert ask(
        "SELECT part, baseline, alternative FROM metric_differences "
        "WHERE metric = 'redemption cost' ORDER BY part"
    ) == [("all", 160.0, 160.0), ("five_off", 80.0, 80.0), ("points", 80.0, 80.0)]
    (liability,) = ask(
        "SELECT baseline, alternative FROM metric_differences WHERE metric = 'liability'"
    )
    assert liability == (2.0 * 90, 3.0 * 90)


def test_members_of_one_side_only_are_counted_and_named(compared: Any) -> None:
    ask = compared(rows(), rows(member("dora", available=7), without=("cleo",)))
    found = {name: rest for name, *rest in ask(OUTCOMES)}
    assert found["dora"] == [7, "other", "better"]
    assert found["cleo"] == [0, "other", "same"]
    assert ask("SELECT segment FROM member_differences WHERE member_id = 'dora'") == [("new",)]
    assert ask(
        "SELECT baseline, alternative FROM metric_differences "
        "WHERE metric = 'members by tier' AND part = 'all'"
    ) == [(3.0, 3.0)]


def test_the_reasons_are_the_movements_in_the_order_of_their_size(compared: Any) -> None:
    after = rows(
        entry("9", "ana", "earn 5 issued pending", "2017-03-09"),
        entry("10", "ana", "redeem 12 available redeemed", "2017-03-09"),
        entry("11", "ana", "expire 2 available expired", "2017-03-09"),
        entry("12", "ben", "correct 50 available issued", "2017-03-09"),
    )
    ask = compared(ROWS, after)
    reasons = dict(ask("SELECT member_id, reason FROM member_differences"))
    assert reasons["ana"] == "redeemed base -12, base +5, expired base -2"
    assert reasons["ben"] == "base -50"
    assert reasons["cleo"] == ""
    assert ask(
        "SELECT metric, part, baseline, alternative FROM metric_differences "
        "WHERE section = 'points' AND unit = 'points' AND part = 'all' AND metric <> 'outstanding'"
    ) == [
        ("issued", "all", 180.0, 135.0),
        ("reversed", "all", 50.0, 50.0),
        ("expired", "all", 0.0, 2.0),
        ("redeemed", "all", 60.0, 72.0),
    ]


def test_messages_are_told_apart_by_their_ids(compared: Any) -> None:
    """t-1 is no longer sent and t-9 is; what came back about t-1 is about nothing."""
    after = rows(trigger("t-9", "send", "push", "win_back", "2017-03-09"), without=("t-1",))
    ask = compared(ROWS, after)
    assert ask(
        "SELECT baseline, alternative, in_both, only_baseline, only_alternative "
        "FROM trigger_differences WHERE action = 'send'"
    ) == [(2, 2, 1, 1, 1)]


def test_contradictions_with_history_are_said(compared: Any, tmp_path: Path) -> None:
    kept = [row for row in ROWS if type(row).__name__ == "Delivery"]
    before = rows(
        redemption("r-f", "ana", "captured ok"),
        redemption("r-g", "ana", "refused insufficient_points"),
        msgspec.structs.replace(
            entry("20", "ana", "adjust 9 issued available", "2017-03-09"), rule="adjust"
        ),
    )
    after = rows(
        redemption("r-f", "ana", "refused insufficient_points"),
        redemption("r-g", "ana", "released hold_expired"),
        trigger("t-9", "send", "push", "win_back", "2017-03-09"),
        *(row for row in kept if row.trigger_id == "t-1"),  # type: ignore[attr-defined]
        without=("t-1",),
    )
    compared(before, after)
    with duckdb.connect(str(tmp_path / "comparison.duckdb"), read_only=True) as con:
        attach(con, tmp_path / "baseline.duckdb", tmp_path / "alternative.duckdb")
        notes = list(about_answers(con))
    assert [note.split(".")[0] for note in notes] == [
        "1 redemption that history accepted (40 points) would be refused",
        "1 redemption that history refused would be accepted",
        "3 of 4 reports of channels are about messages that the alternative doesn't send; it keeps "
        "them and learns nothing from them",
        "To 1 message that only the alternative sends nobody could answer: they count as ignored, "
        "and escalate",
        "Made by staff under the current rules, and kept: 1 adjustment",
    ]
    assert "1 of them only reserves points" in notes[1]


def test_every_table_and_column_explains_itself(compared: Any) -> None:
    ask = compared(ROWS, ROWS)
    tables = ask(
        "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'comparison'"
    )
    assert {name for name, _ in tables} == {
        *(table.name for table in TABLES),
        "about",
        "tier_ranks",
        "table_differences",
    }
    assert [name for name, comment in tables if not comment] == []
    columns = ask(
        "SELECT table_name, column_name, comment FROM duckdb_columns() "
        "WHERE database_name = 'comparison' ORDER BY table_name, column_index"
    )
    assert [(table, name) for table, name, comment in columns if not comment] == []
    for table in TABLES:
        found = [name for of, name, _ in columns if of == table.name]
        assert found == list(table.columns), table.name


def test_money_is_said_in_its_currency(compared: Any, tmp_path: Path) -> None:
    compared(ROWS, ROWS)
    assert Money(100, "USD").said(123456) == "1,234.56 USD"
    assert Money(1, "JPY").said(1234) == "1,234 JPY"
    with duckdb.connect(str(tmp_path / "comparison.duckdb"), read_only=True) as con:
        findings = read_findings(con, ["note"], Money(100, "USD"))
    assert findings.identical
    assert findings.tiers == ["basic", "silver", "gold"]
    assert findings.members == {"better": 0, "worse": 0, "same": 3}


def test_an_event_between_two_members_is_the_risk_and_one_to_nobody_is_none(
    compared: Any, tmp_path: Path
) -> None:
    """What a sale between two people is, from whom to whom, and what it says of each of them."""
    moved = owner("moved", "sale", "ada", "link", "2017-03-04")
    page = owner("page", "page_viewed", "ada", "link", "2017-03-04")
    ask = compared(
        rows(moved, page),
        rows(
            msgspec.structs.replace(moved, member_id="bob", rung="phone"),
            msgspec.structs.replace(page, member_id=None, rung="device", reason="anonymous"),
        ),
    )
    assert ask(
        "SELECT event_id, change, amount, identifiers, purchase, rung_baseline, rung_alternative, "
        "reason_alternative FROM owner_differences"
    ) == [
        ("moved", "another_member", 2340, "phone v0:1234", True, "member", "phone", "link"),
        ("page", "to_nobody", 0, "", False, "member", "device", "anonymous"),
    ]
    assert ask("SELECT change, events, purchases, amount, members FROM owner_changes") == [
        ("another_member", 1, 1, 2340, 2),
        ("to_nobody", 1, 0, 0, 1),
    ]
    assert ask(
        "SELECT member_id, events_lost, events_gained, purchases_lost, purchases_gained, "
        "amount_lost, amount_gained, lost_to_members, gained_from_members "
        "FROM member_owner_differences ORDER BY member_id"
    ) == [("ada", 2, 0, 1, 0, 2340, 0, 1, 0), ("bob", 0, 1, 0, 1, 0, 2340, 0, 1)]
    with duckdb.connect(str(tmp_path / "comparison.duckdb"), read_only=True) as con:
        found = read_identity(con, "ladder.yaml: changed", Money(100, "USD"))
    assert found.verdict(Money(100, "USD")) == (
        "1 event (1 purchase, 23.40 USD) of 2 members would go from one member to another: one of "
        "the two ladders gives them to a wrong person."
    )
    assert found.risky == [
        "moved: sale of 23.40 USD by phone v0:1234: is ada's by its member id, would be bob's "
        "through phone"
    ]


def test_the_current_ladder_moves_nobody(compared: Any, tmp_path: Path) -> None:
    ask = compared(ROWS, ROWS)
    for table in ("owner_differences", "owner_changes", "link_differences"):
        assert ask(f"FROM {table}") == []
    with duckdb.connect(str(tmp_path / "comparison.duckdb"), read_only=True) as con:
        found = read_identity(con, "", Money(100, "USD"))
    assert found.verdict(Money(100, "USD")) == "Nobody's events would move: each keeps its owner."
    assert not found.shown
