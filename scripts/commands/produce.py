"""`kizuna produce`: events of files onto Kafka's topics, at a steady rate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.commands.show import progress_bar, say

SPREAD_SECONDS = 2.0
"""How far a visit is drawn out, about."""


def produce(
    folder: Annotated[
        Path, typer.Option("--input", exists=True, help="Folder of JSON Lines files by source.")
    ],
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="Events a second.")],
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="How long. Default: all events.")
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="Only this stream: web, pos, profile, …; repeatable."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Begin anew at the end, as new traffic; Ctrl-C ends it.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Put before every event id. Default: from the clock."),
    ] = None,
    acknowledged: Annotated[
        Path | None,
        typer.Option(
            "--acknowledged",
            dir_okay=False,
            help='A line ["source","event_id"] for each event that the broker has is added to it.',
        ),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option("--summary", dir_okay=False, help="Counts, as JSON, once it has ended."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", exists=True, file_okay=False, help="As for the run. Default: ours."
        ),
    ] = None,
) -> None:
    """Send traffic to the topics that `kizuna run --kafka` reads, as if it happened now.

    Events go out about in the order in which they were received, each device's exactly, with the
    present as their time and with new ids, so that the same folder can be sent any number of
    times. Which broker: the settings, for example KIZUNA_KAFKA__BROKERS. The topics must be there:
    `kizuna topics apply`.

    Example: `kizuna produce --input city/events --rate 1000` with what
    `kizuna generate --members 1000 --days 20 --output city` made
    """
    import signal  # noqa: PLC0415
    import threading  # noqa: PLC0415
    import time  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    with needs_live():
        from scripts.produce import EventProducer, check_topics  # noqa: PLC0415
        from scripts.produce import produce as send  # noqa: PLC0415

    from pipelines.interpreter import settle_garbage_collector  # noqa: PLC0415
    from schemas.events import SOURCES  # noqa: PLC0415
    from scripts.live_events import plays, spread, topic_of  # noqa: PLC0415

    kafka, options = client(config)
    wanted = sources or []
    check_topics(options, [topic_of(one, kafka.topic_prefix) for one in wanted or SOURCES])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    producer = EventProducer(options, kafka.topic_prefix, acknowledged)
    played = plays(folder, wanted, name or f"{time.time_ns() // 1_000_000:x}", again=again)
    settle_garbage_collector()
    played = spread(played, int(SPREAD_SECONDS * rate))
    try:
        with progress_bar(f"events → {kafka.brokers}") as progress:
            done = send(played, producer, rate=rate, seconds=seconds, stop=stop, progress=progress)
    finally:
        if summary is not None:
            summary.write_bytes(msgspec.json.encode(producer.produced) + b"\n")
    behind = f"; {done.behind_seconds:.1f} s behind its rate" if done.behind_seconds > 1 else ""
    say(
        f"{done.acknowledged:,} events acknowledged in {done.seconds:.1f} s, "
        f"{done.sent / done.seconds:,.0f} a second{behind}"
    )


def client(config: Path | None) -> tuple[Any, dict[str, Any]]:
    """The settings `kafka`, and librdkafka's properties for them."""
    from config.kafka_access import demand_access  # noqa: PLC0415
    from config.kafka_clients import client_options  # noqa: PLC0415
    from pipelines.assemble import read_configuration  # noqa: PLC0415
    from scripts.run import DEFAULT_CONFIG  # noqa: PLC0415

    deployment = read_configuration(config or DEFAULT_CONFIG)
    kafka = deployment.settings.kafka
    options = client_options(kafka, deployment.secrets)
    demand_access(options)
    # Only errors: a coordinator that isn't ready yet is tried again, which is nobody's news.
    return kafka, {"log_level": 3, **{k: v for k, v in options.items() if k != "group.id"}}


@contextmanager
def needs_live() -> Iterator[None]:
    """Turn a package of the extra `live` that is missing into what to do about it."""
    from pipelines.processes import RunRefused  # noqa: PLC0415

    try:
        yield
    except ImportError as missing:
        raise RunRefused(
            f"Kafka: must have the extra `live`; got no {missing.name}; pip install kizuna[live]"
        ) from missing
