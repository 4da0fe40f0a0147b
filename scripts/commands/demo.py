"""`kizuna demo`: the main job on real input, told on the terminal."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import progress_bar

COLUMNS = 100


def demo(
    output: Annotated[
        Path,
        typer.Option("--output", file_okay=False, help="Folder for input, warehouse and triggers."),
    ] = Path("out/demo"),
    households: Annotated[
        int | None,
        typer.Option("--households", min=1, help="Only so many, for a quick look. Default: all."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes. Default: 1 or 2, by cores.")
    ] = None,
) -> None:
    """Run a year of a real grocer's loyalty data through the pipeline, and report.

    2,469 households' baskets of 2017 with simulated web and app traffic around them: people
    stitched, points accrued, churn scored, messages decided. Then one more day of one member, as
    every channel saw it. The input is kept for the next time; the run is always a fresh one.

    Example: `kizuna demo --households 100` for a first look in seconds
    """
    from rich.console import Console  # noqa: PLC0415

    from scripts.demo import demo as show  # noqa: PLC0415
    from scripts.run import DEFAULT_WORKERS  # noqa: PLC0415

    console = Console()
    if not console.is_terminal or console.width > COLUMNS:
        console = Console(width=COLUMNS)
    show(console, output, households, workers or DEFAULT_WORKERS, progress_bar)
