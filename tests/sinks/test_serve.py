"""Reading while it is written: consistent, only reading, and gone without a trace."""

import logging
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from served_warehouse import PATIENCE_SECONDS, ROWS_EACH, attached, batch, read, reader, writing

from sinks.duckdb import quack
from sinks.duckdb.quack import Address, NoQuack, announced, load_quack
from sinks.duckdb.serve import PortTaken, Serve, serve
from sinks.duckdb.sink import WarehousePartition


def missing() -> str:
    """Why Quack can't be tried here, if it can't."""
    try:
        load_quack(duckdb.connect())
    except NoQuack as why:
        return str(why)
    return ""


needs_quack = pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Address]]:
    """A warehouse with one transaction in it, served by this process."""
    folder = tmp_path_factory.mktemp("served")
    part = WarehousePartition(
        folder / "warehouse.duckdb", None, serve=Serve(folder / "journal", port=0)
    )
    part.write_batch([batch(1)])
    part.snapshot()
    address = announced(folder / "journal")
    assert address is not None
    yield folder, address
    part.close()


@cache
def here() -> duckdb.DuckDBPyConnection:
    return reader()


def asked(address: Address, statement: str) -> list[tuple[Any, ...]]:
    """A statement to the server, by whoever has the token."""
    return (
        here()
        .execute("FROM quack_query(?, ?, token := ?)", [address.uri, statement, address.token])
        .fetchall()
    )


@needs_quack
def test_twenty_readers_never_see_half_a_transaction(tmp_path: Path) -> None:
    """Rows added, a state overwritten and the position change together or not at all."""
    with writing(tmp_path) as writer:
        seen = read(here(), writer.address(), readers=20, times=15)
        transactions = len(writer.end())
    assert len(seen) == 20 * 15
    for entries, points, spend, position in seen:
        assert entries == points == spend, "half a transaction"
        assert entries % ROWS_EACH == 0
        assert position == entries + entries // ROWS_EACH
    assert len({row[0] for row in seen}) > 3, "nothing was written while they read"
    con = duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True)
    assert con.execute("SELECT count(*) FROM ledger_entries").fetchone() == (
        transactions * ROWS_EACH,
    )


@needs_quack
def test_attached_tables_and_views_answer(served: tuple[Path, Address]) -> None:
    con = attached(here(), served[1])
    (entries,) = con.execute(
        "SELECT count(*) FROM kizuna.ledger_entries WHERE member_id = 'm-7'"
    ).fetchall()
    assert entries == (ROWS_EACH // 50,)
    assert con.execute("SELECT sum(points)::INT FROM kizuna.account_balances").fetchall() == [(0,)]
    con.execute("DETACH kizuna")


READS = [
    "SELECT count(*) FROM ledger_entries",
    "FROM member_360",
    "WITH a AS (SELECT 1 AS n) SELECT n FROM a",
    "DESCRIBE members",
    "SHOW TABLES",
    "SUMMARIZE ledger_entries",
    "EXPLAIN SELECT 1",
    "explain analyze select count(*) from lots",
    "SELECT table_name, comment FROM duckdb_tables()",
    'SELECT \'quack_stop(\' AS said, \'"function_name":"query"\' AS "function_name"',
    "SELECT list_transform([1, 2], lambda n: n + 1)",
]
CHANGES = [
    "INSERT INTO parameters VALUES ('x', 1, 'y')",
    "UPDATE parameters SET value = 0",
    "DELETE FROM ledger_entries",
    "DROP TABLE ledger_entries",
    "CREATE TABLE mine (n INTEGER)",
    "CREATE OR REPLACE MACRO readers.main.may_read(session, statement) AS true",
    "SET GLOBAL quack_authorization_function = 'quack_nop_authorization'",
    "SET memory_limit = '1MB'",
    "SELECT 1; DROP TABLE ledger_entries",
    "EXPLAIN ANALYZE DELETE FROM ledger_entries",
    "WITH gone AS (DELETE FROM lots RETURNING *) FROM gone",
    "BEGIN",
    "CHECKPOINT",
    "CALL quack_stop('quack:127.0.0.1:1')",
    "FROM QUACK_STOP('quack:127.0.0.1:1')",
    "SELECT 1 WHERE 1 IN (SELECT port FROM system.main.\"quack_serve\"('quack:127.0.0.1:1'))",
    "FROM quack_query('quack:127.0.0.1:1', 'DROP TABLE lots', token := 'x')",
    "FROM checkpoint()",
    "FROM enable_logging()",
    "FROM query('FROM lots')",
    "FROM json_execute_serialized_sql('{}')",
    "FROM pandas_scan(1)",
    "SELECT write_log('x')",
    "SELECT nextval('x')",
    "COPY ledger_entries TO '{folder}/out.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/other.duckdb'",
    "FROM read_csv('/etc/passwd')",
    "FROM read_text('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM glob('/*')",
    "INSTALL spatial",
    "LOAD spatial",
]


@needs_quack
@pytest.mark.parametrize("statement", READS)
def test_readers_read(served: tuple[Path, Address], statement: str) -> None:
    asked(served[1], statement)


@needs_quack
@pytest.mark.parametrize("statement", CHANGES)
def test_readers_do_nothing_else(served: tuple[Path, Address], statement: str) -> None:
    folder, address = served
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(duckdb.Error, match=r"Authorization failed|does not exist"):
        asked(address, statement.replace("{folder}", str(folder)))
    assert sorted(path.name for path in folder.iterdir()) == before
    assert asked(address, "SELECT count(*) FROM ledger_entries") == [(ROWS_EACH,)]


@needs_quack
def test_attached_readers_cannot_write_by_the_protocols_own_way(
    served: tuple[Path, Address],
) -> None:
    """Rows for an INSERT travel as a message of their own, not as a statement."""
    con = attached(here(), served[1])
    for statement in (
        "INSERT INTO kizuna.parameters VALUES ('x', 1, 'y')",
        "INSERT INTO kizuna._sink_position SELECT 7",
        "CREATE TABLE kizuna.mine AS SELECT 1 AS n",
        "DROP TABLE kizuna.parameters",
    ):
        with pytest.raises(duckdb.Error, match="Authorization failed"):
            con.execute(statement)
    con.execute("DETACH kizuna")
    assert asked(served[1], "SELECT count(*) FROM parameters") == [(2,)]
    assert asked(served[1], "FROM _sink_position") == [(ROWS_EACH + 1,)]


@needs_quack
def test_only_the_token_lets_in(served: tuple[Path, Address]) -> None:
    folder, address = served
    assert stat.S_IMODE((folder / "journal" / "quack.token").stat().st_mode) == 0o600
    assert len(address.token) == 64 and address.token not in repr(address)
    assert address.token not in (folder / "journal" / "quack.json").read_text()
    with pytest.raises(duckdb.Error, match="Authentication failed"):
        asked(Address(address.uri, address.process, "0" * 64), "SELECT 1")


@needs_quack
def test_it_listens_on_loopback_only(served: tuple[Path, Address]) -> None:
    port = int(served[1].uri.rsplit(":", 1)[1])
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]


