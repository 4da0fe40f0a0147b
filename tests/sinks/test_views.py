"""What each view answers about the small city, by heart."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small_city import build_small_city

from sinks.duckdb.create import create_warehouse
from sinks.duckdb.reference import PAGE, reference
from sinks.duckdb.views import VIEWS


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path = tmp_path_factory.mktemp("city") / "warehouse.duckdb"
    build_small_city(path)
    con = duckdb.connect(str(path), read_only=True)
    yield con
    con.close()


def noon(month: int, day: int) -> datetime:
    return datetime(2017, month, day, 12)


SENT, UNSENT = "win_back / tell on push", "win_back on email: cap_reached"
EXPECTED: list[tuple[str, list[tuple[Any, ...]]]] = [
    (
        "SELECT event_id, member_id, reason FROM current_owners ORDER BY event_id",
        [
            ("p-1", "ana", "member_id"),
            ("p-2", "ana", "released"),
            ("p-3", "ben", "link"),
            ("p-4", None, "guest"),
            ("p-5", "ben", "receipt"),
            ("w-1", "ana", "link"),
            ("w-2", None, "retracted"),
            ("w-3", None, "anonymous"),
        ],
    ),
    (
        "SELECT account, points FROM account_balances WHERE member_id = 'ana' ORDER BY account",
        [("available", 60), ("issued", -130), ("pending", 30), ("redeemed", 40)],
    ),
    (
        "SELECT available, pending, points_earned, points_redeemed, next_expiry_at, "
        "next_expiry_points FROM member_360 WHERE member_id = 'ana'",
        [(60, 30, 130, 40, noon(9, 30), 60)],
    ),
    (
        "SELECT purchases, last_purchase_at, identifiers, open_journeys, messages, last_message, "
        "last_suppressed FROM member_360 WHERE member_id = 'ana'",
        [(2, noon(3, 8), 1, ["win_back"], 3, SENT, UNSENT)],
    ),
    (
        "SELECT points_earned, next_expiry_at, purchases, open_journeys, messages, last_message "
        "FROM member_360 WHERE member_id = 'cleo'",
        [(0, None, 0, [], 0, None)],
    ),
    (
        "FROM points_liability",
        [("gold", date(2017, 9, 1), 1, 60, 30, 90, 90.0)],
    ),
    (
        "SELECT reason, channel, decisions, members FROM suppressed_by_reason ORDER BY reason",
        [("cap_reached", "email", 1, 1), ("no_consent", "sms", 2, 2)],
    ),
    (
        "FROM tier_movement",
        [(date(2017, 3, 1), "basic", "gold", "qualified", 1, 1)],
    ),
    (
        "SELECT from_band, band, why, members FROM churn_flow ORDER BY why",
        [("none", "low", "first", 2), ("low", "high", "time", 1)],
    ),
    (
        "SELECT channel, messages, withdrawn, delivered, opened, clicked, failed, click_rate "
        "FROM channel_performance ORDER BY channel",
        [("push", 2, 1, 1, 1, 1, 1, 1.0), ("web", 1, 0, 0, 0, 0, 0, None)],
    ),
    (
        "FROM journey_funnel",
        [("win_back", 4, 3, 2, 3, 1, 1, 1, 1, 1 / 3)],
    ),
    (
        "SELECT reason, events, members, share FROM attribution WHERE type = 'sale' "
        "ORDER BY reason",
        [
            ("guest", 1, 0, 0.25),
            ("link", 1, 1, 0.25),
            ("member_id", 1, 1, 0.25),
            ("released", 1, 1, 0.25),
        ],
    ),
]


@pytest.mark.parametrize(("sql", "expected"), EXPECTED)
def test_answers(
    city: duckdb.DuckDBPyConnection, sql: str, expected: list[tuple[Any, ...]]
) -> None:
    assert city.execute(sql).fetchall() == expected


def test_each_view_is_asked_something() -> None:
    assert {view.name for view in VIEWS} <= {
        word for sql, _ in EXPECTED for word in sql.replace(",", " ").split()
    }


def test_accounts_of_a_member_sum_to_zero(city: duckdb.DuckDBPyConnection) -> None:
    sums = city.execute(
        "SELECT DISTINCT s FROM (SELECT sum(points) AS s FROM account_balances GROUP BY member_id)"
    ).fetchall()
    assert sums == [(0,)]


def test_liability_follows_the_parameters(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    build_small_city(path)
    con = duckdb.connect(str(path))
    con.execute("UPDATE parameters SET value = 2 WHERE name = 'point_value'")
    con.execute("UPDATE parameters SET value = 0.1 WHERE name = 'breakage'")
    assert con.execute("SELECT value FROM points_liability").fetchall() == [(162.0,)]
    con.close()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_columns_are_the_documented_ones_and_an_empty_warehouse_answers(
    view: Any, tmp_path: Path
) -> None:
    create_warehouse(tmp_path / "empty.duckdb")
    con = duckdb.connect(str(tmp_path / "empty.duckdb"))
    answer = con.execute(f"FROM {view.name}")
    assert [column[0] for column in answer.description or ()] == list(view.columns)
    assert answer.fetchall() == []
    con.close()


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run python -m sinks.duckdb.reference"


def test_the_reference_page_names_all_that_the_file_holds(
    city: duckdb.DuckDBPyConnection,
) -> None:
    page = reference()
    for table, column, comment in city.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
    ).fetchall():
        section = page.split(f"### {table}\n")[1].split("###", maxsplit=1)[0]
        assert f"| `{column}` |" in section
        assert comment.replace("|", "\\|") in section
