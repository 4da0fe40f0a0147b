"""Two warehouses that hold the same are equal, and one changed row is found and explained."""

import math
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_city import ROWS, build_small_city

from scripts.reconcile import differences
from scripts.reconcile.attach import NotComparable
from scripts.reconcile.compared import COMPARED, NAMED, NOT_COMPARED
from scripts.reconcile.differences import compare_table
from scripts.reconcile.result import Reconciliation
from scripts.reconcile.warehouses import reconcile
from sinks.duckdb.create import create_warehouse
from sinks.duckdb.schema import TABLES

VALUES = {
    "VARCHAR": "'word-' || i",
    "BIGINT": "i",
    "DOUBLE": "i / 7",
    "BOOLEAN": "i > 4",
    "TIMESTAMP": "make_timestamp_ms(1500000000000 + i)",
    "JSON": """('{"n":' || i || '}')::JSON""",
    "BLOB": "'x'::BLOB",
}
"""A value of each type, other in each row `i`."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("city") / "warehouse.duckdb"
    build_small_city(path)
    return path


def changed(original: Path, copy: Path, *statements: str) -> Path:
    """A copy in which somebody changed something."""
    shutil.copy(original, copy)
    with duckdb.connect(str(copy)) as con:
        for statement in statements:
            con.execute(statement)
    return copy


def figures(found: Reconciliation) -> dict[str, tuple[float, float]]:
    return {one.name: (one.a, one.b) for one in found.totals if one.a != one.b}


def test_every_table_is_compared_but_the_named_ones() -> None:
    assert {one.name for one in COMPARED} | {*NOT_COMPARED} == {table.name for table in TABLES}
    for one in COMPARED:
        names = [column.name for column in one.table.columns]
        assert list(one.columns) == [name for name in names if not name.startswith("_")]


def test_the_order_of_writing_and_versions_make_no_difference(city: Path, tmp_path: Path) -> None:
    rows = [
        msgspec.structs.replace(row, version=9) if row.keys else row
        for row in random.Random(3).sample(ROWS, len(ROWS))
    ]
    build_small_city(tmp_path / "other.duckdb", tuple(rows))
    changed(
        tmp_path / "other.duckdb",
        tmp_path / "b.duckdb",
        "UPDATE _sink_position SET position = 0",
        "UPDATE quarantine SET _raw = 'x'::BLOB",
    )
    found = reconcile(city, tmp_path / "b.duckdb")
    assert found.equal and not found.differences and not figures(found)
    assert (found.parted_members, found.partings, found.first) == (0, [], None)
    assert sum(one.rows_a for one in found.compared) == len(ROWS) > 40


def test_a_missing_a_repeated_and_a_changed_row_of_each_table(tmp_path: Path) -> None:
    create_warehouse(tmp_path / "a.duckdb")
    with duckdb.connect(str(tmp_path / "a.duckdb")) as con:
        for one in COMPARED:
            values = ", ".join(VALUES[column.sql_type] for column in one.table.columns)
            con.execute(f"DELETE FROM {one.name}")
            con.execute(f"INSERT INTO {one.name} SELECT {values} FROM range(9) AS r (i)")
    statements = {"missing": [], "repeated": [], "changed": []}
    for one in COMPARED:
        first = f"(SELECT min(rowid) FROM {one.name})"
        last = one.columns[-1]
        sql_type = next(c.sql_type for c in one.table.columns if c.name == last)
        other = {
            "VARCHAR": "'something else'",
            "TIMESTAMP": "TIMESTAMP '1999-12-31 23:59:59.999'",
            "JSON": """'{"some":"thing else"}'""",
        }.get(sql_type, "-77")
        statements["missing"].append(f"DELETE FROM {one.name} WHERE rowid = {first}")
        statements["repeated"].append(
            f"INSERT INTO {one.name} FROM {one.name} WHERE rowid = {first}"
        )
        statements["changed"].append(
            f'UPDATE {one.name} SET "{last}" = {other} WHERE rowid = {first}'
        )
    for what, done in statements.items():
        changed(tmp_path / "a.duckdb", tmp_path / f"{what}.duckdb", *done)
    missing = reconcile(tmp_path / "a.duckdb", tmp_path / "missing.duckdb", limit=0)
    assert [(d.table, d.only_a, d.only_b, d.changed) for d in missing.compared] == [
        (one.name, 1, 0, 0) for one in COMPARED
    ]
    repeated = reconcile(tmp_path / "a.duckdb", tmp_path / "repeated.duckdb", limit=0)
    assert [(d.table, d.only_a, d.only_b, d.changed) for d in repeated.compared] == [
        (one.name, 0, 1, 0) for one in COMPARED
    ]
    other = reconcile(tmp_path / "a.duckdb", tmp_path / "changed.duckdb", limit=0)
    for one, seen in zip(COMPARED, other.compared, strict=True):
        last = one.columns[-1]
        expected = (1, 1, 0, {}) if last in one.key else (0, 0, 1, {last: 1})
        assert (seen.only_a, seen.only_b, seen.changed, seen.columns) == expected, one.name
    assert other.partings == []


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two sides in memory, with the table of deliveries."""
    con = duckdb.connect()
    for side in ("a", "b"):
        con.execute(f"ATTACH ':memory:' AS {side}")
        con.execute(
            f"CREATE TABLE {side}.deliveries (trigger_id VARCHAR, member_id VARCHAR, "
            'channel VARCHAR, state VARCHAR, reason VARCHAR, "at" TIMESTAMP, market VARCHAR)'
        )
    yield con
    con.close()


