"""What a run refuses before it starts, in words that say what to do."""

import shutil
from pathlib import Path

import msgspec
import pytest

from config.problems import ConfigError
from pipelines.launch import RunOptions, run
from pipelines.processes import RunRefused

CONFIG = Path(__file__).parent.parent.parent / "config"
SALE = {
    "event_id": "s-1",
    "type": "sale",
    "source": "pos",
    "occurred_at": "2017-03-01T11:00:00Z",
    "market": "us",
    "identifiers": {"member_id": "ana"},
    "payload": {
        "transaction_id": "t-1",
        "currency": "USD",
        "lines": [{"line_id": "1", "sku": "a", "amount": 1250}],
    },
}


@pytest.fixture
def options(tmp_path):
    """A run over one sale."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "pos.jsonl").write_bytes(msgspec.json.encode(SALE) + b"\n")
    return RunOptions(inputs=[folder], output=tmp_path / "out", config=CONFIG)


def test_the_foundation_of_an_output_cannot_be_changed(options, monkeypatch):
    """With other key groups or another pepper all state would be there and not be found."""
    run(options)
    monkeypatch.setenv("KIZUNA_KEY_GROUPS", "8")
    with pytest.raises(RunRefused, match=r"key_groups: must stay .* 16; got 8; .* fresh --output"):
        run(options)
    monkeypatch.delenv("KIZUNA_KEY_GROUPS")
    monkeypatch.setenv("KIZUNA_PEPPER", "v1:" + "ab" * 32)
    with pytest.raises(RunRefused, match="KIZUNA_PEPPER: must stay what it was"):
        run(options)


def test_a_missing_part_of_the_recovery_store_is_refused(options):
    run(options)
    (options.output / "recovery" / "part-1.sqlite3").unlink()
    more = options.inputs[0] / "more.jsonl"
    more.write_bytes(msgspec.json.encode(SALE | {"event_id": "s-2"}) + b"\n")
    with pytest.raises(RunRefused, match="must hold all 2 partitions"):
        run(options)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_output_behind_its_snapshot_is_named(options, workers):
    """A database that lost what was committed is refused by the sink, and the reason is shown."""
    run(options)
    for lost in options.output.glob("warehouse.duckdb*"):
        lost.unlink()
    more = options.inputs[0] / "more.jsonl"
    more.write_bytes(msgspec.json.encode(SALE | {"event_id": "s-2"}) + b"\n")
    with pytest.raises(RunRefused, match=r"warehouse\.duckdb: must hold at least position"):
        run(RunOptions(**{**vars(options), "workers": workers}))


def test_a_market_has_one_programme(options, tmp_path):
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    text = (folder / "programmes" / "grocer.yaml").read_text()
    (folder / "programmes" / "second.yaml").write_text(
        text.replace("programme: grocer", "programme: second")
    )
    with pytest.raises(ConfigError, match="a market has one programme"):
        run(RunOptions(**{**vars(options), "config": folder}))
