"""`kizuna consume`: the sample channel system on a trigger file or a trigger topic."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.commands.show import say


def consume(
    channel: Annotated[str, typer.Option("--channel", help="Which: push, email, web, pos, …")],
    triggers: Annotated[
        Path | None,
        typer.Option(
            "--triggers", exists=True, file_okay=False, help="Folder of trigger files of a run."
        ),
    ] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Read the topic triggers.<channel> instead.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and apply what comes; Ctrl-C ends it.")
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            dir_okay=False,
            help="File that remembers what was applied. Default: none, the next start begins anew.",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", help="With --kafka: consumer group. Default: kizuna-<channel>-sample."
        ),
    ] = None,
    feedback: Annotated[
        bool,
        typer.Option(
            "--feedback", help="With --kafka: send delivery events back, as an invented audience."
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            exists=True,
            file_okay=False,
            help="With --kafka: as for the run. Default: ours.",
        ),
    ] = None,
) -> None:
    """Be a channel system: apply each trigger of a channel once, a line on the terminal each.

    Survives a producer that crashes and writes lines again, and its own `kill -9`. Made to be
    read and copied: `scripts/consume.py` for files, `scripts/consume_topics.py` for Kafka; the
    contract is in `docs/channels.md`.

    Example: `kizuna consume --triggers out/demo/run/triggers --channel push --state push.json`
    or `kizuna consume --kafka --channel push --follow --feedback`
    """
    if kafka == (triggers is not None):
        raise typer.BadParameter("give either --triggers FOLDER or --kafka")
    if kafka:
        if state is not None:
            raise typer.BadParameter(
                "must not be given with --kafka, whose broker remembers what was applied",
                param_hint="--state",
            )
        _from_kafka(channel, group or f"kizuna-{channel}-sample", feedback, follow, config)
        return
    assert triggers is not None
    if group or feedback or config:
        raise typer.BadParameter("--group, --feedback and --config are for --kafka")
    _from_files(triggers, channel, state, follow)


def _from_files(triggers: Path, channel: str, state: Path | None, follow: bool) -> None:
    from scripts.consume import consume as take  # noqa: PLC0415

    path = triggers / f"{channel}.jsonl"
    if not path.exists():
        there = ", ".join(sorted(file.stem for file in triggers.glob("*.jsonl"))) or "none"
        raise typer.BadParameter(
            f"must be a channel with a file in {triggers}; got {channel!r}; there are: {there}",
            param_hint="--channel",
        )
    try:
        applied = take(path, state, follow=follow)
    except KeyboardInterrupt:
        return
    say(f"{applied:,} triggers applied")


def _from_kafka(
    channel: str, group: str, feedback: bool, follow: bool, config: Path | None
) -> None:
    from schemas.decisions import CHANNELS  # noqa: PLC0415
    from scripts.commands.produce import client, needs_live  # noqa: PLC0415

    with needs_live():
        from confluent_kafka import KafkaException  # noqa: PLC0415

        from scripts.consume_topics import ChannelConsumer  # noqa: PLC0415
        from scripts.consume_topics import consume as take  # noqa: PLC0415
        from scripts.delivery_feedback import Feedback  # noqa: PLC0415

    if channel not in CHANNELS:
        raise typer.BadParameter(
            f"must be one of {', '.join(CHANNELS)}; got {channel!r}", param_hint="--channel"
        )
    settings, options = client(config)
    answers = Feedback(options, prefix=settings.topic_prefix) if feedback else None
    try:
        consumer = ChannelConsumer(
            options, [channel], group=group, prefix=settings.topic_prefix, feedback=answers
        )
        applied = take(consumer, follow=follow)
    except KafkaException as error:
        raise ConnectionError(f"{settings.brokers}: {error.args[0].str()}") from error
    sent = f", {answers.sent:,} delivery events sent" if answers is not None else ""
    say(f"{applied:,} triggers applied{sent}")