delivery = st.tuples(st.sampled_from("tu"), st.sampled_from("xy"), st.sampled_from(["", None, "z"]))


@settings(max_examples=60, deadline=None)
@given(a=st.lists(delivery, max_size=8), b=st.lists(delivery, max_size=8))
def test_tables_are_multisets(
    empty: duckdb.DuckDBPyConnection,
    a: list[tuple[str, str, str | None]],
    b: list[tuple[str, str, str | None]],
) -> None:
    """Against Python's own: rows that one side has more often, paired by their key."""
    one = NAMED["deliveries"]
    values = ", ".join(
        {"trigger_id": "$1", "state": "$2", "reason": "$3", "at": "'2020-01-01'"}.get(name, "''")
        for name in one.columns
    )
    for side, rows in (("a", a), ("b", b)):
        empty.execute(
            f"CREATE OR REPLACE TABLE {side}.deliveries AS FROM {side}.deliveries LIMIT 0"
        )
        for row in rows:
            names = ", ".join(f'"{name}"' for name in one.columns)
            empty.execute(f"INSERT INTO {side}.deliveries ({names}) VALUES ({values})", row)
    empty.execute("DROP TABLE IF EXISTS diff_deliveries")
    found = compare_table(empty, one)
    more_a, more_b = Counter(a) - Counter(b), Counter(b) - Counter(a)
    keys_a = Counter(row[:2] for row in more_a.elements())
    keys_b = Counter(row[:2] for row in more_b.elements())
    pairs = sum((keys_a & keys_b).values())
    assert (found.rows_a, found.rows_b) == (len(a), len(b))
    assert found.changed == pairs
    assert found.only_a == sum(more_a.values()) - pairs
    assert found.only_b == sum(more_b.values()) - pairs
    assert found.columns == ({"reason": pairs} if pairs else {})


def test_a_changed_entry_is_explained_by_its_event(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "UPDATE ledger_entries SET points = 90 WHERE entry_id = '1'",
        "UPDATE event_owners SET event_id = 'sale-1' WHERE event_id = 'p-1'",
    )
    a = changed(
        city,
        tmp_path / "a.duckdb",
        "UPDATE event_owners SET event_id = 'sale-1' WHERE event_id = 'p-1'",
    )
    found = reconcile(a, b)
    assert not found.equal
    assert found.differences["ledger_entries"].columns == {"points": 1}
    assert figures(found) == {"issued": (180, 170), "pending": (30, 20)}
    (parting,) = found.partings
    assert (parting.member_id, parting.points, parting.count) == ("ana", -10, 1)
    assert parting.kind == "other_entries"
    assert parting.event is not None
    assert (parting.event.source, parting.event.event_id) == ("pos", "sale-1")
    assert parting.event.type == "sale"
    assert (parting.event.a.owner, parting.event.b.owner) == ("ana", "ana")
    assert (parting.event.a.points, parting.event.b.points) == (100, 90)
    (change,) = parting.first
    assert change.a is not None and change.b is not None
    assert (change.a["points"], change.b["points"], change.columns) == (100, 90, ["points"])
    assert parting.reasons == [
        "B contradicts itself: ana's entries sum to 60 available, 20 pending and 0 held, the row "
        "in members says 60, 30 and 0.",
        "A doesn't: most likely a row of B was changed or lost after it was written.",
    ]
    other_way = reconcile(b, a).partings[0]
    assert other_way.points == 10
    assert other_way.reasons[1].startswith("B doesn't: most likely a row of A was changed")


