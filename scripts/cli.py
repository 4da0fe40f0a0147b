"""The command line `kizuna`: a table of contents of its commands, and how they fail.

A command is a function of `scripts.commands`, registered below; it imports what it needs when it
runs. Exit codes: 0 done, 1 the data, a comparison or a process failed, 2 wrong usage or config.
"""

import sys

import typer

from scripts.commands.audit import audit
from scripts.commands.bench import benches
from scripts.commands.config import configs
from scripts.commands.consume import consume
from scripts.commands.correct import correct
from scripts.commands.demo import demo
from scripts.commands.doctor import doctor
from scripts.commands.erase import erase
from scripts.commands.explain import explains
from scripts.commands.fit import fits
from scripts.commands.flow import run, sort
from scripts.commands.kafka_demo import kafka_demo
from scripts.commands.produce import produce
from scripts.commands.quote import quote
from scripts.commands.rebuild import PASSED_ON, rebuild
from scripts.commands.reconcile import reconcile
from scripts.commands.replay_quarantine import replay_quarantine
from scripts.commands.schemas import schemas
from scripts.commands.simulate import simulate
from scripts.commands.sql import sql
from scripts.commands.statement import statement
from scripts.commands.topics import topics
from scripts.commands.traffic import generate, imports
from scripts.commands.unlink import unlink
from scripts.commands.validate import validate

app = typer.Typer(
    name="kizuna",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="The real-time core of a retail loyalty programme: one person, one balance, one "
    "conversation.\n\nNew here? `kizuna demo`. Your own traffic: `kizuna generate --members 200 "
    "--days 30 --output city`, then `kizuna run --input city/events --output out`.",
)
app.command("demo")(demo)
app.command("run")(run)
app.command("generate")(generate)
app.add_typer(imports, name="import")
app.command("rebuild", context_settings=PASSED_ON)(rebuild)
app.command("simulate")(simulate)
app.command("sort")(sort)
app.command("consume")(consume)
app.command("correct")(correct)
app.command("unlink")(unlink)
app.command("erase")(erase)
app.command("replay-quarantine")(replay_quarantine)
app.command("quote")(quote)
app.command("audit")(audit)
app.command("validate")(validate)
app.command("sql")(sql)
app.add_typer(explains, name="explain")
app.command("statement")(statement)
app.command("reconcile")(reconcile)
app.add_typer(topics, name="topics")
app.add_typer(schemas, name="schemas")
app.command("produce")(produce)
app.command("kafka-demo")(kafka_demo)
app.add_typer(configs, name="config")
app.command("doctor")(doctor)
app.add_typer(fits, name="fit")
app.add_typer(benches, name="bench")


def main() -> None:
    """Run the command line; what a person can put right is a message, a bug is a traceback."""
    try:
        app()
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        print(f"kizuna: {error}", file=sys.stderr)
        sys.exit(code)


def exit_code(error: Exception) -> int | None:
    """2: what was asked for can't be; 1: it failed on the way; None: a bug."""
    from config.problems import ConfigError  # noqa: PLC0415
    from pipelines.history import NotPublished, RebuildFailed  # noqa: PLC0415
    from pipelines.processes import RunRefused, WorkerFailed  # noqa: PLC0415
    from scripts.consume import NotATrigger  # noqa: PLC0415
    from scripts.day.surfaces import SurfacesDisagree  # noqa: PLC0415
    from scripts.fit_churn import ReceiptsRefused  # noqa: PLC0415
    from scripts.kafka_broker import NoBroker  # noqa: PLC0415
    from scripts.live_events import DeliveryFailed, NoEvents  # noqa: PLC0415
    from scripts.traffic.city import OutputExists  # noqa: PLC0415
    from scripts.traffic.completejourney import MissingData  # noqa: PLC0415
    from sinks.duckdb.create import LayoutMismatch  # noqa: PLC0415

    refused = ConfigError | RunRefused | ReceiptsRefused | OutputExists | MissingData | NoEvents
    if isinstance(error, refused | LayoutMismatch):
        return 2
    failed = WorkerFailed | SurfacesDisagree | NotATrigger | DeliveryFailed | NoBroker | OSError
    if isinstance(error, failed | RebuildFailed | NotPublished):
        return 1
    return None


if __name__ == "__main__":
    main()
