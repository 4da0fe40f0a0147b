"""`kizuna topics`: what is declared against what is on the broker."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.differences import show_differences
from scripts.commands.show import say

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from schemas.topics import Topics
    from scripts.topics import Step

topics = typer.Typer(no_args_is_help=True, help="Kafka's topics, as config/topics.yaml has them.")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", exists=True, file_okay=False, help="Configuration folder. Default: ours."
    ),
]


@topics.command("plan")
def plan(config: Config = None) -> None:
    """Show what `kizuna topics apply` would create, change, or refuse; change nothing.

    Exits with 0 if the broker is as declared, with 1 if anything differs.

    Example: `kizuna topics plan`
    """
    from scripts.topics import plan as steps_left  # noqa: PLC0415

    declared, prefix, client = _open(config)
    steps = steps_left(client, declared, prefix)
    _show("To do", steps)
    if steps:
        raise typer.Exit(1)


@topics.command("apply")
def apply(config: Config = None) -> None:
    """Create and change topics until the broker is as declared. Safe to repeat.

    A step that can't be (fewer partitions; more of a topic whose keys have an order) is refused
    with its reason; nothing is changed then, and the exit code is 1.

    Example: `kizuna topics apply`
    """
    from scripts.topics import TopicsRefused  # noqa: PLC0415
    from scripts.topics import apply as take_steps  # noqa: PLC0415

    declared, prefix, client = _open(config)
    try:
        steps = take_steps(client, declared, prefix)
    except TopicsRefused as refused:
        _show("Refused, so nothing was changed", refused.steps)
        raise typer.Exit(1) from None
    _show("Done", steps)


def _open(config: Path | None) -> "tuple[Topics, str, AdminClient]":
    """What is declared, the prefix of names, and a client of the configured brokers."""
    import os  # noqa: PLC0415

    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    from config.deployment import HERE  # noqa: PLC0415
    from config.kafka_access import demand_access  # noqa: PLC0415
    from config.kafka_clients import client_options  # noqa: PLC0415
    from config.load import load  # noqa: PLC0415
    from config.secret_keys import load_secrets  # noqa: PLC0415
    from config.settings import load_settings  # noqa: PLC0415
    from schemas.topics import Topics, check_topics  # noqa: PLC0415

    folder = config or HERE
    own = folder / "default.yaml"
    settings = load_settings(own if folder != HERE else None, os.environ).settings
    declared = load(folder / "topics.yaml", Topics, check_topics)
    # Below that, a broker that doesn't answer is told of by the command itself, once.
    options = client_options(settings.kafka, load_secrets(os.environ)) | {"log_level": 2}
    demand_access(options)
    return declared, settings.kafka.topic_prefix, AdminClient(options)


def _show(title: str, steps: "list[Step]") -> None:
    if not steps:
        say("Nothing to do: every topic is as declared")
        return
    show_differences(title, [(step.action, step.topic, step.detail) for step in steps])
