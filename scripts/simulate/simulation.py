"""The whole of a simulation: check, fold twice, compare, say.

In: what is asked for. Out, in the output folder: `comparison.duckdb`, `baseline/warehouse.duckdb`
(unless one was given), `alternative/warehouse.duckdb` and `alternative/config/`, `summary.json`,
`report.html` and `plots/`. Promised: nothing is folded, and no earlier result removed, before all
configuration was found good; nothing is sent to anybody.
"""

import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
from rich.console import Console
from rich.markup import escape

from config.deployment import Deployment
from pipelines.assemble import read_configuration
from pipelines.history import History, find_history
from scripts.simulate.comparison import Worth, attach, compare
from scripts.simulate.findings import Findings, read_findings
from scripts.simulate.fold import fold
from scripts.simulate.moved_events import details_from
from scripts.simulate.notes import (
    BEHAVIOUR,
    about_answers,
    about_commands,
    about_dates,
    about_prices,
    history_of,
)
from scripts.simulate.options import SimulateOptions, SimulationRefused
from scripts.simulate.overlay import Overlay, lay_over
from scripts.simulate.reuse import refuse_other_history
from scripts.simulate.rows import Money
from scripts.simulate.settle import Given, Settled, commands_in, fold_settled
from sinks.duckdb.schema import PARAMETERS

SUMMARY: Final = "summary.json"
MADE_BY: Final = "kizuna simulate"
WRITTEN: Final = ("alternative", "plots", "comparison.duckdb", "report.html")
"""What an earlier simulation left in the output folder; `baseline` is another."""


def simulate(options: SimulateOptions, console: Console) -> Findings:
    """Do it; `console` is for progress. The findings are also in the output folder.

    Raises ConfigError, SimulationRefused, or what a rebuild raises.
    """
    current = read_configuration(options.config)
    history = find_history(options.inputs, options.as_of)
    if options.baseline is not None:
        refuse_other_history(options.baseline, options.inputs, options.config, options.as_of)
    with tempfile.TemporaryDirectory(prefix="kizuna-") as aside:
        overlay = lay_over(options.config, options.changes, Path(aside) / "config")
        _prepare(options)
        config = options.output / "alternative" / "config"
        shutil.copytree(overlay.folder, config)
    for line in overlay.changed or ("nothing is changed: both sides are the same",):
        console.print(f"alternative: {escape(line)}", highlight=False)
    if options.baseline is not None:
        baseline, given = options.baseline, commands_in(options.baseline)
    else:
        console.print("folding history as it is", highlight=False)
        settled = _folded(options, history, "baseline", options.config, None)
        baseline, given = settled.warehouse, settled.given
    worth = _worth(options, baseline)
    with duckdb.connect(str(baseline), read_only=True) as con:
        notes = list(about_dates(con, current, overlay.deployment))
    console.print("folding history by the other rules", highlight=False)
    settled = _folded(options, history, "alternative", config, given)
    notes += about_commands(settled)
    if options.baseline is None:
        _set_parameters(baseline, worth.point_value, worth.breakage)
    _set_parameters(settled.warehouse, worth.alternative_point_value, worth.breakage)
    console.print("comparing", highlight=False)
    return _compared(options, baseline, settled.warehouse, worth, current, overlay, notes)


def _folded(
    options: SimulateOptions, history: History, side: str, config: Path, given: Given | None
) -> Settled:
    """One side of the comparison. `given`: the commands that the current rules gave."""

    def fold_into(facts: History) -> Path:
        return fold(options.inputs, facts, options.output / side, config, options.as_of)

    with tempfile.TemporaryDirectory(prefix="kizuna-") as aside:
        return fold_settled(fold_into, history, given, Path(aside), config)


def _prepare(options: SimulateOptions) -> None:
    """Make room in the output folder; SimulationRefused if it holds something else."""
    output = options.output
    summary = output / SUMMARY
    if output.exists() and any(output.iterdir()) and not _is_ours(summary):
        raise SimulationRefused(
            f"--output: must be a new folder, or one of an earlier simulation, which is replaced; "
            f"got {output}, which holds something else"
        )
    given = options.baseline.resolve() if options.baseline is not None else None
    for name in (*WRITTEN, "baseline"):
        old = output / name
        if given is not None and (given == old.resolve() or old.resolve() in given.parents):
            if name == "baseline":
                continue
            raise SimulationRefused(
                f"--baseline: must not be what is replaced; got {options.baseline}; name another "
                "--output"
            )
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    output.mkdir(parents=True, exist_ok=True)
    summary.write_bytes(msgspec.json.encode({"made_by": MADE_BY, "finished": False}))


