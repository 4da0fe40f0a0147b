"""`kizuna rebuild`: the fold with its progress, its gate and a summary."""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.processes import RunRefused
from scripts.commands.show import Progress, progress_bar
from scripts.run import DEFAULT_CONFIG

if TYPE_CHECKING:
    from pipelines.fold_history import RebuildOptions, RebuildSummary
    from pipelines.history import History

LOOK_SECONDS = 0.5


def rebuild_shown(
    inputs: Sequence[Path],
    output: Path,
    *,
    as_of: int | None = None,
    workers: int | None = None,
    config: Path | None = None,
    gated: bool = True,
    runner_args: Sequence[str] = (),
    history: "History | None" = None,
    erased: Path | None = None,
) -> "RebuildSummary":
    """Rebuild with a progress bar. `history`: what is in `inputs`, if it was found already.

    Raises what `pipelines.fold_history.rebuild` raises.
    """
    logging.getLogger().setLevel(logging.ERROR)  # Beam's import warns of what nobody uses here
    try:
        from pipelines.fold_history import RebuildOptions, rebuild  # noqa: PLC0415  # extra `batch`
    except ImportError as missing:
        raise RunRefused(
            f"rebuild: must have the extra `batch`; got no {missing.name}; "
            "pip install kizuna[batch]"
        ) from missing
    if gated and find_spec("great_expectations") is None:
        raise RunRefused(
            "--gate: must have the extra `quality`; got no great_expectations; "
            "pip install kizuna[quality], or publish unseen with --no-gate"
        )
    config = config or DEFAULT_CONFIG
    options = RebuildOptions(
        inputs=inputs,
        erased=erased,
        output=output,
        config=config,
        as_of=as_of,
        workers=workers or os.cpu_count() or 1,
        runner_args=runner_args,
        gate=(lambda warehouse: _wrong_with(warehouse, config)) if gated else None,
        history=history,
    )
    with progress_bar("history → warehouse") as show, _watched(options, show):
        return rebuild(options)


def summary_lines(summary: "RebuildSummary", output: Path) -> list[str]:
    """What a rebuild did."""
    seconds = sum(summary.seconds.values())
    spent = ", ".join(f"{part} {took:.1f} s" for part, took in summary.seconds.items())
    refused = f" ({summary.refused:,} refused)" if summary.refused else ""
    return [
        f"{summary.records:,} records{refused} from {summary.files:,} files in {seconds:.1f} s "
        f"({summary.records / seconds:,.0f} a second; {spent}) → {output / 'warehouse.duckdb'}, "
        f"{output / 'tables'}: {summary.rows:,} rows",
        f"Next: kizuna reconcile <the output of the run> {output}",
    ]


@contextmanager
def _watched(options: "RebuildOptions", show: Progress) -> Iterator[None]:
    """Show how far the workers are, by the part files that each finished group leaves."""
    from pipelines.fold_history import parts_expected, parts_finished  # noqa: PLC0415

    done = threading.Event()
    expected = parts_expected(options)

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            show(min(parts_finished(options), expected), expected)

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        done.set()
        looking.join()


def _wrong_with(warehouse: Path, config: Path) -> str:
    from scripts.quality.gate import gate  # noqa: PLC0415  # Great Expectations is slow to import

    verdict = gate(warehouse, config=config)
    return "" if verdict.passed else verdict.said()
