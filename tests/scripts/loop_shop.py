"""A small shop whose output the loop's commands put right: events by hand, runs in-process."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import yaml
from typer.testing import CliRunner

from pipelines.launch import RunOptions, run
from scripts import cli

CONFIG = Path(__file__).parents[2] / "config"
AT = 1_488_362_400_000
DAY = 86_400_000


def config_folder(
    folder: Path, *, rate: float = 1, pending_days: int = 3, france: bool = False
) -> Path:
    """Our configuration with another rate, and a second market."""
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    path = folder / "programmes" / "grocer.yaml"
    programme = yaml.safe_load(path.read_text())
    programme.pop("tests", None)
    for version in programme["versions"]:
        version["earn"] = [{"rule": "base", "rate": rate, "rounding": "floor"}]
        version["pending_days"] = pending_days
    settings = folder / "default.yaml"
    told = yaml.safe_load(settings.read_text())
    if france:
        programme["markets"] = [*programme["markets"], "fr"]
        told["markets"]["fr"] = told["markets"]["us"] | {"region": "FR"}
    path.write_text(yaml.safe_dump(programme))
    settings.write_text(yaml.safe_dump(told))
    return folder


def sale(number: int, member: str, day: float, amount: int, **changes: Any) -> dict[str, Any]:
    at = AT + round(day * DAY)
    return {
        "event_id": f"e{number}",
        "type": "sale",
        "source": "pos",
        "occurred_at": at,
        "received_at": at,
        "market": "us",
        "identifiers": {"member_id": member},
        "payload": {
            "transaction_id": f"t{number}",
            "currency": "USD",
            "lines": [{"line_id": "1", "sku": "s-1", "amount": amount}],
        },
        **changes,
    }


def command(event_id: str, type_: str, member: str, day: float, **payload: Any) -> dict[str, Any]:
    at = AT + round(day * DAY)
    return {
        "event_id": event_id,
        "type": type_,
        "source": "command",
        "occurred_at": at,
        "received_at": at,
        "market": "us",
        "identifiers": {"member_id": member},
        "payload": payload,
    }


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in events))
    return path.parent


def play(inputs: Path | list[Path], output: Path, config: Path, as_of: int | None = None) -> Any:
    paths = [inputs] if isinstance(inputs, Path) else inputs
    return run(RunOptions(inputs=paths, output=output, config=config, as_of=as_of))


def rows(output: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(output / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def kizuna(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, list(map(str, arguments)))
