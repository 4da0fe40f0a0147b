"""What the state in an output rests on: whatever would make it wrong or unreachable is refused.

Checked before every start, while no worker runs.
"""

import hmac
from pathlib import Path

import xxhash

from config.deployment import Deployment
from pipelines import recovery
from pipelines.loyalty import ARCHIVE_STEP, FILES_STEP, WAREHOUSE_STEP
from pipelines.processes import RunRefused
from pipelines.sources.journal import Journal
from sinks.archive import refuse_behind
from sinks.duckdb.runs import Run
from sinks.duckdb.writer import position_of
from sinks.files import output_paths
from sinks.position import refuse_if_behind

FILES = "files"
KAFKA = "kafka"


def refuse_other_foundation(journal: Journal, deployment: Deployment, reads: str) -> None:
    """State is sharded by the number of key groups, keyed by rungs and by pseudonyms: with others
    of these it would be there and not be found. `reads`: FILES or KAFKA, with its lanes."""
    pepper = deployment.secrets.peppers[0]
    now = {
        "key_groups": str(deployment.settings.key_groups),
        "rungs": ", ".join(deployment.ladder.steps),
        "KIZUNA_PEPPER": hmac.digest(pepper.key, b"kizuna foundation", "sha256").hex()[:16],
        "input": reads,
    }
    for name, value in (journal.foundation or now).items():
        if now.get(name) != value:
            raise RunRefused(
                f"{name}: must stay what it was for the life of an output, {value}; got "
                f"{now.get(name)}; put it back, or start with a fresh --output"
            )
    journal.foundation = now


def refuse_changed_config(before: Run | None, config: Path, output: Path) -> None:
    """What was begun is ended with the configuration that it began with, or a replay would differ.

    `before`: the run that is gone on with; None: nothing was begun."""
    if before is not None and before.config_hash != config_hash(config):
        raise RunRefused(
            f"--config: must not change before a run has ended cleanly; {output} was begun with "
            "other files; put them back until the run has ended, or start with a fresh --output"
        )


def refuse_outputs_behind(output: Path) -> None:
    """The sinks refuse it too, but a worker that fails takes its reason with it.

    Raises `sinks.position.OutputBehind`."""
    store, warehouse = output / "recovery", output / "warehouse.duckdb"
    for needed in recovery.positions(store, WAREHOUSE_STEP).values():
        refuse_if_behind(str(warehouse), found=position_of(warehouse), needed=needed)
    paths = output_paths(output)
    for key, needed in recovery.positions(store, FILES_STEP).items():
        refuse_if_behind(str(paths[key]), found=paths[key].stat().st_size, needed=needed)
    for lane, at in recovery.positions(store, ARCHIVE_STEP).items():
        refuse_behind(output / "archive" / lane, at)


def config_hash(folder: Path) -> str:
    """Of every YAML file below a configuration folder that results depend on, by name and content.

    What topics retain and what is expected of a warehouse can change under a run."""
    digest = xxhash.xxh3_128()
    for file in sorted(folder.rglob("*.yaml")):
        name = file.relative_to(folder).as_posix()
        if name != "topics.yaml" and not name.startswith("expectations/"):
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
