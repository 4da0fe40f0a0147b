"""`kizuna schemas`: the contracts against the schema registry."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.commands.differences import show_differences
from scripts.commands.show import say

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

    from scripts.schema_registry import Finding

schemas = typer.Typer(no_args_is_help=True, help="Event contracts and the schema registry.")

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", exists=True, file_okay=False, help="Configuration folder. Default: ours."
    ),
]
Registry = Annotated[
    str | None,
    typer.Option("--registry", help="Its URL. Default: `kafka.schema_registry` of the settings."),
]


@schemas.command("check")
def check(config: Config = None, registry: Registry = None) -> None:
    """Ask the registry whether each contract may follow the version that it has; write nothing.

    Exits with 1 if one is incompatible, or has changed where the registry would let anything
    pass (compatibility NONE). The compatibility is the registry's: its own or the subject's.

    Example: `kizuna schemas check --registry http://127.0.0.1:8081`
    """
    from scripts.schema_registry import REFUSED  # noqa: PLC0415
    from scripts.schema_registry import check as findings_of  # noqa: PLC0415

    findings = findings_of(_open(config, registry))
    _show("Contracts and what the registry makes of them", findings)
    if any(one.state in REFUSED for one in findings):
        raise typer.Exit(1)


@schemas.command("register")
def register(config: Config = None, registry: Registry = None) -> None:
    """Register each contract that the registry doesn't have yet. Safe to repeat.

    If one would be refused nothing is registered, and the exit code is 1.

    Example: `kizuna schemas register --registry http://127.0.0.1:8081`
    """
    from scripts.schema_registry import SchemasRefused  # noqa: PLC0415
    from scripts.schema_registry import register as register_all  # noqa: PLC0415

    try:
        registered = register_all(_open(config, registry))
    except SchemasRefused as refused:
        _show("Refused, so nothing was registered", refused.findings)
        raise typer.Exit(1) from None
    if registered:
        _show("Registered", registered)
    else:
        say("Nothing to do: every contract is registered")


def _open(config: Path | None, registry: str | None) -> "SchemaRegistryClient":
    import os  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    from config.deployment import HERE  # noqa: PLC0415
    from config.kafka_clients import registry_options  # noqa: PLC0415
    from config.secret_keys import load_secrets  # noqa: PLC0415
    from config.settings import load_settings  # noqa: PLC0415
    from scripts.schema_registry import open_registry  # noqa: PLC0415

    own = None if config is None or config == HERE else config / "default.yaml"
    kafka = load_settings(own, os.environ).settings.kafka
    if registry is not None:
        kafka = msgspec.structs.replace(kafka, schema_registry=registry)
    options = registry_options(kafka, load_secrets(os.environ))
    if options is None:
        raise typer.BadParameter(
            "must be given, or kafka.schema_registry be set; got neither", param_hint="--registry"
        )
    return open_registry(options)


def _show(title: str, findings: "list[Finding]") -> None:
    rows = [(one.state, one.subject, one.level, one.detail) for one in findings]
    show_differences(title, rows)
