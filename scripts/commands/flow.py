"""`kizuna run` and `kizuna sort`: events through the dataflow."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import say


def moment(text: str) -> int:
    """RFC 3339 with a zone, or milliseconds UTC, as milliseconds UTC."""
    if text.isdigit():
        return int(text)
    try:
        read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise typer.BadParameter(
            f"must be a time with its zone, or milliseconds UTC; got {text!r}; "
            "for example 2017-12-31T23:59:59Z"
        )
    return int(read.astimezone(timezone.utc).timestamp() * 1000)


def run(
    output: Annotated[
        Path, typer.Option("--output", file_okay=False, help="Folder for warehouse and triggers.")
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", exists=True, help="File or folder of events; repeatable."),
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Read Kafka's topics instead, until asked to stop.")
    ] = False,
    as_of: Annotated[
        int | None,
        typer.Option(
            "--as-of",
            parser=moment,
            metavar="TIME",
            help="Where time ends, and what later clocks are refused by. Default: with the input.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            help="Processes, of each host. Default: 1 or 2, by cores; 1 with --addresses.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="Configuration folder. Default: ours."
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            help="With --kafka: /metrics, /livez and /readyz of process i on port + i.",
        ),
    ] = None,
    sql_port: Annotated[
        int | None,
        typer.Option("--sql-port", help="With --kafka: serve the warehouse here for `kizuna sql`."),
    ] = None,
    addresses: Annotated[
        str | None,
        typer.Option(
            "--addresses",
            metavar="HOST:PORT,…",
            help="With --kafka: all hosts that share the work and --output; start it on each.",
        ),
    ] = None,
    host: Annotated[
        int | None,
        typer.Option("--host", min=0, help="Which of --addresses this host is, from 0."),
    ] = None,
    erased: Annotated[
        Path | None,
        typer.Option(
            "--erased",
            exists=True,
            dir_okay=False,
            help="With --input: tombstones.jsonl of an output from which people were erased.",
        ),
    ] = None,
) -> None:
    """Run events through stitch, accrue, score and decide into a warehouse and trigger files.

    Leaves `warehouse.duckdb`, `triggers/<channel>.jsonl` and `quarantine.jsonl` in the output
    folder. The same command resumes after a crash, and goes on with further files after a
    clean end.

    With `--kafka` it reads the topics of the configured broker and writes topics, warehouse and
    archive, until SIGTERM or Ctrl-C; it then finishes what is on its way, saves and ends with 0.
    On several hosts, `--addresses a:2101,b:2101` on all and `--host 0`, `--host 1`: stopping one
    stops all.

    Example: `kizuna run --input city/events --output out --workers 2`
    """
    if kafka == bool(inputs):
        raise typer.BadParameter("give either --input FILE|FOLDER (repeatable) or --kafka")
    if kafka and erased is not None:
        raise typer.BadParameter("--erased must come with --input; got --kafka")
    from rich.console import Console  # noqa: PLC0415

    from scripts.run import (  # noqa: PLC0415
        DEFAULT_CONFIG,
        DEFAULT_WORKERS,
        run_files,
        run_kafka,
    )
    from scripts.run import say as say_run  # noqa: PLC0415

    if kafka:
        run_kafka(
            output,
            workers=workers,
            config=config or DEFAULT_CONFIG,
            metrics_port=metrics_port,
            sql_port=sql_port,
            addresses=[each.strip() for each in (addresses or "").split(",") if each.strip()],
            host=host,
        )
        return
    assert inputs is not None
    summary = run_files(
        inputs,
        output,
        workers=workers or DEFAULT_WORKERS,
        as_of=as_of,
        config=config or DEFAULT_CONFIG,
        erased=erased,
    )
    say_run(summary, output, Console(soft_wrap=True))


def sort(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="JSON Lines files of events.")
    ],
) -> None:
    """Put event files in order of `received_at`, in place, as `kizuna run` demands.

    Example: `kizuna sort events/pos.jsonl events/web.jsonl`
    """
    from scripts.sort_files import sort_files  # noqa: PLC0415

    for path, lines, moved in sort_files(files):
        say(f"{path}: {moved:,} of {lines:,} lines moved" if moved else f"{path}: in order")
