"""`kizuna kafka-demo`: the live dataflow on a real broker, measured."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import progress_bar

COLUMNS = 100


def kafka_demo(
    output: Annotated[
        Path,
        typer.Option("--output", file_okay=False, help="Folder for traffic, broker and run."),
    ] = Path("out/kafka-demo"),
    rate: Annotated[float, typer.Option("--rate", min=1.0, help="Events a second.")] = 1_000,
    seconds: Annotated[
        float, typer.Option("--seconds", min=5.0, help="How long they come at that rate.")
    ] = 60,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes of the dataflow.")
    ] = 2,
    members: Annotated[
        int | None,
        typer.Option("--members", min=10, help="How many people. Default: one for 80 events."),
    ] = None,
) -> None:
    """Run everything that production has on this machine, and measure it.

    A Kafka broker, the topics, `kizuna run --kafka`, a producer at a steady rate, and a channel
    system that consumes every trigger once and answers with delivery feedback. Reports end-to-end
    latency, lag over time and what limits both; then checks that no trigger was doubled or lost.
    Needs Java; the run is always a fresh one. Exits with 1 if a check fails.

    Example: `kizuna kafka-demo` then `kizuna kafka-demo --rate 10000`
    """
    import signal  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from scripts.commands.produce import needs_live  # noqa: PLC0415

    with needs_live():
        from scripts.kafka_demo import Wanted  # noqa: PLC0415
        from scripts.kafka_demo import kafka_demo as show  # noqa: PLC0415
        from scripts.kafka_demo_report import report  # noqa: PLC0415

    console = Console()
    if not console.is_terminal or console.width > COLUMNS:
        console = Console(width=COLUMNS)

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nobody is left behind
    wanted = Wanted(rate=rate, seconds=seconds, workers=workers, members=members)
    outcome = show(output, wanted, say, progress_bar)
    if report(console, output, wanted, outcome):
        raise typer.Exit(1)