@needs_quack
def test_a_clean_end_leaves_a_file_and_nothing_else(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        address = writer.address()
        con = attached(here(), address, "ending")
        with pytest.raises(duckdb.IOException, match="lock"):
            duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True)
        writer.end()
        with pytest.raises(duckdb.Error):
            con.execute("FROM ending._sink_position").fetchall()
    assert list((tmp_path / "journal").iterdir()) == []
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as after:
        databases = after.execute("SELECT database_name FROM duckdb_databases() WHERE NOT internal")
        assert databases.fetchall() == [("warehouse",)]
        after.execute("UPDATE parameters SET value = 2 WHERE name = 'point_value'")


@needs_quack
def test_a_killed_writer_leaves_an_address_that_a_new_one_replaces(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        left = writer.address()
        writer.process.kill()
        writer.process.join(PATIENCE_SECONDS)
    assert announced(tmp_path / "journal") == left
    with writing(tmp_path) as again:
        new = again.address()
        assert new.token != left.token
        with pytest.raises(duckdb.Error):
            asked(Address(new.uri, new.process, left.token), "SELECT 1")
        assert asked(new, "SELECT 1") == [(1,)]


@needs_quack
def test_two_servers_do_not_share_a_port(tmp_path: Path, served: tuple[Path, Address]) -> None:
    port = int(served[1].uri.rsplit(":", 1)[1])
    with pytest.raises(PortTaken, match=f"port {port} of 127.0.0.1 is taken"):
        serve(duckdb.connect(), Serve(tmp_path, port))
    assert announced(tmp_path) is None


def test_without_quack_a_run_goes_on_unserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning that says what to install; an old address is taken away."""
    monkeypatch.setattr(quack.importlib.util, "find_spec", lambda _: None)
    journal = tmp_path / "journal"
    quack.announce(journal, "quack:127.0.0.1:1")
    with caplog.at_level(logging.WARNING):
        part = WarehousePartition(tmp_path / "warehouse.duckdb", None, serve=Serve(journal, 0))
    part.write_batch([batch(1)])
    assert part.snapshot() == ROWS_EACH + 1
    part.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "pip install 'kizuna[live]'" in caplog.text
    assert announced(journal) is None


def test_another_versions_extension_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("httpfs", "quack"):
        folder = tmp_path / f"duckdb_extension_{name}" / "extensions" / "v0.0.1"
        folder.mkdir(parents=True)
        (folder.parent.parent / "__init__.py").touch()
        (folder / f"{name}.duckdb_extension").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NoQuack, match=r"for DuckDB 0\.0\.1, installed is"):
        load_quack(duckdb.connect())


def test_a_token_is_never_written_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "quack.token").symlink_to(elsewhere)
    quack.announce(tmp_path / "journal", "quack:127.0.0.1:1")
    assert elsewhere.read_text() == "mine"


@pytest.mark.parametrize("left", [b"", b"{", b'{"address": 1}'])
def test_a_torn_address_is_none(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "quack.json").write_bytes(left)
    assert announced(tmp_path) is None