def test_an_event_that_went_to_somebody_else(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "UPDATE event_owners SET member_id = 'ben' WHERE event_id = 'p-1'",
    )
    found = reconcile(city, b)
    assert [parting.member_id for parting in found.partings] == ["ana", "ben"]
    for parting in found.partings:
        assert parting.kind == "other_member"
        assert parting.event is not None and parting.event.event_id == "p-1"
        assert (parting.event.a.owner, parting.event.b.owner) == ("ana", "ben")
    assert found.first == "at 2017-03-01 12:00:00 in event_owners, by pos/p-1, a row of ana"


def test_the_last_bit_of_a_float(city: Path, tmp_path: Path) -> None:
    least = math.nextafter(0.6, 1)
    b = changed(
        city,
        tmp_path / "b.duckdb",
        f"UPDATE churn_scores SET p_alive = {least!r} WHERE member_id = 'ana' AND why = 'time'",
    )
    (parting,) = reconcile(city, b).partings
    assert (parting.kind, parting.event) == ("derived_rows", None), "time alone moved it"
    (change,) = parting.first
    assert change.a is not None and change.b is not None
    assert (change.a["p_alive"], change.b["p_alive"]) == (0.6, least)


def test_one_lot(city: Path, tmp_path: Path) -> None:
    b = changed(city, tmp_path / "b.duckdb", "UPDATE lots SET remaining = 50 WHERE lot_id = '1'")
    found = reconcile(city, b)
    assert figures(found) == {"points in lots": (90, 80), "liability, minor units": (90, 80)}
    (parting,) = found.partings
    assert (parting.kind, parting.tables) == ("derived_rows", {"lots": 1})
    assert "ana's lots have 80 points left, the row in members says 90" in parting.reasons[0]


def test_an_event_that_one_side_refused(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "INSERT INTO quarantine SELECT 'pos', 'pos.jsonl:1', 'missing_field', '', event_id, '00', "
        "known_at, ''::BLOB, 99 FROM event_owners WHERE event_id = 'p-3'",
        "DELETE FROM event_owners WHERE event_id = 'p-3'",
    )
    found = reconcile(city, b)
    (parting,) = found.partings
    assert (parting.member_id, parting.kind) == ("ben", "refused_event")
    assert parting.event is not None and parting.event.b.refused == "missing_field"
    assert parting.tables == {"quarantine": 1, "event_owners": 1}


def test_points_that_only_one_side_let_expire(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "INSERT INTO ledger_entries SELECT * REPLACE ('8' AS entry_id, 'expire' AS kind, "
        "'available' AS debit, 'expired' AS credit, NULL AS source, NULL AS event_id, "
        "TIMESTAMP '2017-10-01' AS posted_at) FROM ledger_entries WHERE entry_id = '4'",
    )
    (parting,) = reconcile(city, b).partings
    assert (parting.kind, parting.points, parting.event) == ("timer", -30, None)
    assert "A's history ends before that, at 2017-03-09 12:00:00." in parting.reasons


def test_another_version_of_the_programme(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "UPDATE ledger_entries SET points = 60, programme_version = 'grocer@2' "
        "WHERE entry_id = '5'",
    )
    (parting,) = reconcile(city, b).partings
    assert (parting.member_id, parting.kind, parting.points) == ("ben", "other_programme", 10)


def test_a_rebooking_is_explained_by_what_made_it_necessary(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "INSERT INTO ledger_entries SELECT * REPLACE ('9' AS entry_id, 'rebooked' AS posting, "
        "'web/w-1' AS because_of) FROM ledger_entries WHERE entry_id = '5'",
    )
    (parting,) = reconcile(city, b).partings
    assert parting.event is not None
    assert (parting.event.source, parting.event.event_id) == ("web", "w-1")
    assert (parting.kind, parting.points) == ("other_entries", 50)


