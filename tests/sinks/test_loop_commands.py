"""What a warehouse says was ordered: each command once, in an order of the input's, if unread."""

from pathlib import Path
from typing import Any

import duckdb
from sample_rows import RowMaker

from schemas.commands import LoopCommand
from schemas.flow import Row
from schemas.identity import EventOwner
from schemas.refusals import Quarantined
from sinks.duckdb.create import create_warehouse
from sinks.duckdb.loop_commands import given_commands
from sinks.duckdb.sink import WarehousePartition
from sinks.row_batch import RowBatch


def given(command_id: str, at: int, **about: str) -> LoopCommand:
    return LoopCommand(
        command_id=command_id,
        type="adjust",
        market="us",
        about="{}" if not about else f'{{"card":"{about["card"]}"}}',
        payload='{"points":1}',
        because_of="pos/e",
        given_at=at,
    )


def answered(row_class: type[Row], source: str, event_id: str) -> Any:
    row: Any = RowMaker(1).row(row_class)
    changes = {"source": source, "event_id": event_id}
    return row_class(
        **{name: changes.get(name, getattr(row, name)) for name in row.__struct_fields__}
    )


def test_each_once_and_none_that_was_read(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    create_warehouse(path)
    rows: list[Row] = [
        given("late", 30),
        given("b", 20),
        given("a", 20, card="1"),
        given("a", 25, card="2"),
        given("applied", 10),
        given("refused", 10),
        answered(EventOwner, "command", "applied"),
        answered(Quarantined, "command", "refused"),
        answered(EventOwner, "pos", "b"),
    ]
    part = WarehousePartition(path, None)
    part.write_batch([RowBatch(rows)])
    part.snapshot()
    part.close()
    found = given_commands(path)
    assert [(one.event_id, one.occurred_at) for one in found] == [
        ("a", 20),
        ("b", 20),
        ("late", 30),
    ]
    assert (found[0].about, found[0].payload) == ({"card": "1"}, {"points": 1})


def test_a_warehouse_of_before_has_given_none(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    create_warehouse(path)
    with duckdb.connect(str(path)) as con:
        con.execute("DROP TABLE loop_commands")
    assert given_commands(path) == []
