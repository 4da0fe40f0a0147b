"""A small city's history, and configurations that differ from the shipped one in one thing."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console

from scripts.run import DEFAULT_CONFIG
from scripts.simulate.findings import Findings
from scripts.simulate.options import Changes, SimulateOptions
from scripts.simulate.simulation import simulate

GROCER = DEFAULT_CONFIG / "programmes" / "grocer.yaml"


def grocer(folder: Path, *edits: tuple[str, str], tests: bool = False) -> Path:
    """The grocer's programme with some text replaced; without its examples unless asked for."""
    text = GROCER.read_text()
    for before, after in edits:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    if not tests:
        text = text[: text.index("\ntests:")] + "\n"
    file = folder / "changed.yaml"
    file.write_text(text)
    return file


def ladder_without(folder: Path, rung: str) -> Path:
    """The shipped ladder, one rung short."""
    text = (DEFAULT_CONFIG / "ladder.yaml").read_text()
    shorter, times = re.subn(rf"  - rung: {rung}\n(?:    .*\n)+", "", text)
    assert times == 1
    shorter, times = re.subn(rf"  {rung}: {{.*}}\n", "", shorter)  # its limit a member
    assert times == 1
    file = folder / "shorter.yaml"
    file.write_text(shorter)
    return file


def shipped_config(folder: Path) -> Path:
    """A copy of the shipped configuration, which stays as it is while tests run."""
    for file in DEFAULT_CONFIG.rglob("*.yaml"):
        copy = folder / file.relative_to(DEFAULT_CONFIG)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return folder


def simulated(
    events: Path,
    output: Path,
    changes: Changes,
    baseline: Path | None = None,
    *,
    config: Path = DEFAULT_CONFIG,
    plots: bool = False,
    **options: Any,
) -> Findings:
    return simulate(
        SimulateOptions(
            inputs=[events],
            output=output,
            config=config,
            changes=changes,
            baseline=baseline,
            plots=plots,
            **options,
        ),
        Console(quiet=True),
    )


def ask(output: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the comparison answers, with both warehouses beside it as the table `about` says."""
    with duckdb.connect(str(output / "comparison.duckdb"), read_only=True) as con:
        for (statement,) in con.execute(
            "SELECT value FROM about WHERE name LIKE 'attach_%'"
        ).fetchall():
            con.execute(statement)
        return con.execute(sql, list(values)).fetchall()


def differing_tables(findings: Findings) -> set[str]:
    return {
        one["table_name"]
        for one in findings.tables
        if one["only_baseline"] or one["only_alternative"]
    }


def metric(findings: Findings, name: str, part: str = "all") -> Mapping[str, Any]:
    (found,) = [one for one in findings.metrics if (one["metric"], one["part"]) == (name, part)]
    return found
