"""Both sinks in a real dataflow: what Bytewax promises them, and what they make of it."""

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, cluster_main, run_main
from sample_rows import RowMaker
from sink_cases import CASES

from sinks.duckdb.sink import WAREHOUSE, WarehouseSink
from sinks.files import output_files, split_for_files
from sinks.row_batch import RowBatch

BATCHES = 6
EVERY_ITEM = timedelta(0)


def batches() -> list[RowBatch]:
    maker = RowMaker(4)
    return [RowBatch(maker.rows(40)) for _ in range(BATCHES)]


def flow(directory: Path, items: list[Any]) -> Dataflow:
    dataflow = Dataflow("rows")
    rows = op.input("rows", dataflow, TestingSource(items))
    to_warehouse = op.map("keyed", rows, lambda batch: (WAREHOUSE, batch))
    op.output("warehouse", to_warehouse, WarehouseSink(directory / "warehouse.duckdb", 50))
    op.output("files", op.flat_map("routed", rows, split_for_files), output_files(directory))
    return dataflow


def contents(directory: Path) -> list[Any]:
    return [case.content(directory) for case in CASES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    directory = tmp_path_factory.mktemp("undisturbed")
    run_main(flow(directory, batches()))
    return contents(directory)


def test_a_clean_end_leaves_nothing_behind(undisturbed: list[Any]) -> None:
    rows = [row for batch in batches() for row in batch.rows]
    for case, content in zip(CASES, undisturbed, strict=True):
        assert {name: len(held) for name, held in content.items()} == case.expected(rows)


@pytest.mark.parametrize("position", range(1, BATCHES))
def test_an_abort_at_each_batch(position: int, undisturbed: list[Any], tmp_path: Path) -> None:
    items: list[Any] = batches()
    items.insert(position, TestingSource.ABORT())
    (tmp_path / "recovery").mkdir()
    init_db_dir(tmp_path / "recovery", 1)
    recovery = RecoveryConfig(str(tmp_path / "recovery"))
    for _ in range(2):
        run_main(flow(tmp_path, items), epoch_interval=EVERY_ITEM, recovery_config=recovery)
    assert contents(tmp_path) == undisturbed


def test_two_workers_write_each_key_once(undisturbed: list[Any], tmp_path: Path) -> None:
    cluster_main(flow(tmp_path, batches()), [], 0, worker_count_per_proc=2)
    assert contents(tmp_path) == undisturbed


def test_items_can_cross_processes() -> None:
    for batch in batches():
        for key, routed in split_for_files(batch):
            assert pickle.loads(pickle.dumps((key, routed)))[1].rows == routed.rows