def _is_ours(summary: Path) -> bool:
    try:
        return bool(msgspec.json.decode(summary.read_bytes())["made_by"] == MADE_BY)
    except (OSError, msgspec.DecodeError, LookupError, TypeError):
        return False


def _worth(options: SimulateOptions, baseline: Path) -> Worth:
    with duckdb.connect(str(baseline), read_only=True) as con:
        known = dict(con.execute(f"SELECT name, value FROM {PARAMETERS.name}").fetchall())
    value = known["point_value"] if options.point_value is None else options.point_value
    other = options.alternative_point_value
    breakage = known["breakage"] if options.breakage is None else options.breakage
    return Worth(value, value if other is None else other, breakage)


def _set_parameters(warehouse: Path, point_value: float, breakage: float) -> None:
    """So that the warehouse's own view of liability agrees with the comparison."""
    with duckdb.connect(str(warehouse)) as con:
        for name, value in (("point_value", point_value), ("breakage", breakage)):
            con.execute(f"UPDATE {PARAMETERS.name} SET value = ? WHERE name = ?", [value, name])


def _compared(
    options: SimulateOptions,
    baseline: Path,
    alternative: Path,
    worth: Worth,
    current: Deployment,
    overlay: Overlay,
    said: list[str],
) -> Findings:
    """Compare, and write everything that people look at."""
    output = options.output
    comparison = output / "comparison.duckdb"
    compare(
        baseline,
        alternative,
        comparison,
        worth=worth,
        ladders={"baseline": current, "alternative": overlay.deployment},
        about=_about(options, baseline, alternative, worth, overlay),
        details=details_from(find_history(options.inputs, options.as_of), options.config),
    )
    money = _money(current)
    with duckdb.connect(str(comparison), read_only=True) as con:
        attach(con, baseline, alternative)
        given = options.alternative_point_value is not None
        notes = [
            BEHAVIOUR,
            *said,
            *about_prices(current, overlay.deployment, given),
            *about_answers(con),
        ]
        findings = read_findings(con, notes, money)
        from scripts.simulate.page import write_page  # noqa: PLC0415  # only now is it needed
        from scripts.simulate.plots import draw  # noqa: PLC0415  # Matplotlib is slow to import

        draws = options.plots and not findings.identical
        plots = draw(con, output / "plots", money) if draws else []
    write_page(output / "report.html", findings, plots)
    (output / SUMMARY).write_bytes(
        msgspec.json.format(msgspec.json.encode(_summary(findings)), indent=1)
    )
    return findings


def _about(
    options: SimulateOptions, baseline: Path, alternative: Path, worth: Worth, overlay: Overlay
) -> dict[str, str]:
    with duckdb.connect(str(baseline), read_only=True) as con:
        first, last = history_of(con)
    as_of = options.as_of
    return {
        "baseline": str(baseline),
        "alternative": str(alternative),
        "input": ", ".join(map(str, options.inputs)),
        "config": str(options.config),
        "changed": "; ".join(overlay.changed) or "nothing",
        "history_from": f"{first:%Y-%m-%d %H:%M}",
        "history_until": f"{last:%Y-%m-%d %H:%M}",
        "as_of": "with the input"
        if as_of is None
        else f"{datetime.fromtimestamp(as_of / 1000, timezone.utc):%Y-%m-%d %H:%M:%S}",
        **{name: f"{value:g}" for name, value in worth._asdict().items()},
        "attach_baseline": f"ATTACH '{baseline}' AS baseline (READ_ONLY)",
        "attach_alternative": f"ATTACH '{alternative}' AS alternative (READ_ONLY)",
    }


def _money(deployment: Deployment) -> Money:
    """The currency of all programmes, if they share one."""
    kinds = {(one.minor_units, one.currency) for one in deployment.programmes}
    return Money(*kinds.pop()) if len(kinds) == 1 else Money(1, "")


def _summary(findings: Findings) -> dict[str, Any]:
    return {
        "made_by": MADE_BY,
        "finished": True,
        "identical": findings.identical,
        "differing_rows": findings.differing_rows,
        "about": findings.about,
        "notes": findings.notes,
        "members": findings.members,
        "metrics": findings.metrics,
        "groups": findings.groups,
        "tier_matrix": findings.tier_matrix,
        "tier_movements": findings.tier_movements,
        "tables": findings.tables,
        "identity": findings.identity._asdict(),
    }