def test_links_bear_the_time_of_the_event_that_made_or_ended_them(
    city: Path, tmp_path: Path
) -> None:
    known = "UPDATE event_owners SET source = 'profile', event_id = 'e-1' WHERE event_id = 'p-1'"
    a = changed(city, tmp_path / "a.duckdb", known)
    ended = "UPDATE identity_links SET until_at = TIMESTAMP '2017-03-06' WHERE value = '4000'"
    b = changed(city, tmp_path / "b.duckdb", known, ended)
    (parting,) = reconcile(a, b).partings
    assert (parting.member_id, str(parting.at)) == ("ana", "2017-03-06 00:00:00")
    never = "DELETE FROM identity_links WHERE value = '4000'"
    c = changed(city, tmp_path / "c.duckdb", known, never)
    (parting,) = reconcile(a, c).partings
    assert (parting.member_id, str(parting.at)) == ("ana", "2017-03-01 12:00:00")
    assert parting.event is not None and parting.event.event_id == "e-1"
    assert parting.kind == "derived_rows"


def test_a_change_of_tier_bears_the_time_of_its_receipts_posting(
    city: Path, tmp_path: Path
) -> None:
    posted = "UPDATE ledger_entries SET posted_at = TIMESTAMP '2017-03-02' WHERE entry_id = '1'"
    a = changed(city, tmp_path / "a.duckdb", posted)
    b = changed(city, tmp_path / "b.duckdb", posted, "DELETE FROM tier_changes")
    (parting,) = reconcile(a, b).partings
    assert (parting.member_id, str(parting.at)) == ("ana", "2017-03-02 00:00:00")
    assert parting.tables == {"tier_changes": 1}


def test_biggest_first_and_only_so_many(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "UPDATE ledger_entries SET points = points + 1 WHERE entry_id = '1'",
        "UPDATE ledger_entries SET points = points + 5 WHERE entry_id = '5'",
        "DELETE FROM decisions",
    )
    found = reconcile(city, b)
    assert [(one.member_id, one.points) for one in found.partings] == [("ben", 5), ("ana", 1)]
    assert [one.count for one in found.partings] == [2, 3]
    assert found.parted_members == 2
    assert [one.member_id for one in reconcile(city, b, limit=1).partings] == ["ben"]
    (ana,) = reconcile(city, b, explain="ana").partings
    assert [change.table for change in [*ana.first, *ana.later]] == [
        "ledger_entries",
        "decisions",
        "decisions",
    ]
    assert ana.left_out == 0
    assert reconcile(city, b, explain="cleo").partings == []
    assert reconcile(city, b) == found, "the same comparison says the same"


def test_rows_of_no_member(city: Path, tmp_path: Path) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "UPDATE guests SET spend = 1300",
        "UPDATE event_owners SET rung = 'card' WHERE event_id = 'w-3'",
    )
    found = reconcile(city, b)
    assert found.parted_members == 0
    (parting,) = found.partings
    assert (parting.member_id, parting.kind) == (None, "other_answer")
    assert parting.tables == {"event_owners": 1, "guests": 1}


def test_a_large_table_is_compared_in_parts(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = changed(
        city,
        tmp_path / "b.duckdb",
        "UPDATE ledger_entries SET points = points + 1 WHERE member_id = 'ben'",
        "DELETE FROM lots WHERE lot_id = '2'",
        "UPDATE event_owners SET member_id = 'cleo' WHERE reason = 'link'",
    )
    whole = reconcile(city, b)
    monkeypatch.setattr(differences, "ROWS_A_PART", 3)
    assert reconcile(city, b) == whole
    assert whole.differences["ledger_entries"].changed == 3


def test_only_some_tables(city: Path, tmp_path: Path) -> None:
    b = changed(
        city, tmp_path / "b.duckdb", "DELETE FROM lots", "DELETE FROM decisions WHERE channel='sms'"
    )
    found = reconcile(city, b, tables=["decisions", "members"])
    assert [one.table for one in found.compared] == ["decisions", "members"]
    assert "lots" in found.not_compared and [*found.differences] == ["decisions"]
    with pytest.raises(NotComparable, match=r"--table: must be one of .*; got nothing"):
        reconcile(city, b, tables=["nothing"])
